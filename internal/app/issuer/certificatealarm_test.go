package issuer_test

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/diagnosis"
	"vidimus/internal/issuerhttp"
)

// alarms counts the alarms of a thing at a threshold.
func (o *office) alarms(what, left string) int {
	n := 0
	for line := range strings.Lines(o.log.String()) {
		if strings.Contains(line, `msg="certificate alarm"`) && strings.Contains(line, "what="+what+" ") && (strings.Contains(line, "left="+left+" ") || strings.Contains(line, `left="`+left+`" `)) {
			n++
		}
	}
	return n
}

// TestSignerCannotCover: bad input K04. A document signer that does not cover the life
// of a copy signs none, at the start or later: nothing is shortened, readiness and an
// alarm say so, and what was issued can still be taken back.
func TestSignerCannotCover(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name        string
		from, until int // days of the one document signer, the office starts on day 20
		left        string
		issues      bool
	}{
		{"K04/ends in five days", 0, 25, "over", false},
		{"K04/expired", 0, 19, "over", false},
		{"K04/not yet valid", 21, 111, "over", false},
		{"K04/an hour short of the life of a copy", 0, 34, "over", false},
		{"K04/five days are left to sign", 0, 40, "7 days", true},
		{"K04/a day is left to sign", 0, 35, "1 day", true},
		{"K04/months are left", 0, 90, "quiet", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			o.turns("mdl", o.generation("mdl", "only", tt.from, tt.until))
			o.clock.Set(start.Add(20*day - time.Minute))
			o.serve().people()
			if got := o.ready() == http.StatusOK; got != tt.issues {
				t.Errorf("ready: %v", got)
			}
			if n := o.alarms("signers.mdl", tt.left); n != 1 && tt.left != "quiet" {
				t.Errorf("%d alarms at %q:\n%s", n, tt.left, o.log)
			}
			if tt.issues {
				d := o.licence()
				if want := start.Truncate(day).Add(34 * day); !d.until.Equal(want) {
					t.Errorf("a copy until %s, want %s", d.until, want)
				}
				return
			}
			_, err := o.desk().Offer(t.Context(), issuer.OfferWish{Documents: []string{"DL-1"}, Configurations: []string{"mdl"}, Key: "k"})
			if err == nil || !strings.Contains(err.Error(), "signers.mdl") {
				t.Errorf("offered: %v", err)
			}
			if _, err := o.desk().Offer(t.Context(), issuer.OfferWish{Documents: []string{"ID-1"}, Configurations: []string{"pid-mdoc"}, Key: "p"}); err != nil {
				t.Errorf("others are issued: %v", err)
			}
			sent := o.push(issuer.Annulment("DL-1"))
			if _, err := o.feed(issuer.FeedConfig{}).Settled(t.Context(), sent[0]); err != nil {
				t.Errorf("an annulment: %v", err)
			}
		})
	}
}

// TestIssuingStops: bad input K04. The last key comes to its end while wallets hold
// grants: they are told to come again, nothing is lost, and with a new key it goes on.
func TestIssuingStops(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	last := o.generation("mdl", "last", 0, 40)
	o.turns("mdl", last)
	o.clock.Set(start.Add(26*day - time.Hour - time.Minute)) // a minute before it stops
	o.serve().people()
	w, token := o.grant("DL-1")
	if status, code, got := w.draws(token, 1); status != http.StatusOK || o.judge(got[0]).key != o.keyOf(last) {
		t.Fatalf("%d %s", status, code)
	}
	o.clock.Advance(time.Minute + time.Second)
	if status, _, got := w.draws(token, 1); status != http.StatusServiceUnavailable || len(got) > 0 {
		t.Errorf("after the last moment: %d, %d copies", status, len(got))
	}
	o.app.TendSigners(t.Context())
	if o.ready() != http.StatusServiceUnavailable || o.alarms("signers.mdl", "over") != 1 {
		t.Errorf("ready %d; log:\n%s", o.ready(), o.log)
	}
	o.turns("mdl", last, o.generation("mdl", "newer", 25, 115))
	o.restart()
	status, code, got := w.draws(token, 1)
	if status != http.StatusOK || o.judge(got[0]).key == o.keyOf(last) || o.ready() != http.StatusOK {
		t.Errorf("with a new key: %d %s", status, code)
	}
}

