package catalog

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"vidimus/internal/elements"
	"vidimus/internal/mdoc"
	"vidimus/internal/oid4vci"
	"vidimus/internal/sdjwt"
)

// Formats of OpenID4VCI 1.0, appendix A.
const (
	FormatMDoc  = oid4vci.FormatMdoc
	FormatSDJWT = oid4vci.FormatSDJWT
)

// What stands in a copy to tell whether it was revoked: nothing, an index in a
// status list, an identifier in an identifier list.
const (
	StatusNone       = ""
	StatusList       = "status-list"
	StatusIdentifier = "identifier-list"
)

// Configuration is one credential configuration, complete and checked. Fields
// are to be read only.
type Configuration struct {
	ID           string
	Format       string // FormatMDoc or FormatSDJWT
	DocType      string // of an mdoc
	VCT          string // of an SD-JWT VC
	Scope        string
	DocumentType string // of the registry's document
	Signer       string // name of the signing key in the issuer's configuration
	SigningCurve string // P-256 or P-384
	Status       string // StatusNone, StatusList or StatusIdentifier
	ValidityDays int
	BatchSize    int
	AgeOver      []int
	Display      []Display
	// KeyAttestations are the levels of which one is demanded; nil = no key
	// attestation is.
	KeyAttestations *oid4vci.KeyAttestationsRequired
	Approval        bool // a person approves each request
	WithoutTxCode   bool // the office may offer it without a transaction code
	Reuse           *oid4vci.ReusePolicy

	elements []element
	policy   sdjwt.Policy // of an SD-JWT VC
	chains   *mdoc.Chains // of an mdoc
}

// element is one element as it will be issued.
type element struct {
	elements.Element
	nameSpace string   // of an mdoc
	path      []string // of a claim
	sources   []source
	transform transform
	mandatory bool
	display   map[string]string
	ageOver   int // NN of an age statement, -1 for others
}

// label is what errors and warnings call an element.
func (e element) label() string { return e.Name() }

// Type is the credential type: the doctype or the vct.
func (cfg *Configuration) Type() string {
	if cfg.Format == FormatMDoc {
		return cfg.DocType
	}
	return cfg.VCT
}

// compile checks a configuration as written and completes it. Errors that belong
// to a line are *lineError.
func compile(p parsed) (*Configuration, error) {
	cfg := &Configuration{
		ID: p.ID, Format: p.Format, DocType: p.DocType, VCT: p.VCT, Scope: p.Scope, DocumentType: p.DocumentType,
		Signer: p.Signer, SigningCurve: p.SigningCurve, Status: string(p.Status),
		ValidityDays: p.ValidityDays, BatchSize: p.BatchSize, AgeOver: slices.Clone(p.AgeOver), Display: p.Display,
		KeyAttestations: p.KeyAttestationsRequired.levels(), Approval: p.Approval, WithoutTxCode: p.WithoutTxCode, Reuse: reusePolicy(p.Reuse), chains: new(mdoc.Chains),
	}
	if cfg.SigningCurve == "" {
		cfg.SigningCurve = "P-256"
	}
	if cfg.ValidityDays == 0 {
		cfg.ValidityDays = DefaultDays
	}
	if cfg.BatchSize == 0 {
		cfg.BatchSize = DefaultBatch
	}
	if cfg.AgeOver == nil {
		cfg.AgeOver = slices.Clone(elements.DefaultAges)
	}
	if key, err := cfg.check(); err != nil {
		return nil, &lineError{p.line(key, -1), fmt.Errorf("%s: %w", key, err)}
	}
	if err := checkDisplay(p); err != nil {
		return nil, err
	}
	set := cfg.table()
	nameSpace := p.Namespace
	if nameSpace == "" && set != nil {
		nameSpace = set.NameSpace
	}
	for i, file := range p.Elements {
		compiled, err := cfg.compileElement(file, nameSpace, set)
		if err != nil {
			return nil, &lineError{p.line("elements", i), fmt.Errorf("elements[%d]: %w", i, err)}
		}
		for _, e := range compiled {
			if err := cfg.collides(e); err != nil {
				return nil, &lineError{p.line("elements", i), fmt.Errorf("elements[%d]: %w", i, err)}
			}
			cfg.elements = append(cfg.elements, e)
		}
	}
	if err := cfg.complete(set); err != nil {
		return nil, &lineError{p.line("elements", -1), err}
	}
	cfg.policy = disclosurePolicy(p.Elements)
	if err := cfg.tryOut(); err != nil {
		return nil, &lineError{p.line("elements", -1), fmt.Errorf("elements: %w", err)}
	}
	return cfg, nil
}

