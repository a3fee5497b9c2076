package proximity

import (
	"bytes"
	"crypto/ecdh"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"vidimus/internal/cbor"
	"vidimus/internal/cose"
	"vidimus/internal/mdoc"
)

// Keys of the DeviceEngagement map (8.2.1.1; 5 and 6 of the second edition).
const (
	keyVersion      = 0
	keySecurity     = 1
	keyMethods      = 2
	keyOrigins      = 5
	keyCapabilities = 6

	cipherSuite1 = 1
)

// Engagement is a DeviceEngagement: how to reach a holder, and the ephemeral key
// of one session with it.
type Engagement struct {
	Raw     []byte // as received or made; enters the transcript unchanged
	Version string // "1.0", "1.1"

	DeviceKey      *cose.Key
	DeviceKeyBytes []byte // EDeviceKeyBytes, the tag-24 item as received

	Methods      []Method      // of an NFC engagement those of its carrier records
	Capabilities *Capabilities // nil below version 1.1, or when absent

	// Handover is how the engagement came by NFC; nil for a QR code. It is set by
	// package handover, never by what the peer says within the engagement.
	Handover *Handover

	// Warnings are deviations that were tolerated.
	Warnings []string
}

// Handover are the NDEF messages of an NFC engagement, whole and as they went over
// the air. They enter the transcript.
type Handover struct {
	Select  []byte
	Request []byte // nil for a static handover
}

// transcript is the session's, by the way in which the engagement came.
func (e *Engagement) transcript(eReaderKeyBytes []byte) (mdoc.SessionTranscript, error) {
	if e.Handover == nil {
		return mdoc.QRTranscript(e.Raw, eReaderKeyBytes)
	}
	return mdoc.NFCTranscript(e.Raw, eReaderKeyBytes, e.Handover.Select, e.Handover.Request)
}

// Capabilities are the second edition's (key 6). ReaderAuthAll says that the
// holder reads a signature over the whole request.
type Capabilities struct {
	HandoverSessionEstablishment bool // 2
	ReaderAuthAll                bool // 3
	ExtendedRequest              bool // 4
}

// Options says what NewEngagement offers.
type Options struct {
	// Curve of the device key: P-256 (also for nil), P-384, P-521 or X25519.
	Curve ecdh.Curve

	// BLE is the only retrieval method that is made. Nil leaves the methods out,
	// as NFC engagement has it; readers do not accept such a QR code. A mode that
	// is on and whose UUID is zero gets a random one.
	BLE *BLE

	// Capabilities makes it an engagement of version 1.1.
	Capabilities *Capabilities
}

// NewEngagement makes an engagement and its ephemeral key, for one session.
func NewEngagement(opt Options, rand io.Reader) (*Engagement, *ecdh.PrivateKey, error) {
	curve := opt.Curve
	if curve == nil {
		curve = ecdh.P256()
	}
	priv, err := curve.GenerateKey(rand)
	if err != nil {
		return nil, nil, fmt.Errorf("making engagement: %w", err)
	}
	raw, err := build(opt, priv.PublicKey(), rand)
	if err != nil {
		return nil, nil, fmt.Errorf("making engagement: %w", err)
	}
	e, err := ParseEngagement(raw)
	if err != nil {
		return nil, nil, fmt.Errorf("making engagement: %w", err)
	}
	return e, priv, nil
}

func build(opt Options, pub *ecdh.PublicKey, rand io.Reader) ([]byte, error) {
	key, err := cose.MarshalKey(pub)
	if err != nil {
		return nil, err
	}
	members := map[int]any{
		keyVersion:  "1.0",
		keySecurity: []any{cipherSuite1, cbor.WrapEncoded(key)},
	}
	if opt.BLE != nil {
		options, err := opt.BLE.build(rand)
		if err != nil {
			return nil, err
		}
		members[keyMethods] = []any{[]any{MethodBLE, methodVersion1, options}}
	}
	if c := opt.Capabilities; c != nil {
		// Key 6 requires key 5, which may be empty.
		members[keyVersion], members[keyOrigins] = "1.1", []any{}
		capabilities := map[int]bool{}
		for label, on := range map[int]bool{2: c.HandoverSessionEstablishment, 3: c.ReaderAuthAll, 4: c.ExtendedRequest} {
			if on {
				capabilities[label] = true
			}
		}
		members[keyCapabilities] = capabilities
	}
	return cbor.Marshal(members)
}

// ParseEngagement reads a DeviceEngagement. Keys that are not known are ignored,
// as are 5 and 6 below version 1.1.
func ParseEngagement(raw []byte) (*Engagement, error) {
	e, err := parseEngagement(bytes.Clone(raw))
	if err != nil {
		return nil, fmt.Errorf("parsing DeviceEngagement: %w", err)
	}
	return e, nil
}

func parseEngagement(raw []byte) (*Engagement, error) {
	if len(raw) > MaxEngagement {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrLimit, len(raw), MaxEngagement)
	}
	members, err := byNumber(raw)
	if err != nil {
		return nil, err
	}
	e := &Engagement{Raw: raw}
	if e.Version, err = cbor.Text(members[keyVersion]); err != nil {
		return nil, fmt.Errorf("%w: version: %w", ErrMalformed, err)
	}
	minor, err := parseVersion(e.Version)
	if err != nil {
		return nil, err
	}
	if err := e.readSecurity(members[keySecurity]); err != nil {
		return nil, fmt.Errorf("security: %w", err)
	}
	if item, ok := members[keyMethods]; ok {
		if e.Methods, err = parseMethods(item); err != nil {
			return nil, fmt.Errorf("retrieval methods: %w", err)
		}
	}
	if item, ok := members[keyCapabilities]; ok && minor >= 1 {
		if e.Capabilities, err = parseCapabilities(item); err != nil {
			return nil, fmt.Errorf("capabilities: %w", err)
		}
	}
	return e, nil
}

// byNumber reads a map and keeps its unsigned keys; others belong to
// applications.
func byNumber(item []byte) (map[uint64]cbor.RawMessage, error) {
	entries, err := cbor.MapEntries(item)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	members := make(map[uint64]cbor.RawMessage, len(entries))
	for _, entry := range entries {
		if key, err := cbor.Uint(entry.Key); err == nil {
			members[key] = entry.Value
		}
	}
	return members, nil
}

// parseVersion reads "major.minor", refuses another major version than 1 and
// returns the minor one.
func parseVersion(version string) (minor uint64, err error) {
	major, rest, found := strings.Cut(version, ".")
	if !found || !digits(major) || !digits(rest) {
		return 0, fmt.Errorf("%w: version %.16q", ErrMalformed, version)
	}
	if major != "1" {
		return 0, fmt.Errorf("%w: version %s", ErrUnsupported, version)
	}
	return strconv.ParseUint(rest, 10, 16)
}

// digits reports whether s is a short decimal number.
func digits(s string) bool {
	return s != "" && len(s) <= 4 && strings.Trim(s, "0123456789") == ""
}

// readSecurity reads [cipher suite, EDeviceKeyBytes].
func (e *Engagement) readSecurity(item []byte) error {
	parts, err := cbor.ArrayItems(item)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if len(parts) < 2 {
		return fmt.Errorf("%w: %d parts instead of 2", ErrMalformed, len(parts))
	}
	suite, err := cbor.Uint(parts[0])
	if err != nil {
		return fmt.Errorf("%w: cipher suite: %w", ErrMalformed, err)
	}
	if suite != cipherSuite1 {
		return fmt.Errorf("%w: cipher suite %d", ErrUnsupported, suite)
	}
	e.DeviceKeyBytes = parts[1]
	e.DeviceKey, err = parseSessionKey(parts[1])
	return err
}

// parseSessionKey reads a COSE_Key in tag 24 with which a secret can be agreed.
func parseSessionKey(item []byte) (*cose.Key, error) {
	encoded, err := cbor.UnwrapEncoded(item)
	if err != nil {
		return nil, fmt.Errorf("%w: key: %w", ErrMalformed, err)
	}
	key, err := cose.ParseKey(encoded)
	if err != nil {
		if errors.Is(err, cose.ErrUnsupported) {
			return nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
		}
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if _, err := key.ECDH(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	return key, nil
}

func parseCapabilities(item []byte) (*Capabilities, error) {
	members, err := byNumber(item)
	if err != nil {
		return nil, err
	}
	c := &Capabilities{}
	for label, flag := range map[uint64]*bool{2: &c.HandoverSessionEstablishment, 3: &c.ReaderAuthAll, 4: &c.ExtendedRequest} {
		if value, ok := members[label]; ok {
			if *flag, err = parseBool(value); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

func parseBool(item []byte) (bool, error) {
	if len(item) != 1 || item[0] != 0xf4 && item[0] != 0xf5 {
		return false, fmt.Errorf("%w: boolean expected", ErrMalformed)
	}
	return item[0] == 0xf5, nil
}
