package cose

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"

	"vidimus/internal/cbor"
)

// raw makes a COSE_Sign1 of any parts, correctly signed with ES256.
type raw struct {
	protected   any // map, or []byte for the content itself
	unprotected any
	payload     any
	sign        func(key *ecdsa.PrivateKey, message []byte) []byte
}

func (r raw) build(t testing.TB, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	protected, ok := r.protected.([]byte)
	if !ok {
		protected = cbor.MustMarshal(r.protected)
	}
	if r.unprotected == nil {
		r.unprotected = map[int]any{}
	}
	payload, _ := r.payload.([]byte)
	message := structure("Signature1", protected, payload)
	signature := r.sign
	if signature == nil {
		signature = func(key *ecdsa.PrivateKey, message []byte) []byte {
			b, err := sign(ES256, key, message, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
	}
	return cbor.MustMarshal([]any{protected, r.unprotected, r.payload, signature(key, message)})
}

// changed signs and then alters r || s.
func changed(alter func(rs []byte) []byte) func(*ecdsa.PrivateKey, []byte) []byte {
	return func(key *ecdsa.PrivateKey, message []byte) []byte {
		rs, err := sign(ES256, key, message, rand.Reader)
		if err != nil {
			panic(err)
		}
		return alter(rs)
	}
}

func TestBadInputs(t *testing.T) {
	key := signers(t)[ES256].(*ecdsa.PrivateKey)
	n := key.Params().N
	es256 := map[int]any{1: -7}
	payload := []byte("payload")
	certificate := []byte{0x30, 0}
	hash := sha256.Sum256(certificate)
	chain := func(n int) [][]byte { return slices.Repeat([][]byte{certificate}, n) }

	for id, c := range map[string]struct {
		message raw
		want    error // of parsing and verifying
	}{
		"M01/good":                  {raw{es256, nil, payload, nil}, nil},
		"M01/signature_bit":         {raw{es256, nil, payload, changed(func(b []byte) []byte { b[40] ^= 1; return b })}, ErrSignature},
		"M01/es256_says_es384":      {raw{map[int]any{1: -35}, nil, payload, nil}, ErrKey},
		"M01/es256_says_eddsa":      {raw{map[int]any{1: -8}, nil, payload, nil}, ErrKey},
		"M01/alg_unprotected":       {raw{map[int]any{}, es256, payload, nil}, ErrMalformed},
		"M01/alg_unprotected_empty": {raw{[]byte{}, es256, payload, nil}, ErrMalformed},
		"M01/alg_both":              {raw{es256, es256, payload, nil}, ErrMalformed},
		"M01/alg_missing":           {raw{map[int]any{}, nil, payload, nil}, ErrMalformed},
		"M01/alg_no_header":         {raw{[]byte{}, nil, payload, nil}, ErrMalformed},
		"M01/alg_-65535":            {raw{map[int]any{1: -65535}, nil, payload, nil}, ErrUnsupported},
		"M01/alg_brainpool":         {raw{map[int]any{1: -265}, nil, payload, nil}, ErrUnsupported},
		"M01/alg_ed448":             {raw{map[int]any{1: -53}, nil, payload, nil}, ErrUnsupported},
		"M01/alg_es256k":            {raw{map[int]any{1: -47}, nil, payload, nil}, ErrUnsupported},
		"M01/alg_hmac":              {raw{map[int]any{1: 5}, nil, payload, nil}, ErrUnsupported},
		"M01/alg_text":              {raw{map[int]any{1: "ES256"}, nil, payload, nil}, ErrUnsupported},
		"M01/alg_bytes":             {raw{map[int]any{1: []byte{1}}, nil, payload, nil}, ErrMalformed},
		"M01/alg_null":              {raw{map[int]any{1: nil}, nil, payload, nil}, ErrMalformed},
		"M01/alg_zero":              {raw{map[int]any{1: 0}, nil, payload, nil}, ErrUnsupported},
		"M01/alg_twice":             {raw{[]byte{0xa2, 1, 0x26, 1, 0x27}, nil, payload, nil}, ErrMalformed},
		"M01/alg_twice_long":        {raw{[]byte{0xa2, 1, 0x26, 0x18, 1, 0x27}, nil, payload, nil}, ErrMalformed},
		"M01/payload_nil":           {raw{es256, nil, nil, nil}, ErrMalformed},
		"M01/payload_text":          {raw{es256, nil, "text", nil}, ErrMalformed},
		"M01/payload_map":           {raw{es256, nil, map[int]int{}, nil}, ErrMalformed},
		"M01/protected_no_map":      {raw{[]byte{0x80}, nil, payload, nil}, ErrMalformed},
		"M01/protected_trailing":    {raw{[]byte{0xa1, 1, 0x26, 0}, nil, payload, nil}, ErrMalformed},
		"M01/unprotected_no_map":    {raw{es256, []int{}, payload, nil}, ErrMalformed},
		"M01/label_bytes":           {raw{es256, map[cbor.ByteString]any{"x": 1}, payload, nil}, ErrMalformed},
		"M01/33_labels":             {raw{es256, manyLabels(), payload, nil}, ErrMalformed},
		"M01/crit_unknown":          {raw{map[int]any{1: -7, 2: []int{99}, 99: 1}, nil, payload, nil}, ErrUnsupported},
		"M01/crit_iv":               {raw{map[int]any{1: -7, 2: []int{5}, 5: []byte{1}}, nil, payload, nil}, ErrUnsupported},
		"M01/crit_text":             {raw{map[any]any{1: -7, 2: []any{"x"}, "x": 1}, nil, payload, nil}, ErrUnsupported},
		"M01/crit_absent":           {raw{map[int]any{1: -7, 2: []int{4}}, map[int]any{4: []byte{1}}, payload, nil}, ErrMalformed},
		"M01/crit_empty":            {raw{map[int]any{1: -7, 2: []int{}}, nil, payload, nil}, ErrMalformed},
		"M01/crit_no_array":         {raw{map[int]any{1: -7, 2: 1}, nil, payload, nil}, ErrMalformed},
		"M01/crit_unprotected":      {raw{es256, map[int]any{2: []int{4}, 4: []byte{1}}, payload, nil}, ErrMalformed},
		"M01/crit_known":            {raw{map[int]any{1: -7, 2: []int{1, 4}, 4: []byte{1}}, nil, payload, nil}, nil},
		"M01/kid_text":              {raw{es256, map[int]any{4: "k"}, payload, nil}, ErrMalformed},
		"M01/kid_long":              {raw{es256, map[int]any{4: make([]byte, MaxKeyID+1)}, payload, nil}, ErrMalformed},
		"M01/typ_bytes":             {raw{map[int]any{1: -7, 16: []byte{1}}, nil, payload, nil}, ErrMalformed},
		"M01/typ_negative":          {raw{map[int]any{1: -7, 16: -1}, nil, payload, nil}, ErrMalformed},
		"M01/typ_long":              {raw{map[int]any{1: -7, 16: strings.Repeat("x", MaxText+1)}, nil, payload, nil}, ErrMalformed},

		"M02/chain_good":          {raw{es256, map[int]any{33: certificate}, payload, nil}, nil},
		"M02/chain_array_of_1":    {raw{es256, map[int]any{33: chain(1)}, payload, nil}, nil},
		"M02/chain_protected":     {raw{map[int]any{1: -7, 33: chain(2)}, nil, payload, nil}, nil},
		"M02/chain_empty":         {raw{es256, map[int]any{33: chain(0)}, payload, nil}, ErrMalformed},
		"M02/chain_both":          {raw{map[int]any{1: -7, 33: certificate}, map[int]any{33: certificate}, payload, nil}, ErrMalformed},
		"M02/chain_100":           {raw{es256, map[int]any{33: chain(100)}, payload, nil}, ErrMalformed},
		"M02/chain_text":          {raw{es256, map[int]any{33: "x"}, payload, nil}, ErrMalformed},
		"M02/chain_of_text":       {raw{es256, map[int]any{33: []any{certificate, "x"}}, payload, nil}, ErrMalformed},
		"M02/chain_null":          {raw{es256, map[int]any{33: nil}, payload, nil}, ErrMalformed},
		"M02/certificate_empty":   {raw{es256, map[int]any{33: []byte{}}, payload, nil}, ErrMalformed},
		"M02/certificate_large":   {raw{es256, map[int]any{33: make([]byte, MaxCertificate+1)}, payload, nil}, ErrMalformed},
		"M02/x5t_good":            {raw{map[int]any{1: -7, 34: []any{-16, hash[:]}}, map[int]any{33: certificate}, payload, nil}, nil},
		"M02/x5t_other":           {raw{map[int]any{1: -7, 34: []any{-16, make([]byte, 32)}}, map[int]any{33: certificate}, payload, nil}, ErrMalformed},
		"M02/x5t_truncated":       {raw{map[int]any{1: -7, 34: []any{-15, hash[:8]}}, map[int]any{33: certificate}, payload, nil}, ErrUnsupported},
		"M02/x5t_short":           {raw{map[int]any{1: -7, 34: []any{-16, hash[:31]}}, map[int]any{33: certificate}, payload, nil}, ErrMalformed},
		"M02/x5t_alone_malformed": {raw{map[int]any{1: -7, 34: hash[:]}, nil, payload, nil}, ErrMalformed},
		"M02/x5t_of_three":        {raw{map[int]any{1: -7, 34: []any{-16, hash[:], 1}}, nil, payload, nil}, ErrMalformed},

		"J24/empty":      {raw{es256, nil, payload, changed(func([]byte) []byte { return []byte{} })}, ErrSignature},
		"J24/appended":   {raw{es256, nil, payload, changed(func(b []byte) []byte { return append(b, 0) })}, ErrSignature},
		"J24/cut":        {raw{es256, nil, payload, changed(func(b []byte) []byte { return b[:63] })}, ErrSignature},
		"J24/swapped":    {raw{es256, nil, payload, changed(func(b []byte) []byte { return append(b[32:64:64], b[:32]...) })}, ErrSignature},
		"J24/r_zero":     {raw{es256, nil, payload, changed(func(b []byte) []byte { clear(b[:32]); return b })}, ErrSignature},
		"J24/s_zero":     {raw{es256, nil, payload, changed(func(b []byte) []byte { clear(b[32:]); return b })}, ErrSignature},
		"J24/all_zero":   {raw{es256, nil, payload, changed(func(b []byte) []byte { clear(b); return b })}, ErrSignature},
		"J24/r_is_n":     {raw{es256, nil, payload, changed(func(b []byte) []byte { n.FillBytes(b[:32]); return b })}, ErrSignature},
		"J24/s_is_n":     {raw{es256, nil, payload, changed(func(b []byte) []byte { n.FillBytes(b[32:]); return b })}, ErrSignature},
		"J24/width_p384": {raw{es256, nil, payload, changed(func(b []byte) []byte { return padded(b, 48) })}, ErrSignature},
		"J24/der": {raw{es256, nil, payload, changed(func(b []byte) []byte {
			der, _ := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(b[:32]), new(big.Int).SetBytes(b[32:])})
			return der
		})}, ErrSignature},
		// The other s of the same signature is as good: low s is no rule of COSE.
		"J24/high_or_low_s": {raw{es256, nil, payload, changed(func(b []byte) []byte {
			s := new(big.Int).SetBytes(b[32:])
			new(big.Int).Sub(n, s).FillBytes(b[32:])
			return b
		})}, nil},
	} {
		t.Run(id, func(t *testing.T) {
			s, err := ParseSign1(c.message.build(t, key))
			if err != nil {
				if s != nil {
					t.Error("a message beside an error")
				}
			} else {
				err = s.Verify(&key.PublicKey)
			}
			if !errors.Is(err, c.want) || c.want == nil && err != nil {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
	badKeys(t)
	t.Run("M01/mac_for_signature", func(t *testing.T) {
		data, err := Mac0Detached(make([]byte, 32), payload)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := ParseSign1(data); !errors.Is(err, ErrUnsupported) || s != nil {
			t.Errorf("%v, %v", s, err)
		}
	})
	t.Run("M01/signature_for_mac", func(t *testing.T) {
		if m, err := ParseMac0((raw{es256, nil, nil, nil}).build(t, key)); !errors.Is(err, ErrUnsupported) || m != nil {
			t.Errorf("%v, %v", m, err)
		}
	})
	t.Run("M02/marks", func(t *testing.T) {
		s, err := ParseSign1((raw{es256, map[int]any{33: chain(1)}, payload, nil}).build(t, key))
		if err != nil || !s.Header.X5ChainSingleArray || s.Header.X5ChainProtected {
			t.Errorf("%+v, %v", s, err)
		}
		s, err = ParseSign1((raw{map[int]any{1: -7, 33: chain(2)}, nil, payload, nil}).build(t, key))
		if err != nil || s.Header.X5ChainSingleArray || !s.Header.X5ChainProtected || len(s.Header.X5Chain) != 2 {
			t.Errorf("%+v, %v", s, err)
		}
		s, err = ParseSign1((raw{es256, map[int]any{33: certificate}, payload, nil}).build(t, key))
		if err != nil || s.Header.X5ChainSingleArray || s.Header.X5ChainProtected || !bytes.Equal(s.Header.X5Chain[0], certificate) {
			t.Errorf("%+v, %v", s, err)
		}
	})
}

func manyLabels() map[int]any {
	m := map[int]any{}
	for i := range MaxHeaders + 1 {
		m[100+i] = i
	}
	return m
}

// padded writes r || s in another width.
func padded(rs []byte, width int) []byte {
	b := make([]byte, 2*width)
	copy(b[width-32:], rs[:32])
	copy(b[2*width-32:], rs[32:])
	return b
}

// Envelopes that are no COSE_Sign1 (M01).
func TestBadEnvelopes(t *testing.T) {
	key := signers(t)[ES256].(*ecdsa.PrivateKey)
	good := (raw{map[int]any{1: -7}, nil, []byte("payload"), nil}).build(t, key)
	for name, data := range map[string][]byte{
		"empty":           {},
		"null":            {0xf6},
		"three parts":     append([]byte{0x83}, good[1:len(good)-66]...),
		"five parts":      append(append([]byte{0x85}, good[1:]...), 0xf6),
		"trailing":        append(bytes.Clone(good), 0),
		"cut":             good[:len(good)-1],
		"tag 98":          append([]byte{0xd8, 98}, good...),
		"tag 18 twice":    append([]byte{0xd2, 0xd2}, good...),
		"tag 61":          append([]byte{0xd8, 61, 0xd2}, good...),
		"indefinite":      append(append([]byte{0x9f}, good[1:]...), 0xff),
		"in bytes":        cbor.MustMarshal(good),
		"map":             cbor.MustMarshal(map[int]any{1: good}),
		"protected map":   cbor.MustMarshal([]any{map[int]any{1: -7}, map[int]any{}, []byte{}, make([]byte, 64)}),
		"signature null":  cbor.MustMarshal([]any{[]byte{0xa1, 1, 0x26}, map[int]any{}, []byte{}, nil}),
		"signature text":  cbor.MustMarshal([]any{[]byte{0xa1, 1, 0x26}, map[int]any{}, []byte{}, "x"}),
		"unprotected nil": cbor.MustMarshal([]any{[]byte{0xa1, 1, 0x26}, nil, []byte{}, make([]byte, 64)}),
	} {
		t.Run(name, func(t *testing.T) {
			if s, err := ParseSign1(data); !errors.Is(err, ErrMalformed) || s != nil {
				t.Errorf("as COSE_Sign1: %v, %v", s, err)
			}
			if m, err := ParseMac0(data); !errors.Is(err, ErrMalformed) || m != nil {
				t.Errorf("as COSE_Mac0: %v, %v", m, err)
			}
		})
	}
}

// M19, and what else is no key.
func badKeys(t *testing.T) {
	p256, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point := p256.PublicKey().Bytes()
	x, y := point[1:33], point[33:]
	off := bytes.Clone(y)
	off[31] ^= 1
	labels := func(change map[any]any) []byte {
		m := map[any]any{1: 2, -1: 1, -2: x, -3: y}
		for label, value := range change {
			if value == "absent" {
				delete(m, label)
			} else {
				m[label] = value
			}
		}
		return cbor.MustMarshal(m)
	}
	for id, c := range map[string]struct {
		data []byte
		want error
	}{
		"M19/good":              {labels(nil), nil},
		"M19/ignored_labels":    {labels(map[any]any{2: []byte("kid"), 3: -7, 4: []int{2}, -70000: 1, "x": nil}), nil},
		"M19/off_curve":         {labels(map[any]any{-3: off}), ErrKey},
		"M19/off_curve_x":       {labels(map[any]any{-2: y, -3: x}), ErrKey},
		"M19/zero":              {labels(map[any]any{-2: make([]byte, 32), -3: make([]byte, 32)}), ErrKey},
		"M19/x_is_p":            {labels(map[any]any{-2: bytes.Repeat([]byte{0xff}, 32)}), ErrKey},
		"M19/with_d":            {labels(map[any]any{-4: p256.Bytes()}), ErrKey},
		"M19/kty_OKP":           {labels(map[any]any{1: 1}), ErrKey},
		"M19/kty_symmetric":     {labels(map[any]any{1: 4}), ErrUnsupported},
		"M19/kty_RSA":           {labels(map[any]any{1: 3}), ErrUnsupported},
		"M19/kty_text":          {labels(map[any]any{1: "EC2"}), ErrUnsupported},
		"M19/kty_missing":       {labels(map[any]any{1: "absent"}), ErrMalformed},
		"M19/crv_missing":       {labels(map[any]any{-1: "absent"}), ErrMalformed},
		"M19/crv_P-384":         {labels(map[any]any{-1: 2}), ErrKey},
		"M19/crv_Ed25519":       {labels(map[any]any{-1: 6}), ErrKey},
		"M19/crv_secp256k1":     {labels(map[any]any{-1: 8}), ErrUnsupported},
		"M19/crv_brainpool256":  {labels(map[any]any{-1: 256}), ErrUnsupported},
		"M19/crv_brainpool512":  {labels(map[any]any{-1: 259}), ErrUnsupported},
		"M19/crv_unknown":       {labels(map[any]any{-1: 77}), ErrUnsupported},
		"M19/crv_bytes":         {labels(map[any]any{-1: []byte{1}}), ErrMalformed},
		"M19/x_missing":         {labels(map[any]any{-2: "absent"}), ErrMalformed},
		"M19/x_short":           {labels(map[any]any{-2: x[1:]}), ErrKey},
		"M19/x_padded":          {labels(map[any]any{-2: append([]byte{0}, x...)}), ErrKey},
		"M19/x_text":            {labels(map[any]any{-2: "x"}), ErrMalformed},
		"M19/y_missing":         {labels(map[any]any{-3: "absent"}), ErrMalformed},
		"M19/y_short":           {labels(map[any]any{-3: y[1:]}), ErrKey},
		"M19/y_null":            {labels(map[any]any{-3: nil}), ErrMalformed},
		"M19/y_number":          {labels(map[any]any{-3: 1}), ErrMalformed},
		"M19/compressed_no":     {labels(map[any]any{-2: bytes.Repeat([]byte{0xff}, 32), -3: true}), ErrKey},
		"M19/okp_ed448":         {cbor.MustMarshal(map[int]any{1: 1, -1: 7, -2: make([]byte, 57)}), ErrUnsupported},
		"M19/okp_x448":          {cbor.MustMarshal(map[int]any{1: 1, -1: 5, -2: make([]byte, 56)}), ErrUnsupported},
		"M19/okp_short":         {cbor.MustMarshal(map[int]any{1: 1, -1: 6, -2: make([]byte, 31)}), ErrKey},
		"M19/okp_d":             {cbor.MustMarshal(map[int]any{1: 1, -1: 6, -2: make([]byte, 32), -4: make([]byte, 32)}), ErrKey},
		"M19/okp_p256":          {cbor.MustMarshal(map[int]any{1: 1, -1: 1, -2: x}), ErrKey},
		"M19/x_twice":           {append([]byte{0xa5, 0x21, 0x40}, labels(nil)[1:]...), ErrMalformed},
		"M19/label_not_allowed": {cbor.MustMarshal(map[cbor.ByteString]any{"x": 1}), ErrMalformed},
		"M19/array":             {cbor.MustMarshal([]int{1}), ErrMalformed},
		"M19/large":             {labels(map[any]any{2: make([]byte, MaxKey)}), ErrMalformed},
		"M19/empty":             {nil, ErrMalformed},
	} {
		t.Run(id, func(t *testing.T) {
			key, err := ParseKey(c.data)
			if c.want == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, c.want) || key != nil {
				t.Errorf("%v, %v, want %v", key, err, c.want)
			}
		})
	}
}
