package issuer_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"vidimus/internal/app/issuer"
	"vidimus/internal/diagnosis"
)

// TestNoCRLAtAll: an authority whose key is elsewhere, and whose list was never brought
// here, is told of at the start, once, until the list is there; the doctor and the gauge
// say it too.
func TestNoCRLAtAll(t *testing.T) {
	t.Parallel()
	o := newOffline(t)
	reader := o.cfg.Path("keys/reader-ca.key")
	o.must(os.Rename(reader, reader+".away"))
	o.cfg.ReaderCA.Key = ""
	o.serve()
	told := func(list string) int {
		return strings.Count(o.log.String(), `msg="there is no list of revoked certificates: nothing below this root is green" list=`+list+" ")
	}
	gauge := func(list string) bool {
		_, _, body := o.get("http://" + o.app.Addresses().Metrics + "/metrics")
		return strings.Contains(body, `vidimus_crl_seconds_left{list="`+list+`"} 0`+"\n")
	}
	for range 2 {
		o.app.TendRevocations(t.Context())
	}
	for _, list := range []string{"iaca", "readers"} {
		if n := told(list); n != 1 {
			t.Errorf("%s: told %d times\n%s", list, n, o.log)
		}
		if got := o.grades("revocation", list+".crl", "there is none"); !slices.Equal(got, []diagnosis.Grade{diagnosis.Wrong}) {
			t.Errorf("%s: the doctor says %v", list, got)
		}
		if !gauge(list) {
			t.Errorf("%s: no gauge", list)
		}
	}
	if !strings.Contains(o.log.String(), "issuer crl --import FILE") {
		t.Error("no remedy")
	}
	now := o.clock.Now()
	if _, _, err := issuer.ImportCRL(t.Context(), &o.cfg, o.signed(7, now, 90), now); err != nil {
		t.Fatal(err)
	}
	o.app.TendRevocations(t.Context())
	if n := told("iaca"); n != 1 || o.grades("revocation", "iaca.crl", "there is none") != nil || gauge("iaca") {
		t.Errorf("with its list it is told %d times", n)
	}
}
