package mdoc

import (
	"crypto/sha256"
	"fmt"

	"vidimus/internal/cbor"
)

// SessionTranscript is the untagged encoding of a SessionTranscript (ISO/IEC
// 18013-5, 9.1.5.1): what ties an answer to one session. Make it with
// QRTranscript, NFCTranscript, OpenID4VPTranscript or DCAPITranscript: with the
// one of the flow that was started. Trying several would let an answer to one
// protocol pass in another.
type SessionTranscript []byte

// Bytes returns SessionTranscriptBytes: 24(<<SessionTranscript>>).
func (t SessionTranscript) Bytes() []byte { return cbor.WrapEncoded(t) }

// Hash returns SHA-256 over SessionTranscriptBytes: the salt of the session keys
// and of EMacKey (9.1.1.5, 9.1.3.5).
func (t SessionTranscript) Hash() [sha256.Size]byte { return sha256.Sum256(t.Bytes()) }

// QRTranscript is the transcript of a session that a QR code opened. engagement
// is DeviceEngagement exactly as received, without tag 24; eReaderKeyBytes the
// item 24(<<COSE_Key>>) exactly as sent. The handover is null (9.1.5.1).
func QRTranscript(engagement, eReaderKeyBytes []byte) (SessionTranscript, error) {
	return proximityTranscript(engagement, eReaderKeyBytes, []byte{0xf6})
}

// NFCTranscript is the transcript of a session that NFC opened. handoverSelect
// and handoverRequest are the whole NDEF messages; handoverRequest is nil for a
// static handover.
func NFCTranscript(engagement, eReaderKeyBytes, handoverSelect, handoverRequest []byte) (SessionTranscript, error) {
	if len(handoverSelect) == 0 {
		return nil, fmt.Errorf("%w: no Handover Select message", ErrMalformed)
	}
	handover := cbor.AppendBytes(cbor.AppendArray(nil, 2), handoverSelect)
	if handoverRequest == nil {
		handover = append(handover, 0xf6)
	} else {
		handover = cbor.AppendBytes(handover, handoverRequest)
	}
	return proximityTranscript(engagement, eReaderKeyBytes, handover)
}

// proximityTranscript joins the pieces as they are: encoding an engagement again
// would change the transcript of a holder that encodes otherwise.
func proximityTranscript(engagement, eReaderKeyBytes, handover []byte) (SessionTranscript, error) {
	if len(engagement) > MaxEngagement {
		return nil, fmt.Errorf("%w: DeviceEngagement of %d bytes, at most %d", ErrLimit, len(engagement), MaxEngagement)
	}
	if _, err := cbor.MapEntries(engagement); err != nil {
		return nil, fmt.Errorf("%w: DeviceEngagement: %w", ErrMalformed, err)
	}
	if _, err := cbor.UnwrapEncoded(eReaderKeyBytes); err != nil {
		return nil, fmt.Errorf("%w: EReaderKeyBytes: %w", ErrMalformed, err)
	}
	t := cbor.AppendArray(nil, 3)
	t = append(t, cbor.WrapEncoded(engagement)...)
	t = append(t, eReaderKeyBytes...)
	return append(t, handover...), nil
}

// OpenID4VPTranscript is the transcript of OpenID4VP 1.0, B.2.6.1 (redirects and
// direct_post). clientID is the whole client identifier with its prefix.
// jwkThumbprint is the raw RFC 7638 SHA-256 thumbprint, 32 bytes, of the key
// that the response is encrypted to, and nil for a response in the clear.
// responseURI is the response_uri, or the redirect_uri where there is none.
func OpenID4VPTranscript(clientID, nonce string, jwkThumbprint []byte, responseURI string) (SessionTranscript, error) {
	if clientID == "" || nonce == "" || responseURI == "" {
		return nil, fmt.Errorf("%w: handover without client_id, nonce or response_uri", ErrMalformed)
	}
	thumbprint, err := thumbprintItem(jwkThumbprint)
	if err != nil {
		return nil, err
	}
	info := cbor.AppendText(cbor.AppendText(cbor.AppendArray(nil, 4), clientID), nonce)
	info = cbor.AppendText(append(info, thumbprint...), responseURI)
	return onlineTranscript(handoverOpenID4VP, info), nil
}

// DCAPITranscript is the transcript of OpenID4VP 1.0, B.2.6.2 (Digital
// Credentials API). origin is the bare origin, without the prefix "origin:".
// jwkThumbprint is as for OpenID4VPTranscript.
func DCAPITranscript(origin, nonce string, jwkThumbprint []byte) (SessionTranscript, error) {
	if origin == "" || nonce == "" {
		return nil, fmt.Errorf("%w: handover without origin or nonce", ErrMalformed)
	}
	thumbprint, err := thumbprintItem(jwkThumbprint)
	if err != nil {
		return nil, err
	}
	info := cbor.AppendText(cbor.AppendText(cbor.AppendArray(nil, 3), origin), nonce)
	return onlineTranscript(handoverOpenID4VPDCAPI, append(info, thumbprint...)), nil
}

// thumbprintItem refuses a thumbprint of another length: an empty one must not
// turn into null, which binds to no key.
func thumbprintItem(thumbprint []byte) ([]byte, error) {
	switch {
	case thumbprint == nil:
		return []byte{0xf6}, nil
	case len(thumbprint) != sha256.Size:
		return nil, fmt.Errorf("%w: JWK thumbprint of %d bytes", ErrMalformed, len(thumbprint))
	}
	return cbor.AppendBytes(nil, thumbprint), nil
}

// onlineTranscript is [null, null, [name, SHA-256(info)]]; info is hashed bare.
func onlineTranscript(name string, info []byte) SessionTranscript {
	digest := sha256.Sum256(info)
	t := append(cbor.AppendArray(nil, 3), 0xf6, 0xf6)
	t = cbor.AppendText(cbor.AppendArray(t, 2), name)
	return cbor.AppendBytes(t, digest[:])
}

// ParseSessionTranscript reads a transcript that was kept, tagged or not, and
// refuses every form that the functions above do not make. An error wraps
// ErrMalformed, or ErrUnsupported with the name of the handover.
func ParseSessionTranscript(b []byte) (SessionTranscript, error) {
	if len(b) > MaxRequest {
		return nil, fmt.Errorf("%w: session transcript of %d bytes", ErrLimit, len(b))
	}
	if len(b) > 0 && b[0]>>5 == majorTag {
		if content, err := cbor.UnwrapEncoded(b); err == nil {
			b = content
		}
	}
	parts, err := cbor.ArrayItems(b)
	if err != nil || len(parts) != 3 {
		return nil, fmt.Errorf("%w: session transcript is no array of three", ErrMalformed)
	}
	name, supported := describe(parts[0], parts[1], parts[2])
	if !supported {
		return nil, fmt.Errorf("%w: session transcript: %s", ErrUnsupported, name)
	}
	return b, nil
}
