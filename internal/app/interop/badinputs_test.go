//go:build interop

package interop

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/clock"
	"vidimus/internal/elements"
	"vidimus/internal/fetch"
	"vidimus/internal/jose"
	"vidimus/internal/mdoc"
	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/policy"
	"vidimus/internal/proximity"
	"vidimus/internal/trust"
	"vidimus/internal/verification"
	"vidimus/internal/wallet"
	"vidimus/internal/wallet/wallettest"
)

// shownBy lets a library answer a request over a session with our reader; asked
// gives it another request than ours.
func (s *roadside) shownBy(library string, asked func(mdoc.SessionTranscript) []byte) (*proximity.Reader, []byte) {
	s.t.Helper()
	return s.session(func(request []byte, _ *proximity.Holder, transcript mdoc.SessionTranscript) ([]byte, error) {
		if asked != nil {
			request = asked(transcript)
		}
		return s.call("hold", map[string]any{"library": library, "doctype": elements.MDLDocType, "issuerSigned": jose.EncodeBase64URL(s.issued),
			"request": jose.EncodeBase64URL(request), "transcript": jose.EncodeBase64URL(transcript), "deviceKey": s.jwk(s.device)})
	})
}

// revokes is a revocation list of the authority.
func (s *roadside) revokes(number int64, at time.Time, revoked ...pkitest.Entity) *pki.CRL {
	s.t.Helper()
	r := pki.Revocations{Number: big.NewInt(number), ThisUpdate: at, NextUpdate: at.AddDate(0, 0, 30)}
	for _, e := range revoked {
		r.Revoked = append(r.Revoked, pki.RevokedCertificate{Serial: e.Cert.Cert.SerialNumber, At: at})
	}
	list, err := pki.BuildCRL(r, s.pki.IACA.Cert, s.pki.IACA.Key, rand.Reader)
	s.must(err)
	return list
}

// What a holder of others shows is sound, and what our reader knows, or has asked,
// is not as it should be.
func TestForeignHoldersBadInputs(t *testing.T) {
	now := time.Now()
	asking := func(o *verification.Options, change func(*policy.DocumentRequest)) {
		p := *o.Profile
		p.Documents = slices.Clone(p.Documents)
		change(&p.Documents[0])
		o.Profile = &p
	}
	for _, library := range libraries {
		s := newRoadside(t)
		r, response := s.shownBy(library, nil)
		set := func(lists ...*pki.CRL) *pki.CRLs {
			out, err := pki.NewCRLs(lists...)
			s.must(err)
			return out
		}
		stranger, err := pkitest.New(now)
		s.must(err)
		for name, tt := range map[string]struct {
			reader func(*verification.Options)
			colour policy.Colour
			status policy.Status
			fails  string
		}{
			"M07/good": {func(o *verification.Options) { o.CRLs = set(s.revokes(2, now.Add(-time.Hour))) }, policy.Green, policy.Valid, ""},
			"M07/signer revoked": {func(o *verification.Options) {
				o.CRLs = set(s.revokes(2, now.Add(-time.Hour), s.pki.DocumentSignerMDL))
			}, policy.Red, policy.Revoked, "ds.revocation"},
			"M07/list past its end": {func(o *verification.Options) { o.CRLs = set(s.revokes(2, now.AddDate(0, 0, -31))) }, policy.Amber, policy.Unknown, ""},
			"M07/list of another":   {func(o *verification.Options) { o.CRLs = stranger.CRLs }, policy.Amber, policy.NotChecked, ""},
			"M07/older list names it": {func(o *verification.Options) {
				o.CRLs = set(s.revokes(7, now.Add(-time.Hour)), s.revokes(6, now.Add(-2*time.Hour), s.pki.DocumentSignerMDL))
			}, policy.Red, policy.Revoked, "ds.revocation"},
			"J26/another document asked": {func(o *verification.Options) {
				asking(o, func(d *policy.DocumentRequest) { d.Type = elements.PIDDocType })
			}, policy.Amber, policy.Valid, "doc.requested"},
			"J26/another format asked": {func(o *verification.Options) {
				asking(o, func(d *policy.DocumentRequest) { d.Format = policy.FormatSDJWT })
			}, policy.Amber, policy.Valid, "doc.requested"},
			"J26/an element missing": {func(o *verification.Options) {
				asking(o, func(d *policy.DocumentRequest) {
					d.Elements = append(slices.Clone(d.Elements), policy.ElementRequest{Path: []string{elements.MDLNameSpace, "nationality"}})
				})
			}, policy.Amber, policy.Valid, "req.satisfied"},
			"J26/another value": {func(o *verification.Options) {
				asking(o, func(d *policy.DocumentRequest) {
					d.Elements = []policy.ElementRequest{{Path: []string{elements.MDLNameSpace, "family_name"}, Values: []any{"Wober"}}}
				})
			}, policy.Amber, policy.Valid, "req.satisfied"},
		} {
			t.Run(name+"/"+library, func(t *testing.T) {
				s.t = t
				o := s.options(r, false)
				tt.reader(&o)
				report := verification.DeviceResponse(response, o)
				if report.Colour != tt.colour || report.Verdict.Status != tt.status || report.Verdict.Authenticity != policy.Genuine {
					t.Errorf("%s %+v: %v", report.Colour, report.Verdict, report.Reasons)
				}
				if failed := report.Failed(); tt.fails == "" && len(failed) > 0 || tt.fails != "" && !slices.Contains(failed, tt.fails) {
					t.Errorf("failed %v, want %s", failed, tt.fails)
				}
			})
		}
		s.t = t
		// Less, and other things, than was asked.
		r, response = s.shownBy(library, func(transcript mdoc.SessionTranscript) []byte {
			request, err := mdoc.BuildDeviceRequest([]mdoc.ItemsRequest{{DocType: elements.MDLDocType, NameSpaces: []mdoc.RequestedNameSpace{
				{Name: elements.MDLNameSpace, Elements: []mdoc.RequestedElement{{Identifier: "family_name"}, {Identifier: "document_number"}}}}}}, mdoc.RequestOptions{Transcript: transcript}, rand.Reader)
			s.must(err)
			return request
		})
		report := verification.DeviceResponse(response, s.options(r, false))
		if d := report.Documents[0]; report.Colour != policy.Amber || !slices.Contains(report.Failed(), "req.satisfied") || len(d.Missing) == 0 || len(d.Dropped) != 1 || len(d.IssuerSigned) != 1 {
			t.Errorf("J26/extra and missing, %s: %s, failed %v, missing %v, dropped %v", library, report.Colour, report.Failed(), d.Missing, d.Dropped)
		}
	}
}

