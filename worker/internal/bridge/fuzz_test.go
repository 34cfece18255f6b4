package bridge

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// clientKey is HMAC(SaltedPassword, "Client Key") of RFC 5802.
func clientKey(password string, v Verifier) []byte {
	salted, err := pbkdf2.Key(sha256.New, password, v.Salt, v.Iterations, sha256.Size)
	if err != nil {
		panic(err)
	}
	return mac(salted, "Client Key")
}

// TestStatements reads what postgres_fdw sends, and refuses everything else.
func TestStatements(t *testing.T) {
	for _, tt := range []struct {
		text string
		want query
		bad  bool
	}{
		{text: "DECLARE c1 CURSOR FOR\nSELECT answer FROM ml.worker WHERE ((request = 'x'))", want: query{table: "worker", columns: []string{"answer"}, request: "x"}},
		{text: "DECLARE c1 CURSOR FOR SELECT NULL FROM ml.rows WHERE ((request = $1::text))", want: query{table: "rows", columns: []string{""}, isParam: true}},
		{text: `DECLARE c1 CURSOR FOR SELECT request, t1, f2 FROM ml.rows WHERE ((request = E'a\\b''c'::text))`, want: query{table: "rows", columns: []string{"request", "t1", "f2"}, request: `a\b'c`}},
		{text: "SELECT 1", bad: true}, {text: "DECLARE c1 CURSOR FOR SELECT count(*) FROM ml.rows WHERE ((request = 'x'))", bad: true},
		{text: "DECLARE c1 CURSOR FOR SELECT t1 FROM ml.rows", bad: true}, {text: "DECLARE c1 CURSOR FOR SELECT t1 FROM public.rows WHERE ((request = 'x'))", bad: true},
		{text: "DECLARE c1 CURSOR FOR SELECT t1 FROM ml.rows WHERE ((request = 'x')) AND ((t1 = 'y'))", bad: true},
		{text: "DECLARE c1 CURSOR FOR SELECT t1 FROM ml.rows WHERE ((request = 'x') OR (1 = 1))", bad: true},
		{text: "DECLARE c1 CURSOR FOR SELECT t1 FROM ml.rows WHERE ((request = $2::text))", bad: true},
		{text: "DECLARE c1 CURSOR FOR SELECT t1 FROM ml.rows WHERE ((request = 'x')) ORDER BY t1 ASC NULLS LAST LIMIT 2::bigint", bad: true},
		{text: "DECLARE c1 CURSOR FOR SELECT r1.t1 FROM (ml.rows r1 INNER JOIN ml.worker r2 ON (TRUE))", bad: true},
		{text: "FETCH 0 FROM c1", bad: true}, {text: "FETCH ALL FROM c1", bad: true}, {text: "FETCH 99999999999999999999 FROM c1", bad: true},
		{text: "COPY t FROM STDIN", bad: true}, {text: "INSERT INTO ml.worker(request) VALUES ($1)", bad: true}, {text: "EXPLAIN SELECT 1", bad: true}, {text: "CLOSE ALL x", bad: true},
	} {
		got, err := parseStatements(tt.text)
		if tt.bad != errors.Is(err, errUnsupported) {
			t.Errorf("%s: error = %v, want unsupported: %v", tt.text, err, tt.bad)
			continue
		}
		if tt.bad {
			continue
		}
		q := got[0].query
		if len(got) != 1 || q.table != tt.want.table || q.request != tt.want.request || q.isParam != tt.want.isParam || strings.Join(q.columns, ",") != strings.Join(tt.want.columns, ",") {
			t.Errorf("%s: %+v, want %+v", tt.text, q, tt.want)
		}
	}
}

// FuzzStatements checks that a text either is refused or reads as statements of
// postgres_fdw alone, whose parts come from the text.
func FuzzStatements(f *testing.F) {
	for _, seed := range []string{
		"START TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SET extra_float_digits = 3;SET x = 'y'", "ROLLBACK TO SAVEPOINT s2; RELEASE SAVEPOINT s2", "FETCH 100 FROM c1", "CLOSE c1",
		"DECLARE c1 CURSOR FOR SELECT answer FROM ml.worker WHERE ((request = $1::text))", "MOVE BACKWARD ALL IN c1", "DEALLOCATE ALL", ";;", "DECLARE", "FETCH 1 FROM", `DECLARE "a""b" CURSOR FOR SELECT "A" FROM ml."x" WHERE ((request = E'\\'))`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		statements, err := parseStatements(text)
		if err != nil {
			if !errors.Is(err, errUnsupported) {
				t.Fatalf("error %v does not wrap errUnsupported", err)
			}
			return
		}
		for _, s := range statements {
			if s.verb < verbSet || s.verb > verbDeallocate || s.verb == verbFetch && s.count <= 0 || s.verb == verbDeclare && len(s.query.columns) == 0 {
				t.Fatalf("%q reads as %+v", text, s)
			}
		}
	})
}

