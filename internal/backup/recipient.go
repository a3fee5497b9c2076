package backup

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
)

// Recipient is somebody for whom an archive is encrypted.
type Recipient struct{ age *age.X25519Recipient }

// String is the form that ParseRecipient reads: age1...
func (r Recipient) String() string { return r.age.String() }

// ParseRecipient reads an X25519 recipient of age, "age1" and 58 characters.
func ParseRecipient(text string) (Recipient, error) {
	r, err := age.ParseX25519Recipient(text)
	if err != nil {
		return Recipient{}, fmt.Errorf("recipient %.80q: %w", text, err)
	}
	return Recipient{r}, nil
}

// Identity is the secret that opens archives for its recipient.
type Identity struct{ age *age.X25519Identity }

// Recipient is the public side.
func (i Identity) Recipient() Recipient { return Recipient{i.age.Recipient()} }

// Secret is the form that ParseIdentities reads: AGE-SECRET-KEY-1...
func (i Identity) Secret() string { return i.age.String() }

// String does not tell the secret.
func (i Identity) String() string { return "identity of " + i.Recipient().String() }

// NewIdentity makes an identity from the operating system's randomness.
func NewIdentity() (Identity, error) {
	i, err := age.GenerateX25519Identity()
	if err != nil {
		return Identity{}, fmt.Errorf("making an identity: %w", err)
	}
	return Identity{i}, nil
}

// ParseIdentities reads a file as age-keygen writes it: an identity a line,
// empty lines and lines that begin with # left out. Errors do not repeat what
// stands there.
func ParseIdentities(r io.Reader) ([]Identity, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxIdentities+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading identities: %w", err)
	case len(data) > maxIdentities:
		return nil, fmt.Errorf("reading identities: more than %d bytes", maxIdentities)
	}
	var out []Identity
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		i, err := age.ParseX25519Identity(line)
		if err != nil {
			return nil, fmt.Errorf("reading identities: line %d is no X25519 identity of age", n)
		}
		out = append(out, Identity{i})
	}
	if len(out) == 0 {
		return nil, errors.New("reading identities: there is none")
	}
	return out, nil
}
