package mdoc

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"

	"vidimus/internal/cbor"
)

type handoverCase struct {
	ID     string
	Inputs struct {
		ClientID           string `json:"client_id"`
		Nonce              string
		Origin             string
		ResponseURI        string `json:"response_uri"`
		MdocGeneratedNonce string `json:"mdoc_generated_nonce"`
	}
	Thumbprint string `json:"jwk_thumbprint_hex"`
	Transcript string `json:"session_transcript_hex"`
}

func handoverCases(tb testing.TB) []handoverCase {
	var file struct{ Cases []handoverCase }
	readJSON(tb, "openid4vp-handover/handover.json", &file)
	return file.Cases
}

func TestOpenID4VPHandovers(t *testing.T) {
	made := 0
	for _, c := range handoverCases(t) {
		want := unhex(t, c.Transcript)
		in := c.Inputs
		var thumbprint []byte
		if c.Thumbprint != "" {
			thumbprint = unhex(t, c.Thumbprint)
		}
		switch {
		case strings.HasPrefix(c.ID, "vp10-redirect"):
			got, err := OpenID4VPTranscript(in.ClientID, in.Nonce, thumbprint, in.ResponseURI)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: got %x, %v", c.ID, got, err)
			}
			made++
		case strings.HasPrefix(c.ID, "vp10-dcapi"):
			got, err := DCAPITranscript(in.Origin, in.Nonce, thumbprint)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: got %x, %v", c.ID, got, err)
			}
			made++
		case c.ID == "legacy-draft24-dcapi":
			if got := legacyDraft24(in.Origin, in.ClientID, in.Nonce); !bytes.Equal(got, want) {
				t.Errorf("%s: got %x", c.ID, got)
			}
			if got := DescribeHandover(want); !strings.Contains(got, "draft 24") {
				t.Errorf("%s: described as %q", c.ID, got)
			}
		case strings.HasPrefix(c.ID, "legacy-18013-7-annex-b"):
			if got := legacyAnnexB(in.ClientID, in.ResponseURI, in.Nonce, in.MdocGeneratedNonce); !bytes.Equal(got, want) {
				t.Errorf("%s: got %x", c.ID, got)
			}
			if got := DescribeHandover(want); !strings.Contains(got, "Annex B") {
				t.Errorf("%s: described as %q", c.ID, got)
			}
			if _, err := ParseSessionTranscript(want); !errors.Is(err, ErrUnsupported) {
				t.Errorf("%s: accepted: %v", c.ID, err)
			}
		default:
			t.Errorf("case %q is not tested", c.ID)
		}
	}
	if made != 4 {
		t.Errorf("%d handovers of OpenID4VP 1.0, want 4", made)
	}
}

// The legacy forms exist in this file alone, to name them when seen.

func legacyDraft24(origin, clientID, nonce string) []byte {
	digest := sha256.Sum256(cbor.MustMarshal([]any{origin, clientID, nonce}))
	return cbor.MustMarshal([]any{nil, nil, []any{"OpenID4VPDCAPIHandover", digest[:]}})
}

func legacyAnnexB(clientID, responseURI, nonce, mdocGeneratedNonce string) []byte {
	client := sha256.Sum256(cbor.MustMarshal([]any{clientID, mdocGeneratedNonce}))
	uri := sha256.Sum256(cbor.MustMarshal([]any{responseURI, mdocGeneratedNonce}))
	return cbor.MustMarshal([]any{nil, nil, []any{client[:], uri[:], nonce}})
}

