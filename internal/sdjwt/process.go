package sdjwt

import (
	"crypto"
	"slices"
)

// neverSelective are the members that decide whether a credential is valid and
// whose it is (SD-JWT VC, section 2.2.2.3): neither they nor anything inside
// them may be disclosed selectively, or a holder could hide an expiry or a
// status.
var neverSelective = map[string]bool{
	"iss": true, "nbf": true, "exp": true, "cnf": true, "status": true,
	"vct": true, "vct#integrity": true, "aka_vcts": true,
}

// Process puts the disclosures into their places (RFC 9901, section 7.1, steps
// 3 to 5). The signature is not looked at: verify it too.
//
// The error is an *[Error] of sd.digest (the digests, or a disclosure that none
// refers to) or sd.disclosure (what a disclosure holds, or where it stands).
func (s *SDJWT) Process() (*Payload, error) {
	p, err := process(s.payload, s.Disclosures)
	if err != nil {
		return nil, err
	}
	p.issuer = s.Issuer
	return p, nil
}

// VerifyDisclosures is [SDJWT.Process] with findings sd.disclosure and
// sd.digest. The payload is nil when one of them failed.
func (s *SDJWT) VerifyDisclosures() (*Payload, []Finding) {
	p, err := s.Process()
	if err != nil {
		f := failed(CheckDigest, err)
		if f.Check == CheckDigest {
			return nil, []Finding{{Check: CheckDisclosure, Result: NotDone, Detail: "needs " + CheckDigest}, f}
		}
		return nil, []Finding{f, {Check: CheckDigest, Result: NotDone, Detail: "needs " + CheckDisclosure}}
	}
	f := Finding{Check: CheckDisclosure, Result: Pass}
	for i := range s.Disclosures {
		if s.Disclosures[i].weakSalt() {
			f.Result, f.Detail = Warn, "a salt is shorter than 128 bits"
		}
	}
	return p, []Finding{f, {Check: CheckDigest, Result: Pass}}
}

const (
	unknown = -1 // a digest without disclosure: a decoy, or withheld
	used    = -2 // met already
)

// walker replaces digests by what was disclosed. It never changes its input.
type walker struct {
	disclosures []Disclosure
	digests     map[string]int // index of the disclosure, unknown or used
	met         int            // digests met
	paths       []Path         // where each disclosure went
	steps       []Step         // room for the paths
	placed      []bool
	parents     []int // the disclosure that holds each one, -1 for the payload
	parent      int   // the disclosure that we are in
	path        Path  // where we are
	fixed       bool  // inside a member that must not be selective
	keys        []string
}

func process(payload map[string]any, disclosures []Disclosure) (*Payload, error) {
	name, hash, err := hashOf(payload)
	if err != nil {
		return nil, err
	}
	w := &walker{disclosures: disclosures, parent: -1, path: make(Path, 0, maxDepth)}
	if err := w.index(hash); err != nil {
		return nil, err
	}
	claims, err := w.object(payload, 1)
	if err != nil {
		return nil, err
	}
	// Step 5: what no digest refers to did not come from the issuer. This also
	// catches a child whose parent is not there.
	for _, placed := range w.placed {
		if !placed {
			return nil, refuse(CheckDigest, "a disclosure that no digest refers to")
		}
	}
	p := &Payload{Claims: claims, Algorithm: name, paths: w.paths, parents: w.parents}
	p.read()
	return p, nil
}

// index hashes every disclosure (step 3a).
func (w *walker) index(hash crypto.Hash) error {
	n := len(w.disclosures)
	w.digests = make(map[string]int, 2*n)
	w.paths, w.placed, w.parents = make([]Path, n), make([]bool, n), make([]int, n)
	w.steps = make([]Step, 0, 2*n)
	h := hasher{hash: hash.New()}
	for i := range w.disclosures {
		digest := h.digest(w.disclosures[i].Encoded)
		if _, twice := w.digests[digest]; twice {
			return refuse(CheckDigest, "the same disclosure twice")
		}
		w.digests[digest] = i
	}
	return nil
}

// take looks up a digest from the payload or a disclosure, and marks it as met:
// meeting it again is refused (step 4).
func (w *walker) take(v any) (int, error) {
	digest, ok := v.(string)
	if !ok {
		return 0, refuse(CheckDigest, "a digest is not a string")
	}
	if w.met++; w.met > maxDigests {
		return 0, refuse(CheckDigest, "%w: more than %d digests", ErrLimit, maxDigests)
	}
	i, known := w.digests[digest]
	switch {
	case known && i == used:
		return 0, refuse(CheckDigest, "the same digest twice")
	case w.fixed:
		return 0, refuse(CheckDisclosure, "a digest inside a claim that must not be selectively disclosable")
	case !known:
		i = unknown
	}
	w.digests[digest] = used
	return i, nil
}