// TestCertificateAlarms: bad input K04. What nears its end is told once at each
// threshold, by name.
func TestCertificateAlarms(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.turns("mdl", o.generation("mdl", "first", 0, 90))
	o.serve()
	// It stops on day 76, less an hour.
	for d := range 78 {
		for range 2 {
			o.app.TendSigners(t.Context())
		}
		for left, from := range map[string]int{"30 days": 46, "7 days": 69, "1 day": 75, "over": 76} {
			want := 0
			if d >= from {
				want = 1
			}
			if n := o.alarms("signers.mdl", left); n != want {
				t.Fatalf("on day %d %d alarms at %q", d, n, left)
			}
		}
		o.clock.Advance(day)
	}
	for _, what := range []string{"signers.status", "signers.pid", "iaca", "operations_ca", "access_ca", "reader_ca"} {
		for _, left := range []string{"30 days", "7 days", "1 day", "over"} {
			if n := o.alarms(what, left); n != 0 {
				t.Errorf("%s has an alarm at %q", what, left)
			}
		}
	}
	_, _, body := o.get("http://" + o.app.Addresses().Metrics + "/metrics")
	if !strings.Contains(body, `vidimus_rotation_seconds_left{what="signers.mdl"} 0`) || !strings.Contains(body, "vidimus_certificate_seconds_left 0") {
		t.Error("the metrics do not say so")
	}
}

// TestStatusSignerEnds: bad input K04. Lists are signed to the last moment, by
// whoever can.
func TestStatusSignerEnds(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	first := o.generation("status", "status-1", 0, 20)
	o.turns("status", first)
	o.serve().people()
	if n := o.alarms("signers.status", "7 days"); n != 1 { // lists count for 14 days
		t.Errorf("%d alarms", n)
	}
	d := o.licence()
	fetch := func() {
		t.Helper()
		o.must(o.app.Tick(t.Context()))
		i, err := issuer.NewInspector(&o.cfg, o.clock.Now)
		o.must(err)
		if _, err := i.Fetch(t.Context(), d.list, "cwt"); err != nil {
			t.Error(err)
		}
	}
	o.clock.Advance(19 * day)
	fetch()
	if o.ready() != http.StatusOK {
		t.Error("the office is not ready, though it publishes")
	}
	o.must(o.stop())
	o.turns("status", first, o.generation("status", "status-2", 19, 109))
	o.serve()
	fetch()
	o.clock.Advance(3 * day) // the first has ended
	fetch()
}

// TestSignersRefused: bad input K04. A generation that is not what it should be keeps
// the office from starting, whichever it is.
func TestSignersRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		spoil func(o *office, g issuer.Generation)
		want  []string
	}{
		"K04/key of another": {func(o *office, g issuer.Generation) {
			o.must(os.WriteFile(o.cfg.Path("keys/next.key"), o.read(o.cfg.Path("keys/ds-pid.key")), 0o600))
		}, []string{"signers.mdl.next[0]", "key does not sign for its certificate"}},
		"K04/below another root": {func(o *office, g issuer.Generation) {
			other := newOffice(o.t)
			other.generation("mdl", "next", 0, 90)
			for _, f := range []string{"certs/next.pem", "keys/next.key"} {
				o.must(os.WriteFile(o.cfg.Path(f), other.read(other.cfg.Path(f)), 0o600))
			}
		}, []string{"signers.mdl.next[0]", "next.pem"}},
		"K04/certificate of another purpose": {func(o *office, g issuer.Generation) {
			o.must(os.WriteFile(o.cfg.Path(g.Chain), o.read(o.cfg.Path("certs/status.pem")), 0o644))
		}, []string{"signers.mdl.next[0]", "does not conform to document-signer-mdl"}},
		"no certificate": {func(o *office, g issuer.Generation) { o.must(os.Remove(o.cfg.Path(g.Chain))) }, []string{"signers.mdl.next[0].chain", "next.pem"}},
		"no key":         {func(o *office, g issuer.Generation) { o.must(os.Remove(o.cfg.Path("keys/next.key"))) }, []string{"signers.mdl.next[0]", "next.key"}},
		"the same twice": {func(o *office, g issuer.Generation) { o.turns("mdl", g, g) }, []string{"signers.mdl.next[0]", "is that of signers.mdl"}},
		"what was published cannot be read": {func(o *office, g issuer.Generation) {
			o.must(os.WriteFile(o.cfg.Path("certs/document-signers.json"), []byte(`[{"signer":`), 0o644))
		}, []string{"document-signers.json", "backup"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			g := o.generation("mdl", "next", 0, 90)
			s := o.cfg.Signers["mdl"]
			s.Next = []issuer.Generation{g}
			o.cfg.Signers["mdl"] = s
			tt.spoil(o, g)
			app, err := o.new()
			if err == nil {
				o.must(app.Close())
				t.Fatal("it starts")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in: %v", want, err)
				}
			}
		})
	}
}

