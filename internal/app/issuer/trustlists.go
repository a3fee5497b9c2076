package issuer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"vidimus/internal/bundle"
	"vidimus/internal/catalog"
	"vidimus/internal/clock"
	"vidimus/internal/diagnosis"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/outfile"
	"vidimus/internal/pki"
	"vidimus/internal/trust"
)

// Names of the lists that say who issues here, which are also those of the files in
// the folder trustListsDir of the state folder and of the published lists.
const (
	trustListsDir = "trust"
	vicalName     = "vical"
	pidName       = "pid-providers"
	pubEAAName    = "pub-eaa-providers"
	listSigner    = "vical" // signers.vical
)

// vicalSoon is how long before its end a list should be followed by the next.
const vicalSoon = 7 * 24 * time.Hour

// TrustListWish is what an operator says of a list of our own roots.
type TrustListWish struct {
	Output string // "" is the one that the office publishes
	Days   int    // until the next one
	// After is the highest number that any reader has, by the word of who asks: for an
	// office that lost count. 0 says nothing.
	After uint64
	// Postal is where the authority sits, for lists of trusted entities.
	Postal trust.PostalAddress
}

// TrustListKind is a list that says who issues here.
type TrustListKind struct {
	name, file string
	entity     func(*Config, roots) trust.EntityListContents // nil for the VICAL
}

// TrustListKinds are the lists by the word with which an operator asks for them.
var TrustListKinds = map[string]TrustListKind{
	"vical": {vicalName, "vical.cbor", nil},
	"pid": {pidName, "pid-providers.jwt", func(c *Config, r roots) trust.EntityListContents {
		return c.entities(r, trust.PIDProviders, "PIDProvidersList", "PIDProviders", trust.PIDIssuance, trust.PIDRevocation, "person identification data")
	}},
	"pub-eaa": {pubEAAName, "pub-eaa-providers.jwt", func(c *Config, r roots) trust.EntityListContents {
		return c.entities(r, trust.PubEAAProviders, "PubEAAProvidersList", "PubEAAProviders", trust.PubEAAIssuance, trust.PubEAARevocation, "driving licences and other attestations of a public body")
	}},
}

// BuildTrustList makes a list that says that this office issues below its roots, signs
// it with signers.vical, reads it as a reader would, and puts it where the office
// publishes it. The answer is a line about it, and the address or file; an error beside
// them says that it was made and does not lie among the published lists.
func BuildTrustList(ctx context.Context, cfg *Config, kind TrustListKind, w TrustListWish, now time.Time, rand io.Reader) (text, to string, err error) {
	if _, ok := cfg.Signers[listSigner]; !ok {
		return "", "", errors.New("signers.vical is missing: name a key and a chain, and run `issuer init --add` (or have the certificate signed by the operations CA; profile vical-signer)")
	}
	if w.Days < 1 || w.Days > 180 {
		return "", "", fmt.Errorf("between 1 and 180 days until the next list, got %d", w.Days)
	}
	r, err := cfg.loadRoots()
	if err != nil {
		return "", "", err
	}
	g, id, err := cfg.current(listSigner, r, now)
	if err != nil {
		return "", "", err
	}
	ring, err := cfg.openKeyring(ctx, clock.NewFake(now), rand, slog.New(slog.DiscardHandler))
	if err != nil {
		return "", "", err
	}
	defer ring.Close()
	if err := ring.identify(ctx, g, id); err != nil {
		return "", "", fmt.Errorf("%s: %w", g.label, err)
	}
	unlock, err := cfg.aloneWithLists(ctx, byTrust)
	if err != nil {
		return "", "", err
	}
	defer unlock()
	now = now.UTC().Truncate(time.Second)
	number, err := cfg.listNumber(kind, w.After, now)
	if err != nil {
		return "", "", err
	}
	next := now.AddDate(0, 0, w.Days)
	anchors := []*pki.Certificate{r.operations}
	var data []byte
	if kind.entity == nil {
		contents, err := cfg.vical(r, now)
		if err != nil {
			return "", "", err
		}
		contents.IssueID, contents.Date, contents.NextUpdate = number, now, next
		if data, err = trust.BuildVICAL(contents, id.key, id.chain, anchors, rand); err != nil {
			return "", "", err
		}
		text = fmt.Sprintf("VICAL %d with %d certificates, next update %s", number, len(contents.Entries), stamp(next))
	} else {
		contents := kind.entity(cfg, r)
		contents.Sequence, contents.Issued, contents.NextUpdate = number, now, next
		contents.Entities[0].Postal = w.Postal
		if data, err = trust.BuildEntityList(contents, id.key, id.chain, anchors, rand); err != nil {
			return "", "", err
		}
		text = fmt.Sprintf("list %d of type %s with %d certificates, next update %s", number, contents.Type, len(contents.Entities[0].Services[0].Certificates), stamp(next))
	}
	if err := os.MkdirAll(cfg.Path(trustListsDir), 0o700); err != nil {
		return "", "", err
	}
	// The number is kept first: one that is never used does no harm.
	if err := outfile.Replace(cfg.numberFile(kind), bundle.FormatNumber(number), 0o600); err != nil {
		return "", "", err
	}
	if w.Output != "" {
		return text, w.Output, outfile.Replace(w.Output, data, 0o644)
	}
	if err := outfile.Replace(filepath.Join(cfg.Path(trustListsDir), kind.file), data, 0o644); err != nil {
		return "", "", err
	}
	to = cfg.PublicURL + issuerhttp.TrustListPath + kind.name
	if err := cfg.publishTrustLists(""); err != nil {
		return text, to, fmt.Errorf("%w: %w", ErrUnpublished, err)
	}
	return text, to, nil
}

