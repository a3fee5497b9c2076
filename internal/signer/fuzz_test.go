package signer_test

import (
	"bytes"
	"slices"
	"testing"

	. "vidimus/internal/signer"
)

// FuzzMessage: whatever is asked for is signed only as a message of the key, which has
// exactly one form: nothing can be put behind it or taken from its end.
func FuzzMessage(f *testing.F) {
	w := newWorld(f)
	for i, kind := range Kinds() {
		s, ok := speakers[kind]
		if !ok {
			continue
		}
		f.Add(uint8(slices.Index(keyNames, s.key)), s.speak(w))
		f.Add(uint8(i), s.speak(w)[:20])
	}
	f.Fuzz(func(t *testing.T, at uint8, message []byte) {
		name := keyNames[int(at)%len(keyNames)]
		kind, err := Judge(w.service, name, message, w.Now)
		if err != nil {
			if ReasonOf(err) == "" {
				t.Fatalf("%s: refused without a reason: %v", name, err)
			}
			return
		}
		for _, k := range w.service.Status() {
			if k.Name == name && kind != KindProof && !slices.Contains(k.Kinds, kind) {
				t.Fatalf("%s signs %s", name, kind)
			}
		}
		if _, err := Judge(w.service, name, append(bytes.Clone(message), 0), w.Now); err == nil {
			t.Fatalf("%s signs %s with something behind it", name, kind)
		}
		if _, err := Judge(w.service, name, message[:len(message)-1], w.Now); err == nil {
			t.Fatalf("%s signs %s cut off", name, kind)
		}
		if len(message) == 20 || len(message) == 32 || len(message) == 48 || len(message) == 64 {
			t.Fatalf("%s signs what is as long as a digest", name)
		}
	})
}
