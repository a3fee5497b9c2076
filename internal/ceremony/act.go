package ceremony

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"vidimus/internal/pki"
	"vidimus/internal/strictyaml"
)

// Act is the file of an act. Paths in it are below the folder of the file.
type Act struct {
	// Act is one of Kinds.
	Act string `yaml:"act"`
	// Purpose says to whoever reads the transcript in ten years why.
	Purpose string `yaml:"purpose"`
	// Offline refuses to run on a machine with a network.
	Offline bool `yaml:"offline"`

	// SigningKey is the URI of the key that signs: soft:, pkcs11: or shares:.
	SigningKey string `yaml:"signing_key"`
	// Issuer is its certificate; a root has none.
	Issuer *Pinned `yaml:"issuer"`

	// Subject and SubjectKey are of every certificate but a link.
	Subject    *Subject    `yaml:"subject"`
	SubjectKey *SubjectKey `yaml:"subject_key"`
	// Certifies is the root that a link certifies, name and key.
	Certifies *Pinned `yaml:"certifies"`
	// Serial is 16 octets in hexadecimal, as Draw draws them.
	Serial string `yaml:"serial"`
	// NotBefore and NotAfter are instants in UTC, 2026-06-15T10:00:00Z.
	NotBefore             string   `yaml:"not_before"`
	NotAfter              string   `yaml:"not_after"`
	IssuerAlternativeName string   `yaml:"issuer_alternative_name"`
	CRLDistributionPoint  string   `yaml:"crl_distribution_point"`
	DNSNames              []string `yaml:"dns_names"`
	URIs                  []string `yaml:"uris"`
	// ExtendedKeyUsages are object identifiers, where the profile leaves a choice.
	ExtendedKeyUsages []string `yaml:"extended_key_usages"`

	// Number, ThisUpdate, NextUpdate and Revoked are of a revocation list. Follows is
	// the list before it, whose entries stay; the list with the number 1 has none.
	Number     uint64    `yaml:"number"`
	ThisUpdate string    `yaml:"this_update"`
	NextUpdate string    `yaml:"next_update"`
	Revoked    []Revoked `yaml:"revoked"`
	Follows    *Pinned   `yaml:"follows"`

	// ApprovalDays is for how many days an approval counts; 0 is MaxApprovalDays.
	ApprovalDays int `yaml:"approval_days"`

	// Output is the file for the certificate (PEM) or the revocation list (DER).
	Output     string     `yaml:"output"`
	Operators  []Operator `yaml:"operators"`
	Witnesses  []string   `yaml:"witnesses"`
	Transcript Recorder   `yaml:"transcript"`
	// Audit is the audit record that the act goes into.
	Audit string `yaml:"audit"`

	raw  []byte
	hash [sha256.Size]byte
	dir  string
}

// Pinned is a file whose content is fixed: SHA-256 of a certificate's or a list's
// DER, in hexadecimal, with or without colons.
type Pinned struct {
	File   string `yaml:"file"`
	SHA256 string `yaml:"sha256"`
}

// Subject is a pki.Name.
type Subject struct {
	Country      string `yaml:"country"`
	State        string `yaml:"state"`
	Organization string `yaml:"organization"`
	Locality     string `yaml:"locality"`
	CommonName   string `yaml:"common_name"`
	SerialNumber string `yaml:"serial_number"`
}

// SubjectKey is the key that is certified: its public half in a file (PEM,
// SubjectPublicKeyInfo) with the SHA-256 of the DER. With a URI the key itself is
// opened when the act is done, and shows that it is there.
type SubjectKey struct {
	File   string `yaml:"file"`
	SHA256 string `yaml:"sha256"`
	URI    string `yaml:"uri"`
}

// Revoked is an entry of a revocation list.
type Revoked struct {
	Serial string `yaml:"serial"`
	At     string `yaml:"at"`
	// Note is for people; it is not in the list.
	Note string `yaml:"note"`
}

