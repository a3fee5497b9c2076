package issuer

import (
	"context"
	"fmt"

	"vidimus/internal/emergency"
	"vidimus/internal/pki"
	"vidimus/internal/rotation"
)

// barred tells who of our signers may not sign, by what stands in the store and in the
// lists of our roots. Plans take it in: whoever wants to know asks a plan.
type barred struct {
	stopped map[string]string // the plan that stopped a key, by its id
	revoked map[string]crlNamed
}

// crlNamed is whom the lists of a root name.
type crlNamed struct {
	list    string
	serials map[string]bool
}

// barred reads which of our certificates the lists of our roots name, and joins them to
// what emergencies stopped.
func (c *Config) barred(stops []emergency.Stop, r roots, served *crlServed) (barred, error) {
	b := barred{stopped: map[string]string{}, revoked: map[string]crlNamed{}}
	for _, s := range stops {
		if s.Kind == emergency.OfKey {
			b.stopped[s.Value] = s.Plan
		}
	}
	for _, v := range c.revokers(r) {
		serials, err := served.named(v.shelf)
		if err != nil {
			return b, fmt.Errorf("who of our signers is revoked is not known: %w", err)
		}
		b.revoked[string(v.shelf.root.SubjectKeyID())] = crlNamed{v.shelf.name, serials}
	}
	return b, nil
}

// why keeps the key of a certificate from signing. Revocation is the graver reason: with
// it what was signed counts no more either.
func (b barred) why(keyID string, leaf *pki.Certificate) rotation.Bar {
	if root := b.revoked[string(leaf.AuthorityKeyID())]; root.serials[string(leaf.Cert.SerialNumber.Bytes())] {
		return rotation.Bar{State: rotation.Revoked, By: "the list " + root.list + " of our own root"}
	}
	if plan, ok := b.stopped[keyID]; ok {
		return rotation.Bar{State: rotation.Stopped, By: "emergency plan " + plan}
	}
	return rotation.Bar{}
}

// heed has the plans of all signers take in who may not sign by now: another key takes
// over at once, where there is one. Everything that decides by a plan calls it first;
// it reads the stops of the store once, and plans anew only where somebody was barred.
func (d *documentSigners) heed(ctx context.Context) error {
	b, err := d.barred(ctx)
	if err != nil {
		return err
	}
	for _, s := range d.successions {
		s.bar(b.why)
	}
	d.last.Store(&b)
	return nil
}

// why is what keeps a key from signing that has left the configuration, as of when
// somebody looked last.
func (d *documentSigners) why(keyID string, leaf *pki.Certificate) rotation.Bar {
	if b := d.last.Load(); b != nil {
		return b.why(keyID, leaf)
	}
	return rotation.Bar{}
}
