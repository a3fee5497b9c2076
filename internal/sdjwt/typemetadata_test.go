package sdjwt

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

func readMetadata(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/type-metadata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// library supplies documents by vct, and fails for all others.
func library(documents map[string][]byte) func(string) ([]byte, error) {
	return func(vct string) ([]byte, error) {
		if document, ok := documents[vct]; ok {
			return document, nil
		}
		return nil, errors.New("no such document")
	}
}

func TestTypeMetadata(t *testing.T) {
	m, err := ParseTypeMetadata(readMetadata(t, "pid.json"))
	if err != nil {
		t.Fatal(err)
	}
	if m.VCT != "urn:eudi:pid:1" || len(m.Claims) != 9 || len(m.Display) != 2 || m.Display[0].Rendering == nil {
		t.Errorf("%+v", m)
	}
	c := m.Claims[0]
	if c.SD != SDAlways || !c.Mandatory || c.SVGID != "family_name" || c.Display[1].Label != "Nom" {
		t.Errorf("%+v", c)
	}
	if c := m.Claims[8]; c.SD != SDAllowed || c.Mandatory {
		t.Errorf("defaults: %+v", c)
	}
}

func TestTypeMetadataRefuses(t *testing.T) {
	claim := func(text string) string { return `{"vct":"urn:x","claims":[` + text + `]}` }
	for name, text := range map[string]string{
		"no vct":              `{}`,
		"empty vct":           `{"vct":""}`,
		"no object":           `[]`,
		"duplicate":           `{"vct":"urn:x","vct":"urn:y"}`,
		"case":                `{"vct":"urn:x","Claims":[]}`,
		"locale twice":        `{"vct":"urn:x","display":[{"locale":"en","name":"a"},{"locale":"en","name":"b"}]}`,
		"old lang":            `{"vct":"urn:x","display":[{"lang":"en","name":"a"}]}`,
		"no name":             `{"vct":"urn:x","display":[{"locale":"en"}]}`,
		"integrity alone":     `{"vct":"urn:x","extends#integrity":"sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}`,
		"bad integrity":       `{"vct":"urn:x","extends":"urn:y","extends#integrity":"sha256-x"}`,
		"no path":             claim(`{"sd":"always"}`),
		"empty path":          claim(`{"path":[]}`),
		"path of floats":      claim(`{"path":[1.5]}`),
		"path of objects":     claim(`{"path":[{}]}`),
		"path negative":       claim(`{"path":["a",-1]}`),
		"path text":           claim(`{"path":"a"}`),
		"path twice":          claim(`{"path":["a"]},{"path":["a"]}`),
		"sd unknown":          claim(`{"path":["a"],"sd":"sometimes"}`),
		"sd null":             claim(`{"path":["a"],"sd":null}`),
		"sd for exp":          claim(`{"path":["exp"],"sd":"always"}`),
		"sd inside cnf":       claim(`{"path":["cnf","jwk"],"sd":"always"}`),
		"mandatory text":      claim(`{"path":["a"],"mandatory":"yes"}`),
		"label missing":       claim(`{"path":["a"],"display":[{"locale":"en"}]}`),
		"label twice":         claim(`{"path":["a"],"display":[{"locale":"en","label":"a"},{"locale":"en","label":"b"}]}`),
		"svg_id twice":        claim(`{"path":["a"],"svg_id":"x"},{"path":["b"],"svg_id":"x"}`),
		"svg_id with a space": claim(`{"path":["a"],"svg_id":"x y"}`),
		"J27/10_MB":           `{"vct":"` + strings.Repeat("x", 10<<20) + `"}`,
		"too many claims":     claim(strings.Repeat(`{"path":["a"]},`, 1024) + `{"path":["a"]}`),
	} {
		t.Run(name, func(t *testing.T) {
			if m, err := ParseTypeMetadata([]byte(text)); m != nil || CheckOf(err) != CheckVCT {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestExtends(t *testing.T) {
	pid, domestic := readMetadata(t, "pid.json"), readMetadata(t, "domestic.json")
	get := library(map[string][]byte{"urn:eudi:pid:1": pid, "urn:eudi:pid:ut:1": domestic})
	m, err := ResolveTypeMetadata("urn:eudi:pid:ut:1", Integrity(domestic), get)
	if err != nil {
		t.Fatal(err)
	}
	byPath := map[string]TypeClaim{}
	for _, c := range m.Claims {
		byPath[c.Path.String()] = c
	}
	if m.VCT != "urn:eudi:pid:ut:1" || len(m.Claims) != 10 || len(m.Display) != 2 {
		t.Errorf("%d claims, %d displays", len(m.Claims), len(m.Display))
	}
	if c := byPath[`["family_name"]`]; c.SD != SDAlways || !c.Mandatory || c.Display[0].Label != "Surname" || c.SVGID != "family_name" {
		t.Errorf("family_name: %+v", c)
	}
	if c := byPath[`["sex"]`]; c.SD != SDAlways || !c.Mandatory {
		t.Errorf("sex: %+v", c)
	}

	link := func(vct, extends, more string) []byte {
		return fmt.Appendf(nil, `{"vct":%q,"extends":%q%s}`, vct, extends, more)
	}
	long := map[string][]byte{}
	for i := range 9 {
		long[fmt.Sprint("urn:", i)] = link(fmt.Sprint("urn:", i), fmt.Sprint("urn:", i+1), "")
	}
	long["urn:9"] = []byte(`{"vct":"urn:9"}`)
	for name, c := range map[string]struct {
		vct, sri  string
		documents map[string][]byte
	}{
		"J27/loop_of_one":   {"urn:a", "", map[string][]byte{"urn:a": link("urn:a", "urn:a", "")}},
		"J27/loop_of_two":   {"urn:a", "", map[string][]byte{"urn:a": link("urn:a", "urn:b", ""), "urn:b": link("urn:b", "urn:a", "")}},
		"J27/integrity":     {"urn:eudi:pid:1", Integrity(domestic), map[string][]byte{"urn:eudi:pid:1": pid}},
		"J27/parent":        {"urn:a", "", map[string][]byte{"urn:a": link("urn:a", "urn:eudi:pid:1", `,"extends#integrity":"`+Integrity(domestic)+`"`), "urn:eudi:pid:1": pid}},
		"J27/not_available": {"urn:eudi:pid:ut:1", "", map[string][]byte{"urn:eudi:pid:ut:1": domestic}},
		"chain too long":    {"urn:0", "", long},
		"another vct":       {"urn:a", "", map[string][]byte{"urn:a": pid}},
		"no vct":            {"", "", nil},
		"sd weakened":       {"urn:a", "", map[string][]byte{"urn:a": link("urn:a", "urn:eudi:pid:1", `,"claims":[{"path":["family_name"],"sd":"allowed"}]`), "urn:eudi:pid:1": pid}},
		"sd turned":         {"urn:a", "", map[string][]byte{"urn:a": link("urn:a", "urn:eudi:pid:1", `,"claims":[{"path":["family_name"],"sd":"never"}]`), "urn:eudi:pid:1": pid}},
		"mandatory dropped": {"urn:a", "", map[string][]byte{"urn:a": link("urn:a", "urn:eudi:pid:1", `,"claims":[{"path":["family_name"],"mandatory":false}]`), "urn:eudi:pid:1": pid}},
	} {
		t.Run(name, func(t *testing.T) {
			if m, err := ResolveTypeMetadata(c.vct, c.sri, library(c.documents)); m != nil || CheckOf(err) != CheckVCT {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestIntegrityStrings(t *testing.T) {
	document := []byte("document")
	sum := func(alg string) string {
		h := hashes[alg].New()
		h.Write(document)
		return encodeStandard(h.Sum(nil))
	}
	s256, s384, s512 := "sha256-"+sum(SHA256), "sha384-"+sum(SHA384), "sha512-"+sum(SHA512)
	wrong512 := "sha512-" + encodeStandard(make([]byte, 64))
	for sri, ok := range map[string]bool{
		s256: true, s384: true, s512: true, s256 + " " + s512: true, s256 + "?ct=json": true, wrong512 + " " + s512: true,
		"md5-x " + s256: true, Integrity(document): true,
		wrong512: false, s256 + " " + wrong512: false, "": false, "md5-x": false, "sha256-": false, strings.ToUpper(s256): false,
		"sha256-" + sum(SHA384): false, "sha256-" + strings.TrimRight(sum(SHA256), "="): false, strings.Repeat(s256+" ", 30): false,
	} {
		if err := VerifyIntegrity(document, sri); (err == nil) != ok {
			t.Errorf("%q: %v", sri, err)
		}
	}
	if err := VerifyIntegrity([]byte("document\n"), s256); err == nil {
		t.Error("another document passes")
	}
}

func TestClaimRules(t *testing.T) {
	w := newWorld(t)
	m, err := ParseTypeMetadata(readMetadata(t, "pid.json"))
	if err != nil {
		t.Fatal(err)
	}
	processed := func(policy Policy, claims Object) *Payload {
		template, err := NewTemplate("urn:eudi:pid:1", claims, Options{Policy: policy})
		if err != nil {
			t.Fatal(err)
		}
		p, err := w.issue(t, template, w.copyOf(), 1).Process()
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	good := processed(m.Policy(), pid20(t))
	if f := m.VerifyTypeMetadata(good); f.Result != Pass {
		t.Error(f)
	}
	if err := m.CheckMandatory(good); err != nil {
		t.Error(err)
	}
	// A claim is selective only if it is itself a disclosure, not because its
	// parent is.
	if f := m.VerifyTypeMetadata(processed(EverythingExcept(Names("address", "country")), pid20(t))); f.Result != Fail || f.Check != CheckVCT {
		t.Error("a nested claim that is no disclosure passes for sd always")
	}
	if f := m.VerifyTypeMetadata(processed(Nothing, pid20(t))); f.Result != Fail {
		t.Error("plain claims pass for sd always")
	}
	never, err := ParseTypeMetadata([]byte(`{"vct":"urn:eudi:pid:1","claims":[{"path":["sex"],"sd":"never"},{"path":["address"],"sd":"never"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if f := never.VerifyTypeMetadata(good); f.Result != Fail {
		t.Error("a disclosure passes for sd never")
	}
	structured := processed(never.Policy(), pid20(t))
	if f := never.VerifyTypeMetadata(structured); f.Result != Pass {
		t.Error(f)
	}
	if structured.IsDisclosed(Names("address")) || !structured.IsDisclosed(Names("address", "country")) {
		t.Error("address is not in the structured form")
	}
	few := processed(Everything, Object{{"family_name", "x"}})
	if err := m.CheckMandatory(few); CheckOf(err) != CheckVCT {
		t.Errorf("given_name is missing: %v", err)
	}
	if f := m.VerifyTypeMetadata(few); f.Result != Pass {
		t.Errorf("missing claims are no matter of sd: %v", f)
	}
	if f := m.VerifyTypeMetadata(payloadOf(t, `{"vct":"urn:x"}`)); f.Result != Fail {
		t.Error("metadata of another type passes")
	}
}

func encodeStandard(b []byte) string { return base64.StdEncoding.EncodeToString(b) }
