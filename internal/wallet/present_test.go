package wallet_test

import (
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/elements"
	"vidimus/internal/fetch"
	"vidimus/internal/mdoc"
	"vidimus/internal/oid4vci"
	"vidimus/internal/policy"
	"vidimus/internal/sdjwt"
	"vidimus/internal/verification"
	"vidimus/internal/wallet"
)

const (
	clientID    = "x509_hash:abc"
	nonce       = "nonce-of-this-session-0123456789"
	responseURI = "https://verifier.example/response"
)

func transcript(t testing.TB) mdoc.SessionTranscript {
	t.Helper()
	tr, err := mdoc.OpenID4VPTranscript(clientID, nonce, nil, responseURI)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// verifier is what a reader knows; lists come over the network.
func (w *world) verifier(profile, listType string) verification.Options {
	w.t.Helper()
	p, ok := policy.Default().Profile(profile)
	if !ok {
		w.t.Fatalf("no profile %s", profile)
	}
	web := fetch.New(fetch.Options{AllowInsecureLoopback: true})
	w.t.Cleanup(web.Close)
	return verification.Options{
		Now: w.pki.Clock.Now(), Trust: w.allAnchors(), AnchorsAsOf: w.pki.Clock.Now(), CRLs: w.revocationsOf(w.pki.IACA, w.pki.Clock.Now()),
		Profile: &p, Nonce: nonce, Audience: clientID, Transcript: transcript(w.t),
		Lists: func(uri string) ([]byte, error) {
			token, _, err := web.StatusList(w.t.Context(), uri, listType)
			return token, err
		},
	}
}

func (w *world) green(r *verification.Report) {
	w.t.Helper()
	if r.Colour != policy.Green || r.Err() != nil || len(r.Documents) != 1 {
		w.t.Fatalf("%s: %v, %v", r.Colour, r.Reasons, r.Err())
	}
}

var toDrive = []string{"portrait", "family_name", "given_name", "driving_privileges"}

func readerKey(t testing.TB) *ecdh.PrivateKey {
	t.Helper()
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// What the wallet shows, a verifier finds green: signature and MAC, each from a
// copy of its own.
func TestPresentMdoc(t *testing.T) {
	for _, mac := range []bool{false, true} {
		w := holding(t, 2)
		p := wallet.MdocPresentation{DocType: elements.MDLDocType, Elements: toDrive, Transcript: transcript(t)}
		opt := w.verifier("right-to-drive", fetch.TypeStatusListCWT)
		proof := wallet.BySignature
		if mac {
			opt.ReaderKey = readerKey(t)
			p.ReaderKey, proof = opt.ReaderKey.PublicKey(), wallet.ByMAC
		}
		response, err := w.wallet.PresentMdoc(p)
		w.must(err)
		report := verification.DeviceResponse(response, opt)
		w.green(report)
		var shown []string
		for _, e := range report.Documents[0].IssuerSigned {
			shown = append(shown, e.Name)
		}
		slices.Sort(shown)
		if want := slices.Sorted(slices.Values(toDrive)); !slices.Equal(shown, want) || len(report.Documents[0].Dropped) > 0 {
			t.Errorf("shown %v, dropped %v", shown, report.Documents[0].Dropped)
		}
		b, err := w.store.List()
		w.must(err)
		for _, batch := range b {
			used := 0
			for _, c := range batch.Copies {
				used += c.Used
				if c.Used > 0 && c.Proof != proof {
					t.Errorf("proof %q", c.Proof)
				}
			}
			if want := map[bool]int{true: 1}[batch.Configuration == "mdl"]; used != want {
				t.Errorf("%s: %d uses", batch.Configuration, used)
			}
		}
		w.checkModes()
	}
}

func TestPresentPID(t *testing.T) {
	w := holding(t, 1)
	response, err := w.wallet.PresentMdoc(wallet.MdocPresentation{DocType: elements.PIDDocType, Transcript: transcript(t),
		Elements: []string{"portrait", "family_name", "given_name", elements.PIDNameSpace + "/birth_date", "nationality", "issuing_country"}})
	w.must(err)
	w.green(verification.DeviceResponse(response, w.verifier("identity", fetch.TypeStatusListCWT)))
}

func TestPresentSDJWT(t *testing.T) {
	w := holding(t, 1)
	compact, err := w.wallet.PresentSDJWT(wallet.SDJWTPresentation{VCT: elements.PIDVCT, Nonce: nonce, Audience: clientID,
		Claims: []string{"picture", "family_name", "given_name", "birthdate", "nationalities", "issuing_country"}})
	w.must(err)
	report := verification.SDJWT(compact, w.verifier("identity", fetch.TypeStatusListJWT))
	w.green(report)
	if d := report.Documents[0].Dropped; len(d) > 0 {
		t.Errorf("shown without being chosen: %v", d)
	}
	opt := w.verifier("identity", fetch.TypeStatusListJWT)
	opt.Nonce = "another"
	if r := verification.SDJWT(compact, opt); r.Colour == policy.Green {
		t.Error("green for another transaction")
	}
}

// Nested claims: a path shows what lies below it and nothing beside.
func TestNestedClaims(t *testing.T) {
	w := holding(t, 1)
	compact, err := w.wallet.PresentSDJWT(wallet.SDJWTPresentation{VCT: elements.PIDVCT, Nonce: nonce, Audience: clientID, Claims: []string{"address.locality"}})
	w.must(err)
	token, err := sdjwt.Parse(compact)
	w.must(err)
	payload, err := token.Process()
	w.must(err)
	address, _ := payload.Claims["address"].(map[string]any)
	if len(address) != 1 || address["locality"] != "Utopia City" || payload.Claims["family_name"] != nil {
		t.Errorf("%v", payload.Claims)
	}
	// Nothing chosen shows nothing but what is never hidden.
	compact, err = w.wallet.PresentSDJWT(wallet.SDJWTPresentation{VCT: elements.PIDVCT, Nonce: nonce, Audience: clientID})
	w.must(err)
	if token, err = sdjwt.Parse(compact); err != nil || len(token.Disclosures) != 0 || token.KeyBinding == nil {
		t.Errorf("%v %v", token, err)
	}
}

// Copies are shown in turn, and the status entries that a verifier sees differ
// as long as there are copies.
func TestLeastUsed(t *testing.T) {
	w := holding(t, 3)
	count := map[uint64]int{}
	for range 6 {
		response, err := w.wallet.PresentMdoc(wallet.MdocPresentation{DocType: elements.MDLDocType, Elements: []string{"family_name"}, Transcript: transcript(t)})
		w.must(err)
		r, err := mdoc.ParseDeviceResponse(response)
		w.must(err)
		count[r.Documents[0].IssuerSigned.MSO.Status.StatusList.Index]++
	}
	if len(count) != 3 {
		t.Errorf("%v", count)
	}
	for index, n := range count {
		if n != 2 {
			t.Errorf("copy with entry %d was shown %d times", index, n)
		}
	}
}

// A key that has signed makes no MAC, and the reverse.
func TestOneProofPerKey(t *testing.T) {
	w := holding(t, 1)
	sign := wallet.MdocPresentation{DocType: elements.MDLDocType, Elements: []string{"family_name"}, Transcript: transcript(t)}
	mac := sign
	mac.ReaderKey = readerKey(t).PublicKey()
	_, err := w.wallet.PresentMdoc(sign)
	w.must(err)
	if _, err := w.wallet.PresentMdoc(mac); !errors.Is(err, wallet.ErrNoCopy) || !strings.Contains(err.Error(), "only one of signature and MAC") {
		t.Error(err)
	}
	_, err = w.wallet.PresentMdoc(sign)
	w.must(err)
	// A second batch has fresh keys.
	_, err = w.accept(wallet.AcceptOptions{Copies: 1}, "mdl")
	w.must(err)
	_, err = w.wallet.PresentMdoc(mac)
	w.must(err)
}

func TestPresentRefusals(t *testing.T) {
	w := holding(t, 1)
	tr := transcript(t)
	for _, tt := range []struct {
		name string
		p    wallet.MdocPresentation
		is   error
		want string
	}{
		{"unknown type", wallet.MdocPresentation{DocType: "org.example", Elements: []string{"a"}, Transcript: tr}, wallet.ErrNotFound, "org.example"},
		{"other format", wallet.MdocPresentation{DocType: elements.PIDVCT, Elements: []string{"a"}, Transcript: tr}, wallet.ErrNotFound, ""},
		{"unknown element", wallet.MdocPresentation{DocType: elements.MDLDocType, Elements: []string{"shoe_size"}, Transcript: tr}, wallet.ErrElement, `"family_name"`},
		{"other namespace", wallet.MdocPresentation{DocType: elements.MDLDocType, Elements: []string{"org.example/family_name"}, Transcript: tr}, wallet.ErrElement, ""},
		{"no element", wallet.MdocPresentation{DocType: elements.MDLDocType, Transcript: tr}, wallet.ErrElement, "no element is named"},
		{"no transcript", wallet.MdocPresentation{DocType: elements.MDLDocType, Elements: []string{"family_name"}}, mdoc.ErrMalformed, ""},
		{"transcript of nothing", wallet.MdocPresentation{DocType: elements.MDLDocType, Elements: []string{"family_name"}, Transcript: []byte{0x83, 0xf6, 0xf6, 0xf6}}, nil, "transcript"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			response, err := w.wallet.PresentMdoc(tt.p)
			if err == nil || response != nil || tt.is != nil && !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%x %v", response, err)
			}
		})
	}
	for _, p := range []wallet.SDJWTPresentation{
		{VCT: elements.PIDVCT, Nonce: nonce},
		{VCT: elements.PIDVCT, Audience: clientID},
		{VCT: "urn:other", Nonce: nonce, Audience: clientID},
		{VCT: elements.PIDVCT, Nonce: nonce, Audience: clientID, Claims: []string{"shoe_size"}},
		{VCT: elements.PIDVCT, Nonce: nonce, Audience: clientID, Claims: []string{"address.planet"}},
		{VCT: elements.PIDVCT, Nonce: nonce, Audience: clientID, Claims: []string{""}},
	} {
		if shown, err := w.wallet.PresentSDJWT(p); err == nil || shown != "" {
			t.Errorf("%+v: %q", p, shown)
		}
	}
	list, err := w.store.List()
	w.must(err)
	for _, b := range list {
		if b.Copies[0].Used > 0 {
			t.Errorf("%s: a refused presentation used a copy", b.ID)
		}
	}
	w.pki.Clock.Advance(15 * 24 * time.Hour)
	if _, err := w.wallet.PresentMdoc(wallet.MdocPresentation{DocType: elements.MDLDocType, Elements: []string{"family_name"}, Transcript: tr}); !errors.Is(err, wallet.ErrNoCopy) {
		t.Errorf("expired: %v", err)
	}
}

