package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
)

// FileConfiguration is one YAML document of a configuration file. Load turns it
// into a Configuration.
type FileConfiguration struct {
	// ID names the configuration in offers and requests: letters, digits, . _ -.
	ID string `yaml:"id"`
	// Format is mso_mdoc or dc+sd-jwt.
	Format string `yaml:"format"`
	// DocType of an mdoc, VCT of an SD-JWT VC.
	DocType string `yaml:"doctype"`
	VCT     string `yaml:"vct"`
	// Namespace of the elements of an mdoc that name none. Default for mDL and PID:
	// that of the standard.
	Namespace string `yaml:"namespace"`
	// Scope is the OAuth scope; it must not be empty (HAIP 1.0, 4.1).
	Scope string `yaml:"scope"`
	// DocumentType is the type of the registry's document that is issued: mdl, pid,
	// or a word of the state's own.
	DocumentType string `yaml:"document_type"`
	// Signer is the name of the signing key in the issuer's configuration.
	Signer string `yaml:"signer"`
	// SigningCurve is P-256 (default) or P-384, as announced to wallets.
	SigningCurve string `yaml:"signing_curve"`
	// Status gives every copy an index in a status list (status-list, or true) or,
	// of an mdoc, an identifier in an identifier list (identifier-list), or nothing
	// (false). Default status-list.
	Status FileStatus `yaml:"status"`
	// ValidityDays is the life of a copy in whole days, 1 to 398. Default 14.
	ValidityDays int `yaml:"validity_days"`
	// BatchSize is how many copies a request may ask for, 1 to 50. Default 20.
	BatchSize int `yaml:"batch_size"`
	// AgeOver lists the NN of the age statements, for an element with the source
	// age_over. Default 12, 14, 16, 18, 21, 25, 60, 65.
	AgeOver []int `yaml:"age_over"`
	// KeyAttestationsRequired demands a key attestation with every request, of one
	// of the levels that it lists; {} takes any level. Left out: none is demanded.
	KeyAttestationsRequired *FileKeyAttestations `yaml:"key_attestations_required"`
	// Approval true has a person of the office approve a request before copies are
	// made; the wallet waits meanwhile. Default false.
	Approval bool `yaml:"approval"`
	// WithoutTxCode true lets the office make offers without a transaction code:
	// whoever sees the offer first can have the copy. Refused for the mDL and the
	// PID. Default false.
	WithoutTxCode bool `yaml:"without_tx_code"`
	// Reuse tells wallets how often to show a copy and when to fetch more, in the
	// order of preference (EUDI, ARF annex II).
	Reuse []FileReuse `yaml:"reuse"`
	// Display is how a wallet shows the credential, one entry per language.
	Display []Display `yaml:"display"`
	// Elements in the order in which wallets show them.
	Elements []FileElement `yaml:"elements"`
}

// FileKeyAttestations are the levels that pass (OpenID4VCI 1.0, appendix D.2):
// iso_18045_high, iso_18045_moderate, iso_18045_enhanced-basic, iso_18045_basic,
// or a URL of one's own. No list lets any level pass.
type FileKeyAttestations struct {
	KeyStorage         []string `yaml:"key_storage"`
	UserAuthentication []string `yaml:"user_authentication"`
	// StatusPeriodDays is how long wallet providers are asked to keep the status of
	// their attestations. Default: not said.
	StatusPeriodDays int `yaml:"preferred_status_period_days"`
}

// FileReuse is one way to use copies.
type FileReuse struct {
	// Details are once_only or limited_time, and perhaps rotating-batch or
	// per-relying-party.
	Details []string `yaml:"details"`
	// BatchSize is how many copies to fetch at once.
	BatchSize int `yaml:"batch_size"`
	// ReissueUnused and ReissueLifetimeLeft say when to fetch more: so many copies
	// not shown yet, so many seconds of life left.
	ReissueUnused       int `yaml:"reissue_trigger_unused"`
	ReissueLifetimeLeft int `yaml:"reissue_trigger_lifetime_left"`
}

