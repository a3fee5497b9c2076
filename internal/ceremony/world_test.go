package ceremony

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vidimus/internal/clock"
	"vidimus/internal/keys"
)

var start = time.Date(2026, 6, 15, 10, 0, 0, 0, time.UTC)

// world is a room with people, keys and a clock. Keys are named soft:path=NAME.
type world struct {
	t        testing.TB
	dir      string
	keys     map[string]*ecdsa.PrivateKey
	clock    *clock.Fake
	previous string
	tokens   []string
	up       []net.Interface
	opened   []string // URIs, in order
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), keys: map[string]*ecdsa.PrivateKey{}, clock: clock.NewFake(start), previous: "none"}
	w.key("ada", elliptic.P256())
	w.key("grace", elliptic.P256())
	w.key("recorder", elliptic.P256())
	return w
}

// key makes a key once, and its public half as NAME.pub.
func (w *world) key(name string, curve elliptic.Curve) *ecdsa.PrivateKey {
	w.t.Helper()
	if k, ok := w.keys[name]; ok {
		return k
	}
	k, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	w.keys[name] = k
	w.write(name+".pub", publicPEM(w.t, k.Public()))
	return k
}

func publicPEM(t testing.TB, pub crypto.PublicKey) string {
	t.Helper()
	spki, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}))
}

func (w *world) write(name, text string) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

func (w *world) read(name string) string {
	w.t.Helper()
	data, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(data)
}

// derHash is SHA-256 of the DER in a PEM file, or of a file that is DER.
func (w *world) derHash(name string) string {
	w.t.Helper()
	data := []byte(w.read(name))
	if block, _ := pem.Decode(data); block != nil {
		data = block.Bytes
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func indent(text string) string {
	return "      " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n      ") + "\n"
}

// people is the end of every act.
func (w *world) people(name string) string {
	return "operators:\n  - name: Ada Lovelace\n    public_key: |\n" + indent(w.read("ada.pub")) +
		"  - name: Grace Hopper\n    public_key: |\n" + indent(w.read("grace.pub")) +
		"witnesses: [Charles Babbage]\n" +
		"transcript:\n  key: soft:path=recorder\n  public_key: |\n" + indent(w.read("recorder.pub")) +
		"  output: " + name + ".jws\n  previous: " + w.previous + "\naudit: audit.log\n"
}

const profileText = `issuer_alternative_name: https://utopia.example/contact
crl_distribution_point: https://utopia.example/crl/iaca.crl
dns_names: [issuer.utopia.example]
`

// root is the file of an act that makes a root with a key of its own.
func (w *world) root(act, name string) string {
	w.key(name, elliptic.P384())
	return fmt.Sprintf(`act: %s
purpose: A root for tests.
signing_key: soft:path=%s
subject: {country: UT, organization: Utopia, common_name: %s}
subject_key: {file: %s.pub, sha256: %s}
not_before: 2026-06-15T00:00:00Z
not_after: 2035-06-15T00:00:00Z
issuer_alternative_name: https://utopia.example/contact
crl_distribution_point: https://utopia.example/crl/iaca.crl
output: %s.pem
`, act, name, "Utopia "+name, name, w.derHash(name+".pub"), name) + w.people(name)
}

// leaf is that of one that makes a leaf below issuer.
func (w *world) leaf(act, name, issuer string) string {
	w.key(name, elliptic.P256())
	return fmt.Sprintf(`act: %s
purpose: A signer for tests.
signing_key: soft:path=%s
issuer: {file: %s.pem, sha256: %s}
subject: {country: UT, organization: Utopia, common_name: Utopia %s}
subject_key: {file: %s.pub, sha256: %s, uri: "soft:path=%s"}
not_before: 2026-06-15T00:00:00Z
not_after: 2026-09-13T00:00:00Z
output: %s.pem
`, act, issuer, issuer, w.derHash(issuer+".pem"), name, name, w.derHash(name+".pub"), name, name) + profileText + w.people(name)
}

func (w *world) link(name, old, next string) string {
	return fmt.Sprintf(`act: iaca-link
purpose: Who trusts %s trusts %s.
signing_key: soft:path=%s
issuer: {file: %s.pem, sha256: %s}
certifies: {file: %s.pem, sha256: %s}
not_before: 2026-06-16T00:00:00Z
not_after: 2030-06-15T00:00:00Z
issuer_alternative_name: https://utopia.example/contact
crl_distribution_point: https://utopia.example/crl/iaca.crl
output: %s.pem
`, old, next, old, old, w.derHash(old+".pem"), next, w.derHash(next+".pem"), name) + w.people(name)
}

func (w *world) crl(name, issuer string, number int, more string) string {
	return fmt.Sprintf(`act: crl
purpose: What %s has revoked.
signing_key: soft:path=%s
issuer: {file: %s.pem, sha256: %s}
number: %d
this_update: 2026-06-15T00:00:00Z
next_update: 2026-09-01T00:00:00Z
output: %s.crl
%s`, issuer, issuer, issuer, w.derHash(issuer+".pem"), number, name, more) + w.people(name)
}

// plan writes an act, draws its serial and plans it.
func (w *world) plan(name, text string) *Plan {
	w.t.Helper()
	path := w.write(name+".yaml", text)
	if !strings.HasPrefix(text, "act: crl") {
		if _, err := Draw(path, rand.Reader); err != nil {
			w.t.Fatal(err)
		}
	}
	return w.planFile(path)
}

func (w *world) planFile(path string) *Plan {
	w.t.Helper()
	a, err := Load(path)
	if err != nil {
		w.t.Fatal(err)
	}
	p, err := a.Plan(rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (w *world) approve(p *Plan) []string {
	w.t.Helper()
	var out []string
	for name, key := range map[string]string{"Ada Lovelace": "ada", "Grace Hopper": "grace"} {
		token, err := p.Approve(name, w.keys[key], w.clock.Now(), rand.Reader)
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, token)
	}
	return out
}

type nothing struct{}

func (nothing) Close() error { return nil }

func (w *world) open(_ context.Context, uri, _ string) (crypto.Signer, io.Closer, error) {
	w.opened = append(w.opened, uri)
	u, err := keys.ParseURI(uri)
	if err != nil {
		return nil, nil, err
	}
	k, ok := w.keys[u.Attributes["path"]]
	if !ok {
		return nil, nil, errors.New("no such key")
	}
	return k, nothing{}, nil
}

func (w *world) ceremony(in string) *Ceremony {
	return &Ceremony{Open: w.open, Clock: w.clock, Rand: rand.Reader, Host: "vault", Program: "signer test", In: strings.NewReader(in), Out: io.Discard,
		Interfaces: func() ([]net.Interface, error) { return w.up, nil }}
}

// line is what a witness writes who compared.
func line(p *Plan) string { return hex.EncodeToString(p.TBSHash[:4]) + " both screens say the same\n" }

// do is an act from end to end.
func (w *world) do(name, text string) *Done {
	w.t.Helper()
	p := w.plan(name, text)
	var shown bytes.Buffer
	if err := p.Show(&shown); err != nil {
		w.t.Fatal(err)
	}
	w.clock.Advance(time.Minute)
	done, err := w.ceremony(line(p)).Run(context.Background(), p, w.approve(p))
	if err != nil {
		w.t.Fatalf("%s: %v\n%s", name, err, shown.String())
	}
	w.previous = hex.EncodeToString(done.Transcript.Hash[:])
	w.tokens = append(w.tokens, done.Transcript.Token)
	return done
}
