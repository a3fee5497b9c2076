package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"vidimus/internal/app/issuer"
	"vidimus/internal/keys/soft"
	"vidimus/internal/pki"
)

// racers is an office on which processes of the program work at the same time.
type racers struct {
	t      *testing.T
	cfg    issuer.Config
	config string // file
}

func newRacers(t *testing.T) *racers {
	t.Helper()
	dir := t.TempDir()
	cfg, err := issuer.DevOnFreePorts(filepath.Join(dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Status.Directory = filepath.Join(dir, "www")
	cfg.Signers["vical"] = issuer.Signer{Key: "soft:path=keys/vical.key", Chain: "certs/vical.pem"}
	r := &racers{t: t, cfg: cfg, config: filepath.Join(dir, "issuer.yaml")}
	text, err := yaml.Marshal(map[string]any{
		"state_dir": cfg.StateDir,
		"listen":    map[string]string{"public": cfg.Listen.Public, "registry": cfg.Listen.Registry, "office": cfg.Listen.Office, "metrics": cfg.Listen.Metrics, "console": cfg.Listen.Console},
		"status":    map[string]any{"directory": cfg.Status.Directory},
		"signers":   map[string]any{"vical": map[string]string{"key": "soft:path=keys/vical.key", "chain": "certs/vical.pem"}},
	})
	r.must(err)
	r.must(os.WriteFile(r.config, text, 0o600))
	r.must(os.Mkdir(cfg.Status.Directory, 0o755))
	if out, err := r.issuer("init").CombinedOutput(); err != nil {
		t.Fatalf("%s", out)
	}
	return r
}

func (r *racers) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// issuer is the program with arguments, another process.
func (r *racers) issuer(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(r.t.Context(), "issuer", append([]string{args[0], "--dev", "--config", r.config}, args[1:]...)...)
	cmd.Env = append(os.Environ(), "HOME="+r.t.TempDir())
	return cmd
}

// race starts all at once and gives what each said, and whether it went well. Nobody
// writes before all have come as far as the lock.
func (r *racers) race(commands ...*exec.Cmd) (said []string, well []bool) {
	r.t.Helper()
	lock, err := os.OpenFile(r.cfg.Path("lists.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	r.must(err)
	defer lock.Close()
	r.must(syscall.Flock(int(lock.Fd()), syscall.LOCK_EX))
	outs := make([]bytes.Buffer, len(commands))
	for i, c := range commands {
		c.Stdout, c.Stderr = &outs[i], &outs[i]
		r.must(c.Start())
	}
	r.waiting(len(commands))
	r.must(syscall.Flock(int(lock.Fd()), syscall.LOCK_UN))
	for i, c := range commands {
		err := c.Wait()
		said, well = append(said, outs[i].String()), append(well, err == nil)
	}
	return said, well
}

// waiting waits until so many other processes have the lock open.
func (r *racers) waiting(n int) {
	r.t.Helper()
	path := r.cfg.Path("lists.lock")
	// Other processes: there is nothing to wait on but what they have open.
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		links, err := filepath.Glob("/proc/[0-9]*/fd/*")
		r.must(err)
		at := map[string]bool{}
		for _, link := range links {
			if to, err := os.Readlink(link); err == nil && to == path && !strings.HasPrefix(link, fmt.Sprintf("/proc/%d/", os.Getpid())) {
				at[filepath.Dir(link)] = true
			}
		}
		if len(at) >= n {
			return
		}
	}
	r.t.Fatal("the processes do not come to the lock")
}

// signs makes a list of the IACA as a ceremony does, and gives its file.
func (r *racers) signs(number int64, at time.Time, serials ...int64) string {
	r.t.Helper()
	var all []*big.Int
	for _, n := range serials {
		all = append(all, big.NewInt(n))
	}
	return r.revokes(number, at, all...)
}

func (r *racers) revokes(number int64, at time.Time, serials ...*big.Int) string {
	r.t.Helper()
	key, err := soft.New(r.cfg.StateDir).Signer(r.t.Context(), "soft:path=keys/iaca.key")
	r.must(err)
	list := pki.Revocations{Number: big.NewInt(number), ThisUpdate: at, NextUpdate: at.AddDate(0, 0, 30)}
	for _, n := range serials {
		list.Revoked = append(list.Revoked, pki.RevokedCertificate{Serial: n, At: at})
	}
	crl, err := pki.BuildCRL(list, r.root(), key, rand.Reader)
	r.must(err)
	file := filepath.Join(r.t.TempDir(), fmt.Sprint(number, ".crl"))
	r.must(os.WriteFile(file, crl.Raw, 0o600))
	return file
}

func (r *racers) root() *pki.Certificate {
	r.t.Helper()
	data, err := os.ReadFile(r.cfg.Path("certs/iaca.pem"))
	r.must(err)
	certs, err := pki.ParsePEM(data)
	r.must(err)
	return certs[0]
}

// newest are the highest list that is kept, and the one among the published lists.
func (r *racers) newest() (kept, published *pki.CRL) {
	r.t.Helper()
	names, err := filepath.Glob(r.cfg.Path("certs/iaca-*.crl"))
	r.must(err)
	for _, file := range append(names, filepath.Join(r.cfg.Status.Directory, "crl", "iaca.crl")) {
		raw, err := os.ReadFile(file)
		r.must(err)
		list, err := pki.ParseCRL(raw)
		r.must(err)
		if published = list; kept == nil || list.Number.Cmp(kept.Number) > 0 {
			kept = list
		}
	}
	return kept, published
}

// Of lists that lack each other's revocations one is taken over, whoever brings them at
// the same moment: what was revoked stays revoked.
func TestImportsRace(t *testing.T) {
	r := newRacers(t)
	at := time.Now().Add(-time.Hour).Truncate(time.Second)
	revoked := []int64{}
	for round := range int64(4) {
		var imports []*exec.Cmd
		for i := range int64(6) {
			number := round*10 + i + 1
			file := r.signs(number, at.Add(time.Duration(number)*time.Second), append(revoked, 1000+number)...)
			imports = append(imports, r.issuer("crl", "--import", file))
		}
		said, well := r.race(imports...)
		taken := -1
		for i, ok := range well {
			switch {
			case ok && taken >= 0:
				t.Fatalf("round %d: two lists were taken over that lack each other's revocations", round)
			case ok:
				taken = i
			case !strings.Contains(said[i], "lacks") && !strings.Contains(said[i], "was there before"):
				t.Errorf("%s", said[i])
			}
		}
		if taken < 0 {
			t.Fatalf("none was taken over: %q", said)
		}
		revoked = append(revoked, 1000+round*10+int64(taken)+1)
		kept, published := r.newest()
		if !bytes.Equal(kept.Raw, published.Raw) {
			t.Errorf("list %s is kept, %s published", kept.Number, published.Number)
		}
		for _, n := range revoked {
			if !names(kept, n) {
				t.Errorf("round %d: %d is no more revoked", round, n)
			}
		}
	}
}

func names(list *pki.CRL, serial int64) bool {
	for _, e := range list.Entries() {
		if e.Serial.Cmp(big.NewInt(serial)) == 0 {
			return true
		}
	}
	return false
}

// Processes revoke, beside an office that serves and renews: all are on the last list,
// and on the one that the office serves.
func TestRevocationsRace(t *testing.T) {
	r := newRacers(t)
	ctx, stop := context.WithCancel(t.Context())
	serve := r.issuer("serve")
	var log bytes.Buffer
	serve.Stdout, serve.Stderr = &log, &log
	r.must(serve.Start())
	t.Cleanup(func() {
		stop()
		_ = serve.Process.Signal(syscall.SIGTERM)
		_ = serve.Wait()
	})
	address := "http://" + r.cfg.Listen.Public + "/crl/iaca.crl"
	for ctx.Err() == nil { // another process: there is nothing to wait on but its port
		if res, err := http.Get(address); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				break
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	for round := range int64(2) {
		var revoke []*exec.Cmd
		for i := range int64(5) {
			revoke = append(revoke, r.issuer("crl", "--unknown", fmt.Sprintf("%x", 100*(round+1)+i)))
		}
		said, well := r.race(revoke...)
		for i, ok := range well {
			if !ok {
				t.Errorf("%s", said[i])
			}
		}
		kept, published := r.newest()
		if kept.Len() != 5*int(round+1) || !bytes.Equal(kept.Raw, published.Raw) {
			t.Errorf("%d are revoked by list %s, published is %s", kept.Len(), kept.Number, published.Number)
		}
		res, err := http.Get(address)
		r.must(err)
		var served bytes.Buffer
		_, err = served.ReadFrom(res.Body)
		r.must(err)
		res.Body.Close()
		if !bytes.Equal(served.Bytes(), kept.Raw) {
			t.Error("the office serves another list")
		}
	}
}

// No two lists that say who issues here have one number, and what is published is the
// newest.
func TestTrustListsRace(t *testing.T) {
	r := newRacers(t)
	number := regexp.MustCompile(`VICAL ([0-9]+) `)
	given := map[string]bool{}
	for range 2 {
		var make []*exec.Cmd
		for range 5 {
			make = append(make, r.issuer("trust", "vical"))
		}
		said, well := r.race(make...)
		for i, ok := range well {
			m := number.FindStringSubmatch(said[i])
			if !ok || m == nil || given[m[1]] {
				t.Fatalf("%q after %v", said[i], given)
			}
			given[m[1]] = true
		}
		kept, err := os.ReadFile(r.cfg.Path("trust/vical.cbor"))
		r.must(err)
		if there, err := os.ReadFile(filepath.Join(r.cfg.Status.Directory, "trust", "vical.cbor")); err != nil || !bytes.Equal(kept, there) {
			t.Errorf("another list is published, %v", err)
		}
	}
}

// A process that is killed holds nobody up, and one that hangs is named.
func TestListsLockIsLetGo(t *testing.T) {
	r := newRacers(t)
	lock, err := os.OpenFile(r.cfg.Path("lists.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	r.must(err)
	r.must(syscall.Flock(int(lock.Fd()), syscall.LOCK_EX))
	killed := r.issuer("trust", "vical")
	r.must(killed.Start())
	r.waiting(1)
	r.must(syscall.Flock(int(lock.Fd()), syscall.LOCK_UN))
	// It holds the lock now, or soon, or did: whichever it is, it goes with it.
	r.must(killed.Process.Kill())
	_ = killed.Wait()
	if out, err := r.issuer("trust", "vical").CombinedOutput(); err != nil {
		t.Errorf("%s", out)
	}
	r.must(lock.Close())
}