// FuzzScram checks that no exchange without the password succeeds, whatever the
// client sends, and that the one with it does.
func FuzzScram(f *testing.F) {
	const password = "correct"
	v, err := newVerifier(password, []byte("0123456789abcdef"), secretIterations)
	if err != nil {
		f.Fatal(err)
	}
	for _, first := range []string{"n,,n=,r=abc", "y,,n=x,r=a,ext=1", "p=tls-server-end-point,,n=,r=abc", "n,a=role,n=,r=abc", "", ",", ",,", "n,,r="} {
		f.Add(first, "c=biws,r=abc", "AAAA")
		f.Add(first, "c=,r=", base64.StdEncoding.EncodeToString(make([]byte, 32)))
	}
	f.Fuzz(func(t *testing.T, first, without, rawProof string) {
		x := scram{verifier: v}
		serverFirst, err := x.first(first)
		if err != nil {
			return
		}
		if len(serverFirst) > len(first)+200 {
			t.Fatalf("server-first-message of %d bytes for %d", len(serverFirst), len(first))
		}
		if _, ok, _ := x.final(without + ",p=" + rawProof); ok {
			t.Fatalf("got in without the password: %q, %q", first, without)
		}
		true_ := "c=" + base64.StdEncoding.EncodeToString([]byte(x.gs2)) + ",r=" + x.nonce
		if _, ok, err := x.final(proof(v, password, x.clientBare, serverFirst, true_)); !ok || err != nil {
			t.Fatalf("the true proof is refused: %v", err)
		}
	})
}

// FuzzVerifier checks that a verifier reads back as itself.
func FuzzVerifier(f *testing.F) {
	_, v, err := NewSecret()
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{v.String(), "SCRAM-SHA-256$1:AA==$AA==:AA==", "SCRAM-SHA-256$-1:AA==$AA==:AA==", "SCRAM-SHA-256$999999999999999999999:$:", "md5", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := ParseVerifier(text)
		if err != nil {
			return
		}
		again, err := ParseVerifier(v.String())
		if err != nil || again.String() != v.String() || v.Iterations < 1 {
			t.Fatalf("%q reads as %+v, and again as %+v, %v", text, v, again, err)
		}
	})
}

// FuzzSession feeds a session any bytes behind the login: it answers or hangs
// up, within its time, and does not panic.
func FuzzSession(f *testing.F) {
	var seed []byte
	for _, m := range []pgproto3.FrontendMessage{
		&pgproto3.Query{String: "START TRANSACTION; DECLARE c1 CURSOR FOR SELECT answer, NULL FROM ml.worker WHERE ((request = 'x')); FETCH 2 FROM c1; MOVE BACKWARD ALL IN c1; CLOSE c1"},
		&pgproto3.Parse{Query: "DECLARE c1 CURSOR FOR SELECT answer FROM ml.worker WHERE ((request = $1::text))"},
		&pgproto3.Bind{Parameters: [][]byte{[]byte("x")}}, &pgproto3.Describe{ObjectType: 'P'}, &pgproto3.Execute{}, &pgproto3.Sync{}, &pgproto3.Terminate{},
	} {
		next, err := m.Encode(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(next)
		seed = append(seed, next...)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, data []byte) {
		if strings.Contains(string(data), "wait") || strings.Contains(string(data), "panic") {
			return
		}
		ours, theirs := net.Pipe()
		server := &Server{config: Config{Handler: &echo{}, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}, sessions: map[uint32]*Session{}}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		session := &Session{Role: "alice", server: server, conn: ours, backend: newBackend(ours)}
		go func() { _, _ = io.Copy(io.Discard, theirs) }()
		go func() {
			_, _ = theirs.Write(data)
			theirs.Close()
		}()
		session.run(ctx, cancel)
		if ctx.Err() == context.DeadlineExceeded {
			t.Fatalf("%q keeps the session busy", data)
		}
	})
}
