package keys

import (
	"fmt"
	"net/url"
	"strings"
)

// URI is the address of a key: a scheme and attributes, in the manner of
// RFC 7512, for example
//
//	soft:path=/var/lib/vidimus/keys/ds.key
//	pkcs11:token=state;object=ds-2026;pin-source=/run/secrets/pin
type URI struct {
	Scheme     string
	Attributes map[string]string
}

// Schemes. SchemePKCS11 is read, and served by the signer build only;
// SchemeSigner names a key of the signer process, as in signer:key=mdl; SchemeShares
// a key that custodians have together, as in shares:folder=root, for ceremonies.
const (
	SchemeSoft   = "soft"
	SchemePKCS11 = "pkcs11"
	SchemeSigner = "signer"
	SchemeShares = "shares"
)

// maxURI bounds an address; paths are at most 4096 on Linux.
const maxURI = 8 << 10

// ParseURI reads an address. Attribute values are percent-decoded; an attribute
// may be there once. A secret in the address is refused. Errors match ErrURI
// and do not repeat values.
func ParseURI(s string) (URI, error) {
	if len(s) > maxURI {
		return URI{}, fmt.Errorf("%w: longer than %d bytes", ErrURI, maxURI)
	}
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || scheme == "" {
		return URI{}, fmt.Errorf("%w: no scheme, expected %s:path=FILE", ErrURI, SchemeSoft)
	}
	u := URI{Scheme: scheme, Attributes: map[string]string{}}
	switch scheme {
	case SchemeSoft, SchemePKCS11, SchemeSigner, SchemeShares:
	default:
		return URI{}, fmt.Errorf("%w: unknown scheme %q, expected %s, %s, %s or %s", ErrURI, scheme, SchemeSoft, SchemePKCS11, SchemeSigner, SchemeShares)
	}
	for _, part := range strings.FieldsFunc(rest, func(r rune) bool { return r == ';' || r == '?' || r == '&' }) {
		key, value, ok := strings.Cut(part, "=")
		if !ok || key == "" {
			return URI{}, fmt.Errorf("%w: attribute without a name or value", ErrURI)
		}
		if key == "pin-value" || key == "pin" {
			return URI{}, fmt.Errorf("%w: a PIN may not be in the URI, name a file with pin-source", ErrURI)
		}
		if _, twice := u.Attributes[key]; twice {
			return URI{}, fmt.Errorf("%w: attribute %q twice", ErrURI, key)
		}
		value, err := url.PathUnescape(value)
		if err != nil {
			return URI{}, fmt.Errorf("%w: attribute %q: bad percent encoding", ErrURI, key)
		}
		u.Attributes[key] = value
	}
	return u, nil
}