// check judges the members that stand alone and names the key at fault.
func (cfg *Configuration) check() (key string, err error) {
	word := func(s string) bool { return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, notWord) }
	switch {
	case !word(cfg.ID):
		return "id", errors.New("letters, digits, dots, hyphens and underscores expected")
	case cfg.Format != FormatMDoc && cfg.Format != FormatSDJWT:
		return "format", fmt.Errorf("%s or %s expected", FormatMDoc, FormatSDJWT)
	case cfg.Format == FormatMDoc && (cfg.DocType == "" || cfg.VCT != ""):
		return "doctype", errors.New("an mdoc has a doctype and no vct")
	case cfg.Format == FormatSDJWT && (cfg.VCT == "" || cfg.DocType != ""):
		return "vct", errors.New("an SD-JWT VC has a vct and no doctype")
	case cfg.Format == FormatSDJWT && strings.Contains(cfg.VCT, elements.MDLDocType):
		return "vct", errors.New("the mDL exists as mdoc only")
	case !word(cfg.Scope):
		return "scope", errors.New("letters, digits, dots, hyphens and underscores expected")
	case !word(cfg.DocumentType):
		return "document_type", errors.New("letters, digits, dots, hyphens and underscores expected")
	case !word(cfg.Signer):
		return "signer", errors.New("letters, digits, dots, hyphens and underscores expected")
	case cfg.SigningCurve != "P-256" && cfg.SigningCurve != "P-384":
		return "signing_curve", errors.New("P-256 or P-384 expected")
	case cfg.Format != FormatMDoc && cfg.Status == StatusIdentifier:
		return "status", errors.New("an identifier list is for mdocs only")
	case cfg.ValidityDays < 1 || cfg.ValidityDays > MaxDays:
		return "validity_days", fmt.Errorf("between 1 and %d", MaxDays)
	case cfg.BatchSize < 1 || cfg.BatchSize > MaxBatch:
		return "batch_size", fmt.Errorf("between 1 and %d", MaxBatch)
	}
	if cfg.WithoutTxCode && (cfg.table() != nil || cfg.DocumentType == "mdl" || cfg.DocumentType == "pid") {
		return "without_tx_code", errors.New("what says who somebody is always needs a transaction code")
	}
	if err := checkLevels(cfg.KeyAttestations); err != nil {
		return "key_attestations_required", err
	}
	if err := cfg.checkReuse(); err != nil {
		return "reuse", err
	}
	for i, nn := range cfg.AgeOver {
		if nn < 0 || nn > elements.MaxAge || slices.Contains(cfg.AgeOver[:i], nn) {
			return "age_over", fmt.Errorf("different ages between 0 and %d expected", elements.MaxAge)
		}
	}
	return "", nil
}

func notWord(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '-' && r != '_'
}

// IsLocale reports whether a text is a language tag as display entries have it.
func IsLocale(s string) bool { return locale.MatchString(s) }

// locale is a language tag in its canonical spelling, as BCP 47 writes those
// that wallets know: language, script, region.
var locale = regexp.MustCompile(`^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$`)

