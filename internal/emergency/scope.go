package emergency

import (
	"slices"

	"vidimus/internal/problem"
)

// Kind says what was lost.
type Kind string

// The kinds.
const (
	OfKey            Kind = "key"             // a DocumentSigner: Value is its key id
	OfWalletProvider Kind = "wallet-provider" // Value is its name in the records of wallet units
	OfRegistry       Kind = "registry"        // Value is the source
	OfAll            Kind = "all"             // every key that signed until now
)

// Kinds lists them.
func Kinds() []Kind { return []Kind{OfKey, OfWalletProvider, OfRegistry, OfAll} }

// Scope names copies.
type Scope struct {
	Kind  Kind   `json:"kind"`
	Value string `json:"value,omitempty"` // "" for OfAll
	// Types are the types of document of which the registry may speak (OfRegistry):
	// a document of these that came in a file, so that no event says who put it,
	// is taken for the registry's.
	Types []string `json:"types,omitempty"`
	// Keys are the ids that OfAll stands for, sorted: those of copies, and those
	// that sign now. A key that waits for its turn, or is made after the count, is
	// not lost.
	Keys []string `json:"keys,omitempty"`
}

// check refuses a scope that names nothing. Kind InvalidRequest.
func (s Scope) check() error {
	switch {
	case !slices.Contains(Kinds(), s.Kind):
		return problem.New(problem.InvalidRequest, "the scope is none of key, wallet-provider, registry and all")
	case s.Kind == OfAll && s.Value != "", s.Kind != OfAll && !visible(s.Value, maxValue):
		return problem.New(problem.InvalidRequest, "the scope %s wants an id of at most %d visible characters, all wants none", s.Kind, maxValue)
	case len(s.Keys) > maxKeys:
		return problem.New(problem.InvalidRequest, "more than %d keys", maxKeys)
	}
	return nil
}

// Covers says whether copies signed by a key are in the scope by that alone.
func (s Scope) Covers(key string) bool {
	return s.Kind == OfKey && key == s.Value || s.Kind == OfAll && slices.Contains(s.Keys, key)
}

// Bounded says whether more copies than a plan's bound are another scope than two
// humans saw: what a provider or a registry comes to depends on others. A key is
// its copies.
func (s Scope) Bounded() bool { return s.Kind != OfKey && s.Kind != OfAll }

// String is the scope for a human.
func (s Scope) String() string {
	if s.Kind == OfAll {
		return "all"
	}
	return string(s.Kind) + " " + s.Value
}

// Stop keeps new copies, or new events, from coming into a scope. Kind is never
// OfAll: that stops each of its keys.
type Stop struct {
	Kind  Kind   `json:"kind"`
	Value string `json:"value"`
	// Plan is the newest that began with it, and Hash that of its draft.
	Plan  string `json:"plan"`
	Hash  string `json:"hash,omitempty"`
	Since int64  `json:"since"` // seconds since 1970, when the first of them began
	// Types are those of Scope.
	Types []string `json:"types,omitempty"`
}

// Reason is the plan that a stop hangs on.
func (s Stop) Reason() Reason { return Reason{s.Plan, s.Hash} }

// Again is a stop in force that another plan wants too: it hangs on that one from
// now on, so that who lifts knows of it, and holds what either stopped.
func (s Stop) Again(newer Stop) Stop {
	newer.Since = s.Since
	newer.Types = slices.Compact(slices.Sorted(slices.Values(slices.Concat(s.Types, newer.Types))))
	return newer
}

// Stops are what a plan stops at its begin.
func (p Plan) Stops(at int64) []Stop {
	if p.Scope.Kind != OfAll {
		return []Stop{{Kind: p.Scope.Kind, Value: p.Scope.Value, Plan: p.ID, Hash: p.Hash, Since: at, Types: p.Scope.Types}}
	}
	var out []Stop
	for _, key := range p.Scope.Keys {
		out = append(out, Stop{Kind: OfKey, Value: key, Plan: p.ID, Hash: p.Hash, Since: at})
	}
	return out
}

func visible(s string, limit int) bool {
	return s != "" && len(s) <= limit && !slices.ContainsFunc([]byte(s), func(c byte) bool { return c <= ' ' || c > '~' })
}
