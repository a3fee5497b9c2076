package issuerhttp_test

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"vidimus/internal/issuerhttp"
	"vidimus/internal/problem"
)

// An issuer that is overloaded says so with 503 and when to come again, before it
// has looked at who asks; nothing of HTTP's own refusals looks like an OAuth
// error, which a wallet would take for the end. Flows that have begun go on.
func TestBusy(t *testing.T) {
	var busy atomic.Bool
	d := newDoor(t, func(cfg *issuerhttp.PublicConfig) {
		cfg.Busy = func() error {
			if busy.Load() {
				return problem.New(problem.Unavailable, "too many")
			}
			return nil
		}
	})
	post := func(path, mediaType, body string) answer {
		return d.do("POST", d.at(path), body, "Content-Type", mediaType, "Authorization", "DPoP token")
	}
	const json = "application/json"
	request := `{"credential_configuration_id":"mdl","proofs":{"jwt":["a.b.c"]}}`
	d.want(post("/credential", json, request), 200)
	busy.Store(true)
	d.fail = errors.New("who asks was looked at")
	for path, body := range map[string][2]string{
		"/credential": {json, request}, "/deferred_credential": {json, `{"transaction_id":"t"}`}, "/par": {form, "client_id=x"},
	} {
		a := d.want(post(path, body[0], body[1]), http.StatusServiceUnavailable)
		if s, err := strconv.Atoi(a.Header.Get("Retry-After")); err != nil || s < 1 || strings.Contains(a.body, "error") {
			t.Errorf("%s: %v %s", path, a.Header, a.body)
		}
	}
	d.want(d.do("GET", d.public+"/healthz", ""), 200)
	if d.fail == nil || len(d.pushed) != 0 {
		t.Error("a refused request reached a service")
	}
	d.fail = nil
	busy.Store(false)
	d.want(post("/credential", json, request), 200)
}
