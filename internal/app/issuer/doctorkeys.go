package issuer

import (
	"context"
	"io"
	"maps"
	"slices"
	"time"

	"vidimus/internal/keys"
	"vidimus/internal/keys/soft"
	"vidimus/internal/pki"
)

// DiagnoseClosed looks at an office that does not open, for the reason given:
// at what needs no database.
func DiagnoseClosed(ctx context.Context, cfg Config, opts Options, why error) *Diagnosis {
	opts.fill()
	d := &Diagnosis{}
	d.add("office", "start", Wrong, "remedy what is named here, then look again", "%v", why)
	if r, err := cfg.loadRoots(); err != nil {
		d.add("certificates", "roots", Wrong, "put the roots back: certificates of iaca, operations_ca and access_ca", "%v", err)
	} else {
		cfg.diagnoseKeys(ctx, d, r, opts.Clock.Now(), opts.Rand)
	}
	cfg.diagnoseDisk(d)
	return d
}

// HasState says whether there is an office to look at.
func (c *Config) HasState() bool { return exists(c.Path(databaseFile)) }

// diagnoseKeys opens every key anew, as the next start would, and holds it
// against its certificate.
func (c *Config) diagnoseKeys(ctx context.Context, d *Diagnosis, r roots, now time.Time, rand io.Reader) {
	km := soft.New(c.StateDir)
	defer km.Close()
	for _, name := range slices.Sorted(maps.Keys(c.Signers)) {
		uri := c.Signers[name].Key
		id, err := c.chainOf(name, r, now)
		if err != nil {
			d.add("certificates", name, Wrong, "put a certificate that conforms in place (docs/OPERATIONS.md, Certificates)", "%v", err)
		} else {
			c.diagnoseLeaf(d, name, id.leaf, now)
		}
		key, keyErr := km.Signer(ctx, uri)
		if keyErr == nil && err == nil {
			keyErr = keys.Prove(key, id.leaf.Cert, rand)
		}
		if keyErr != nil {
			d.add("keys", name, Wrong, "put the key back from its safe copy; never make another one under the same certificate", "%v", keyErr)
			continue
		}
		d.add("keys", name, Good, "", "%s opens", uri)
	}
	for _, root := range []struct {
		name string
		cert *pki.Certificate
	}{{"iaca", r.iaca}, {"operations_ca", r.operations}, {"access_ca", r.access}} {
		grade, left := Good, root.cert.NotAfter().Sub(now)
		if left < 366*24*time.Hour {
			grade = Look
		}
		d.add("certificates", root.name, grade, "begin the change to a new root: readers need a year", "root, until %s", root.cert.NotAfter().UTC().Format(time.DateOnly))
	}
}

func (c *Config) diagnoseLeaf(d *Diagnosis, name string, leaf *pki.Certificate, now time.Time) {
	left := leaf.NotAfter().Sub(now)
	grade, remedy := Good, ""
	switch {
	case left < expiresSoon:
		grade, remedy = Look, "make a new key and certificate under new file names, and run issuer init --add"
	case left < 2*expiresSoon:
		grade, remedy = Look, "prepare its successor"
	case slices.Contains(pki.Lint(leaf, c.profile(name), nil), pki.FindingSecondEKU):
		grade, remedy = Look, "it has a second extended key usage, and some readers refuse its licences: make a new key and certificate under new file names, and run issuer init --add"
	}
	d.add("certificates", name, grade, remedy, "%s, until %s (%d days)", c.profile(name), leaf.NotAfter().UTC().Format(time.DateOnly), int(left.Hours()/24))
}
