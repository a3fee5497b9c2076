package sdjwt

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vidimus/internal/jose"
)

// TestEverythingIsSelective: PID_20. Every claim, nested property and array
// entry is a disclosure of its own; nothing of validity is.
func TestEverythingIsSelective(t *testing.T) {
	w := newWorld(t)
	s := w.issue(t, pidTemplate(t, Options{}), w.copyOf(), 1)
	p, err := s.Process()
	if err != nil {
		t.Fatal(err)
	}
	var leaves func(v any, path Path, visit func(Path))
	leaves = func(v any, path Path, visit func(Path)) {
		if len(path) > 0 {
			visit(path)
		}
		if o, ok := members(v); ok {
			for _, m := range o {
				leaves(m.Value, append(slices.Clone(path), Name(m.Name)), visit)
			}
		}
		if list, ok := v.([]any); ok {
			for i, element := range list {
				leaves(element, append(slices.Clone(path), Index(i)), visit)
			}
		}
	}
	count := 0
	leaves(pid20(t), nil, func(path Path) {
		count++
		if !p.IsDisclosed(path) {
			t.Errorf("%s is not selectively disclosable", path)
		}
	})
	if count != 31 || len(s.Disclosures) != count {
		t.Errorf("%d claims, %d disclosures, want 31", count, len(s.Disclosures))
	}
	var visible []string
	for name := range s.payload {
		visible = append(visible, name)
	}
	slices.Sort(visible)
	if diff := cmp.Diff([]string{"_sd", "_sd_alg", "cnf", "exp", "iss", "nbf", "status", "vct"}, visible); diff != "" {
		t.Errorf("payload (-want +got):\n%s", diff)
	}
	if s.Issuer.Header.Type != Type || len(s.Issuer.Header.X5C) != 1 {
		t.Errorf("header %s", s.Issuer.Header.Raw)
	}
	if check := failing(w, s.Compact); check != "" {
		t.Errorf("fails %s", check)
	}
	status, err := p.Status()
	if err != nil || *status != (StatusReference{48213, "https://status.example/lists/7"}) {
		t.Errorf("status %v, %v", status, err)
	}
	key, err := p.ConfirmationKey()
	if err != nil || !w.holder.PublicKey.Equal(key.Public) {
		t.Errorf("cnf key: %v", err)
	}
}

