//go:build release

package release

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	signerapp "vidimus/internal/app/signer"
	"vidimus/internal/jose"
	"vidimus/internal/keys"
	"vidimus/internal/keys/soft"
	"vidimus/internal/signer"
)

// canary is every form in which a key in a file could show.
type canary map[string][]byte

func canaryOf(t *testing.T, file string) canary {
	t.Helper()
	data := mustRead(t, file)
	block, _ := pem.Decode(data)
	if block == nil {
		t.Fatalf("%s is no PEM", file)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	d, err := parsed.(*ecdsa.PrivateKey).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	n := new(big.Int).SetBytes(d)
	out := canary{"raw": d, "hex": []byte(hex.EncodeToString(d)), "HEX": []byte(strings.ToUpper(hex.EncodeToString(d))), "decimal": []byte(n.String()),
		"bytes": []byte(strings.Trim(fmt.Sprint(d), "[]")), "Go bytes": []byte(strings.Trim(fmt.Sprintf("%#v", d), "[]byte{}"))}
	// Base64 of whatever it stands in: at each of three places, without the ends that
	// depend on what stands beside it.
	for i := range 3 {
		for name, e := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
			text := e.EncodeToString(append(make([]byte, i), d...))
			out[fmt.Sprint(name, i)] = []byte(text[4 : len(text)-4])
		}
	}
	// A register holds eight bytes, as a trace shows it.
	for i := 0; i < len(d); i += 8 {
		out[fmt.Sprint("limb", i)] = []byte(fmt.Sprintf("%x", binary.BigEndian.Uint64(d[i:])))
		out[fmt.Sprint("limb turned", i)] = []byte(fmt.Sprintf("%x", binary.LittleEndian.Uint64(d[i:])))
	}
	for i, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		if !strings.HasPrefix(line, "-----") && len(line) > 16 && i > 1 { // the first is the same in all keys
			out[fmt.Sprint("PEM ", i)] = []byte(line)
		}
	}
	return out
}

func mustRead(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// in says which forms are in a text.
func (c canary) in(text []byte) (found []string) {
	for name, form := range c {
		if bytes.Contains(text, form) {
			found = append(found, name)
		}
	}
	return found
}

// below fails for every file that has one.
func (c canary) below(t *testing.T, dir string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		files++
		if found := c.in(text); len(found) > 0 {
			t.Errorf("%s has the key: %v", path, found)
		}
		return err
	})
	if err != nil || files < 5 {
		t.Errorf("%d files read: %v", files, err)
	}
}

// dumpable is a shell that lets a program be dumped, if the program does.
func dumpable(program ...string) *exec.Cmd {
	cmd := exec.Command("sh", append([]string{"-c", `ulimit -c unlimited; exec "$@"`, "sh"}, program...)...)
	cmd.Env = append(os.Environ(), "GOTRACEBACK=crash")
	return cmd
}

// crash ends a program with a trace of all that it does, and gives what it said.
func (d *deployed) crash(p *process, name string) {
	d.t.Helper()
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", p.cmd.Process.Pid))
	if err != nil || !strings.Contains(strings.Join(strings.Fields(string(limits)), " "), "Max core file size 1 1 ") {
		d.t.Errorf("%s may be dumped: %s, %v", name, limits, err)
	}
	if err := p.cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		d.t.Fatal(err)
	}
	<-p.done
	if said, err := os.ReadFile(d.path(name + ".log")); err != nil || !strings.Contains(string(said), "SIGQUIT") || !strings.Contains(string(said), "goroutine ") {
		d.t.Errorf("%s: no trace: %.200s, %v", name, said, err)
	}
}

