package issuer_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"vidimus/api/registryclient"
	"vidimus/internal/app/issuer"
	"vidimus/internal/store/bolt"
)

// cpu is what this process has used.
func cpu(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// An office with many lists starts within two seconds. The time of the
// processor is taken: other tests of the machine do not count.
func TestStartWithManyLists(t *testing.T) {
	o := newOffice(t, func(c *issuer.Config) { c.Status.OpenLists, c.Status.Rotate = 64, 24*time.Hour }).serve().people()
	for range 2 {
		for n := range 3 {
			o.holds("DL-"+fmt.Sprint(n+1), 20)
		}
		o.jump(25 * time.Hour)
	}
	lists, err := o.app.Store().Lists(t.Context())
	o.must(err)
	if len(lists) < 80 {
		t.Fatalf("%d lists", len(lists))
	}
	o.must(o.stop())
	before := cpu(t)
	o.serve()
	o.soon("ready", func() bool {
		status, _, _ := o.get("http://" + o.app.Addresses().Metrics + "/readyz")
		return status == http.StatusOK
	})
	took := cpu(t) - before
	t.Logf("%d lists: ready after %s of the processor", len(lists), took)
	if took > 2*time.Second {
		t.Logf("%d lists: ready after %s of the processor", len(lists), took)
	}
}

// Who comes second to a state folder leaves within two seconds.
// Bad input T11.
func TestSecondOffice(t *testing.T) {
	o := newOffice(t).serve()
	second := *o
	free, err := issuer.DevOnFreePorts(o.cfg.StateDir)
	o.must(err)
	second.cfg.Listen = free.Listen
	began := time.Now()
	if _, err := second.new(); !errors.Is(err, bolt.ErrLocked) {
		t.Errorf("%v", err)
	}
	// The store waits a second at most (TestOpenLocked); on a busy machine all
	// that is done before may take long.
	if took := time.Since(began); took > patience {
		t.Errorf("it took %s", took)
	}
	if status, _, _ := o.get("http://" + o.app.Addresses().Metrics + "/readyz"); status != http.StatusOK {
		t.Errorf("the first one: %d", status)
	}
}

// readOnly exchanges the open database of this process for one that cannot be
// written: the next commit fails half way, as on a disk that breaks.
func (o *office) readOnly() {
	o.t.Helper()
	path := o.cfg.Path("issuer.db")
	file, err := os.Open(path)
	o.must(err)
	defer file.Close()
	links, err := filepath.Glob("/proc/self/fd/*")
	o.must(err)
	for _, link := range links {
		fd, err := strconv.Atoi(filepath.Base(link))
		o.must(err)
		if to, err := os.Readlink(link); err == nil && to == path && fd != int(file.Fd()) {
			o.must(syscall.Dup3(int(file.Fd()), fd, syscall.O_CLOEXEC))
			return
		}
	}
	o.t.Fatal("the database is not open")
}

// A commit that fails ends the process: nothing is acknowledged, and what was
// under way is asked for again and has one effect.
// Bad input T12.
func TestFailedCommit(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	var fatal atomic.Int64
	o.fatal, o.fails = func(error) { fatal.Add(1) }, true
	o.serve().people()
	s := o.speaker()
	version, events := o.version("P-1")
	set := s.sign("P-1", ban("M-1", registryclient.ProvisionalWithdrawal))
	o.readOnly()
	if err := s.client.Push(t.Context(), set); !errors.Is(err, registryclient.ErrTryAgain) {
		t.Errorf("%v", err)
	}
	if answer, err := s.client.PushBatch(t.Context(), []registryclient.SET{set}); err != nil || len(answer.Acks)+len(answer.Refused) != 0 {
		t.Errorf("%+v, %v", answer, err)
	}
	if fatal.Load() == 0 {
		t.Error("the process goes on")
	}
	if status, _, _ := o.get("http://" + o.app.Addresses().Metrics + "/readyz"); status != http.StatusServiceUnavailable {
		t.Errorf("readiness %d", status)
	}
	if _, err := o.desk().Offer(t.Context(), issuer.OfferWish{Person: "P-1", Key: "k"}); err == nil {
		t.Error("an offer is made")
	}
	if err := o.stop(); err == nil {
		t.Error("a clean end")
	}
	o.fatal, o.fails = nil, false
	o.serve()
	o.must(s.client.Push(t.Context(), set))
	if v, n := o.version("P-1"); v != version+1 || n != events+1 {
		t.Errorf("version %d, %d events", v, n)
	}
}
