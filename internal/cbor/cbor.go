package cbor

import (
	"errors"
	"fmt"
	"reflect"

	fx "github.com/fxamacker/cbor/v2"
)

// RawMessage is one encoded item, its bytes as received.
type RawMessage = fx.RawMessage

// Tag is a tag number and its decoded content; RawTag keeps the content encoded.
type (
	Tag    = fx.Tag
	RawTag = fx.RawTag
)

// ByteString is a byte string that can be the key of a Go map.
type ByteString = fx.ByteString

// Every error of a decoding function matches exactly one of these.
var (
	ErrMalformed    = errors.New("malformed CBOR")
	ErrLimit        = errors.New("CBOR limit exceeded")
	ErrDuplicateKey = errors.New("duplicate CBOR map key")
	ErrTrailing     = errors.New("trailing bytes after CBOR item")
)

// The modes are immutable and built once.
var (
	decMode = mustDecMode()
	encMode = mustEncMode()
)

func mustDecMode() fx.DecMode {
	mode, err := fx.DecOptions{
		DupMapKey:         fx.DupMapKeyEnforcedAPF,
		IndefLength:       fx.IndefLengthForbidden,
		MaxNestedLevels:   MaxDepth,
		MaxArrayElements:  MaxItems,
		MaxMapPairs:       MaxItems,
		UTF8:              fx.UTF8RejectInvalid,
		FieldNameMatching: fx.FieldNameMatchingCaseSensitive,
		TimeTag:           fx.DecTagRequired,
		IntDec:            fx.IntDecConvertSignedOrBigInt,
		BigIntDec:         fx.BigIntDecodePointer,
		MapKeyByteString:  fx.MapKeyByteStringAllowed,
		NaN:               fx.NaNDecodeForbidden,
		Inf:               fx.InfDecodeForbidden,
		BinaryUnmarshaler: fx.BinaryUnmarshalerNone,
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return mode
}

func mustEncMode() fx.EncMode {
	options := fx.CoreDetEncOptions()
	options.Time = fx.TimeRFC3339
	options.TimeTag = fx.EncTagRequired
	options.BinaryMarshaler = fx.BinaryMarshalerNone
	mode, err := options.EncMode()
	if err != nil {
		panic(err)
	}
	return mode
}

// Unmarshal decodes exactly one item of at most [MaxMessage] bytes into v, a
// pointer. Into an interface value, integers become int64 (or *big.Int beyond
// it), maps map[any]any, byte strings []byte, unknown tags [Tag].
func Unmarshal(data []byte, v any) error {
	return UnmarshalLimit(data, v, MaxMessage)
}

// UnmarshalLimit is [Unmarshal] with another bound on the length of data, which
// is checked before anything else.
func UnmarshalLimit(data []byte, v any, max int) error {
	err := bounded(data, max)
	if err == nil {
		err = check(data)
	}
	if err == nil {
		err = classify(decMode.Unmarshal(data, v))
	}
	if err != nil {
		clearTarget(v)
	}
	return err
}

func bounded(data []byte, max int) error {
	if len(data) > max {
		return fmt.Errorf("%w: message of %d bytes, at most %d", ErrLimit, len(data), max)
	}
	return nil
}

// check walks data, which must be exactly one item.
func check(data []byte) error {
	w := walker{data: data, nodes: MaxNodes}
	return w.whole(0, len(data), 0)
}

// clearTarget forgets what a failed decoding has left, so that no caller can
// read half a message.
func clearTarget(v any) {
	if rv := reflect.ValueOf(v); rv.Kind() == reflect.Pointer && !rv.IsNil() {
		rv.Elem().SetZero()
	}
}

// classify gives an error of the library, or of an UnmarshalCBOR method, its
// sentinel.
func classify(err error) error {
	if err == nil {
		return nil
	}
	for _, known := range []error{ErrMalformed, ErrLimit, ErrDuplicateKey, ErrTrailing} {
		if errors.Is(err, known) {
			return err
		}
	}
	var duplicate *fx.DupMapKeyError
	if errors.As(err, &duplicate) {
		return fmt.Errorf("%w: %w", ErrDuplicateKey, err)
	}
	return fmt.Errorf("%w: %w", ErrMalformed, err)
}

// Marshal encodes v in core deterministic form. A [RawMessage] inside v is
// copied as it is.
func Marshal(v any) ([]byte, error) {
	data, err := encMode.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encoding CBOR: %w", err)
	}
	return data, nil
}

// MustMarshal is [Marshal] for constants and own values that cannot fail; it
// panics when they do.
func MustMarshal(v any) []byte {
	data, err := Marshal(v)
	if err != nil {
		panic(err)
	}
	return data
}

// IsNull reports whether item is the simple value null.
func IsNull(item []byte) bool {
	return len(item) == 1 && item[0] == 0xf6
}
