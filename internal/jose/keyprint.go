package jose

import (
	"fmt"
	"io"
)

// String names a key for people, and says nothing that is secret.
func (k Key) String() string {
	kind := "public"
	if k.Private != nil {
		kind = "private"
	}
	return fmt.Sprintf("%s key %q on %s", kind, k.KeyID, describe(k.Public))
}

// Format keeps a private key out of every %v of every log.
func (k Key) Format(f fmt.State, _ rune) { io.WriteString(f, k.String()) }

// MarshalText keeps a private key out of encoders and logs; MarshalPrivateKey is for those that
// mean it.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }
