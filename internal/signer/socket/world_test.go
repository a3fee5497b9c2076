package socket

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/clock"
	"vidimus/internal/keys"
	"vidimus/internal/mdoc"
	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/signer"
)

const (
	mdl     = "org.iso.18013.5.1.mDL"
	listURI = pkitest.IssuerURL + "/status/7"
)

// world is a signer with one document signer, and its socket.
type world struct {
	t testing.TB
	*pkitest.World
	audit *audit.Memory
	raw   crypto.Signer // what signs in the end
	path  string
	uids  []uint32
	stop  func() error

	patience time.Duration // 0 for that of a server
	server   *Server
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// folder is short: the path of a socket has 107 bytes at most.
func folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sock")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func newWorld(t testing.TB, change ...func(*world)) *world {
	t.Helper()
	w := &world{t: t, World: pkitest.NewWorld(t), audit: new(audit.Memory), path: filepath.Join(folder(t), "s"), uids: []uint32{uint32(os.Getuid())}}
	w.raw = w.DocumentSignerMDL.Key
	for _, c := range change {
		c(w)
	}
	w.start()
	t.Cleanup(func() {
		if err := w.stop(); err != nil {
			t.Errorf("stopping the server: %v", err)
		}
	})
	return w
}

func (w *world) service() *signer.Service {
	w.t.Helper()
	return serviceOf(w.t, w.World, w.raw, w.audit, w.Clock)
}

func serviceOf(t testing.TB, world *pkitest.World, raw crypto.Signer, record audit.Writer, c clock.Clock) *signer.Service {
	t.Helper()
	policy, err := signer.PolicyFor(pki.ProfileDocumentSignerMDL, signer.Office{Issuer: pkitest.IssuerURL, DocTypes: []string{mdl}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := signer.New(signer.Config{Audit: record, Clock: c, Rand: rand.Reader, Keys: []signer.Key{
		{Name: "mdl", Signer: raw, Chain: world.DocumentSignerMDL.Chain, Policy: policy},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (w *world) start() {
	w.t.Helper()
	l, err := Listen(w.path, -1)
	w.must(err)
	s, err := NewServer(Config{Service: w.service(), UIDs: w.uids})
	w.must(err)
	if w.server = s; w.patience > 0 {
		s.patience = w.patience
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	var once sync.Once
	w.stop = func() (err error) {
		once.Do(func() { cancel(); err = <-done })
		return err
	}
}

func (w *world) client(opts Options) *Client {
	w.t.Helper()
	c, err := Dial(w.t.Context(), w.path, opts)
	w.must(err)
	w.t.Cleanup(func() { c.Close() })
	return c
}

// key opens the key of the world over the socket.
func (w *world) key(c *Client) *signer.Far {
	w.t.Helper()
	k, err := c.Signer(w.t.Context(), "signer:key=mdl")
	w.must(err)
	return k.(*signer.Far)
}

// copies prepares n copies of a document.
func copies(t testing.TB, now time.Time, n int) []*mdoc.Prepared {
	t.Helper()
	ns := mdoc.NamespaceElements{NameSpace: "org.iso.18013.5.1"}
	for i := range 30 {
		ns.Elements = append(ns.Elements, mdoc.Element{Identifier: fmt.Sprintf("e%d", i), Value: "value"})
	}
	template, err := mdoc.NewTemplate(mdl, ns)
	if err != nil {
		t.Fatal(err)
	}
	day := now.Truncate(24 * time.Hour)
	out := make([]*mdoc.Prepared, n)
	for i := range out {
		key, err := ecdsa.GenerateKey(elliptic256, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if out[i], err = template.Prepare(mdoc.Copy{DeviceKey: key.Public(), Validity: mdoc.NewValidityInfo(day, day, day.AddDate(0, 0, 14)),
			Status: &mdoc.Status{StatusList: &mdoc.StatusListInfo{Index: uint64(i), URI: listURI}}}, rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// proof is a message that the key of the world signs.
func (w *world) proof() []byte {
	return append([]byte(keys.ProofPrefix), w.DocumentSignerMDL.Cert.Raw...)
}

func (w *world) verify(message, signature []byte) {
	w.t.Helper()
	digest := sha256.Sum256(message)
	if !ecdsa.VerifyASN1(&w.DocumentSignerMDL.Key.PublicKey, digest[:], signature) {
		w.t.Error("the signature does not verify")
	}
}

// otherSigner is a document signer beside that of the world.
var otherSigner = pki.Template{Profile: pki.ProfileDocumentSignerMDL, Subject: pki.Name{Country: pkitest.Country, CommonName: "other"}}

// dial connects without a client.
func (w *world) dial() *net.UnixConn {
	w.t.Helper()
	c, err := net.Dial("unix", w.path)
	w.must(err)
	w.t.Cleanup(func() { c.Close() })
	return c.(*net.UnixConn)
}