// FileElement is one element of a configuration.
type FileElement struct {
	// Name is the element identifier of an mdoc or the name of a top-level claim.
	// age_over_NN stands for all age statements.
	Name string `yaml:"name"`
	// Path is the path of a nested claim; instead of Name.
	Path []string `yaml:"path"`
	// Namespace of an mdoc element outside of the configuration's namespace.
	Namespace string `yaml:"namespace"`
	// Source is where the value comes from: person.X, document.X (number, type,
	// issue_date, expiry_date, issuing_authority, issuing_country,
	// issuing_jurisdiction, un_distinguishing_sign, or an attribute of the
	// document), entitlement.driving, age_over, age.in_years, age.birth_year, or
	// const. Of a list the first that has a value counts.
	Source Sources `yaml:"source"`
	// Value is the value of the source const.
	Value string `yaml:"value"`
	// Type is a kind of internal/elements. Elements of the mDL and the PID have
	// theirs from the standard.
	Type string `yaml:"type"`
	// Choices are the words of the type choice.
	Choices []string `yaml:"choices"`
	// Transform adapts the value: latin (transliterate to Latin-1), national (only
	// if not Latin-1), first (of a list), place-latin (a place as Latin-1 text),
	// locality (a text as place).
	Transform string `yaml:"transform"`
	// Mandatory refuses to issue without the element. Default false.
	Mandatory bool `yaml:"mandatory"`
	// SD false makes a claim of an SD-JWT VC visible always. Default true.
	SD *bool `yaml:"sd"`
	// Display is the element's name by language.
	Display map[string]string `yaml:"display"`
}

// Display is how a wallet shows a credential in one language (OpenID4VCI 1.0,
// 12.2.4, display of credential_metadata).
type Display struct {
	Name            string `yaml:"name"`
	Locale          string `yaml:"locale"`
	Description     string `yaml:"description"`
	Logo            Image  `yaml:"logo"`
	BackgroundImage Image  `yaml:"background_image"`
	BackgroundColor string `yaml:"background_color"`
	TextColor       string `yaml:"text_color"`
}

// Image is an https: or data: URI; see CheckImage.
type Image struct {
	URI     string `yaml:"uri"`
	AltText string `yaml:"alt_text"`
}

// FileStatus is one of the Status constants, also written as true or false.
type FileStatus string

// UnmarshalYAML takes a boolean or one of the two words.
func (s *FileStatus) UnmarshalYAML(node *yaml.Node) error {
	var yes bool
	switch {
	case node.Kind != yaml.ScalarNode:
	case node.Tag == "!!bool" && node.Decode(&yes) == nil:
		*s = StatusNone
		if yes {
			*s = StatusList
		}
		return nil
	case node.Tag == "!!str" && (node.Value == StatusList || node.Value == StatusIdentifier):
		*s = FileStatus(node.Value)
		return nil
	}
	return fmt.Errorf("line %d: status: true, false, %s or %s expected", node.Line, StatusList, StatusIdentifier)
}

// Sources is one source or a list of them.
type Sources []string

// UnmarshalYAML takes a text or a list of texts.
func (s *Sources) UnmarshalYAML(node *yaml.Node) error {
	switch node.Kind {
	case yaml.ScalarNode:
		*s = Sources{node.Value}
		return nil
	case yaml.SequenceNode:
		for _, item := range node.Content {
			if item.Kind != yaml.ScalarNode {
				return fmt.Errorf("line %d: source is not text", item.Line)
			}
			*s = append(*s, item.Value)
		}
		return nil
	}
	return fmt.Errorf("line %d: source is neither text nor a list", node.Line)
}

// parsed is one YAML document with the nodes that know its lines.
type parsed struct {
	FileConfiguration
	node *yaml.Node
}

// parseFile reads every YAML document of a file strictly. It is decoded twice:
// only a typed decoder knows unknown keys, only nodes know lines.
func parseFile(data []byte) ([]parsed, error) {
	if len(data) > MaxFile {
		return nil, fmt.Errorf("larger than %d bytes", MaxFile)
	}
	typed, nodes := yaml.NewDecoder(bytes.NewReader(data)), yaml.NewDecoder(bytes.NewReader(data))
	typed.KnownFields(true)
	var all []parsed
	for {
		p := parsed{node: new(yaml.Node)}
		p.Status = StatusList
		err := typed.Decode(&p.FileConfiguration)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if err := nodes.Decode(p.node); err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	if len(all) == 0 {
		return nil, errors.New("no configuration in it")
	}
	return all, nil
}

// line finds the line of a key, or of an item of the list under it, and the line
// of the document when there is none.
func (p parsed) line(key string, item int) int {
	root := p.node
	if root.Kind == yaml.DocumentNode && len(root.Content) > 0 {
		root = root.Content[0]
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		if root.Content[i].Value != key {
			continue
		}
		if value := root.Content[i+1]; item >= 0 && item < len(value.Content) {
			return value.Content[item].Line
		}
		return root.Content[i].Line
	}
	return root.Line
}
