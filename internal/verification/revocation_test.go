package verification

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/elements"
	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/policy"
	"vidimus/internal/statuslist"
	"vidimus/internal/trust"
)

// crls is a set of one list of the IACA, written at an instant, that counts for
// 30 days.
func (w *world) crls(at time.Time, revoked ...pkitest.Entity) *pki.CRLs {
	w.t.Helper()
	r := pki.Revocations{Number: big.NewInt(9), ThisUpdate: at, NextUpdate: at.AddDate(0, 0, 30)}
	for _, e := range revoked {
		r.Revoked = append(r.Revoked, pki.RevokedCertificate{Serial: e.Cert.Cert.SerialNumber, At: at})
	}
	list, err := pki.BuildCRL(r, w.IACA.Cert, w.IACA.Key, zeroes{})
	w.must(err)
	set, err := pki.NewCRLs(list)
	w.must(err)
	return set
}

// zeroes is no randomness: signatures do not need it here.
type zeroes struct{}

func (zeroes) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// TestRevocationOfSigner is bad input M07 through the whole verification: good,
// revoked, unknown and not checked are four answers, in the report and in the
// verdict, for both formats, and only the first is green.
func TestRevocationOfSigner(t *testing.T) {
	other := pkitest.NewWorld(t)
	for _, tt := range []struct {
		name   string
		reader func(w *world, o *Options)
		state  pki.RevocationState
		status policy.Status
		fresh  policy.Freshness
		says   string // of ds.revocation
	}{
		{"good", func(w *world, o *Options) {}, pki.NotRevoked, policy.Valid, policy.WithinPolicy, "list 1"},
		{"revoked", func(w *world, o *Options) { o.CRLs = w.crls(w.Now, w.DocumentSignerMDL, w.DocumentSignerPID) }, pki.Revoked, policy.Revoked, policy.NotKnown, "revoked on"},
		{"another signer revoked", func(w *world, o *Options) { o.CRLs = w.crls(w.Now, w.StatusSigner, w.VICALSigner); o.Lists = nil }, pki.NotRevoked, policy.NotChecked, policy.NotKnown, "list 9"},
		{"the authority itself revoked", func(w *world, o *Options) { o.CRLs = w.crls(w.Now, w.IACA) }, pki.Revoked, policy.Revoked, policy.NotKnown, "revoked on"},
		{"no list", func(w *world, o *Options) { o.CRLs = nil }, pki.RevocationNotChecked, policy.NotChecked, policy.NotKnown, "not checked: no revocation list"},
		{"lists of others alone", func(w *world, o *Options) { o.CRLs = other.CRLs }, pki.RevocationNotChecked, policy.NotChecked, policy.NotKnown, "not checked: no revocation list"},
		{"list past its end", func(w *world, o *Options) { o.CRLs = w.crls(w.Now.AddDate(0, 0, -31)) }, pki.RevocationUnknown, policy.Unknown, policy.NotKnown, "unknown: the revocation list ended"},
		{"list of tomorrow", func(w *world, o *Options) { o.CRLs = w.crls(w.Now.AddDate(0, 0, 1)) }, pki.RevocationUnknown, policy.Unknown, policy.NotKnown, "unknown: the revocation list is from the future"},
		{"list within the skew ahead", func(w *world, o *Options) { o.CRLs = w.crls(w.Now.Add(time.Minute)) }, pki.NotRevoked, policy.Valid, policy.WithinPolicy, ""},
		{"list of 8 days", func(w *world, o *Options) { o.CRLs = w.crls(w.Now.AddDate(0, 0, -8)) }, pki.NotRevoked, policy.Valid, policy.Old, ""},
		{"list of 8 days, 7 are refused", func(w *world, o *Options) {
			p := *policy.Default()
			p.Revocation.Usable, p.Revocation.Refuse = p.Revocation.Fresh, p.Revocation.Fresh
			o.Policy, o.CRLs = &p, w.crls(w.Now.AddDate(0, 0, -8))
		}, pki.NotRevoked, policy.Valid, policy.PastUse, ""},
		{"no list, and none wanted", func(w *world, o *Options) { noCRLs(o) }, pki.RevocationNotChecked, policy.Valid, policy.WithinPolicy, "not checked"},
		{"revoked, and no list wanted", func(w *world, o *Options) {
			noCRLs(o)
			o.CRLs = w.crls(w.Now, w.DocumentSignerMDL, w.DocumentSignerPID)
		}, pki.Revoked, policy.Revoked, policy.NotKnown, "revoked on"},
	} {
		for _, format := range []Format{FormatDeviceResponse, FormatSDJWT} {
			t.Run(fmt.Sprintf("%s/%s", format, tt.name), func(t *testing.T) {
				w := newWorld(t)
				var r *Report
				if format == FormatDeviceResponse {
					o := w.options()
					tt.reader(w, &o)
					r = DeviceResponse(w.present(w.licence(), asked), o)
				} else {
					o := w.sdOptions()
					tt.reader(w, &o)
					r = SDJWT(w.bind(w.identity(person())), o)
				}
				sane(t, r)
				d := r.Documents[0]
				if d.Revocation.State != tt.state || r.Verdict.Status != tt.status || r.Verdict.Freshness != tt.fresh {
					t.Errorf("%+v, %+v, want %s, %s, %s: %v", d.Revocation, r.Verdict, tt.state, tt.status, tt.fresh, r.Reasons)
				}
				got := check(r, "ds.revocation")
				want := map[pki.RevocationState]Result{pki.NotRevoked: Pass, pki.Revoked: Fail, pki.RevocationUnknown: NotDone, pki.RevocationNotChecked: NotDone}[tt.state]
				if got.Result != want || !strings.Contains(got.Detail, tt.says) {
					t.Errorf("%s %q, want %s %q", got.Result, got.Detail, want, tt.says)
				}
				if green := tt.status == policy.Valid && tt.fresh == policy.WithinPolicy; (r.Colour == policy.Green) != green || (r.Colour == policy.Red) != (tt.status == policy.Revoked || tt.fresh == policy.PastUse) {
					t.Errorf("%s: %v", r.Colour, r.Reasons)
				}
				if tt.state == pki.Revoked && (len(d.IssuerSigned)+len(d.Driving) > 0 || r.Verdict.Entitlement == policy.Yes) {
					t.Errorf("shows what a revoked signer signed: %+v", d)
				}
				if known := r.Knowledge.RevocationAsOf; (known == nil) != d.Revocation.AsOf.IsZero() || known != nil && !known.Equal(d.Revocation.AsOf) {
					t.Errorf("revocation as of %v, %+v", known, d.Revocation)
				}
			})
		}
	}
}

