package issuer_test

import (
	"net/http"
	"testing"
	"time"

	"vidimus/api/registryclient"
	"vidimus/internal/app/issuer"
)

// Who has a stolen phone waits for nothing: a ban that comes before or after the
// loss of every wallet, and passes, does not bring the old grants to life.
func TestLostAndBanned(t *testing.T) {
	lost := registryclient.WalletLost{Reason: "stolen"}
	for name, story := range map[string][]registryclient.Payload{
		"banned, then lost":        {ban("M-1", registryclient.CourtBan), lost},
		"lost, then banned":        {lost, ban("M-1", registryclient.CourtBan)},
		"banned, lost, and banned": {ban("M-0", registryclient.CourtBan), lost, ban("M-1", registryclient.CourtBan)},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t, quick, blocking(t)).serve().people()
			s := o.speaker()
			grant := func() *waiter {
				return o.grantToken(t, o.offer(issuer.OfferWish{Documents: []string{"DL-1"}, Configurations: []string{"mdl"}}))
			}
			refreshing, asking := grant(), grant()
			for _, p := range story {
				o.clock.Advance(10 * time.Second)
				s.say("P-1", p)
			}
			o.clock.Advance(10 * time.Second)
			a, r := asking.ask("mdl"), refreshing.refresh()
			if a.status != http.StatusBadRequest || r.status != http.StatusBadRequest {
				t.Errorf("under the ban: asking %d %s, refreshing %d %s", a.status, a.Error, r.status, r.Error)
			}
			o.clock.Advance(10 * time.Second)
			for _, id := range []string{"M-0", "M-1"} {
				if id == "M-1" || len(story) == 3 {
					s.say("P-1", registryclient.MeasureLifted{ID: id, Reason: "served"})
				}
			}
			for _, w := range []*waiter{asking, refreshing} {
				if got := w.ask("mdl"); got.status == http.StatusOK {
					t.Error("the stolen phone has a copy")
				}
				if got := w.refresh(); got.status == http.StatusOK {
					t.Error("the stolen phone has a token")
				}
			}
			// A new offer is good.
			if got := grant().ask("mdl"); got.status != http.StatusOK {
				t.Errorf("a new offer: %d %s", got.status, got.Error)
			}
		})
	}
}
