package issuer

import (
	"net/http"
	"strings"
	"testing"

	"vidimus/internal/timingtest"
)

// Bad input K12: how long a wrong token of the office takes says nothing of how much
// of it is right.
func TestConstantTime(t *testing.T) {
	token := officeToken(strings.Repeat("secret", 7))
	r := &http.Request{Header: http.Header{"Authorization": {""}}}
	value := r.Header["Authorization"]
	timingtest.Constant(t, []byte("Bearer X"+string(token[1:])), []byte("Bearer "+string(token[:len(token)-1])+"X"), func(given []byte) {
		value[0] = string(given)
		if token.check(r) == nil {
			t.Fatal("a wrong token was taken")
		}
	})
}
