package proximity

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"vidimus/internal/cbor"
	"vidimus/internal/cose"
	"vidimus/internal/jose"
)

// TestBadInputs are the cases of the project's list of bad inputs that concern
// the engagement and the session, named by their numbers there.
func TestBadInputs(t *testing.T) {
	badEngagements(t)
	badEstablishment(t)
	badSessionData(t)
	replay(t)
}

// QR codes (Q01) and engagements (Q02, Q04, Q14). A nil error means: accepted, for the reason in the comment.
func badEngagements(t *testing.T) {
	good := string(annexD(t)["qr_uri"])
	body := strings.TrimPrefix(good, "mdoc:")
	uri := func(change map[any]any) string { return "mdoc:" + jose.EncodeBase64URL(with(t, change)) }
	key := func(labels map[int]any) string {
		return uri(map[any]any{1: []any{1, cbor.WrapEncoded(cbor.MustMarshal(labels))}})
	}
	ble := func(options any) string { return uri(map[any]any{2: []any{[]any{2, 1, options}}}) }
	id := bytes.Repeat([]byte{7}, 16)
	p256, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	x, y := p256.PublicKey().Bytes()[1:33], p256.PublicKey().Bytes()[33:]
	edwards, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}

	for name, c := range map[string]struct {
		uri  string
		want error
	}{
		"Q01/good":              {good, nil},
		"Q01/blanks":            {" " + good + "\r\n", nil},
		"Q01/upper_case_scheme": {"MDOC:" + body, nil}, // RFC 3986, 3.1: schemes have no case
		"Q01/padding":           {paddedURI(t, good), nil},
		"Q01/1MB":               {"mdoc:" + strings.Repeat("A", 1<<20), ErrLimit},
		"Q01/4297":              {"mdoc:" + strings.Repeat("A", MaxURI-4), ErrLimit},
		"Q01/empty":             {"", ErrMalformed},
		"Q01/empty_body":        {"mdoc:", ErrMalformed},
		"Q01/http":              {"https://example.com/" + body, ErrMalformed},
		"Q01/two_parts":         {good + good, ErrMalformed},
		"Q01/two_parts_apart":   {good + " " + good, ErrMalformed},
		"Q01/slashes":           {"mdoc://" + body, ErrMalformed},
		"Q01/plus":              {"mdoc:+" + body[1:], ErrMalformed},
		"Q01/slash":             {"mdoc:" + body[:40] + "/" + body[41:], ErrMalformed},
		"Q01/padding_wrong":     {good + "==", ErrMalformed},
		"Q01/padding_within":    {good[:30] + "==" + good[30:], ErrMalformed},
		"Q01/blank_within":      {good[:30] + "\n" + good[30:], ErrMalformed},
		"Q01/truncated":         {good[:60], ErrMalformed},
		"Q01/trailing":          {"mdoc:" + jose.EncodeBase64URL(append(with(t, nil), 0)), ErrMalformed},
		"Q01/not_cbor":          {"mdoc:" + jose.EncodeBase64URL([]byte("hello")), ErrMalformed},

		"Q02/version_9.9":        {uri(map[any]any{0: "9.9"}), ErrUnsupported},
		"Q02/version_0.9":        {uri(map[any]any{0: "0.9"}), ErrUnsupported},
		"Q02/version_1.9":        {uri(map[any]any{0: "1.9"}), nil},
		"Q02/version_missing":    {uri(map[any]any{0: "absent"}), ErrMalformed},
		"Q02/version_number":     {uri(map[any]any{0: 1}), ErrMalformed},
		"Q02/version_null":       {uri(map[any]any{0: nil}), ErrMalformed},
		"Q02/version_text":       {uri(map[any]any{0: "one.zero"}), ErrMalformed},
		"Q02/version_1":          {uri(map[any]any{0: "1"}), ErrMalformed},
		"Q02/version_1.":         {uri(map[any]any{0: "1."}), ErrMalformed},
		"Q02/version_1.+1":       {uri(map[any]any{0: "1.+1"}), ErrMalformed},
		"Q02/version_long":       {uri(map[any]any{0: "1.99999"}), ErrMalformed},
		"Q02/security_missing":   {uri(map[any]any{1: "absent"}), ErrMalformed},
		"Q02/security_short":     {uri(map[any]any{1: []any{1}}), ErrMalformed},
		"Q02/security_map":       {uri(map[any]any{1: map[int]any{}}), ErrMalformed},
		"Q02/suite_2":            {uri(map[any]any{1: []any{2, cbor.WrapEncoded([]byte{0xa0})}}), ErrUnsupported},
		"Q02/suite_text":         {uri(map[any]any{1: []any{"1", cbor.WrapEncoded([]byte{0xa0})}}), ErrMalformed},
		"Q02/key_untagged":       {uri(map[any]any{1: []any{1, []byte{0xa0}}}), ErrMalformed},
		"Q02/key_empty":          {uri(map[any]any{1: []any{1, cbor.WrapEncoded([]byte{0xa0})}}), ErrMalformed},
		"Q02/key_good":           {key(map[int]any{1: 2, -1: 1, -2: x, -3: y}), nil},
		"Q02/key_compressed":     {key(map[int]any{1: 2, -1: 1, -2: x, -3: y[31]&1 == 1}), nil}, // legal for an EDeviceKey
		"Q02/key_other_curve":    {key(map[int]any{1: 2, -1: 2, -2: x, -3: y}), ErrMalformed},
		"Q02/key_infinity":       {key(map[int]any{1: 2, -1: 1, -2: make([]byte, 32), -3: make([]byte, 32)}), ErrMalformed},
		"Q02/key_off_curve":      {key(map[int]any{1: 2, -1: 1, -2: y, -3: x}), ErrMalformed},
		"Q02/key_private":        {key(map[int]any{1: 2, -1: 1, -2: x, -3: y, -4: p256.Bytes()}), ErrMalformed},
		"Q02/key_brainpool":      {key(map[int]any{1: 2, -1: 256, -2: x, -3: y}), ErrUnsupported},
		"Q02/key_ed25519":        {key(map[int]any{1: 1, -1: 6, -2: []byte(edwards)}), ErrUnsupported},
		"Q02/key_x448":           {key(map[int]any{1: 1, -1: 5, -2: make([]byte, 56)}), ErrUnsupported},
		"Q02/50_methods":         {uri(map[any]any{2: methods(50)}), ErrLimit},
		"Q02/10_methods":         {uri(map[any]any{2: methods(10)}), nil},
		"Q02/0_methods":          {uri(map[any]any{2: []any{}}), ErrMalformed},
		"Q02/method_twice":       {uri(map[any]any{2: append(methods(2), methods(2)...)}), ErrMalformed},
		"Q02/method_short":       {uri(map[any]any{2: []any{[]any{2, 1}}}), ErrMalformed},
		"Q02/method_text":        {uri(map[any]any{2: []any{[]any{"2", 1, map[int]any{}}}}), ErrMalformed},
		"Q02/methods_missing":    {uri(map[any]any{2: "absent"}), ErrMalformed},
		"Q02/unknown_keys":       {uri(map[any]any{3: 1, 4: "x", 99: []any{}, -5: nil, "x": 1}), nil},
		"Q02/old_server_methods": {uri(map[any]any{3: map[string]any{"webApi": []any{1, "https://x", "t"}}}), nil},

		"Q04/no_mode":      {ble(map[int]any{0: false, 1: false}), ErrMalformed},
		"Q04/mode_missing": {ble(map[int]any{1: true, 11: id}), ErrMalformed},
		"Q04/mode_number":  {ble(map[int]any{0: 0, 1: 1, 11: id}), ErrMalformed},
		"Q04/uuid_zero":    {ble(map[int]any{0: false, 1: true, 11: make([]byte, 16)}), ErrMalformed},
		"Q04/uuid_short":   {ble(map[int]any{0: false, 1: true, 11: id[:15]}), ErrMalformed},
		"Q04/uuid_text":    {ble(map[int]any{0: false, 1: true, 11: "45efef74-2b2c-4837-a9a3-b0e1d05a6917"}), ErrMalformed},
		"Q04/psm_zero":     {ble(map[int]any{0: false, 1: true, 11: id, 21: 0}), ErrMalformed},
		"Q04/psm_fixed":    {ble(map[int]any{0: false, 1: true, 11: id, 21: 0x25}), ErrMalformed},
		"Q04/psm_large":    {ble(map[int]any{0: false, 1: true, 11: id, 21: 1 << 20}), ErrMalformed},
		"Q04/psm_good":     {ble(map[int]any{0: false, 1: true, 11: id, 21: 0xff}), nil},
		"Q04/address":      {ble(map[int]any{0: true, 1: false, 10: id, 20: id}), ErrMalformed},
		"Q04/options_list": {ble([]any{}), ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := ParseEngagementURI(c.uri)
			if c.want == nil {
				if err != nil {
					t.Error(err)
				} else if (len(e.Warnings) > 0) != (name == "Q01/padding") {
					t.Errorf("warnings %q", e.Warnings)
				}
				return
			}
			if !errors.Is(err, c.want) || e != nil {
				t.Errorf("%+v, %v, want %v", e, err, c.want)
			}
		})
	}

	t.Run("Q14/nfc_and_wifi_only", func(t *testing.T) {
		e, err := ParseEngagementURI(uri(map[any]any{2: []any{
			[]any{MethodNFC, 1, map[int]any{0: 65535, 1: 65536}}, []any{MethodWiFiAware, 1, map[int]any{3: []byte{4}}}, []any{MethodBLE, 2, "of a later year"},
		}}))
		if err != nil {
			t.Fatal(err)
		}
		if b, err := e.BLE(); !errors.Is(err, ErrUnsupported) || b != nil {
			t.Errorf("%+v, %v", b, err)
		}
	})
	t.Run("Q02/64KiB", func(t *testing.T) {
		if e, err := ParseEngagement(with(t, map[any]any{9: make([]byte, MaxEngagement)})); !errors.Is(err, ErrLimit) || e != nil {
			t.Errorf("%+v, %v", e, err)
		}
	})
	t.Run("Q02/x25519_of_low_order", func(t *testing.T) {
		e, err := ParseEngagementURI(key(map[int]any{1: 1, -1: 4, -2: make([]byte, 32)}))
		if err != nil {
			t.Fatal(err)
		}
		if r, err := NewReader(e, rand.Reader); !errors.Is(err, ErrMalformed) || r != nil {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

// methods are n methods of unknown types and one BLE method.
func methods(n int) []any {
	list := []any{[]any{2, 1, map[int]any{0: false, 1: true, 11: bytes.Repeat([]byte{7}, 16)}}}
	for i := 1; i < n; i++ {
		list = append(list, []any{100 + i, 1, map[int]any{}})
	}
	return list
}

// paddedURI writes a QR code with the padding that its length asks for.
func paddedURI(t *testing.T, uri string) string {
	t.Helper()
	body := strings.TrimPrefix(uri, "mdoc:")
	padding := strings.Repeat("=", (4-len(body)%4)%4)
	if padding == "" {
		t.Fatal("this one needs no padding")
	}
	return uri + padding
}

// pair is a reader and a holder with their first request on the way.
type pair struct {
	engagement *Engagement
	reader     *Reader
	holder     *Holder
	first      []byte // SessionEstablishment
}

var (
	request  = cbor.MustMarshal(map[string]any{"version": "1.0", "docRequests": []any{}})
	response = cbor.MustMarshal(map[string]any{"version": "1.0", "status": 0})
)

func newPair(t testing.TB, curve ecdh.Curve) *pair {
	t.Helper()
	e, priv, err := NewEngagement(Options{Curve: curve, BLE: &BLE{CentralClient: true}}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	scanned, err := ParseEngagementURI(e.URI())
	if err != nil {
		t.Fatal(err)
	}
	p := &pair{engagement: e}
	if p.reader, err = NewReader(scanned, rand.Reader); err != nil {
		t.Fatal(err)
	}
	if p.holder, err = NewHolder(e, priv); err != nil {
		t.Fatal(err)
	}
	if p.first, err = p.reader.Establish(request); err != nil {
		t.Fatal(err)
	}
	return p
}

// accepted is a pair whose holder has read the request.
func accepted(t testing.TB) *pair {
	t.Helper()
	p := newPair(t, nil)
	if _, err := p.holder.Accept(p.first); err != nil {
		t.Fatal(err)
	}
	return p
}

// Q08: the reader's first message.
func badEstablishment(t *testing.T) {
	otherKey, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(t *testing.T, m map[string]any)
		want   error
		status uint64
	}{
		"Q08/key_replaced":   {func(t *testing.T, m map[string]any) { m["eReaderKey"] = encodedKey(t, otherKey.PublicKey()) }, ErrDecrypt, 10},
		"Q08/key_missing":    {func(t *testing.T, m map[string]any) { delete(m, "eReaderKey") }, ErrMalformed, 11},
		"Q08/key_null":       {func(t *testing.T, m map[string]any) { m["eReaderKey"] = nil }, ErrMalformed, 11},
		"Q08/key_untagged":   {func(t *testing.T, m map[string]any) { m["eReaderKey"] = map[int]any{1: 2} }, ErrMalformed, 11},
		"Q08/key_bytes":      {func(t *testing.T, m map[string]any) { m["eReaderKey"] = []byte{0xa0} }, ErrMalformed, 11},
		"Q08/data_missing":   {func(t *testing.T, m map[string]any) { delete(m, "data") }, ErrMalformed, 11},
		"Q08/data_text":      {func(t *testing.T, m map[string]any) { m["data"] = "x" }, ErrMalformed, 11},
		"Q08/data_array":     {func(t *testing.T, m map[string]any) { m["data"] = []int{1, 2} }, ErrMalformed, 11},
		"Q08/data_empty":     {func(t *testing.T, m map[string]any) { m["data"] = []byte{} }, ErrDecrypt, 10},
		"Q08/name_of_case":   {func(t *testing.T, m map[string]any) { m["Data"] = m["data"]; delete(m, "data") }, ErrMalformed, 11},
		"Q08/too_large":      {func(t *testing.T, m map[string]any) { m["data"] = make([]byte, MaxRequest+4096) }, ErrLimit, 11},
		"Q08/unknown_member": {func(t *testing.T, m map[string]any) { m["later"] = 1 }, nil, 0},
		"Q08/other_curve": {func(t *testing.T, m map[string]any) {
			k, err := ecdh.P384().GenerateKey(rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			m["eReaderKey"] = encodedKey(t, k.PublicKey())
		}, ErrMalformed, 11},
		"Q08/key_compressed": {func(t *testing.T, m map[string]any) {
			point := otherKey.PublicKey().Bytes()
			m["eReaderKey"] = cbor.WrapEncoded(cbor.MustMarshal(map[int]any{1: 2, -1: 1, -2: point[1:33], -3: point[64]&1 == 1}))
		}, ErrMalformed, 11},
		"Q08/key_ed25519": {func(t *testing.T, m map[string]any) {
			m["eReaderKey"] = cbor.WrapEncoded(cbor.MustMarshal(map[int]any{1: 1, -1: 6, -2: make([]byte, 32)}))
		}, ErrUnsupported, 11},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, nil)
			first, err := parseEstablishment(p.first)
			if err != nil {
				t.Fatal(err)
			}
			members := map[string]any{"eReaderKey": cbor.RawMessage(first.readerKey), "data": first.data}
			c.change(t, members)
			got, err := p.holder.Accept(cbor.MustMarshal(members))
			if c.want == nil {
				if err != nil || !bytes.Equal(got, request) {
					t.Errorf("%x, %v", got, err)
				}
				return
			}
			if !errors.Is(err, c.want) || got != nil || StatusFor(err) != c.status || !p.holder.Ended() {
				t.Errorf("%x, %v (status %d), want %v", got, err, StatusFor(err), c.want)
			}
			if _, err := p.holder.Accept(p.first); !errors.Is(err, ErrState) {
				t.Errorf("a second try: %v", err)
			}
			if _, err := p.holder.Respond(response); !errors.Is(err, ErrState) {
				t.Errorf("a response: %v", err)
			}
		})
	}
	t.Run("Q08/sent_twice", func(t *testing.T) {
		p := accepted(t)
		if got, err := p.holder.Accept(p.first); !errors.Is(err, ErrState) || got != nil || !p.holder.Ended() {
			t.Errorf("%x, %v", got, err)
		}
	})
	t.Run("Q08/sent_twice_as_data", func(t *testing.T) {
		p := accepted(t)
		if got, _, err := p.holder.Open(p.first); !errors.Is(err, ErrDecrypt) || got != nil || !p.holder.Ended() {
			t.Errorf("%x, %v", got, err)
		}
	})
	t.Run("Q08/decrypts_to_no_cbor", func(t *testing.T) {
		p := newPair(t, nil)
		r, err := NewReader(p.engagement, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		first, err := r.Establish([]byte("hello"))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := p.holder.Accept(first); !errors.Is(err, ErrMalformed) || got != nil || StatusFor(err) != StatusCBOR {
			t.Errorf("%x, %v", got, err)
		}
	})
	t.Run("Q08/trailing", func(t *testing.T) {
		p := newPair(t, nil)
		if got, err := p.holder.Accept(append(p.first, 0)); !errors.Is(err, ErrMalformed) || got != nil {
			t.Errorf("%x, %v", got, err)
		}
	})
}

func encodedKey(t *testing.T, pub *ecdh.PublicKey) cbor.RawMessage {
	t.Helper()
	key, err := cose.MarshalKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	return cbor.WrapEncoded(key)
}

// Q09: the holder's answer as the reader sees it.
func badSessionData(t *testing.T) {
	for name, c := range map[string]struct {
		change func(m map[string]any)
		want   error  // of Open
		data   bool   // the response is returned
		status uint64 // returned, 0 for none
		ended  bool
	}{
		"Q09/good":           {func(m map[string]any) {}, nil, true, 0, false},
		"Q09/tag_bit":        {func(m map[string]any) { b := m["data"].([]byte); b[len(b)-1] ^= 0x80 }, ErrDecrypt, false, 0, true},
		"Q09/truncated":      {func(m map[string]any) { b := m["data"].([]byte); m["data"] = b[:len(b)-1] }, ErrDecrypt, false, 0, true},
		"Q09/empty_data":     {func(m map[string]any) { m["data"] = []byte{} }, ErrDecrypt, false, 0, true},
		"Q09/empty_map":      {func(m map[string]any) { delete(m, "data") }, ErrMalformed, false, 0, true},
		"Q09/data_null":      {func(m map[string]any) { m["data"] = nil }, ErrMalformed, false, 0, true},
		"Q09/data_text":      {func(m map[string]any) { m["data"] = "x" }, ErrMalformed, false, 0, true},
		"Q09/status_text":    {func(m map[string]any) { m["status"] = "20" }, ErrMalformed, false, 0, true},
		"Q09/status_float":   {func(m map[string]any) { m["status"] = 20.5 }, ErrMalformed, false, 0, true},
		"Q09/status_minus":   {func(m map[string]any) { m["status"] = -20 }, ErrMalformed, false, 0, true},
		"Q09/20_with_data":   {func(m map[string]any) { m["status"] = 20 }, nil, true, 20, true},
		"Q09/20":             {func(m map[string]any) { m["status"] = 20; delete(m, "data") }, nil, false, 20, true},
		"Q09/10":             {func(m map[string]any) { m["status"] = 10; delete(m, "data") }, nil, false, 10, true},
		"Q09/11":             {func(m map[string]any) { m["status"] = 11; delete(m, "data") }, nil, false, 11, true},
		"Q09/10_with_data":   {func(m map[string]any) { m["status"] = 10 }, ErrMalformed, false, 0, true},
		"Q09/11_with_data":   {func(m map[string]any) { m["status"] = 11 }, ErrMalformed, false, 0, true},
		"Q09/99_with_data":   {func(m map[string]any) { m["status"] = 99 }, nil, true, 99, false},
		"Q09/99":             {func(m map[string]any) { m["status"] = 99; delete(m, "data") }, nil, false, 99, true},
		"Q09/0":              {func(m map[string]any) { m["status"] = 0; delete(m, "data") }, nil, false, 0, true},
		"Q09/unknown_member": {func(m map[string]any) { m["later"] = []any{} }, nil, true, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := accepted(t)
			message, err := p.holder.Respond(response)
			if err != nil {
				t.Fatal(err)
			}
			sent, err := parseSessionData(message)
			if err != nil {
				t.Fatal(err)
			}
			members := map[string]any{"data": bytes.Clone(sent.data)}
			c.change(members)
			got, status, err := p.reader.Open(cbor.MustMarshal(members))
			if !errors.Is(err, c.want) || c.want == nil && err != nil {
				t.Errorf("%v, want %v", err, c.want)
			}
			if c.data != bytes.Equal(got, response) || !c.data && got != nil {
				t.Errorf("response %x", got)
			}
			if (status != nil) != (members["status"] != nil && c.want == nil) || status != nil && *status != c.status {
				t.Errorf("status %v", status)
			}
			if p.reader.Ended() != c.ended {
				t.Errorf("ended: %v", p.reader.Ended())
			}
		})
	}
	t.Run("Q09/counter_skipped", func(t *testing.T) {
		p := accepted(t)
		if _, err := p.holder.Respond(response); err != nil {
			t.Fatal(err)
		}
		second, err := p.holder.Respond(response)
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := p.reader.Open(second); !errors.Is(err, ErrDecrypt) || got != nil {
			t.Errorf("%x, %v", got, err)
		}
	})
	t.Run("Q09/too_large", func(t *testing.T) {
		p := accepted(t)
		if got, _, err := p.reader.Open(make([]byte, MaxMessage+1)); !errors.Is(err, ErrLimit) || got != nil {
			t.Errorf("%x, %v", got, err)
		}
	})
	t.Run("Q09/decrypts_to_no_cbor", func(t *testing.T) {
		p := accepted(t)
		message, err := p.holder.Respond([]byte("hello"))
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := p.reader.Open(message); !errors.Is(err, ErrMalformed) || got != nil || StatusFor(err) != StatusCBOR {
			t.Errorf("%x, %v", got, err)
		}
	})
}

// Q10 and Q11: replay, reflection, and the end of the counter.
func replay(t *testing.T) {
	t.Run("Q10/same_twice", func(t *testing.T) {
		p := accepted(t)
		message, err := p.holder.Respond(response)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := p.reader.Open(message); err != nil {
			t.Fatal(err)
		}
		if got, _, err := p.reader.Open(message); !errors.Is(err, ErrDecrypt) || got != nil || !p.reader.Ended() {
			t.Errorf("%x, %v", got, err)
		}
	})
	t.Run("Q10/earlier_session", func(t *testing.T) {
		earlier, p := accepted(t), accepted(t)
		message, err := earlier.holder.Respond(response)
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := p.reader.Open(message); !errors.Is(err, ErrDecrypt) || got != nil {
			t.Errorf("%x, %v", got, err)
		}
	})
	t.Run("Q10/reflected", func(t *testing.T) {
		p := accepted(t)
		own, err := p.reader.Request(request)
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := p.reader.Open(own); !errors.Is(err, ErrDecrypt) || got != nil {
			t.Errorf("%x, %v", got, err)
		}
	})
	t.Run("Q10/request_to_another_holder", func(t *testing.T) {
		p, other := newPair(t, nil), newPair(t, nil)
		if got, err := other.holder.Accept(p.first); !errors.Is(err, ErrDecrypt) || got != nil {
			t.Errorf("%x, %v", got, err)
		}
	})
	t.Run("Q11/counter_at_its_end", func(t *testing.T) {
		p := accepted(t)
		p.holder.send.counter = maxCounter - 1
		if _, err := p.holder.Respond(response); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if message, err := p.holder.Respond(response); !errors.Is(err, ErrLimit) || message != nil {
				t.Errorf("%x, %v", message, err)
			}
		}
		p.reader.recv.counter = maxCounter
		if got, _, err := p.reader.Open(sessionData{data: make([]byte, 32)}.build()); !errors.Is(err, ErrLimit) || got != nil {
			t.Errorf("%x, %v", got, err)
		}
	})
}
