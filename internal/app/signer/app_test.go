package signer

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/keys"
	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/problem"
	"vidimus/internal/signer"
)

// A signer serves, says so to systemd, and goes on where it was.
func TestRun(t *testing.T) {
	o := newOffice(t)
	if _, err := New(t.Context(), o.cfg, Options{}); err == nil || !strings.Contains(err.Error(), "signer init") {
		t.Fatalf("began a record by itself: %v", err)
	}
	o.begin()
	told, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: o.cfg.Path("notify"), Net: "unixgram"})
	o.must(err)
	defer told.Close()
	t.Setenv("NOTIFY_SOCKET", o.cfg.Path("notify"))
	for round := 1; round <= 2; round++ {
		stop := o.run(Options{})
		say := func(want string) {
			t.Helper()
			b := make([]byte, 64)
			told.SetReadDeadline(time.Now().Add(time.Minute))
			if n, err := told.Read(b); err != nil || string(b[:n]) != want {
				t.Errorf("%q, %v", b[:n], err)
			}
		}
		say("READY=1")
		k, err := o.client(time.Minute).Signer(t.Context(), "signer:key=mdl")
		o.must(err)
		o.must(keys.Prove(k, o.DocumentSignerMDL.Cert.Cert, rand.Reader))
		if _, err := New(t.Context(), o.cfg, Options{}); err == nil || !strings.Contains(err.Error(), "answers at") {
			t.Errorf("two write one record: %v", err)
		}
		o.must(stop())
		say("STOPPING=1")
		if head, err := VerifyRecord(o.cfg); err != nil || head.Seq != uint64(2*round) { // of the client that opened the key, and of Prove
			t.Errorf("round %d: %v, %v", round, head, err)
		}
	}
}

// A signer that is killed under load has released no signature without its line, and
// goes on with the record: what stands there and was not signed is less than what was
// under way.
func TestKilled(t *testing.T) {
	o := newOffice(t)
	o.cfg.Rate = Rate{PerSecond: 1e9, Burst: 1e9}
	o.begin()
	var mu sync.Mutex
	released := map[string]int{} // digests over the digests of answered requests
	answered := 0
	for round := range 3 {
		p := o.spawn()
		c := o.client(time.Minute)
		open, err := c.Signer(t.Context(), "signer:key=mdl")
		o.must(err)
		k := open.(*signer.Far)
		enough := make(chan struct{}, 1000)
		var wg sync.WaitGroup
		for worker := range 16 {
			wg.Go(func() {
				for {
					// Requests of different lengths have different digests.
					messages := make([][]byte, 1+worker+16*round)
					all := sha256.New()
					for i := range messages {
						messages[i] = o.proof()
						digest := sha256.Sum256(messages[i])
						all.Write(digest[:])
					}
					signatures, err := k.Do(t.Context(), messages)
					if err != nil {
						if problem.KindOf(err) != problem.Unavailable {
							t.Error(err)
						}
						return
					}
					digest := sha256.Sum256(messages[0])
					if !o.verified(digest[:], signatures[len(signatures)-1]) {
						t.Error("a signature that does not verify")
					}
					mu.Lock()
					released[hex.EncodeToString(all.Sum(nil))]++
					answered++
					mu.Unlock()
					select {
					case enough <- struct{}{}:
					default:
					}
				}
			})
		}
		for range 50 {
			<-enough
		}
		p.kill()
		wg.Wait()
	}
	stop := o.run(Options{})
	o.must(stop())
	lines := map[string]int{}
	f, err := os.Open(o.cfg.Path(o.cfg.Audit))
	o.must(err)
	defer f.Close()
	head, err := audit.Verify(f, func(_ uint64, e audit.Event) error {
		lines[e.Detail["digest"]]++
		return nil
	})
	o.must(err)
	for digest, n := range released {
		if lines[digest] < n {
			t.Errorf("%d released, %d lines", n, lines[digest])
		}
	}
	if extra := int(head.Seq) - answered; extra < 0 || extra > 3*17 { // a proof for each client
		t.Errorf("%d lines for %d answers", head.Seq, answered)
	}
	t.Logf("%d answers, %d lines, killed 3 times", answered, head.Seq)
}

// A record on a full disk: nothing is signed, and the signer ends.
func TestFullDisk(t *testing.T) {
	o := newOffice(t)
	o.begin()
	app, err := New(t.Context(), o.cfg, Options{})
	o.must(err)
	done := make(chan error, 1)
	go func() { done <- app.Run(t.Context()) }()
	k, err := o.client(time.Minute).Signer(t.Context(), "signer:key=mdl")
	o.must(err)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	o.must(err)
	defer full.Close()
	o.must(syscall.Dup3(int(full.Fd()), descriptor(t, o.cfg.Path(o.cfg.Audit)), syscall.O_CLOEXEC))
	if sig, err := crypto.SignMessage(k, rand.Reader, o.proof(), crypto.SHA256); sig != nil || problem.KindOf(err) != problem.Unavailable {
		t.Errorf("signed: %v", err)
	}
	if err := <-done; err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("went on: %v", err)
	}
}

// descriptor is that under which this process has a file open.
func descriptor(t *testing.T, path string) int {
	t.Helper()
	const dir = "/proc/self/fd"
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if target, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil && target == path {
			fd, err := strconv.Atoi(e.Name())
			if err != nil {
				t.Fatal(err)
			}
			return fd
		}
	}
	t.Fatalf("%s is not open", path)
	return -1
}

