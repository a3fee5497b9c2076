//go:build pkcs11

package pkcs11

import (
	"context"
	"fmt"

	"github.com/miekg/pkcs11"
)

// index is what a token has by label and ID, read once in a connection: modules go
// through all of a token for every search, and an office opens a hundred keys at its
// start. What is not in it is searched for.
type index map[uint][]entry // by class

type entry struct {
	handle    pkcs11.ObjectHandle
	label, id string
}

// find gives the objects of a class; an empty label or id does not count.
func (x index) find(class uint, label, id string) (out []pkcs11.ObjectHandle) {
	for _, e := range x[class] {
		if (label == "" || e.label == label) && (id == "" || e.id == id) {
			out = append(out, e.handle)
		}
	}
	return out
}

// readIndex reads it; inside of a call. It is empty for a token that has more than
// maxIndexed objects of a class, or some that do not tell their names.
func readIndex(p *pkcs11.Ctx, s pkcs11.SessionHandle) (index, error) {
	x := index{}
	for _, class := range []uint{pkcs11.CKO_PRIVATE_KEY, pkcs11.CKO_PUBLIC_KEY} {
		if err := p.FindObjectsInit(s, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, class)}); err != nil {
			return nil, err
		}
		var found []pkcs11.ObjectHandle
		var err error
		for more := true; more && err == nil && len(found) <= maxIndexed; {
			var some []pkcs11.ObjectHandle
			some, _, err = p.FindObjects(s, 128)
			found, more = append(found, some...), len(some) > 0
		}
		if ferr := p.FindObjectsFinal(s); err == nil {
			err = ferr
		}
		if err != nil {
			return nil, err
		}
		if len(found) > maxIndexed {
			return index{}, nil
		}
		for _, handle := range found {
			read, err := p.GetAttributeValue(s, handle, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_LABEL, nil), pkcs11.NewAttribute(pkcs11.CKA_ID, nil)})
			if err != nil {
				return index{}, nil
			}
			x[class] = append(x[class], entry{handle, string(read[0].Value), string(read[1].Value)})
		}
	}
	return x, nil
}

// index gives that of the connection, and reads it when nobody has.
func (c *connection) index(ctx context.Context) (index, error) {
	select {
	case c.reads <- struct{}{}:
		defer func() { <-c.reads }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if c.known != nil {
		return c.known, nil
	}
	var x index
	err := c.with(ctx, func(p *pkcs11.Ctx, s pkcs11.SessionHandle) (err error) {
		x, err = readIndex(p, s)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading what the token has: %w", err)
	}
	c.known = x
	return x, nil
}
