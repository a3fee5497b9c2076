//go:build pkcs11

package pkcs11

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"
)

// TestKeysThatAreNotKeptWell is K03: a key that the token would give away, show, or
// lend to other uses is refused when it is opened, with the attribute's name.
func TestKeysThatAreNotKeptWell(t *testing.T) {
	w := newWorld(t)
	right := map[uint]bool{
		pkcs11.CKA_PRIVATE: true, pkcs11.CKA_SENSITIVE: true, pkcs11.CKA_EXTRACTABLE: false, pkcs11.CKA_SIGN: true,
		pkcs11.CKA_DECRYPT: false, pkcs11.CKA_UNWRAP: false, pkcs11.CKA_DERIVE: false, pkcs11.CKA_TOKEN: true,
	}
	cases := map[string]struct {
		change map[uint]bool
		params []byte
		says   string
	}{
		"K03/extractable":     {map[uint]bool{pkcs11.CKA_EXTRACTABLE: true}, nil, "CKA_EXTRACTABLE is true"},
		"K03/not_sensitive":   {map[uint]bool{pkcs11.CKA_SENSITIVE: false}, nil, "CKA_SENSITIVE is false"},
		"K03/not_private":     {map[uint]bool{pkcs11.CKA_PRIVATE: false}, nil, "CKA_PRIVATE is false"},
		"K03/not_for_signing": {map[uint]bool{pkcs11.CKA_SIGN: false}, nil, "CKA_SIGN is false"},
		"K03/decrypts_too":    {map[uint]bool{pkcs11.CKA_DECRYPT: true}, nil, "CKA_DECRYPT is true"},
		"K03/unwraps_too":     {map[uint]bool{pkcs11.CKA_UNWRAP: true}, nil, "CKA_UNWRAP is true"},
		"K03/derives_too":     {map[uint]bool{pkcs11.CKA_DERIVE: true}, nil, "CKA_DERIVE is true"},
		"K03/pin_each_time":   {map[uint]bool{pkcs11.CKA_ALWAYS_AUTHENTICATE: true}, nil, "CKA_ALWAYS_AUTHENTICATE is true"},
		"K03/other_curve":     {nil, []byte{0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23}, "not on P-256 or P-384"},
		"K03/right":           {nil, nil, ""},
	}
	bare(t, func(p *pkcs11.Ctx, _ uint, s pkcs11.SessionHandle) {
		pair := func(label string, id byte, tt map[uint]bool, params []byte) {
			if params == nil {
				params = oidP256
			}
			name := []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_LABEL, label), pkcs11.NewAttribute(pkcs11.CKA_ID, []byte{id})}
			public := append([]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, params)}, name...)
			private := name
			attributes := maps.Clone(right)
			maps.Copy(attributes, tt)
			for kind, value := range attributes {
				private = append(private, pkcs11.NewAttribute(kind, value))
			}
			if _, _, err := p.GenerateKeyPair(s, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_EC_KEY_PAIR_GEN, nil)}, public, private); err != nil {
				t.Fatalf("%s: %v", label, err)
			}
		}
		id := byte(0)
		for name, tt := range cases {
			id++
			pair(strings.TrimPrefix(name, "K03/"), id, tt.change, tt.params)
		}
		pair("twice", 101, nil, nil)
		pair("twice", 102, nil, nil)
		pair("half", 103, nil, nil)
		pair("halves", 103, nil, nil)
		// The public half of "crossed" is that of "right".
		pair("crossed", 104, nil, nil)
		crossed, err := search(p, s, pkcs11.CKO_PUBLIC_KEY, "crossed", "")
		if err != nil || len(crossed) != 1 {
			t.Fatal(err)
		}
		rights, err := search(p, s, pkcs11.CKO_PUBLIC_KEY, "right", "")
		if err != nil || len(rights) != 1 {
			t.Fatal(err)
		}
		point, _, err := attribute(p, s, rights[0], pkcs11.CKA_EC_POINT)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.DestroyObject(s, crossed[0]); err != nil {
			t.Fatal(err)
		}
		if _, err := p.CreateObject(s, []*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PUBLIC_KEY), pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_EC),
			pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_ID, []byte{104}),
			pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, oidP256), pkcs11.NewAttribute(pkcs11.CKA_EC_POINT, point),
		}); err != nil {
			t.Fatal(err)
		}
	})
	m := open(t)
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := m.Signer(context.Background(), w.uri(softHSM, strings.TrimPrefix(name, "K03/")))
			if tt.says == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if !errors.Is(err, ErrKey) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("expected %q: %v", tt.says, err)
			}
		})
	}
	for label, says := range map[string]string{"twice": "several", "half": "2 public halves", "crossed": "halves are of two keys"} {
		t.Run("K03/"+label, func(t *testing.T) {
			if _, err := m.Signer(context.Background(), w.uri(softHSM, label)); !errors.Is(err, ErrKey) || !strings.Contains(err.Error(), says) {
				t.Errorf("expected %q: %v", says, err)
			}
		})
	}
	// A key that is refused takes nothing from the others.
	if s := m.Status(); s[0].State != StateConnected {
		t.Errorf("%+v", s)
	}
}
