package wallet

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"slices"
	"testing"

	"vidimus/internal/elements"
	"vidimus/internal/jose"
	"vidimus/internal/mdoc"
	"vidimus/internal/oid4vci"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/sdjwt"
	"vidimus/internal/wallet/wallettest"
)

// fuzzWorld is an issuer and two keys.
func fuzzWorld(f *testing.F) (*wallettest.Issuer, []*ecdsa.PrivateKey) {
	f.Helper()
	world := pkitest.NewWorld(f)
	issuer, err := wallettest.New(world, world.Clock, "")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(issuer.Close)
	keys := make([]*ecdsa.PrivateKey, 2)
	for i := range keys {
		if keys[i], err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			f.Fatal(err)
		}
	}
	return issuer, keys
}

// What an issuer sends is kept only when it is of the type asked for and bound to
// one of our keys, whatever else it is; a refusal leaves nothing behind.
func FuzzReceive(f *testing.F) {
	issuer, keys := fuzzWorld(f)
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	configurations := issuer.IssuerMetadata().Configurations
	for _, id := range []string{"mdl", "pid-mdoc", "pid-sd-jwt"} {
		for _, key := range []*ecdsa.PrivateKey{keys[0], stranger} {
			credentials, err := issuer.Issue(id, key.Public())
			if err != nil {
				f.Fatal(err)
			}
			f.Add(credentials[0], true)
			f.Add(credentials[0], false)
			in := &inspection{configuration: configurations[id], keys: keys, now: pkitest.Now}
			if _, err := in.one(credentials[0]); (err == nil) != (key == keys[0]) {
				f.Fatalf("%s: %v", id, err)
			}
		}
	}
	for _, s := range []string{"", "~", "oA", "a.b.c~", "~~", "eyJhbGciOiJFUzI1NiJ9.e30.AA~"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, text string, mdocFormat bool) {
		id := "pid-sd-jwt"
		if mdocFormat {
			id = "mdl"
		}
		in := &inspection{configuration: configurations[id], keys: keys, now: pkitest.Now}
		list, err := in.batch([]oid4vci.Credential{{Credential: text}})
		if err != nil {
			if list != nil {
				t.Error("a refusal with content")
			}
			return
		}
		if list[0].text != text || !list[0].until.After(pkitest.Now) {
			t.Errorf("%+v", list[0])
		}
		if mdocFormat {
			raw, err := jose.DecodeBase64URL(text)
			if err != nil {
				t.Fatal(err)
			}
			signed, err := mdoc.ParseIssuerSigned(raw)
			if err != nil || signed.MSO.DocType != elements.MDLDocType || !keys[list[0].key].PublicKey.Equal(signed.MSO.DeviceKey.Public) {
				t.Errorf("%v", err)
			}
			return
		}
		token, err := sdjwt.Parse(text)
		if err != nil || token.KeyBinding != nil {
			t.Fatal("a key binding was kept")
		}
		payload, err := token.Process()
		if err != nil || payload.VCT != elements.PIDVCT {
			t.Errorf("%v", err)
		}
	})
}

