package policy

import (
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"vidimus/internal/strictyaml"
)

//go:embed default.yaml
var defaultYAML []byte

// Policy is what a reader decides. Use Default or Load; a value made by hand has
// to pass Validate.
type Policy struct {
	// Version is what its author calls it, such as 2026-11; a report names it.
	Version string `yaml:"version"`
	// ClockSkew is how far the reader's clock and the issuer's may differ when
	// validity is judged. Default 1m, at most 10m.
	ClockSkew Duration `yaml:"clock_skew"`
	// RequireEKU refuses a DocumentSigner certificate without the extended key
	// usage of its purpose. Default true; false only for test anchors.
	RequireEKU bool `yaml:"require_eku"`
	// RequireRevocation gives a document the status "not checked" while its signer
	// was looked up in no revocation list of its authority: what nobody has looked
	// at is never green. Default true; false only for authorities that publish no
	// list.
	RequireRevocation bool `yaml:"require_revocation"`
	// Territory is the country in which the reader stands, ISO 3166-1 alpha-2: what
	// a licence grants at home alone is judged by it. Default none: not known.
	Territory string `yaml:"territory"`
	// MaxIntermediates is how many certificates may lie between the signer and the
	// anchor, 0 to 2. Default 2: an IACA forbids them by its own path length.
	MaxIntermediates int `yaml:"max_intermediates"`
	// Status says what has to be known about revocation.
	Status StatusRule `yaml:"status"`
	// Anchors and Revocation say how old the knowledge may be of who issues, and
	// of revoked certificates of signers (ISO/IEC 18013-5, B.1.3: a list at least
	// every 90 days).
	Anchors    AgeRule `yaml:"anchors"`
	Revocation AgeRule `yaml:"revocation"`
	// Profiles are what the reader can ask for, by id.
	Profiles []Profile `yaml:"profiles"`
}

// StatusRule is the part of a policy about revocation.
type StatusRule struct {
	// Required: a document that names no status list has the status "unknown",
	// unless it lives no longer than ShortLived. When false, its validity is all
	// that can be known, and enough. Default true.
	Required bool `yaml:"required"`
	// ShortLived is the lifetime up to which a document needs no status list.
	// Default 24h (the EUDI rule), 0 for none.
	ShortLived Duration `yaml:"short_lived"`
	// Fresh is the age of a status list up to which it is within policy. Default
	// 24h: a roadside reader synchronises once a shift.
	Fresh Duration `yaml:"fresh"`
	// Usable is the age beyond which a list is too old, between the two it is old.
	// Default 14d. A list is never used after its own expiry, whatever stands here.
	Usable Duration `yaml:"usable"`
	// Refuse is the age beyond which a list is past use, which is red. Default 0,
	// never: an old list says nothing against the holder.
	Refuse Duration `yaml:"refuse"`
}

// Duration is a time.Duration that a file writes as 90s, 10m, 24h or 14d.
type Duration time.Duration

// UnmarshalYAML reads one duration. A number without a unit is refused.
func (d *Duration) UnmarshalYAML(node *yaml.Node) error {
	wrong := fmt.Errorf("line %d: not a duration such as 90s, 10m, 24h or 14d", node.Line)
	if node.Kind != yaml.ScalarNode {
		return wrong
	}
	if days, ok := strings.CutSuffix(node.Value, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return wrong
		}
		*d = Duration(n) * Duration(24*time.Hour)
		return nil
	}
	parsed, err := time.ParseDuration(node.Value)
	if err != nil || parsed < 0 {
		return wrong
	}
	*d = Duration(parsed)
	return nil
}

// Std is the duration for the standard library.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// Default is the policy that is built in.
func Default() *Policy {
	p, err := Parse("built-in policy", defaultYAML)
	if err != nil {
		panic(err) // a test loads it
	}
	return p
}

// File is a policy file that the caller has read.
type File struct {
	Name string // for errors
	Data []byte
}

// Load lays policy files over the built-in policy, in their order: a key that a
// file sets replaces the earlier value, a profile replaces the one of the same
// id. Errors name the file, and the line where YAML is at fault.
func Load(files ...File) (*Policy, error) {
	p := Default()
	for _, file := range files {
		if err := p.overlay(file.Name, file.Data); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Parse reads a whole policy from YAML; name stands in errors. Keys that are not
// set are zero: zero is the strictest value but for require_eku,
// require_revocation and status.required, which have to be written down, and for refuse.
func Parse(name string, data []byte) (*Policy, error) {
	p := &Policy{}
	if err := p.overlay(name, data); err != nil {
		return nil, err
	}
	return p, nil
}

// overlay decodes over p, so that keys which are not set keep their value.
func (p *Policy) overlay(name string, data []byte) error {
	if len(data) > MaxFile {
		return fmt.Errorf("%s: policy larger than %d bytes", name, MaxFile)
	}
	earlier := p.Profiles
	p.Profiles, p.Version = nil, "" // of the file alone
	if err := strictyaml.DecodeOver(data, p); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := p.Validate(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for _, old := range earlier {
		if _, replaced := p.Profile(old.ID); !replaced {
			p.Profiles = append(p.Profiles, old)
		}
	}
	return nil
}

// territory is an ISO 3166-1 alpha-2 code, or none.
var territory = regexp.MustCompile(`^([A-Z]{2})?$`)

// Validate checks the ranges of every value and every profile.
func (p *Policy) Validate() error {
	switch {
	case p.ClockSkew < 0 || p.ClockSkew.Std() > 10*time.Minute:
		return errors.New("clock_skew: between 0 and 10m")
	case p.MaxIntermediates < 0 || p.MaxIntermediates > 2:
		return errors.New("max_intermediates: between 0 and 2")
	case len(p.Version) > MaxVersion || strings.ContainsFunc(p.Version, func(r rune) bool { return r <= ' ' || r > '~' }):
		return fmt.Errorf("version: at most %d characters of ASCII without spaces", MaxVersion)
	case !territory.MatchString(p.Territory):
		return errors.New("territory: a country code such as LU expected")
	case p.Status.ShortLived < 0 || p.Status.ShortLived.Std() > 7*24*time.Hour:
		return errors.New("status: short_lived: between 0 and 7d")
	case len(p.Profiles) > MaxProfiles:
		return errors.New("profiles: too many")
	}
	for _, k := range Knowledges() {
		if err := p.ages(k).validate(); err != nil {
			return fmt.Errorf("%s: %w", k, err)
		}
	}
	var seen []string
	for i, profile := range p.Profiles {
		if err := profile.validate(); err != nil {
			return fmt.Errorf("profiles[%d] %q: %w", i, profile.ID, err)
		}
		if slices.Contains(seen, profile.ID) {
			return fmt.Errorf("profiles[%d] %q: id twice", i, profile.ID)
		}
		seen = append(seen, profile.ID)
	}
	return nil
}

// Profile finds a profile by its id.
func (p *Policy) Profile(id string) (Profile, bool) {
	i := slices.IndexFunc(p.Profiles, func(profile Profile) bool { return profile.ID == id })
	if i < 0 {
		return Profile{}, false
	}
	return p.Profiles[i], true
}

// WithoutReference is the status of a document that names no status list and
// whose validity lasts from one instant to the other, both of which the caller
// has checked against the clock: Valid or Unknown.
func (p *Policy) WithoutReference(validFrom, validUntil time.Time) Status {
	if !p.Status.Required || validUntil.Sub(validFrom) <= p.Status.ShortLived.Std() {
		return Valid
	}
	return Unknown
}
