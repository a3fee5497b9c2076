package signer

import (
	"bytes"

	"vidimus/internal/cbor"
	"vidimus/internal/keys"
)

// readMessage says of which kind a message is, after it was read to its last byte
// and held against the policy.
func (h *held) readMessage(m []byte, now instant) (Kind, error) {
	switch {
	case isProof(m):
		return KindProof, h.readProof(m)
	case bytes.HasPrefix(m, sign1Prefix):
		return h.readCOSE(m, now)
	case len(m) > MaxMessage:
		return "", refuse(ReasonSize, "a message of %d bytes, at most %d", len(m), MaxMessage)
	case bytes.HasPrefix(m, jwsPrefix):
		return h.readJWS(m, now)
	case len(m) > 0 && m[0] == 0x30:
		return h.readDER(m, now)
	}
	return "", badForm("no message that is known here: %d bytes", len(m))
}

var (
	sign1Prefix = cbor.AppendText(cbor.AppendArray(nil, 4), "Signature1")
	jwsPrefix   = []byte("eyJ") // {" in base64url
	proofPrefix = []byte(keys.ProofPrefix)
)

func isProof(m []byte) bool { return bytes.HasPrefix(m, proofPrefix) }

// ProofNonce is how many octets, fresh for each connection, may stand between
// keys.ProofPrefix and the certificate: who hears a proof without them can say it again.
const ProofNonce = 32

// readProof takes the proof that the key is that of its own certificate, and of no
// other.
func (h *held) readProof(m []byte) error {
	cert := m[len(proofPrefix):]
	if len(cert) == ProofNonce+len(h.leaf.Raw) {
		cert = cert[ProofNonce:]
	}
	if !bytes.Equal(cert, h.leaf.Raw) {
		return badPolicy("a proof for a certificate that is not the key's own")
	}
	return nil
}
