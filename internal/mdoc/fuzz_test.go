package mdoc

import (
	"bytes"
	"errors"
	"testing"

	"vidimus/internal/cbor"
	"vidimus/internal/pki"
)

// responseSeeds are sound responses, and some that are not.
func responseSeeds(f *testing.F) [][]byte {
	f.Helper()
	var annexB struct {
		Response string `json:"vp_token_device_response_hex"`
	}
	readJSON(f, "annex-b/annex-b.json", &annexB)
	workload, _ := workloadResponse(f)
	seeds := [][]byte{annexD(f)("device_response"), unhex(f, annexB.Response), workload}
	for _, mutate := range []func(*forgery){
		func(*forgery) {},
		func(x *forgery) { x.mac = true },
		func(x *forgery) {
			x.mso["status"] = map[string]any{"status_list": map[string]any{"idx": 1, "uri": "u"}, "later": 1}
		},
		func(x *forgery) {
			x.deviceElements = map[string]map[string]any{"a": {"b": 1}}
			x.authorize(map[string]any{"nameSpaces": []string{"a"}, "dataElements": map[string]any{"c": []string{"d"}}})
		},
		func(x *forgery) {
			x.response = func(r map[string]any) { r["documentErrors"] = []any{map[string]int{"a": 0}}; r["later"] = 1 }
			x.document = func(d map[string]any) { d["errors"] = map[string]any{"a": map[string]int{"b": -1}} }
		},
		func(x *forgery) {
			x.response = func(r map[string]any) {
				r["documents"] = append(r["documents"].([]any), map[string]any{"docType": "x"})
			}
		},
		func(x *forgery) { x.response = func(r map[string]any) { r["status"] = 11 } },
	} {
		x := newForgery(f)
		mutate(x)
		seeds = append(seeds, x.assemble())
	}
	return seeds
}

// checkParseError demands that a failed parse says why, with exactly one kind
// and a check.
func checkParseError(t *testing.T, err error) {
	var pe *ParseError
	if !errors.As(err, &pe) || pe.Check == "" {
		t.Fatalf("error %v names no check", err)
	}
	kinds := 0
	for _, kind := range []error{ErrMalformed, ErrLimit, ErrUnsupported} {
		if errors.Is(err, kind) {
			kinds++
		}
	}
	if kinds != 1 {
		t.Fatalf("error %v is of %d kinds", err, kinds)
	}
}

// checkIssuerSigned demands of a parsed IssuerSigned that everything in it lies
// in the input as received, and that it encodes to itself where it is canonical.
func checkIssuerSigned(t *testing.T, s *IssuerSigned) {
	if s.MSO == nil || s.IssuerAuth == nil || len(s.MSO.ValueDigests) == 0 || s.MSO.DeviceKey == nil {
		t.Fatal("parts are missing")
	}
	if !bytes.Contains(s.Raw, s.IssuerAuthRaw) {
		t.Fatal("issuerAuth is not as received")
	}
	all := map[string][]string{}
	for _, ns := range s.NameSpaces {
		for _, item := range ns.Items {
			if !bytes.Contains(s.Raw, item.Raw) || !bytes.Contains(item.Raw, item.ElementValue) {
				t.Fatal("item is not as received")
			}
			all[ns.Name] = append(all[ns.Name], item.ElementIdentifier)
		}
	}
	whole := s.Select(all)
	if cbor.Lint(s.Raw) == nil && len(s.Notes) == 0 && !bytes.Equal(whole.Raw, s.Raw) {
		t.Fatalf("encoded again:\n got %x\nwant %x", whole.Raw, s.Raw)
	}
	again, err := ParseIssuerSigned(whole.Raw)
	if err != nil {
		t.Fatalf("a selection of all is refused: %v", err)
	}
	if len(again.NameSpaces) != len(s.NameSpaces) {
		t.Fatalf("%d namespaces of %d", len(again.NameSpaces), len(s.NameSpaces))
	}
}