// Bad input K13: a key in a file is nowhere but in that file: not in logs, records,
// answers, metrics, profiles, traces of a crash or the databases, whatever is asked.
func TestNoKeyShows(t *testing.T) {
	d := &deployed{t: t, bin: programs(t), top: t.TempDir(), public: freePort(t)}
	d.begin()
	program := func(name string) string { return filepath.Join(d.bin, name) }
	signerConfig := d.configure("signer.yaml", "state_dir:", "log_level: debug\nstate_dir:")
	office := freePort(t)
	listen := "listen: {public: " + d.public + ", registry: " + freePort(t) + ", office: " + office + ", console: " + freePort(t) + ", metrics: " + freePort(t) + "}\nlog_level: debug\n"
	issuerConfig := d.configure("issuer.yaml", "signer_socket:", listen+"signer_socket:")
	key := d.path("var", "vidimus-signer", "keys", "ds-mdl-1.key")
	c := canaryOf(t, key)
	if len(c.in(mustRead(t, key))) == 0 {
		t.Fatal("the key is not found in its own file: the search is broken")
	}
	say := func(text string) {
		t.Helper()
		if found := c.in([]byte(text)); len(found) > 0 {
			t.Errorf("the key shows (%v): %s", found, text)
		}
	}
	said := func(name string, args ...string) { // whatever it says, also of what is wrong
		t.Helper()
		out, _ := exec.Command(program(name), args...).CombinedOutput()
		say(string(out))
	}
	run(t, d.top, nil, program("signer"), "init", "--config", signerConfig)
	said("signer", "check-config", "--config", signerConfig)
	said("signer", "doctor", "--config", signerConfig)
	socket := d.path("run", "signer.sock")
	process := d.start(dumpable(program("signer"), "serve", "--config", signerConfig), "signer", func() bool {
		_, err := os.Stat(socket)
		return err == nil
	})
	for _, text := range []string{"", "GET / HTTP/1.1\r\n\r\n", "\x00\x00\x00\x01\xff", "\xff\xff\xff\xff", strings.Repeat("\x00", 100)} {
		conn, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, text); err != nil {
			t.Log(err)
		}
		if err := conn.(*net.UnixConn).CloseWrite(); err != nil {
			t.Log(err)
		}
		answer, _ := io.ReadAll(conn)
		say(string(answer))
		conn.Close()
	}
	run(t, d.top, nil, program("issuer"), "init", "--config", issuerConfig)
	// Many signatures at once, while it is looked at.
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for range 3 {
				out, err := exec.Command(program("issuer"), "check-config", "--config", issuerConfig).CombinedOutput()
				if err != nil || len(c.in(out)) > 0 {
					t.Errorf("%v: %s", err, out)
				}
			}
		})
	}
	wg.Wait()
	for _, args := range [][]string{{"status"}, {"doctor", "--full"}, {"audit", "verify"}, {"status", "--json"}} {
		said("signer", append(args, "--config", signerConfig)...)
	}
	d.crash(process, "signer")

	// The issuer of one machine has its keys in itself.
	dev := d.path("dev")
	run(t, d.top, nil, program("issuer"), "init", "--dev", "--state-dir", dev)
	c2 := canaryOf(t, filepath.Join(dev, "keys", "ds-mdl.key"))
	for name, form := range c2 {
		c["dev "+name] = form
	}
	metrics := freePort(t)
	devConfig := d.path("etc", "dev.yaml")
	if err := os.WriteFile(devConfig, []byte("log_level: debug\nlisten: {public: "+freePort(t)+", registry: "+freePort(t)+", office: "+freePort(t)+", console: "+freePort(t)+", metrics: "+metrics+"}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	get := func(path string) string {
		res, err := http.Get("http://" + metrics + path)
		if err != nil {
			return ""
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		return string(body)
	}
	issuer := d.start(dumpable(program("issuer"), "serve", "--dev", "--config", devConfig, "--state-dir", dev), "issuer", func() bool { return strings.Contains(get("/metrics"), "vidimus_") })
	flags := []string{"--dev", "--config", devConfig, "--state-dir", dev}
	people := d.path("people.json")
	for _, args := range [][]string{{"sample", "-o", people}, {"registry", "send", people}, {"offer", "P-1"}, {"doctor"}, {"check-config"}, {"offer", "nobody"}} {
		said("issuer", append(args, flags...)...)
	}
	for _, path := range []string{"/metrics", "/debug/pprof/goroutine?debug=2", "/debug/pprof/heap?debug=1", "/debug/pprof/allocs?debug=1"} {
		say(get(path))
	}
	d.crash(issuer, "issuer")

	// A reader is given keys as files too, and files that are none of its.
	reader := d.path("reader.jwk")
	block, _ := pem.Decode(mustRead(t, key))
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := jose.MarshalPrivateKey(private)
	if err != nil || len(c.in(jwk)) == 0 {
		t.Fatalf("the key is not found in its JWK: %v", err)
	}
	if err := os.WriteFile(reader, jwk, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"check", "--reader-key", reader, people}, {"check", "--reader-key", key, people}, {"check", "--trust", d.path("etc", "certs"), "--reader-key", reader, "--nonce", "n", "--aud", "a", people},
		{"check", reader}, {"check", key}} {
		said("verifier", args...)
	}
	for _, own := range []string{key, reader, filepath.Join(dev, "keys", "ds-mdl.key")} {
		if err := os.Remove(own); err != nil {
			t.Fatal(err)
		}
	}
	c.below(t, d.top)
}

// Whatever holds a key is printed without it.
func TestNoKeyIsPrinted(t *testing.T) {
	d := &deployed{t: t, bin: programs(t), top: t.TempDir(), public: "127.0.0.1:1"}
	d.begin()
	path := d.configure("signer.yaml")
	run(t, d.top, nil, filepath.Join(d.bin, "signer"), "init", "--config", path)
	file := d.path("var", "vidimus-signer", "keys", "ds-mdl-1.key")
	c := canaryOf(t, file)
	key, err := soft.New("").Signer(t.Context(), "soft:path="+file)
	if err != nil {
		t.Fatal(err)
	}
	checked, err := keys.Checked(key)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := signerapp.LoadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	app, err := signerapp.New(t.Context(), cfg, signerapp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer app.Close()
	block, _ := pem.Decode(mustRead(t, file))
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{key, checked, signer.Key{Name: "mdl", Signer: key}, &signer.Key{Signer: checked}, []signer.Key{{Signer: key}}, map[string]any{"key": key},
		app, cfg, jose.Key{Private: parsed}, &jose.Key{Private: parsed}, fmt.Errorf("with %v", key)} {
		var logs bytes.Buffer
		slog.New(slog.NewTextHandler(&logs, nil)).Info("x", "v", v, slog.Group("g", "v", v))
		slog.New(slog.NewJSONHandler(&logs, nil)).Info("x", "v", v)
		asJSON, _ := json.Marshal(v)
		out := fmt.Sprintf("%v %+v %#v %s %q %x %d", v, v, v, v, v, v, v) + logs.String() + string(asJSON)
		if found := c.in([]byte(out)); len(found) > 0 {
			t.Errorf("%T shows its key (%v): %s", v, found, out)
		}
	}
}
