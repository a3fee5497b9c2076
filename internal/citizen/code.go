package citizen

import (
	"io"

	"vidimus/internal/typedcode"
)

// newCode makes a code, in groups of four for the eye.
func newCode(rand io.Reader) (string, error) { return typedcode.New(rand) }

// digestOf reads a code as a person typed it; false for what cannot be one.
func digestOf(typed string) (Digest, bool) {
	digest, ok := typedcode.DigestOf(typed)
	return digest, ok
}
