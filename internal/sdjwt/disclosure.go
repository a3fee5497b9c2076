package sdjwt

import (
	"encoding/json"

	"vidimus/internal/jose"
)

// number is a JSON number as received. encoding/json is used for this type
// alone; decoding goes through jose.
type number = json.Number

// Disclosure is one salted claim or array element.
type Disclosure struct {
	Encoded  string // as received; the digest covers this text
	Salt     string
	Property bool   // an object property, else an array element
	Name     string // of the property
	Value    any    // may hold digests of further disclosures
}

// parseDisclosure reads [salt, name, value] or [salt, value] (RFC 9901,
// section 4.2).
func parseDisclosure(encoded string) (Disclosure, error) {
	if encoded == "" {
		return Disclosure{}, refuse(CheckDisclosure, "empty disclosure")
	}
	text, err := jose.DecodeBase64URL(encoded)
	if err != nil {
		return Disclosure{}, refuse(CheckDisclosure, "decoding a disclosure: %w", err)
	}
	parts, n, err := decodeParts(text)
	if err != nil {
		return Disclosure{}, refuse(CheckDisclosure, "reading a disclosure: %w", err)
	}
	if n != 2 && n != 3 {
		return Disclosure{}, refuse(CheckDisclosure, "disclosure of %d parts, 2 or 3 expected", n)
	}
	if !parts[0].isText {
		return Disclosure{}, refuse(CheckDisclosure, "salt of a disclosure is not a string")
	}
	d := Disclosure{Encoded: encoded, Salt: parts[0].text, Value: parts[n-1].any()}
	if n == 3 {
		d.Property, d.Name = true, parts[1].text
		if !parts[1].isText {
			return Disclosure{}, refuse(CheckDisclosure, "claim name of a disclosure is not a string")
		}
		if reserved(d.Name) {
			return Disclosure{}, refuse(CheckDisclosure, "disclosure of a claim named %q", d.Name)
		}
	}
	return d, nil
}

// reserved reports the names that a claim must not have (RFC 9901, section
// 4.1), and _sd_alg, which only the issuer may say, and only once.
func reserved(name string) bool { return name == "_sd" || name == "..." || name == "_sd_alg" }

// weakSalt reports a salt that cannot hold 128 bits.
func (d *Disclosure) weakSalt() bool { return len(d.Salt) < minSalt }
