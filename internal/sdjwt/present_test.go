package sdjwt

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestParentsComeAlong: choosing a nested claim discloses what it lies in, and
// nothing beside it.
func TestParentsComeAlong(t *testing.T) {
	w := newWorld(t)
	s := w.issue(t, pidTemplate(t, Options{}), w.copyOf(), 1)
	for _, c := range []struct {
		choose []Path
		want   string
	}{
		{[]Path{Names("address", "country")}, `{"address":{"country":"DE"}}`},
		{[]Path{{Name("nationalities"), Any()}}, `{"nationalities":["DE"]}`},
		{[]Path{{Name("nationalities"), Index(0)}, Names("sex")}, `{"nationalities":["DE"],"sex":2}`},
		{[]Path{Names("place_of_birth")}, `{"place_of_birth":{"country":"DE","region":"Berlin","locality":"Berlin"}}`},
		{[]Path{Names("no_such_claim")}, `{}`},
		{nil, `{}`},
	} {
		p, err := w.present(t, s, Selection(c.choose...)).Process()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(decode(t, c.want), any(withoutOwn(p.Claims))); diff != "" {
			t.Errorf("%v (-want +got):\n%s", c.choose, diff)
		}
	}
	// The parent alone shows an empty object: its properties are withheld.
	p, err := w.present(t, s, func(p Path) bool { return p.Equal(Names("address")) }).Process()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(decode(t, `{"address":{}}`), any(withoutOwn(p.Claims))); diff != "" {
		t.Errorf("address alone (-want +got):\n%s", diff)
	}
	if paths, err := s.Claims(); err != nil || len(paths) != 31 {
		t.Errorf("%d claims to choose from, %v", len(paths), err)
	}
}

func TestPresentRefuses(t *testing.T) {
	w := newWorld(t)
	template := pidTemplate(t, Options{})
	s := w.issue(t, template, w.copyOf(), 1)
	unbound := w.copyOf()
	unbound.Confirmation = nil
	plain := w.issue(t, template, unbound, 1)
	for name, c := range map[string]struct {
		s          *SDJWT
		key        string
		nonce, aud string
		at         time.Time
	}{
		"another key":         {s, issuerD, nonce, verifierID, now},
		"no nonce":            {s, holderD, "", verifierID, now},
		"no aud":              {s, holderD, nonce, "", now},
		"no time":             {s, holderD, nonce, verifierID, time.Time{}},
		"no cnf":              {plain, holderD, nonce, verifierID, now},
		"presentation again":  {w.present(t, s, nil), holderD, nonce, verifierID, now},
		"nonce without key":   {s, "", nonce, "", now},
		"aud without key":     {s, "", "", verifierID, now},
		"nonce is not UTF-8":  {s, holderD, "\xff", verifierID, now},
		"SD-JWT+KB from VCI":  {w.present(t, s, nil), "", "", "", now},
		"disclosure unplaced": {&SDJWT{Issuer: s.Issuer, payload: map[string]any{}, Disclosures: s.Disclosures}, holderD, nonce, verifierID, now},
	} {
		var got string
		var err error
		if c.key == "" {
			got, err = c.s.Present(nil, nil, c.nonce, c.aud, c.at, random(1))
		} else {
			got, err = c.s.Present(nil, key(t, c.key), c.nonce, c.aud, c.at, random(1))
		}
		if err == nil || got != "" {
			t.Errorf("%s: presented", name)
		}
	}
}

func TestTransactionData(t *testing.T) {
	w := newWorld(t)
	s := w.issue(t, pidTemplate(t, Options{}), w.copyOf(), 1)
	if hashes, _, err := s.TransactionDataHashes(); hashes != nil || err != nil {
		t.Errorf("without key binding: %v, %v", hashes, err)
	}
	claims := KeyBindingClaims{Nonce: nonce, Audience: verifierID, IssuedAt: now, TransactionDataHashes: []string{"abc", "def"}, TransactionDataHashesAlg: SHA384}
	compact, err := s.PresentWith(nil, w.holder, claims, random(1))
	if err != nil {
		t.Fatal(err)
	}
	p, err := Parse(compact)
	if err != nil {
		t.Fatal(err)
	}
	hashes, alg, err := p.TransactionDataHashes()
	if err != nil || alg != SHA384 || !cmp.Equal(hashes, claims.TransactionDataHashes) {
		t.Errorf("hashes %v, algorithm %s, %v", hashes, alg, err)
	}
	bound := w.present(t, s, nil)
	if hashes, _, err := bound.TransactionDataHashes(); hashes != nil || err != nil {
		t.Errorf("none: %v, %v", hashes, err)
	}
	for _, payload := range []string{`{"transaction_data_hashes":"abc"}`, `{"transaction_data_hashes":[1]}`, `{"transaction_data_hashes":["a"],"transaction_data_hashes_alg":1}`} {
		p, err := Parse(bound.bound + kb(t, w, nil, payload))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := p.TransactionDataHashes(); CheckOf(err) != CheckKB {
			t.Errorf("%s: %v", payload, err)
		}
	}
}

func TestPathText(t *testing.T) {
	p := Path{Name("a\"b"), Index(3), Any()}
	if p.String() != `["a\"b",3,null]` {
		t.Error(p)
	}
	for _, bad := range []string{`[]`, `{}`, `"a"`, `[-1]`, `[1.5]`, `[true]`, `[["a"]]`, `[99999999999]`, `[1e2]`, `["a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a"]`} {
		if _, err := ParsePath(decode(t, bad)); err == nil {
			t.Errorf("%s is a path", bad)
		}
	}
	claims := payloadOf(t, `{"a":[{"b":1},{"b":2},{"c":3}],"d":{"":null}}`)
	for pattern, want := range map[string]string{
		`["a",null,"b"]`: `["a",0,"b"] ["a",1,"b"] `, `["a",1]`: `["a",1] `, `["a",3]`: ``, `["d",""]`: `["d",""] `,
		`["a","b"]`: ``, `["d",0]`: ``, `["d",null]`: ``, `["x"]`: ``,
	} {
		path, err := parsePathJSON([]byte(pattern))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, p := range claims.Find(path) {
			if _, ok := claims.Value(p); !ok {
				t.Errorf("%s found, but not there", p)
			}
			got += p.String() + " "
		}
		if got != want {
			t.Errorf("%s finds %s, want %s", pattern, got, want)
		}
	}
}
