package mdoc

import (
	"bytes"
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"vidimus/internal/pki"
)

// The exchange of ISO/IEC TS 18013-7, Annex B: its mdoc is read and verified like
// any other, its handover is not accepted.
func TestAnnexB(t *testing.T) {
	var file struct {
		Response   string `json:"vp_token_device_response_hex"`
		IACA       string `json:"iaca_der_hex"`
		Transcript string `json:"session_transcript_hex"`
	}
	readJSON(t, "annex-b/annex-b.json", &file)
	transcript := SessionTranscript(unhex(t, file.Transcript))
	r, err := ParseDeviceResponse(unhex(t, file.Response))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Documents) != 1 || r.Documents[0].DocType != mdlDocType {
		t.Fatalf("%d documents", len(r.Documents))
	}
	d := &r.Documents[0]
	ds, err := pki.ParseCertificate(d.IssuerSigned.IssuerAuth.Header.X5Chain[0])
	if err != nil {
		t.Fatal(err)
	}
	iaca, err := pki.ParseCertificate(unhex(t, file.IACA))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(ds.RawIssuer, iaca.RawSubject) {
		t.Error("document signer is not the IACA's")
	}

	verified := 0
	for _, ns := range d.IssuerSigned.NameSpaces {
		for _, item := range ns.Items {
			sum := sha256.Sum256(item.Raw)
			if !bytes.Equal(sum[:], d.IssuerSigned.MSO.ValueDigests[ns.Name][item.DigestID]) {
				t.Errorf("digest of %s differs", item.ElementIdentifier)
			}
			verified++
		}
	}
	if verified != 11 {
		t.Errorf("%d digests, want 11", verified)
	}

	options := VerifyOptions{Leaf: ds.PublicKey(), DSNotBefore: ds.NotBefore(), DSNotAfter: ds.NotAfter(), Now: d.IssuerSigned.MSO.ValidityInfo.ValidFrom.Add(time.Hour)}
	for _, f := range d.Verify(options) {
		switch {
		case f.Check == CheckDeviceSignature && f.Result == NotDone: // no transcript given
		case f.Check == CheckCanonical && f.Result == Warn: // status stands before version
		case f.Result != Pass:
			t.Errorf("%s: %s (%s)", f.Check, f.Result, f.Detail)
		}
	}

	// The signature itself, over the transcript as the document gives it.
	payload := DeviceAuthenticationBytes(transcript, d.DocType, d.DeviceSigned.NameSpacesBytes)
	if err := d.DeviceSigned.Signature.VerifyDetached(d.IssuerSigned.MSO.DeviceKey.Public, payload); err != nil {
		t.Errorf("deviceSignature: %v", err)
	}
	got := d.VerifyDeviceAuth(DeviceAuthOptions{Transcript: transcript})[1]
	if got.Check != CheckDeviceSignature || got.Result != Fail || !strings.Contains(got.Detail, "Annex B") {
		t.Errorf("the legacy handover is accepted: %v", got)
	}
}
