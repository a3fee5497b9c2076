package shares

import (
	"fmt"
	"os"
	"strings"

	"filippo.io/age"
)

// Recipient is the public side of a custodian: age1..., or age1pq1... of age's
// hybrid of X25519 and ML-KEM-768.
type Recipient struct {
	age  age.Recipient
	text string
}

// String is the form that ParseRecipient reads.
func (r Recipient) String() string { return r.text }

// ParseRecipient reads the recipient of a custodian.
func ParseRecipient(text string) (Recipient, error) {
	var r age.Recipient
	var err error
	if strings.HasPrefix(text, "age1pq1") {
		r, err = age.ParseHybridRecipient(text)
	} else {
		r, err = age.ParseX25519Recipient(text)
	}
	if err != nil {
		return Recipient{}, fmt.Errorf("recipient %.80q is none that age-keygen makes: %w", text, err)
	}
	return Recipient{r, text}, nil
}

// Identity opens the share of one custodian.
type Identity struct {
	age  age.Identity
	file string
}

// String names the identity and tells nothing of it.
func (i Identity) String() string { return "identity of " + i.file }

// GoString keeps the secret out of %#v.
func (i Identity) GoString() string { return i.String() }

// NewIdentity makes the two halves of a custodian from the operating system's
// randomness: the secret AGE-SECRET-KEY-..., and the recipient.
func NewIdentity(postQuantum bool) (secret string, recipient Recipient, err error) {
	if postQuantum {
		i, err := age.GenerateHybridIdentity()
		if err != nil {
			return "", Recipient{}, fmt.Errorf("making an identity: %w", err)
		}
		return i.String(), Recipient{i.Recipient(), i.Recipient().String()}, nil
	}
	i, err := age.GenerateX25519Identity()
	if err != nil {
		return "", Recipient{}, fmt.Errorf("making an identity: %w", err)
	}
	return i.String(), Recipient{i.Recipient(), i.Recipient().String()}, nil
}

// ReadIdentity reads a file as age-keygen writes it, with the one identity of one
// custodian. A file that others may read is refused. Errors match ErrIdentity and
// do not repeat what stands there.
func ReadIdentity(path string) (Identity, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Identity{}, fmt.Errorf("%w: %w", ErrIdentity, err)
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 {
		return Identity{}, fmt.Errorf("%w: %s has mode %04o, others may read it: run chmod 600 %s, or mount the medium with umask=077", ErrIdentity, path, perm, path)
	}
	data, err := readFile(path)
	if err != nil {
		return Identity{}, fmt.Errorf("%w: %w", ErrIdentity, err)
	}
	defer clear(data)
	return parseIdentity(string(data), path)
}

func parseIdentity(text, path string) (Identity, error) {
	if strings.HasPrefix(text, "-----BEGIN AGE ENCRYPTED FILE-----") || strings.HasPrefix(text, "age-encryption.org/") {
		return Identity{}, fmt.Errorf("%w: %s is encrypted itself: decrypt it with age -d into memory (/dev/shm) for the ceremony", ErrIdentity, path)
	}
	var out []Identity
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		var i age.Identity
		var err error
		if strings.HasPrefix(line, "AGE-SECRET-KEY-PQ-") {
			i, err = age.ParseHybridIdentity(line)
		} else {
			i, err = age.ParseX25519Identity(line)
		}
		if err != nil { // the cause could quote the secret
			return Identity{}, fmt.Errorf("%w: %s: line %d is no identity as age-keygen makes it", ErrIdentity, path, n)
		}
		out = append(out, Identity{i, path})
	}
	if len(out) != 1 {
		return Identity{}, fmt.Errorf("%w: %s holds %d identities: a custodian has one", ErrIdentity, path, len(out))
	}
	return out[0], nil
}
