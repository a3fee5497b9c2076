package issuer

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"vidimus/internal/clock"
	"vidimus/internal/diagnosis"
	"vidimus/internal/emergency"
	"vidimus/internal/keys"
	"vidimus/internal/pki"
	"vidimus/internal/problem"
	"vidimus/internal/rotation"
)

// DiagnoseClosed looks at an office that does not open, for the reason given:
// at what needs no database.
func DiagnoseClosed(ctx context.Context, cfg Config, opts Options, why error) *diagnosis.Diagnosis {
	opts.fill()
	d := &diagnosis.Diagnosis{}
	d.Add("office", "start", diagnosis.Wrong, "remedy what is named here, then look again", "%v", why)
	if r, err := cfg.loadRoots(); err != nil {
		d.Add("certificates", "roots", diagnosis.Wrong, "put the roots back: certificates of iaca, operations_ca and access_ca", "%v", err)
	} else {
		cfg.diagnoseKeys(ctx, d, r, nil, opts.Clock.Now(), opts.Rand) // what is stopped stands in the database
	}
	cfg.diagnoseDisk(d)
	return d
}

// HasState says whether there is an office to look at.
func (c *Config) HasState() bool { return exists(c.Path(databaseFile)) }

// diagnoseKeys opens every key anew, as the next start would, and holds it
// against its certificate and what is stopped or revoked.
func (c *Config) diagnoseKeys(ctx context.Context, d *diagnosis.Diagnosis, r roots, stops []emergency.Stop, now time.Time, rand io.Reader) {
	ring, err := c.openKeyring(ctx, clock.NewFake(now), rand, slog.New(slog.DiscardHandler))
	if err != nil {
		d.Add("keys", "all", diagnosis.Wrong, "remedy what is named here: until then no key was looked at", "%v", err)
		return
	}
	defer ring.Close()
	differ, err := ring.disagreements(ctx)
	if err != nil {
		differ = []string{err.Error()}
	}
	for _, text := range differ {
		d.Add("keys", "signer", diagnosis.Wrong, "make the two configurations agree, and start the signer again: until then it refuses what the office asks for", "%s", text)
	}
	barred, err := c.barred(stops, r, &crlServed{})
	if err != nil {
		d.Add("revocation", "signers", diagnosis.Wrong, "put the list back from the newest backup: until then nothing is issued", "%v", err)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Signers)) {
		var all []*identity
		for _, g := range c.generations(name) {
			if id := c.diagnoseGeneration(ctx, d, ring, g, r, barred, now); id != nil {
				all = append(all, id)
			}
		}
		if len(all) > 0 {
			c.diagnoseSuccession(d, name, all, ring.cat, barred, now)
		}
	}
	for _, root := range []struct {
		name string
		cert *pki.Certificate
	}{{"iaca", r.iaca}, {"operations_ca", r.operations}, {"access_ca", r.access}} {
		grade, left := diagnosis.Good, root.cert.NotAfter().Sub(now)
		if left < 366*24*time.Hour {
			grade = diagnosis.Look
		}
		d.Add("certificates", root.name, grade, "begin the change to a new root: readers need a year", "root, until %s", root.cert.NotAfter().UTC().Format(time.DateOnly))
	}
}

// diagnoseGeneration opens one key and holds it against its certificate, which it
// gives; nil when that cannot be read.
func (c *Config) diagnoseGeneration(ctx context.Context, d *diagnosis.Diagnosis, ring *keyring, g generation, r roots, barred barred, now time.Time) *identity {
	what := strings.TrimPrefix(g.label, "signers.")
	id, err := c.chainOf(g, r, now)
	if err == nil && len(c.Signers[g.signer].Next) == 0 {
		err = id.valid(now) // of several, some have ended or are to come
	}
	if err != nil {
		d.Add("certificates", what, diagnosis.Wrong, "put a certificate that conforms in place (docs/OPERATIONS.md, Certificates)", "%v", err)
	} else {
		c.diagnoseLeaf(d, g, id.leaf, barred.why(id.keyID, id.leaf), now)
	}
	var keyErr error
	if id != nil {
		keyErr = ring.identify(ctx, g, id)
	} else if !atSigner(g.Key) {
		_, keyErr = ring.files.Signer(ctx, g.Key)
	}
	if keyErr != nil && atSigner(g.Key) && (problem.KindOf(keyErr) == problem.Unavailable || !errors.Is(keyErr, keys.ErrSignature)) {
		d.Add("keys", what, diagnosis.Wrong, "see that the signer runs (systemctl status vidimus-signer), that its configuration names this key and this user (peers.users), and what it says itself: signer doctor", "%v", keyErr)
		return id
	}
	if keyErr != nil {
		d.Add("keys", what, diagnosis.Wrong, "put the key back from its safe copy; never make another one under the same certificate", "%v", keyErr)
		return id
	}
	d.Add("keys", what, diagnosis.Good, "", "%s opens", g.Key)
	return id
}

// diagnoseLeaf looks at one certificate. Those of document signers live for weeks, and
// of several one may end: diagnoseSuccession says what that means.
func (c *Config) diagnoseLeaf(d *diagnosis.Diagnosis, g generation, leaf *pki.Certificate, bar rotation.Bar, now time.Time) {
	name := g.signer
	left := leaf.NotAfter().Sub(now)
	grade, remedy, also := diagnosis.Good, "", ""
	follows := documentSigner(c.profile(name)) || len(c.Signers[name].Next) > 0
	switch {
	case bar.Bars():
		grade, remedy, also = diagnosis.Wrong, barredRemedy, ", "+bar.String()
	case left < expiresSoon && !follows:
		grade, remedy = diagnosis.Look, c.newRemedy(name)
	case left < 2*expiresSoon && !follows:
		grade, remedy = diagnosis.Look, "prepare its successor"
	case slices.Contains(pki.Lint(leaf, c.profile(name), nil), pki.FindingSecondEKU):
		grade, remedy = diagnosis.Look, "it has a second extended key usage, and some readers refuse its licences: "+c.newRemedy(name)
	}
	d.Add("certificates", strings.TrimPrefix(g.label, "signers."), grade, remedy, "%s, until %s (%d days)%s", c.profile(name), leaf.NotAfter().UTC().Format(time.DateOnly), int(left.Hours()/24), also)
}
