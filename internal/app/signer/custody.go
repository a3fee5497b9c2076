package signer

import (
	"context"
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"vidimus/internal/keys"
	"vidimus/internal/keys/pkcs11"
	"vidimus/internal/keys/shares"
	"vidimus/internal/keys/soft"
)

// Custody opens the keys of people, for a command that ends: files, tokens, and keys
// in shares.
type Custody struct {
	// Identities are files of age identities, one for each custodian who is here;
	// Shares are folders with their shares, beside the one that the URI names.
	Identities, Shares []string

	tokens keys.Manager // of pkcs11:, once it was asked for
}

// Close lets go of the tokens.
func (c *Custody) Close() error {
	if c.tokens == nil {
		return nil
	}
	return c.tokens.Close()
}

// Open opens a key; relative paths are below dir. Closing it clears one in shares;
// tokens stay open until Close, since a module serves a process once.
func (c *Custody) Open(ctx context.Context, uri, dir string) (crypto.Signer, io.Closer, error) {
	u, err := keys.ParseURI(uri)
	if err != nil {
		return nil, nil, err
	}
	if u.Scheme == keys.SchemeShares {
		folder, err := sharesFolder(u, dir)
		if err != nil {
			return nil, nil, err
		}
		var identities []shares.Identity
		for _, path := range c.Identities {
			id, err := shares.ReadIdentity(path)
			if err != nil {
				return nil, nil, err
			}
			identities = append(identities, id)
		}
		key, err := shares.Open(folder, c.Shares, identities)
		if err != nil {
			return nil, nil, err
		}
		return key, key, nil
	}
	m, err := c.manager(u, dir)
	if err != nil {
		return nil, nil, err
	}
	key, err := m.Signer(ctx, uri)
	if err != nil {
		return nil, nil, err
	}
	return key, io.NopCloser(nil), nil
}

// manager is the one for the scheme of a URI.
func (c *Custody) manager(u keys.URI, dir string) (keys.Manager, error) {
	switch u.Scheme {
	case keys.SchemeSoft:
		dir, err := filepath.Abs(dir)
		if err != nil {
			return nil, err
		}
		return soft.New(dir), nil
	case keys.SchemePKCS11:
		if c.tokens == nil {
			m, err := pkcs11.New(pkcs11.Options{})
			if err != nil {
				return nil, err
			}
			c.tokens = m
		}
		return c.tokens, nil
	}
	return nil, fmt.Errorf("%w: a key of the scheme %s is not opened here, only %s, %s and %s", keys.ErrURI, u.Scheme, keys.SchemeSoft, keys.SchemePKCS11, keys.SchemeShares)
}

func sharesFolder(u keys.URI, dir string) (string, error) {
	folder := u.Attributes["folder"]
	if folder == "" || len(u.Attributes) != 1 {
		return "", fmt.Errorf("%w: a key in shares has a folder and nothing else: shares:folder=DIR", keys.ErrURI)
	}
	if !filepath.IsAbs(folder) {
		folder = filepath.Join(dir, folder)
	}
	return folder, nil
}

// Curve reads the name of a curve that keys may be on.
func Curve(name string) (elliptic.Curve, error) {
	switch name {
	case "P-256":
		return elliptic.P256(), nil
	case "P-384":
		return elliptic.P384(), nil
	}
	return nil, fmt.Errorf("curve %q: P-256 and P-384 are there", name)
}

// PublicKey is the public half of a key, for people.
type PublicKey struct {
	PEM    []byte
	SHA256 [sha256.Size]byte // of the SubjectPublicKeyInfo
	Curve  string
}

func public(pub crypto.PublicKey) (PublicKey, error) {
	spki, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return PublicKey{}, fmt.Errorf("encoding a public key: %w", err)
	}
	out := PublicKey{PEM: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}), SHA256: sha256.Sum256(spki)}
	if k, ok := pub.(interface{ Params() *elliptic.CurveParams }); ok {
		out.Curve = k.Params().Name
	}
	return out, nil
}

// CreateKey makes a key in a file or a token.
func CreateKey(ctx context.Context, uri, curve string) (PublicKey, error) {
	u, err := keys.ParseURI(uri)
	if err != nil {
		return PublicKey{}, err
	}
	if u.Scheme == keys.SchemeShares {
		return PublicKey{}, fmt.Errorf("%w: a key in shares is made with `signer key split`", keys.ErrURI)
	}
	on, err := Curve(curve)
	if err != nil {
		return PublicKey{}, err
	}
	var c Custody
	defer c.Close()
	m, err := c.manager(u, ".")
	if err != nil {
		return PublicKey{}, err
	}
	key, err := m.Create(ctx, uri, on)
	if err != nil {
		return PublicKey{}, err
	}
	return public(key.Public())
}

// ShowKey gives the public half of a key. Of a key in shares it is read from its
// folder; with identities the key is opened, which shows that the shares are good.
func ShowKey(ctx context.Context, uri string, c *Custody) (PublicKey, error) {
	u, err := keys.ParseURI(uri)
	if err != nil {
		return PublicKey{}, err
	}
	if u.Scheme == keys.SchemeShares && len(c.Identities) == 0 {
		folder, err := sharesFolder(u, ".")
		if err != nil {
			return PublicKey{}, err
		}
		pub, _, err := shares.ReadPublic(folder)
		if err != nil {
			return PublicKey{}, err
		}
		return public(pub)
	}
	key, closer, err := c.Open(ctx, uri, ".")
	if err != nil {
		return PublicKey{}, err
	}
	defer closer.Close()
	return public(key.Public())
}

// SplitKey makes a key in shares: nobody has it, threshold of the recipients
// together do. dirs is one folder, or one for each share.
func SplitKey(dirs []string, curve string, threshold int, recipients []string) (PublicKey, *shares.Set, error) {
	on, err := Curve(curve)
	if err != nil {
		return PublicKey{}, nil, err
	}
	var to []shares.Recipient
	for _, text := range recipients {
		r, err := shares.ParseRecipient(text)
		if err != nil {
			return PublicKey{}, nil, err
		}
		to = append(to, r)
	}
	pub, set, err := shares.Split(dirs, on, threshold, to, rand.Reader)
	if err != nil {
		return PublicKey{}, nil, err
	}
	out, err := public(pub)
	return out, set, err
}

// NewIdentity makes the identity of a custodian in a file that was not there, as
// age-keygen does, and gives its recipient.
func NewIdentity(path string, postQuantum bool) (string, error) {
	secret, recipient, err := shares.NewIdentity(postQuantum)
	if err != nil {
		return "", err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", fmt.Errorf("writing an identity: %w", err)
	}
	_, err = f.WriteString("# public key: " + recipient.String() + "\n" + strings.TrimSpace(secret) + "\n")
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(path) // ours, and half written
		return "", fmt.Errorf("writing an identity: %w", err)
	}
	return recipient.String(), nil
}
