package signer

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"vidimus/internal/clock"
	"vidimus/internal/keys"
	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/signer/socket"
)

// office is a state folder of a signer in a world of certificates.
type office struct {
	testing.TB
	*pkitest.World
	cfg Config
}

func (o *office) must(err error) {
	o.Helper()
	if err != nil {
		o.Fatal(err)
	}
}

// newOffice makes one that stands at the present.
func newOffice(t testing.TB) *office {
	t.Helper()
	w, err := pkitest.New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	o := &office{TB: t, World: w, cfg: Defaults()}
	dir, err := os.MkdirTemp("", "signer") // short: a socket lies in it
	o.must(err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	o.cfg.StateDir, o.cfg.PublicURL, o.cfg.Keys = dir, pkitest.IssuerURL, map[string]Key{}
	o.add("mdl", w.DocumentSignerMDL, Key{DocTypes: []string{"org.iso.18013.5.1.mDL"}})
	o.add("receipt", w.ReceiptSigner, Key{})
	return o
}

// add puts a key into the folder and the configuration.
func (o *office) add(name string, e pkitest.Entity, k Key) {
	o.Helper()
	raw, err := x509.MarshalPKCS8PrivateKey(e.Key)
	o.must(err)
	o.write(name+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
	o.write(name+".pem", pki.EncodePEM(e.Cert))
	k.Key, k.Chain = "soft:path="+name+".key", name+".pem"
	o.cfg.Keys[name] = k
}

func (o *office) write(name string, data []byte) {
	o.Helper()
	o.must(os.WriteFile(o.cfg.Path(name), data, 0o600))
}

func (o *office) begin() {
	o.Helper()
	_, err := Begin(o.cfg)
	o.must(err)
}

// run serves until the end of the test, or until stop.
func (o *office) run(opts Options) (stop func() error) {
	o.Helper()
	app, err := New(o.Context(), o.cfg, opts)
	o.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- app.Run(ctx) }()
	stopped := false
	stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-done
	}
	o.Cleanup(func() { stop() })
	return stop
}

func (o *office) client(timeout time.Duration) *socket.Client {
	o.Helper()
	c, err := socket.Dial(o.Context(), o.cfg.Path(o.cfg.Socket), socket.Options{Timeout: timeout})
	o.must(err)
	o.Cleanup(func() { c.Close() })
	return c
}

// proof is a message that the key mdl signs.
func (o *office) proof() []byte {
	return append([]byte(keys.ProofPrefix), o.DocumentSignerMDL.Cert.Raw...)
}

func (o *office) verified(digest, signature []byte) bool {
	return ecdsa.VerifyASN1(&o.DocumentSignerMDL.Key.PublicKey, digest, signature)
}

// A signer in a process of its own is this test binary, told so by its environment.
func TestMain(m *testing.M) {
	if path := os.Getenv("SIGNER_CONFIG"); path != "" {
		if err := child(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func child(path string) error {
	cfg, err := LoadConfig(path)
	if err != nil {
		return err
	}
	app, err := New(context.Background(), cfg, Options{Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)), Clock: clock.System{}, Rand: rand.Reader})
	if err != nil {
		return err
	}
	return app.Run(context.Background())
}

// spawned is a child, and what it logs.
type spawned struct {
	cmd *exec.Cmd
	log io.ReadCloser
}

// spawn starts a child and waits until it signs.
func (o *office) spawn() *spawned {
	o.Helper()
	text, err := o.cfg.YAML()
	o.must(err)
	o.write("signer.yaml", []byte(text))
	self, err := os.Executable()
	o.must(err)
	s := &spawned{cmd: exec.Command(self)}
	s.cmd.Env = append(os.Environ(), "SIGNER_CONFIG="+o.cfg.Path("signer.yaml"), "NOTIFY_SOCKET=")
	s.log, err = s.cmd.StderrPipe()
	o.must(err)
	o.must(s.cmd.Start())
	lines := bufio.NewScanner(s.log)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "msg=signing") {
			go io.Copy(io.Discard, s.log)
			return s
		}
		o.Log(lines.Text())
	}
	o.Fatal("the child does not sign")
	return nil
}

func (s *spawned) kill() {
	s.cmd.Process.Kill()
	s.cmd.Wait()
}
