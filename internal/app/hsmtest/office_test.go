//go:build pkcs11

package hsmtest

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
)

// Where Debian has them.
const (
	softHSM   = "/usr/lib/softhsm/libsofthsm2.so"
	kitClient = "/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so"
)

// office is a document signer's key in SoftHSM2, behind a p11-kit server, behind the
// signer process.
type office struct {
	*pkitest.World
	program, dir, socket string
	env                  []string
	kit                  *exec.Cmd
	leaf                 *pkitest.Entity
}

func openOffice(t *testing.T) *office {
	t.Helper()
	world, err := pkitest.New(time.Now())
	must(t, err)
	run, err := os.MkdirTemp("", "hsm") // short: sockets lie in it
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(run) })
	o := &office{World: world, dir: run, program: filepath.Join(run, "program"), socket: filepath.Join(run, "s")}
	out, err := exec.Command("go", "build", "-tags", "nomsgpack,pkcs11", "-o", o.program, "vidimus/cmd/signer").CombinedOutput()
	if err != nil {
		t.Fatalf("building the signer: %v\n%s", err, out)
	}
	must(t, os.Mkdir(filepath.Join(run, "tokens"), 0o700))
	conf := o.put(t, "softhsm2.conf", fmt.Sprintf("directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n", filepath.Join(run, "tokens")))
	pin := o.put(t, "pin", "1234\n")
	kit := filepath.Join(run, "k")
	o.env = append(os.Environ(), "SOFTHSM2_CONF="+conf, "P11_KIT_SERVER_ADDRESS=unix:path="+kit, "XDG_RUNTIME_DIR="+run)
	o.run(t, "softhsm2-util", "--init-token", "--free", "--label", "state", "--pin", "1234", "--so-pin", "12345678")
	o.startKit(t)
	t.Cleanup(func() { o.killKit(t) })

	uri := fmt.Sprintf("pkcs11:token=state;object=mdl;module-path=%s;pin-source=%s", kitClient, pin)
	o.run(t, o.program, "key", "create", uri, "--public", filepath.Join(run, "mdl.pub"))
	data, err := os.ReadFile(filepath.Join(run, "mdl.pub"))
	must(t, err)
	block, _ := pem.Decode(data)
	pub, err := x509.ParsePKIXPublicKey(block.Bytes)
	must(t, err)
	o.leaf = o.MustIssue(t, pki.Template{Profile: pki.ProfileDocumentSignerMDL, Public: pub,
		Subject: pki.Name{Country: pkitest.Country, Organization: "Utopia", CommonName: "Utopia mDL Signer in a token"}}, &o.IACA)
	chain := o.put(t, "mdl.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: o.leaf.Cert.Raw})))
	config := o.put(t, "signer.yaml", fmt.Sprintf("state_dir: %s\nsocket: %s\npublic_url: %s\nrate: {per_second: 100000, burst: 100000}\nkeys:\n  mdl: {key: %q, chain: %s, doctypes: [%s]}\n",
		filepath.Join(run, "state"), o.socket, pkitest.IssuerURL, uri, chain, docType))
	o.run(t, o.program, "init", "--config", config)
	o.serve(t, config)
	return o
}

// serve starts the signer and waits until it says that it is ready.
func (o *office) serve(t *testing.T, config string) {
	t.Helper()
	notify := filepath.Join(o.dir, "n")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: notify, Net: "unixgram"})
	must(t, err)
	defer c.Close()
	var log bytes.Buffer
	signer := exec.Command(o.program, "serve", "--config", config)
	signer.Env = append(o.env, "NOTIFY_SOCKET="+notify)
	signer.Stdout, signer.Stderr = &log, &log
	must(t, signer.Start())
	t.Cleanup(func() {
		signer.Process.Signal(syscall.SIGTERM)
		if err := signer.Wait(); err != nil {
			t.Errorf("the signer ended with %v\n%s", err, log.Bytes())
		}
		if bytes.Contains(log.Bytes(), []byte("1234")) {
			t.Error("the log of the signer has the PIN")
		}
	})
	said := make([]byte, 64)
	must(t, c.SetReadDeadline(time.Now().Add(2*time.Minute)))
	if n, err := c.Read(said); err != nil || string(said[:n]) != "READY=1" {
		t.Fatalf("the signer said %q: %v", said[:n], err)
	}
}

func (o *office) startKit(t *testing.T) {
	t.Helper()
	socket := filepath.Join(o.dir, "k")
	os.Remove(socket)
	o.kit = exec.Command("p11-kit", "server", "-f", "-n", socket, "-p", softHSM, "pkcs11:token=state")
	o.kit.Env = o.env
	o.kit.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // with a child for every connection
	must(t, o.kit.Start())
	within(t, 30*time.Second, "the p11-kit server does not listen", func() bool {
		c, err := net.Dial("unix", socket)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

func (o *office) signalKit(t *testing.T, s syscall.Signal) {
	t.Helper()
	must(t, syscall.Kill(-o.kit.Process.Pid, s))
}

func (o *office) killKit(t *testing.T) {
	t.Helper()
	if o.kit != nil {
		o.signalKit(t, syscall.SIGKILL)
		o.kit.Wait()
		o.kit = nil
	}
}

func (o *office) put(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(o.dir, name)
	must(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func (o *office) run(t *testing.T, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = o.env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(name), args[0], err, out)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func within(t *testing.T, limit time.Duration, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what)
		}
	}
}
