//go:build interop && pkcs11

package interop

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/signer"
)

// A wallet of other people's libraries fetches from an office that has no key at
// all: they are in a token of SoftHSM2, behind the signer process, and every
// certificate was made in a ceremony.
func TestForeignWalletToken(t *testing.T) {
	var h *tokenOffice
	o := openOffice(t, func(c *issuer.Config, _ string) { h = newTokenOffice(t, c) })
	for _, name := range []string{"mdl", "pid", "status", "receipt", "checkpoint", "console", "access", "bundle"} {
		if files, _ := filepath.Glob(o.cfg.Path("keys/" + name + "*")); len(files) > 0 {
			t.Fatalf("the office has a key in a file: %s", files)
		}
	}
	offer := o.offer("P-1", "mdl", "pid-mdoc", "pid-sd-jwt")
	out := t.TempDir()
	printed := o.node("node", "wallet.mjs", "--offer", offer.URI, "--tx-code", offer.TxCode, "--batch", "20", "--trust", o.iaca(), "--status", "--out", out)
	if !strings.HasSuffix(strings.TrimSpace(printed), "RESULT ok") {
		t.Fatalf("not RESULT ok:\n%s", tail(printed))
	}
	files, err := filepath.Glob(filepath.Join(out, "*.json"))
	if err != nil || len(files) != 60 {
		t.Errorf("%d credentials, want 60, %v", len(files), err)
	}
	// The list of revoked signers is signed by the root's key, in the token too.
	list, err := issuer.RevokedSigners(&o.cfg)
	if err != nil || len(list) != 1 || list[0] == nil {
		t.Errorf("the list of revoked signers: %v, %v", list, err)
	}
	for _, kind := range []string{"vical", "pid"} {
		wish := issuer.TrustListWish{Days: 30, Output: filepath.Join(t.TempDir(), "list")}
		if _, _, err := issuer.BuildTrustList(t.Context(), &o.cfg, issuer.TrustListKinds[kind], wish, time.Now(), rand.Reader); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	said := h.run("", "status", "--config", h.config)
	t.Log("\n" + said)
	// Beside the proofs that the keys gave when they were opened.
	for key, least := range map[string]int{"mdl": 20, "pid": 40, "iaca": 1, "status": 2, "vical": 2} {
		m := regexp.MustCompile(`(?m)^` + key + ` .* ([0-9]+) messages, 0 failed`).FindStringSubmatch(said)
		if m == nil {
			t.Errorf("no line of %s, or signatures that failed", key)
			continue
		}
		if n, err := strconv.Atoi(m[1]); err != nil || n <= least {
			t.Errorf("%s signed %s messages, want more than %d", key, m[1], least)
		}
	}
}

// softhsm is where Debian has the module.
const softhsm = "/usr/lib/softhsm/libsofthsm2.so"

// tokenOffice is a ceremony and a signer process over a token.
type tokenOffice struct {
	t       *testing.T
	program string // signer
	dir     string // of the ceremony
	env     []string
	pin     string
	config  string // of the signer
	now     time.Time
}

// newTokenOffice makes keys in a token, certificates in a ceremony, and a running signer
// process, and names all of them in c.
func newTokenOffice(t *testing.T, c *issuer.Config) *tokenOffice {
	t.Helper()
	h := &tokenOffice{t: t, program: filepath.Join(t.TempDir(), "signer"), dir: t.TempDir(), now: time.Now().UTC().Truncate(time.Second)}
	build := exec.Command("go", "build", "-tags", "nomsgpack,pkcs11", "-o", h.program, "vidimus/cmd/signer")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the signer: %v\n%s", err, out)
	}
	h.token()
	for _, who := range []string{"ada", "grace", "recorder"} {
		h.run("", "key", "create", "soft:path="+filepath.Join(h.dir, who+".key"), "--public", filepath.Join(h.dir, who+".pub"))
	}
	crl := c.PublicURL + issuerhttp.SignerCRLPath
	h.act("iaca-root", "iaca", "", crl, nil)
	h.act("reader-ca", "reader-ca", "", "", nil)
	h.act("operations-ca", "operations-ca", "", "", nil)
	h.act("access-ca", "access-ca", "", "", nil)
	h.act("document-signer-mdl", "mdl", "iaca", crl, nil)
	h.act("document-signer-pid", "pid", "iaca", crl, c)
	h.act("status-signer", "status", "iaca", "", nil)
	h.act("receipt-signer", "receipt", "operations-ca", "", nil)
	h.act("checkpoint-signer", "checkpoint", "operations-ca", "", nil)
	h.act("registry-source", "console", "operations-ca", "", nil)
	h.act("access", "access", "access-ca", "", c)
	h.act("bundle-signer", "bundle", "operations-ca", "", nil)
	h.act("vical-signer", "vical", "operations-ca", crl, nil)
	lists := c.Signers["bundle"]
	lists.Chain = "certs/vical.pem"
	c.Signers["vical"] = lists
	h.serve(c)
	return h
}

