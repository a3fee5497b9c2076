package verifier

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"vidimus/internal/jose"
	"vidimus/internal/keys/soft"
	"vidimus/internal/mdoc"
	"vidimus/internal/pki"
)

// Files of a reader that is enrolled, in its state folder.
const (
	stateKey     = "reader.key"    // never leaves the device
	stateChain   = "reader.pem"    // its certificate
	stateAuth    = "reader-ca.pem" // the authority that vouches for it
	stateReader  = "reader.json"   // Enrolled
	stateRequest = "enrolment.json"
)

// ErrNotEnrolled: this device has no name of its own. It can ask without one.
var ErrNotEnrolled = errors.New("this device is not enrolled: run `verifier enroll`")

// Enrolled is what a reader knows of itself.
type Enrolled struct {
	ID           string    `json:"id"`
	Name         string    `json:"name"`
	Organization string    `json:"organization"`
	Issuer       string    `json:"issuer"` // public URL of the office
	Expires      time.Time `json:"expires"`
	BundleURL    string    `json:"bundle_url,omitempty"`
}

// Identity is a reader that can say who asks.
type Identity struct {
	Enrolled
	Key   crypto.Signer
	Chain [][]byte // DER, leaf first, without the anchor
	Leaf  *pki.Certificate
}

// Reader is what signs requests.
func (i *Identity) Reader() *mdoc.Reader {
	if i == nil {
		return nil
	}
	return &mdoc.Reader{Signer: i.Key, Chain: i.Chain}
}

// Enrolled reads who this reader is, without its key. ErrNotEnrolled.
func (s *State) Enrolled() (Enrolled, error) {
	var out Enrolled
	data, err := ReadFile(s.path(stateReader), nil)
	if errors.Is(err, fs.ErrNotExist) {
		return out, ErrNotEnrolled
	}
	if err == nil {
		if err = jose.DecodeJSON(data, &out); err != nil {
			err = fmt.Errorf("%w: %s is damaged: %w", ErrState, s.path(stateReader), err)
		}
	}
	return out, err
}

// Identity opens the key and the certificate of an enrolled reader, and proves
// that they belong together. ErrNotEnrolled; a certificate that has ended, or
// begins later, is refused: asking with it is worse than asking without a name.
func (s *State) Identity(ctx context.Context, now time.Time) (*Identity, error) {
	enrolled, err := s.Enrolled()
	if err != nil {
		return nil, err
	}
	id := &Identity{Enrolled: enrolled}
	data, err := ReadFile(s.path(stateChain), nil)
	if err != nil {
		return nil, err
	}
	certs, err := pki.ParsePEM(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %s is damaged: %w", ErrState, s.path(stateChain), err)
	}
	id.Leaf = certs[0]
	for _, c := range certs {
		id.Chain = append(id.Chain, c.Raw)
	}
	if id.Key, err = soft.New(s.dir).Signer(ctx, "soft:path="+stateKey); err != nil {
		return nil, err
	}
	if k, ok := id.Leaf.PublicKey().(interface{ Equal(crypto.PublicKey) bool }); !ok || !k.Equal(id.Key.Public()) {
		return nil, fmt.Errorf("%w: %s is not the key of %s", ErrState, s.path(stateKey), s.path(stateChain))
	}
	switch {
	case !id.Leaf.HasExtKeyUsage(pki.OIDReaderAuth):
		return nil, fmt.Errorf("%s is no certificate of a reader: it lacks the extended key usage %s (ISO/IEC 18013-5, B.1.7)", s.path(stateChain), pki.OIDReaderAuth)
	case now.After(id.Leaf.NotAfter()):
		return nil, fmt.Errorf("the certificate of this reader ended on %s: ask the office for a new invitation and run `verifier enroll` again", id.Leaf.NotAfter().UTC().Format(time.DateOnly))
	case now.Before(id.Leaf.NotBefore()):
		return nil, fmt.Errorf("the certificate of this reader begins on %s: is the clock of this device right?", id.Leaf.NotBefore().UTC().Format(time.RFC3339))
	}
	return id, nil
}

// keep writes what an enrolment gave; reader.json comes last, since it says that
// the reader is enrolled.
func (s *State) keep(e Enrolled, chain []*pki.Certificate, authority *pki.Certificate, bundleAnchors []*pki.Certificate) error {
	if len(bundleAnchors) > 0 {
		if err := s.Pin(bundleAnchors); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return err
	}
	return s.locked(func() error {
		return errors.Join(
			s.replace(stateChain, pki.EncodePEM(chain...)), s.replace(stateAuth, pki.EncodePEM(authority)),
			s.replace(stateReader, append(text, '\n')), s.forget(stateRequest))
	})
}

// forget removes a file; one that is not there is no error.
func (s *State) forget(name string) error {
	if err := os.Remove(s.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
