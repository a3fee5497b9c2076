package signer

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"vidimus/internal/pki"
)

// Policy is what one key may sign.
type Policy struct {
	// Profile is what the certificate of the key must conform to.
	Profile pki.Profile
	// Kinds are those of messages that it signs; KindProof is always one.
	Kinds []Kind
	// Office is who may be said to speak, and of what.
	Office Office
	// Rate bounds its signatures.
	Rate Rate
}

// Office is what an office says of itself and of what it issues. Members that a
// key does not need may be empty: nothing of that sort is signed then.
type Office struct {
	// Issuer is the public URL of the office: iss and sub of what it signs, or
	// the beginning of it for its console and its wallets.
	Issuer string
	// DocTypes and VCTs are those of credentials that a document signer signs.
	DocTypes, VCTs []string
	// Claims are those of a document that may stand open in an SD-JWT VC; every other
	// is disclosed selectively.
	Claims []string
	// AuthorizationServer is the one that the metadata may name beside the office,
	// "" for none.
	AuthorizationServer string
	// StatusPrefix is how the addresses of status lists begin, "" for Issuer
	// and a slash. It ends in one: else it would be that of other hosts too.
	StatusPrefix string
	// WithoutStatus lets a document signer sign copies that cannot be revoked.
	WithoutStatus bool
	// MaxValidity is the longest life of a credential, 0 for that of the
	// certificate.
	MaxValidity time.Duration
}

// Rate bounds signatures by a bucket that holds Burst of them and gets PerSecond
// new ones each second. The zero Rate bounds nothing.
type Rate struct {
	PerSecond float64
	Burst     int
}

// kindsOf says what keys of a profile sign.
var kindsOf = map[pki.Profile][]Kind{
	pki.ProfileIACA:              {KindCRL},
	pki.ProfileReaderCA:          {KindReaderCertificate, KindCRL},
	pki.ProfileDocumentSignerMDL: {KindMSO},
	pki.ProfileDocumentSignerPID: {KindMSO, KindSDJWT},
	pki.ProfileStatusSigner:      {KindStatusJWT, KindStatusCWT, KindIdentifierList},
	pki.ProfileReceiptSigner:     {KindReceipt, KindNotice, KindReconciliation, KindBackup},
	pki.ProfileCheckpointSigner:  {KindCheckpoint},
	pki.ProfileRegistrySource:    {KindEvent},
	pki.ProfileAccess:            {KindMetadata},
	pki.ProfileBundleSigner:      {KindBundle},
	pki.ProfileVICALSigner:       {KindVICAL, KindEntityList},
}

// PolicyFor gives what a key with a certificate of the profile signs in an
// office. Profiles whose keys sign nothing here (links and roots of operations
// are signed in ceremonies) are an error.
func PolicyFor(profile pki.Profile, office Office) (Policy, error) {
	kinds, ok := kindsOf[profile]
	if !ok {
		return Policy{}, fmt.Errorf("keys of profile %q sign nothing in a running office: what they sign is signed in a ceremony", profile)
	}
	if office.StatusPrefix == "" && office.Issuer != "" {
		office.StatusPrefix = office.Issuer + "/"
	}
	p := Policy{Profile: profile, Kinds: slices.Clone(kinds), Office: office}
	return p, p.check()
}

// Serves says whether a key of the profile is one for Service.
func Serves(profile pki.Profile) bool { return kindsOf[profile] != nil }

// check says what of a policy would keep its key from signing anything, or would
// let it sign too much.
func (p *Policy) check() error {
	need := func(value, name string) error {
		if value == "" || len(value) > maxText {
			return fmt.Errorf("keys of profile %s need %s", p.Profile, name)
		}
		return nil
	}
	o := &p.Office
	for _, k := range p.Kinds {
		var err error
		switch k {
		case KindMSO, KindSDJWT:
			if len(o.DocTypes) == 0 && len(o.VCTs) == 0 {
				err = fmt.Errorf("keys of profile %s need the doctypes or vcts that they sign", p.Profile)
			}
			if k == KindSDJWT && len(o.VCTs) > 0 && err == nil {
				err = need(o.Issuer, "the public URL of the office")
			}
			if !o.WithoutStatus && err == nil {
				err = need(o.StatusPrefix, "how the addresses of status lists begin")
			}
		case KindStatusJWT, KindStatusCWT, KindIdentifierList:
			err = need(o.StatusPrefix, "how the addresses of status lists begin")
		case KindReceipt, KindNotice, KindReconciliation, KindBackup, KindCheckpoint, KindEvent, KindMetadata, KindBundle:
			err = need(o.Issuer, "the public URL of the office")
		case KindVICAL, KindEntityList, KindReaderCertificate, KindCRL, KindProof:
		default:
			err = fmt.Errorf("unknown kind of message %q", k)
		}
		if err != nil {
			return err
		}
	}
	if o.StatusPrefix != "" && (!strings.HasSuffix(o.StatusPrefix, "/") || strings.Contains(o.StatusPrefix, "%")) {
		return fmt.Errorf("the beginning of the addresses of status lists is %q: end it in a slash, or addresses of others begin so too, and write no percent sign", o.StatusPrefix)
	}
	if o.MaxValidity < 0 {
		return fmt.Errorf("the longest life of a credential is negative")
	}
	if r := p.Rate; r != (Rate{}) && (r.PerSecond <= 0 || r.Burst < MaxMessages) {
		return fmt.Errorf("a rate needs more than 0 signatures a second and a burst of at least %d, the largest request", MaxMessages)
	}
	return nil
}

func (p *Policy) signs(kind Kind) bool { return kind == KindProof || slices.Contains(p.Kinds, kind) }

// own says whether a name is that of the office.
func (o *Office) own(name string) bool { return name != "" && name == o.Issuer }

// part says whether a name is that of a part of the office: its console, its
// wallets.
func (o *Office) part(name string) bool {
	rest, ok := strings.CutPrefix(name, o.Issuer+"/")
	return ok && o.Issuer != "" && (rest == "console" || rest == "wallets")
}

// list says whether an address is that of a status list of the office.
func (o *Office) list(uri string) bool {
	return o.StatusPrefix != "" && below(uri, o.StatusPrefix)
}

// serves says whether an address is one at which the office answers.
func (o *Office) serves(uri string) bool { return o.Issuer != "" && below(uri, o.Issuer+"/") }

// below says whether an address begins with a prefix that ends in a slash, and stays there.
func below(uri, prefix string) bool {
	return len(uri) <= maxText && len(uri) > len(prefix) && strings.HasPrefix(uri, prefix) &&
		!strings.ContainsAny(uri, "#%\\ \t\r\n") && !strings.Contains(uri, "/../") && !strings.HasSuffix(uri, "/..")
}
