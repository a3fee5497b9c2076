package signer

import (
	"context"
	"crypto"
	"crypto/elliptic"
	"fmt"
	"io/fs"

	"vidimus/internal/keys"
)

// Keys gives the keys of the service by "signer:key=NAME", for whoever stands in this
// process and is called name in the record. They sign messages and no digests (Far).
// Close lets the service be.
func (s *Service) Keys(name string) keys.Manager { return manager{s, Caller{Name: name}} }

type manager struct {
	s      *Service
	caller Caller
}

// KeyName reads "signer:key=NAME". Errors match keys.ErrURI.
func KeyName(uri string) (string, error) {
	u, err := keys.ParseURI(uri)
	if err != nil {
		return "", err
	}
	if u.Scheme != keys.SchemeSigner {
		return "", fmt.Errorf("%w: scheme %q, keys of a signer are %s:key=NAME", keys.ErrURI, u.Scheme, keys.SchemeSigner)
	}
	if name := u.Attributes["key"]; len(u.Attributes) == 1 && validName(name) {
		return name, nil
	}
	return "", fmt.Errorf("%w: expected %s:key=NAME with 1 to 64 of a to z, 0 to 9, . _ and -", keys.ErrURI, keys.SchemeSigner)
}

// URI is the address of a key of a signer.
func URI(name string) string { return keys.SchemeSigner + ":key=" + name }

// Signer opens a key; fs.ErrNotExist when there is none of the name.
func (m manager) Signer(ctx context.Context, uri string) (crypto.Signer, error) {
	name, err := KeyName(uri)
	if err != nil {
		return nil, err
	}
	h := m.s.keys[name]
	if h == nil {
		return nil, fmt.Errorf("%s: the signer has no such key: %w", uri, fs.ErrNotExist)
	}
	return &Far{Key: h.pub, Name: uri, Do: func(ctx context.Context, messages [][]byte) ([][]byte, error) {
		return m.s.Sign(ctx, m.caller, Request{Key: name, Messages: messages})
	}}, nil
}

// Create refuses: keys are made in ceremonies, and come into a signer by its
// configuration.
func (m manager) Create(context.Context, string, elliptic.Curve) (crypto.Signer, error) {
	return nil, fmt.Errorf("%w: a signer makes no keys: make one with signer key, and name it in the signer's configuration", keys.ErrURI)
}

// Close does nothing: the service goes on.
func (m manager) Close() error { return nil }
