package issuer_test

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"vidimus/api/registryclient"
	"vidimus/internal/app/issuer"
)

// figure reads a metric with its labels as they stand, -1 when it is not there.
func (o *office) figure(name string) float64 {
	o.t.Helper()
	_, _, body := o.get("http://" + o.app.Addresses().Metrics + "/metrics")
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindStringSubmatch(body)
	if m == nil {
		return -1
	}
	v, err := strconv.ParseFloat(m[1], 64)
	o.must(err)
	return v
}

// How long it takes from an event to its publication is measured, urgent and
// not; so is what an alarm hangs on.
func TestFigures(t *testing.T) {
	t.Parallel()
	o := newOffice(t, quick, func(c *issuer.Config) { c.Status.TTL = 5 * time.Minute }).serve().people()
	s := o.speaker()
	o.holds("DL-1", 2)
	const published = "vidimus_registry_event_to_published_seconds"
	s.covered(s.say("P-1", ban("M-1", registryclient.ProvisionalWithdrawal)))
	o.soon("the urgent one is measured", func() bool { return o.figure(published+`_count{urgent="true"}`) == 1 })
	if sum := o.figure(published + `_sum{urgent="true"}`); sum != 0 { // by a clock that stands
		t.Errorf("it took %v", sum)
	}
	o.holds("DL-1", 2)
	set := s.say("P-1", registryclient.MeasureLifted{ID: "M-1"})
	o.pass(10 * time.Minute)
	if r := s.receipt(set); r.State != "covered" {
		t.Fatalf("%+v", r)
	}
	o.soon("the other is measured", func() bool { return o.figure(published+`_count{urgent="false"}`) == 1 })
	if sum := o.figure(published + `_sum{urgent="false"}`); sum < 300 || sum > 600 {
		t.Errorf("it took %v seconds, in windows of five minutes", sum)
	}
	if bucket := o.figure(published + `_bucket{urgent="true",le="2"}`); bucket != 1 {
		t.Errorf("%v within two seconds", bucket)
	}

	// A tick of the office itself may come between two looks, and renew the lists.
	o.soon("an hour later the lists are an hour older", func() bool {
		age := o.figure("vidimus_status_list_age_seconds")
		o.clock.Advance(time.Hour)
		return o.figure("vidimus_status_list_age_seconds") == age+3600
	})
	o.must(o.app.Tick(t.Context()))
	if now := o.figure("vidimus_status_list_age_seconds"); now != 0 {
		t.Errorf("new lists are %v seconds old", now)
	}
	for name, least := range map[string]float64{
		"vidimus_audit_lines": 12, "vidimus_store_commits": 10, `vidimus_registry_held_events{source="` + issuer.DevSource + `"}`: 0,
		"vidimus_certificate_seconds_left": 1e6, "vidimus_status_publish_failures_total": 0, "vidimus_notices_waiting": 0,
	} {
		if v := o.figure(name); v < least {
			t.Errorf("%s is %v", name, v)
		}
	}
	_, _, body := o.get("http://" + o.app.Addresses().Metrics + "/metrics")
	for _, no := range []string{"P-1", "DL-1", "Weber", "M-1", set.JTI} {
		if strings.Contains(body, no) {
			t.Errorf("the metrics say %s", no)
		}
	}
}

// Ready means that requests are served; there is no third state.
func TestReadiness(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	app, err := o.new()
	o.must(err)
	client := &http.Client{Timeout: 200 * time.Millisecond}
	if res, err := client.Get("http://" + app.Addresses().Metrics + "/readyz"); err == nil {
		res.Body.Close()
		t.Errorf("an office that does not run answers %d", res.StatusCode)
	}
	o.must(app.Close())
	o.serve()
	for _, addr := range []string{o.app.Addresses().Metrics, o.app.Addresses().Public} {
		if status, _, body := o.get("http://" + addr + "/readyz"); status != http.StatusOK || !strings.Contains(body, "ready") {
			t.Errorf("%d %s", status, body)
		}
	}
	o.fails = true
	o.must(o.app.Store().Close())
	for _, addr := range []string{o.app.Addresses().Metrics, o.app.Addresses().Public} {
		if status, header, _ := o.get("http://" + addr + "/readyz"); status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" {
			t.Errorf("without a store: %d %v", status, header)
		}
	}
	if status, _, _ := o.get("http://" + o.app.Addresses().Public + "/status"); status != http.StatusOK {
		t.Errorf("the list of lists: %d", status)
	}
}
