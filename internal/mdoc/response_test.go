package mdoc

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/cbor"
)

// What real wallets send and the text does not forbid is read and named.
func TestToleratedResponses(t *testing.T) {
	for name, c := range map[string]struct {
		mutate    func(f *forgery)
		documents int
		warn      []string
	}{
		"documents absent":         {func(f *forgery) { f.response = func(r map[string]any) { delete(r, "documents") } }, 0, nil},
		"documents empty":          {func(f *forgery) { f.response = func(r map[string]any) { r["documents"] = []any{} } }, 0, []string{CheckStrict}},
		"documentErrors empty":     {func(f *forgery) { f.response = func(r map[string]any) { r["documentErrors"] = []any{} } }, 1, []string{CheckStrict}},
		"errors empty":             {func(f *forgery) { f.document = func(d map[string]any) { d["errors"] = map[string]any{} } }, 1, []string{CheckStrict}},
		"issuer nameSpaces empty":  {func(f *forgery) { f.items = map[string][]cbor.RawMessage{} }, 1, []string{CheckStrict}},
		"issuer nameSpaces absent": {func(f *forgery) { f.issuerSigned = func(m map[string]any) any { delete(m, "nameSpaces"); return m } }, 1, nil},
		"twice the same docType": {func(f *forgery) {
			f.response = func(r map[string]any) { r["documents"] = slices.Repeat(r["documents"].([]any), 2) }
		}, 2, nil},
		"private error codes": {func(f *forgery) {
			f.response = func(r map[string]any) { r["documentErrors"] = []any{map[string]int{"org.example": -7, "org.other": 0}} }
			f.document = func(d map[string]any) { d["errors"] = map[string]any{"ns": map[string]int{"a": -1, "b": 1}} }
		}, 1, nil},
		"longer head of the response": {func(f *forgery) {
			f.bytes = func(b []byte) []byte { return slices.Concat([]byte{0xb9, 0, 3}, b[1:]) }
		}, 1, nil},
		"unsorted MSO": {func(f *forgery) {
			f.payload = func(mso []byte) []byte {
				entries, _ := cbor.MapEntries(mso)
				slices.Reverse(entries)
				b := cbor.AppendMap(nil, len(entries))
				for _, e := range entries {
					b = append(append(b, e.Key...), e.Value...)
				}
				return cbor.WrapEncoded(b)
			}
		}, 1, []string{CheckCanonical}},
		"empty authorizations": {func(f *forgery) { f.authorize(map[string]any{}) }, 1, []string{CheckFormat}},
		"status of both kinds": {func(f *forgery) {
			f.mso["status"] = map[string]any{
				"status_list":     map[string]any{"idx": 1, "uri": "https://a.example", "certificate": []byte{1}},
				"identifier_list": map[string]any{"id": []byte{1}, "uri": "https://a.example"},
			}
		}, 1, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := newForgery(t)
			c.mutate(f)
			response := f.assemble()
			if got := failures(response, f.options); len(got) > 0 {
				t.Fatalf("failed checks %v", got)
			}
			if got := checksWith(Warn, response, f.options); !slices.Equal(got, c.warn) {
				t.Errorf("warnings %v, want %v", got, c.warn)
			}
			r, err := ParseDeviceResponse(response)
			if err != nil || len(r.Documents) != c.documents {
				t.Errorf("%d documents, %v", len(r.Documents), err)
			}
		})
	}
}

