package issuer

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func publicPEM(pub crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

// loadPublicKey reads a PEM public key or certificate. The key id is the file
// name without its ending.
func loadPublicKey(path string) (kid string, pub crypto.PublicKey, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", nil, err
	}
	block, rest := pem.Decode(data)
	if block == nil || strings.TrimSpace(string(rest)) != "" {
		return "", nil, fmt.Errorf("%s: one PEM block with a public key or a certificate is wanted", path)
	}
	switch block.Type {
	case "PUBLIC KEY":
		pub, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "CERTIFICATE":
		var c *x509.Certificate
		if c, err = x509.ParseCertificate(block.Bytes); err == nil {
			pub = c.PublicKey
		}
	default:
		err = errors.New("a " + block.Type + " is no public key")
	}
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", path, err)
	}
	return keyID(path), pub, nil
}

// keyID is the name of a key file without its ending.
func keyID(path string) string {
	base := filepath.Base(path)
	return strings.TrimSuffix(base, filepath.Ext(base))
}
