package audit

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"

	"vidimus/internal/jose"
)

// TestCheckpointForm pins the claims: checkpoints of today must verify for ever.
func TestCheckpointForm(t *testing.T) {
	l := newLedger(t)
	l.add(2)
	c := l.checkpoint()
	signed, err := jose.Parse(c.Token)
	if err != nil {
		t.Fatal(err)
	}
	if signed.Header.Type != "vidimus-checkpoint+jwt" || signed.Header.KeyID != only(l.keys) {
		t.Errorf("header %s", signed.Header.Raw)
	}
	want := `{"iss":"https://issuer.example","iat":1781517660,"size":2,"root":"` + jose.EncodeBase64URL(c.Root[:]) + `","head":"` + hex.EncodeToString(c.Head[:]) + `"}`
	if string(signed.Payload) != want {
		t.Errorf("claims\n%s\nwant\n%s", signed.Payload, want)
	}
	l.add(1)
	if !strings.Contains(string(l.shelf.lines[2]), `"prev":"`+hex.EncodeToString(c.Head[:])) {
		t.Error("the next line does not have head as prev")
	}
}

func TestCheckpointRefused(t *testing.T) {
	key := newKey(t)
	keys, err := NewCheckpointKeys(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	hash := strings.Repeat("00", 32)
	good := map[string]any{"iss": office, "iat": 1, "size": 3, "root": jose.EncodeBase64URL(make([]byte, 32)), "head": hash}
	sign := func(t *testing.T, header, change map[string]any) string {
		t.Helper()
		h, claims := map[string]any{"typ": CheckpointType, "kid": only(keys)}, maps.Clone(good)
		maps.Copy(h, header)
		for k, v := range change {
			if v == nil {
				delete(claims, k)
			} else {
				claims[k] = v
			}
		}
		payload, err := json.Marshal(claims)
		if err != nil {
			t.Fatal(err)
		}
		token, err := jose.Sign(key, h, payload, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	if _, err := keys.Parse(sign(t, nil, nil)); err != nil {
		t.Fatal(err)
	}
	if c, err := keys.Parse(sign(t, nil, map[string]any{"restored": 0})); err != nil || !c.Restored || c.Kept != 0 {
		t.Fatalf("%+v, %v", c, err)
	}
	tests := []struct {
		name           string
		header, change map[string]any
	}{
		{"typ_of_a_receipt", map[string]any{"typ": "vidimus-receipt+jwt"}, nil},
		{"another_key", map[string]any{"kid": "x"}, nil},
		{"no_issuer", nil, map[string]any{"iss": nil}},
		{"no_iat", nil, map[string]any{"iat": nil}},
		{"size_zero", nil, map[string]any{"size": 0}},
		{"size_negative", nil, map[string]any{"size": -1}},
		{"size_beyond_numbers", nil, map[string]any{"size": 1<<53 + 2}},
		{"size_in_quotes", nil, map[string]any{"size": "3"}},
		{"root_too_short", nil, map[string]any{"root": "AAAA"}},
		{"root_too_long", nil, map[string]any{"root": jose.EncodeBase64URL(make([]byte, 33))}},
		{"no_root", nil, map[string]any{"root": nil}},
		{"head_too_short", nil, map[string]any{"head": "00"}},
		{"head_too_long", nil, map[string]any{"head": hash + "00"}},
		{"head_no_hexadecimal", nil, map[string]any{"head": strings.Repeat("x", 64)}},
		{"restored_at_size", nil, map[string]any{"restored": 3}},
		{"too_long", nil, map[string]any{"iss": strings.Repeat("x", MaxCheckpoint)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if c, err := keys.Parse(sign(t, tt.header, tt.change)); !errors.Is(err, ErrToken) || c.Size != 0 {
				t.Errorf("%+v, %v", c, err)
			}
		})
	}
	token := sign(t, nil, nil)
	for name, data := range map[string]string{
		"line_is_no_token": "x\n", "empty_line": token + "\n\n" + token + "\n", "signature_changed": token[:len(token)-8] + "AAAAAAAA\n",
		"endless_line": strings.Repeat("x", 2*MaxCheckpoint) + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			if out, err := keys.ReadCheckpoints(strings.NewReader(data)); !errors.Is(err, ErrToken) || out != nil {
				t.Errorf("%+v, %v", out, err)
			}
		})
	}
	if out, err := keys.ReadCheckpoints(strings.NewReader(token + "\n" + token[:30])); err != nil || len(out) != 1 {
		t.Errorf("a torn line: %+v, %v", out, err)
	}
}
