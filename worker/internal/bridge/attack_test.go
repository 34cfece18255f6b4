package bridge

import (
	"crypto/tls"
	"encoding/base64"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// raw speaks the protocol without libpq's manners.
type raw struct {
	t    *testing.T
	conn net.Conn
	*pgproto3.Frontend
}

func dialRaw(t *testing.T, s *testServer, user string) *raw {
	t.Helper()
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	r := &raw{t: t, conn: conn, Frontend: pgproto3.NewFrontend(conn, conn)}
	if user != "" {
		r.put(&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{"user": user, "database": "x"}})
	}
	return r
}

func (r *raw) put(messages ...pgproto3.FrontendMessage) {
	r.t.Helper()
	for _, m := range messages {
		r.Send(m)
	}
	if err := r.Flush(); err != nil {
		r.t.Fatal(err)
	}
}

// outcome reads until the server lets the client in, refuses it, or hangs up.
func (r *raw) outcome() string {
	for {
		m, err := r.Receive()
		if err != nil {
			return "closed"
		}
		switch m := m.(type) {
		case *pgproto3.ErrorResponse:
			return m.Code
		case *pgproto3.AuthenticationOk:
			return "in"
		}
	}
}

// challenge answers the server's offer and returns its first message.
func (r *raw) challenge(mechanism, clientFirst string) string {
	r.t.Helper()
	if _, err := r.Receive(); err != nil {
		r.t.Fatal(err)
	}
	r.put(&pgproto3.SASLInitialResponse{AuthMechanism: mechanism, Data: []byte(clientFirst)})
	m, err := r.Receive()
	if err != nil {
		return ""
	}
	if c, ok := m.(*pgproto3.AuthenticationSASLContinue); ok {
		return string(c.Data)
	}
	return ""
}

// proof is what a client that knows the password sends.
func proof(v Verifier, password, clientBare, serverFirst, withoutProof string) string {
	keys, err := newVerifier(password, v.Salt, v.Iterations)
	if err != nil {
		panic(err)
	}
	// The client key is not kept by anybody: derive it as newVerifier does.
	client := clientKey(password, v)
	signature := mac(keys.StoredKey, clientBare+","+serverFirst+","+withoutProof)
	for i := range client {
		client[i] ^= signature[i]
	}
	return withoutProof + ",p=" + base64.StdEncoding.EncodeToString(client)
}

// TestScramAttacks runs exchanges that must not let anybody in, beside the one
// that must, built by the same code.
func TestScramAttacks(t *testing.T) {
	t.Parallel()
	s := startServer(t, false)
	var recorded string
	login := func(password, binding string, change func(final string) string) string {
		r := dialRaw(t, s, "alice")
		bare := "n=,r=abcdefgh"
		first := r.challenge("SCRAM-SHA-256", "n,,"+bare)
		serverNonce, _, _ := strings.Cut(strings.TrimPrefix(first, "r="), ",")
		final := proof(s.verifier, password, bare, first, "c="+binding+",r="+serverNonce)
		r.put(&pgproto3.SASLResponse{Data: []byte(change(final))})
		return r.outcome()
	}
	same := func(final string) string { recorded = final; return final }
	if got := login(s.password, "biws", same); got != "in" {
		t.Fatalf("the true proof: %s, want in", got)
	}
	old := recorded
	for _, tt := range []struct {
		name   string
		change func(string) string
	}{
		{"Replay", func(string) string { return old }},
		{"ReplayProofWithNewNonce", func(f string) string { return f[:strings.LastIndex(f, ",p=")] + old[strings.LastIndex(old, ",p="):] }},
		{"NoProof", func(f string) string { return f[:strings.LastIndex(f, ",p=")] }},
		{"EmptyProof", func(f string) string { return f[:strings.LastIndex(f, ",p=")] + ",p=" }},
		{"ZeroProof", func(f string) string {
			return f[:strings.LastIndex(f, ",p=")] + ",p=" + base64.StdEncoding.EncodeToString(make([]byte, 32))
		}},
		{"OtherBinding", func(f string) string { return "c=eSws" + f[len("c=biws"):] }},
		{"NoBinding", func(f string) string { return f[len("c=biws,"):] }},
		{"OtherNonce", func(f string) string { return strings.Replace(f, "r=abcdefgh", "r=abcdefgi", 1) }},
		{"Extension", func(f string) string { return strings.Replace(f, ",p=", ",x=1,p=", 1) }},
		{"Garbage", func(string) string { return "\x00\xff" }},
		{"Nothing", func(string) string { return "" }},
	} {
		if got := login(s.password, "biws", tt.change); got != "28P01" {
			t.Errorf("%s: %s, want 28P01", tt.name, got)
		}
	}
	if got := login("wrong", "biws", same); got != "28P01" {
		t.Errorf("wrong password: %s, want 28P01", got)
	}
	// Somebody in the middle passes on a true proof, made for another channel.
	for _, binding := range []string{"eSws", "cD10bHMtc2VydmVyLWVuZC1wb2ludCwsAAAA", ""} {
		if got := login(s.password, binding, same); got != "28P01" {
			t.Errorf("a true proof over binding %q: %s, want 28P01", binding, got)
		}
	}
}