// TestPayloadBytes pins the payload: deterministic for deterministic salts,
// with cnf.jwk of four members and digests in order.
func TestPayloadBytes(t *testing.T) {
	w := newWorld(t)
	claims := Object{{"family_name", "Mül\"ler"}, {"sex", 2}, {"nationalities", []string{"DE", "FR"}}, {"note", Object{{"open", true}, {"rate", 1.5}}}}
	template, err := NewTemplate("urn:x", claims, Options{Policy: EverythingExcept(Names("note"), Names("note", "open"), Names("note", "rate")), AlsoKnown: []string{"urn:y"}})
	if err != nil {
		t.Fatal(err)
	}
	first, err := template.Prepare(w.copyOf(), random(1))
	if err != nil {
		t.Fatal(err)
	}
	second, err := template.Prepare(w.copyOf(), random(1))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.payload, second.payload) || !bytes.Equal(first.disclosures, second.disclosures) {
		t.Error("the same salts give other bytes")
	}
	text := string(first.payload)
	start := strings.Index(text, `"_sd":["`) + len(`"_sd":[`)
	digests := strings.Split(text[start:len(text)-2], ",")
	if len(digests) != 3 || !slices.IsSorted(digests) {
		t.Errorf("digests %v", digests)
	}
	want := `{"vct":"urn:x","aka_vcts":["urn:y"],"iss":"https://issuer.example","nbf":1781514000,"exp":1782727200,` +
		`"cnf":{"jwk":{"crv":"P-256","kty":"EC","x":"TCAER19Zvu3OHF4j4W4vfSVoHIP1ILilDls7vCeGemc","y":"ZxjiWWbZMQGHVWKVQ4hbSIirsVfuecCE6t4jT9F2HZQ"}},` +
		`"status":{"status_list":{"idx":48213,"uri":"https://status.example/lists/7"}},"note":{"open":true,"rate":1.5},"_sd_alg":"sha-256","_sd":[`
	if text[:start] != want {
		t.Errorf("payload\n got %s\nwant %s", text[:start], want)
	}
	var plain []string
	for encoded := range strings.SplitSeq(strings.TrimSuffix(string(first.disclosures), "~"), "~") {
		b, err := jose.DecodeBase64URL(encoded)
		if err != nil {
			t.Fatal(err)
		}
		plain = append(plain, string(b[26:])) // without ["salt",
	}
	if diff := cmp.Diff([]string{`"family_name","Mül\"ler"]`, `"sex",2]`, `"DE"]`, `"FR"]`}, plain[:4]); diff != "" {
		t.Errorf("disclosures (-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(plain[4], `"nationalities",[{"...":"`) {
		t.Errorf("parent %s", plain[4])
	}
}

// TestGenericEncoder compares the prefabricated disclosures with what a plain
// encoder makes of the same salt, name and value.
func TestGenericEncoder(t *testing.T) {
	w := newWorld(t)
	for _, d := range w.issue(t, pidTemplate(t, Options{}), w.copyOf(), 9).Disclosures {
		array := []any{d.Salt, d.Value}
		if d.Property {
			array = []any{d.Salt, d.Name, d.Value}
		}
		var plain bytes.Buffer
		e := json.NewEncoder(&plain)
		e.SetEscapeHTML(false)
		if err := e.Encode(array); err != nil {
			t.Fatal(err)
		}
		if want := jose.EncodeBase64URL(bytes.TrimSpace(plain.Bytes())); want != d.Encoded {
			t.Errorf("disclosure %s, want %s", d.Encoded, want)
		}
		if salt, err := jose.DecodeBase64URL(d.Salt); err != nil || len(salt) != 16 {
			t.Errorf("salt of %d bytes, %v", len(salt), err)
		}
	}
}

func TestSaltsAreUnique(t *testing.T) {
	w := newWorld(t)
	template := pidTemplate(t, Options{})
	source := random(1)
	salts := map[string]bool{}
	for range 50 {
		p, err := template.Prepare(w.copyOf(), source)
		if err != nil {
			t.Fatal(err)
		}
		for encoded := range strings.SplitSeq(strings.TrimSuffix(string(p.disclosures), "~"), "~") {
			d, err := parseDisclosure(encoded)
			if err != nil {
				t.Fatal(err)
			}
			if salts[d.Salt] {
				t.Fatal("a salt twice")
			}
			salts[d.Salt] = true
		}
	}
}

func TestDecoys(t *testing.T) {
	w := newWorld(t)
	s := w.issue(t, pidTemplate(t, Options{Decoys: 5, Algorithm: SHA512}), w.copyOf(), 1)
	if got := len(s.payload["_sd"].([]any)); got != 25 {
		t.Errorf("%d digests at the top, want 20 and 5", got)
	}
	for i := range s.Disclosures {
		if s.Disclosures[i].Name == "nationalities" {
			if got := len(s.Disclosures[i].Value.([]any)); got != 6 {
				t.Errorf("%d entries of nationalities, want 1 and 5", got)
			}
		}
	}
	for _, d := range s.payload["_sd"].([]any) {
		if len(d.(string)) != 86 {
			t.Errorf("digest of %d characters", len(d.(string)))
		}
	}
	if check := failing(w, s.Compact); check != "" {
		t.Errorf("fails %s", check)
	}
}

func TestNothingSelective(t *testing.T) {
	w := newWorld(t)
	s := w.issue(t, pidTemplate(t, Options{Policy: Nothing, Decoys: 3}), w.copyOf(), 1)
	if s.payload["_sd"] != nil || s.payload["_sd_alg"] != nil || len(s.Disclosures) != 0 || !strings.HasSuffix(s.Compact, "~") {
		t.Errorf("not a plain credential: %s", s.Issuer.Payload)
	}
}

func TestTemplateRefuses(t *testing.T) {
	deep := any("x")
	for range 17 {
		deep = []any{deep}
	}
	var many Object
	for i := range 513 {
		many = append(many, Member{strings.Repeat("a", i+1), 1})
	}
	for name, c := range map[string]struct {
		vct    string
		claims Object
		opt    Options
	}{
		"no vct":           {"", Object{}, Options{}},
		"vct as claim":     {"urn:x", Object{{"vct", "urn:y"}}, Options{}},
		"exp as claim":     {"urn:x", Object{{"exp", 1}}, Options{}},
		"status as claim":  {"urn:x", Object{{"status", 1}}, Options{}},
		"_sd":              {"urn:x", Object{{"_sd", []any{}}}, Options{}},
		"nested _sd":       {"urn:x", Object{{"a", Object{{"_sd", 1}}}}, Options{}},
		"dots":             {"urn:x", Object{{"a", map[string]any{"...": 1}}}, Options{}},
		"nested _sd_alg":   {"urn:x", Object{{"a", Object{{"_sd_alg", 1}}}}, Options{}},
		"twice":            {"urn:x", Object{{"a", 1}, {"a", 2}}, Options{}},
		"not UTF-8":        {"urn:x", Object{{"a", "\xff"}}, Options{}},
		"name not UTF-8":   {"urn:x", Object{{"\xff", 1}}, Options{}},
		"NaN":              {"urn:x", Object{{"a", math.NaN()}}, Options{}},
		"number":           {"urn:x", Object{{"a", json.Number("1,2")}}, Options{}},
		"number as text":   {"urn:x", Object{{"a", json.Number(`"x"`)}}, Options{}},
		"type":             {"urn:x", Object{{"a", struct{}{}}}, Options{}},
		"too deep":         {"urn:x", Object{{"a", deep}}, Options{}},
		"too many":         {"urn:x", many, Options{}},
		"algorithm":        {"urn:x", Object{}, Options{Algorithm: "sha-1"}},
		"decoys":           {"urn:x", Object{}, Options{Decoys: 65}},
		"decoys negative":  {"urn:x", Object{}, Options{Decoys: -1}},
		"alias is the vct": {"urn:x", Object{}, Options{AlsoKnown: []string{"urn:x"}}},
		"integrity":        {"urn:x", Object{}, Options{Integrity: "md5-x"}},
	} {
		if template, err := NewTemplate(c.vct, c.claims, c.opt); err == nil || template != nil && name != "" && err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestPrepareRefuses(t *testing.T) {
	w := newWorld(t)
	template := pidTemplate(t, Options{Decoys: 1})
	change := func(f func(*Copy)) Copy {
		c := w.copyOf()
		f(&c)
		return c
	}
	for name, c := range map[string]Copy{
		"expires before it begins": change(func(c *Copy) { c.Expires = c.NotBefore }),
		"expires before issued":    change(func(c *Copy) { c.IssuedAt = c.Expires }),
		"before 1970":              change(func(c *Copy) { c.NotBefore = time.Unix(-1, 0) }),
		"after 9999":               change(func(c *Copy) { c.Expires = time.Unix(lastInstant+1, 0) }),
		"status without uri":       change(func(c *Copy) { c.Status = &StatusReference{Index: 1} }),
		"key of no kind":           change(func(c *Copy) { c.Confirmation = "key" }),
		"issuer not UTF-8":         change(func(c *Copy) { c.Issuer = "\xff" }),
	} {
		if p, err := template.Prepare(c, random(1)); err == nil || p != nil {
			t.Errorf("%s: no error", name)
		}
	}
	for _, n := range []int64{0, 31 * 16, 31*16 + 5} {
		if p, err := template.Prepare(w.copyOf(), io.LimitReader(random(1), n)); err == nil || p != nil {
			t.Errorf("randomness that ends after %d bytes: no error", n)
		}
	}
	// The same bytes as salt everywhere: two equal array entries become one
	// disclosure, which a verifier would refuse.
	twins, err := NewTemplate("urn:x", Object{{"a", []string{"x", "x"}}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if p, err := twins.Prepare(w.copyOf(), zeros{}); err == nil || p != nil {
		t.Error("a source without randomness is not noticed")
	}
	sub, err := NewTemplate("urn:x", Object{{"sub", "a"}}, Options{Policy: Nothing})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sub.Prepare(Copy{Subject: "b"}, random(1)); err == nil {
		t.Error("sub twice")
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestLintCatches spoils what was built before the lint sees it.
func TestLintCatches(t *testing.T) {
	w := newWorld(t)
	template := pidTemplate(t, Options{})
	good, err := template.Prepare(w.copyOf(), random(1))
	if err != nil {
		t.Fatal(err)
	}
	_, cnf, err := w.copyOf().encode()
	if err != nil {
		t.Fatal(err)
	}
	other := w.copyOf()
	other.Status.Index++
	for name, spoil := range map[string]func(*Prepared) (*Prepared, Copy){
		"payload byte":   func(p *Prepared) (*Prepared, Copy) { p.payload[9] ^= 1; return p, w.copyOf() },
		"no payload":     func(p *Prepared) (*Prepared, Copy) { p.payload = nil; return p, w.copyOf() },
		"disclosure bit": func(p *Prepared) (*Prepared, Copy) { p.disclosures[40] ^= 1; return p, w.copyOf() },
		"one less": func(p *Prepared) (*Prepared, Copy) {
			p.disclosures = p.disclosures[bytes.IndexByte(p.disclosures, '~')+1:]
			return p, w.copyOf()
		},
		"another index": func(p *Prepared) (*Prepared, Copy) { return p, other },
		"another key":   func(p *Prepared) (*Prepared, Copy) { c := w.copyOf(); c.Confirmation = nil; return p, c },
	} {
		spoiled, c := spoil(&Prepared{payload: bytes.Clone(good.payload), disclosures: bytes.Clone(good.disclosures), t: template})
		key := cnf
		if c.Confirmation == nil {
			key = nil
		}
		if err := spoiled.lint(c, key); err == nil {
			t.Errorf("%s: not noticed", name)
		}
	}
}

func TestSignOnce(t *testing.T) {
	w := newWorld(t)
	p, err := pidTemplate(t, Options{}).Prepare(w.copyOf(), random(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Sign(w.issuer, w.chain, random(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Sign(w.issuer, w.chain, random(1)); !errors.Is(err, ErrUsed) {
		t.Errorf("signed twice: %v", err)
	}
	if _, err := p.SignWithKeyID(w.issuer, "1", random(1)); !errors.Is(err, ErrUsed) {
		t.Errorf("signed twice: %v", err)
	}
}

// TestConcurrentCopies: a template is shared by a whole batch.
func TestConcurrentCopies(t *testing.T) {
	w := newWorld(t)
	template := pidTemplate(t, Options{Decoys: 2})
	var group sync.WaitGroup
	for seed := range uint64(8) {
		group.Go(func() {
			p, err := template.Prepare(w.copyOf(), random(seed))
			if err != nil {
				t.Error(err)
				return
			}
			compact, err := p.Sign(w.issuer, w.chain, random(seed))
			if err != nil {
				t.Error(err)
				return
			}
			if check := failing(w, compact); check != "" {
				t.Errorf("fails %s", check)
			}
		})
	}
	group.Wait()
}

func TestSignRefusesChain(t *testing.T) {
	w := newWorld(t)
	template := pidTemplate(t, Options{})
	for name, c := range map[string]struct {
		chain [][]byte
		key   any
	}{
		"none":        {nil, nil},
		"with anchor": {[][]byte{w.chain[0], w.root}, nil},
		"self-signed": {[][]byte{w.root}, nil},
		"no DER":      {[][]byte{{1, 2, 3}}, nil},
		"no X.509":    {[][]byte{{0x30, 0}}, nil},
		"other key":   {w.chain, w.holder},
	} {
		p, err := template.Prepare(w.copyOf(), random(1))
		if err != nil {
			t.Fatal(err)
		}
		signer := w.issuer
		if c.key != nil {
			signer = w.holder
		}
		if compact, err := p.Sign(signer, c.chain, random(1)); err == nil || compact != "" {
			t.Errorf("%s: signed", name)
		}
	}
	// A chain that was found good for one key is not good for another.
	good, err := template.Prepare(w.copyOf(), random(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := good.Sign(w.issuer, w.chain, random(1)); err != nil {
		t.Fatal(err)
	}
	after, err := template.Prepare(w.copyOf(), random(2))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := after.Sign(w.holder, w.chain, random(1)); err == nil {
		t.Error("the remembered chain passes for another key")
	}
}

func TestLargePicture(t *testing.T) {
	w := newWorld(t)
	claims := append(pid20(t), Member{"portrait", "data:image/jpeg;base64," + strings.Repeat("QUJD", 20<<10/3)})
	template, err := NewTemplate("urn:eudi:pid:1", claims, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := w.issue(t, template, w.copyOf(), 1)
	if check := failing(w, s.Compact); check != "" {
		t.Errorf("fails %s", check)
	}
	huge, err := NewTemplate("urn:eudi:pid:1", Object{{"picture", strings.Repeat("A", 800<<10)}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := huge.Prepare(w.copyOf(), random(1)); !errors.Is(err, ErrLimit) {
		t.Errorf("error %v, want %v", err, ErrLimit)
	}
}
