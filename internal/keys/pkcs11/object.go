//go:build pkcs11

package pkcs11

import (
	"bytes"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"io/fs"

	"github.com/miekg/pkcs11"
)

// object is a key pair as it lies in the token.
type object struct {
	private pkcs11.ObjectHandle
	pub     *ecdsa.PublicKey
}

// required is what a private key must be (K03), and how to make it so.
var required = []struct {
	attribute uint
	name      string
	want      bool
	must      bool // a token that does not know the attribute is refused
	remedy    string
}{
	{pkcs11.CKA_EXTRACTABLE, "CKA_EXTRACTABLE", false, true, "the token would give the key away; make a new key in the token, for this one may be elsewhere already"},
	{pkcs11.CKA_SENSITIVE, "CKA_SENSITIVE", true, true, "the token would show the key; make a new key in the token, for this one may be elsewhere already"},
	{pkcs11.CKA_PRIVATE, "CKA_PRIVATE", true, true, "the key can be used without the PIN; make a new key in the token"},
	{pkcs11.CKA_SIGN, "CKA_SIGN", true, true, "the key is not for signing; name the one that is"},
	{pkcs11.CKA_TOKEN, "CKA_TOKEN", true, true, "the key ends with the session; make one that the token keeps"},
	{pkcs11.CKA_DECRYPT, "CKA_DECRYPT", false, false, "a key that signs may do nothing else; make a new key with `signer key create`"},
	{pkcs11.CKA_UNWRAP, "CKA_UNWRAP", false, false, "a key that signs may do nothing else; make a new key with `signer key create`"},
	{pkcs11.CKA_DERIVE, "CKA_DERIVE", false, false, "a key that signs may do nothing else; make a new key with `signer key create`"},
	{pkcs11.CKA_ALWAYS_AUTHENTICATE, "CKA_ALWAYS_AUTHENTICATE", false, false, "the key wants the PIN for every signature; make a new key with `signer key create`"},
}

// search gives at most maxObjects objects of a class; empty label or id do not count.
func search(p *pkcs11.Ctx, s pkcs11.SessionHandle, class uint, label, id string) ([]pkcs11.ObjectHandle, error) {
	template := []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, class)}
	if label != "" {
		template = append(template, pkcs11.NewAttribute(pkcs11.CKA_LABEL, label))
	}
	if id != "" {
		template = append(template, pkcs11.NewAttribute(pkcs11.CKA_ID, id))
	}
	if err := p.FindObjectsInit(s, template); err != nil {
		return nil, err
	}
	found, _, err := p.FindObjects(s, maxObjects)
	if ferr := p.FindObjectsFinal(s); err == nil {
		err = ferr
	}
	return found, err
}

// attribute reads one; ok is false when the token does not know it.
func attribute(p *pkcs11.Ctx, s pkcs11.SessionHandle, o pkcs11.ObjectHandle, kind uint) (value []byte, ok bool, err error) {
	got, err := p.GetAttributeValue(s, o, []*pkcs11.Attribute{pkcs11.NewAttribute(kind, nil)})
	if errors.Is(err, pkcs11.Error(pkcs11.CKR_ATTRIBUTE_TYPE_INVALID)) || errors.Is(err, pkcs11.Error(pkcs11.CKR_ATTRIBUTE_SENSITIVE)) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	return got[0].Value, true, nil
}

// load finds the pair of a label and checks it; inside of a call. Errors match
// fs.ErrNotExist and ErrKey, or are the token's.
func load(p *pkcs11.Ctx, s pkcs11.SessionHandle, known index, label, id string) (object, error) {
	found, err := known.find(pkcs11.CKO_PRIVATE_KEY, label, id), error(nil)
	if len(found) == 0 {
		found, err = search(p, s, pkcs11.CKO_PRIVATE_KEY, label, id)
	}
	switch {
	case err != nil:
		return object{}, fmt.Errorf("looking for the key: %w", err)
	case len(found) == 0:
		return object{}, fmt.Errorf("opening key %q: %w in the token", label, fs.ErrNotExist)
	case len(found) > 1:
		return object{}, fmt.Errorf("%w: several are labelled %q: remove all but one, or name one by its id", ErrKey, label)
	}
	private := found[0]
	if err := suitable(p, s, private, label); err != nil {
		return object{}, err
	}
	read, err := p.GetAttributeValue(s, private, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, nil), pkcs11.NewAttribute(pkcs11.CKA_ID, nil),
	})
	if err != nil {
		return object{}, fmt.Errorf("reading the key's attributes: %w", err)
	}
	if !bytes.Equal(read[0].Value, pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_EC).Value) {
		return object{}, fmt.Errorf("%w: %q: CKA_KEY_TYPE is not CKK_EC", ErrKey, label)
	}
	params, ok, err := attribute(p, s, private, pkcs11.CKA_EC_PARAMS)
	if err != nil {
		return object{}, fmt.Errorf("reading the key's curve: %w", err)
	}
	pub, err := publicHalf(p, s, known, label, string(read[1].Value), params, ok)
	if err != nil {
		return object{}, err
	}
	return object{private: private, pub: pub}, nil
}

// suitable compares a private key with required.
func suitable(p *pkcs11.Ctx, s pkcs11.SessionHandle, private pkcs11.ObjectHandle, label string) error {
	template := make([]*pkcs11.Attribute, len(required))
	for i, r := range required {
		template[i] = pkcs11.NewAttribute(r.attribute, nil)
	}
	all, err := p.GetAttributeValue(s, private, template)
	for i, r := range required {
		var value []byte
		known := true
		if err == nil {
			value = all[i].Value
		} else { // one that the token does not know spoils the others
			var aerr error
			if value, known, aerr = attribute(p, s, private, r.attribute); aerr != nil {
				return fmt.Errorf("reading the key's attributes: %w", aerr)
			}
		}
		switch {
		case !known && r.must, known && len(value) != 1:
			return fmt.Errorf("%w: %q: the token does not tell %s", ErrKey, label, r.name)
		case known && (value[0] != 0) != r.want:
			return fmt.Errorf("%w: %q: %s is %t: %s", ErrKey, label, r.name, !r.want, r.remedy)
		}
	}
	return nil
}

// publicHalf reads the public key that belongs to a private key by its ID, or
// where that is empty by its label, on the same curve. That it is the same pair is
// proved by a signature.
func publicHalf(p *pkcs11.Ctx, s pkcs11.SessionHandle, known index, label, id string, params []byte, hasParams bool) (*ecdsa.PublicKey, error) {
	by := label
	if id != "" {
		by = ""
	}
	found, err := known.find(pkcs11.CKO_PUBLIC_KEY, by, id), error(nil)
	if len(found) == 0 {
		found, err = search(p, s, pkcs11.CKO_PUBLIC_KEY, by, id)
	}
	if err != nil {
		return nil, fmt.Errorf("looking for the public half: %w", err)
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("%w: %q: %d public halves have its CKA_ID, expected one: write the right one to the token, remove others", ErrKey, label, len(found))
	}
	read, err := p.GetAttributeValue(s, found[0], []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, nil), pkcs11.NewAttribute(pkcs11.CKA_EC_POINT, nil),
	})
	if err != nil {
		return nil, fmt.Errorf("reading the public half: %w", err)
	}
	if hasParams && !bytes.Equal(params, read[0].Value) {
		return nil, fmt.Errorf("%w: %q: its halves are on different curves", ErrKey, label)
	}
	curve, err := curveOf(read[0].Value)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", label, err)
	}
	return publicKey(curve, read[1].Value)
}
