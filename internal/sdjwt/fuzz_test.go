package sdjwt

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"vidimus/internal/jose"
)

func seedCompact(f *testing.F) {
	e := readMainExample(f)
	f.Add(e.Issued)
	f.Add(e.Presentation)
	w := newWorld(f)
	s := w.issue(f, pidTemplate(f, Options{Decoys: 2, Algorithm: SHA512}), w.copyOf(), 1)
	f.Add(s.Compact)
	f.Add(w.present(f, s, Selection(Names("address"))).Compact)
	f.Add("~")
	f.Add("eyJhbGciOiJFUzI1NiJ9.e30.AAAA~~")
}

// FuzzParse: a failed parse gives nil and names its check; what parses is made
// of exactly the parts that were read, and can be processed without panic.
func FuzzParse(f *testing.F) {
	seedCompact(f)
	f.Fuzz(func(t *testing.T, compact string) {
		s, err := Parse(compact)
		if err != nil {
			if s != nil || CheckOf(err) == "" {
				t.Fatalf("error %v with result %v", err, s != nil)
			}
			return
		}
		parts := []string{s.Issuer.Token}
		for _, d := range s.Disclosures {
			parts = append(parts, d.Encoded)
		}
		if s.KeyBinding != nil {
			parts = append(parts, s.KeyBinding.Token)
		} else {
			parts = append(parts, "")
		}
		if again := strings.Join(parts, "~"); again != compact || s.Compact != compact {
			t.Fatalf("parts make %q of %q", again, compact)
		}
		checkProcessed(t, s)
	})
}

// checkProcessed processes, and checks what must hold of every result.
func checkProcessed(t *testing.T, s *SDJWT) {
	p, err := s.Process()
	if err != nil {
		if p != nil || CheckOf(err) != CheckDigest && CheckOf(err) != CheckDisclosure {
			t.Fatalf("error %v with result %v", err, p != nil)
		}
		if _, again := s.Process(); again == nil || again.Error() != err.Error() {
			t.Fatalf("first %v, then %v", err, again)
		}
		return
	}
	if len(p.Disclosed()) != len(s.Disclosures) {
		t.Fatalf("%d paths for %d disclosures", len(p.Disclosed()), len(s.Disclosures))
	}
	seen := map[string]bool{}
	for _, path := range p.Disclosed() {
		if _, ok := p.Value(path); !ok || seen[path.String()] {
			t.Fatalf("disclosure at %s, which is not there or was there before", path)
		}
		seen[path.String()] = true
		if name, _ := path[0].Name(); neverSelective[name] {
			t.Fatalf("%s is selective", path)
		}
	}
	noLeftovers(t, p.Claims)
	p.VerifyValidity(ValidityOptions{Now: now})
	p.VerifyVCT("x")
	p.Status()
	p.ConfirmationKey()
}

func noLeftovers(t *testing.T, v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			if reserved(name) {
				t.Fatalf("%q in the processed claims", name)
			}
			noLeftovers(t, inner)
		}
	case []any:
		for _, inner := range v {
			noLeftovers(t, inner)
		}
	}
}

