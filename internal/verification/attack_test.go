package verification

import (
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/cbor"
	"vidimus/internal/elements"
	"vidimus/internal/mdoc"
	"vidimus/internal/pki"
	"vidimus/internal/policy"
	"vidimus/internal/trust"
)

// attack is something that a holder, an issuer or a reader's own options could
// try, and what the report has to say to it.
type attack struct {
	name   string
	try    func(*forgery)
	failed []string // exactly these, in any order
	want   policy.Verdict
	also   func(*testing.T, *Report)
}

var (
	forgedVerdict  = policy.Verdict{Authenticity: policy.Forged, Status: policy.Unknown, Freshness: policy.NotKnown, Entitlement: policy.CannotTell}
	genuineVerdict = policy.Verdict{Authenticity: policy.Genuine, Status: policy.Valid, Freshness: policy.WithinPolicy, Entitlement: policy.Yes}
)

// with is the genuine verdict but for some axes.
func with(change func(*policy.Verdict)) policy.Verdict {
	v := genuineVerdict
	change(&v)
	return v
}

func check(r *Report, id string) Check {
	for _, c := range slices.Concat(r.Documents[0].Checks, r.Checks) {
		if c.ID == id {
			return c
		}
	}
	return Check{}
}

func expect(id string, want Result) func(*testing.T, *Report) {
	return func(t *testing.T, r *Report) {
		t.Helper()
		if got := check(r, id); got.Result != want {
			t.Errorf("%s: %s (%s), want %s", id, got.Result, got.Detail, want)
		}
	}
}

func names(list []Element) []string {
	var out []string
	for _, e := range list {
		out = append(out, e.Name)
	}
	slices.Sort(out)
	return out
}

