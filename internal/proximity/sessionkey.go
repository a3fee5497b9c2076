package proximity

import (
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"vidimus/internal/aesgcm"
	"vidimus/internal/mdoc"
)

// Identifiers of the two senders: the first eight bytes of the IV (9.1.1.5).
const (
	senderReader = 0
	senderDevice = 1
)

const keySize = 32 // AES-256

// channel is one direction of a session: one key, one sender, one counter.
type channel struct {
	aead    cipher.AEAD
	sender  byte
	counter uint32 // of the last message; the first one has 1
}

// newChannel takes over key and wipes it.
func newChannel(key []byte, sender byte) (*channel, error) {
	defer clear(key)
	aead, err := newAEAD(key)
	if err != nil {
		return nil, err
	}
	return &channel{aead: aead, sender: sender}, nil
}

// newAEAD returns AES-256-GCM with 12-byte IVs and 16-byte tags: cipher suite 1.
func newAEAD(key []byte) (cipher.AEAD, error) {
	if len(key) != keySize {
		return nil, fmt.Errorf("session key of %d bytes", len(key))
	}
	return aesgcm.New(key)
}

// next returns the IV of the next message: eight bytes sender, four bytes
// counter. No IV is used twice; after the last one the session is over.
func (c *channel) next() ([]byte, error) {
	if c.aead == nil {
		return nil, fmt.Errorf("%w: session has ended", ErrState)
	}
	if c.counter == maxCounter {
		return nil, fmt.Errorf("%w: message counter is used up", ErrLimit)
	}
	c.counter++
	iv := make([]byte, 12)
	iv[7] = c.sender
	binary.BigEndian.PutUint32(iv[8:], c.counter)
	return iv, nil
}

func (c *channel) seal(plaintext []byte) ([]byte, error) {
	iv, err := c.next()
	if err != nil {
		return nil, err
	}
	return c.aead.Seal(nil, iv, plaintext, nil), nil
}

func (c *channel) open(dst, ciphertext []byte) ([]byte, error) {
	iv, err := c.next()
	if err != nil {
		return nil, err
	}
	plaintext, err := c.aead.Open(dst, iv, ciphertext, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: message %d", ErrDecrypt, c.counter)
	}
	return plaintext, nil
}

// wipe ends the direction. The key's bytes are gone since newChannel; what Go
// keeps of its schedule is left to the collector.
func (c *channel) wipe() {
	c.aead = nil
}

// newChannels derives SKReader and SKDevice (9.1.1.5) and wipes what they were
// derived from. The hash is SHA-256 on every curve; the salt is the hash of
// SessionTranscriptBytes, tag 24 included.
func newChannels(private *ecdh.PrivateKey, public *ecdh.PublicKey, transcript mdoc.SessionTranscript) (reader, device *channel, err error) {
	if private.Curve() != public.Curve() {
		return nil, nil, fmt.Errorf("%w: keys on two curves", ErrMalformed)
	}
	secret, err := private.ECDH(public)
	if err != nil {
		// X25519 with a point of low order: the secret would be zero.
		return nil, nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	defer clear(secret)
	salt := transcript.Hash()
	for _, direction := range []struct {
		info   string
		sender byte
		into   **channel
	}{{"SKReader", senderReader, &reader}, {"SKDevice", senderDevice, &device}} {
		key, err := derive(secret, salt[:], direction.info, keySize)
		if err != nil {
			return nil, nil, err
		}
		if *direction.into, err = newChannel(key, direction.sender); err != nil {
			return nil, nil, err
		}
	}
	return reader, device, nil
}

// derive is HKDF with SHA-256 (RFC 5869).
func derive(secret, salt []byte, info string, size int) ([]byte, error) {
	return hkdf.Key(sha256.New, secret, salt, info, size)
}

// Ident returns the value of the BLE characteristic Ident, 16 bytes, by which
// the holder finds its reader in mdoc central client mode (8.3.3.1.1.3). It is
// derived from public bytes and proves nothing.
func (e *Engagement) Ident() ([]byte, error) {
	return derive(e.DeviceKeyBytes, nil, "BLEIdent", 16)
}
