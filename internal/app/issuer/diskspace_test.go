package issuer_test

import (
	"errors"
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"

	"vidimus/api/registryclient"
	"vidimus/internal/app/issuer"
)

// A full disk refuses what would have to be kept, and nothing else; it is over
// when there is room again.
// Bad inputs R16 and T10.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	var full atomic.Bool
	o := newOffice(t)
	o.opts.Statfs = func(dir string, into *syscall.Statfs_t) error {
		err := syscall.Statfs(dir, into)
		if full.Load() {
			into.Bavail = 0
		}
		return err
	}
	o.serve().people()
	h := o.holds("DL-1", 1)
	s := o.speaker()
	offer := o.offer(issuer.OfferWish{Documents: []string{"DL-1"}})
	ready := func() int {
		status, _, _ := o.get("http://" + o.app.Addresses().Metrics + "/readyz")
		return status
	}
	if got := ready(); got != http.StatusOK {
		t.Fatalf("readiness %d", got)
	}
	version, _ := o.version("P-1")
	lines, _, err := o.app.Store().AuditSize(t.Context())
	o.must(err)

	full.Store(true)
	set := s.sign("P-1", ban("M-1", registryclient.ProvisionalWithdrawal))
	if err := s.client.Push(t.Context(), set); !errors.Is(err, registryclient.ErrTryAgain) {
		t.Errorf("an event: %v", err)
	}
	status, header, body := o.post(s.client.Endpoint+registryclient.EventsPath, registryclient.TokenType, set.Token)
	if status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" {
		t.Errorf("an event: %d %v %s", status, header, body)
	}
	if answer, err := s.client.PushBatch(t.Context(), []registryclient.SET{set}); err != nil || len(answer.Acks)+len(answer.Refused) != 0 {
		t.Errorf("a batch: %+v, %v", answer, err)
	}
	raw := rawWallet{o, newKey(t)}
	if status, _ := raw.token(offer.URI, offer.TxCode, raw.proof(o.cfg.PublicURL+"/token", "")); status != http.StatusServiceUnavailable {
		t.Errorf("a token: %d", status)
	}
	if got := ready(); got != http.StatusServiceUnavailable {
		t.Errorf("readiness %d", got)
	}
	if status, _, _ := o.get("http://" + o.app.Addresses().Metrics + "/healthz"); status != http.StatusOK {
		t.Errorf("health %d", status)
	}
	expect(t, h.licence(), "green", "valid") // lists are served
	if v, _ := o.version("P-1"); v != version {
		t.Error("something was written")
	}
	if now, _, err := o.app.Store().AuditSize(t.Context()); err != nil || now != lines {
		t.Errorf("%d lines after %d, %v", now, lines, err)
	}

	full.Store(false)
	if got := ready(); got != http.StatusOK {
		t.Errorf("with room: readiness %d", got)
	}
	o.must(s.client.Push(t.Context(), set))
	s.covered(set)
	if status, _ := raw.token(offer.URI, offer.TxCode, raw.proof(o.cfg.PublicURL+"/token", "")); status != http.StatusOK {
		t.Errorf("a token: %d", status)
	}
}
