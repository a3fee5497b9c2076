package socket

import (
	"bufio"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/clock"
	"vidimus/internal/keys"
	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/sdjwt"
	"vidimus/internal/signer"
)

// A signer in a process of its own is this test binary, told so by its environment.
func TestMain(m *testing.M) {
	if dir := os.Getenv("SIGNER_CHILD"); dir != "" {
		debug.SetGCPercent(400) // as internal/app/signer does
		if err := child(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// inherited is what a child is given: the keys of a world.
type inherited struct {
	Keys []struct {
		Name    string
		Profile pki.Profile
		Key     []byte // PKCS #8
		Chain   [][]byte
	}
}

const pidVCT = "urn:eudi:pid:1"

func (i inherited) service(record audit.Writer) (*signer.Service, error) {
	cfg := signer.Config{Audit: record, Clock: clock.NewFake(pkitest.Now), Rand: rand.Reader}
	for _, k := range i.Keys {
		parsed, err := x509.ParsePKCS8PrivateKey(k.Key)
		if err != nil {
			return nil, err
		}
		p, err := signer.PolicyFor(k.Profile, signer.Office{Issuer: pkitest.IssuerURL, DocTypes: []string{mdl}, VCTs: []string{pidVCT}})
		if err != nil {
			return nil, err
		}
		cfg.Keys = append(cfg.Keys, signer.Key{Name: k.Name, Signer: parsed.(*ecdsa.PrivateKey), Chain: k.Chain, Policy: p})
	}
	return signer.New(cfg)
}

// child serves until its input ends; for each line that it reads it writes how much
// processor time it has taken.
func child(dir string) error {
	data, err := os.ReadFile(filepath.Join(dir, "keys"))
	if err != nil {
		return err
	}
	var i inherited
	if err := json.Unmarshal(data, &i); err != nil {
		return err
	}
	record, _, err := audit.OpenFile(filepath.Join(dir, "audit"), true, nil)
	if err != nil {
		return err
	}
	s, err := i.service(record)
	if err != nil {
		return err
	}
	l, err := Listen(filepath.Join(dir, "s"), -1)
	if err != nil {
		return err
	}
	server, err := NewServer(Config{Service: s, UIDs: []uint32{uint32(os.Getuid())}})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, l) }()
	fmt.Println(cpu())
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		fmt.Println(cpu())
	}
	cancel()
	return <-done
}

// cpu is the processor time that this process has taken, in nanoseconds.
func cpu() int64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return r.Utime.Nano() + r.Stime.Nano()
}

