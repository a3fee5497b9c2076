package mdoc

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"vidimus/internal/cbor"
)

// many makes a map of n namespaces, each with value.
func many[V any](n int, value V) map[string]V {
	m := map[string]V{}
	for i := range n {
		m[fmt.Sprintf("ns%d", i)] = value
	}
	return m
}

func TestLimits(t *testing.T) {
	digests := func(n int) map[uint64][]byte {
		m := map[uint64][]byte{}
		for i := range n {
			m[uint64(i)] = make([]byte, 32)
		}
		return m
	}
	for name, c := range map[string]struct {
		mutate func(f *forgery)
		check  string // "" when within the limit
	}{
		"response of 4 MiB and a bit": {func(f *forgery) { f.response = func(r map[string]any) { r["later"] = make([]byte, MaxResponse) } }, CheckStrict},
		"response of 3 MiB":           {func(f *forgery) { f.response = func(r map[string]any) { r["later"] = make([]byte, 3<<20) } }, ""},
		"64 namespaces":               {func(f *forgery) { f.items = many(MaxNameSpaces, f.items[usNS]) }, ""},
		"65 namespaces":               {func(f *forgery) { f.items = many(MaxNameSpaces+1, f.items[usNS]) }, CheckStrict},
		"1000 items":                  {func(f *forgery) { f.items[usNS] = slices.Repeat(f.items[usNS], MaxItems) }, ""},
		"1001 items":                  {func(f *forgery) { f.items[usNS] = slices.Repeat(f.items[usNS], MaxItems+1) }, CheckStrict},
		"digests of 64 namespaces":    {func(f *forgery) { f.mso["valueDigests"] = many(MaxNameSpaces, digests(1)) }, ""},
		"digests of 65 namespaces":    {func(f *forgery) { f.mso["valueDigests"] = many(MaxNameSpaces+1, digests(1)) }, CheckFormat},
		"4096 digests":                {func(f *forgery) { f.mso["valueDigests"] = many(1, digests(MaxDigestsPerNameSpace)) }, ""},
		"4097 digests":                {func(f *forgery) { f.mso["valueDigests"] = many(1, digests(MaxDigestsPerNameSpace+1)) }, CheckFormat},
		"64 device namespaces":        {func(f *forgery) { f.deviceElements = many(MaxNameSpaces, map[string]any{"a": 1}) }, ""},
		"65 device namespaces":        {func(f *forgery) { f.deviceElements = many(MaxNameSpaces+1, map[string]any{"a": 1}) }, CheckStrict},
		"1001 device elements":        {func(f *forgery) { f.deviceElements = many(1, many[any](MaxItems+1, 1)) }, CheckStrict},
		"65 authorized namespaces": {func(f *forgery) {
			f.authorize(map[string]any{"nameSpaces": slices.Repeat([]string{"a"}, MaxNameSpaces+1)})
		}, CheckFormat},
		"authorized in 65 namespaces": {func(f *forgery) { f.authorize(map[string]any{"dataElements": many(MaxNameSpaces+1, []string{"a"})}) }, CheckFormat},
		"1001 authorized elements": {func(f *forgery) {
			f.authorize(map[string]any{"dataElements": many(1, slices.Repeat([]string{"a"}, MaxItems+1))})
		}, CheckFormat},
		"errors in 65 namespaces": {func(f *forgery) {
			f.document = func(d map[string]any) { d["errors"] = many(MaxNameSpaces+1, map[string]int{"a": 0}) }
		}, CheckStrict},
		"1001 errors": {func(f *forgery) { f.document = func(d map[string]any) { d["errors"] = many(1, many(MaxItems+1, 0)) } }, CheckStrict},
		"11 document errors": {func(f *forgery) {
			f.response = func(r map[string]any) { r["documentErrors"] = []any{many(MaxDocuments+1, 0)} }
		}, CheckStrict},
	} {
		t.Run(name, func(t *testing.T) {
			f := newForgery(t)
			c.mutate(f)
			r, err := ParseDeviceResponse(f.assemble())
			if c.check == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var pe *ParseError
			if r != nil || !errors.Is(err, ErrLimit) || !errors.As(err, &pe) || pe.Check != c.check {
				t.Errorf("error %v, want a limit of %s", err, c.check)
			}
		})
	}
	if _, err := ParseIssuerSigned(make([]byte, MaxResponse+1)); !errors.Is(err, ErrLimit) {
		t.Errorf("IssuerSigned: %v", err)
	}
	if _, err := ParseIssuerSigned([]byte{0xff}); !errors.Is(err, ErrMalformed) {
		t.Errorf("IssuerSigned: %v", err)
	}
	if _, err := ParseSessionTranscript(make([]byte, MaxRequest+1)); !errors.Is(err, ErrLimit) {
		t.Errorf("SessionTranscript: %v", err)
	}
}

// More items than are compared one by one.
func TestDuplicatesAmongManyItems(t *testing.T) {
	for name, c := range map[string]struct {
		id         uint64
		identifier string
		want       string
	}{
		"distinct":                {200, "new", Pass},
		"identifier of the first": {200, "e0", Fail},
		"identifier of the last":  {200, "e59", Fail},
		"digestID of the first":   {100, "new", Fail},
	} {
		ns := NameSpace{Name: mdlNS}
		for i := range 60 {
			ns.Items = append(ns.Items, IssuerSignedItem{DigestID: uint64(100 + i), ElementIdentifier: fmt.Sprintf("e%d", i)})
		}
		ns.Items = append(ns.Items, IssuerSignedItem{DigestID: c.id, ElementIdentifier: c.identifier})
		s := &IssuerSigned{NameSpaces: []NameSpace{ns}}
		if got := s.verifyUnique(nil); got.Result != c.want || got.Check != CheckDuplicate {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestVersions(t *testing.T) {
	for version, want := range map[string]string{"1.0": "1", "1.27": "1", "2.0": "2", "10.3": "10"} {
		if major, ok := majorVersion(version); !ok || major != want {
			t.Errorf("%q: %q, %v", version, major, ok)
		}
	}
	for _, version := range []string{"", "1", "1.", ".1", "1.0.0", "01.0", "1.00", "1.0 ", "+1.0", "1.-0", "1.12345", "１.0"} {
		if major, ok := majorVersion(version); ok {
			t.Errorf("%q is version %q", version, major)
		}
	}
}

// A full message of small items is read in bounded time and does not grow a
// report without end.
func TestHostileResponseIsBounded(t *testing.T) {
	f := newForgery(t)
	f.deviceElements = many(20, many[any](500, 1))
	f.document = func(d map[string]any) {
		d["errors"] = many(20, many(500, 0))
		for i := range 500 {
			d[fmt.Sprintf("later%d", i)] = cbor.RawMessage{0}
		}
	}
	r, err := ParseDeviceResponse(f.assemble())
	if err != nil {
		t.Fatal(err)
	}
	d := &r.Documents[0]
	if len(d.Notes) > maxNotes+1 {
		t.Errorf("%d notes", len(d.Notes))
	}
	findings := d.Verify(f.options)
	for _, finding := range findings {
		if len(finding.Detail) > 4096 {
			t.Errorf("%s: %d bytes of detail", finding.Check, len(finding.Detail))
		}
	}
	if !Failed(findings) {
		t.Error("passes")
	}
}
