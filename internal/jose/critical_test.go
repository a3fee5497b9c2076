package jose_test

import (
	"errors"
	"slices"
	"testing"

	"vidimus/internal/jose"
)

func TestParseCritical(t *testing.T) {
	token := func(header string) string {
		return jose.EncodeBase64URL([]byte(header)) + "." + jose.EncodeBase64URL([]byte("{}")) + "." + jose.EncodeBase64URL(make([]byte, 64))
	}
	s, err := jose.ParseCritical(token(`{"alg":"ES256","sigT":"2026-01-01T00:00:00Z","crit":["sigT"]}`), 1<<10, "sigT", "other")
	if err != nil || !slices.Equal(s.Header.Critical, []string{"sigT"}) {
		t.Fatalf("%+v, %v", s, err)
	}
	if s, err = jose.ParseCritical(token(`{"alg":"ES256"}`), 1<<10, "sigT"); err != nil || s.Header.Critical != nil {
		t.Errorf("%+v, %v", s, err)
	}
	for header, want := range map[string]error{
		`{"alg":"ES256","sigT":"x","sigD":{},"crit":["sigT","sigD"]}`: jose.ErrUnsupported,
		`{"alg":"ES256","crit":["sigT"]}`:                             jose.ErrMalformed,
		`{"alg":"ES256","sigT":"x","crit":["sigT","sigT"]}`:           jose.ErrMalformed,
		`{"alg":"ES256","sigT":"x","crit":[]}`:                        jose.ErrMalformed,
		`{"alg":"ES256","sigT":"x","crit":"sigT"}`:                    jose.ErrMalformed,
		`{"alg":"ES256","sigT":"x","crit":null}`:                      jose.ErrMalformed,
		`{"alg":"ES256","b64":false,"crit":["b64"]}`:                  jose.ErrUnsupported,
		`{"alg":"ES256","zip":"DEF"}`:                                 jose.ErrUnsupported,
		`{"alg":"none","sigT":"x","crit":["sigT"]}`:                   jose.ErrUnsupported,
	} {
		if _, err := jose.ParseCritical(token(header), 1<<10, "sigT"); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", header, err, want)
		}
	}
	if _, err := jose.Parse(token(`{"alg":"ES256","sigT":"x","crit":["sigT"]}`)); !errors.Is(err, jose.ErrUnsupported) {
		t.Errorf("Parse: %v", err)
	}
	if _, err := jose.ParseCritical(token(`{"alg":"ES256"}`), 10, "sigT"); !errors.Is(err, jose.ErrLimit) {
		t.Errorf("limit: %v", err)
	}
}
