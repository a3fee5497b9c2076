package issuer_test

import (
	"strings"
	"testing"
	"time"

	"vidimus/api/registryclient"
	"vidimus/internal/app/issuer"
	"vidimus/internal/policy"
	"vidimus/internal/wallet"
)

// When the clock is set back, a withdrawal that has had its effect has not
// begun by it: a copy made then would be whole, and nobody would revoke it.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	o := newOffice(t, quick).serve().people()
	s := o.speaker()
	s.say("P-1", ban("M-1", registryclient.ProvisionalWithdrawal))
	o.clock.Advance(-5 * time.Second)
	offer := o.offer(issuer.OfferWish{Documents: []string{"DL-1"}})
	if _, err := o.holder().Accept(t.Context(), offer.URI, wallet.AcceptOptions{TxCode: offer.TxCode}); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("before the withdrawal, by the clock: %v", err)
	}
	o.stands("DL-1", 0, 0)
	o.clock.Advance(5 * time.Second)
	h := o.holds("DL-1", 1)
	if got := h.categories(); got != "[]" {
		t.Errorf("under the withdrawal: %s", got)
	}
	o.window()
	expect(t, h.licence(), policy.Green, policy.Valid)
	o.stands("DL-1", 1, 0)
}