// X11: revocation lists of forms that are not read are refused by name, and a
// reader that has no other did not check: that is not green, and not revoked.
func TestForeignHoldersAndBrokenLists(t *testing.T) {
	s := newRoadside(t)
	r, response := s.shownBy("owf", nil)
	write := func(extra ...pkix.Extension) []byte {
		list, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(3), ThisUpdate: s.pki.Now.Add(-time.Hour), NextUpdate: s.pki.Now.AddDate(0, 0, 7),
			ExtraExtensions: extra}, s.pki.IACA.Cert.Cert, s.pki.IACA.Key)
		s.must(err)
		return list
	}
	point := func(content ...byte) pkix.Extension {
		return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true, Value: append([]byte{0x30, byte(len(content))}, content...)}
	}
	for name, tt := range map[string]struct {
		der  []byte
		says string
	}{
		"X11/sound":             {write(), ""},
		"X11/delta":             {write(pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 27}, Critical: true, Value: []byte{2, 1, 1}}), "delta"},
		"X11/indirect":          {write(point(0x84, 1, 0xff)), "partial or indirect"},
		"X11/some reasons only": {write(point(0x83, 2, 1, 0x40)), "partial or indirect"},
		"X11/empty bit string":  {write(point(0x83, 0)), "partial or indirect"},
		"X11/50 MB":             {make([]byte, 50<<20), "at most"},
		"X11/half":              {write()[:100], "structure"},
	} {
		list, err := pki.ParseCRL(tt.der)
		if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", name, err, tt.says)
		}
		o := s.options(r, false)
		want, colour := policy.NotChecked, policy.Amber
		if o.CRLs = nil; err == nil {
			o.CRLs, err = pki.NewCRLs(list)
			s.must(err)
			want, colour = policy.Valid, policy.Green
		}
		if report := verification.DeviceResponse(response, o); report.Verdict.Status != want || report.Colour != colour {
			t.Errorf("%s: %s %+v", name, report.Colour, report.Verdict)
		}
	}
}

