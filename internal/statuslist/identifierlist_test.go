package statuslist

import (
	"testing"
	"time"

	"vidimus/internal/cbor"
)

func identifierClaims(change map[uint64]any) []byte {
	set := map[uint64]any{claimStatusList: nil, claimIdentifiers: map[string]any{"identifiers": map[cbor.ByteString]any{"a": map[string]any{}}}}
	for k, v := range change {
		set[k] = v
	}
	return claimSet(set)
}

func TestIdentifierList(t *testing.T) {
	w := newWorld(t)
	data, err := SignIdentifierList([][]byte{{1, 2, 3}, []byte("abc")}, w.signer, claims(), w.chain, random(1))
	if err != nil {
		t.Fatal(err)
	}
	l, err := ParseIdentifierList(data)
	if err != nil {
		t.Fatal(err)
	}
	revoked, good := IdentifierReference{ID: []byte("abc"), URI: listURI}, IdentifierReference{ID: []byte("abcd"), URI: listURI}
	if status, err := l.Lookup(good, now); status != 0 || CheckOf(err) != CheckSignature {
		t.Errorf("before verification: %s, %v", status, err)
	}
	if ids := l.Identifiers(); ids != nil {
		t.Errorf("before verification: %x", ids)
	}
	if err := l.Verify(w.signer.Public()); err != nil {
		t.Fatal(err)
	}
	if ids := l.Identifiers(); len(ids) != 2 || string(ids[0]) != "\x01\x02\x03" || string(ids[1]) != "abc" {
		t.Errorf("identifiers %x", ids)
	}
	if status, err := l.Lookup(revoked, now); status != Invalid || err != nil {
		t.Errorf("revoked: %s, %v", status, err)
	}
	if status, err := l.Lookup(good, now); status != Valid || err != nil {
		t.Errorf("good: %s, %v", status, err)
	}
	if l.Size() != 2 || l.AggregationURI != claims().AggregationURI || !l.ChainProtected || l.TTL != 5*time.Minute {
		t.Errorf("%+v", &l.Envelope)
	}
	for _, c := range []struct {
		ref   IdentifierReference
		at    time.Time
		check string
	}{
		{IdentifierReference{ID: []byte("abc"), URI: listURI + "/"}, now, CheckSubject},
		{revoked, claims().Expires, CheckExpires},
		{revoked, claims().IssuedAt.Add(-time.Second), CheckExpires},
		{IdentifierReference{URI: listURI}, now, CheckIndex},
	} {
		if status, err := l.Lookup(c.ref, c.at); status != 0 || CheckOf(err) != c.check {
			t.Errorf("%+v: %s, %v, want %s", c.ref, status, err, c.check)
		}
	}
	if a := l.Evaluate(revoked, LookupOptions{Now: now.Add(time.Hour), ISO18013: true}); !a.Known || !a.Stale || a.Status != Invalid || len(a.Findings) != 6 {
		t.Errorf("%+v", a)
	}
	// Another container for the same claims is another kind of token.
	if token, err := ParseToken(data); token != nil || CheckOf(err) != CheckSignature {
		t.Errorf("an identifier list reads as a status list: %v", err)
	}
}

func TestEmptyIdentifierList(t *testing.T) {
	w := newWorld(t)
	data, err := SignIdentifierList(nil, w.signer, claims(), nil, random(1))
	if err != nil {
		t.Fatal(err)
	}
	l, err := ParseIdentifierList(data)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Verify(w.signer.Public()); err != nil {
		t.Fatal(err)
	}
	if status, err := l.Lookup(IdentifierReference{ID: []byte{1}, URI: listURI}, now); status != Valid || err != nil {
		t.Errorf("%s, %v", status, err)
	}
}

func TestIdentifierListRefuses(t *testing.T) {
	w := newWorld(t)
	const typ = "application/identifierlist+cwt"
	list := func(v any) []byte {
		return w.cwt(t, typ, identifierClaims(map[uint64]any{claimIdentifiers: v}))
	}
	for name, c := range map[string]struct {
		token []byte
		check string
	}{
		"good":            {w.cwt(t, typ, identifierClaims(nil)), ""},
		"short typ":       {w.cwt(t, "identifierlist+cwt", identifierClaims(nil)), ""},
		"RFU content":     {list(map[string]any{"identifiers": map[cbor.ByteString]any{"a": map[string]any{"x": 1}}, "x": 1}), ""},
		"typ":             {w.cwt(t, "application/statuslist+cwt", identifierClaims(nil)), CheckSignature},
		"no typ":          {w.cwt(t, nil, identifierClaims(nil)), CheckSignature},
		"JWT":             {w.jwt(t, "identifierlist+jwt", "{}"), CheckSignature},
		"status list too": {w.cwt(t, typ, identifierClaims(map[uint64]any{claimStatusList: map[string]any{}})), CheckInflate},
		"no claim":        {list(nil), CheckInflate},
		"no identifiers":  {list(map[string]any{}), CheckInflate},
		"array":           {list(map[string]any{"identifiers": []int{1}}), CheckInflate},
		"text key":        {list(map[string]any{"identifiers": map[string]any{"a": map[string]any{}}}), CheckInflate},
		"empty key":       {list(map[string]any{"identifiers": map[cbor.ByteString]any{"": map[string]any{}}}), CheckInflate},
		"value no map":    {list(map[string]any{"identifiers": map[cbor.ByteString]any{"a": 1}}), CheckInflate},
		"long key":        {list(map[string]any{"identifiers": map[cbor.ByteString]any{cbor.ByteString(make([]byte, 65)): map[string]any{}}}), CheckInflate},
		"empty":           {nil, CheckSignature},
	} {
		l, err := ParseIdentifierList(c.token)
		if got := CheckOf(err); got != c.check || (l == nil) != (c.check != "") {
			t.Errorf("%s: fails %q (%v), want %q", name, got, err, c.check)
		}
	}
	many := make([][]byte, maxIdentifiers+1)
	for i := range many {
		many[i] = []byte{byte(i), byte(i >> 8), 1}
	}
	for name, ids := range map[string][][]byte{"twice": {{1}, {1}}, "empty": {{}}, "too long": {make([]byte, 65)}, "too many": many} {
		if token, err := SignIdentifierList(ids, w.signer, claims(), nil, random(1)); err == nil || token != nil {
			t.Errorf("%s: signed", name)
		}
	}
	if _, err := SignIdentifierList(many[:maxIdentifiers], w.signer, claims(), nil, random(1)); err != nil {
		t.Errorf("at the limit: %v", err)
	}
}