// checkDisplay: a name and one entry per language (OpenID4VCI 1.0, 12.2.4).
func checkDisplay(p parsed) error {
	fail := func(i int, why string) error {
		return &lineError{p.line("display", i), fmt.Errorf("display[%d]: %s", i, why)}
	}
	for i, d := range p.Display {
		switch {
		case d.Name == "":
			return fail(i, "no name")
		case slices.ContainsFunc(p.Display[:i], func(o Display) bool { return o.Locale == d.Locale }):
			return fail(i, "language twice")
		case d.Locale != "" && !locale.MatchString(d.Locale):
			return fail(i, "locale: a language tag such as en, pt-BR or zh-Hant expected")
		}
		for key, image := range map[string]Image{"logo": d.Logo, "background_image": d.BackgroundImage} {
			if image == (Image{}) {
				continue
			}
			if err := CheckImage(image.URI); err != nil {
				return fail(i, key+": "+err.Error())
			}
		}
	}
	return nil
}

// table is the standard's table of the type, nil for a type of one's own.
func (cfg *Configuration) table() *elements.Set {
	var set *elements.Set
	if cfg.Format == FormatMDoc {
		set, _ = elements.ForDocType(cfg.DocType)
	} else {
		set, _ = elements.ForVCT(cfg.VCT)
	}
	return set
}

// collides refuses an element that is there already, and a claim inside another.
func (cfg *Configuration) collides(e element) error {
	if len(cfg.elements) == MaxElements {
		return fmt.Errorf("more than %d elements", MaxElements)
	}
	for _, o := range cfg.elements {
		if cfg.Format == FormatMDoc {
			if o.nameSpace == e.nameSpace && o.Identifier == e.Identifier {
				return fmt.Errorf("%s twice", e.label())
			}
			continue
		}
		n := min(len(o.path), len(e.path))
		if slices.Equal(o.path[:n], e.path[:n]) {
			return fmt.Errorf("%s twice, or inside another claim", e.label())
		}
	}
	return nil
}

// complete refuses a standard type without its mandatory elements.
func (cfg *Configuration) complete(set *elements.Set) error {
	if len(cfg.elements) == 0 {
		return errors.New("elements: none")
	}
	if set == nil {
		return nil
	}
	for _, row := range set.Elements() {
		if !row.Mandatory {
			continue
		}
		if !slices.ContainsFunc(cfg.elements, func(e element) bool {
			return e.mandatory && e.Data == row.Data && (cfg.Format != FormatMDoc || e.nameSpace == set.NameSpace)
		}) {
			return fmt.Errorf("elements: %s is mandatory in %s", row.Name(), cfg.Type())
		}
	}
	return nil
}

// disclosurePolicy makes every claim and array entry selectively disclosable but
// those with sd: false, whose parents and entries are visible with them.
func disclosurePolicy(list []FileElement) sdjwt.Policy {
	var never []sdjwt.Path
	for _, e := range list {
		if e.SD == nil || *e.SD {
			continue
		}
		path := e.claim()
		for n := 1; n <= len(path); n++ {
			never = append(never, sdjwt.Names(path[:n]...))
		}
		never = append(never, append(sdjwt.Names(path...), sdjwt.Any()))
	}
	return sdjwt.EverythingExcept(never...)
}

// OpenClaims names the claims of an SD-JWT VC, at its top, that are not disclosed
// selectively, or hold one that is not.
func (cfg *Configuration) OpenClaims() []string {
	var out []string
	for _, e := range cfg.elements {
		if cfg.Format == FormatSDJWT && !cfg.policy(sdjwt.Names(e.path[0])) && !slices.Contains(out, e.path[0]) {
			out = append(out, e.path[0])
		}
	}
	return out
}

// tryOut builds a template of texts, so that names which a format reserves are
// refused when the configuration is loaded and not when somebody waits.
func (cfg *Configuration) tryOut() error {
	if cfg.Format == FormatMDoc {
		var tree mdocElements
		for _, e := range cfg.elements {
			tree.add(e, "x")
		}
		_, err := mdoc.NewTemplate(cfg.DocType, tree...)
		return err
	}
	var claims sdjwt.Object
	for _, e := range cfg.elements {
		claims = insert(claims, e.path, "x")
	}
	_, err := sdjwt.NewTemplate(cfg.VCT, claims, sdjwt.Options{Policy: cfg.policy})
	return err
}
