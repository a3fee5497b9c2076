package oauth

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

func TestStatusReferences(t *testing.T) {
	const list = `{"status_list":{"idx":7,"uri":"https://s.example/1"}}`
	one := []StatusReference{{"https://s.example/1", 7}}
	for name, c := range map[string]struct {
		claims string
		refs   []StatusReference
		until  int64 // 0: none
		bad    bool
	}{
		"none":             {claims: `{}`},
		"Appendix E":       {claims: `{"status":` + list + `}`, refs: one},
		"EUDI":             {claims: `{"client_status":{"status":` + list + `,"exp":1800000000}}`, refs: one, until: 1800000000},
		"both, the same":   {claims: `{"status":` + list + `,"client_status":{"status":` + list + `}}`, refs: one},
		"both":             {claims: `{"status":{"status_list":{"idx":0,"uri":"https://s.example/2"}},"client_status":{"status":` + list + `}}`, refs: []StatusReference{{"https://s.example/2", 0}, one[0]}},
		"other mechanism":  {claims: `{"status":{"x":1}}`},
		"a string":         {claims: `{"status":"x"}`, bad: true},
		"no index":         {claims: `{"status":{"status_list":{"uri":"https://s.example/1"}}}`, bad: true},
		"negative":         {claims: `{"status":{"status_list":{"idx":-1,"uri":"https://s.example/1"}}}`, bad: true},
		"index a string":   {claims: `{"status":{"status_list":{"idx":"7","uri":"https://s.example/1"}}}`, bad: true},
		"no URL":           {claims: `{"status":{"status_list":{"idx":1,"uri":"s"}}}`, bad: true},
		"another scheme":   {claims: `{"status":{"status_list":{"idx":1,"uri":"file://h/x"}}}`, bad: true},
		"exp a string":     {claims: `{"client_status":{"status":` + list + `,"exp":"1800000000"}}`, bad: true},
		"exp out of range": {claims: `{"client_status":{"status":` + list + `,"exp":99999999999999}}`, bad: true},
	} {
		var a Attestation
		if err := json.Unmarshal([]byte(c.claims), &a.Claims); err != nil {
			t.Fatal(err)
		}
		refs, until, err := a.StatusReferences()
		want := time.Time{}
		if c.until != 0 {
			want = time.Unix(c.until, 0).UTC()
		}
		if (err != nil) != c.bad || !reflect.DeepEqual(refs, c.refs) || !until.Equal(want) {
			t.Errorf("%s: %v, %v, %v", name, refs, until, err)
		}
	}
}

func TestAttestationFacts(t *testing.T) {
	a := Attestation{Claims: map[string]json.RawMessage{"wallet_name": json.RawMessage(`"W"`), "iat": json.RawMessage(`1000`)}}
	if age, ok := a.Age(time.Unix(1060, 0)); a.WalletName() != "W" || !ok || age != time.Minute {
		t.Errorf("%q, %v, %v", a.WalletName(), age, ok)
	}
	a.Claims = map[string]json.RawMessage{"wallet_name": json.RawMessage(`7`), "iat": json.RawMessage(`"1000"`)}
	if _, ok := a.Age(time.Unix(1060, 0)); a.WalletName() != "" || ok {
		t.Errorf("%q", a.WalletName())
	}
}
