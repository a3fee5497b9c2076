package wallet

import (
	"errors"
	"fmt"
	"time"
)

// Proof is the way in which a device key shows that it is there.
type Proof string

// A key does one of the two during its life (ISO/IEC 18013-5, 9.1.3). The KB-JWT
// of an SD-JWT is a signature too.
const (
	BySignature Proof = "signature"
	ByMAC       Proof = "mac"
)

// Batch is the copies of one credential that came together: the same values,
// each copy with a key, salts and a status index of its own.
type Batch struct {
	ID            string    `json:"id"` // names it in this wallet
	Issuer        string    `json:"issuer"`
	Configuration string    `json:"configuration"`
	Identifier    string    `json:"identifier,omitempty"` // of the dataset, where the token named some
	Grant         string    `json:"grant,omitempty"`      // of this wallet, by which it can be refreshed
	Name          string    `json:"name"`                 // as the issuer shows it
	Format        string    `json:"format"`
	Type          string    `json:"type"` // doctype or vct
	Received      time.Time `json:"received"`
	Copies        []Copy    `json:"copies"`
}

// Copy is one credential of a batch.
type Copy struct {
	ValidFrom  time.Time `json:"valid_from"`
	ValidUntil time.Time `json:"valid_until"` // zero when it has no end
	Used       int       `json:"used"`        // presentations
	Proof      Proof     `json:"proof,omitempty"`
}

// Valid reports whether the copy can be shown at an instant.
func (c Copy) Valid(now time.Time) bool {
	return !now.Before(c.ValidFrom) && (c.ValidUntil.IsZero() || now.Before(c.ValidUntil))
}

// leastUsed chooses the copy to show: of the valid ones whose key may do this
// proof the one shown most seldom. The error matches ErrNoCopy and says what is
// in the way.
func (b *Batch) leastUsed(proof Proof, now time.Time) (int, error) {
	best, other := -1, false
	for i, c := range b.Copies {
		if !c.Valid(now) {
			continue
		}
		if c.Proof != "" && c.Proof != proof {
			other = true
			continue
		}
		if best < 0 || c.Used < b.Copies[best].Used {
			best = i
		}
	}
	switch {
	case best >= 0:
		return best, nil
	case other:
		return 0, fmt.Errorf("%w: every valid copy of %s was shown with the other kind of proof, and a key does only one of signature and MAC", ErrNoCopy, b.ID)
	}
	return 0, fmt.Errorf("%w: no copy of %s is valid at %s", ErrNoCopy, b.ID, now.UTC().Format(time.RFC3339))
}

// check refuses a record that this package did not write.
func (b *Batch) check(id string) error {
	switch {
	case b.ID != id:
		return errors.New("it names another batch")
	case b.Type == "" || b.Format == "" || len(b.Copies) == 0 || len(b.Copies) > MaxCopies:
		return errors.New("it is incomplete")
	}
	for _, c := range b.Copies {
		if c.Used < 0 || c.Proof != "" && c.Proof != BySignature && c.Proof != ByMAC {
			return errors.New("it is incomplete")
		}
	}
	return nil
}
