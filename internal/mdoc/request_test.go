package mdoc

import (
	"crypto/rand"
	"errors"
	"slices"
	"testing"

	"vidimus/internal/cbor"
	"vidimus/internal/cose"
)

func soundRequest() map[string]any {
	return map[string]any{
		"version": "1.0",
		"docRequests": []any{map[string]any{"itemsRequest": cbor.WrapEncoded(cbor.MustMarshal(map[string]any{
			"docType": mdlDocType, "nameSpaces": map[string]any{mdlNS: map[string]bool{"family_name": false}},
		}))}},
	}
}

// items changes the ItemsRequest of a sound request.
func items(change func(m map[string]any)) func(map[string]any) {
	return func(r map[string]any) {
		m := map[string]any{"docType": mdlDocType, "nameSpaces": map[string]any{mdlNS: map[string]bool{"family_name": false}}}
		change(m)
		r["docRequests"] = []any{map[string]any{"itemsRequest": cbor.WrapEncoded(cbor.MustMarshal(m))}}
	}
}

func TestParseDeviceRequest(t *testing.T) {
	leaf := testWorld(t).Reader.Chain[0]
	sign1 := func(unprotected map[int]any) any {
		return []any{cbor.MustMarshal(map[int]int{1: -7}), unprotected, nil, make([]byte, 64)}
	}
	for name, c := range map[string]struct {
		change func(r map[string]any)
		kind   error
		check  string
		notes  int
	}{
		"sound":                      {func(r map[string]any) {}, nil, "", 0},
		"unknown members":            {func(r map[string]any) { r["later"] = 1 }, nil, "", 1},
		"unknown member of items":    {items(func(m map[string]any) { m["later"] = 1 }), nil, "", 1},
		"mac keys":                   {func(r map[string]any) { r["macKeys"] = []any{} }, nil, "", 0},
		"version 2.0":                {func(r map[string]any) { r["version"] = "2.0" }, ErrUnsupported, CheckStrict, 0},
		"version missing":            {func(r map[string]any) { delete(r, "version") }, ErrUnsupported, CheckStrict, 0},
		"version 1.1 without cause":  {func(r map[string]any) { r["version"] = "1.1" }, nil, "", 1},
		"version 1.0 with info":      {func(r map[string]any) { r["deviceRequestInfo"] = cbor.WrapEncoded([]byte{0xa0}) }, nil, "", 1},
		"info not embedded":          {func(r map[string]any) { r["deviceRequestInfo"] = map[string]any{} }, ErrMalformed, CheckStrict, 0},
		"no docRequests":             {func(r map[string]any) { delete(r, "docRequests") }, ErrMalformed, CheckStrict, 0},
		"empty docRequests":          {func(r map[string]any) { r["docRequests"] = []any{} }, ErrMalformed, CheckStrict, 0},
		"eleven docRequests":         {func(r map[string]any) { r["docRequests"] = slices.Repeat(r["docRequests"].([]any), 11) }, ErrLimit, CheckStrict, 0},
		"items not embedded":         {func(r map[string]any) { r["docRequests"] = []any{map[string]any{"itemsRequest": map[string]any{}}} }, ErrMalformed, CheckStrict, 0},
		"items missing":              {func(r map[string]any) { r["docRequests"] = []any{map[string]any{}} }, ErrMalformed, CheckStrict, 0},
		"no docType":                 {items(func(m map[string]any) { delete(m, "docType") }), ErrMalformed, CheckStrict, 0},
		"no nameSpaces":              {items(func(m map[string]any) { delete(m, "nameSpaces") }), ErrMalformed, CheckStrict, 0},
		"empty nameSpaces":           {items(func(m map[string]any) { m["nameSpaces"] = map[string]any{} }), ErrMalformed, CheckStrict, 0},
		"empty namespace":            {items(func(m map[string]any) { m["nameSpaces"] = map[string]any{mdlNS: map[string]any{}} }), ErrMalformed, CheckStrict, 0},
		"intentToRetain missing":     {items(func(m map[string]any) { m["nameSpaces"] = map[string]any{mdlNS: []string{"a"}} }), ErrMalformed, CheckStrict, 0},
		"intentToRetain a number":    {items(func(m map[string]any) { m["nameSpaces"] = map[string]any{mdlNS: map[string]int{"a": 1}} }), ErrMalformed, CheckStrict, 0},
		"requestInfo a list":         {items(func(m map[string]any) { m["requestInfo"] = []any{} }), ErrMalformed, CheckStrict, 0},
		"readerAuth without chain":   {reader(sign1(map[int]any{})), ErrMalformed, CheckReaderHeader, 0},
		"readerAuth no signature":    {reader("x"), ErrMalformed, CheckReaderHeader, 0},
		"readerAuth, array of one":   {reader(sign1(map[int]any{33: [][]byte{leaf}})), nil, "", 1},
		"readerAuthAll empty":        {func(r map[string]any) { r["readerAuthAll"] = []any{}; r["version"] = "1.1" }, ErrMalformed, CheckReaderHeader, 0},
		"readerAuthAll one":          {func(r map[string]any) { r["readerAuthAll"] = []any{sign1(map[int]any{33: leaf})}; r["version"] = "1.1" }, nil, "", 0},
		"readerAuthAll no signature": {func(r map[string]any) { r["readerAuthAll"] = []any{1}; r["version"] = "1.1" }, ErrMalformed, CheckReaderHeader, 0},
		"readerAuthAll eleven": {func(r map[string]any) {
			r["readerAuthAll"] = slices.Repeat([]any{sign1(map[int]any{33: leaf})}, 11)
			r["version"] = "1.1"
		}, ErrLimit, CheckReaderHeader, 0},
		"65 namespaces": {items(func(m map[string]any) {
			many := map[string]any{}
			for i := range MaxNameSpaces + 1 {
				many[numbered(i + 1).Elements[i].Identifier] = map[string]bool{"a": true}
			}
			m["nameSpaces"] = many
		}), ErrLimit, CheckStrict, 0},
		"1001 elements": {items(func(m map[string]any) {
			many := map[string]bool{}
			for _, e := range numbered(MaxItems + 1).Elements {
				many[e.Identifier] = true
			}
			m["nameSpaces"] = map[string]any{mdlNS: many}
		}), ErrLimit, CheckStrict, 0},
		"too large": {func(r map[string]any) { r["later"] = make([]byte, MaxRequest) }, ErrLimit, CheckStrict, 0},
	} {
		t.Run(name, func(t *testing.T) {
			request := soundRequest()
			c.change(request)
			r, err := ParseDeviceRequest(cbor.MustMarshal(request))
			if c.kind == nil {
				if err != nil || len(r.Notes) != c.notes {
					t.Fatalf("%v, %v", err, r)
				}
				return
			}
			var pe *ParseError
			if r != nil || !errors.Is(err, c.kind) || !errors.As(err, &pe) || pe.Check != c.check {
				t.Errorf("error %v, want %v of %s", err, c.kind, c.check)
			}
		})
	}
}

