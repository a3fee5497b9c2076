//go:build release

package release

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// deployed is an office as deploy/ has it, below one folder: its configurations with
// paths, users and ports of a test, its keys in files instead of a token.
type deployed struct {
	t        *testing.T
	bin, top string
	public   string // address of its public listener
}

// signerUser is nobody's, where the test may take another user's name on.
const signerUser = 64001

func (d *deployed) path(parts ...string) string {
	return filepath.Join(append([]string{d.top}, parts...)...)
}

// configure writes a configuration of deploy/ as this test has it.
func (d *deployed) configure(name string, change ...string) string {
	d.t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "deploy", name))
	if err != nil {
		d.t.Fatal(err)
	}
	change = append(change, "/etc/vidimus", d.path("etc"), "/var/lib/", d.path("var")+"/", "/run/vidimus-signer", d.path("run"),
		"group: vidimus-signing", `group: ""`, "[vidimus]", fmt.Sprintf("[%q]", fmt.Sprint(os.Getuid())))
	out := regexp.MustCompile(`pkcs11:token=vidimus;object=([a-z0-9-]+);[^"]*`).ReplaceAllString(string(text), "soft:path=keys/$1.key")
	path := d.path("etc", name)
	if err := os.WriteFile(path, []byte(strings.NewReplacer(change...).Replace(out)), 0o644); err != nil {
		d.t.Fatal(err)
	}
	return path
}

// drawn are the ports that tests of this process were given.
var drawn = map[int]bool{}

// freePort gives an address that is free, and likely to stay so until it is used: below
// the ports that the kernel gives to whoever asks for any.
func freePort(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		t.Fatal(err)
	}
	var first int
	if _, err := fmt.Sscan(string(text), &first); err != nil || first < 2048 {
		t.Fatalf("ports of the kernel begin at %q: %v", text, err)
	}
	for range 100 {
		port := 1024 + rand.IntN(first-1024)
		if drawn[port] {
			continue
		}
		l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port))
		if err != nil {
			continue
		}
		drawn[port] = true
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return l.Addr().String()
	}
	t.Fatal("no port is free")
	return ""
}