// TestShortcuts tries to get in beside the exchange.
func TestShortcuts(t *testing.T) {
	t.Parallel()
	plain := startServer(t, false)
	for _, tt := range []struct {
		name string
		send []pgproto3.FrontendMessage
	}{
		{"QueryAtOnce", []pgproto3.FrontendMessage{&pgproto3.Query{String: "START TRANSACTION"}}},
		{"ClearPassword", []pgproto3.FrontendMessage{&pgproto3.PasswordMessage{Password: plain.password}}},
		{"OtherMechanism", []pgproto3.FrontendMessage{&pgproto3.SASLInitialResponse{AuthMechanism: "PLAIN", Data: []byte("\x00alice\x00" + plain.password)}}},
		{"PlusWithoutTLS", []pgproto3.FrontendMessage{&pgproto3.SASLInitialResponse{AuthMechanism: "SCRAM-SHA-256-PLUS", Data: []byte("p=tls-server-end-point,,n=,r=x")}}},
		{"MandatoryExtension", []pgproto3.FrontendMessage{&pgproto3.SASLInitialResponse{AuthMechanism: "SCRAM-SHA-256", Data: []byte("n,,m=1,n=,r=x")}}},
		{"NoNonce", []pgproto3.FrontendMessage{&pgproto3.SASLInitialResponse{AuthMechanism: "SCRAM-SHA-256", Data: []byte("n,,n=")}}},
		{"Terminate", []pgproto3.FrontendMessage{&pgproto3.Terminate{}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := dialRaw(t, plain, "alice")
			if _, err := r.Receive(); err != nil {
				t.Fatal(err)
			}
			r.put(tt.send...)
			if got := r.outcome(); got != "28P01" {
				t.Errorf("%s, want 28P01", got)
			}
		})
	}
}

// TestDowngrade has somebody in the middle hide the offer of channel binding:
// the client then says that it would have bound, and is refused.
func TestDowngrade(t *testing.T) {
	t.Parallel()
	s := startServer(t, true)
	for flag, want := range map[string]bool{"y": false, "n": true, "p=tls-server-end-point": false, "p=tls-unique": false} {
		r := dialRaw(t, s, "")
		r.put(&pgproto3.SSLRequest{})
		answer := make([]byte, 1)
		if _, err := io.ReadFull(r.conn, answer); err != nil || answer[0] != 'S' {
			t.Fatalf("SSLRequest: %q, %v", answer, err)
		}
		encrypted := tls.Client(r.conn, &tls.Config{InsecureSkipVerify: true})
		r.Frontend = pgproto3.NewFrontend(encrypted, encrypted)
		r.put(&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{"user": "alice"}})
		if got := r.challenge("SCRAM-SHA-256", flag+",,n=,r=abc"); (got != "") != want {
			t.Errorf("flag %s: first message %q, want one: %v", flag, got, want)
		}
	}
}

// TestSameForUnknown checks that a role that is not enrolled cannot be told from
// one that is: same salt each time, same rounds, same refusal.
func TestSameForUnknown(t *testing.T) {
	t.Parallel()
	s := startServer(t, false)
	salt := func(user string) string {
		first := dialRaw(t, s, user).challenge("SCRAM-SHA-256", "n,,n=,r=abc")
		_, rest, _ := strings.Cut(first, ",")
		return rest
	}
	a, b, c := salt("alice"), salt("carol"), salt("dave")
	if a != salt("alice") || b != salt("carol") || b == c || len(a) != len(b) {
		t.Errorf("salts and rounds: alice %q, carol %q, dave %q: want constant, distinct, of one length", a, b, c)
	}
}

// TestHugeMessage announces messages that would not fit in memory, before the
// client has proved anything: the server hangs up instead of making room.
func TestHugeMessage(t *testing.T) {
	t.Parallel()
	s := startServer(t, false)
	r := dialRaw(t, s, "alice")
	if _, err := r.Receive(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if _, err := r.conn.Write([]byte{'p', 0x3f, 0xff, 0xff, 0xff, 'x'}); err != nil {
		t.Fatal(err)
	}
	// A server that waits for the rest hangs up after its handshake's 5 s.
	if got, took := r.outcome(), time.Since(began); got != "28P01" || took > 10*time.Second {
		t.Errorf("outcome %s after %v, want 28P01 at once", got, took)
	}
}
