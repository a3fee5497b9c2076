package mdoc

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"vidimus/internal/cbor"
	"vidimus/internal/cose"
)

// anyElements draws elements of some namespaces, with values of every kind.
func anyElements() *rapid.Generator[[]NamespaceElements] {
	return rapid.Custom(func(t *rapid.T) []NamespaceElements {
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z.\p{L}]{1,30}`), 1, 3, rapid.ID[string]).Draw(t, "namespaces")
		var list []NamespaceElements
		for _, name := range names {
			ns := NamespaceElements{NameSpace: name}
			for _, identifier := range rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z_0-9]{1,20}`), 1, 40, rapid.ID[string]).Draw(t, "identifiers") {
				ns.Elements = append(ns.Elements, Element{identifier, anyValue().Draw(t, "value")})
			}
			list = append(list, ns)
		}
		return list
	})
}

func anyValue() *rapid.Generator[any] {
	return rapid.OneOf(
		rapid.StringMatching(`[\p{L} ]{0,40}`).AsAny(), rapid.Bool().AsAny(), rapid.Uint64().AsAny(), rapid.Int64().AsAny(),
		rapid.SliceOfN(rapid.Byte(), 0, 400).AsAny(),
		rapid.Map(rapid.IntRange(0, 40000), func(n int) any { return cbor.FullDate(day(n).Format("2006-01-02")) }),
		rapid.Map(rapid.IntRange(0, 40000), func(n int) any { return day(n) }),
		rapid.Map(rapid.SliceOfN(rapid.Uint8(), 0, 5), func(list []uint8) any { return map[string]any{"list": []any{list, "x"}} }),
	)
}

type session struct {
	transcript SessionTranscript
	reader     *ecdh.PrivateKey
}

