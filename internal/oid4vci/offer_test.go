package oid4vci

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func fullOffer() *CredentialOffer {
	return &CredentialOffer{
		CredentialIssuer: "https://issuer.example.com/pid",
		ConfigurationIDs: []string{"pid-sd-jwt", "pid-mdoc"},
		PreAuthorized: &PreAuthorizedGrant{Code: "Q8mH2c1kq0Vt6Lr3", AuthorizationServer: "https://as.example.com",
			TxCode: &TxCode{InputMode: "numeric", Length: 6, Description: "Code sent by letter & <phone> + é"}},
		AuthorizationCode: &AuthorizationCodeGrant{IssuerState: "c2Vzc2lvbi03ZjQx"},
	}
}

func TestCredentialOffer(t *testing.T) {
	for name, o := range map[string]*CredentialOffer{
		"full":      fullOffer(),
		"no grants": {CredentialIssuer: "https://issuer.example.com", ConfigurationIDs: []string{"mdl"}},
		"empty tx_code": {CredentialIssuer: "https://issuer.example.com", ConfigurationIDs: []string{"mdl"},
			PreAuthorized: &PreAuthorizedGrant{Code: "x", TxCode: &TxCode{}}},
		"empty code grant": {CredentialIssuer: "https://issuer.example.com", ConfigurationIDs: []string{"mdl"}, AuthorizationCode: &AuthorizationCodeGrant{}},
	} {
		text, err := json.Marshal(o)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		back, err := ParseCredentialOffer(text)
		if err != nil || !reflect.DeepEqual(back, o) {
			t.Errorf("%s: %s\n%+v, %v", name, text, back, err)
		}
		for _, scheme := range []string{SchemeOffer, SchemeHAIP, "https://wallet.example/offer", "https://wallet.example/offer?x=1"} {
			uri, err := o.URI(scheme)
			if err != nil || !strings.HasPrefix(uri, scheme) || strings.ContainsAny(uri, " +{}\"") {
				t.Errorf("%s: %s, %v", name, uri, err)
			}
			offer, reference, err := ParseOfferURI(uri)
			if err != nil || reference != "" || !reflect.DeepEqual(offer, o) {
				t.Errorf("%s: %s: %+v, %v", name, uri, offer, err)
			}
		}
	}
	// The text of section 1.6's example: the hyphen in the member's name.
	text, _ := json.Marshal(fullOffer())
	for _, part := range []string{`"grants":{`, `"urn:ietf:params:oauth:grant-type:pre-authorized_code":{"pre-authorized_code":"Q8mH2c1kq0Vt6Lr3"`, `"tx_code":{"input_mode":"numeric","length":6`} {
		if !strings.Contains(string(text), part) {
			t.Errorf("%s lacks %s", text, part)
		}
	}
	if strings.Contains(string(text), "tx_code_value") || strings.Contains(string(text), "user_pin") {
		t.Errorf("%s", text)
	}
}

func TestOfferURIByReference(t *testing.T) {
	uri, err := OfferURIByReference(SchemeHAIP, "https://issuer.example.com/offers/x?y=1&z=2")
	if err != nil || uri != "haip-vci://?credential_offer_uri=https%3A%2F%2Fissuer.example.com%2Foffers%2Fx%3Fy%3D1%26z%3D2" {
		t.Fatalf("%s, %v", uri, err)
	}
	offer, reference, err := ParseOfferURI(uri)
	if err != nil || offer != nil || reference != "https://issuer.example.com/offers/x?y=1&z=2" {
		t.Errorf("%v, %s, %v", offer, reference, err)
	}
	if _, err := OfferURIByReference(SchemeHAIP, "/offers/x"); err == nil {
		t.Error("a relative location")
	}
	insecure := "openid-credential-offer://?credential_offer_uri=http%3A%2F%2F127.0.0.1%3A8080%2Fo"
	if _, _, err := ParseOfferURI(insecure); err == nil {
		t.Error("http without leave")
	}
	if _, reference, err := ParseOfferURI(insecure, true); err != nil || reference != "http://127.0.0.1:8080/o" {
		t.Errorf("%s, %v", reference, err)
	}
}

