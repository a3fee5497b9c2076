package mdoc

import (
	"strings"

	"vidimus/internal/cbor"
	"vidimus/internal/cose"
)

// MobileSecurityObject is what the issuer signs (ISO/IEC 18013-5, 9.1.2.4).
type MobileSecurityObject struct {
	Version           string // "1.0", any minor of major 1 is read
	DigestAlgorithm   string // SHA256, SHA384 or SHA512
	ValueDigests      map[string]map[uint64][]byte
	DeviceKey         *cose.Key
	DeviceKeyRaw      cbor.RawMessage // the COSE_Key as received
	KeyAuthorizations KeyAuthorizations
	DocType           string
	ValidityInfo      ValidityInfo
	Status            *Status // nil when the MSO names no status mechanism
	Raw               []byte  // the map as received, without tag 24

	deterministic bool // the payload, as it was parsed
}

// parseMSO reads the payload of issuerAuth: exactly 24(<<MSO>>).
func parseMSO(payload []byte, n *notes) (*MobileSecurityObject, error) {
	content, deterministic, err := cbor.CheckEncoded(payload)
	if err != nil {
		return nil, refuseCause(CheckFormat, err)
	}
	m, err := parseMSOContent(content, n)
	if err != nil {
		return nil, err
	}
	m.deterministic = deterministic
	return m, nil
}

// parseMSOContent reads the map, which has been checked.
func parseMSOContent(content []byte, n *notes) (*MobileSecurityObject, error) {
	m, digests, err := parseMSOFrame(content, n)
	if err != nil {
		return nil, err
	}
	if err := m.parseDigests(digests, n); err != nil {
		return nil, err
	}
	return m, nil
}

// parseMSOFrame reads all of the map but valueDigests, which it gives as it is.
func parseMSOFrame(content []byte, n *notes) (m *MobileSecurityObject, digests []byte, err error) {
	m = &MobileSecurityObject{Raw: content}
	var keyInfo, validity, status []byte
	texts := []struct {
		name string
		to   *string
	}{{"version", &m.Version}, {"digestAlgorithm", &m.DigestAlgorithm}, {"docType", &m.DocType}}
	err = eachMember(CheckFormat, "MSO", content, func(name, value []byte) error {
		switch string(name) {
		case "valueDigests":
			digests = value
		case "deviceKeyInfo":
			keyInfo = value
		case "validityInfo":
			validity = value
		case "status":
			status = value
		default:
			for _, t := range texts {
				if t.name == string(name) {
					text, ok := textOf(value)
					if !ok || len(text) == 0 {
						return refuse(CheckFormat, "%s is no text", t.name)
					}
					*t.to = string(text)
					return nil
				}
			}
			n.unknown("MSO", name)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	for _, t := range texts {
		if *t.to == "" {
			return nil, nil, refuse(CheckFormat, "MSO without %s", t.name)
		}
	}
	if major, known := majorVersion(m.Version); !known || major != "1" {
		return nil, nil, refuseKind(ErrUnsupported, CheckFormat, "MSO version %.16q", m.Version)
	} else if m.Version != "1.0" {
		n.warn(CheckFormat, "MSO version %.16q", m.Version)
	}
	if err := m.parseDeviceKeyInfo(keyInfo, n); err != nil {
		return nil, nil, within(err, "deviceKeyInfo")
	}
	if err := m.ValidityInfo.parse(validity, n); err != nil {
		return nil, nil, within(err, "validityInfo")
	}
	if status != nil {
		if m.Status, err = parseStatus(status, n); err != nil {
			return nil, nil, within(err, "status")
		}
	}
	return m, digests, nil
}

// parseDigests reads { + namespace => { + digestID => digest } } and demands
// digests of the algorithm's length: a shorter one would be a weaker one.
func (m *MobileSecurityObject) parseDigests(b []byte, n *notes) error {
	size := digestSize(m.DigestAlgorithm)
	if size == 0 {
		return refuseKind(ErrUnsupported, CheckFormat, "digest algorithm %.16q", m.DigestAlgorithm)
	}
	_, count, ok := members(b)
	switch {
	case !ok || count == 0:
		return refuse(CheckFormat, "MSO without valueDigests")
	case count > MaxNameSpaces:
		return refuseKind(ErrLimit, CheckFormat, "digests of %d namespaces, at most %d", count, MaxNameSpaces)
	}
	m.ValueDigests = make(map[string]map[uint64][]byte, count)
	return eachMember(CheckFormat, "valueDigests", b, func(name, value []byte) error {
		pairs, count, ok := members(value)
		switch {
		case !ok || count == 0:
			return refuse(CheckFormat, "valueDigests of %.64q holds no digests", name)
		case count > MaxDigestsPerNameSpace:
			return refuseKind(ErrLimit, CheckFormat, "%d digests in one namespace, at most %d", count, MaxDigestsPerNameSpace)
		}
		digests := make(map[uint64][]byte, count)
		large := false
		for range count {
			key, _ := pairs.next()
			value, _ := pairs.next()
			id, ok := uintOf(key)
			if !ok {
				return refuse(CheckFormat, "digestID is no unsigned integer")
			}
			digest, ok := bytesOf(value)
			if !ok || len(digest) != size {
				return refuse(CheckFormat, "digest %d of %.64q is no byte string of %d bytes", id, name, size)
			}
			digests[id] = digest
			large = large || id >= maxDigestID
		}
		if len(digests) != count {
			return refuse(CheckFormat, "digestIDs of %.64q are not distinct", name)
		}
		if large {
			n.warn(CheckFormat, "digestIDs of %.64q are not all below 2^31", name)
		}
		m.ValueDigests[string(name)] = digests
		return nil
	})
}

// parseDeviceKeyInfo reads the holder's key and what it may sign. keyInfo is
// ignored, as the text says.
func (m *MobileSecurityObject) parseDeviceKeyInfo(b []byte, n *notes) error {
	var authorizations []byte
	err := eachMember(CheckFormat, "DeviceKeyInfo", b, func(name, value []byte) error {
		switch string(name) {
		case "deviceKey":
			m.DeviceKeyRaw = value
		case "keyAuthorizations":
			authorizations = value
		case "keyInfo":
		default:
			n.unknown("DeviceKeyInfo", name)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if m.DeviceKeyRaw == nil {
		return refuse(CheckFormat, "no deviceKey")
	}
	if m.DeviceKey, err = cose.ParseKey(m.DeviceKeyRaw); err != nil {
		return within(refuseCause(CheckFormat, err), "deviceKey")
	}
	if authorizations != nil {
		return within(m.KeyAuthorizations.parse(authorizations, n), "keyAuthorizations")
	}
	return nil
}

// majorVersion splits "major.minor", both decimal numbers.
func majorVersion(version string) (major string, ok bool) {
	major, minor, ok := strings.Cut(version, ".")
	return major, ok && decimal(major) && decimal(minor)
}

func decimal(s string) bool {
	if s == "" || len(s) > 4 || len(s) > 1 && s[0] == '0' {
		return false
	}
	return strings.Trim(s, "0123456789") == ""
}