func TestAttacks(t *testing.T) {
	consent := map[string]map[string]any{"com.example": {"consent": true}}
	for _, a := range []attack{
		{name: "nothing changed", try: func(*forgery) {}, want: genuineVerdict},

		// Who signed.
		{name: "a signer of PIDs signs a licence", try: func(f *forgery) {
			f.signer, f.unprotected[33] = f.DocumentSignerPID.Key, f.DocumentSignerPID.Chain[0]
		}, failed: []string{"ia.eku"}, want: forgedVerdict, also: expect("ia.path", Pass)},
		{name: "a signer of licences signs a PID", try: func(f *forgery) {
			f.everything()
			f.docType, f.mso["docType"] = elements.PIDDocType, elements.PIDDocType
		}, failed: []string{"ia.eku"}, want: with(func(v *policy.Verdict) { *v = forgedVerdict; v.Entitlement = policy.NotAsked })},
		{name: "a reader whose certificate has run out signs a licence", try: func(f *forgery) {
			e := f.MustIssue(f.t, pki.Template{Profile: pki.ProfileStatusSigner, Subject: pki.Name{Country: "UT", CommonName: "status"},
				NotBefore: f.Now.AddDate(0, 0, -20), NotAfter: f.Now.AddDate(0, 0, -10)}, &f.IACA)
			f.signer, f.unprotected[33] = e.Key, e.Chain[0]
		}, failed: []string{"ia.path", "mso.signed"}, want: forgedVerdict},
		{name: "the anchor travels in the chain", try: func(f *forgery) {
			f.unprotected[33] = [][]byte{f.DocumentSignerMDL.Chain[0], f.IACA.Cert.Raw}
		}, want: genuineVerdict, also: expect("ia.path", Warn)},
		{name: "a signer that ran out", try: func(f *forgery) {
			e := f.MustIssue(f.t, pki.Template{Profile: pki.ProfileDocumentSignerMDL, Subject: pki.Name{Country: "UT", CommonName: "old signer"},
				NotBefore: f.Now.AddDate(0, 0, -20), NotAfter: f.Now.Add(-time.Hour)}, &f.IACA)
			f.signer, f.unprotected[33] = e.Key, e.Chain[0]
		}, failed: []string{"ia.path"}, want: with(func(v *policy.Verdict) { v.Status, v.Freshness = policy.Expired, policy.NotKnown }),
			also: expect("ia.eku", Pass)},

		// Who shows it.
		{name: "a MAC and no key to check it", try: func(f *forgery) { f.mac, f.options.ReaderKey = true, nil },
			want: with(func(v *policy.Verdict) { v.Authenticity = policy.HolderNotProven }), also: expect("da.mac", NotDone)},
		{name: "an element of the device, session not known", try: func(f *forgery) {
			f.everything()
			f.deviceElements, f.options.Transcript = consent, nil
			f.authorize(map[string]any{"nameSpaces": []string{"com.example"}})
		}, want: with(func(v *policy.Verdict) { v.Authenticity, v.Entitlement = policy.HolderNotProven, policy.NotAsked })},
		{name: "an element of the device that nobody asked for", try: func(f *forgery) {
			f.deviceElements = consent
			f.authorize(map[string]any{"nameSpaces": []string{"com.example"}})
		}, want: genuineVerdict, also: func(t *testing.T, r *Report) {
			if d := r.Documents[0]; len(d.DeviceSigned) > 0 || !slices.Contains(d.Dropped, "com.example consent") {
				t.Errorf("shown %v, dropped %v", d.DeviceSigned, d.Dropped)
			}
		}},
		{name: "an element of the device, allowed", try: func(f *forgery) {
			f.everything()
			f.deviceElements = consent
			f.authorize(map[string]any{"nameSpaces": []string{"com.example"}})
		}, want: with(func(v *policy.Verdict) { v.Entitlement = policy.NotAsked }), also: func(t *testing.T, r *Report) {
			if d := r.Documents[0]; !slices.Equal(names(d.DeviceSigned), []string{"consent"}) || slices.Contains(names(d.IssuerSigned), "consent") {
				t.Errorf("device %v, issuer %v", names(d.DeviceSigned), names(d.IssuerSigned))
			}
		}},
		{name: "the device says what the issuer did not", try: func(f *forgery) {
			// Allowed by the issuer, and still no answer to what was asked.
			ns := f.items[elements.MDLNameSpace]
			f.items[elements.MDLNameSpace] = slices.DeleteFunc(ns, func(raw cbor.RawMessage) bool { return strings.Contains(string(raw), "driving_privileges") })
			f.deviceElements = map[string]map[string]any{elements.MDLNameSpace: {"driving_privileges": []any{map[string]any{"vehicle_category_code": "B"}}}}
			f.authorize(map[string]any{"nameSpaces": []string{elements.MDLNameSpace}})
		}, failed: []string{"req.satisfied"}, want: with(func(v *policy.Verdict) { v.Entitlement = policy.CannotTell })},
		{name: "the device speaks over the issuer", try: func(f *forgery) {
			f.deviceElements = map[string]map[string]any{elements.MDLNameSpace: {"family_name": "Other"}}
			f.authorize(map[string]any{"nameSpaces": []string{elements.MDLNameSpace}})
		}, failed: []string{"mso.dup"}, want: forgedVerdict},

		// What is shown, and what it answers.
		{name: "one element withheld", try: func(f *forgery) {
			f.items[elements.MDLNameSpace] = f.items[elements.MDLNameSpace][1:]
		}, failed: []string{"req.satisfied"}, want: with(func(v *policy.Verdict) { v.Entitlement = policy.CannotTell })},
		{name: "an element in a namespace of its own", try: func(f *forgery) {
			f.items[domestic] = append(f.items[domestic], f.items[elements.MDLNameSpace][0])
			f.items[elements.MDLNameSpace] = f.items[elements.MDLNameSpace][1:]
		}, failed: []string{"mso.digest"}, want: forgedVerdict},
		{name: "a name with a space", try: func(f *forgery) {
			f.add(elements.MDLNameSpace+" ", 80, "family_name", "Other")
		}, want: genuineVerdict, also: func(t *testing.T, r *Report) {
			if got := names(r.Documents[0].IssuerSigned); len(got) != 4 {
				t.Errorf("shown %v", got)
			}
		}},
		{name: "another document than the one asked for", try: func(f *forgery) {
			p, _ := policy.Default().Profile("identity")
			p.Documents = p.Documents[1:]
			f.options.Profile = &p
		}, failed: []string{"doc.requested"}, want: with(func(v *policy.Verdict) { v.Entitlement = policy.CannotTell }), also: func(t *testing.T, r *Report) {
			if d := r.Documents[0]; len(d.IssuerSigned)+len(d.Driving) > 0 || len(d.Dropped) != 5 {
				t.Errorf("shown %v and %v, dropped %v", names(d.IssuerSigned), d.Driving, d.Dropped)
			}
		}},
		{name: "privileges that nobody asked for", try: func(f *forgery) {
			p, _ := policy.Default().Profile("age-over-18")
			f.options.Profile = &p
			f.add(elements.MDLNameSpace, 80, "age_over_18", true)
		}, want: genuineVerdict, also: func(t *testing.T, r *Report) {
			if d := r.Documents[0]; len(d.Driving) > 0 {
				t.Errorf("shown %v", d.Driving)
			}
		}},
		{name: "an age statement that proves nothing, asked by a profile without a question", try: func(f *forgery) {
			p, _ := policy.Default().Profile("age-over-18")
			p.Question = policy.Question{}
			f.options.Profile = &p
			f.add(elements.MDLNameSpace, 80, "age_over_16", true)
		}, failed: []string{"req.satisfied"}, want: with(func(v *policy.Verdict) { v.Entitlement = policy.CannotTell })},
		{name: "more age statements than needed", try: func(f *forgery) {
			p, _ := policy.Default().Profile("age-over-18")
			f.options.Profile = &p
			f.add(elements.MDLNameSpace, 80, "age_over_16", true)
			f.add(elements.MDLNameSpace, 81, "age_over_21", true)
			f.add(elements.MDLNameSpace, 82, "age_over_60", false)
		}, want: genuineVerdict, also: func(t *testing.T, r *Report) {
			if got := names(r.Documents[0].IssuerSigned); !slices.Equal(got, []string{"age_over_21", "portrait"}) {
				t.Errorf("shown %v", got)
			}
		}},
		{name: "the licence ended, asked for an age", try: func(f *forgery) {
			p, _ := policy.Default().Profile("age-over-18")
			f.options.Profile = &p
			f.add(elements.MDLNameSpace, 80, "age_over_18", true)
			f.add(elements.MDLNameSpace, 81, "expiry_date", cbor.FullDate("2026-06-14"))
		}, failed: []string{"mdl.expiry"}, want: with(func(v *policy.Verdict) { v.Status = policy.Expired })},
		{name: "the licence ended, asked for the right to drive", try: func(f *forgery) {
			f.add(elements.MDLNameSpace, 81, "expiry_date", cbor.FullDate("2026-06-14"))
		}, failed: []string{"mdl.driving", "mdl.expiry"}, want: with(func(v *policy.Verdict) { v.Status, v.Entitlement = policy.Expired, policy.No })},
		{name: "the licence ends today", try: func(f *forgery) {
			f.add(elements.MDLNameSpace, 81, "expiry_date", cbor.FullDate("2026-06-15"))
		}, want: genuineVerdict},
		{name: "issued tomorrow week", try: func(f *forgery) {
			f.add(elements.MDLNameSpace, 81, "issue_date", cbor.FullDate("2026-06-22"))
		}, failed: []string{"mdl.elements"}, want: with(func(v *policy.Verdict) { v.Entitlement = policy.CannotTell })},
		{name: "older in years than the date of birth allows", try: func(f *forgery) {
			f.add(elements.MDLNameSpace, 81, "birth_date", cbor.FullDate("2012-01-01"))
			f.add(elements.MDLNameSpace, 82, "age_in_years", 30)
		}, failed: []string{"age.over"}, want: with(func(v *policy.Verdict) { v.Entitlement = policy.CannotTell })},
		{name: "another country", try: func(f *forgery) {
			f.add(elements.MDLNameSpace, 81, "issuing_country", "LU")
		}, failed: []string{"mdl.country"}, want: forgedVerdict},
		{name: "nothing at all, and nothing asked", try: func(f *forgery) {
			f.everything()
			f.items = map[string][]cbor.RawMessage{}
		}, want: with(func(v *policy.Verdict) { v.Entitlement = policy.CannotTell }), also: expect("cbor.strict", Warn)},

		// Dates.
		{name: "signed after it became valid", try: func(f *forgery) {
			f.validity["signed"] = tdate(f.Now.Add(-time.Minute))
		}, failed: []string{"mso.validity"}, want: with(func(v *policy.Verdict) { v.Status = policy.Unknown })},
		{name: "ends before it begins", try: func(f *forgery) {
			f.validity["validFrom"], f.validity["validUntil"] = tdate(f.Now.Add(time.Hour)), tdate(f.Now.Add(-time.Hour))
		}, failed: []string{"mso.validity"}, want: with(func(v *policy.Verdict) { v.Status = policy.NotYetValid })},
		{name: "a policy that forgives more than the standard", try: func(f *forgery) {
			p := *policy.Default()
			p.ClockSkew = policy.Duration(10 * time.Minute)
			f.options.Policy = &p
			f.validity["validFrom"] = tdate(f.Now.Add(7 * time.Minute))
		}, failed: []string{"mso.validity"}, want: with(func(v *policy.Verdict) { v.Status = policy.NotYetValid })},

		// Options of the reader's own.
		{name: "no trust", try: func(f *forgery) { f.options.Trust = nil }, failed: []string{"ia.path"},
			want: with(func(v *policy.Verdict) { *v = forgedVerdict; v.Authenticity = policy.UnknownIssuer })},
		{name: "no instant", try: func(f *forgery) { f.options.Now = time.Time{} }, failed: []string{"ia.path", "mdl.driving", "mso.validity"},
			want: with(func(v *policy.Verdict) {
				v.Status, v.Freshness, v.Entitlement = policy.NotYetValid, policy.NotKnown, policy.No
			})},
		{name: "a transcript that is none", try: func(f *forgery) { f.options.Transcript = mdoc.SessionTranscript("\xf6") },
			failed: []string{"da.sig"}, want: forgedVerdict},
		{name: "an anchor for readers", try: func(f *forgery) {
			f.options.Trust = &trust.Store{}
			f.must(f.options.Trust.Add(trust.Anchor{Cert: f.IACA.Cert, Source: "test", Scope: trust.Scope{Purposes: []trust.Purpose{trust.Reader, trust.StatusList, trust.VICAL}}}))
		}, failed: []string{"ia.path"}, want: with(func(v *policy.Verdict) { *v = forgedVerdict; v.Authenticity = policy.UnknownIssuer })},
	} {
		t.Run(a.name, func(t *testing.T) {
			f := newForgery(t)
			a.try(f)
			r := f.report()
			sane(t, r)
			failed := r.Failed()
			slices.Sort(failed)
			if !slices.Equal(failed, a.failed) {
				t.Errorf("failed checks %v, want %v", failed, a.failed)
			}
			if r.Verdict != a.want {
				t.Errorf("verdict %+v, want %+v\n%s", r.Verdict, a.want, strings.Join(r.Reasons, "\n"))
			}
			if a.also != nil && len(r.Documents) == 1 {
				a.also(t, r)
			}
		})
	}
}