func TestParseOfferRefuses(t *testing.T) {
	const good = `{"credential_issuer":"https://i.example","credential_configuration_ids":["a"]}`
	if _, err := ParseCredentialOffer([]byte(good)); err != nil {
		t.Fatal(err)
	}
	grant := func(g string) string {
		return strings.TrimSuffix(good, "}") + `,"grants":{"urn:ietf:params:oauth:grant-type:pre-authorized_code":` + g + `}}`
	}
	for name, text := range map[string]string{
		"http issuer":        strings.Replace(good, "https", "http", 1),
		"issuer with query":  strings.Replace(good, "i.example", "i.example?x", 1),
		"issuer with anchor": strings.Replace(good, "i.example", "i.example#x", 1),
		"no issuer":          `{"credential_configuration_ids":["a"]}`,
		"no ids":             `{"credential_issuer":"https://i.example"}`,
		"empty ids":          strings.Replace(good, `"a"`, ``, 1),
		"id twice":           strings.Replace(good, `"a"`, `"a","a"`, 1),
		"empty id":           strings.Replace(good, `"a"`, `""`, 1),
		"many ids":           strings.Replace(good, `"a"`, strings.Repeat(`"a",`, 100)+`"b"`, 1),
		"issuer twice":       strings.TrimSuffix(good, "}") + `,"credential_issuer":"https://evil.example"}`,
		"case variant":       strings.TrimSuffix(good, "}") + `,"Credential_Issuer":"https://evil.example"}`,
		"old member only":    `{"credential_issuer":"https://i.example","credentials":["a"]}`,
		"no code":            grant(`{}`),
		"empty code":         grant(`{"pre-authorized_code":""}`),
		"code number":        grant(`{"pre-authorized_code":1}`),
		"tx_code null":       grant(`{"pre-authorized_code":"x","tx_code":null}`),
		"tx_code text":       grant(`{"pre-authorized_code":"x","tx_code":"1234"}`),
		"input_mode":         grant(`{"pre-authorized_code":"x","tx_code":{"input_mode":"hex"}}`),
		"negative length":    grant(`{"pre-authorized_code":"x","tx_code":{"length":-1}}`),
		"huge length":        grant(`{"pre-authorized_code":"x","tx_code":{"length":65}}`),
		"fraction":           grant(`{"pre-authorized_code":"x","tx_code":{"length":6.5}}`),
		"301 characters":     grant(`{"pre-authorized_code":"x","tx_code":{"description":"` + strings.Repeat("é", 301) + `"}}`),
		"server":             grant(`{"pre-authorized_code":"x","authorization_server":"as.example"}`),
		"a JWT":              "eyJhbGciOiJub25lIn0.e30.",
		"large":              strings.TrimSuffix(good, "}") + `,"x":"` + strings.Repeat("x", maxOffer) + `"}`,
	} {
		if o, err := ParseCredentialOffer([]byte(text)); err == nil || o != nil {
			t.Errorf("%s: %+v", name, o)
		}
	}
	if _, err := ParseCredentialOffer([]byte(grant(`{"pre-authorized_code":"x","tx_code":{"description":"` + strings.Repeat("é", 300) + `"}}`))); err != nil {
		t.Errorf("300 characters: %v", err)
	}
	for name, uri := range map[string]string{
		"no scheme":    "credential_offer=%7B%7D",
		"neither":      "haip-vci://?x=1",
		"both":         "haip-vci://?credential_offer=%7B%7D&credential_offer_uri=https%3A%2F%2Fi.example%2Fo",
		"twice":        "haip-vci://?credential_offer_uri=https%3A%2F%2Fi.example%2Fo&credential_offer_uri=https%3A%2F%2Fi.example%2Fp",
		"fragment":     "haip-vci://?credential_offer_uri=https%3A%2F%2Fi.example%2Fo#x",
		"file":         "haip-vci://?credential_offer_uri=file%3A%2F%2F%2Fetc%2Fpasswd",
		"user":         "haip-vci://?credential_offer_uri=https%3A%2F%2Fu%40i.example%2Fo",
		"broken":       "haip-vci://?credential_offer=%zz",
		"semicolon":    "haip-vci://?credential_offer=x;credential_offer=y",
		"not JSON":     "haip-vci://?credential_offer=x",
		"large":        "haip-vci://?credential_offer=" + strings.Repeat("x", maxOfferURI),
		"javascript":   "javascript:alert(1)",
		"empty scheme": "://?credential_offer=%7B%7D",
	} {
		if o, ref, err := ParseOfferURI(uri); err == nil || o != nil || ref != "" {
			t.Errorf("%s: %+v, %s", name, o, ref)
		}
	}
	for name, o := range map[string]*CredentialOffer{
		"nothing": {},
		"no code": {CredentialIssuer: "https://i.example", ConfigurationIDs: []string{"a"}, PreAuthorized: &PreAuthorizedGrant{}},
	} {
		if uri, err := o.URI(SchemeOffer); err == nil || uri != "" {
			t.Errorf("%s was written: %s", name, uri)
		}
	}
}