// FuzzProcess: any payload with any disclosures. Lines are disclosures, in
// which "@n" stands for the digest of line n.
func FuzzProcess(f *testing.F) {
	f.Add(`{"vct":"x","_sd":["@0"],"n":[{"...":"@1"}]}`, "[\"a\",\"b\",1]\n[\"a\",2]")
	f.Add(`{"_sd":["@1"]}`, "[\"a\",\"b\",1]\n[\"a\",\"c\",{\"_sd\":[\"@0\",\"x\"]}]")
	f.Add(`{"_sd_alg":"sha-384","_sd":[]}`, "")
	f.Add(`{"cnf":{"_sd":["@0"]}}`, `["a","jwk",{}]`)
	f.Add(`{"n":[{"...":"@0","a":1}],"_sd":1}`, `["a",1]`)
	f.Add(`{"n":[[{"...":"@1"}]]}`, "[\"a\",\"deep\"]\n[\"b\",[[[[{\"...\":\"@0\"}]]]]]")
	header := jose.EncodeBase64URL([]byte(`{"alg":"ES256","typ":"dc+sd-jwt"}`))
	f.Fuzz(func(t *testing.T, payload, disclosures string) {
		forged := forgery{}
		if disclosures != "" {
			forged.disclosures = strings.Split(disclosures, "\n")
		}
		if len(forged.disclosures) > 10 {
			return
		}
		forged.encode()
		compact := header + "." + jose.EncodeBase64URL([]byte(forged.fill(payload))) + ".AAAA~"
		for _, encoded := range forged.encoded {
			compact += encoded + "~"
		}
		s, err := Parse(compact)
		if err != nil {
			return
		}
		checkProcessed(t, s)
		// What a holder passes on verifies alike, whatever is left out.
		for i := range 3 {
			n := 0
			part, err := s.Present(func(Path) bool { n++; return n%3 == i }, nil, "", "", now, nil)
			if err != nil {
				continue
			}
			again, err := Parse(part)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := again.Process(); err != nil {
				t.Fatalf("a part of a good one fails: %v", err)
			}
		}
	})
}

// FuzzParseJSON: what reads as JSON reads as the compact form it stands for.
func FuzzParseJSON(f *testing.F) {
	w := newWorld(f)
	s := w.present(f, w.issue(f, pidTemplate(f, Options{}), w.copyOf(), 1), Selection(Names("sex")))
	f.Add([]byte(flattened(s)))
	f.Add([]byte(general(s)))
	f.Add([]byte(`{"payload":"e30","protected":"eyJhbGciOiJFUzI1NiJ9","signature":"AAAA"}`))
	f.Add([]byte(`{"payload":"e30","signatures":[{"protected":"eyJhbGciOiJFUzI1NiJ9","signature":"AAAA","header":{"kid":"1"}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ParseJSON(data)
		if err != nil {
			if s != nil || CheckOf(err) == "" {
				t.Fatalf("error %v with result %v", err, s != nil)
			}
			return
		}
		again, err := Parse(s.Compact)
		if err != nil || !reflect.DeepEqual(s, again) {
			t.Fatalf("compact form reads otherwise: %v", err)
		}
	})
}

// FuzzTypeMetadata: a failed parse gives nil; what parses has well-formed
// claims, and can be resolved and compared without panic.
func FuzzTypeMetadata(f *testing.F) {
	files, _ := filepath.Glob("testdata/type-metadata/*.json")
	if len(files) == 0 {
		f.Fatal("no seeds")
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	w := newWorld(f)
	p, err := w.issue(f, pidTemplate(f, Options{}), w.copyOf(), 1).Process()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseTypeMetadata(data)
		if err != nil {
			if m != nil || CheckOf(err) != CheckVCT {
				t.Fatalf("error %v with result %v", err, m != nil)
			}
			return
		}
		for _, c := range m.Claims {
			again, err := parsePathJSON([]byte(c.Path.String()))
			if err != nil || !again.Equal(c.Path) {
				t.Fatalf("path %s reads as %s, %v", c.Path, again, err)
			}
		}
		ResolveTypeMetadata(m.VCT, "", func(string) ([]byte, error) { return data, nil })
		m.CheckDisclosable(p)
		m.CheckMandatory(p)
	})
}

// FuzzTree compares the fast reader with the strict one.
func FuzzTree(f *testing.F) {
	for _, text := range []string{`{"a":[1,-2.5e+3,true,false,null,"x"],"":{}}`, `"\u00e9\ud83d\ude00\"\\\/\b\f\n\r\t"`, " [ ] ", `[[],{},"é"]`, `0`, `{"a" : { "b" : [ 1 , 2 ] } }`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var want any
		wantErr := jose.DecodeJSON(data, &want)
		got, err := decodeTree(data)
		if (err == nil) != (wantErr == nil) || !reflect.DeepEqual(got, want) {
			t.Fatalf("got %v, %v; want %v, %v", got, err, want, wantErr)
		}
	})
}