func (c *Config) numberFile(kind TrustListKind) string {
	return filepath.Join(c.Path(trustListsDir), kind.name+".number")
}

func (c *Config) listNumber(kind TrustListKind, after uint64, now time.Time) (uint64, error) {
	kept, err := readLimited(c.numberFile(kind), maxNumberFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	n, err := bundle.Numbers{File: kept, After: after}.Next(now)
	if err != nil {
		return 0, fmt.Errorf("%s: %w. It holds the number of the last list, below which readers take none: look for the highest that was published, and say it with --after NUMBER", c.numberFile(kind), err)
	}
	return n, nil
}

// vical is what our VICAL says but for number and dates: each of our IACAs that has not
// ended, for the doctypes of the catalogue, and the links between them, by which
// readers who hold one find the other.
func (c *Config) vical(r roots, now time.Time) (trust.VICALContents, error) {
	cat, err := c.loadCatalog()
	if err != nil {
		return trust.VICALContents{}, err
	}
	var docTypes []string
	for _, name := range cat.IDs() {
		if cfg, _ := cat.Configuration(name); cfg.Format == catalog.FormatMDoc && !slices.Contains(docTypes, cfg.DocType) {
			docTypes = append(docTypes, cfg.DocType)
		}
	}
	out := trust.VICALContents{Provider: c.Authority.Organization, URL: c.PublicURL + issuerhttp.TrustListPath + vicalName}
	add := func(profile string, certs []*pki.Certificate) {
		for _, cert := range certs {
			if !now.After(cert.NotAfter()) {
				out.Entries = append(out.Entries, trust.VICALEntry{Cert: cert, DocTypes: docTypes, Profiles: []string{profile}, Authority: c.Authority.Organization})
			}
		}
	}
	add(trust.ProfileURNIACA, r.iacas())
	add(trust.ProfileURNLink, r.links)
	return out, nil
}

// entities is a list of trusted entities with one entity, this authority: its roots
// stand over those who sign, and over those who sign the status lists.
func (c *Config) entities(r roots, typ, determination, rules, issuance, revocation, what string) trust.EntityListContents {
	const base = "http://uri.etsi.org/19602/"
	return trust.EntityListContents{
		Type: typ, Determination: base + determination + "/StatusDetn/EU", Rules: base + rules + "/schemerules/EU",
		Operator: c.Authority.Organization, Territory: c.Authority.Country, Contact: c.PublicURL,
		Name: c.Authority.Country + ": who issues " + what,
		Entities: []trust.ListedEntity{{Name: c.Authority.Organization, Contact: c.PublicURL, Services: []trust.ListedService{
			{Type: issuance, Name: "Issuing " + what, Certificates: r.iacas()},
			{Type: revocation, Name: "Revoking " + what, Certificates: r.iacas()},
		}}},
	}
}

// publishTrustLists puts those lists that are in the state folder among the published
// ones, "" is status.directory where there is one. The caller is alone with the lists.
func (c *Config) publishTrustLists(directory string) error {
	if directory == "" {
		if c.Status.Directory == "" || !exists(c.Path(c.Status.Directory)) {
			return nil
		}
		directory = c.Path(c.Status.Directory)
	}
	var errs []error
	for _, kind := range TrustListKinds {
		data, err := readLimited(filepath.Join(c.Path(trustListsDir), kind.file), trust.MaxVICAL)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = publishFile(filepath.Join(directory, trustListsDir), kind.file, data)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// diagnoseTrustLists says which of our lists should be followed by the next one. An
// office without them has none to publish.
func (a *App) diagnoseTrustLists(d *diagnosis.Diagnosis, now time.Time) {
	for _, word := range slices.Sorted(maps.Keys(TrustListKinds)) {
		kind := TrustListKinds[word]
		data, err := readLimited(filepath.Join(a.cfg.Path(trustListsDir), kind.file), trust.MaxVICAL)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var next time.Time
		var number uint64
		anchors := []*pki.Certificate{a.roots.operations}
		if err == nil && kind.entity == nil {
			var l *trust.VICALList
			if l, err = trust.ParseVICAL(data, anchors, now); err == nil {
				next, number = l.NextUpdate, l.IssueID
			}
		} else if err == nil {
			var l *trust.EntityList
			if l, err = trust.ParseEntityList(data, anchors, now); err == nil {
				next, number = l.NextUpdate, l.Sequence
			}
		}
		remedy := "run issuer trust " + word + ", and see that its timer runs"
		if err != nil {
			d.Add("trust", kind.file, diagnosis.Wrong, remedy, "%v", err)
			continue
		}
		grade := diagnosis.Good
		switch {
		case !now.Before(next):
			grade = diagnosis.Wrong
		case !now.Add(vicalSoon).Before(next):
			grade = diagnosis.Look
		}
		d.Add("trust", kind.file, grade, remedy, "number %d, next update %s", number, stamp(next))
	}
}