func FuzzParseIssuerSigned(f *testing.F) {
	for _, response := range responseSeeds(f) {
		if r, err := ParseDeviceResponse(response); err == nil {
			for _, d := range r.Documents {
				f.Add(d.IssuerSigned.Raw)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ParseIssuerSigned(data)
		if err != nil {
			if s != nil {
				t.Fatal("a failed parse returned something")
			}
			checkParseError(t, err)
			return
		}
		if !bytes.Equal(s.Raw, data) {
			t.Fatal("Raw is not the input")
		}
		checkIssuerSigned(t, s)
		s.Verify(VerifyOptions{Now: testNow})
	})
}

func FuzzParseDeviceResponse(f *testing.F) {
	for _, seed := range responseSeeds(f) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ParseDeviceResponse(data)
		if err != nil {
			if r != nil {
				t.Fatal("a failed parse returned something")
			}
			checkParseError(t, err)
			return
		}
		if len(r.Documents)+len(r.Malformed)+r.Ignored > MaxDocuments || r.Status != StatusOK && len(r.Documents) > 0 {
			t.Fatalf("status %d, %d documents, %d malformed, %d ignored", r.Status, len(r.Documents), len(r.Malformed), r.Ignored)
		}
		for _, m := range r.Malformed {
			checkParseError(t, m.Err)
		}
		if len(r.Malformed) > 0 && !Failed(r.Verify()) {
			t.Fatal("a malformed document does not fail the response")
		}
		for i := range r.Documents {
			d := &r.Documents[i]
			if (d.DeviceSigned.Signature == nil) == (d.DeviceSigned.MAC == nil) {
				t.Fatal("not exactly one proof")
			}
			checkIssuerSigned(t, d.IssuerSigned)
			seen := map[string]bool{}
			for _, finding := range d.Verify(VerifyOptions{Now: testNow}) {
				if seen[finding.Check] && finding.Check != CheckResponseStatus {
					t.Fatalf("%s reported twice", finding.Check)
				}
				seen[finding.Check] = true
			}
		}
	})
}

func FuzzParseDeviceRequest(f *testing.F) {
	vector := annexD(f)
	transcript := SessionTranscript(vector("session_transcript"))
	f.Add(vector("device_request"))
	f.Add(vector("device_request_v1_1_extended"))
	f.Add(cbor.MustMarshal(soundRequest()))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ParseDeviceRequest(data)
		if err != nil {
			if r != nil {
				t.Fatal("a failed parse returned something")
			}
			checkParseError(t, err)
			return
		}
		if len(r.DocRequests) == 0 || len(r.DocRequests) > MaxDocuments {
			t.Fatalf("%d docRequests", len(r.DocRequests))
		}
		for i := range r.DocRequests {
			d := &r.DocRequests[i]
			encoded, err := d.ItemsRequest.encode()
			if err != nil {
				t.Fatalf("what was read cannot be written: %v", err)
			}
			if cbor.Lint(data) == nil && len(r.Notes) == 0 && !bytes.Equal(encoded, d.ItemsRequestBytes) {
				t.Fatalf("encoded again:\n got %x\nwant %x", encoded, d.ItemsRequestBytes)
			}
			r.VerifyReaderAuth(i, transcript, nil)
		}
	})
}

// Whatever is presented, if it passes with the document signer, device key and
// session of Annex D, then it shows items of Annex D and nothing else.
func FuzzVerifyDocument(f *testing.F) {
	vector := annexD(f)
	response := vector("device_response")
	sound, err := ParseDeviceResponse(response)
	if err != nil {
		f.Fatal(err)
	}
	original := sound.Documents[0].IssuerSigned
	ds, err := pki.ParseCertificate(vector("ds_certificate"))
	if err != nil {
		f.Fatal(err)
	}
	options := VerifyOptions{
		Leaf: ds.PublicKey(), DSNotBefore: ds.NotBefore(), DSNotAfter: ds.NotAfter(), Now: annexDNow,
		DeviceAuth: DeviceAuthOptions{Transcript: annexDTranscript(f, vector), ReaderKey: p256Private(f, vector("ephemeral_reader_key_d"))},
	}
	f.Add(response, 0, byte(0))
	for at := 0; at < len(response); at += 97 {
		f.Add(response, at, byte(1))
	}
	for _, seed := range responseSeeds(f) {
		f.Add(seed, 0, byte(0))
	}
	f.Fuzz(func(t *testing.T, data []byte, at int, flip byte) {
		if len(data) > 0 {
			data = bytes.Clone(data)
			data[uint(at)%uint(len(data))] ^= flip
		}
		r, err := ParseDeviceResponse(data)
		if err != nil {
			return
		}
		for i := range r.Documents {
			d := &r.Documents[i]
			if Failed(d.Verify(options)) {
				continue
			}
			if d.DocType != mdlDocType || !bytes.Equal(d.IssuerSigned.MSO.Raw, original.MSO.Raw) || len(d.DeviceSigned.NameSpaces) > 0 {
				t.Fatal("another document passes")
			}
			for _, ns := range d.IssuerSigned.NameSpaces {
				for _, item := range ns.Items {
					want := original.Item(ns.Name, item.ElementIdentifier)
					if want == nil || !bytes.Equal(want.Raw, item.Raw) {
						t.Fatalf("item %q passes", item.ElementIdentifier)
					}
				}
			}
		}
	})
}
