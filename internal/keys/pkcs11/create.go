//go:build pkcs11

package pkcs11

import (
	"context"
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"

	"github.com/miekg/pkcs11"
)

// Create makes a key pair in the token, for signing alone and never to leave it.
// When two programs do so at once under one label, each may find the other's and
// take its own back. When the token does not answer in time, the key may come to be
// nevertheless; then it is there at the next try.
func (m *manager) Create(ctx context.Context, uri string, curve elliptic.Curve) (crypto.Signer, error) {
	a, err := parseAddress(uri)
	if err != nil {
		return nil, err
	}
	params, err := paramsOf(curve)
	if err != nil {
		return nil, err
	}
	t, err := m.token(ctx, a)
	if err != nil {
		return nil, err
	}
	c, err := t.connected(ctx)
	if err != nil {
		return nil, err
	}
	s, err := c.open(ctx, pkcs11.CKF_RW_SESSION)
	if ctx.Err() != nil { // the caller's doing, not the token's
		if err == nil {
			c.giveBack(s)
		}
		return nil, unavailable(ctx.Err())
	}
	if err != nil {
		t.failed(c, faultOf(err), err)
		return nil, unavailable(err)
	}
	t.creating.Lock()
	defer t.creating.Unlock()
	err = c.m.callWithin(ctx, createTime, c.epoch, func(p *pkcs11.Ctx) error {
		defer p.CloseSession(s)
		return generate(p, s, a, params)
	}, nil)
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrExist):
		return nil, err
	case ctx.Err() != nil:
		return nil, unavailable(ctx.Err())
	default:
		t.failed(c, faultOf(err), err)
		return nil, unavailable(err)
	}
	return t.key(ctx, a)
}

// generate makes the pair when its label is free; inside of a call.
func generate(p *pkcs11.Ctx, s pkcs11.SessionHandle, a address, params []byte) error {
	for _, class := range []uint{pkcs11.CKO_PRIVATE_KEY, pkcs11.CKO_PUBLIC_KEY} {
		found, err := search(p, s, class, a.object, "")
		if err != nil {
			return fmt.Errorf("looking for a key of the same label: %w", err)
		}
		if len(found) > 0 {
			return fmt.Errorf("creating key %q: %w in the token", a.object, fs.ErrExist)
		}
	}
	id := []byte(a.id)
	if len(id) == 0 {
		id = make([]byte, 16)
		rand.Read(id)
	}
	common := []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, a.object), pkcs11.NewAttribute(pkcs11.CKA_ID, id),
		pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_EC), pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
	}
	public := append([]*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PUBLIC_KEY), pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, params),
		pkcs11.NewAttribute(pkcs11.CKA_VERIFY, true),
	}, common...)
	private := append([]*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY),
		pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true), pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true),
		pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false), pkcs11.NewAttribute(pkcs11.CKA_SIGN, true),
		pkcs11.NewAttribute(pkcs11.CKA_DECRYPT, false), pkcs11.NewAttribute(pkcs11.CKA_UNWRAP, false),
		pkcs11.NewAttribute(pkcs11.CKA_DERIVE, false),
	}, common...)
	mechanism := []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_EC_KEY_PAIR_GEN, nil)}
	pub, priv, err := p.GenerateKeyPair(s, mechanism, public, private)
	if err != nil {
		return fmt.Errorf("generating a key: %w", err)
	}
	found, err := search(p, s, pkcs11.CKO_PRIVATE_KEY, a.object, "")
	if err == nil && len(found) == 1 {
		return nil
	}
	p.DestroyObject(s, priv)
	p.DestroyObject(s, pub)
	if err != nil {
		return fmt.Errorf("looking for the new key: %w", err)
	}
	return fmt.Errorf("creating key %q: another program made one at the same time: %w in the token", a.object, fs.ErrExist)
}
