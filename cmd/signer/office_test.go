package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"vidimus/internal/keys"
	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/signer"
	"vidimus/internal/signer/socket"
)

// office [DAYS] writes keys and certificates into state/ and a configuration,
// signer.yaml. The certificates end in DAYS days, 60 if it is left out.
func office(ts *testscript.TestScript, neg bool, args []string) {
	days := 60
	if len(args) > 0 {
		var err error
		days, err = strconv.Atoi(args[0])
		ts.Check(err)
	}
	now := time.Now()
	w, err := pkitest.New(now)
	ts.Check(err)
	name := func(cn string) pki.Name {
		return pki.Name{Country: pkitest.Country, Organization: "Utopia", CommonName: cn}
	}
	var config strings.Builder
	fmt.Fprintf(&config, "state_dir: %s\nsocket: %s\npublic_url: %s\nkeys:\n", ts.MkAbs("state"), socketPath(ts), pkitest.IssuerURL)
	for _, k := range []struct {
		name    string
		profile pki.Profile
		by      *pkitest.Entity
		more    string
	}{
		{"mdl", pki.ProfileDocumentSignerMDL, &w.IACA, ", doctypes: [org.iso.18013.5.1.mDL]"},
		{"status", pki.ProfileStatusSigner, &w.IACA, ""},
		{"receipt", pki.ProfileReceiptSigner, &w.OperationsCA, ""},
	} {
		e, err := w.Issue(pki.Template{Profile: k.profile, Subject: name(k.name), NotBefore: now.AddDate(0, 0, days-90), NotAfter: now.AddDate(0, 0, days).Add(time.Hour)}, k.by)
		ts.Check(err)
		put(ts, "state/certs/"+k.name+".pem", pki.EncodePEM(e.Cert), 0o644)
		putKey(ts, "state/keys/"+k.name+".key", e.Key)
		fmt.Fprintf(&config, "  %s: {key: \"soft:path=keys/%s.key\", chain: certs/%s.pem%s}\n", k.name, k.name, k.name, k.more)
	}
	put(ts, "signer.yaml", []byte(config.String()), 0o600)
	ts.Setenv("NOTIFY_SOCKET", "")
}

// socketPath is short: that of a script's folder may be longer than a socket's.
func socketPath(ts *testscript.TestScript) string {
	if path := ts.Getenv("SOCK"); path != "" {
		return path
	}
	dir, err := os.MkdirTemp("", "signer")
	ts.Check(err)
	ts.Defer(func() { os.RemoveAll(dir) })
	ts.Check(os.Chmod(dir, 0o755)) // that a stranger may try
	ts.Setenv("SOCK", filepath.Join(dir, "s"))
	return filepath.Join(dir, "s")
}

func put(ts *testscript.TestScript, name string, data []byte, mode os.FileMode) {
	path := ts.MkAbs(name)
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o700))
	ts.Check(os.WriteFile(path, data, mode))
}

func putKey(ts *testscript.TestScript, name string, key *ecdsa.PrivateKey) {
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	put(ts, name, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}), 0o600)
}

// ready NAME starts the command that is its arguments in the background, as NAME, with
// a socket of systemd, and waits until it says that it is ready.
func ready(ts *testscript.TestScript, neg bool, args []string) {
	path := filepath.Join(filepath.Dir(socketPath(ts)), "notify")
	os.Remove(path)
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	ts.Check(err)
	defer c.Close()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+path, "PATH="+ts.Getenv("PATH"))
	log, err := os.OpenFile(ts.MkAbs("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	ts.Check(err)
	defer log.Close()
	cmd.Stderr = log
	if cmd.Path, err = lookPath(ts, args[0]); err != nil {
		ts.Fatalf("%v", err)
	}
	ts.Check(cmd.Start())
	p := &process{cmd: cmd, done: make(chan error, 1)}
	go func() { p.done <- cmd.Wait() }()
	running[ts.MkAbs(".")] = p
	ts.Defer(func() { cmd.Process.Kill() })
	b := make([]byte, 64)
	c.SetReadDeadline(time.Now().Add(2 * time.Minute))
	n, err := c.Read(b)
	if err != nil || string(b[:n]) != "READY=1" {
		ts.Fatalf("said %q: %v\n%s", b[:n], err, ts.ReadFile("log"))
	}
}

func lookPath(ts *testscript.TestScript, name string) (string, error) {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if path := filepath.Join(dir, name); strings.HasPrefix(dir, "/") {
			if _, err := os.Stat(path); err == nil {
				return path, nil
			}
		}
	}
	return "", fmt.Errorf("no %s", name)
}