// What breaks the structure is refused with the check that it concerns.
func TestRefusedResponses(t *testing.T) {
	member := func(name string, value any) func(f *forgery) {
		return func(f *forgery) { f.mso[name] = value }
	}
	for name, c := range map[string]struct {
		mutate func(f *forgery)
		check  string
	}{
		"no map":               {func(f *forgery) { f.bytes = func([]byte) []byte { return []byte{0x80} } }, CheckStrict},
		"documents a map":      {func(f *forgery) { f.response = func(r map[string]any) { r["documents"] = map[string]any{} } }, CheckStrict},
		"documentErrors a map": {func(f *forgery) { f.response = func(r map[string]any) { r["documentErrors"] = map[string]any{} } }, CheckStrict},
		"documentErrors of text": {func(f *forgery) {
			f.response = func(r map[string]any) { r["documentErrors"] = []any{map[string]string{"a": "b"}} }
		}, CheckStrict},
		"errors a list":            {func(f *forgery) { f.document = func(d map[string]any) { d["errors"] = []any{} } }, CheckStrict},
		"docType missing":          {func(f *forgery) { f.document = func(d map[string]any) { delete(d, "docType") } }, CheckStrict},
		"issuerSigned missing":     {func(f *forgery) { f.document = func(d map[string]any) { delete(d, "issuerSigned") } }, CheckStrict},
		"issuerSigned a list":      {func(f *forgery) { f.issuerSigned = func(map[string]any) any { return []any{} } }, CheckStrict},
		"issuerAuth missing":       {func(f *forgery) { f.issuerSigned = func(m map[string]any) any { delete(m, "issuerAuth"); return m } }, CheckStrict},
		"nameSpaces a list":        {func(f *forgery) { f.issuerSigned = func(m map[string]any) any { m["nameSpaces"] = []any{}; return m } }, CheckStrict},
		"namespace empty":          {func(f *forgery) { f.items[mdlNS] = []cbor.RawMessage{} }, CheckStrict},
		"device nameSpaces bare":   {func(f *forgery) { deviceMember(f, "nameSpaces", map[string]any{}) }, CheckStrict},
		"device nameSpaces list":   {func(f *forgery) { deviceMember(f, "nameSpaces", cbor.WrapEncoded([]byte{0x80})) }, CheckStrict},
		"device nameSpaces absent": {func(f *forgery) { deviceMember(f, "nameSpaces", nil) }, CheckStrict},
		"deviceAuth a list":        {func(f *forgery) { deviceMember(f, "deviceAuth", []any{}) }, CheckDeviceSignature},
		"deviceMac malformed":      {func(f *forgery) { deviceMember(f, "deviceAuth", map[string]any{"deviceMac": 1}) }, CheckDeviceMAC},
		"status a list":            {member("status", []any{}), CheckFormat},
		"status_list a list":       {member("status", map[string]any{"status_list": []any{}}), CheckFormat},
		"status without idx":       {member("status", map[string]any{"status_list": map[string]any{"uri": "u"}}), CheckFormat},
		"status without uri":       {member("status", map[string]any{"status_list": map[string]any{"idx": 1}}), CheckFormat},
		"status idx text":          {member("status", map[string]any{"status_list": map[string]any{"idx": "1", "uri": "u"}}), CheckFormat},
		"status idx negative":      {member("status", map[string]any{"status_list": map[string]any{"idx": -1, "uri": "u"}}), CheckFormat},
		"status uri bytes":         {member("status", map[string]any{"status_list": map[string]any{"idx": 1, "uri": []byte("u")}}), CheckFormat},
		"status certificate text":  {member("status", map[string]any{"status_list": map[string]any{"idx": 1, "uri": "u", "certificate": "c"}}), CheckFormat},
		"status id empty":          {member("status", map[string]any{"identifier_list": map[string]any{"id": []byte{}, "uri": "u"}}), CheckFormat},
		"valueDigests a list":      {member("valueDigests", []any{}), CheckFormat},
		"valueDigests of texts":    {member("valueDigests", map[string]any{mdlNS: map[int]string{1: "x"}}), CheckFormat},
		"deviceKeyInfo a list":     {member("deviceKeyInfo", []any{}), CheckFormat},
		"authorizations a list":    {func(f *forgery) { f.mso["deviceKeyInfo"].(map[any]any)["keyAuthorizations"] = []any{} }, CheckFormat},
		"authorizations of bytes":  {func(f *forgery) { f.authorize(map[string]any{"nameSpaces": []any{[]byte{1}}}) }, CheckFormat},
		"authorizations of a text": {func(f *forgery) { f.authorize(map[string]any{"nameSpaces": "x"}) }, CheckFormat},
		"authorized elements bare": {func(f *forgery) { f.authorize(map[string]any{"dataElements": []any{"x"}}) }, CheckFormat},
		"docType a number":         {member("docType", 1), CheckFormat},
		"docType empty":            {member("docType", ""), CheckFormat},
		"MSO a list":               {func(f *forgery) { f.payload = func([]byte) []byte { return cbor.WrapEncoded([]byte{0x80}) } }, CheckFormat},
		"payload no CBOR":          {func(f *forgery) { f.payload = func([]byte) []byte { return []byte{0xff} } }, CheckFormat},
		"payload empty":            {func(f *forgery) { f.payload = func([]byte) []byte { return []byte{} } }, CheckFormat},
	} {
		t.Run(name, func(t *testing.T) {
			f := newForgery(t)
			c.mutate(f)
			r, err := ParseDeviceResponse(f.assemble())
			var pe *ParseError
			if r != nil || !errors.As(err, &pe) || pe.Check != c.check || !errors.Is(err, ErrMalformed) {
				t.Errorf("error %v, want one of %s", err, c.check)
			}
		})
	}
}

func deviceMember(f *forgery, name string, value any) {
	f.document = func(d map[string]any) {
		signed := d["deviceSigned"].(map[string]any)
		if signed[name] = value; value == nil {
			delete(signed, name)
		}
	}
}

