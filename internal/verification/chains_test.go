package verification

import (
	"crypto/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/cose"
	"vidimus/internal/jose"
	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/policy"
)

// The crucial cases of path validation for everybody whose chain a report rests
// on: who signed an mdoc, an SD-JWT VC, and the status list of either. Only the
// certificates are at fault, every signature holds. A credential whose chain does
// not hold is never genuine, and a list whose chain does not hold says nothing.
func TestChains(t *testing.T) {
	as := func(c pkitest.Chain) pkitest.Entity { return pkitest.Entity{Key: c.Key, Chain: c.DER} }
	for role, r := range map[string]struct {
		ids    []string // the check that fails, by what it fails for: path, purpose
		usage  pki.Profile
		report func(w *world, c pkitest.Chain) *Report
	}{
		"mdoc": {[]string{"ia.path", "ia.eku"}, pki.ProfileDocumentSignerMDL, func(w *world, c pkitest.Chain) *Report {
			f := forgeryIn(w)
			if f.signer, f.unprotected[33] = c.Key, c.DER; len(c.DER) == 1 {
				f.unprotected[33] = c.DER[0]
			}
			return f.report()
		}},
		"SD-JWT": {[]string{"sd.path", "sd.path"}, pki.ProfileDocumentSignerPID, func(w *world, c pkitest.Chain) *Report {
			return SDJWT(w.bind(w.token(as(c), nil)), w.sdOptions())
		}},
		"list of an mdoc": {[]string{"st.path", "st.path"}, pki.ProfileStatusSigner, func(w *world, c pkitest.Chain) *Report {
			o := w.options()
			w.signedBy(&o, c, "application/statuslist+cwt")
			return DeviceResponse(w.present(w.licence(), asked), o)
		}},
		"list of an SD-JWT": {[]string{"st.path", "st.path"}, pki.ProfileStatusSigner, func(w *world, c pkitest.Chain) *Report {
			o := w.sdOptions()
			w.signedBy(&o, c, "statuslist+jwt")
			return SDJWT(w.bind(w.identity(person())), o)
		}},
		"identifier list": {[]string{"st.path", "st.path"}, pki.ProfileStatusSigner, func(w *world, c pkitest.Chain) *Report {
			o := w.options()
			w.identifiers(&o, w.Now.Add(-time.Hour))
			w.signedBy(&o, c, "application/identifierlist+cwt")
			alone := func(l *licence) { both(l); l.copy.Status.StatusList = nil }
			return DeviceResponse(w.present(w.licence(alone), asked), o)
		}},
	} {
		w := newWorld(t)
		for _, c := range pkitest.Chains(t, w.Now, w.IACA, r.usage.ExtKeyUsages()[0]) {
			t.Run(role+"/"+c.Name, func(t *testing.T) {
				w := *w // signers are put in
				w.t = t
				report := r.report(&w, c)
				sane(t, report)
				if len(c.Reasons) == 0 {
					if report.Colour != policy.Green || len(report.Failed()) > 0 {
						t.Errorf("%s, failed %v: %v", report.Colour, report.Failed(), report.Reasons)
					}
					return
				}
				id := r.ids[0]
				if slices.Contains(c.Reasons, pki.ReasonEKU) {
					id = r.ids[1]
				}
				got := check(report, id)
				if got.Result != Fail || !slices.ContainsFunc(c.Reasons, func(reason string) bool { return strings.Contains(got.Detail, "certificate path: "+reason) }) {
					t.Errorf("%s %s: %s, want %v", id, got.Result, got.Detail, c.Reasons)
				}
				if report.Colour == policy.Green {
					t.Error("green")
				}
				list := strings.Contains(role, "list")
				if v := report.Verdict; list && (v.Status != policy.Unknown || v.Authenticity != policy.Genuine) || !list && v.Authenticity == policy.Genuine && v.Status != policy.Expired && v.Status != policy.NotYetValid {
					t.Errorf("%+v: %v", v, report.Reasons)
				}
			})
		}
	}
}

// signedBy lets another chain sign the lists of a reader, as it is: our own signers
// refuse to use such certificates.
func (w *world) signedBy(o *Options, c pkitest.Chain, typ string) {
	published := o.Lists
	o.Lists = func(uri string) ([]byte, error) {
		data, err := published(uri)
		w.must(err)
		if strings.HasSuffix(typ, "+jwt") {
			body, err := jose.DecodeBase64URL(strings.Split(string(data), ".")[1])
			w.must(err)
			var x5c []string
			for _, der := range c.DER {
				x5c = append(x5c, jose.EncodeBase64(der))
			}
			token, err := jose.Sign(c.Key, map[string]any{"typ": typ, "x5c": x5c}, body, rand.Reader)
			return []byte(token), err
		}
		list, err := cose.ParseSign1(data)
		w.must(err)
		return cose.SignSign1(c.Key, list.Payload, cose.SignOptions{Tagged: true,
			Protected: map[any]any{cose.LabelType: typ, cose.LabelX5Chain: cose.X5ChainValue(c.DER)}}, rand.Reader)
	}
}
