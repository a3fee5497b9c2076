package verification

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/cbor"
	"vidimus/internal/elements"
	"vidimus/internal/mdoc"
	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/policy"
	"vidimus/internal/sdjwt"
	"vidimus/internal/statuslist"
	"vidimus/internal/trust"
)

// bad is one hostile or broken input, by the number it has in the list of bad
// inputs: what it is, and the check that must say so.
type bad struct {
	id      string
	mdoc    func(*world, *Options) []byte // gives a DeviceResponse
	sd      func(*world, *Options) string // gives an SD-JWT
	fails   string                        // the check that must fail, "" for none
	colour  policy.Colour
	verdict func(policy.Verdict) bool
}

func signer(w *world, profile pki.Profile, change func(*pki.Template)) *pkitest.Entity {
	t := pki.Template{Profile: profile, Subject: pki.Name{Country: pkitest.Country, Organization: "Utopia", CommonName: "test signer"}}
	if profile == pki.ProfileDocumentSignerPID {
		t.DNSNames, t.URIs = []string{pkitest.IssuerHost}, []string{pkitest.IssuerURL}
	}
	if change != nil {
		change(&t)
	}
	return w.MustIssue(w.t, t, &w.IACA)
}

func (w *world) by(e *pkitest.Entity, change ...func(*licence)) []byte {
	return w.present(w.licence(append([]func(*licence){func(l *licence) { l.signer = e }}, change...)...), asked)
}

func shown(w *world, change func(map[string]any), want ...string) []byte {
	issued := w.licence(func(l *licence) { change(l.values) })
	return w.present(issued, map[string][]string{elements.MDLNameSpace: append(want, asked[elements.MDLNameSpace]...)})
}

func everythingAsked(o *Options) { o.Profile = nil }

