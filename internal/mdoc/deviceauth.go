package mdoc

import (
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"vidimus/internal/cbor"
	"vidimus/internal/cose"
)

// DeviceAuthOptions is what proves that the holder answered this question.
type DeviceAuthOptions struct {
	// Transcript is that of the flow that the verifier started. Without one the
	// device authentication is not done.
	Transcript SessionTranscript

	// ReaderKey is the private key whose public part the holder used for a
	// deviceMac: EReaderKey in proximity, the response encryption key with
	// OpenID4VP. A deviceMac cannot be checked without it, and then fails.
	ReaderKey *ecdh.PrivateKey
}

// DeviceAuthenticationBytes returns 24(<<["DeviceAuthentication",
// SessionTranscript, docType, DeviceNameSpacesBytes]>>) (ISO/IEC 18013-5,
// 9.1.3.4): the detached payload of deviceSignature and deviceMac.
// nameSpacesBytes is the tag-24 item, as received where it was received.
func DeviceAuthenticationBytes(transcript SessionTranscript, docType string, nameSpacesBytes []byte) []byte {
	const context = "DeviceAuthentication"
	b := make([]byte, 0, len(context)+len(transcript)+len(docType)+len(nameSpacesBytes)+16)
	b = cbor.AppendArray(b, 4)
	b = cbor.AppendText(b, context)
	b = append(b, transcript...)
	b = cbor.AppendText(b, docType)
	b = append(b, nameSpacesBytes...)
	return cbor.WrapEncoded(b)
}

// EMacKey derives the key of a deviceMac (ISO/IEC 18013-5, 9.1.3.5) from one
// private and the other public key: reader's and device's, or the reverse.
func EMacKey(private *ecdh.PrivateKey, public *ecdh.PublicKey, transcript SessionTranscript) ([]byte, error) {
	if private == nil || public == nil || private.Curve() != public.Curve() {
		return nil, errors.New("keys of different curves agree on nothing")
	}
	z, err := private.ECDH(public) // refuses an all-zero X25519 result
	if err != nil {
		return nil, fmt.Errorf("agreeing on the MAC key: %w", err)
	}
	salt := transcript.Hash()
	key, err := hkdf.Key(sha256.New, z, salt[:], "EMacKey", 32)
	if err != nil {
		return nil, fmt.Errorf("deriving the MAC key: %w", err)
	}
	return key, nil
}

// VerifyDeviceAuth verifies the mdoc authentication (ISO/IEC 18013-5, 9.1.3):
// da.keyauth, and da.sig or da.mac, whichever the holder used. The key is that
// of the MSO and no other.
//
// It is worth something only when the issuer's signature over the same MSO was
// verified as well.
func (d *Document) VerifyDeviceAuth(opt DeviceAuthOptions) []Finding {
	return []Finding{d.verifyKeyAuthorizations(), d.verifyDeviceProof(opt)}
}

// verifyKeyAuthorizations fails for any device-signed element that the issuer
// has not allowed the device key to sign.
func (d *Document) verifyKeyAuthorizations() Finding {
	o := newOutcome(CheckKeyAuthorization)
	authorizations := d.IssuerSigned.MSO.KeyAuthorizations
	for _, ns := range d.DeviceSigned.NameSpaces {
		if slices.Contains(authorizations.NameSpaces, ns.Name) {
			continue
		}
		single := map[string]struct{}{}
		for _, identifier := range authorizations.DataElements[ns.Name] {
			single[identifier] = struct{}{}
		}
		for _, e := range ns.Elements {
			if _, ok := single[e.Identifier]; !ok {
				o.fail("the device may not sign %.64q in %.64q", e.Identifier, ns.Name)
			}
		}
	}
	return o.finding()
}

func (d *Document) verifyDeviceProof(opt DeviceAuthOptions) Finding {
	check := CheckDeviceSignature
	if d.DeviceSigned.MAC != nil {
		check = CheckDeviceMAC
	}
	o := newOutcome(check)
	if len(opt.Transcript) == 0 {
		o.add(NotDone, "no session transcript given")
		return o.finding()
	}
	if _, err := ParseSessionTranscript(opt.Transcript); err != nil {
		o.fail("%v", err)
		return o.finding()
	}
	for _, note := range d.Notes {
		if note.Check == check {
			o.warn("%s", note.Detail)
		}
	}
	payload := DeviceAuthenticationBytes(opt.Transcript, d.DocType, d.DeviceSigned.NameSpacesBytes)
	var err error
	if d.DeviceSigned.MAC != nil {
		err = d.verifyMAC(opt, payload)
	} else {
		err = d.DeviceSigned.Signature.VerifyDetached(d.IssuerSigned.MSO.DeviceKey.Public, payload)
	}
	if err != nil {
		o.fail("%s", signatureFinding(check, err).Detail)
	}
	return o.finding()
}

func (d *Document) verifyMAC(opt DeviceAuthOptions, payload []byte) error {
	if opt.ReaderKey == nil {
		return errors.New("a MAC cannot be checked without the reader's private key")
	}
	public, err := d.IssuerSigned.MSO.DeviceKey.ECDH()
	if err != nil {
		return err
	}
	if public.Curve() != opt.ReaderKey.Curve() {
		return fmt.Errorf("%w: device key and reader key are on different curves", cose.ErrKey)
	}
	key, err := EMacKey(opt.ReaderKey, public, opt.Transcript)
	if err != nil {
		return err
	}
	return d.DeviceSigned.MAC.VerifyDetached(key, payload)
}