// A head that is not the shortest is a warning where the holder wrote and a
// failure where the issuer did.
func TestCanonical(t *testing.T) {
	for name, c := range map[string]struct {
		mutate func(f *forgery)
		want   string
	}{
		"deterministic": {func(*forgery) {}, Pass},
		"holder": {func(f *forgery) {
			f.document = func(d map[string]any) {
				d["later"] = cbor.RawMessage{0x18, 1}
			}
		}, Warn},
		"MSO, unsorted": {func(f *forgery) { f.mso["later"] = cbor.RawMessage{0xa2, 2, 0, 1, 0} }, Warn},
		"MSO, longer":   {func(f *forgery) { f.mso["later"] = cbor.RawMessage{0x18, 1} }, Fail},
		"protected header": {func(f *forgery) {
			f.issuerAuth = func(p []any) any { p[0] = []byte{0xa1, 0x18, 1, 0x26}; return p }
		}, Fail},
	} {
		t.Run(name, func(t *testing.T) {
			f := newForgery(t)
			c.mutate(f)
			r, err := ParseDeviceResponse(f.assemble())
			if err != nil {
				t.Fatal(err)
			}
			d := &r.Documents[0]
			if got := d.VerifyCanonical()[0]; got.Check != CheckCanonical || got.Result != c.want {
				t.Errorf("document: %v, want %s", got, c.want)
			}
			if got := d.IssuerSigned.VerifyCanonical()[0]; name != "holder" && got.Result != c.want {
				t.Errorf("IssuerSigned: %v, want %s", got, c.want)
			}
		})
	}
}

func TestVerifyValidity(t *testing.T) {
	f := newForgery(t)
	r, err := ParseDeviceResponse(f.assemble())
	if err != nil {
		t.Fatal(err)
	}
	d := &r.Documents[0]
	v := fortnight()
	from, until := v.ValidFrom.Time, v.ValidUntil.Time
	before, after := f.options.DSNotBefore, f.options.DSNotAfter
	for name, c := range map[string]struct {
		now                 time.Time
		skew                time.Duration
		notBefore, notAfter time.Time
		want                [4]string // mso.validity, mso.signed, mso.outlives, mso.tdate
	}{
		"first instant":             {from, 0, before, after, [4]string{Pass, Pass, Pass, Pass}},
		"last instant":              {until, 0, before, after, [4]string{Pass, Pass, Pass, Pass}},
		"a second before":           {from.Add(-time.Second), 0, before, after, [4]string{Fail, Pass, Pass, Pass}},
		"a second after":            {until.Add(time.Second), 0, before, after, [4]string{Fail, Pass, Pass, Pass}},
		"a second before, skew":     {from.Add(-time.Second), time.Second, before, after, [4]string{Pass, Pass, Pass, Pass}},
		"a second after, skew":      {until.Add(time.Second), time.Second, before, after, [4]string{Pass, Pass, Pass, Pass}},
		"an hour after, large skew": {until.Add(time.Hour), 2 * time.Hour, before, after, [4]string{Fail, Pass, Pass, Pass}},
		"negative skew":             {until, -time.Hour, before, after, [4]string{Pass, Pass, Pass, Pass}},
		"no instant":                {time.Time{}, 0, before, after, [4]string{Fail, Pass, Pass, Pass}},
		"signer unknown":            {from, 0, time.Time{}, time.Time{}, [4]string{Pass, NotDone, NotDone, Pass}},
		"signer ends first":         {from, 0, before, until.Add(-time.Second), [4]string{Pass, Pass, Warn, Pass}},
		"signer began later":        {from, 0, from.Add(time.Second), after, [4]string{Pass, Fail, Pass, Pass}},
		"signer ended earlier":      {from, 0, before, from.Add(-time.Second), [4]string{Pass, Fail, Warn, Pass}},
	} {
		t.Run(name, func(t *testing.T) {
			got := d.VerifyValidity(c.now, c.skew, c.notBefore, c.notAfter)
			for i, check := range []string{CheckValidity, CheckSigned, CheckOutlives, CheckDate} {
				if got[i].Check != check || got[i].Result != c.want[i] {
					t.Errorf("%v, want %s of %s", got[i], c.want[i], check)
				}
			}
		})
	}
}

func TestDeviceAuthNotDone(t *testing.T) {
	for _, mac := range []bool{false, true} {
		f := newForgery(t)
		f.mac = mac
		f.options.DeviceAuth = DeviceAuthOptions{}
		if got := checksWith(NotDone, f.assemble(), f.options); len(got) != 1 || got[0] != map[bool]string{false: CheckDeviceSignature, true: CheckDeviceMAC}[mac] {
			t.Errorf("mac %v: not done %v", mac, got)
		}
	}
}

