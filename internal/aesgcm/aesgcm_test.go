package aesgcm

import (
	"bytes"
	"encoding/hex"
	"testing"
)

// Test case 4 of the specification of GCM (McGrew and Viega), as in SP 800-38D's.
func TestNew(t *testing.T) {
	text := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	key, nonce := text("feffe9928665731c6d6a8f9467308308"), text("cafebabefacedbaddecaf888")
	plain := text("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39")
	data := text("feedfacedeadbeeffeedfacedeadbeefabaddad2")
	want := text("42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091" +
		"5bc94fbc3221a5db94fae95ae7121a47")
	aead, err := New(key)
	if err != nil {
		t.Fatal(err)
	}
	if got := aead.Seal(nil, nonce, plain, data); !bytes.Equal(got, want) {
		t.Errorf("sealed: %x", got)
	}
	if got, err := aead.Open(nil, nonce, want, data); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("opened: %x, %v", got, err)
	}
	want[0] ^= 1
	if got, err := aead.Open(nil, nonce, want, data); err == nil {
		t.Errorf("a changed text opened: %x", got)
	}
	if _, err := New(key[:15]); err == nil {
		t.Error("a key of 15 bytes was taken")
	}
}