// The nearest age statement answers (ISO/IEC 18013-5, 7.2.5). The person of the
// test issuer is 36; 12, 14, 16, 18, 21 and 25 are true, 60 and 65 false.
func TestNearestAge(t *testing.T) {
	w := holding(t, 1)
	for asked, want := range map[string]string{
		"age_over_18": "age_over_18", "age_over_19": "age_over_21", "age_over_00": "age_over_12", "age_over_25": "age_over_25",
		"age_over_65": "age_over_65", "age_over_64": "age_over_60", "age_over_99": "age_over_65",
		"age_over_26": "", "age_over_59": "", "age_over_7": "", "age_over_018": "",
	} {
		response, err := w.wallet.PresentMdoc(wallet.MdocPresentation{DocType: elements.MDLDocType, Elements: []string{asked}, Transcript: transcript(t)})
		if want == "" {
			if !errors.Is(err, wallet.ErrElement) {
				t.Errorf("%s: %v", asked, err)
			}
			continue
		}
		w.must(err)
		r, err := mdoc.ParseDeviceResponse(response)
		w.must(err)
		items := r.Documents[0].IssuerSigned.NameSpaces[0].Items
		if len(items) != 1 || items[0].ElementIdentifier != want {
			t.Errorf("%s: %v", asked, items[0].ElementIdentifier)
		}
	}
	response, err := w.wallet.PresentMdoc(wallet.MdocPresentation{DocType: elements.MDLDocType, Elements: []string{"portrait", "age_over_19"}, Transcript: transcript(t)})
	w.must(err)
	w.green(verification.DeviceResponse(response, w.verifier("age-over-18", fetch.TypeStatusListCWT)))
}

func TestContents(t *testing.T) {
	w := holding(t, 1)
	list, err := w.store.List()
	w.must(err)
	for _, b := range list {
		_, values, err := w.store.Contents(b.ID)
		w.must(err)
		byName := map[string]wallet.Value{}
		for _, v := range values {
			byName[v.Name] = v
		}
		portrait, birth := "portrait", "birth_date"
		if b.Format == oid4vci.FormatSDJWT {
			portrait, birth = "picture", "birthdate"
			if byName["address.locality"].JSON != "Utopia City" || byName["vct"].Name != "" {
				t.Errorf("%+v", values)
			}
		}
		if byName["family_name"].JSON != "Weber" || byName[birth].JSON != "1990-05-02" {
			t.Errorf("%s: %+v %+v", b.ID, byName["family_name"], byName[birth])
		}
		if _, err := elements.InspectPicture(byName[portrait].Bytes); err != nil {
			t.Errorf("%s: %v", b.ID, err)
		}
	}
	if _, _, err := w.store.Contents("nothing"); !errors.Is(err, wallet.ErrNotFound) {
		t.Error(err)
	}
}
