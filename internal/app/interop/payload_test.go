//go:build interop

package interop

import (
	"strings"
	"testing"

	"vidimus/internal/jose"
)

func decodePayload(t *testing.T, compact string) string {
	t.Helper()
	parts := strings.Split(strings.SplitN(compact, "~", 2)[0], ".")
	if len(parts) != 3 {
		t.Fatalf("no JWT: %d parts", len(parts))
	}
	payload, err := jose.DecodeBase64URL(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	return string(payload)
}