func TestBadInputs(t *testing.T) {
	is := func(a policy.Authenticity) func(policy.Verdict) bool {
		return func(v policy.Verdict) bool { return v.Authenticity == a }
	}
	status := func(s policy.Status) func(policy.Verdict) bool {
		return func(v policy.Verdict) bool { return v.Status == s }
	}
	kb := func(w *world, o *Options, compact string) string {
		o.Profile = nil
		return w.bind(compact)
	}
	tests := []bad{
		{id: "M03/reader_certificate_signs", fails: "ia.eku", colour: policy.Red, mdoc: func(w *world, o *Options) []byte {
			return w.by(w.MustIssue(w.t, pki.Template{Profile: pki.ProfileStatusSigner, Subject: pki.Name{Country: pkitest.Country, CommonName: "status"}}, &w.IACA))
		}},
		{id: "M03/PID_signer_signs_mDL", fails: "ia.eku", colour: policy.Red, mdoc: func(w *world, o *Options) []byte {
			return w.by(&w.DocumentSignerPID)
		}},
		{id: "M04/outlives_signer", colour: policy.Green, mdoc: func(w *world, o *Options) []byte {
			// A warning and no more: the standard leaves it to the reader.
			return w.lateSigner(w.Now.AddDate(0, 0, -20), w.Now.Add(time.Hour))
		}},
		{id: "M04/signed_before_signer", fails: "mso.signed", colour: policy.Red, verdict: is(policy.Forged), mdoc: func(w *world, o *Options) []byte {
			return w.lateSigner(w.Now.Add(-time.Hour), w.Now.AddDate(0, 0, 20))
		}},
		{id: "M04/signed_after_signer", fails: "mso.signed", mdoc: func(w *world, o *Options) []byte {
			return w.lateSigner(w.Now.AddDate(0, 0, -20), w.Now.AddDate(0, 0, -1))
		}},
		{id: "M05/issuing_country", fails: "mdl.country", colour: policy.Red, verdict: is(policy.Forged), mdoc: func(w *world, o *Options) []byte {
			everythingAsked(o)
			return shown(w, func(v map[string]any) { v["issuing_country"] = "LU" }, "issuing_country")
		}},
		{id: "M05/issuing_jurisdiction_without_ST", fails: "", colour: policy.Green, mdoc: func(w *world, o *Options) []byte {
			everythingAsked(o)
			return shown(w, func(v map[string]any) { v["issuing_jurisdiction"] = "UT-CA" }, "issuing_country", "issuing_jurisdiction")
		}},
		{id: "M06/not_in_list", fails: "ia.path", colour: policy.Amber, verdict: is(policy.UnknownIssuer), mdoc: func(w *world, o *Options) []byte {
			other := pkitest.NewWorld(w.t)
			o.Trust = &trust.Store{}
			w.must(o.Trust.Add(trust.Anchor{Cert: other.ReaderCA.Cert, Source: "test", Scope: trust.Scope{Purposes: []trust.Purpose{trust.IssueMdoc}, DocTypes: []string{elements.MDLDocType}}}))
			return w.by(&w.DocumentSignerMDL)
		}},
		{id: "M06/same_subject_other_key", fails: "ia.path", mdoc: func(w *world, o *Options) []byte {
			other := pkitest.NewWorld(w.t)
			o.Trust = &trust.Store{}
			w.must(o.Trust.Add(trust.Anchor{Cert: other.IACA.Cert, Source: "test", Scope: trust.Scope{Purposes: []trust.Purpose{trust.IssueMdoc}, DocTypes: []string{elements.MDLDocType}}}))
			return w.by(&w.DocumentSignerMDL)
		}},
		{id: "M06/trusted_for_another_doctype", fails: "ia.path", colour: policy.Amber, verdict: is(policy.UnknownIssuer), mdoc: func(w *world, o *Options) []byte {
			o.Trust = &trust.Store{}
			w.must(o.Trust.Add(trust.Anchor{Cert: w.IACA.Cert, Source: "test", Scope: trust.Scope{Purposes: []trust.Purpose{trust.IssueMdoc}, DocTypes: []string{elements.PIDDocType}}}))
			return w.by(&w.DocumentSignerMDL)
		}},
		{id: "M06/link_certificate", colour: policy.Green, verdict: is(policy.Genuine), mdoc: func(w *world, o *Options) []byte {
			return w.underLink(o, w.Now.AddDate(1, 0, 0))
		}},
		{id: "M06/link_certificate_has_ended", fails: "ia.path", colour: policy.Red, verdict: status(policy.Expired), mdoc: func(w *world, o *Options) []byte {
			return w.underLink(o, w.Now.Add(-time.Second))
		}},
		{id: "M06/link_certificate_of_an_SD-JWT", colour: policy.Green, verdict: is(policy.Genuine), sd: func(w *world, o *Options) string {
			link := w.link(w.Now.AddDate(1, 0, 0))
			noCRLs(o)
			w.DocumentSignerPID, o.Lists = w.belowLink(pki.ProfileDocumentSignerPID, link), w.listsJWT(w.belowLink(pki.ProfileStatusSigner, link), w.Now.Add(-time.Hour))
			return w.bind(w.identity(person()))
		}},
		{id: "M06/expired_IACA", fails: "ia.path", colour: policy.Red, verdict: status(policy.Expired), mdoc: func(w *world, o *Options) []byte {
			o.Now = w.IACA.Cert.NotAfter().Add(time.Hour)
			return w.by(&w.DocumentSignerMDL)
		}},
		{id: "M08/doctype_not_asked", fails: "doc.requested", mdoc: func(w *world, o *Options) []byte {
			p := policy.Profile{ID: "x", Documents: []policy.DocumentRequest{{Format: policy.FormatMDoc, Type: "org.example.card", Elements: []policy.ElementRequest{{Path: []string{"a", "b"}}}}}}
			o.Profile = &p
			return w.by(&w.DocumentSignerMDL)
		}},
		{id: "M17/other_transcript", fails: "da.sig", colour: policy.Red, verdict: is(policy.Forged), mdoc: func(w *world, o *Options) []byte {
			other, err := mdoc.DCAPITranscript("https://verifier.example", "nonce-of-this-session-0123456789", nil)
			w.must(err)
			o.Transcript = other
			return w.by(&w.DocumentSignerMDL)
		}},
		{id: "M22/one_good_one_forged", fails: "mso.digest", colour: policy.Red, mdoc: func(w *world, o *Options) []byte {
			good := w.present(w.licence(), asked)
			parsed, err := mdoc.ParseDeviceResponse(good)
			w.must(err)
			changed := bytes.Replace(slices.Clone(parsed.Documents[0].Raw), []byte("Weber"), []byte("Wober"), 1)
			return cbor.MustMarshal(map[string]any{"version": "1.0", "status": 0, "documents": []cbor.RawMessage{parsed.Documents[0].Raw, changed}})
		}},
		{id: "M23/more_than_asked", fails: "", colour: policy.Green, mdoc: func(w *world, o *Options) []byte {
			return shown(w, func(map[string]any) {}, "document_number", "birth_date")
		}},
		{id: "M23/less_than_asked", fails: "req.satisfied", colour: policy.Amber, mdoc: func(w *world, o *Options) []byte {
			return w.present(w.licence(), map[string][]string{elements.MDLNameSpace: {"family_name", "driving_privileges"}})
		}},
		{id: "M24/asked_18_returned_21", fails: "", colour: policy.Green, mdoc: func(w *world, o *Options) []byte {
			p, _ := policy.Default().Profile("age-over-18")
			o.Profile = &p
			return w.present(w.licence(func(l *licence) { l.values["age_over_21"] = true }), map[string][]string{elements.MDLNameSpace: {"age_over_21", "portrait"}})
		}},
		{id: "M24/asked_18_returned_16", fails: "req.satisfied", colour: policy.Amber, mdoc: func(w *world, o *Options) []byte {
			p, _ := policy.Default().Profile("age-over-18")
			o.Profile = &p
			return w.present(w.licence(func(l *licence) { l.values["age_over_16"] = true }), map[string][]string{elements.MDLNameSpace: {"age_over_16", "portrait"}})
		}},
		{id: "M24/birth_date_contradicts", fails: "age.over", mdoc: func(w *world, o *Options) []byte {
			everythingAsked(o)
			return shown(w, func(v map[string]any) { v["birth_date"] = "2015-05-02" }, "birth_date", "age_over_18")
		}},
		{id: "M25/not_an_image", fails: "mdl.elements", mdoc: func(w *world, o *Options) []byte {
			return w.rawElement("portrait", []byte("GIF89a no portrait"))
		}},
		{id: "M26/date_without_tag", fails: "mdl.elements", mdoc: func(w *world, o *Options) []byte {
			everythingAsked(o)
			return w.rawElement("birth_date", "1990-05-02")
		}},
		{id: "M26/no_such_date", fails: "mdl.elements", mdoc: func(w *world, o *Options) []byte {
			everythingAsked(o)
			return w.rawElement("birth_date", cbor.RawMessage("\xd9\x03\xec\x6a2020-13-01"))
		}},
		{id: "M27/not_CBOR", fails: "cbor.strict", colour: policy.Red, mdoc: func(w *world, o *Options) []byte { return []byte("\xbf\xff") }},
		{id: "M27/nothing", fails: "cbor.strict", colour: policy.Red, mdoc: func(w *world, o *Options) []byte { return nil }},
		{id: "M21/status_10", fails: "resp.status", colour: policy.Amber, mdoc: func(w *world, o *Options) []byte {
			return cbor.MustMarshal(map[string]any{"version": "1.0", "status": 10})
		}},
		{id: "M21/nothing_returned", fails: "", colour: policy.Amber, mdoc: func(w *world, o *Options) []byte {
			return cbor.MustMarshal(map[string]any{"version": "1.0", "status": 0})
		}},

		{id: "J03/leaf_of_another_CA", fails: "sd.path", colour: policy.Amber, verdict: is(policy.UnknownIssuer), sd: func(w *world, o *Options) string {
			out := kb(w, o, w.identity(person()))
			o.Trust = &trust.Store{}
			return out
		}},
		{id: "J04/iss_not_in_certificate", fails: "sd.path", colour: policy.Red, sd: func(w *world, o *Options) string {
			return kb(w, o, w.identity(person(), func(c *sdjwt.Copy) { c.Issuer = "https://other.example" }))
		}},
		{id: "J04/iss_with_path_traversal", fails: "sd.path", colour: policy.Red, sd: func(w *world, o *Options) string {
			return kb(w, o, w.identity(person(), func(c *sdjwt.Copy) { c.Issuer = "https://other.example/..//issuer.example" }))
		}},
		{id: "J05/vct_trusted_for_nothing", fails: "sd.path", colour: policy.Amber, sd: func(w *world, o *Options) string {
			out := kb(w, o, w.identity(person()))
			o.Trust = &trust.Store{}
			w.must(o.Trust.Add(trust.Anchor{Cert: w.IACA.Cert, Source: "test", Scope: trust.Scope{Purposes: []trust.Purpose{trust.IssueSDJWT}, VCTs: []string{"urn:other:1"}}}))
			return out
		}},
		{id: "J15/stripped", fails: "sd.kb", colour: policy.Red, sd: func(w *world, o *Options) string {
			out := kb(w, o, w.identity(person()))
			return out[:strings.LastIndex(out, "~")+1]
		}},
		{id: "J18/other_nonce", fails: "sd.nonce", colour: policy.Red, sd: func(w *world, o *Options) string {
			out := kb(w, o, w.identity(person()))
			o.Nonce = "N-1234567890"
			return out
		}},
		{id: "J19/ten_minutes_old", fails: "sd.iat", colour: policy.Red, sd: func(w *world, o *Options) string {
			out := kb(w, o, w.identity(person()))
			o.Now = w.Now.Add(10 * time.Minute)
			return out
		}},
		{id: "J25/revoked", fails: "sd.status", colour: policy.Red, verdict: status(policy.Revoked), sd: func(w *world, o *Options) string {
			w.must(w.list.Set(7, statuslist.Invalid))
			return kb(w, o, w.identity(person()))
		}},
		{id: "J25/suspended", fails: "sd.status", colour: policy.Red, verdict: status(policy.Revoked), sd: func(w *world, o *Options) string {
			var err error
			w.list, err = statuslist.New(2, 1<<10)
			w.must(err)
			w.must(w.list.Set(7, statuslist.Suspended))
			return kb(w, o, w.identity(person()))
		}},
		{id: "J25/index_out_of_bounds", fails: "st.index", colour: policy.Amber, verdict: status(policy.Unknown), sd: func(w *world, o *Options) string {
			return kb(w, o, w.identity(person(), func(c *sdjwt.Copy) { c.Status.Index = 1 << 12 }))
		}},
		{id: "J25/unreachable", colour: policy.Amber, verdict: status(policy.Unknown), sd: func(w *world, o *Options) string {
			o.Lists = func(string) ([]byte, error) { return nil, errNoNetwork }
			return kb(w, o, w.identity(person()))
		}},
		{id: "J25/garbage", fails: "st.sig", colour: policy.Amber, verdict: status(policy.Unknown), sd: func(w *world, o *Options) string {
			o.Lists = func(string) ([]byte, error) { return []byte("<html>proxy login</html>"), nil }
			return kb(w, o, w.identity(person()))
		}},
		{id: "J25/list_of_another_uri", fails: "st.sub", colour: policy.Amber, verdict: status(policy.Unknown), sd: func(w *world, o *Options) string {
			good := o.Lists
			o.Lists = func(string) ([]byte, error) { return good(listURI) }
			return kb(w, o, w.identity(person(), func(c *sdjwt.Copy) { c.Status.URI = "https://issuer.example/status/2" }))
		}},
		{id: "J26/vct_not_asked", fails: "doc.requested", colour: policy.Amber, sd: func(w *world, o *Options) string {
			o.Profile = profileOf("urn:eudi:other:1", "family_name")
			return w.bind(w.identity(person()))
		}},
		{id: "J26/claim_missing", fails: "req.satisfied", colour: policy.Amber, sd: func(w *world, o *Options) string {
			o.Profile = profileOf(elements.PIDVCT, "family_name", "email")
			return w.bind(w.identity(person()))
		}},
		{id: "J26/format_asked_is_another", fails: "doc.requested", colour: policy.Amber, mdoc: func(w *world, o *Options) []byte {
			o.Profile = profileOf(elements.MDLDocType, "family_name")
			return w.by(&w.DocumentSignerMDL)
		}},
		{id: "J26/extra_credential", fails: "doc.requested", colour: policy.Amber, mdoc: func(w *world, o *Options) []byte {
			return w.together(w.present(w.licence(), asked), w.pid())
		}},
		{id: "J26/another_value", fails: "req.satisfied", colour: policy.Amber, sd: func(w *world, o *Options) string {
			o.Profile = profileOf(elements.PIDVCT, "family_name", "nationalities")
			o.Profile.Documents[0].Elements[1].Values = []any{"LU", "BE"}
			return w.bind(w.identity(person()))
		}},
		{id: "J26/one_of_the_values", fails: "", colour: policy.Green, sd: func(w *world, o *Options) string {
			o.Profile = profileOf(elements.PIDVCT, "family_name", "nationalities")
			o.Profile.Documents[0].Elements[1].Values = []any{"LU", "UT"}
			return w.bind(w.identity(person()))
		}},
		{id: "J26/another_value_of_an_mdoc", fails: "req.satisfied", colour: policy.Amber, mdoc: func(w *world, o *Options) []byte {
			o.Profile.Documents = slices.Clone(o.Profile.Documents)
			o.Profile.Documents[0].Elements = []policy.ElementRequest{{Path: []string{elements.MDLNameSpace, "family_name"}, Values: []any{"Wober", 7, true}}}
			return w.by(&w.DocumentSignerMDL)
		}},
		{id: "M07/signer_revoked", fails: "ds.revocation", colour: policy.Red, verdict: status(policy.Revoked), mdoc: func(w *world, o *Options) []byte {
			o.CRLs = w.crls(w.Now, w.DocumentSignerMDL)
			return w.by(&w.DocumentSignerMDL)
		}},
		{id: "M07/list_expired", colour: policy.Amber, verdict: status(policy.Unknown), mdoc: func(w *world, o *Options) []byte {
			o.CRLs = w.crls(w.Now.AddDate(0, 0, -31))
			return w.by(&w.DocumentSignerMDL)
		}},
		{id: "M07/list_signed_by_other", colour: policy.Amber, verdict: status(policy.NotChecked), mdoc: func(w *world, o *Options) []byte {
			o.CRLs = newWorld(w.t).crls(w.Now, w.DocumentSignerMDL)
			return w.by(&w.DocumentSignerMDL)
		}},
		{id: "M07/older_list_names_the_signer", fails: "ds.revocation", colour: policy.Red, verdict: status(policy.Revoked), mdoc: func(w *world, o *Options) []byte {
			var err error
			o.CRLs, err = pki.NewCRLs(slices.Concat(w.CRLs.All(), w.crls(w.Now.Add(-2*time.Hour), w.DocumentSignerMDL).All())...)
			w.must(err)
			return w.by(&w.DocumentSignerMDL)
		}},
		{id: "M24/over_18_twice", fails: "mso.dup", colour: policy.Red, verdict: is(policy.Forged), mdoc: func(w *world, o *Options) []byte {
			f := forgeryIn(w)
			f.add(elements.MDLNameSpace, 95, "age_over_18", true)
			f.add(elements.MDLNameSpace, 96, "age_over_18", false)
			f.session = w.transcript()
			return f.assemble()
		}},
		{id: "M24/more_statements_than_the_nearest", fails: "", colour: policy.Green, mdoc: func(w *world, o *Options) []byte {
			p, _ := policy.Default().Profile("age-over-18")
			o.Profile = &p
			return w.present(w.licence(func(l *licence) {
				delete(l.values, "age_over_18")
				l.values["age_over_21"], l.values["age_over_25"] = true, true
			}),
				map[string][]string{elements.MDLNameSpace: {"age_over_25", "age_over_21", "portrait"}})
		}},
		{id: "M25/40_MB", fails: "cbor.strict", colour: policy.Red, mdoc: func(w *world, o *Options) []byte {
			return append([]byte{0xa1, 0x61, 'x', 0x5a, 0x02, 0x80, 0, 0}, make([]byte, 40<<20)...)
		}},
		{id: "M25/bomb", fails: "mdl.elements", mdoc: func(w *world, o *Options) []byte {
			bomb := slices.Clone(picture)
			at := bytes.Index(bomb, []byte{0xff, 0xc0})
			copy(bomb[at+5:], []byte{0xff, 0xff, 0xff, 0xff})
			return w.rawElement("portrait", bomb)
		}},
		{id: "M25/cannot_be_decoded", fails: "mdl.portrait", mdoc: func(w *world, o *Options) []byte {
			o.DecodePortrait = true
			broken := slices.Clone(picture)
			at := bytes.Index(broken, []byte{0xff, 0xc4}) // a Huffman table of nothing
			clear(broken[at+5 : at+20])
			return w.rawElement("portrait", broken)
		}},
		{id: "M25/decoded", fails: "", colour: policy.Green, mdoc: func(w *world, o *Options) []byte {
			o.DecodePortrait = true
			return w.by(&w.DocumentSignerMDL)
		}},
		{id: "M28/unknown_namespaces", fails: "", colour: policy.Green, mdoc: func(w *world, o *Options) []byte {
			f := forgeryIn(w)
			f.add("org.iso.18013.5.1.aamva", 97, "DHS_compliance", "F")
			f.add("com.example.zk", 98, "proof", []byte{1})
			f.session = w.transcript()
			return f.assemble()
		}},
		{id: "M20/given_name_by_the_device", fails: "da.keyauth", colour: policy.Red, verdict: is(policy.Forged), mdoc: func(w *world, o *Options) []byte {
			f := forgeryIn(w)
			f.deviceElements = map[string]map[string]any{elements.MDLNameSpace: {"given_name": "Somebody"}}
			f.session = w.transcript()
			return f.assemble()
		}},
		{id: "M22/1000_documents", fails: "cbor.strict", colour: policy.Red, mdoc: func(w *world, o *Options) []byte {
			one, err := mdoc.ParseDeviceResponse(w.present(w.licence(), map[string][]string{elements.MDLNameSpace: {"family_name"}}))
			w.must(err)
			return cbor.MustMarshal(map[string]any{"version": "1.0", "status": 0, "documents": slices.Repeat([]cbor.RawMessage{one.Documents[0].Raw}, 11)})
		}},
		{id: "J01/not_a_token", fails: "sd.parse", colour: policy.Red, sd: func(w *world, o *Options) string { return "eyJhbGciOiJub25lIn0.e30.~" }},
	}
	for _, tt := range tests {
		t.Run(tt.id, func(t *testing.T) {
			w := newWorld(t)
			o := w.options()
			var r *Report
			if tt.mdoc != nil {
				response := tt.mdoc(w, &o)
				r = DeviceResponse(response, o)
			} else {
				o = w.sdOptions()
				compact := tt.sd(w, &o)
				r = SDJWT(compact, o)
			}
			sane(t, r)
			failed := r.Failed()
			if tt.fails != "" && !slices.Contains(failed, tt.fails) {
				t.Errorf("failed checks %v, want %s\n%v", failed, tt.fails, r.Reasons)
			}
			if tt.fails == "" && len(failed) > 0 {
				t.Errorf("failed checks %v, want none", failed)
			}
			if tt.fails != "" && r.Colour == policy.Green {
				t.Error("green in spite of a failed check")
			}
			if tt.colour != "" && r.Colour != tt.colour {
				t.Errorf("%s, want %s: %v", r.Colour, tt.colour, r.Reasons)
			}
			if tt.verdict != nil && !tt.verdict(r.Verdict) {
				t.Errorf("verdict %+v", r.Verdict)
			}
		})
	}
}