// begin makes keys and certificates, as a ceremony does with a token.
func (d *deployed) begin() {
	t := d.t
	t.Helper()
	for _, dir := range []string{"etc", "var", "run"} {
		if err := os.MkdirAll(d.path(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	etc := d.path("etc")
	run(t, etc, nil, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost", "-days", "1", "-keyout", "tls.key", "-out", "tls.pem")
	run(t, etc, nil, "openssl", "x509", "-in", "tls.pem", "-out", "registries-ca.pem")
	run(t, etc, nil, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=registry", "-days", "1", "-keyout", "registry.key", "-out", "driving-2026.pem")
	// The chains are named by their objects in the token.
	objects := []string{"signer_socket: ", "# "}
	for name, object := range map[string]string{"mdl": "ds-mdl-1", "pid": "ds-pid-1", "status": "status-1", "receipt": "receipt", "checkpoint": "checkpoint",
		"console": "console", "access": "access", "bundle": "bundle", "reader-ca": "reader-ca"} {
		objects = append(objects, `"signer:key=`+name+`"`, `"soft:path=`+d.path("var", "vidimus-signer", "keys", object+".key")+`"`)
	}
	for _, root := range []string{"iaca", "operations-ca", "access-ca"} {
		objects = append(objects, `{key: "", certificate: /etc/vidimus/certs/`+root, `{key: "soft:path=`+d.path("roots", root+".key")+`", certificate: `+d.path("etc", "certs", root))
	}
	objects = append(objects, "/var/lib/vidimus\n", d.path("first")+"\n")
	config := d.configure("issuer.yaml", objects...)
	run(t, d.top, nil, filepath.Join(d.bin, "issuer"), "init", "--config", config)
	if err := errors.Join(os.RemoveAll(d.path("first")), os.RemoveAll(d.path("roots"))); err != nil {
		t.Fatal(err)
	}
	run(t, etc, nil, "chmod", "-R", "u=rwX,go=rX", "certs") // both read them
}

// confined is what begins a program as the unit of the signer does, as far as it goes
// without systemd: no dump, and as root another user without any right, no network and
// nothing to write but its two folders.
func (d *deployed) confined(trace string, program ...string) *exec.Cmd {
	inner := append([]string{"prlimit", "--core=0:0", "strace", "-f", "-qq", "-o", trace}, program...)
	if os.Getuid() != 0 {
		return exec.Command(inner[0], inner[1:]...)
	}
	script := `set -e
mount --make-rprivate /
mount --bind "$1" "$1"
mount --bind "$1/var/vidimus-signer" "$1/var/vidimus-signer"
mount --bind "$1/run" "$1/run"
mount -o remount,bind,ro "$1"
mount -o remount,bind,ro /
shift
ulimit -l unlimited 2>/dev/null || : # LimitMEMLOCK=infinity, where this machine lets us
exec setpriv --reuid=$0 --regid=$0 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "$@"`
	return exec.Command("unshare", append([]string{"--net", "--mount", "--ipc", "--uts", "sh", "-c", script, fmt.Sprint(signerUser), d.top}, inner...)...)
}

// An office as deploy/ has it comes up: the signer with what its unit leaves it, the
// issuer with keys that are the signer's alone; what the two call is what their units allow.
func TestDeployed(t *testing.T) {
	programs(t)
	for _, mode := range []string{"off", "on", "only"} {
		t.Run("fips140="+mode, func(t *testing.T) {
			t.Setenv("GODEBUG", "fips140="+mode)
			comesUp(t)
		})
	}
}

func comesUp(t *testing.T) {
	d := &deployed{t: t, bin: programs(t), top: t.TempDir(), public: freePort(t)}
	for dir := d.top; dir != filepath.Clean(os.TempDir()); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil { // another user passes
			t.Fatal(err)
		}
	}
	d.begin()
	signerConfig := d.configure("signer.yaml")
	listen := "listen: {public: " + d.public + ", registry: " + freePort(t) + ", office: " + freePort(t) + ", console: " + freePort(t) + ", metrics: " + freePort(t) + "}\n"
	issuerConfig := d.configure("issuer.yaml", "signer_socket:", listen+"signer_socket:")
	said := run(t, d.top, nil, filepath.Join(d.bin, "signer"), "check-config", "--config", signerConfig)
	t.Logf("%s", said[strings.LastIndex(said, "log_level"):])
	run(t, d.top, nil, filepath.Join(d.bin, "signer"), "init", "--config", signerConfig)

	trace := d.path("var", "vidimus-signer", "trace")
	if os.Getuid() == 0 {
		run(t, d.top, nil, "chown", "-R", fmt.Sprint(signerUser, ":", signerUser), d.path("var", "vidimus-signer"), d.path("run"))
	}
	if err := os.Chmod(d.path("run"), 0o711); err != nil {
		t.Fatal(err)
	}
	serve := d.start(d.confined(trace, filepath.Join(d.bin, "signer"), "serve", "--config", signerConfig), "signer", func() bool {
		_, err := os.Stat(d.path("run", "signer.sock"))
		return err == nil
	})
	issuerTrace := d.path("issuer.trace")
	run(t, d.top, nil, filepath.Join(d.bin, "issuer"), "init", "--config", issuerConfig)
	run(t, d.top, nil, filepath.Join(d.bin, "issuer"), "check-config", "--config", issuerConfig)
	office := d.start(exec.Command("strace", "-f", "-qq", "-o", issuerTrace, filepath.Join(d.bin, "issuer"), "serve", "--config", issuerConfig), "issuer", func() bool {
		res, err := http.Get("http://" + d.public + "/readyz")
		if err == nil {
			res.Body.Close()
		}
		return err == nil && res.StatusCode == http.StatusOK
	})
	t.Logf("%s", run(t, d.top, nil, filepath.Join(d.bin, "signer"), "status", "--config", signerConfig))
	d.stop(office)
	d.stop(serve)
	for _, u := range units(t) {
		switch u.name {
		case "vidimus-signer":
			u.obeys(t, trace)
		case "vidimus-issuer":
			u.obeys(t, issuerTrace)
		}
	}
}

// process is a program that was begun; err is how it ended, once done is closed.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// start runs a program until the test ends, and waits until it is there.
func (d *deployed) start(cmd *exec.Cmd, name string, there func() bool) *process {
	d.t.Helper()
	log, err := os.Create(d.path(name + ".log"))
	if err != nil {
		d.t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, d.top
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	d.t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-p.done
		log.Close()
		if d.t.Failed() {
			text, _ := os.ReadFile(log.Name())
			d.t.Logf("%s: %s", name, text)
		}
	})
	ctx, cancel := context.WithTimeout(d.t.Context(), 2*time.Minute)
	defer cancel()
	for !there() {
		select {
		case <-ctx.Done():
			d.t.Fatalf("%s does not come up", name)
		case <-p.done:
			d.t.Fatalf("%s has ended: %v", name, p.err)
		case <-time.After(50 * time.Millisecond):
		}
	}
	return p
}

// stop ends a program and those that began it, and waits for what they wrote.
func (d *deployed) stop(p *process) {
	d.t.Helper()
	if err := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM); err != nil {
		d.t.Error(err)
	}
	<-p.done
	var exit *exec.ExitError
	if p.err != nil && !(errors.As(p.err, &exit) && exit.Sys().(syscall.WaitStatus).Signaled()) { // strace ends by the signal that it passed on
		d.t.Errorf("%s: %v", p.cmd.Path, p.err)
	}
}
