package mdoc

import (
	"crypto"
	"crypto/ecdh"
	"fmt"
	"io"

	"vidimus/internal/cbor"
	"vidimus/internal/cose"
)

// SignDevice makes a DeviceSigned with deviceSignature (ISO/IEC 18013-5,
// 9.1.3.6). signer holds the device key of the MSO; elements are device-signed
// ones, usually none.
//
// A device key is used for signatures or for MACs during its life, never both.
func SignDevice(signer crypto.Signer, transcript SessionTranscript, docType string, elements []NamespaceElements, rand io.Reader) ([]byte, error) {
	nameSpaces, err := encodeDeviceNameSpaces(elements)
	if err != nil {
		return nil, err
	}
	payload := DeviceAuthenticationBytes(transcript, docType, nameSpaces)
	sign1, err := cose.SignSign1(signer, payload, cose.SignOptions{Detached: true}, rand)
	if err != nil {
		return nil, fmt.Errorf("signing for the device: %w", err)
	}
	return encodeDeviceSigned(nameSpaces, "deviceSignature", sign1), nil
}

// MACDevice makes a DeviceSigned with deviceMac (ISO/IEC 18013-5, 9.1.3.5).
// private is the device key of the MSO, reader the public key of the reader on
// the same curve.
func MACDevice(private *ecdh.PrivateKey, reader *ecdh.PublicKey, transcript SessionTranscript, docType string, elements []NamespaceElements) ([]byte, error) {
	nameSpaces, err := encodeDeviceNameSpaces(elements)
	if err != nil {
		return nil, err
	}
	key, err := EMacKey(private, reader, transcript)
	if err != nil {
		return nil, err
	}
	mac0, err := cose.Mac0Detached(key, DeviceAuthenticationBytes(transcript, docType, nameSpaces))
	if err != nil {
		return nil, fmt.Errorf("authenticating for the device: %w", err)
	}
	return encodeDeviceSigned(nameSpaces, "deviceMac", mac0), nil
}

// encodeDeviceNameSpaces returns DeviceNameSpacesBytes; 24(<<{}>>) for none.
func encodeDeviceNameSpaces(elements []NamespaceElements) (cbor.RawMessage, error) {
	m := map[string]map[string]any{}
	for _, ns := range elements {
		if _, ok := m[ns.NameSpace]; ok || len(ns.Elements) == 0 {
			return nil, ruleBroken("device-signed namespace %.64q occurs twice or is empty", ns.NameSpace)
		}
		m[ns.NameSpace] = map[string]any{}
		for _, e := range ns.Elements {
			if _, ok := m[ns.NameSpace][e.Identifier]; ok {
				return nil, ruleBroken("device-signed element %.64q occurs twice", e.Identifier)
			}
			m[ns.NameSpace][e.Identifier] = e.Value
		}
	}
	content, err := cbor.Marshal(m)
	if err != nil {
		return nil, err
	}
	return cbor.WrapEncoded(content), nil
}

// encodeDeviceSigned encodes the map; deviceAuth sorts before nameSpaces.
func encodeDeviceSigned(nameSpaces []byte, member string, proof []byte) []byte {
	b := cbor.AppendText(cbor.AppendMap(nil, 2), "deviceAuth")
	b = cbor.AppendText(cbor.AppendMap(b, 1), member)
	b = append(b, proof...)
	return append(cbor.AppendText(b, "nameSpaces"), nameSpaces...)
}
