package cose

import (
	"bytes"
	"crypto/rand"
	"testing"
)

// What was parsed does not change when the caller reuses its buffer.
func TestParsedIsOwn(t *testing.T) {
	for alg, key := range signers(t) {
		data, err := SignSign1(key, []byte("payload"), SignOptions{Unprotected: map[any]any{33: []byte{1}}}, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		s, err := ParseSign1(data)
		if err != nil {
			t.Fatal(err)
		}
		encoded, err := MarshalKey(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		pub, err := ParseKey(encoded)
		if err != nil {
			t.Fatal(err)
		}
		clear(data)
		clear(encoded)
		if err := s.Verify(pub.Public); err != nil || !bytes.Equal(s.Header.X5Chain[0], []byte{1}) {
			t.Errorf("%v: %v", alg, err)
		}
	}
}
