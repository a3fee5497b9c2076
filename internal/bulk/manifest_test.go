package bulk

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

func TestManifest(t *testing.T) {
	w := newWorld(t)
	m := w.manifest(generated(t, 25), 10)
	if m.Count() != 25 || len(m.Blocks) != 3 || m.Blocks[2].Lines != 5 || m.Digest == [32]byte{} || m.ID != "import-1" || !m.Issued.Equal(now) {
		t.Errorf("%+v", m)
	}
	if m.Size() != int64(len(generated(t, 25))) {
		t.Errorf("size %d", m.Size())
	}
}

func TestManifestRefused(t *testing.T) {
	w := newWorld(t)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	digest := strings.Repeat("A", 43)
	claims := func(change func(map[string]any)) map[string]any {
		c := map[string]any{
			"iss": registry, "aud": office, "iat": now.Unix(), "jti": "i", "count": 7,
			"blocks": []map[string]any{{"lines": 7, "bytes": 70, "sha-256": digest}},
		}
		if change != nil {
			change(c)
		}
		return c
	}
	set := func(name string, v any) map[string]any { return claims(func(c map[string]any) { c[name] = v }) }
	block := func(name string, v any) map[string]any {
		return claims(func(c map[string]any) { c["blocks"].([]map[string]any)[0][name] = v })
	}
	header := map[string]any{"typ": ManifestType, "kid": "k"}
	for _, test := range []struct {
		name   string
		key    crypto.Signer
		header map[string]any
		claims map[string]any
		want   problem.Kind
	}{
		{"as it should be", w.key, header, claims(nil), ""},
		{"aud among others", w.key, header, set("aud", []string{"x", office}), ""},
		{"another key", other, header, claims(nil), problem.AuthenticationFailed},
		{"unknown kid", w.key, map[string]any{"typ": ManifestType, "kid": "x"}, claims(nil), problem.InvalidKey},
		{"an event's type", w.key, map[string]any{"typ": "secevent+jwt", "kid": "k"}, claims(nil), problem.InvalidRequest},
		{"another source", w.key, header, set("iss", "https://other.example"), problem.InvalidIssuer},
		{"another office", w.key, header, set("aud", "https://other.example"), problem.InvalidAudience},
		{"no iat", w.key, header, set("iat", json.RawMessage(`0`)), problem.InvalidRequest},
		{"future", w.key, header, set("iat", now.Add(time.Hour).Unix()), problem.InvalidRequest},
		{"old", w.key, header, set("iat", now.Add(-DefaultMaxAge-time.Hour).Unix()), problem.InvalidRequest},
		{"no jti", w.key, header, set("jti", ""), problem.InvalidRequest},
		{"count", w.key, header, set("count", 8), problem.InvalidRequest},
		{"no blocks", w.key, header, set("blocks", []any{}), problem.InvalidRequest},
		{"no lines", w.key, header, block("lines", 0), problem.InvalidRequest},
		{"negative lines", w.key, header, block("lines", -7), problem.InvalidRequest},
		{"too many lines", w.key, header, block("lines", MaxBlockLines+1), problem.InvalidRequest},
		{"no bytes", w.key, header, block("bytes", 0), problem.InvalidRequest},
		{"too many bytes", w.key, header, block("bytes", MaxBlock+1), problem.InvalidRequest},
		{"digest too short", w.key, header, block("sha-256", "AAAA"), problem.InvalidRequest},
	} {
		payload, err := json.Marshal(test.claims)
		if err != nil {
			t.Fatal(err)
		}
		token, err := jose.Sign(test.key, test.header, payload, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		m, err := ReadManifest(token+"\n", w.source, office, now, 0)
		if test.want == "" && err != nil || test.want != "" && problem.KindOf(err) != test.want {
			t.Errorf("%s: %v", test.name, err)
		}
		if err != nil && len(m.Blocks) > 0 {
			t.Errorf("%s: refused and given", test.name)
		}
	}
	for _, token := range []string{"", "a.b", "a.b.c", strings.Repeat("a", MaxManifest+1)} {
		if _, err := ReadManifest(token, w.source, office, now, 0); problem.KindOf(err) != problem.InvalidRequest {
			t.Errorf("%.10q: %v", token, err)
		}
	}
}

func TestSignRefusesWhatCannotBeRead(t *testing.T) {
	w := newWorld(t)
	good := Manifest{Source: registry, Audience: office, ID: "i", Issued: now, Blocks: []Block{{Lines: 1, Bytes: 2}}}
	for name, change := range map[string]func(*Manifest){
		"no source": func(m *Manifest) { m.Source = "" }, "no office": func(m *Manifest) { m.Audience = "" },
		"jti with a space": func(m *Manifest) { m.ID = "a b" }, "no blocks": func(m *Manifest) { m.Blocks = nil },
		"large block": func(m *Manifest) { m.Blocks = []Block{{Lines: MaxBlockLines + 1, Bytes: 1 << 20}} },
	} {
		m := good
		change(&m)
		if token, err := m.Sign(w.key, "k", rand.Reader); err == nil || token != "" {
			t.Errorf("%s: signed", name)
		}
	}
}

func TestSurvey(t *testing.T) {
	for name, text := range map[string]string{"torn": "a\nb", "endless": strings.Repeat("x", MaxLine+1) + "\n"} {
		if b, err := Survey(strings.NewReader(text), 0); err == nil || b != nil {
			t.Errorf("%s: %v", name, b)
		}
	}
	if b, err := Survey(strings.NewReader(""), 0); err != nil || len(b) != 0 {
		t.Errorf("empty: %v, %v", b, err)
	}
	// The writer and the survey see the same blocks.
	text := generated(t, 33)
	var out bytes.Buffer
	w := NewWriter(&out, 10)
	for line := range bytes.Lines(text) {
		if err := w.Line(bytes.TrimSuffix(line, []byte("\n"))); err != nil {
			t.Fatal(err)
		}
	}
	read, err := Survey(bytes.NewReader(text), 10)
	if err != nil {
		t.Fatal(err)
	}
	written := w.Blocks()
	if len(read) != 4 || len(written) != 4 || !bytes.Equal(out.Bytes(), text) {
		t.Fatalf("%d and %d blocks", len(read), len(written))
	}
	for i := range read {
		if read[i] != written[i] {
			t.Errorf("block %d: %+v, %+v", i, read[i], written[i])
		}
	}
}
