package issuer_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"vidimus/internal/issuerhttp"
)

// TestKeyAway: while the key of a root is away its list at hand is served until its
// end, and somebody hears of it: of the failure, and of the end that nears.
func TestKeyAway(t *testing.T) {
	t.Parallel()
	o := newOffice(t).serve()
	first := o.list(issuerhttp.SignerCRLPath)
	key := o.cfg.Path("keys/iaca.key")
	o.must(os.Rename(key, key+".away"))
	told := func(what string) int { return strings.Count(o.log.String(), what) }

	o.clock.Advance(25 * time.Hour)
	for range 5 {
		if got := o.list(issuerhttp.SignerCRLPath); got.Number.Cmp(first.Number) < 0 {
			t.Fatalf("number %s", got.Number)
		}
	}
	if n := told("renewing a list of revoked signers"); n != 1 {
		t.Errorf("the signer was asked %d times within a minute", n)
	}
	o.clock.Advance(time.Minute)
	o.list(issuerhttp.SignerCRLPath)
	if n := told("renewing a list of revoked signers"); n != 2 {
		t.Errorf("the signer was asked %d times", n)
	}
	end := o.list(issuerhttp.SignerCRLPath).NextUpdate
	for i, left := range []time.Duration{6 * day, time.Hour} {
		o.clock.Set(end.Add(-left))
		o.app.TendRevocations(t.Context())
		if n := told(`list=iaca left=`); n != i+1 {
			t.Errorf("%s before its end: told %d times\n%s", left, n, o.log)
		}
	}
	o.list(issuerhttp.SignerCRLPath)
	o.clock.Set(end)
	if status, _, _ := o.get(o.cfg.PublicURL + issuerhttp.SignerCRLPath); status != http.StatusServiceUnavailable {
		t.Errorf("after its end: %d", status)
	}
	o.must(os.Rename(key+".away", key))
	o.app.TendRevocations(t.Context())
	if got := o.list(issuerhttp.SignerCRLPath); !got.NextUpdate.After(end) {
		t.Error("not renewed")
	}
}

// TestReaderListStands: the list of revoked readers stands until its end when the next
// one cannot be made.
func TestReaderListStands(t *testing.T) {
	t.Parallel()
	o := newOffice(t).serve()
	first := o.list(issuerhttp.ReaderCRLPath)
	// Numbers are taken by lists of another authority.
	other := o.list(issuerhttp.SignerCRLPath)
	taken := func(at time.Time) {
		o.must(os.WriteFile(o.cfg.Path(fmt.Sprintf("certs/readers-%020d.crl", at.UnixMicro())), other.Raw, 0o644))
	}
	o.clock.Advance(25 * time.Hour)
	taken(o.clock.Now())
	for range 3 {
		if got := o.list(issuerhttp.ReaderCRLPath); got.Number.Cmp(first.Number) != 0 {
			t.Fatalf("number %s after %s", got.Number, first.Number)
		}
	}
	if n := strings.Count(o.log.String(), "renewing the list of revoked readers"); n != 1 {
		t.Errorf("said %d times", n)
	}
	o.clock.Set(first.NextUpdate)
	taken(o.clock.Now())
	if status, _, _ := o.get(o.cfg.PublicURL + issuerhttp.ReaderCRLPath); status != http.StatusServiceUnavailable {
		t.Errorf("after its end: %d", status)
	}
}