type process struct {
	cmd  *exec.Cmd
	done chan error
}

// running are by the folder of their script.
var running = map[string]*process{}

// stop SIGNAL ends what ready has started, which must end well unless it was killed.
func stop(ts *testscript.TestScript, neg bool, args []string) {
	p := running[ts.MkAbs(".")]
	sig := map[string]os.Signal{"TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL}[args[0]]
	ts.Check(p.cmd.Process.Signal(sig))
	if err := <-p.done; (err != nil) != (sig == syscall.SIGKILL) {
		ts.Fatalf("ended with %v\n%s", err, ts.ReadFile("log"))
	}
}

// ask KEY [N] has the key of a running signer prove itself N times.
func ask(ts *testscript.TestScript, neg bool, args []string) {
	n := 1
	if len(args) > 1 {
		var err error
		n, err = strconv.Atoi(args[1])
		ts.Check(err)
	}
	err := prove(ts.Getenv("SOCK"), args[0], n)
	if neg != (err != nil) {
		ts.Fatalf("%v", err)
	}
	if err != nil {
		ts.Logf("refused: %v", err)
	}
}

// prove asks for n proofs.
func prove(path, name string, n int) error {
	c, err := socket.Dial(context.Background(), path, socket.Options{Timeout: time.Minute})
	if c != nil {
		defer c.Close()
	}
	if err != nil {
		return err
	}
	chain, err := c.Chain(context.Background(), name)
	if err != nil {
		return err
	}
	cert, err := pki.ParseCertificate(chain[0])
	if err != nil {
		return err
	}
	key, err := c.Signer(context.Background(), signer.URI(name))
	if err != nil {
		return err
	}
	message := append([]byte(keys.ProofPrefix), cert.Raw...)
	digest := sha256.Sum256(message)
	for range n {
		sig, err := crypto.SignMessage(key, rand.Reader, message, crypto.SHA256)
		if err != nil {
			return err
		}
		if !ecdsa.VerifyASN1(cert.PublicKey().(*ecdsa.PublicKey), digest[:], sig) {
			return keys.ErrSignature
		}
	}
	return nil
}

// as UID KEY asks as another user, which this process must be allowed to become; where
// it is not, the socket's mode is asked about instead.
func as(ts *testscript.TestScript, neg bool, args []string) {
	uid, err := strconv.Atoi(args[0])
	ts.Check(err)
	if os.Geteuid() != 0 {
		info, err := os.Stat(ts.Getenv("SOCK"))
		ts.Check(err)
		if info.Mode().Perm() != 0o660 {
			ts.Fatalf("mode %v", info.Mode())
		}
		return
	}
	self, err := os.Executable()
	ts.Check(err)
	cmd := exec.Command(self)
	cmd.Env = []string{"SIGNER_ASK=" + ts.Getenv("SOCK"), "SIGNER_KEY=" + args[1]}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	out, err := cmd.CombinedOutput()
	if neg != (err != nil) {
		ts.Fatalf("%v: %s", err, out)
	}
	ts.Logf("%s", out)
}

// This program run by as, which is another user then.
func init() {
	path := os.Getenv("SIGNER_ASK")
	if path == "" {
		return
	}
	if err := prove(path, os.Getenv("SIGNER_KEY"), 1); err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	os.Exit(0)
}