// holding is our wallet with a licence.
func (s *roadside) holding() *wallet.Wallet {
	s.t.Helper()
	issuer, err := wallettest.New(s.pki, clock.System{}, "")
	s.must(err)
	s.t.Cleanup(issuer.Close)
	store, err := wallet.OpenStore(filepath.Join(s.t.TempDir(), "wallet"))
	s.must(err)
	s.t.Cleanup(func() { store.Close() })
	web := fetch.New(fetch.Options{AllowInsecureLoopback: true})
	s.t.Cleanup(func() { web.Close() })
	w, err := wallet.New(wallet.Config{Store: store, Clock: clock.System{}, Rand: rand.Reader, Web: web, AllowInsecure: true})
	s.must(err)
	offer, err := issuer.Offer("openid-credential-offer", "mdl")
	s.must(err)
	_, err = w.Accept(s.t.Context(), offer, wallet.AcceptOptions{Copies: 2})
	s.must(err)
	return w
}

// X12: a reader of others, with a certificate that holds and with those that do
// not, as our wallet shows it to its holder; and our reader as theirs sees it.
func TestForeignReader(t *testing.T) {
	s := newRoadside(t)
	w := s.holding()
	e, _, err := proximity.NewEngagement(proximity.Options{}, rand.Reader)
	s.must(err)
	session, err := proximity.NewReader(e, rand.Reader)
	s.must(err)
	transcript := session.Transcript()
	known := &trust.Store{}
	s.must(known.Add(trust.Anchor{Cert: s.pki.ReaderCA.Cert, Source: "test", Scope: trust.Scope{Purposes: []trust.Purpose{trust.Reader}}}))

	ask := func(key *ecdsa.PrivateKey, chain [][]byte) []byte {
		var text []string
		for _, der := range chain {
			text = append(text, jose.EncodeBase64URL(der))
		}
		request, err := s.call("ask", map[string]any{"doctype": elements.MDLDocType, "namespace": elements.MDLNameSpace, "elements": []string{"family_name"},
			"transcript": jose.EncodeBase64URL(transcript), "key": s.jwk(key), "chain": text})
		s.must(err)
		return request
	}
	identify := func(request []byte, over mdoc.SessionTranscript) (id wallet.ReaderIdentity, answered bool) {
		holder := wallet.Session{Wallet: w, Readers: known, Revoked: s.pki.CRLs, Consent: func(q wallet.Inquiry) func(wallet.AskedDocument, wallet.AskedElement) bool {
			id = q.Documents[0].Reader
			return wallet.AgreeToAll(q)
		}}
		response, err := holder.Answer(request, over)
		s.must(err)
		r, err := mdoc.ParseDeviceResponse(response)
		s.must(err)
		return id, len(r.Documents) == 1
	}
	if id, answered := identify(ask(s.pki.Reader.Key, s.pki.Reader.Chain), transcript); id.State != wallet.ReaderKnown || !answered {
		t.Errorf("X12/sound: %+v", id)
	}
	for _, c := range pkitest.Chains(t, s.pki.Now, s.pki.ReaderCA, pki.OIDReaderAuth) {
		// Those of a second are over by now.
		if !slices.Contains([]string{"another purpose", "a bit of the leaf", "an authority that nobody knows", "ended a second ago", "a key that may not sign"}, c.Name) {
			continue
		}
		id, answered := identify(ask(c.Key, c.DER), transcript)
		want := wallet.ReaderInvalid
		if slices.Contains(c.Reasons, pki.ReasonNoAnchor) {
			want = wallet.ReaderUnknown
		}
		if id.State != want || answered == id.Refused() {
			t.Errorf("X12/%s: %+v, answered %v", c.Name, id, answered)
		}
	}
	other, err := proximity.NewReader(e, rand.Reader)
	s.must(err)
	if id, answered := identify(ask(s.pki.Reader.Key, s.pki.Reader.Chain), other.Transcript()); id.State != wallet.ReaderInvalid || answered || !strings.Contains(id.Reason, "ra.sig") {
		t.Errorf("X12/over another session: %+v", id)
	}

	ours := s.request(transcript)
	in := map[string]any{"request": jose.EncodeBase64URL(ours), "transcript": jose.EncodeBase64URL(transcript)}
	if _, err := s.call("asked", in); err != nil {
		t.Errorf("our request: %v", err)
	}
	in["transcript"] = jose.EncodeBase64URL(other.Transcript())
	if _, err := s.call("asked", in); err == nil || !strings.Contains(err.Error(), "FAIL") {
		t.Errorf("our request in another session: %v", err)
	}
}