// A status list that a revoked signer signed says nothing, and no address that a
// revoked signer wrote is looked up.
func TestRevokedListSigner(t *testing.T) {
	w := newWorld(t)
	o := w.options()
	o.CRLs = w.crls(w.Now, w.StatusSigner)
	r := DeviceResponse(w.present(w.licence(), asked), o)
	sane(t, r)
	if got := check(r, "st.path"); got.Result != Fail || !strings.Contains(got.Detail, "revoked") || r.Verdict.Status != policy.Unknown {
		t.Errorf("%+v, %+v", got, r.Verdict)
	}
	o.CRLs = w.crls(w.Now, w.DocumentSignerMDL)
	o.Lists = func(uri string) ([]byte, error) {
		t.Errorf("%s was looked up", uri)
		return nil, errNoNetwork
	}
	sane(t, DeviceResponse(w.present(w.licence(), asked), o))
}

// What is not at hand was not checked; what is at hand and does not count is
// unknown; who is revoked is revoked. Nothing of it is green.
func TestFourAnswersOfStatus(t *testing.T) {
	w := newWorld(t)
	response := w.present(w.licence(), asked)
	for name, tt := range map[string]struct {
		lists func(string) ([]byte, error)
		want  policy.Status
	}{
		"nothing at hand":     {nil, policy.NotChecked},
		"not among the lists": {func(string) ([]byte, error) { return nil, fmt.Errorf("%w: not carried", ErrNotAtHand) }, policy.NotChecked},
		"cannot be had":       {func(string) ([]byte, error) { return nil, errNoNetwork }, policy.Unknown},
		"past its exp":        {w.lists(w.StatusSigner, w.Now.AddDate(0, 0, -15)), policy.Unknown},
		"valid":               {w.lists(w.StatusSigner, w.Now), policy.Valid},
	} {
		o := w.options()
		o.Lists = tt.lists
		r := DeviceResponse(response, o)
		sane(t, r)
		if r.Verdict.Status != tt.want || (r.Colour == policy.Green) != (tt.want == policy.Valid) {
			t.Errorf("%s: %s, %+v, want %s", name, r.Colour, r.Verdict, tt.want)
		}
	}
	w.must(w.list.Set(5, statuslist.Invalid))
	o := w.options()
	o.CRLs = nil // revoked is told, whatever else was not looked at
	if r := DeviceResponse(response, o); r.Verdict.Status != policy.Revoked {
		t.Errorf("%+v", r.Verdict)
	}
}