// process is a child that serves.
type process struct {
	t   testing.TB
	dir string
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

func inherit(t testing.TB, dir string, world *pkitest.World) inherited {
	t.Helper()
	var i inherited
	for _, e := range []struct {
		name    string
		profile pki.Profile
		of      pkitest.Entity
	}{{"mdl", pki.ProfileDocumentSignerMDL, world.DocumentSignerMDL}, {"pid", pki.ProfileDocumentSignerPID, world.DocumentSignerPID}} {
		raw, err := x509.MarshalPKCS8PrivateKey(e.of.Key)
		if err != nil {
			t.Fatal(err)
		}
		i.Keys = append(i.Keys, struct {
			Name    string
			Profile pki.Profile
			Key     []byte
			Chain   [][]byte
		}{e.name, e.profile, raw, e.of.Chain})
	}
	data, err := json.Marshal(i)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "keys"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	return i
}

// spawn starts a child in a folder with keys, and waits until it serves.
func spawn(t testing.TB, dir string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, dir: dir, cmd: exec.Command(self)}
	p.cmd.Env = append(os.Environ(), "SIGNER_CHILD="+dir)
	p.cmd.Stderr = os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewScanner(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if !p.out.Scan() {
		t.Fatal("the child does not serve")
	}
	return p
}

// cpu asks for the processor time of the child.
func (p *process) cpu() int64 {
	if _, err := p.in.Write([]byte("\n")); err != nil || !p.out.Scan() {
		p.t.Fatalf("the child has gone: %v", err)
	}
	n, err := strconv.ParseInt(p.out.Text(), 10, 64)
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

func (p *process) stop() {
	p.in.Close()
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("the child ended with %v", err)
	}
}

// listener keeps what it is asked to sign.
type listener struct {
	*ecdsa.PrivateKey
	heard []byte
}

func (l *listener) SignMessage(rand io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	l.heard = append([]byte(nil), message...)
	return crypto.SignMessage(l.PrivateKey, rand, message, opts)
}

// messages are those of a batch of 20 copies.
func messages(t testing.TB, w *pkitest.World, key string) [][]byte {
	t.Helper()
	var out [][]byte
	if key == "mdl" {
		for _, p := range copies(t, w.Now, 20) {
			l := &listener{PrivateKey: w.DocumentSignerMDL.Key}
			if _, err := p.Sign(l, w.DocumentSignerMDL.Chain, rand.Reader); err != nil {
				t.Fatal(err)
			}
			out = append(out, l.heard)
		}
		return out
	}
	var claims sdjwt.Object
	for i := range 20 {
		claims = append(claims, sdjwt.Member{Name: fmt.Sprintf("c%d", i), Value: "value"})
	}
	template, err := sdjwt.NewTemplate(pidVCT, claims, sdjwt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	day := w.Now.Truncate(24 * time.Hour)
	for range 20 {
		k, err := ecdsa.GenerateKey(elliptic256, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		p, err := template.Prepare(sdjwt.Copy{Issuer: pkitest.IssuerURL, IssuedAt: day, NotBefore: day, Expires: day.AddDate(0, 0, 14),
			Confirmation: k.Public(), Status: &sdjwt.StatusReference{Index: 1, URI: listURI}}, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		l := &listener{PrivateKey: w.DocumentSignerPID.Key}
		if _, err := p.Sign(l, w.DocumentSignerPID.Chain, rand.Reader); err != nil {
			t.Fatal(err)
		}
		out = append(out, l.heard)
	}
	return out
}

// signBatch has a batch signed as issuance does: a goroutine for each copy.
func signBatch(t testing.TB, far *signer.Far, messages [][]byte) {
	batch := far.Batch(context.Background(), len(messages))
	var wg sync.WaitGroup
	for _, m := range messages {
		wg.Go(func() {
			defer batch.Leave()
			if _, err := batch.SignMessage(rand.Reader, m, crypto.SHA256); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// BenchmarkBatch compares a batch of 20 that is signed in this process with one that is
// signed in another, by the processor time of both together: x-in-process is how many
// times as much the second takes, in the median of rounds that take turns. With
// SPEED=strict, on a quiet machine, it may be 1.15 at most.
func BenchmarkBatch(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // the same for both
	world := pkitest.NewWorld(b)
	dir := folder(b)
	given := inherit(b, dir, world)
	p := spawn(b, dir)
	defer p.stop()
	record, _, err := audit.OpenFile(filepath.Join(folder(b), "audit"), true, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer record.Close()
	service, err := given.service(record)
	if err != nil {
		b.Fatal(err)
	}
	client, err := Dial(b.Context(), filepath.Join(dir, "s"), Options{Timeout: time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	for _, key := range []string{"mdl", "pid"} {
		b.Run(key, func(b *testing.B) {
			open := func(m keys.Manager) *signer.Far {
				k, err := m.Signer(b.Context(), signer.URI(key))
				if err != nil {
					b.Fatal(err)
				}
				return k.(*signer.Far)
			}
			here, there := open(service.Keys("issuer")), open(client)
			batch := messages(b, world, key)
			const round = 50
			measure := func(k *signer.Far) (cost int64, took time.Duration) {
				begin, mine, its := time.Now(), cpu(), p.cpu()
				for range round {
					signBatch(b, k, batch)
				}
				return cpu() - mine + p.cpu() - its, time.Since(begin)
			}
			measure(here)
			measure(there)
			var ratios []float64
			var far, near time.Duration
			var farCPU, nearCPU int64
			for b.Loop() {
				in, t1 := measure(here)
				out, t2 := measure(there)
				ratios = append(ratios, float64(out)/float64(in))
				near, far, nearCPU, farCPU = near+t1, far+t2, nearCPU+in, farCPU+out
			}
			slices.Sort(ratios)
			ratio := ratios[len(ratios)/2]
			b.ReportMetric(ratio, "x-in-process")
			if os.Getenv("SPEED") == "strict" && len(ratios) > 1 && ratio > 1.15 {
				b.Errorf("%.3f times as much as in this process", ratio)
			}
			each := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(round*len(ratios)) }
			b.ReportMetric(each(near), "us-here/batch")
			b.ReportMetric(each(far), "us-there/batch")
			b.ReportMetric(each(time.Duration(nearCPU)), "us-cpu-here/batch")
			b.ReportMetric(each(time.Duration(farCPU)), "us-cpu-there/batch")
			b.ReportMetric(0, "ns/op")
		})
	}
}
