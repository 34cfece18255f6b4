package bridge

import (
	"bytes"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Verifier is what the worker keeps of a password: enough to check it and to
// prove to the client that the worker knows it, not enough to log in.
//
// Source: RFC 5802, section 3; the text form is that of pg_authid.rolpassword.
type Verifier struct {
	Iterations int
	Salt       []byte
	StoredKey  []byte // H(HMAC(SaltedPassword, "Client Key"))
	ServerKey  []byte // HMAC(SaltedPassword, "Server Key")
}

// secretIterations is the number of PBKDF2 rounds over an enrolled role's
// secret. The secret is 256 random bits, so there is nothing to guess and
// nothing to slow down; 4,096 rounds would cost each new connection 3 ms.
const secretIterations = 1

// NewSecret returns a random 256-bit password and its verifier.
func NewSecret() (password string, v Verifier, err error) {
	raw := make([]byte, 48)
	if _, err := rand.Read(raw); err != nil {
		return "", Verifier{}, fmt.Errorf("bridge: random secret: %w", err)
	}
	password = base64.RawURLEncoding.EncodeToString(raw[:32])
	v, err = newVerifier(password, raw[32:], secretIterations)
	return password, v, err
}

// passwordIterations is the number of PBKDF2 rounds over a password that a person
// may have chosen: PostgreSQL's own default.
const passwordIterations = 4096

// VerifierOf returns a verifier of a password that somebody else chose.
func VerifierOf(password string) (Verifier, error) {
	salt := make([]byte, 16)
	if _, err := rand.Read(salt); err != nil {
		return Verifier{}, fmt.Errorf("bridge: random salt: %w", err)
	}
	return newVerifier(password, salt, passwordIterations)
}

func newVerifier(password string, salt []byte, iterations int) (Verifier, error) {
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		return Verifier{}, fmt.Errorf("bridge: derive key: %w", err)
	}
	stored := sha256.Sum256(mac(salted, "Client Key"))
	return Verifier{
		Iterations: iterations, Salt: salt,
		StoredKey: stored[:], ServerKey: mac(salted, "Server Key"),
	}, nil
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// String returns the verifier in PostgreSQL's text form.
func (v Verifier) String() string {
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", v.Iterations, b64(v.Salt), b64(v.StoredKey), b64(v.ServerKey))
}

var errVerifier = errors.New("bridge: malformed SCRAM verifier")

// ParseVerifier reads the form that [Verifier.String] writes.
func ParseVerifier(text string) (Verifier, error) {
	parts := strings.FieldsFunc(text, func(r rune) bool { return r == '$' || r == ':' })
	if len(parts) != 5 || parts[0] != "SCRAM-SHA-256" {
		return Verifier{}, errVerifier
	}
	iterations, err := strconv.Atoi(parts[1])
	if err != nil || iterations < 1 {
		return Verifier{}, errVerifier
	}
	v := Verifier{Iterations: iterations}
	for i, field := range []*[]byte{&v.Salt, &v.StoredKey, &v.ServerKey} {
		if *field, err = base64.StdEncoding.DecodeString(parts[i+2]); err != nil || len(*field) == 0 {
			return Verifier{}, errVerifier
		}
	}
	return v, nil
}

// scram is the server's side of one SCRAM-SHA-256 exchange.
type scram struct {
	verifier    Verifier
	binding     []byte // tls-server-end-point data, nil without TLS
	plus        bool   // the client chose SCRAM-SHA-256-PLUS
	nonce       string
	clientBare  string
	gs2         string
	serverFirst string
}

var errScram = errors.New("bridge: malformed SCRAM message")

// first reads client-first-message and returns server-first-message.
func (s *scram) first(message string) (string, error) {
	flag, rest, ok := strings.Cut(message, ",")
	authzid, bare, ok2 := strings.Cut(rest, ",")
	if !ok || !ok2 {
		return "", errScram
	}
	switch {
	case s.plus && flag != "p=tls-server-end-point":
		return "", errScram
	case !s.plus && flag == "y" && s.binding != nil:
		// The client believes that we cannot bind: somebody stripped the offer.
		return "", fmt.Errorf("%w: channel binding was stripped from the offer", errScram)
	case !s.plus && flag != "n" && flag != "y":
		return "", errScram
	}
	s.gs2 = flag + "," + authzid + ","
	s.clientBare = bare
	var clientNonce string
	for _, attribute := range strings.Split(bare, ",") {
		if value, found := strings.CutPrefix(attribute, "r="); found {
			clientNonce = value
		}
		if strings.HasPrefix(attribute, "m=") {
			return "", errScram
		}
	}
	if clientNonce == "" {
		return "", errScram
	}
	raw := make([]byte, 18)
	if _, err := rand.Read(raw); err != nil {
		return "", fmt.Errorf("bridge: random nonce: %w", err)
	}
	s.nonce = clientNonce + base64.StdEncoding.EncodeToString(raw)
	s.serverFirst = fmt.Sprintf("r=%s,s=%s,i=%d", s.nonce, base64.StdEncoding.EncodeToString(s.verifier.Salt), s.verifier.Iterations)
	return s.serverFirst, nil
}

// final reads client-final-message; ok says whether the password fits, and
// answer is server-final-message.
func (s *scram) final(message string) (answer string, ok bool, err error) {
	at := strings.LastIndex(message, ",p=")
	if at < 0 {
		return "", false, errScram
	}
	withoutProof := message[:at]
	proof, err := base64.StdEncoding.DecodeString(message[at+len(",p="):])
	if err != nil || len(proof) != sha256.Size {
		return "", false, errScram
	}
	binding, rest, found := strings.Cut(withoutProof, ",")
	if !found || rest != "r="+s.nonce {
		return "", false, errScram
	}
	if !s.bindingFits(binding) {
		return "", false, nil
	}
	authMessage := s.clientBare + "," + s.serverFirst + "," + withoutProof
	signature := mac(s.verifier.StoredKey, authMessage)
	key := make([]byte, sha256.Size)
	subtle.XORBytes(key, proof, signature)
	stored := sha256.Sum256(key)
	if subtle.ConstantTimeCompare(stored[:], s.verifier.StoredKey) != 1 {
		return "", false, nil
	}
	return "v=" + base64.StdEncoding.EncodeToString(mac(s.verifier.ServerKey, authMessage)), true, nil
}

func (s *scram) bindingFits(attribute string) bool {
	text, found := strings.CutPrefix(attribute, "c=")
	got, err := base64.StdEncoding.DecodeString(text)
	if !found || err != nil {
		return false
	}
	want := []byte(s.gs2)
	if s.plus {
		want = append(want, s.binding...)
	}
	return bytes.Equal(got, want)
}
