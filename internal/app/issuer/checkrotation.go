package issuer

import "time"

// Bounds of rotation: a key that signs for less than a day is changed in a hurry,
// and ISO/IEC 18013-5 B.1.4 lets no document signer live longer than 457 days.
const (
	minUse     = 24 * time.Hour
	maxLongest = 457 * 24 * time.Hour
)

// rotation checks how signers follow each other.
func (k *checker) rotation() {
	r := k.c.Rotation
	if r.Use < minUse {
		k.bad("rotation.use", "%s or more, got %s", minUse, r.Use)
	}
	if r.PublishBefore < 0 || r.PublishBefore > r.Use {
		k.bad("rotation.publish_before", "between 0s and rotation.use (%s), got %s: the next key is made while the one before it signs", r.Use, r.PublishBefore)
	}
	if r.Longest < 2*r.Use || r.Longest > maxLongest {
		k.bad("rotation.longest", "between twice rotation.use (%s) and %dh (457 days, ISO/IEC 18013-5 B.1.4), got %s", 2*r.Use, int(maxLongest.Hours()), r.Longest)
	}
}

// generations checks the keys of a signer.
func (k *checker) generations(name string) {
	seen := map[string]string{}
	for _, g := range k.c.generations(name) {
		if g.Chain == "" {
			k.bad(g.label, "chain is missing: a PEM file with the certificate")
		}
		k.uri(g.label+".key", g.Key)
		for _, what := range []string{g.Key, g.Chain} {
			if other := seen[what]; what != "" && other != "" {
				k.bad(g.label, "%s is that of %s: another generation is another key with a certificate of its own", what, other)
			}
			seen[what] = g.label
		}
	}
}