// A hundred keys are open and proven at once: the figure is for the log.
func TestManyKeys(t *testing.T) {
	o := newOffice(t)
	for i := range 98 {
		e, err := o.Issue(pki.Template{Profile: pki.ProfileReceiptSigner, Subject: pki.Name{Country: pkitest.Country, CommonName: fmt.Sprint("receipt ", i)}}, &o.OperationsCA)
		o.must(err)
		o.add(fmt.Sprintf("receipt-%d", i), *e, Key{Profile: string(pki.ProfileReceiptSigner)})
	}
	o.begin()
	begin := time.Now()
	app, err := New(t.Context(), o.cfg, Options{})
	o.must(err)
	took := time.Since(begin)
	defer app.Close()
	if n := len(app.service.Status()); n != 100 {
		t.Errorf("%d keys", n)
	}
	t.Logf("start with 100 keys: %s", took.Round(time.Millisecond))
}

// TestRecordKept: the record is the one that this signer wrote, or it does not start.
func TestRecordKept(t *testing.T) {
	o := newOffice(t)
	o.begin()
	ask := func() {
		t.Helper()
		stop := o.run(Options{})
		k, err := o.client(time.Minute).Signer(t.Context(), "signer:key=mdl")
		o.must(err)
		for range 3 {
			o.must(keys.Prove(k, o.DocumentSignerMDL.Cert.Cert, rand.Reader))
		}
		o.must(stop())
	}
	ask()
	path, mark := o.cfg.Path(o.cfg.Audit), o.cfg.Path(o.cfg.Mark)
	whole, err := os.ReadFile(path)
	o.must(err)
	old, err := os.ReadFile(mark)
	o.must(err)
	lines := bytes.SplitAfter(whole, []byte("\n"))
	other := bytes.Replace(whole, []byte(`"count":"1"`), []byte(`"count":"2"`), 1)
	for name, tt := range map[string]struct {
		record, mark []byte
		want         string
	}{
		"T06/end_missing":  {bytes.Join(lines[:2], nil), old, "that were signed are missing"},
		"T06/gone":         {nil, old, "put it back from a backup"},
		"T06/empty":        {[]byte{}, old, "that were signed are missing"},
		"T06/mark_gone":    {whole, nil, "signer audit mark"},
		"T06/mark_garbage": {whole, []byte("x"), "is no mark"},
		"T06/mark_of_more": {whole, bytes.Replace(old, []byte("4:"), []byte("5:"), 1), "not the one that was there"},
	} {
		t.Run(name, func(t *testing.T) {
			for p, data := range map[string][]byte{path: tt.record, mark: tt.mark} {
				os.Remove(p)
				if data != nil {
					o.must(os.WriteFile(p, data, 0o600))
				}
			}
			app, err := New(t.Context(), o.cfg, Options{})
			if app != nil {
				app.Close()
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v", err)
			}
		})
	}
	// What was changed before the mark, a full look finds.
	o.must(os.WriteFile(path, other, 0o600))
	o.must(os.WriteFile(mark, old, 0o600))
	if _, err := VerifyRecord(o.cfg); !errors.Is(err, audit.ErrChain) {
		t.Errorf("a changed line: %v", err)
	}
	if d := Diagnose(t.Context(), o.cfg, Options{}, true); d.ExitCode() != 1 {
		t.Errorf("%s", d)
	}
	o.must(os.WriteFile(path, append(bytes.Clone(whole), `{"prev":"torn`...), 0o600))
	ask()
	if head, err := VerifyRecord(o.cfg); err != nil || head.Seq != 8 {
		t.Errorf("after a torn line: %v, %v", head, err)
	}
}

// Every key of the configuration is documented with its default, and what is shipped is
// without mistakes but for what an office has to say itself.
func TestDefaults(t *testing.T) {
	c := Defaults()
	text, err := c.YAML()
	if err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		name := strings.TrimSpace(strings.SplitN(lines.Text(), ":", 2)[0])
		if !strings.Contains(DefaultsYAML, name+":") {
			t.Errorf("%s is not documented", name)
		}
	}
	for _, name := range []string{"key", "chain", "profile", "doctypes", "vcts", "max_validity", "without_status", "rate"} {
		if !strings.Contains(DefaultsYAML, name) {
			t.Errorf("keys.NAME.%s is not documented", name)
		}
	}
	// The keys that stand there as an example are ones.
	_, example, _ := strings.Cut(DefaultsYAML, "# keys:\n")
	example, _, _ = strings.Cut(example, "\nkeys: {}")
	path := filepath.Join(t.TempDir(), "signer.yaml")
	text = "public_url: https://issuer.example\nkeys:\n" + strings.ReplaceAll(strings.ReplaceAll("\n"+example, "\n#", "\n"), "\n ", "\n")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err = LoadConfig(path)
	if err == nil {
		err = c.Check()
	}
	if err != nil || len(c.Keys) != 2 || c.Keys["pid"].Rate == nil {
		t.Errorf("%+v, %v\n%s", c.Keys, err, text)
	}
	c.StatusPrefix = "https://issuer.example"
	if err := c.Check(); err == nil || !strings.Contains(err.Error(), "end it in a slash") {
		t.Errorf("a prefix of other hosts: %v", err)
	}
}
