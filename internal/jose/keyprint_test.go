package jose

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// Bad input K13: no form of printing has the private half.
func TestKeysArePrintedWithoutTheirSecret(t *testing.T) {
	seed := make([]byte, ed25519.SeedSize)
	for i := range seed {
		seed[i] = byte(200 + i)
	}
	private := ed25519.NewKeyFromSeed(seed)
	key := Key{Public: private.Public(), Private: private, KeyID: "7"}
	held := struct{ Key *Key }{&key}
	asJSON, err := json.Marshal(held)
	if err != nil {
		t.Fatal(err)
	}
	out := fmt.Sprintf("%v %+v %#v %s %x %v %+v", key, &key, key, key, key, held, held) + string(asJSON)
	for _, form := range []string{"200 201 202", "c8c9ca", "yMnKy", "0xc8, 0xc9"} {
		if strings.Contains(strings.ToLower(out), strings.ToLower(form)) {
			t.Errorf("the key shows as %s: %s", form, out)
		}
	}
	if !strings.Contains(out, `private key "7"`) {
		t.Errorf("nothing to tell keys apart by: %s", out)
	}
}