// Whatever a reader sends, the answer is a response that returns nothing but what
// was asked for, or the nearest age statement for one.
func FuzzAnswer(f *testing.F) {
	issuer, keys := fuzzWorld(f)
	store, err := OpenStore(f.TempDir() + "/wallet")
	if err != nil {
		f.Fatal(err)
	}
	credentials, err := issuer.Issue("mdl", keys[0].Public())
	if err != nil {
		f.Fatal(err)
	}
	b := Batch{Configuration: "mdl", Format: oid4vci.FormatMdoc, Type: elements.MDLDocType, Received: pkitest.Now}
	in := &inspection{configuration: issuer.IssuerMetadata().Configurations["mdl"], keys: keys, now: pkitest.Now}
	list, err := in.batch([]oid4vci.Credential{{Credential: credentials[0]}})
	if err != nil {
		f.Fatal(err)
	}
	if _, err := store.put(b, list, keys, rand.Reader); err != nil {
		f.Fatal(err)
	}
	w, err := New(Config{Store: store, Clock: issuer.World.Clock, Rand: rand.Reader})
	if err != nil {
		f.Fatal(err)
	}
	transcript, err := mdoc.OpenID4VPTranscript("client", "nonce-of-this-session-0123456789", nil, "https://verifier.example")
	if err != nil {
		f.Fatal(err)
	}
	session := Session{Wallet: w, Consent: AgreeToAll}
	request := func(opt mdoc.RequestOptions, requests ...mdoc.ItemsRequest) []byte {
		data, err := mdoc.BuildDeviceRequest(requests, opt, rand.Reader)
		if err != nil {
			f.Fatal(err)
		}
		return data
	}
	asked := mdoc.ItemsRequest{DocType: elements.MDLDocType, NameSpaces: []mdoc.RequestedNameSpace{{Name: elements.MDLNameSpace,
		Elements: []mdoc.RequestedElement{{Identifier: "family_name"}, {Identifier: "age_over_19", IntentToRetain: true}, {Identifier: "none"}}}}}
	f.Add(request(mdoc.RequestOptions{}, asked))
	f.Add(request(mdoc.RequestOptions{Reader: &mdoc.Reader{Signer: issuer.World.Reader.Key, Chain: issuer.World.Reader.Chain, All: true}, Transcript: transcript}, asked, asked))
	f.Add([]byte{0xa0})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		response, err := session.Answer(data, transcript)
		if err != nil {
			t.Fatal(err)
		}
		r, err := mdoc.ParseDeviceResponse(response)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := mdoc.ParseDeviceRequest(data)
		if err != nil {
			if r.Status == mdoc.StatusOK || len(r.Documents) > 0 {
				t.Error("an unreadable request was answered")
			}
			return
		}
		for _, d := range r.Documents {
			for _, ns := range d.IssuerSigned.NameSpaces {
				for _, item := range ns.Items {
					if !wasAsked(parsed, d.DocType, ns.Name, item.ElementIdentifier) {
						t.Errorf("%s was not asked for", item.ElementIdentifier)
					}
				}
			}
		}
	})
}

func wasAsked(r *mdoc.DeviceRequest, docType, nameSpace, identifier string) bool {
	_, age := elements.AgeOfElement(identifier)
	for i := range r.DocRequests {
		items := &r.DocRequests[i].ItemsRequest
		if items.DocType != docType {
			continue
		}
		if items.Asks(nameSpace, identifier) {
			return true
		}
		for _, ns := range items.NameSpaces {
			if age && ns.Name == nameSpace && slices.ContainsFunc(ns.Elements, func(e mdoc.RequestedElement) bool {
				_, also := elements.AgeOfElement(e.Identifier)
				return also
			}) {
				return true
			}
		}
	}
	return false
}

// A record that is read is one that would be written.
func FuzzBatchRecord(f *testing.F) {
	b := Batch{ID: "mdl-01", Type: "t", Format: oid4vci.FormatMdoc, Copies: []Copy{{Used: 1, Proof: ByMAC, ValidFrom: pkitest.Now}}}
	good, err := json.Marshal(b)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"id":"mdl-01","type":"t","format":"f","copies":[{"used":-1}]}`))
	f.Add([]byte("{}"))
	f.Add([]byte(""))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := parseBatch("mdl-01", data)
		if err != nil {
			return
		}
		out, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err) // a time that JSON cannot say
		}
		again, err := parseBatch("mdl-01", out)
		if err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		if two, err := json.Marshal(again); err != nil || !bytes.Equal(out, two) {
			t.Errorf("%s and %s", out, two)
		}
	})
}

// A grant that is read is one that would be written.
func FuzzGrantRecord(f *testing.F) {
	g := grant{ID: "grant-01", Issuer: "i", Server: "s", DPoP: "k", Refresh: "r", Waiting: []pending{{Waiting: Waiting{ID: "later-01", Configuration: "c"}, Transaction: "t", Keys: []string{"k"}}}}
	good, err := json.Marshal(g)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"id":"grant-01","issuer":"i","server":"s","dpop":"k"}`))
	f.Add([]byte(`{"id":"grant-01","issuer":"i","server":"s","dpop":"k","refresh_token":"r","waiting":[{"id":"../x"}]}`))
	f.Add([]byte(""))
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := parseGrant("grant-01", data)
		if err != nil {
			return
		}
		for _, p := range g.Waiting {
			if !validID.MatchString(p.ID) || len(p.Keys) == 0 || len(p.Keys) > MaxCopies {
				t.Fatalf("%+v", p)
			}
		}
		out, err := json.Marshal(g)
		if err != nil {
			t.Fatal(err) // a time that JSON cannot say
		}
		again, err := parseGrant("grant-01", out)
		if err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		if two, err := json.Marshal(again); err != nil || !bytes.Equal(out, two) {
			t.Errorf("%s and %s", out, two)
		}
	})
}
