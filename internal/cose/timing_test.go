package cose

import (
	"bytes"
	"testing"

	"vidimus/internal/timingtest"
)

// Bad input K12: how long a wrong MAC takes says nothing of how much of it is right.
func TestConstantTime(t *testing.T) {
	key := bytes.Repeat([]byte{7}, 32)
	data, err := Mac0Detached(key, []byte("payload"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := ParseMac0(data)
	if err != nil {
		t.Fatal(err)
	}
	early, late := bytes.Clone(m.MAC), bytes.Clone(m.MAC)
	early[0] ^= 1
	late[len(late)-1] ^= 1
	timingtest.Constant(t, early, late, func(given []byte) {
		m.MAC = given
		if m.VerifyDetached(key, []byte("payload")) == nil {
			t.Fatal("a wrong MAC was taken")
		}
	})
}
