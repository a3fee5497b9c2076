package sdjwt

// Policy says whether the claim at path stands in a disclosure of its own.
// Whatever it says, the members that decide validity never do, nor does
// anything inside them. Indices in the path count in the array as issued.
type Policy func(path Path) bool

// Everything makes every claim, nested property and array entry selectively
// disclosable for itself (PID rulebook, PID_20). A nested property then needs
// its parent: the recursive form.
func Everything(Path) bool { return true }

// Nothing leaves all claims visible.
func Nothing(Path) bool { return false }

// EverythingExcept is [Everything] with claims that stay visible. Each pattern
// leads to the claims themselves: what lies inside them follows its own rule.
// So leaving out the path ["address"] alone gives the structured form.
func EverythingExcept(never ...Path) Policy {
	return func(path Path) bool {
		for _, p := range never {
			if p.Matches(path) {
				return false
			}
		}
		return true
	}
}

// Only makes only these claims selectively disclosable.
func Only(selective ...Path) Policy {
	return func(path Path) bool {
		for _, p := range selective {
			if p.Matches(path) {
				return true
			}
		}
		return false
	}
}