// token makes an empty token and a file with its PIN.
func (h *tokenOffice) token() {
	h.t.Helper()
	tokens := filepath.Join(h.dir, "tokens")
	h.pin = h.put("pin", "271828\n")
	conf := h.put("softhsm2.conf", "directories.tokendir = "+tokens+"\nobjectstore.backend = file\nlog.level = ERROR\n")
	if err := os.Mkdir(tokens, 0o700); err != nil {
		h.t.Fatal(err)
	}
	h.env = append(os.Environ(), "SOFTHSM2_CONF="+conf)
	cmd := exec.Command("softhsm2-util", "--init-token", "--free", "--label", "state", "--pin", "271828", "--so-pin", "314159")
	cmd.Env = h.env
	if out, err := cmd.CombinedOutput(); err != nil {
		h.t.Fatalf("softhsm2-util: %v\n%s", err, out)
	}
}

func (h *tokenOffice) put(name, text string) string {
	h.t.Helper()
	path := filepath.Join(h.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
	return path
}

func (h *tokenOffice) uri(object string) string {
	return "pkcs11:token=state;object=" + object + ";module-path=" + softhsm + ";pin-source=" + h.pin
}

// run runs the signer program and gives what it printed.
func (h *tokenOffice) run(stdin string, args ...string) string {
	h.t.Helper()
	cmd := exec.Command(h.program, args...)
	cmd.Env, cmd.Stdin = h.env, strings.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		h.t.Fatalf("signer %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr.Bytes())
	}
	return string(out)
}

// act makes a key in the token and its certificate, signed by itself or the one of by.
// names, if given, has what the certificate says of its office.
func (h *tokenOffice) act(kind, name, by, crl string, names *issuer.Config) {
	h.t.Helper()
	pub := name + ".pub"
	h.run("", "key", "create", h.uri(name), "--public", filepath.Join(h.dir, pub))
	var y strings.Builder
	fmt.Fprintf(&y, "act: %s\npurpose: A test of the whole.\n", kind)
	days := 80
	if by == "" {
		by, days = name, 3000
		fmt.Fprintf(&y, "subject_key: {file: %s}\n", pub)
	} else {
		fmt.Fprintf(&y, "issuer: {file: %s.pem}\nsubject_key: {file: %s, uri: %q}\n", by, pub, h.uri(name))
	}
	fmt.Fprintf(&y, "signing_key: %q\nsubject: {country: UT, organization: Utopia, common_name: Utopia %s}\n", h.uri(by), name)
	fmt.Fprintf(&y, "not_before: %s\nnot_after: %s\nissuer_alternative_name: https://utopia.example/contact\n",
		h.now.Add(-time.Hour).Format(time.RFC3339), h.now.AddDate(0, 0, days).Format(time.RFC3339))
	if crl != "" {
		fmt.Fprintf(&y, "crl_distribution_point: %s\n", crl)
	}
	if names != nil {
		u, err := url.Parse(names.PublicURL)
		if err != nil {
			h.t.Fatal(err)
		}
		fmt.Fprintf(&y, "dns_names: [%q]\nuris: [%q]\n", u.Hostname(), names.PublicURL)
	}
	fmt.Fprintf(&y, "output: %s.pem\noperators:\n  - {name: Ada, public_key: ada.pub}\n  - {name: Grace, public_key: grace.pub}\nwitnesses: [Charles]\n", name)
	fmt.Fprintf(&y, "transcript: {key: \"soft:path=recorder.key\", public_key: recorder.pub, output: %s.jws}\naudit: ceremony.log\n", name)
	file := h.put(name+".yaml", y.String())
	h.run("", "ceremony", "draw", file)
	for _, who := range []string{"Ada", "Grace"} {
		h.run("", "ceremony", "approve", file, "--as", who, "--key", "soft:path="+filepath.Join(h.dir, strings.ToLower(who)+".key"))
	}
	tbs := regexp.MustCompile(`SHA-256 of the TBS:?\s+([0-9a-f]{8})`).FindStringSubmatch(h.run("", "ceremony", "--dry-run", file))
	if tbs == nil {
		h.t.Fatal("the dry run shows no digest")
	}
	h.run(tbs[1]+" the same\n", "ceremony", file)
}

// serve starts the signer process over what was made.
func (h *tokenOffice) serve(c *issuer.Config) {
	h.t.Helper()
	run, err := os.MkdirTemp("", "signer") // short: a socket lies in it
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { os.RemoveAll(run) })
	c.SignerSocket = filepath.Join(run, "s")
	var y strings.Builder
	fmt.Fprintf(&y, "state_dir: %s\nsocket: %s\npublic_url: %s\nkeys:\n", filepath.Join(h.dir, "state"), c.SignerSocket, c.PublicURL)
	key := func(name, more string) {
		fmt.Fprintf(&y, "  %s: {key: %q, chain: %s%s}\n", name, h.uri(name), filepath.Join(h.dir, name+".pem"), more)
	}
	key("iaca", ", profile: iaca")
	key("reader-ca", ", profile: reader-ca")
	key("mdl", ", doctypes: [org.iso.18013.5.1.mDL]")
	key("pid", ", profile: document-signer-pid, doctypes: [eu.europa.ec.eudi.pid.1], vcts: [\"urn:eudi:pid:1\"]")
	certs := c.Path("certs")
	if err := os.MkdirAll(certs, 0o700); err != nil {
		h.t.Fatal(err)
	}
	if err := os.Chmod(c.StateDir, 0o700); err != nil {
		h.t.Fatal(err)
	}
	for name, s := range c.Signers {
		if name != "mdl" && name != "pid" {
			key(name, "")
		}
		s.Key = signer.URI(name)
		c.Signers[name] = s
		h.copy(name, c.Path(s.Chain))
	}
	c.IACA.Key, c.ReaderCA.Key, c.OperationsCA.Key, c.AccessCA.Key = signer.URI("iaca"), signer.URI("reader-ca"), "", ""
	h.copy("iaca", c.Path(c.IACA.Certificate))
	h.copy("reader-ca", c.Path(c.ReaderCA.Certificate))
	h.copy("operations-ca", c.Path(c.OperationsCA.Certificate))
	h.copy("access-ca", c.Path(c.AccessCA.Certificate))
	h.config = h.put("signer.yaml", y.String())
	h.run("", "init", "--config", h.config)
	h.start(filepath.Join(run, "n"), "serve", "--config", h.config)
}

func (h *tokenOffice) copy(name, to string) {
	h.t.Helper()
	data, err := os.ReadFile(filepath.Join(h.dir, name+".pem"))
	if err == nil {
		err = os.WriteFile(to, data, 0o644)
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

// start runs the program until the test ends, and waits until it says that it is ready.
func (h *tokenOffice) start(notify string, args ...string) {
	h.t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: notify, Net: "unixgram"})
	if err != nil {
		h.t.Fatal(err)
	}
	defer c.Close()
	cmd := exec.Command(h.program, args...)
	cmd.Env = append(h.env, "NOTIFY_SOCKET="+notify)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			h.t.Errorf("the signer ended with %v\n%s", err, stderr.Bytes())
		}
	})
	said := make([]byte, 64)
	c.SetReadDeadline(time.Now().Add(2 * time.Minute))
	if n, err := c.Read(said); err != nil || string(said[:n]) != "READY=1" {
		h.t.Fatalf("the signer said %q: %v", said[:n], err)
	}
}