// Operator is somebody who must approve, with a public key in PEM.
type Operator struct {
	Name      string `yaml:"name"`
	PublicKey string `yaml:"public_key"`
}

// Recorder is the key that signs the transcript, and where that goes.
type Recorder struct {
	Key       string `yaml:"key"`
	PublicKey string `yaml:"public_key"`
	Output    string `yaml:"output"`
	// Previous is SHA-256 of the transcript before in hexadecimal, or none.
	Previous string `yaml:"previous"`
}

// kind is what an act makes.
type kind struct {
	profile pki.Profile // "" for a revocation list
	// under is the profile that the issuing certificate must have, if one.
	under pki.Profile
	root  bool
	link  bool
}

// ActCRL is the act of a revocation list.
const ActCRL = "crl"

var kinds = map[string]kind{
	"iaca-root":           {profile: pki.ProfileIACA, root: true},
	"iaca-link":           {profile: pki.ProfileIACALink, under: pki.ProfileIACA, link: true},
	"document-signer-mdl": {profile: pki.ProfileDocumentSignerMDL, under: pki.ProfileIACA},
	"document-signer-pid": {profile: pki.ProfileDocumentSignerPID, under: pki.ProfileIACA},
	"status-signer":       {profile: pki.ProfileStatusSigner, under: pki.ProfileIACA},
	"reader-ca":           {profile: pki.ProfileReaderCA, root: true},
	"operations-ca":       {profile: pki.ProfileOperationsCA, root: true},
	"bundle-signer":       {profile: pki.ProfileBundleSigner, under: pki.ProfileOperationsCA},
	"receipt-signer":      {profile: pki.ProfileReceiptSigner, under: pki.ProfileOperationsCA},
	"checkpoint-signer":   {profile: pki.ProfileCheckpointSigner, under: pki.ProfileOperationsCA},
	"registry-source":     {profile: pki.ProfileRegistrySource, under: pki.ProfileOperationsCA},
	"access-ca":           {profile: pki.ProfileAccessCA, root: true},
	"access":              {profile: pki.ProfileAccess, under: pki.ProfileAccessCA},
	"vical-signer":        {profile: pki.ProfileVICALSigner},
	ActCRL:                {},
}

// Kinds are the acts that there are, in the order of a first ceremony.
func Kinds() []string {
	return []string{"iaca-root", "iaca-link", "document-signer-mdl", "document-signer-pid", "status-signer", "reader-ca", "operations-ca",
		"bundle-signer", "receipt-signer", "checkpoint-signer", "registry-source", "access-ca", "access", "vical-signer", ActCRL}
}

// Load reads the file of an act. Errors match ErrAct.
func Load(path string) (*Act, error) {
	data, err := readFile(path, MaxAct)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAct, err)
	}
	a, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	a.dir = filepath.Dir(path)
	return a, nil
}

// Parse reads an act and checks it in itself; the files that it names are not looked
// at. Errors match ErrAct and name the key.
func Parse(data []byte) (*Act, error) {
	if len(data) > MaxAct {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrAct, len(data), MaxAct)
	}
	a := &Act{raw: bytes.Clone(data), hash: sha256.Sum256(data)}
	if err := strictyaml.Decode(data, a); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAct, err)
	}
	if err := a.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAct, err)
	}
	return a, nil
}

// Hash is SHA-256 of the file.
func (a *Act) Hash() [sha256.Size]byte { return a.hash }

// Dir is the folder of the file.
func (a *Act) Dir() string { return a.dir }

func (a *Act) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(a.dir, name)
}

// readFile reads a regular file of at most max bytes.
func readFile(path string, max int) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe would be waited for
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	data, err := io.ReadAll(io.LimitReader(f, int64(max)+1))
	if err != nil {
		return nil, err
	}
	if len(data) > max {
		return nil, fmt.Errorf("%s has more than %d bytes", path, max)
	}
	return data, nil
}
