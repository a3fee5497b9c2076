package mdoc

import (
	"vidimus/internal/cbor"
	"vidimus/internal/cose"
)

// DeviceSigned is what the holder's device adds (ISO/IEC 18013-5, 8.3.2.1.2.2):
// elements of its own, usually none, and the proof that it holds the device key.
type DeviceSigned struct {
	NameSpaces      []DeviceNameSpace // in the order received
	NameSpacesBytes []byte            // 24(<<nameSpaces>>) as received: what is signed
	Signature       *cose.Sign1       // exactly one of Signature and MAC is set
	MAC             *cose.Mac0
	Raw             []byte
}

// DeviceNameSpace is the device-signed elements of one namespace.
type DeviceNameSpace struct {
	Name     string
	Elements []DeviceElement
}

// DeviceElement is a device-signed value: the holder's word, never the issuer's.
type DeviceElement struct {
	Identifier string
	Value      cbor.RawMessage // as received
}

// parseDeviceSigned reads an item that has been checked.
func parseDeviceSigned(b []byte, n *notes) (*DeviceSigned, error) {
	d := &DeviceSigned{Raw: b}
	var auth []byte
	err := eachMember(CheckStrict, "DeviceSigned", b, func(name, value []byte) error {
		switch string(name) {
		case "nameSpaces":
			d.NameSpacesBytes = value
		case "deviceAuth":
			auth = value
		default:
			n.unknown("DeviceSigned", name)
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case d.NameSpacesBytes == nil:
		return nil, refuse(CheckStrict, "DeviceSigned without nameSpaces")
	case auth == nil:
		return nil, refuse(CheckDeviceSignature, "DeviceSigned without deviceAuth")
	}
	if err := d.parseNameSpaces(); err != nil {
		return nil, within(err, "nameSpaces")
	}
	if err := d.parseAuth(auth, n); err != nil {
		return nil, within(err, "deviceAuth")
	}
	return d, nil
}

// parseNameSpaces reads 24(<<{ * namespace => { + identifier => value } }>>).
func (d *DeviceSigned) parseNameSpaces() error {
	content, ok := embeddedOf(d.NameSpacesBytes)
	if !ok {
		return refuse(CheckStrict, "not embedded in tag 24")
	}
	return eachMember(CheckStrict, "DeviceNameSpaces", content, func(name, value []byte) error {
		if len(d.NameSpaces) == MaxNameSpaces {
			return refuseKind(ErrLimit, CheckStrict, "more than %d namespaces", MaxNameSpaces)
		}
		_, count, ok := members(value)
		switch {
		case !ok || count == 0:
			return refuse(CheckStrict, "namespace %.64q holds no elements", name)
		case count > MaxItems:
			return refuseKind(ErrLimit, CheckStrict, "namespace %.64q holds %d elements, at most %d", name, count, MaxItems)
		}
		ns := DeviceNameSpace{Name: string(name), Elements: make([]DeviceElement, 0, count)}
		err := eachMember(CheckStrict, "DeviceSignedItems", value, func(name, value []byte) error {
			ns.Elements = append(ns.Elements, DeviceElement{string(name), value})
			return nil
		})
		d.NameSpaces = append(d.NameSpaces, ns)
		return err
	})
}

// parseAuth reads the map with exactly one of deviceSignature and deviceMac.
func (d *DeviceSigned) parseAuth(b []byte, n *notes) error {
	var signature, mac []byte
	err := eachMember(CheckDeviceSignature, "DeviceAuth", b, func(name, value []byte) error {
		switch string(name) {
		case "deviceSignature":
			signature = value
		case "deviceMac":
			mac = value
		default:
			n.unknown("DeviceAuth", name)
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case signature != nil && mac != nil:
		return refuse(CheckDeviceSignature, "both deviceSignature and deviceMac")
	case signature != nil:
		if d.Signature, err = cose.ParseSign1(signature); err != nil {
			return refuseCause(CheckDeviceSignature, err)
		}
		if d.Signature.Tagged {
			n.warn(CheckDeviceSignature, "COSE_Sign1 carries tag 18")
		}
	case mac != nil:
		if d.MAC, err = cose.ParseMac0(mac); err != nil {
			return refuseCause(CheckDeviceMAC, err)
		}
		if d.MAC.Tagged {
			n.warn(CheckDeviceMAC, "COSE_Mac0 carries tag 17")
		}
	default:
		return refuse(CheckDeviceSignature, "neither deviceSignature nor deviceMac")
	}
	return nil
}