// TestPublishedSigners: certificates are public before their keys sign and until they
// end, over restarts and after they left the configuration; as files too.
func TestPublishedSigners(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	first, second := o.generation("mdl", "first", 0, 90), o.generation("mdl", "second", 20, 110)
	o.turns("mdl", first)
	o.serve().people()
	before := o.publishedSigners()
	if o.stateOf(first) != "current" || o.stateOf(second) != "" {
		t.Fatalf("%+v", before)
	}
	same := func() {
		t.Helper()
		_, _, served := o.get(o.cfg.PublicURL + issuerhttp.DocumentSignersPath)
		_, _, pem := o.get(o.cfg.PublicURL + issuerhttp.DocumentSignersPEMPath)
		if string(o.read(o.cfg.Path("published/certificates/document-signers.json"))) != served || string(o.read(o.cfg.Path("published/certificates/document-signers.pem"))) != pem {
			t.Error("the files are not what is served")
		}
		var list issuer.DocumentSignerList
		o.must(json.Unmarshal([]byte(served), &list))
		if n := strings.Count(pem, "BEGIN CERTIFICATE"); n != len(list.Signers) || list.Issuer != o.cfg.PublicURL {
			t.Errorf("%d certificates for %+v", n, list)
		}
	}
	same()
	o.clock.Set(start.Add(40 * day))
	o.turns("mdl", first, second)
	o.restart()
	if o.stateOf(first) != "current" || o.stateOf(second) != "next" {
		t.Error("the second signs before it was public for a week")
	}
	for _, s := range o.publishedSigners().Signers {
		if s.KeyID == o.keyOf(second) && (s.SignsFrom == nil || !s.SignsFrom.Equal(start.Add(47*day)) || !s.Published.Equal(start.Add(40*day))) {
			t.Errorf("the next one %+v", s)
		}
		if s.KeyID == o.keyOf(first) && !s.Published.Equal(start) {
			t.Errorf("the first was published at %s", s.Published)
		}
	}
	o.clock.Set(start.Add(47*day - time.Minute))
	o.restart() // which counts no day anew
	if o.licence().key != o.keyOf(first) {
		t.Error("too soon")
	}
	o.clock.Set(start.Add(47 * day))
	if o.licence().key != o.keyOf(second) {
		t.Error("too late")
	}
	o.app.TendSigners(t.Context())
	same()
	o.turns("mdl", second)
	o.restart()
	if o.stateOf(first) != "retired" || o.stateOf(second) != "current" {
		t.Errorf("%+v", o.publishedSigners())
	}
	same()
	o.clock.Set(start.Add(90*day + time.Second))
	o.app.TendSigners(t.Context())
	if o.stateOf(first) != "" {
		t.Error("it has ended and is published")
	}
	same()
}

// TestDoctorSeesRotation: the doctor says what should be done about keys.
func TestDoctorSeesRotation(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		at    int // day
		turns func(o *office)
		grade diagnosis.Grade
		says  string
	}{
		"two keys":                  {20, func(o *office) { o.turns("mdl", o.generation("mdl", "a", 0, 90), o.generation("mdl", "b", 19, 109)) }, diagnosis.Good, "follows"},
		"nobody follows":            {20, func(o *office) { o.turns("mdl", o.generation("mdl", "a", 0, 90)) }, diagnosis.Good, "signs until"},
		"it signs for too long":     {38, func(o *office) { o.turns("mdl", o.generation("mdl", "a", 0, 90)) }, diagnosis.Look, "make the next one"},
		"it stops soon":             {70, func(o *office) { o.turns("mdl", o.generation("mdl", "a", 0, 90)) }, diagnosis.Look, "make the next one"},
		"it stops in a day":         {75, func(o *office) { o.turns("mdl", o.generation("mdl", "a", 0, 90)) }, diagnosis.Wrong, "make the next one"},
		"it has stopped":            {80, func(o *office) { o.turns("mdl", o.generation("mdl", "a", 0, 90)) }, diagnosis.Wrong, "nothing is issued"},
		"K04/longer than it should": {20, func(o *office) {}, diagnosis.Look, "lives for"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			tt.turns(o)
			o.clock.Set(start.Add(time.Duration(tt.at) * day))
			cfg := o.cfg
			cfg.Dev = false
			found := false
			for _, f := range issuer.DiagnoseClosed(t.Context(), cfg, issuer.Options{Clock: o.clock, Rand: rand.Reader}, errors.New("closed")).Findings {
				if f.Area == "rotation" && f.What == "mdl" {
					found = f.Grade == tt.grade && strings.Contains(f.Detail+f.Remedy, tt.says)
					if !found {
						t.Errorf("%+v", f)
					}
				}
			}
			if !found {
				t.Error("it does not say so")
			}
		})
	}
}

// TestListenerAlarm: the certificate of a listener has its alarm too.
func TestListenerAlarm(t *testing.T) {
	t.Parallel()
	o := newOffice(t, func(c *issuer.Config) { *c = production(t, *c) }).serve()
	pair, err := tls.LoadX509KeyPair(o.cfg.RegistryTLS.Certificate, o.cfg.RegistryTLS.Key)
	o.must(err)
	o.clock.Set(pair.Leaf.NotAfter.Add(-3 * day))
	o.app.TendSigners(t.Context())
	o.clock.Set(pair.Leaf.NotAfter.Add(-time.Hour))
	o.app.TendSigners(t.Context())
	if week, last := o.alarms("registry_tls", "7 days"), o.alarms("registry_tls", "1 day"); week != 1 || last != 1 {
		t.Errorf("%d and %d alarms:\n%s", week, last, o.log)
	}
}
