package authserver

import (
	"bytes"
	"crypto/hmac"
	"testing"
	"time"

	"vidimus/internal/jose"
	"vidimus/internal/timingtest"
)

// Bad input K12: how long a wrong transaction code or a wrong nonce takes says nothing
// of how much of it is right.
func TestConstantTime(t *testing.T) {
	s, err := newSecrets(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	code := secretDigest("code")
	stored := s.txCodeMAC(code, "123456")
	kept := false
	timingtest.Constant(t, []byte("923456"), []byte("123459"), func(given []byte) {
		kept = hmac.Equal(s.txCodeMAC(code, string(given)), stored)
	})
	now := time.Unix(1_800_000_000, 0)
	good := s.serverNonce.value(now)
	raw, err := jose.DecodeBase64URL(good)
	if err != nil || s.serverNonce.check(good, now) != nil {
		t.Fatal(err)
	}
	early, late := bytes.Clone(raw), bytes.Clone(raw)
	early[8] ^= 1 // the first byte of the MAC
	late[len(late)-1] ^= 1
	timingtest.Constant(t, []byte(jose.EncodeBase64URL(early)), []byte(jose.EncodeBase64URL(late)), func(given []byte) {
		kept = s.serverNonce.check(string(given), now) == nil
	})
	if kept {
		t.Error("a wrong one was taken")
	}
}