func reader(auth any) func(r map[string]any) {
	return func(r map[string]any) { r["docRequests"].([]any)[0].(map[string]any)["readerAuth"] = auth }
}

func TestRequestAsks(t *testing.T) {
	r, err := ParseDeviceRequest(cbor.MustMarshal(soundRequest()))
	if err != nil {
		t.Fatal(err)
	}
	items := &r.DocRequests[0].ItemsRequest
	if !items.Asks(mdlNS, "family_name") || items.Asks(mdlNS, "given_name") || items.Asks(usNS, "family_name") {
		t.Error("Asks is wrong")
	}
}

func TestBuildDeviceRequestRefuses(t *testing.T) {
	s := newSession(t)
	reader := testWorld(t).Reader
	sound := ItemsRequest{DocType: mdlDocType, NameSpaces: []RequestedNameSpace{{mdlNS, []RequestedElement{{"a", false}}}}}
	twice := sound
	twice.NameSpaces = slices.Repeat(sound.NameSpaces, 2)
	element := sound
	element.NameSpaces = []RequestedNameSpace{{mdlNS, []RequestedElement{{"a", false}, {"a", true}}}}
	for name, c := range map[string]struct {
		requests []ItemsRequest
		opt      RequestOptions
	}{
		"nothing":          {nil, RequestOptions{}},
		"no docType":       {[]ItemsRequest{{NameSpaces: sound.NameSpaces}}, RequestOptions{}},
		"no elements":      {[]ItemsRequest{{DocType: mdlDocType}}, RequestOptions{}},
		"namespace twice":  {[]ItemsRequest{twice}, RequestOptions{}},
		"element twice":    {[]ItemsRequest{element}, RequestOptions{}},
		"no chain":         {[]ItemsRequest{sound}, RequestOptions{Transcript: s.transcript, Reader: &Reader{Signer: reader.Key}}},
		"key of another":   {[]ItemsRequest{sound}, RequestOptions{Transcript: s.transcript, Reader: &Reader{Signer: newKey(t), Chain: reader.Chain}}},
		"no transcript":    {[]ItemsRequest{sound}, RequestOptions{Reader: &Reader{Signer: reader.Key, Chain: reader.Chain}}},
		"info that is bad": {[]ItemsRequest{sound}, RequestOptions{DeviceRequestInfo: cbor.RawMessage{0xff}}},
	} {
		if b, err := BuildDeviceRequest(c.requests, c.opt, rand.Reader); err == nil || b != nil {
			t.Errorf("%s: made", name)
		}
	}
}