// lateSigner is a licence whose signer's certificate has dates that issuing
// would refuse.
func (w *world) lateSigner(from, until time.Time) []byte {
	w.t.Helper()
	f := forgeryIn(w)
	e := signer(w, pki.ProfileDocumentSignerMDL, func(t *pki.Template) { t.NotBefore, t.NotAfter = from, until })
	f.signer, f.unprotected[33] = e.Key, e.Chain[0]
	f.session = w.transcript()
	return f.assemble()
}

// link is the new key of the authority, which the old key, the only one that is
// trusted, vouches for until an instant.
func (w *world) link(until time.Time) *pkitest.Entity {
	w.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	w.must(err)
	link := w.MustIssue(w.t, pki.Template{Profile: pki.ProfileIACALink, Subject: pki.Name{Country: pkitest.Country, Organization: "Utopia", CommonName: "Utopia IACA"},
		Public: key.Public(), NotBefore: w.Now.AddDate(0, 0, -40), NotAfter: until}, &w.IACA)
	link.Key = key
	return link
}

// belowLink is a signer below that key, which ends with it.
func (w *world) belowLink(profile pki.Profile, link *pkitest.Entity) pkitest.Entity {
	w.t.Helper()
	t := pki.Template{Profile: profile, Subject: pki.Name{Country: pkitest.Country, CommonName: string(profile)}, NotBefore: w.Now.AddDate(0, 0, -30), NotAfter: link.Cert.NotAfter()}
	if profile == pki.ProfileDocumentSignerPID {
		t.DNSNames, t.URIs = []string{pkitest.IssuerHost}, []string{pkitest.IssuerURL}
	}
	return *w.MustIssue(w.t, t, link)
}