func TestDescribeHandover(t *testing.T) {
	engagement := cbor.RawMessage(cbor.WrapEncoded(cbor.MustMarshal(map[int]string{0: "1.0"})))
	hash := make([]byte, 32)
	for _, c := range []struct {
		transcript []any
		name       string
		accepted   bool
	}{
		{[]any{engagement, engagement, nil}, "QR", true},
		{[]any{nil, nil, nil}, "QR", false},
		{[]any{engagement, engagement, []any{hash, nil}}, "NFC, static", true},
		{[]any{engagement, engagement, []any{hash, []byte{1}}}, "NFC, negotiated", true},
		{[]any{nil, engagement, []any{hash, nil}}, "NFC, static", false},
		{[]any{engagement, engagement, []any{hash, "x"}}, "NFC, negotiated", false},
		{[]any{nil, nil, []any{"OpenID4VPHandover", hash}}, "OpenID4VP 1.0 redirect", true},
		{[]any{engagement, engagement, []any{"OpenID4VPHandover", hash}}, "OpenID4VP 1.0 redirect, malformed", false},
		{[]any{nil, nil, []any{"OpenID4VPHandover", hash[:31]}}, "OpenID4VP 1.0 redirect, malformed", false},
		{[]any{nil, nil, []any{"OpenID4VPHandover", hash, hash}}, "OpenID4VP 1.0 redirect, malformed", false},
		{[]any{nil, nil, []any{"dcapi", hash}}, "ISO/IEC TS 18013-7 Annex C (Digital Credentials API)", false},
		{[]any{nil, engagement, hash}, "ISO/IEC TS 18013-7 Annex A (REST)", false},
		{[]any{nil, nil, []any{"AndroidHandoverv1", hash, hash, hash}}, "unknown handover", false},
		{[]any{nil, nil, []any{"AndroidHandoverv1", hash}}, "Android preview of the Digital Credentials API", false},
		{[]any{nil, nil, []any{"BrowserHandoverv1", hash}}, "browser preview of the Digital Credentials API", false},
		{[]any{nil, nil, []any{"AppleIdentityPresentment_1.0", hash}}, "Apple identity presentment", false},
		{[]any{nil, nil, []any{"x", hash}}, "unknown handover", false},
		{[]any{nil, nil, []any{}}, "unknown handover", false},
		{[]any{nil, nil, map[int]int{}}, "unknown handover", false},
		{[]any{nil, nil}, "no session transcript", false},
	} {
		b := cbor.MustMarshal(c.transcript)
		if got := DescribeHandover(b); got != c.name {
			t.Errorf("%v: %q, want %q", c.transcript, got, c.name)
		}
		if got := DescribeHandover(cbor.WrapEncoded(b)); got != c.name {
			t.Errorf("%v, tagged: %q, want %q", c.transcript, got, c.name)
		}
		if _, err := ParseSessionTranscript(b); (err == nil) != c.accepted {
			t.Errorf("%v: %v", c.transcript, err)
		}
	}
}

func TestTranscriptRefuses(t *testing.T) {
	engagement := cbor.MustMarshal(map[int]string{0: "1.0"})
	key := cbor.WrapEncoded(cbor.MustMarshal(map[int]int{1: 2}))
	for name, build := range map[string]func() (SessionTranscript, error){
		"engagement with trailing byte": func() (SessionTranscript, error) { return QRTranscript(append(engagement, 0), key) },
		"engagement already wrapped":    func() (SessionTranscript, error) { return QRTranscript(cbor.WrapEncoded(engagement), key) },
		"engagement too large":          func() (SessionTranscript, error) { return QRTranscript(make([]byte, MaxEngagement+1), key) },
		"key not wrapped": func() (SessionTranscript, error) {
			return QRTranscript(engagement, cbor.MustMarshal(map[int]int{1: 2}))
		},
		"no Handover Select":     func() (SessionTranscript, error) { return NFCTranscript(engagement, key, nil, nil) },
		"thumbprint empty":       func() (SessionTranscript, error) { return OpenID4VPTranscript("c", "n", []byte{}, "u") },
		"thumbprint of 31 bytes": func() (SessionTranscript, error) { return DCAPITranscript("o", "n", make([]byte, 31)) },
		"no client":              func() (SessionTranscript, error) { return OpenID4VPTranscript("", "n", nil, "u") },
		"no nonce":               func() (SessionTranscript, error) { return DCAPITranscript("o", "", nil) },
		"no uri":                 func() (SessionTranscript, error) { return OpenID4VPTranscript("c", "n", nil, "") },
	} {
		if got, err := build(); err == nil || got != nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