func newSession(t testing.TB) session {
	t.Helper()
	reader, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := cose.MarshalKey(reader.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	transcript, err := QRTranscript(cbor.MustMarshal(map[int]any{0: "1.0", 1: "one"}), cbor.WrapEncoded(key))
	if err != nil {
		t.Fatal(err)
	}
	return session{transcript, reader}
}

// Whatever is issued is read, verified, shown in part and verified again, by
// signature and by MAC, and nothing else than what was issued comes back.
func TestRoundTrip(t *testing.T) {
	s := newSession(t)
	device := newKey(t)
	agreement, err := device.ECDH()
	if err != nil {
		t.Fatal(err)
	}
	algorithms := []string{SHA256, SHA384, SHA512}
	rapid.Check(t, func(rt *rapid.T) {
		elements := anyElements().Draw(rt, "elements")
		template, err := Issuance{
			DocType: mdlDocType, Elements: elements,
			DigestAlgorithm:   rapid.SampledFrom(algorithms).Draw(rt, "algorithm"),
			SaltBytes:         rapid.IntRange(MinSalt, MaxSalt).Draw(rt, "salt"),
			KeyAuthorizations: KeyAuthorizations{NameSpaces: []string{"device.example"}},
		}.Template()
		if err != nil {
			rt.Fatal(err)
		}
		issued := issueOne(t, template, Copy{DeviceKey: device.Public(), Validity: fortnight()})
		options := signerOptions(t)
		for _, f := range issued.Verify(options) {
			if f.Result != Pass {
				rt.Fatalf("%s: %s (%s)", f.Check, f.Result, f.Detail)
			}
		}
		want := map[string][]string{}
		for _, ns := range elements {
			for _, e := range ns.Elements {
				item := issued.Item(ns.NameSpace, e.Identifier)
				if item == nil || !bytes.Equal(item.ElementValue, cbor.MustMarshal(e.Value)) {
					rt.Fatalf("element %q is not what was issued", e.Identifier)
				}
				if rapid.Bool().Draw(rt, "show") {
					want[ns.NameSpace] = append(want[ns.NameSpace], e.Identifier)
				}
			}
		}
		part := issued.Select(want)
		var signed []byte
		var own []NamespaceElements
		if rapid.Bool().Draw(rt, "device-signed") {
			own = []NamespaceElements{{"device.example", []Element{{"consent", anyValue().Draw(rt, "consent")}}}}
		}
		if rapid.Bool().Draw(rt, "mac") {
			signed, err = MACDevice(agreement, s.reader.PublicKey(), s.transcript, mdlDocType, own)
		} else {
			signed, err = SignDevice(device, s.transcript, mdlDocType, own, rand.Reader)
		}
		if err != nil {
			rt.Fatal(err)
		}
		response, err := BuildDeviceResponse(ResponseDocument{IssuerSigned: part, DeviceSigned: signed})
		if err != nil {
			rt.Fatal(err)
		}
		options.DeviceAuth = DeviceAuthOptions{Transcript: s.transcript, ReaderKey: s.reader}
		r, err := ParseDeviceResponse(response)
		if err != nil {
			rt.Fatal(err)
		}
		d := &r.Documents[0]
		for _, f := range append(d.Verify(options), r.Verify()...) {
			if f.Result != Pass {
				rt.Fatalf("%s: %s (%s)", f.Check, f.Result, f.Detail)
			}
		}
		compareSelection(rt, issued, d.IssuerSigned, want)
	})
}

// compareSelection makes sure that exactly the wanted items came through, their
// bytes and the issuer's signature untouched.
func compareSelection(t *rapid.T, issued, got *IssuerSigned, want map[string][]string) {
	if !bytes.Equal(got.IssuerAuthRaw, issued.IssuerAuthRaw) {
		t.Fatal("issuerAuth was touched")
	}
	shown := 0
	for _, ns := range got.NameSpaces {
		for _, item := range ns.Items {
			if !slices.Contains(want[ns.Name], item.ElementIdentifier) {
				t.Fatalf("%q was not selected", item.ElementIdentifier)
			}
			if original := issued.Item(ns.Name, item.ElementIdentifier); !bytes.Equal(original.Raw, item.Raw) {
				t.Fatalf("item %q was touched", item.ElementIdentifier)
			}
			shown++
		}
	}
	for _, identifiers := range want {
		shown -= len(identifiers)
	}
	if shown != 0 {
		t.Fatalf("%d items too many", shown)
	}
}

// Other curves work for the device as well.
func TestDeviceKeysOfOtherCurves(t *testing.T) {
	s := newSession(t)
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		device, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		issued := issueOne(t, mustTemplate(t, Issuance{DocType: mdlDocType, Elements: []NamespaceElements{numbered(2)}}), Copy{DeviceKey: device.Public(), Validity: fortnight()})
		private, err := device.ECDH()
		if err != nil {
			t.Fatal(err)
		}
		reader, err := private.Curve().GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := SignDevice(device, s.transcript, mdlDocType, nil, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		maced, err := MACDevice(private, reader.PublicKey(), s.transcript, mdlDocType, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i, proof := range [][]byte{signed, maced} {
			response, err := BuildDeviceResponse(ResponseDocument{IssuerSigned: issued, DeviceSigned: proof})
			if err != nil {
				t.Fatal(err)
			}
			r, err := ParseDeviceResponse(response)
			if err != nil {
				t.Fatal(err)
			}
			got := r.Documents[0].VerifyDeviceAuth(DeviceAuthOptions{Transcript: s.transcript, ReaderKey: reader})
			if want := []string{CheckDeviceSignature, CheckDeviceMAC}[i]; got[1] != (Finding{want, Pass, ""}) {
				t.Errorf("%s: %v", curve.Params().Name, got)
			}
		}
	}
}

// Encoding a request and reading it back gives the same request, and the reader's
// signatures verify in their session alone.
func TestRequestRoundTrip(t *testing.T) {
	s, other := newSession(t), newSession(t)
	reader := testWorld(t).Reader
	rapid.Check(t, func(rt *rapid.T) {
		var requests []ItemsRequest
		for range rapid.IntRange(1, 3).Draw(rt, "documents") {
			request := ItemsRequest{DocType: rapid.StringMatching(`[a-z.]{1,20}`).Draw(rt, "docType")}
			for _, name := range rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z.]{1,20}`), 1, 3, rapid.ID[string]).Draw(rt, "namespaces") {
				ns := RequestedNameSpace{Name: name}
				for _, id := range rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z_]{1,20}`), 1, 8, rapid.ID[string]).Draw(rt, "elements") {
					ns.Elements = append(ns.Elements, RequestedElement{id, rapid.Bool().Draw(rt, "retain")})
				}
				slices.SortFunc(ns.Elements, func(a, b RequestedElement) int { return compareText(a.Identifier, b.Identifier) })
				request.NameSpaces = append(request.NameSpaces, ns)
			}
			slices.SortFunc(request.NameSpaces, func(a, b RequestedNameSpace) int { return compareText(a.Name, b.Name) })
			requests = append(requests, request)
		}
		opt := RequestOptions{Transcript: s.transcript}
		if rapid.Bool().Draw(rt, "signed") {
			opt.Reader = &Reader{reader.Key, reader.Chain, rapid.Bool().Draw(rt, "all")}
		}
		if rapid.Bool().Draw(rt, "info") {
			opt.DeviceRequestInfo = cbor.MustMarshal(map[string]any{"useCases": []any{}})
		}
		b, err := BuildDeviceRequest(requests, opt, rand.Reader)
		if err != nil {
			rt.Fatal(err)
		}
		r, err := ParseDeviceRequest(b)
		if err != nil || len(r.Notes) > 0 {
			rt.Fatal(err, r)
		}
		for i := range r.DocRequests {
			if fmt.Sprint(r.DocRequests[i].ItemsRequest) != fmt.Sprint(requests[i]) {
				rt.Fatalf("got %v, want %v", r.DocRequests[i].ItemsRequest, requests[i])
			}
			checkReader(rt, opt.Reader != nil, r.VerifyReaderAuth(i, s.transcript, reader.Key.Public()), r.VerifyReaderAuth(i, other.transcript, reader.Key.Public()))
		}
		checkReader(rt, opt.Reader != nil && opt.Reader.All, r.VerifyReaderAuthAll(0, s.transcript, reader.Key.Public()), r.VerifyReaderAuthAll(0, other.transcript, reader.Key.Public()))
	})
}

func checkReader(t *rapid.T, signed bool, own, other []Finding) {
	for _, f := range own {
		if want := map[bool]string{true: Pass, false: NotDone}[signed]; f.Result != want {
			t.Fatalf("%s: %s (%s), want %s", f.Check, f.Result, f.Detail, want)
		}
	}
	if Failed(other) != signed {
		t.Fatalf("in another session: %v", other)
	}
}