func (w *walker) value(v any, depth int) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		return w.object(v, depth)
	case []any:
		return w.array(v, depth)
	}
	return v, nil
}

func (w *walker) object(m map[string]any, depth int) (map[string]any, error) {
	if depth > maxDepth {
		return nil, refuse(CheckDigest, "%w: claims nested deeper than %d", ErrLimit, maxDepth)
	}
	list, _ := m["_sd"].([]any)
	out := make(map[string]any, len(m)+len(list))
	// In order of names, so that one input always fails in the same way.
	start := len(w.keys)
	for key := range m {
		w.keys = append(w.keys, key)
	}
	keys := w.keys[start:]
	slices.Sort(keys)
	for _, key := range keys {
		switch {
		case key == "_sd":
			continue
		case key == "_sd_alg":
			if depth > 1 {
				return nil, refuse(CheckDigest, "_sd_alg below the top level")
			}
			continue
		case key == "...":
			return nil, refuse(CheckDigest, "a claim named \"...\"")
		}
		v, err := w.member(key, m[key], depth)
		if err != nil {
			return nil, err
		}
		out[key] = v
	}
	w.keys = w.keys[:start]
	if digests, ok := m["_sd"]; ok {
		if err := w.properties(m, out, digests, depth); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// member processes the value of a plain or a disclosed member.
func (w *walker) member(key string, v any, depth int) (any, error) {
	outside := w.fixed
	if depth == 1 && neverSelective[key] {
		w.fixed = true
	}
	w.path = append(w.path, Name(key))
	v, err := w.value(v, depth+1)
	w.path = w.path[:len(w.path)-1]
	w.fixed = outside
	return v, err
}

// properties inserts what the digests of _sd stand for (step 3c, first half).
func (w *walker) properties(plain, out map[string]any, digests any, depth int) error {
	list, ok := digests.([]any)
	if !ok {
		return refuse(CheckDigest, "_sd is not an array")
	}
	for _, digest := range list {
		i, err := w.take(digest)
		if err != nil {
			return err
		}
		if i == unknown {
			continue
		}
		d := &w.disclosures[i]
		if !d.Property {
			return refuse(CheckDisclosure, "an array element disclosed as a property")
		}
		if depth == 1 && neverSelective[d.Name] {
			return refuse(CheckDisclosure, "%s disclosed selectively", d.Name)
		}
		_, inPayload := plain[d.Name]
		if _, inserted := out[d.Name]; inserted || inPayload {
			return refuse(CheckDisclosure, "disclosure of a claim that is already there")
		}
		outside := w.enter(i, Name(d.Name))
		v, err := w.member(d.Name, d.Value, depth)
		if err != nil {
			return err
		}
		w.parent = outside
		out[d.Name] = v
	}
	return nil
}

func (w *walker) array(list []any, depth int) (any, error) {
	if depth > maxDepth {
		return nil, refuse(CheckDigest, "%w: claims nested deeper than %d", ErrLimit, maxDepth)
	}
	out := make([]any, 0, len(list))
	for _, element := range list {
		outside := w.parent
		if m, ok := element.(map[string]any); ok {
			if digest, ok := m["..."]; ok {
				i, err := w.element(m, digest, len(out))
				if err != nil {
					return nil, err
				}
				if i == unknown {
					continue // step 3d: withheld
				}
				element = w.disclosures[i].Value
			}
		}
		w.path = append(w.path, Index(len(out)))
		v, err := w.value(element, depth+1)
		if err != nil {
			return nil, err
		}
		w.path = w.path[:len(w.path)-1]
		w.parent = outside
		out = append(out, v)
	}
	return out, nil
}

// element finds what {"...": digest} stands for (step 3c, second half).
func (w *walker) element(m map[string]any, digest any, at int) (int, error) {
	if len(m) != 1 {
		return 0, refuse(CheckDigest, "\"...\" beside another member")
	}
	i, err := w.take(digest)
	if err != nil || i == unknown {
		return i, err
	}
	if w.disclosures[i].Property {
		return 0, refuse(CheckDisclosure, "a property disclosed as an array element")
	}
	w.enter(i, Index(at))
	return i, nil
}

// enter notes where disclosure i goes, and that what follows lies inside it.
func (w *walker) enter(i int, step Step) (outside int) {
	outside = w.parent
	w.placed[i] = true
	start := len(w.steps)
	w.steps = append(append(w.steps, w.path...), step)
	w.paths[i] = Path(slices.Clip(w.steps[start:]))
	w.parents[i] = outside
	w.parent = i
	return outside
}
