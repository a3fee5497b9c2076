package sdjwt

import (
	"encoding/json"
	"strings"

	"vidimus/internal/jose"
)

// unprotected is the header outside the signature. kid is a hint of no use
// here, known only because examples of RFC 9901 carry it.
type unprotected struct {
	Disclosures []string `json:"disclosures"`
	KBJWT       string   `json:"kb_jwt"`
	KeyID       string   `json:"kid"`
}

// ParseJSON reads the flattened or the general JSON serialization (RFC 9901,
// section 8; RFC 7515, section 7.2). OpenID4VP presentations never use it.
//
// A general serialization with two signatures is refused: which of them counts
// is what attackers play with (CVE-2016-9122).
func ParseJSON(data []byte) (*SDJWT, error) {
	if len(data) > 2*maxSize {
		return nil, refuse(CheckParse, "%w: %d bytes of JSON, at most %d", ErrLimit, len(data), 2*maxSize)
	}
	members, err := jose.Members(data)
	if err != nil {
		return nil, refuse(CheckParse, "JSON serialization: %w", err)
	}
	payload, err := textMember(members, "payload")
	if err != nil {
		return nil, err
	}
	signature := members
	if raw, general := members["signatures"]; general {
		if err := onlyMembers(members, "payload", "signatures"); err != nil {
			return nil, err
		}
		var signatures []json.RawMessage
		if err := jose.DecodeJSON(raw, &signatures); err != nil {
			return nil, refuse(CheckParse, "signatures: %w", err)
		}
		if len(signatures) != 1 {
			return nil, refuse(CheckParse, "%d signatures, exactly one accepted", len(signatures))
		}
		if signature, err = jose.Members(signatures[0]); err != nil {
			return nil, refuse(CheckParse, "signature: %w", err)
		}
		err = onlyMembers(signature, "protected", "signature", "header")
	} else {
		err = onlyMembers(signature, "payload", "protected", "signature", "header")
	}
	if err != nil {
		return nil, err
	}
	compact, err := compactForm(payload, signature)
	if err != nil {
		return nil, err
	}
	return Parse(compact)
}

// compactForm is the temporary compact form over which sd_hash is computed
// (RFC 9901, section 8.1).
func compactForm(payload string, signature map[string]json.RawMessage) (string, error) {
	protected, err := textMember(signature, "protected")
	if err != nil {
		return "", err
	}
	sig, err := textMember(signature, "signature")
	if err != nil {
		return "", err
	}
	var header unprotected
	if raw, ok := signature["header"]; ok {
		members, err := jose.Members(raw)
		if err != nil {
			return "", refuse(CheckParse, "unprotected header: %w", err)
		}
		if err := onlyMembers(members, "disclosures", "kb_jwt", "kid"); err != nil {
			return "", err
		}
		if err := jose.DecodeJSON(raw, &header); err != nil {
			return "", refuse(CheckParse, "unprotected header: %w", err)
		}
		if _, ok := members["kb_jwt"]; ok && header.KBJWT == "" {
			return "", refuse(CheckParse, "kb_jwt is empty")
		}
	}
	parts := make([]string, 0, len(header.Disclosures)+2)
	parts = append(parts, protected+"."+payload+"."+sig)
	parts = append(parts, header.Disclosures...)
	parts = append(parts, header.KBJWT)
	// A "~" inside a member would shift what is a disclosure and what is not.
	for _, part := range parts {
		if strings.Contains(part, "~") {
			return "", refuse(CheckParse, "\"~\" inside a member of the JSON serialization")
		}
	}
	return strings.Join(parts, "~"), nil
}

func textMember(members map[string]json.RawMessage, name string) (string, error) {
	raw, ok := members[name]
	if !ok {
		return "", refuse(CheckParse, "JSON serialization without %s", name)
	}
	var v any
	if err := jose.DecodeJSON(raw, &v); err != nil {
		return "", refuse(CheckParse, "%s: %w", name, err)
	}
	text, ok := v.(string)
	if !ok || strings.Contains(text, ".") {
		return "", refuse(CheckParse, "%s is not base64url text", name)
	}
	return text, nil
}

// onlyMembers refuses members that we do not understand: what stands outside
// the signature must not be able to mean anything.
func onlyMembers(members map[string]json.RawMessage, names ...string) error {
next:
	for got := range members {
		for _, name := range names {
			if got == name {
				continue next
			}
		}
		return refuse(CheckParse, "unknown unprotected member in the JSON serialization")
	}
	return nil
}
