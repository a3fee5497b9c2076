package pki

import (
	"bytes"
	"crypto/rand"
	"errors"
	"math/big"
	"slices"
	"testing"
	"time"
)

// TestDraftIsWhatBuildSigns: for every profile, byte for byte, however often.
func TestDraftIsWhatBuildSigns(t *testing.T) {
	for _, p := range Profiles() {
		t.Run(string(p), func(t *testing.T) {
			tm := template(p)
			issuer, signer := issuerOf(t, p)
			if issuer == nil {
				tm.Public = signer.Public()
			}
			tm.NotAfter = tm.NotBefore.AddDate(0, 3, 0)
			var err error
			if tm.Serial, err = NewSerial(rand.Reader); err != nil {
				t.Fatal(err)
			}
			draft, err := DraftCertificate(tm, issuer, rand.Reader)
			if err != nil || len(draft.Findings) > 0 {
				t.Fatalf("%v, findings %v", err, draft)
			}
			again, err := DraftCertificate(tm, issuer, rand.Reader)
			if err != nil || !bytes.Equal(again.TBS, draft.TBS) {
				t.Fatalf("another draft: %v", err)
			}
			c, err := Build(tm, issuer, signer, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(c.TBS(), draft.TBS) || c.Cert.SerialNumber.Cmp(tm.Serial) != 0 {
				t.Error("Build signs something else")
			}
			if issuer != nil && verifySignature(draft.Certificate, issuer) == nil {
				t.Error("the draft verifies with the issuer's key")
			}
		})
	}
}

func TestDraftFindings(t *testing.T) {
	tm := template(ProfileDocumentSignerMDL)
	issuer, _ := issuerOf(t, tm.Profile)
	tm.Serial, tm.NotAfter, tm.CRLDistributionPoint = big.NewInt(5), tm.NotBefore.AddDate(2, 0, 0), ""
	draft, err := DraftCertificate(tm, issuer, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"serial number is shorter than 63 bits", "validity is longer than 457 days", "CRL distribution point is missing"} {
		if !slices.Contains(draft.Findings, want) {
			t.Errorf("no finding %q in %q", want, draft.Findings)
		}
	}
	for name, change := range map[string]func(*Template){
		"serial": func(t *Template) { t.Serial = nil }, "public key": func(t *Template) { t.Public = nil },
		"begin": func(t *Template) { t.NotBefore = time.Time{} }, "end": func(t *Template) { t.NotAfter = time.Time{} },
	} {
		other := tm
		change(&other)
		if _, err := DraftCertificate(other, issuer, rand.Reader); err == nil {
			t.Errorf("a draft without %s", name)
		}
	}
	if _, err := DraftCertificate(tm, nil, rand.Reader); !errors.Is(err, ErrProfile) {
		t.Errorf("no issuer: %v", err)
	}
}

// TestRawSubject: a link has the name of the root that it certifies, whatever that
// looks like in DER.
func TestRawSubject(t *testing.T) {
	tm := template(ProfileIACALink)
	issuer, signer := issuerOf(t, tm.Profile)
	name := Name{Country: "UT", CommonName: "Utopia IACA 2"}.marshal()
	i := bytes.Index(name, []byte("\x13\x0dUtopia IACA 2"))
	name[i] = tagUTF8String // where marshal writes PrintableString
	tm.Subject, tm.RawSubject = Name{}, name
	c, err := Build(tm, issuer, signer, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(c.RawSubject, name) {
		t.Errorf("subject %x, want %x", c.RawSubject, name)
	}
}

func TestDraftCRL(t *testing.T) {
	issuer, signer := root("utopia iaca").cert(t), keyOf("utopia iaca")
	r := Revocations{Number: big.NewInt(7), ThisUpdate: forgeNow, NextUpdate: forgeNow.AddDate(0, 0, 80),
		Revoked: []RevokedCertificate{{Serial: big.NewInt(99), At: forgeNow.Add(-time.Hour)}}}
	draft, err := DraftCRL(r, issuer, rand.Reader)
	if err != nil || len(draft.Findings) > 0 {
		t.Fatal(err, draft)
	}
	list, err := BuildCRL(r, issuer, signer, rand.Reader)
	if err != nil || !bytes.Equal(list.TBS(), draft.TBS) {
		t.Errorf("BuildCRL signs something else: %v", err)
	}
	if draft.CRL.Verify(issuer, false) == nil {
		t.Error("the draft verifies with the issuer's key")
	}
	r.NextUpdate = forgeNow.AddDate(0, 0, 91)
	if _, err := DraftCRL(r, issuer, rand.Reader); !errors.Is(err, ErrProfile) {
		t.Errorf("91 days: %v", err)
	}
}
