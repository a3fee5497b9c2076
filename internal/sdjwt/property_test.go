package sdjwt

import (
	"encoding/json"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// claimValue draws a JSON value, nested at most depth deep.
func claimValue(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		kind := rapid.IntRange(0, 6).Draw(t, "kind")
		if depth == 0 {
			kind = kind % 5
		}
		switch kind {
		case 0:
			return nil
		case 1:
			return rapid.Bool().Draw(t, "bool")
		case 2:
			return json.Number(strconv.FormatInt(rapid.Int64().Draw(t, "number"), 10))
		case 3, 4:
			return rapid.String().Draw(t, "text")
		case 5:
			return rapid.SliceOfN(claimValue(depth-1), 0, 4).Draw(t, "array")
		}
		return claimObject(depth-1).Draw(t, "object")
	})
}

var claimName = rapid.OneOf(rapid.SampledFrom([]string{"a", "b", "given_name", "", "sd", "é", "\"", "\\", "\u0000"}), rapid.String()).
	Filter(func(name string) bool { return !reserved(name) })

func claimObject(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		names := rapid.SliceOfNDistinct(claimName, 0, 5, rapid.ID).Draw(t, "names")
		o := Object{}
		for _, name := range names {
			o = append(o, Member{name, claimValue(depth).Draw(t, "value")})
		}
		return o
	})
}

// reveal is the model: what is left of a value when only the chosen of the
// selective claims are disclosed. A selective claim needs all those around it.
func reveal(v any, path Path, selective, chosen func(Path) bool) any {
	seen := func(p Path) bool { return !selective(p) || chosen(p) }
	switch v := v.(type) {
	case Object:
		out := map[string]any{}
		for _, m := range v {
			if at := append(slices.Clone(path), Name(m.Name)); seen(at) {
				out[m.Name] = reveal(m.Value, at, selective, chosen)
			}
		}
		return out
	case []any:
		out := []any{}
		for i, element := range v {
			if at := append(slices.Clone(path), Index(i)); seen(at) {
				out = append(out, reveal(element, at, selective, chosen))
			}
		}
		return out
	}
	return v
}

// pathSet is a random set of paths, the same answer for the same path.
func pathSet(t *rapid.T, label string) func(Path) bool {
	seed := rapid.Uint64().Draw(t, label)
	density := rapid.Uint64Range(0, 4).Draw(t, label+" density")
	return func(p Path) bool {
		h := seed
		for _, c := range []byte(p.String()) {
			h = (h ^ uint64(c)) * 1099511628211
		}
		return (h>>33)%4 < density
	}
}

// withParents closes a choice: choosing a claim chooses all around it.
func withParents(v any, path Path, chosen func(Path) bool) func(Path) bool {
	var all []Path
	var walk func(v any, path Path)
	walk = func(v any, path Path) {
		if chosen(path) && len(path) > 0 {
			for i := range path {
				all = append(all, path[:i+1])
			}
		}
		switch v := v.(type) {
		case Object:
			for _, m := range v {
				walk(m.Value, append(slices.Clone(path), Name(m.Name)))
			}
		case []any:
			for i, element := range v {
				walk(element, append(slices.Clone(path), Index(i)))
			}
		}
	}
	walk(v, path)
	return func(p Path) bool { return slices.ContainsFunc(all, p.Equal) }
}

// TestRoundTrip: any claims, any policy, any choice. The holder gets all claims
// back, the verifier exactly the chosen ones, and no disclosure but those.
func TestRoundTrip(t *testing.T) {
	w := newWorld(t)
	rapid.Check(t, func(rt *rapid.T) {
		claims := claimObject(3).Draw(rt, "claims").(Object)
		claims = slices.DeleteFunc(claims, func(m Member) bool { return neverSelective[m.Name] || m.Name == "iat" || m.Name == "sub" })
		selective := pathSet(rt, "selective")
		opt := Options{
			Policy:    selective,
			Algorithm: rapid.SampledFrom([]string{"", SHA256, SHA384, SHA512}).Draw(rt, "algorithm"),
			Decoys:    rapid.IntRange(0, 3).Draw(rt, "decoys"),
		}
		template, err := NewTemplate("urn:example:type", claims, opt)
		if err != nil {
			rt.Fatal(err)
		}
		prepared, err := template.Prepare(w.copyOf(), random(rapid.Uint64().Draw(rt, "salts")))
		if err != nil {
			rt.Fatal(err)
		}
		compact, err := prepared.Sign(w.issuer, w.chain, random(1))
		if err != nil {
			rt.Fatal(err)
		}
		issued, err := Parse(compact)
		if err != nil {
			rt.Fatal(err)
		}
		all, err := issued.Process()
		if err != nil {
			rt.Fatal(err)
		}
		everything := func(Path) bool { return true }
		if diff := cmp.Diff(reveal(claims, nil, selective, everything), any(withoutOwn(all.Claims))); diff != "" {
			rt.Fatalf("issued (-want +got):\n%s", diff)
		}
		for _, path := range all.Disclosed() {
			if !selective(path) {
				rt.Fatalf("%s is a disclosure against the policy", path)
			}
		}
		chosen := pathSet(rt, "chosen")
		presented, err := issued.Present(chosen, w.holder, nonce, verifierID, now, random(2))
		if err != nil {
			rt.Fatal(err)
		}
		p, err := Parse(presented)
		if err != nil {
			rt.Fatal(err)
		}
		if err := p.VerifyKeyBinding(kbOptions()); err != nil {
			rt.Fatal(err)
		}
		got, err := p.Process()
		if err != nil {
			rt.Fatal(err)
		}
		// Only disclosures can be chosen: a choice of a plain claim reveals nothing around it.
		closed := withParents(claims, nil, func(p Path) bool { return selective(p) && chosen(p) })
		if diff := cmp.Diff(reveal(claims, nil, selective, closed), any(withoutOwn(got.Claims))); diff != "" {
			rt.Fatalf("presented (-want +got):\n%s", diff)
		}
		if again, err := ParseJSON([]byte(general(p))); err != nil || again.Compact != presented {
			rt.Fatalf("general JSON: %v", err)
		}
	})
}
