package issuancebench

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/issuance"
)

func TestMain(m *testing.M) { os.Exit(mainOf(m)) }

// programs is the folder of what program builds.
var programs string

func mainOf(m *testing.M) int {
	var err error
	if programs, err = os.MkdirTemp("", "issuancebench-"); err != nil {
		fmt.Println(err)
		return 1
	}
	defer os.RemoveAll(programs)
	return m.Run()
}

// program and signerProgram are as they are released, built once.
var (
	program       = built("issuer")
	signerProgram = built("signer")
)

func built(name string) func() (string, error) {
	return sync.OnceValues(func() (string, error) {
		path := filepath.Join(programs, name)
		if out, err := exec.Command("go", "build", "-tags", "nomsgpack", "-o", path, "../../../cmd/"+name).CombinedOutput(); err != nil {
			return "", fmt.Errorf("building the %s: %w\n%s", name, err, out)
		}
		return path, nil
	})
}

// office is a running issuer with the person of the workload.
type office struct {
	*testing.T
	process
	cfg      issuer.Config
	provider provider
	signer   process // 0 where the office signs by itself
	desk     *issuer.Desk
	log      *said
}

// provider is a wallet provider whom the office trusts.
type provider struct {
	key   *ecdsa.PrivateKey
	chain [][]byte
}

func (o *office) must(err error) {
	o.Helper()
	if err != nil {
		o.Fatal(err)
	}
}

// openOffice makes an office; change may do what it likes between its making and its
// start.
func openOffice(t *testing.T, change ...func(*office)) *office {
	t.Helper()
	o := &office{T: t, log: &said{}}
	dir := folder(t)
	var err error
	o.cfg, err = issuer.DevOnFreePorts(filepath.Join(dir, "state"))
	o.must(err)
	o.cfg.RateLimit = issuer.RateLimit{PerSecond: 1e6, Burst: 1e6} // one address plays all wallets
	o.cfg.LogLevel = "warn"
	o.cfg.Wallets.Attesters = []string{filepath.Join(dir, "provider.pem")}
	o.trust(o.cfg.Wallets.Attesters[0])
	_, err = issuer.Init(t.Context(), o.cfg, time.Now(), rand.Reader)
	o.must(err)
	for _, f := range change {
		f(o)
	}
	text, err := o.cfg.YAML()
	o.must(err)
	config := filepath.Join(dir, "config.yaml")
	o.must(os.WriteFile(config, []byte(text), 0o600))
	o.serve(config)
	o.fill()
	return o
}

// folder is where the measured state lies.
func folder(t *testing.T) string {
	t.Helper()
	under := os.Getenv("ISSUANCEBENCH_DIR")
	if under == "" {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(under, "office")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// trust makes a wallet provider: a root, and a leaf that signs attestations.
func (o *office) trust(path string) {
	o.Helper()
	now := time.Now()
	root, leaf := newKey(o.T), newKey(o.T)
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Wallets"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(48 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, SubjectKeyId: []byte("wallets"),
	}
	der, err := x509.CreateCertificate(rand.Reader, authority, authority, root.Public(), root)
	o.must(err)
	o.must(os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	signer := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Attestations"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(48 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err = x509.CreateCertificate(rand.Reader, signer, authority, leaf.Public(), root)
	o.must(err)
	o.provider = provider{leaf, [][]byte{der}}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// serve runs the program until the end of the test, and waits until it is ready.
func (o *office) serve(config string) {
	o.Helper()
	path, err := program()
	o.must(err)
	cmd := exec.Command(path, "serve", "--dev", "--config", config)
	cmd.Stdout, cmd.Stderr = o.log, o.log
	o.must(cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	o.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := <-ended; err != nil {
			o.Errorf("the issuer ended with %v:\n%s", err, o.log)
		}
	})
	o.process = process(cmd.Process.Pid)
	for {
		if res, err := client.Get("http://" + o.cfg.Listen.Metrics + "/readyz"); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case err := <-ended:
			ended <- err
			o.Fatalf("the issuer does not start: %v\n%s", err, o.log)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// fill says who the person is.
func (o *office) fill() {
	o.Helper()
	events, err := record(time.Now())
	o.must(err)
	feed, err := issuer.OpenFeed(o.Context(), &o.cfg, issuer.FeedConfig{}, time.Now)
	o.must(err)
	o.must(feed.Send(o.Context(), events, false, func(s issuer.Sent) {
		if _, err := feed.Settled(o.Context(), s); err != nil {
			o.Fatal(err)
		}
	}))
	o.desk, err = issuer.OpenDesk(&o.cfg)
	o.must(err)
}

// underTest is the office as wallets with offers see it.
func (o *office) underTest() *issuerUnderTest {
	return &issuerUnderTest{
		process: o.process, signer: o.signer, base: o.cfg.PublicURL, grant: o.offered, draws: issuance.DefaultTokenBatches,
		profile: "http://" + o.cfg.Listen.Metrics + "/debug/pprof/profile",
	}
}