// readerAuthAll signs four elements, the last null without deviceRequestInfo.
func TestReaderAuthenticationAllBytes(t *testing.T) {
	s := newSession(t)
	item := cbor.WrapEncoded([]byte{0xa0})
	for _, info := range [][]byte{nil, cbor.WrapEncoded([]byte{0xa0})} {
		content, err := cbor.UnwrapEncoded(ReaderAuthenticationAllBytes(s.transcript, [][]byte{item, item}, info))
		if err != nil {
			t.Fatal(err)
		}
		parts, err := cbor.ArrayItems(content)
		if err != nil || len(parts) != 4 {
			t.Fatalf("%d elements, %v", len(parts), err)
		}
		if cbor.IsNull(parts[3]) != (info == nil) {
			t.Errorf("last element %x", parts[3])
		}
		if list, err := cbor.ArrayItems(parts[2]); err != nil || len(list) != 2 {
			t.Errorf("items %x", parts[2])
		}
	}
	// A signature over three elements, as some made it in 2024, is refused.
	reader := testWorld(t).Reader
	request := soundRequest()
	items := request["docRequests"].([]any)[0].(map[string]any)["itemsRequest"].(cbor.RawMessage)
	three := cbor.AppendText(cbor.AppendArray(nil, 3), "ReaderAuthenticationAll")
	three = append(three, s.transcript...)
	three = append(cbor.AppendArray(three, 1), items...)
	sign1, err := cose.SignSign1(reader.Key, cbor.WrapEncoded(three), cose.SignOptions{Unprotected: map[any]any{33: reader.Chain[0]}, Detached: true}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	request["version"], request["readerAuthAll"] = "1.1", []any{cbor.RawMessage(sign1)}
	r, err := ParseDeviceRequest(cbor.MustMarshal(request))
	if err != nil {
		t.Fatal(err)
	}
	if got := r.VerifyReaderAuthAll(0, s.transcript, reader.Key.Public()); !Failed(got) {
		t.Errorf("three elements verify: %v", got)
	}
}
