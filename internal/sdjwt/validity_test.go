package sdjwt

import (
	"fmt"
	"testing"
	"time"
)

func payloadOf(t *testing.T, text string) *Payload {
	t.Helper()
	claims, _ := decode(t, text).(map[string]any)
	p, err := process(claims, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestValidityBoundaries: J21. valid from nbf on, until just before exp.
func TestValidityBoundaries(t *testing.T) {
	const at = 1_781_517_600
	exp, nbf, iat := fmt.Sprintf(`{"exp":%d}`, at), fmt.Sprintf(`{"nbf":%d}`, at), fmt.Sprintf(`{"iat":%d}`, at)
	for _, c := range []struct {
		claims string
		now    int64
		skew   time.Duration
		reason string
		result string
	}{
		{exp, at - 1, 0, "", Pass},
		{exp, at, 0, ReasonExpired, Fail},
		{exp, at + 1, 0, ReasonExpired, Fail},
		{exp, at + 59, time.Minute, "", Pass},
		{exp, at + 60, time.Minute, ReasonExpired, Fail},
		{exp, at + 61, time.Minute, ReasonExpired, Fail},
		{nbf, at - 1, 0, ReasonNotYetValid, Fail},
		{nbf, at, 0, "", Pass},
		{nbf, at + 1, 0, "", Pass},
		{nbf, at - 61, time.Minute, ReasonNotYetValid, Fail},
		{nbf, at - 60, time.Minute, "", Pass},
		{iat, at - 1, 0, ReasonNotYetValid, Fail},
		{iat, at, 0, "", Pass},
		{iat, at - 60, time.Minute, "", Pass},
		{iat, at - 61, time.Minute, ReasonNotYetValid, Fail},
		{`{}`, at, 0, "", Pass},
		// Fractions only shrink the validity: 0.5 s after at counts as at for exp, as at+1 for nbf.
		{fmt.Sprintf(`{"exp":%d.5}`, at), at, 0, ReasonExpired, Fail},
		{fmt.Sprintf(`{"nbf":%d.5}`, at), at, 0, ReasonNotYetValid, Fail},
		{fmt.Sprintf(`{"nbf":%d.5}`, at), at + 1, 0, "", Pass},
		{`{"exp":253402300799}`, at, 0, "", Pass},
		{`{"exp":253402300800}`, at, 0, "", Fail},
		{`{"exp":true}`, at, 0, "", Fail},
		{`{"nbf":"1"}`, at, 0, "", Fail},
		{`{"iat":[]}`, at, 0, "", Fail},
	} {
		f := payloadOf(t, c.claims).VerifyValidity(ValidityOptions{Now: time.Unix(c.now, 0), Skew: c.skew})
		if f.Check != CheckValidity || f.Result != c.result || f.Reason != c.reason {
			t.Errorf("%s at %+d, skew %s: %+v, want %s %s", c.claims, c.now-at, c.skew, f, c.result, c.reason)
		}
	}
	if f := payloadOf(t, `{}`).VerifyValidity(ValidityOptions{Now: time.Unix(at, 0), RequireExpires: true}); f.Result != Fail {
		t.Error("a credential without exp passes though exp is required")
	}
}

// TestKeyBindingWindow: iat within MaxAge before and Skew after now.
func TestKeyBindingWindow(t *testing.T) {
	w := newWorld(t)
	s := w.present(t, w.issue(t, pidTemplate(t, Options{}), w.copyOf(), 1), nil)
	for _, c := range []struct {
		since time.Duration // from iat to now
		check string
	}{
		{5 * time.Minute, ""}, {5*time.Minute + time.Second, CheckIssuedAt},
		{-30 * time.Second, ""}, {-31 * time.Second, CheckIssuedAt}, {0, ""},
	} {
		opt := kbOptions()
		opt.Now, opt.Skew = now.Add(c.since), 30*time.Second
		if got := CheckOf(s.VerifyKeyBinding(opt)); got != c.check {
			t.Errorf("%s after iat: fails %q, want %q", c.since, got, c.check)
		}
	}
	opt := kbOptions()
	opt.Now, opt.MaxAge = now.Add(time.Hour), time.Hour
	if err := s.VerifyKeyBinding(opt); err != nil {
		t.Errorf("within a longer MaxAge: %v", err)
	}
	opt = kbOptions()
	opt.Algorithms = []string{"ES384"}
	if got := CheckOf(s.VerifyKeyBinding(opt)); got != CheckKB {
		t.Errorf("algorithm that is not allowed: fails %q", got)
	}
}

// TestKeyBindingPolicy: what is required is the verifier's word alone.
func TestKeyBindingPolicy(t *testing.T) {
	w := newWorld(t)
	issued := w.issue(t, pidTemplate(t, Options{}), w.copyOf(), 1)
	bound := w.present(t, issued, nil)
	results := func(s *SDJWT, opt KeyBindingOptions) (got string) {
		for _, f := range s.KeyBindingFindings(opt) {
			got += f.Check + ":" + f.Result + " "
		}
		return got
	}
	for _, c := range []struct {
		name string
		s    *SDJWT
		opt  KeyBindingOptions
		want string
	}{
		{"absent, required", issued, kbOptions(), "sd.kb:fail sd.sdhash:not done sd.nonce:not done sd.aud:not done sd.iat:not done "},
		{"absent, not required", issued, KeyBindingOptions{NotRequired: true, Now: now}, "sd.kb:not done sd.sdhash:not done sd.nonce:not done sd.aud:not done sd.iat:not done "},
		{"there, required", bound, kbOptions(), "sd.kb:pass sd.sdhash:pass sd.nonce:pass sd.aud:pass sd.iat:pass "},
		{"there, not required", bound, KeyBindingOptions{NotRequired: true, Now: now.AddDate(1, 0, 0)}, "sd.kb:pass sd.sdhash:pass sd.nonce:not done sd.aud:not done sd.iat:pass "},
		{"there, required without nonce", bound, KeyBindingOptions{Now: now}, "sd.kb:pass sd.sdhash:pass sd.nonce:fail sd.aud:fail sd.iat:pass "},
		{"there, not required, wrong nonce", bound, KeyBindingOptions{NotRequired: true, Nonce: "x", Audience: verifierID, Now: now}, "sd.kb:pass sd.sdhash:pass sd.nonce:fail sd.aud:pass sd.iat:pass "},
	} {
		if got := results(c.s, c.opt); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestAliases(t *testing.T) {
	p := payloadOf(t, `{"vct":"urn:eudi:pid:ut:1","aka_vcts":["urn:eudi:pid:1"]}`)
	if f := p.VerifyVCT("urn:eudi:pid:1"); f.Result != Fail {
		t.Error("an alias passes for vct")
	}
	if matched, f := p.VerifyVCTOrAlias("urn:x", "urn:eudi:pid:1"); f.Result != Pass || matched != "urn:eudi:pid:1" {
		t.Error(matched, f)
	}
	if matched, f := p.VerifyVCTOrAlias("urn:x"); f.Result != Fail || matched != "" {
		t.Error(matched, f)
	}
	if matched, f := p.VerifyVCTOrAlias("urn:eudi:pid:ut:1"); f.Result != Pass || matched != "urn:eudi:pid:ut:1" {
		t.Error(matched, f)
	}
}