// Every report says on what it rests and as of when, also that nobody knows:
// for garbage too.
func TestKnowledge(t *testing.T) {
	w := newWorld(t)
	o := w.options()
	p := *policy.Default()
	p.Version = "2026-06"
	o.Policy = &p
	o.AnchorsAsOf, o.StatusAsOf = w.Now.AddDate(0, 0, -2), w.Now.AddDate(0, 0, -1)
	response := w.present(w.licence(), asked)
	r := DeviceResponse(response, o)
	if k := r.Knowledge; !k.AnchorsAsOf.Equal(o.AnchorsAsOf) || !k.StatusAsOf.Equal(w.Now.Add(-time.Hour)) || !k.RevocationAsOf.Equal(w.Now.Add(-time.Hour)) || k.PolicyVersion != "2026-06" {
		t.Errorf("%+v", k)
	}
	if !r.Documents[0].Trust.AnchorAt.Equal(o.AnchorsAsOf) || check(r, "ia.anchors").Result != Pass || r.Colour != policy.Green {
		t.Errorf("%+v %v", r.Documents[0].Trust, r.Reasons)
	}
	// Nothing was looked up: the lists at hand are as old as they are.
	r = DeviceResponse(nil, o)
	if k := r.Knowledge; !k.AnchorsAsOf.Equal(o.AnchorsAsOf) || !k.StatusAsOf.Equal(o.StatusAsOf) || k.RevocationAsOf != nil {
		t.Errorf("%+v", k)
	}
	b, err := json.Marshal(SDJWT("", Options{Now: w.Now}))
	w.must(err)
	if want := `"knowledge":{"anchors_as_of":null,"status_as_of":null,"revocation_as_of":null,"policy_version":"1"}`; !strings.Contains(string(b), want) {
		t.Errorf("%s", b)
	}
	// Old anchors are amber, by policy.
	o.AnchorsAsOf = w.Now.AddDate(0, 0, -31)
	if r := DeviceResponse(response, o); r.Colour != policy.Amber || r.Verdict.Freshness != policy.Old || !strings.Contains(r.Reasons[0], "ia.anchors") {
		t.Errorf("%s %v", r.Colour, r.Reasons)
	}
	// An anchor that tells its own age is not younger than that.
	o.Trust = &trust.Store{}
	w.must(o.Trust.Add(trust.Anchor{Cert: w.IACA.Cert, Source: "list", AsOf: w.Now.AddDate(-1, 0, 0), Scope: trust.Scope{Purposes: []trust.Purpose{trust.IssueMdoc}, DocTypes: []string{elements.MDLDocType}}}))
	o.AnchorsAsOf = w.Now
	if r := DeviceResponse(response, o); r.Verdict.Freshness != policy.TooOld {
		t.Errorf("%+v", r.Verdict)
	}
}

// What is odd and fails nothing is told apart from what fails.
func TestWarningsApart(t *testing.T) {
	f := newForgery(t)
	f.add(elements.MDLNameSpace, 91, "sex", 4)
	f.everything()
	r := f.report()
	sane(t, r)
	if r.Colour != policy.Green || len(r.Reasons) > 0 || !slices.ContainsFunc(r.Documents[0].Warnings, func(s string) bool { return strings.HasPrefix(s, "mdl.elements: ") }) || len(r.Warnings) < 1 {
		t.Errorf("%s, reasons %v, warnings %v, failed %v", r.Colour, r.Reasons, r.Warnings, r.Failed())
	}
}