func TestBuildDeviceResponse(t *testing.T) {
	s := newSession(t)
	device := newKey(t)
	issued := issueOne(t, mustTemplate(t, Issuance{DocType: mdlDocType, Elements: []NamespaceElements{numbered(3)}}), Copy{DeviceKey: device.Public(), Validity: fortnight()})
	signed, err := SignDevice(device, s.transcript, mdlDocType, nil, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(signed, []byte{0xd8, 24, 0x41, 0xa0}) {
		t.Error("no device-signed elements are not 24(<<{}>>)")
	}
	b, err := Response{
		Documents:      []ResponseDocument{{issued.Select(map[string][]string{mdlNS: {"e1"}}), signed, []ElementError{{mdlNS, "e7", 0}, {mdlNS, "e8", -1}}}},
		DocumentErrors: []DocumentError{{"org.example", 0}},
	}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	r, err := ParseDeviceResponse(b)
	if err != nil {
		t.Fatal(err)
	}
	d := &r.Documents[0]
	if fmt.Sprint(d.Errors, r.DocumentErrors) != "[{org.iso.18013.5.1 e7 0} {org.iso.18013.5.1 e8 -1}] [{org.example 0}]" {
		t.Error(d.Errors, r.DocumentErrors)
	}
	if d.IssuerSigned.Item(mdlNS, "e1") == nil || d.IssuerSigned.Item(mdlNS, "e0") != nil || d.IssuerSigned.Item(usNS, "e1") != nil {
		t.Error("not what was selected")
	}
	nothing, err := BuildDeviceResponse()
	if err != nil || !bytes.Equal(nothing, cbor.MustMarshal(map[string]any{"version": "1.0", "status": 0})) {
		t.Errorf("empty response %x, %v", nothing, err)
	}
	failed, err := Response{Status: StatusGeneralError}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if r, err := ParseDeviceResponse(failed); err != nil || !Failed(r.VerifyStatus()) {
		t.Errorf("status 10: %v", err)
	}
	if _, err := (Response{Status: 10, Documents: []ResponseDocument{{issued, signed, nil}}}).Encode(); !errors.Is(err, ErrRule) {
		t.Errorf("documents beside an error: %v", err)
	}
	if _, err := BuildDeviceResponse(ResponseDocument{issued, []byte{0xa0}, nil}); err == nil {
		t.Error("a DeviceSigned that is none was taken")
	}
}

func TestDeviceSignRefuses(t *testing.T) {
	s := newSession(t)
	device := newKey(t)
	for name, elements := range map[string][]NamespaceElements{
		"namespace twice":  {numbered(1), numbered(1)},
		"namespace empty":  {{mdlNS, nil}},
		"element twice":    {{mdlNS, []Element{{"a", 1}, {"a", 2}}}},
		"value of no kind": {{mdlNS, []Element{{"a", make(chan int)}}}},
	} {
		if _, err := SignDevice(device, s.transcript, mdlDocType, elements, rand.Reader); err == nil {
			t.Errorf("%s: signed", name)
		}
		private, err := device.ECDH()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := MACDevice(private, s.reader.PublicKey(), s.transcript, mdlDocType, elements); err == nil {
			t.Errorf("%s: authenticated", name)
		}
	}
}

func TestSatisfy(t *testing.T) {
	issued := issueOne(t, mustTemplate(t, Issuance{DocType: mdlDocType, Elements: []NamespaceElements{
		{mdlNS, []Element{{"family_name", "a"}, {"age_over_21", true}}},
	}}), Copy{DeviceKey: newKey(t).Public(), Validity: fortnight()})
	request := &ItemsRequest{DocType: mdlDocType, NameSpaces: []RequestedNameSpace{
		{mdlNS, []RequestedElement{{"family_name", false}, {"age_over_18", false}, {"portrait", false}}},
		{usNS, []RequestedElement{{"family_name", false}}},
	}}
	nearest := func(requested string, held NameSpace) (string, bool) {
		if !strings.HasPrefix(requested, "age_over_") || held.Name != mdlNS {
			return "", false
		}
		return "age_over_21", true
	}
	want, missing := Satisfy(request, issued, nearest)
	if fmt.Sprint(want, missing) != "map[org.iso.18013.5.1:[family_name age_over_21]] [{org.iso.18013.5.1 portrait} {org.iso.18013.5.1.US family_name}]" {
		t.Error(want, missing)
	}
	want, missing = Satisfy(request, issued, nil)
	if fmt.Sprint(want) != "map[org.iso.18013.5.1:[family_name]]" || len(missing) != 3 {
		t.Error(want, missing)
	}
	request.DocType = "org.example.card"
	if want, missing := Satisfy(request, issued, nearest); len(want) != 0 || len(missing) != 4 {
		t.Error(want, missing)
	}
}