func TestBadInputsTxCode(t *testing.T) {
	six := &TxCode{Length: 6}
	for id, c := range map[string]struct {
		t    *TxCode
		code string
		fits bool
	}{
		"P05/fine":            {six, "012345", true},
		"P05/empty":           {six, "", false},
		"P05/zeros_stripped":  {six, "12345", false},
		"P05/too_long":        {six, "0123456", false},
		"P05/full_width":      {six, "０１２３４５", false},
		"P05/letters":         {six, "01234a", false},
		"P05/space":           {six, "01234 ", false},
		"P05/minus":           {six, "-12345", false},
		"P05/any_length":      {&TxCode{}, "1", true},
		"P05/empty_object":    {&TxCode{}, "", false},
		"P05/text":            {&TxCode{InputMode: "text", Length: 4}, "aé1-", true},
		"P05/text_too_short":  {&TxCode{InputMode: "text", Length: 4}, "aé1", false},
		"P05/arabic_numerals": {six, "٠١٢٣٤٥", false},
	} {
		t.Run(id, func(t *testing.T) {
			if got := c.t.Fits(c.code); got != c.fits {
				t.Errorf("%q: %v", c.code, got)
			}
		})
	}
}

func FuzzParseOfferURI(f *testing.F) {
	uri, err := fullOffer().URI(SchemeOffer)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uri)
	f.Add("haip-vci://?credential_offer_uri=https%3A%2F%2Fi.example%2Fo")
	f.Add("haip-vci://?credential_offer=%7B%22credential_issuer%22%3A%22https%3A%2F%2Fi%22%7D")
	f.Fuzz(func(t *testing.T, uri string) {
		o, ref, err := ParseOfferURI(uri)
		if err != nil {
			if o != nil || ref != "" {
				t.Error("refused with a result")
			}
			return
		}
		if (o == nil) == (ref == "") {
			t.Errorf("offer %+v and reference %q", o, ref)
		}
		var again string
		if o != nil {
			again, err = o.URI(SchemeOffer)
		} else {
			again, err = OfferURIByReference(SchemeOffer, ref)
		}
		if err != nil {
			t.Fatalf("cannot be written again: %v", err)
		}
		o2, ref2, err := ParseOfferURI(again)
		if err != nil || ref2 != ref || !reflect.DeepEqual(o, o2) {
			t.Errorf("%s becomes %s: %+v, %v", uri, again, o2, err)
		}
	})
}
