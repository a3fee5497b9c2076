package bundle

import (
	"errors"
	"strings"
	"testing"
	"time"

	"vidimus/internal/statuslist"
)

// A list that is not there, one past its own end and one of a bundle past its end
// are three answers.
func TestListAnswers(t *testing.T) {
	w := newWorld(t)
	day := 24 * time.Hour
	c := w.contents(1, start)
	c.Lists = append(w.list(listURI, start, 5*day), w.list("https://issuer.example/jwt", start, 20*day)[0])
	c.Expires = start.Add(10 * day)
	b := w.build(c).Bundle
	for name, q := range map[string]struct {
		uri    string
		format statuslist.Format
		at     time.Duration
		want   error
		says   string
	}{
		"carried":               {listURI, statuslist.FormatCWT, 0, nil, ""},
		"nobody's":              {"https://elsewhere.example/1", statuslist.FormatCWT, 0, ErrNotCarried, "3 lists"},
		"another byte":          {listURI + "/", statuslist.FormatCWT, 0, ErrNotCarried, "not this one"},
		"in the other form":     {"https://issuer.example/jwt", statuslist.FormatCWT, 0, ErrNotCarried, "has it as jwt"},
		"just before its end":   {listURI, statuslist.FormatJWT, 5*day - 1, nil, ""},
		"at its end":            {listURI, statuslist.FormatJWT, 5 * day, ErrListExpired, "2026-06-20T10:00:00Z"},
		"the bundle has ended":  {"https://issuer.example/jwt", statuslist.FormatJWT, 10 * day, ErrEnded, "2026-06-25T10:00:00Z"},
		"not even then carried": {"https://elsewhere.example/1", statuslist.FormatJWT, 10 * day, ErrNotCarried, ""},
	} {
		data, err := b.List(q.uri, q.format, start.Add(q.at))
		if !errors.Is(err, q.want) || (data == nil) != (q.want != nil) || q.says != "" && !strings.Contains(err.Error(), q.says) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := b.Token(q.uri, q.format, start.Add(q.at)); !errors.Is(err, q.want) {
			t.Errorf("%s: token: %v", name, err)
		}
	}
	if !b.Ended(c.Expires) || b.Ended(c.Expires.Add(-1)) {
		t.Error("the end is not where it says")
	}
	if _, err := Open(w.build(c).Data, w.pins(), start.Add(11*day)); err != nil {
		t.Errorf("whom it trusts is worth knowing after its end: %v", err)
	}
}

// A bundle for some countries says so when it is asked for a list of another.
func TestSelection(t *testing.T) {
	w := newWorld(t)
	c := w.contents(1, start)
	c.Countries = []string{"UT", "LU"}
	c.Lists = append(c.Lists, w.list("https://issuer.example/status/2", start, 24*time.Hour)...)
	c.URIs = []string{listURI, namesURI}
	built := w.build(c)
	if len(built.Bundle.Lists()) != 3 || len(built.LeftOut) != 2 || !strings.Contains(built.LeftOut[0], "not asked for") {
		t.Errorf("%v, left out %q", built.Bundle.Lists(), built.LeftOut)
	}
	if !built.Bundle.Carries("LU") || built.Bundle.Carries("FR") || !w.bundle(1, start).Carries("FR") {
		t.Error("countries")
	}
	if _, err := built.Bundle.List("https://ants.example/1", statuslist.FormatCWT, start); !errors.Is(err, ErrNotCarried) || !strings.Contains(err.Error(), "[UT LU]") {
		t.Errorf("of another country: %v", err)
	}
	c.Countries = []string{"LU"}
	if _, err := Build(c, w.BundleSigner.Key, w.BundleSigner.Chain, nil); !errors.Is(err, ErrBuild) || !strings.Contains(err.Error(), "no anchor") {
		t.Errorf("nothing of the country: %v", err)
	}
}
