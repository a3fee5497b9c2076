package cose

import (
	"bytes"
	"fmt"

	"vidimus/internal/cbor"
)

// CBOR tags of the two messages (RFC 9052, 2).
const (
	tagMac0  = 17
	tagSign1 = 18
)

// envelope is what COSE_Sign1 and COSE_Mac0 have in common: protected header,
// unprotected header, payload, and the signature or tag.
type envelope struct {
	header    Header
	protected []byte
	payload   []byte // nil when detached
	proof     []byte
	tagged    bool
}

// parseEnvelope reads a message of at most max bytes with or without its tag.
func parseEnvelope(data []byte, tag uint64, max int) (*envelope, error) {
	e := &envelope{}
	data = bytes.Clone(data) // the parts are slices of it, and the caller may reuse its own
	if len(data) > 0 && data[0]>>5 == 6 {
		var tagged cbor.RawTag
		if err := cbor.UnmarshalLimit(data, &tagged, max); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		if tagged.Number != tag {
			return nil, fmt.Errorf("%w: tag %d instead of %d", ErrMalformed, tagged.Number, tag)
		}
		data, e.tagged = tagged.Content, true
	}
	parts, err := cbor.ArrayItemsLimit(data, max)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if len(parts) != 4 {
		return nil, fmt.Errorf("%w: %d parts instead of 4", ErrMalformed, len(parts))
	}
	if e.protected, err = cbor.Bytes(parts[0]); err != nil {
		return nil, fmt.Errorf("%w: protected header: %w", ErrMalformed, err)
	}
	header, err := parseHeader(e.protected, parts[1])
	if err != nil {
		return nil, err
	}
	e.header = *header
	if !cbor.IsNull(parts[2]) {
		if e.payload, err = cbor.BytesLimit(parts[2], max); err != nil {
			return nil, fmt.Errorf("%w: payload: %w", ErrMalformed, err)
		}
	}
	if e.proof, err = cbor.Bytes(parts[3]); err != nil {
		return nil, fmt.Errorf("%w: signature or tag: %w", ErrMalformed, err)
	}
	return e, nil
}

// attached returns the payload to verify, given none from outside.
func attached(payload []byte) ([]byte, error) {
	if payload == nil {
		return nil, fmt.Errorf("%w: payload is detached", ErrMalformed)
	}
	return payload, nil
}

// detached returns the payload to verify, given from outside. An attached one
// beside it is refused: it would be the sender's choice.
func detached(own, payload []byte) ([]byte, error) {
	if own != nil {
		return nil, fmt.Errorf("%w: payload is attached", ErrMalformed)
	}
	return payload, nil
}

// structure builds Sig_structure and MAC_structure (RFC 9052, 4.4 and 6.3):
// [context, protected header as received, external data h”, payload].
func structure(context string, protected, payload []byte) []byte {
	b := make([]byte, 0, len(context)+len(protected)+len(payload)+24)
	b = cbor.AppendArray(b, 4)
	b = cbor.AppendText(b, context)
	b = cbor.AppendBytes(b, protected)
	b = cbor.AppendBytes(b, nil)
	return cbor.AppendBytes(b, payload)
}

// assemble encodes a message; a nil payload is detached.
func assemble(tagged bool, tag uint64, protected []byte, unprotected cbor.RawMessage, payload, proof []byte) []byte {
	b := make([]byte, 0, len(protected)+len(unprotected)+len(payload)+len(proof)+24)
	if tagged {
		b = cbor.AppendTag(b, tag)
	}
	b = cbor.AppendBytes(cbor.AppendArray(b, 4), protected)
	b = append(b, unprotected...)
	if payload == nil {
		b = append(b, null)
	} else {
		b = cbor.AppendBytes(b, payload)
	}
	return cbor.AppendBytes(b, proof)
}

// null is the simple value of RFC 8949, 3.3.
const null = 0xf6