// underLink is a licence of a signer below that key.
func (w *world) underLink(o *Options, until time.Time) []byte {
	link := w.link(until)
	noCRLs(o) // of the new key
	o.Lists = w.lists(w.belowLink(pki.ProfileStatusSigner, link), w.Now.Add(-time.Hour))
	f := forgeryIn(w)
	e := w.belowLink(pki.ProfileDocumentSignerMDL, link)
	f.signer, f.unprotected[33] = e.Key, e.Chain
	f.session = w.transcript()
	return f.assemble()
}

// rawElement issues a licence with an element that its own rules would refuse:
// what a careless issuer has signed. The mdoc room signs any value.
func (w *world) rawElement(name string, value any) []byte {
	w.t.Helper()
	day := w.Now.Truncate(24 * time.Hour)
	ns := mdoc.NamespaceElements{NameSpace: elements.MDLNameSpace}
	for _, id := range []string{"portrait", "family_name", "given_name", "driving_privileges", "birth_date"} {
		row, _ := elements.MDL.ByIdentifier(id)
		item, err := row.Encode(values()[id])
		w.must(err)
		if id == name {
			item = cbor.MustMarshal(value)
		}
		ns.Elements = append(ns.Elements, mdoc.Element{Identifier: id, Value: item})
	}
	template, err := mdoc.NewTemplate(elements.MDLDocType, ns)
	w.must(err)
	prepared, err := template.Prepare(mdoc.Copy{DeviceKey: &w.device.PublicKey, Validity: mdoc.NewValidityInfo(day, day, day.AddDate(0, 0, 14)),
		Status: &mdoc.Status{StatusList: &mdoc.StatusListInfo{Index: 5, URI: listURI}}}, rand.Reader)
	w.must(err)
	issued, err := prepared.Sign(w.DocumentSignerMDL.Key, w.DocumentSignerMDL.Chain, rand.Reader)
	w.must(err)
	return w.present(issued, map[string][]string{elements.MDLNameSpace: {"portrait", "family_name", "given_name", "driving_privileges", "birth_date"}})
}
