package pkcs11

import (
	"fmt"
	"path/filepath"
	"strings"

	"vidimus/internal/keys"
)

// address is where a key is: the attributes of RFC 7512 that we serve.
type address struct {
	module    string // absolute path of the shared object
	token     string // label
	object    string // label of the key
	id        string // CKA_ID, or empty
	pinSource string // absolute path of the PIN's file
}

// parseAddress reads a URI; attributes that it does not know are refused, for
// they could narrow what is meant. Errors match keys.ErrURI.
func parseAddress(uri string) (address, error) {
	u, err := keys.ParseURI(uri)
	if err != nil {
		return address{}, err
	}
	if u.Scheme != keys.SchemePKCS11 {
		return address{}, fmt.Errorf("%w: scheme %q, expected %s", keys.ErrURI, u.Scheme, keys.SchemePKCS11)
	}
	var a address
	for name, value := range u.Attributes {
		switch name {
		case "token":
			a.token = value
		case "object":
			a.object = value
		case "id":
			a.id = value
		case "module-path":
			a.module = value
		case "pin-source":
			a.pinSource = strings.TrimPrefix(value, "file:")
		default:
			return address{}, fmt.Errorf("%w: unknown attribute %q, expected token, object, id, module-path and pin-source", keys.ErrURI, name)
		}
	}
	for name, value := range map[string]string{"token": a.token, "object": a.object} {
		if value == "" {
			return address{}, fmt.Errorf("%w: no %s, a label is needed", keys.ErrURI, name)
		}
	}
	for name, value := range map[string]string{"module-path": a.module, "pin-source": a.pinSource} {
		if !filepath.IsAbs(value) || filepath.Clean(value) != value {
			return address{}, fmt.Errorf("%w: %s must name a file by its absolute path", keys.ErrURI, name)
		}
	}
	// CK_TOKEN_INFO has 32 bytes for a label (PKCS #11 v2.40, 3.2).
	if len(a.token) > 32 {
		return address{}, fmt.Errorf("%w: the token's label is longer than 32 bytes", keys.ErrURI)
	}
	return a, nil
}
