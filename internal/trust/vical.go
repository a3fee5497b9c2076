package trust

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"vidimus/internal/cbor"
	"vidimus/internal/cose"
	"vidimus/internal/pki"
)

// Errors of ParseVICAL. One whose signer has no path to a root matches a
// *pki.PathError instead.
var (
	// ErrVICAL is for bytes that are no list.
	ErrVICAL = errors.New("malformed VICAL")
	// ErrVICALSignature is for a list that its signer did not sign.
	ErrVICALSignature = errors.New("VICAL signature does not verify")
	// ErrVICALExpired is for a list past its notAfter, which is final.
	ErrVICALExpired = errors.New("VICAL past its notAfter")
	// ErrVICALOlder is for a list that is older than the one at hand.
	ErrVICALOlder = errors.New("VICAL older than the one at hand")
)

// VICALList is a verified issuer certificate authority list, ISO/IEC 18013-5
// Annex C: which authorities' roots its provider vouches for, and for which
// doctypes each.
type VICALList struct {
	Version, Provider string
	// IssueID rises with every list of a provider; zero when it has none.
	IssueID uint64
	Date    time.Time
	// NextUpdate and NotAfter are zero when the list has none.
	NextUpdate, NotAfter time.Time
	// URL is where the next list is, "" when the list does not say.
	URL string
	// StaleSince is NextUpdate when that lies before the instant of reading,
	// else zero. Whether an old list still serves is the caller's policy.
	StaleSince time.Time
	// Signer is the path of the list's signer to a root of ours.
	Signer *pki.Path
	// Entries are the certificates that may be anchors.
	Entries []VICALEntry
	// Refused are those that may not, with the reason.
	Refused []VICALRefusal
	// Warnings are departures from Annex C that do not break trust.
	Warnings []string
}

// VICALEntry is one certificate of a list.
type VICALEntry struct {
	Cert     *pki.Certificate
	DocTypes []string
	// Profiles are URNs of certificate profiles, opaque: real lists hold web
	// addresses here.
	Profiles []string
	// Authority is how the provider calls the issuing authority.
	Authority string
}

// VICALRefusal is an entry that is not trusted.
type VICALRefusal struct {
	// Index counts from 0 in the order of the list.
	Index int
	// Certificate names it, "" when it cannot be read.
	Certificate string
	Reason      string
}

// vicalMap is the payload. Unknown members, also those of odd case, are
// ignored (RFU rule), but CertificateProfile, which the AAMVA writes so.
type vicalMap struct {
	Version          string            `cbor:"version"`
	Provider         string            `cbor:"vicalProvider"`
	Date             *cbor.DateTime    `cbor:"date"`
	IssueID          uint64            `cbor:"vicalIssueID"`
	NextUpdate       *cbor.DateTime    `cbor:"nextUpdate"`
	NotAfter         *cbor.DateTime    `cbor:"notAfter"`
	CertificateInfos []cbor.RawMessage `cbor:"certificateInfos"`
	URL              string            `cbor:"vicalURL"`
}

type certificateInfo struct {
	Certificate  []byte          `cbor:"certificate"`
	SerialNumber cbor.RawMessage `cbor:"serialNumber"`
	SKI          []byte          `cbor:"ski"`
	DocType      []string        `cbor:"docType"`
	Profile      []string        `cbor:"certificateProfile"`
	OddProfile   []string        `cbor:"CertificateProfile"`
	Authority    string          `cbor:"issuingAuthority"`
	Country      string          `cbor:"issuingCountry"`
	State        string          `cbor:"stateOrProvinceName"`
	Issuer       []byte          `cbor:"issuer"`
	Subject      []byte          `cbor:"subject"`
}

// vicalPurposes are the usages of which the signer must have one.
var vicalPurposes = []asn1.ObjectIdentifier{pki.OIDVICAL, pki.OIDMdocVICAL}

// maxSignerIntermediates is how many CAs may stand between a list's signer and
// its root: the AAMVA has one.
const maxSignerIntermediates = 2

// ParseVICAL reads and verifies a list at the instant now, in the order of
// Annex C: the signer's path to one of roots, the signature, the list's own
// dates, then every entry. An entry that is wrong is refused by itself, since
// the others are vouched for all the same.
func ParseVICAL(data []byte, roots []*pki.Certificate, now time.Time) (*VICALList, error) {
	if len(data) > MaxVICAL {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrVICAL, len(data), MaxVICAL)
	}
	msg, err := cose.ParseSign1(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrVICAL, err)
	}
	if msg.Payload == nil {
		return nil, fmt.Errorf("%w: no payload", ErrVICAL)
	}
	// Step 1. The signer. Its key usage is nonRepudiation, not digitalSignature.
	path, err := pki.Validate(msg.Header.X5Chain, roots, pki.PathOptions{
		Now: now, Purposes: vicalPurposes, RequireEKU: true, KeyUsage: x509.KeyUsageContentCommitment,
		MaxIntermediates: maxSignerIntermediates,
	})
	if err != nil {
		return nil, fmt.Errorf("VICAL signer: %w", err)
	}
	// Step 2. The signature, over the bytes as received.
	if err := msg.Verify(path.Leaf.PublicKey()); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrVICALSignature, err)
	}
	var m vicalMap
	if err := cbor.Unmarshal(msg.Payload, &m); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrVICAL, err)
	}
	switch {
	case m.Version != "1.0":
		return nil, fmt.Errorf("%w: version %.16q", ErrVICAL, m.Version)
	case m.Date == nil:
		return nil, fmt.Errorf("%w: no date", ErrVICAL)
	case len(m.CertificateInfos) == 0:
		return nil, fmt.Errorf("%w: no certificates", ErrVICAL)
	case len(m.CertificateInfos) > MaxEntries:
		return nil, fmt.Errorf("%w: %d certificates, at most %d", ErrVICAL, len(m.CertificateInfos), MaxEntries)
	}
	l := &VICALList{Version: m.Version, Provider: m.Provider, IssueID: m.IssueID, Date: m.Date.Time, URL: m.URL,
		Signer: path, Warnings: slices.Clone(path.Warnings)}
	if msg.Tagged {
		l.Warnings = append(l.Warnings, "COSE_Sign1 is tagged")
	}
	if msg.Header.X5ChainProtected {
		l.Warnings = append(l.Warnings, "x5chain is in the protected header")
	}
	// Step 3. The list's own dates: nextUpdate makes it old, notAfter ends it.
	if m.NextUpdate != nil {
		if l.NextUpdate = m.NextUpdate.Time; l.NextUpdate.Before(now) {
			l.StaleSince = l.NextUpdate
		}
	}
	if m.NotAfter != nil {
		if l.NotAfter = m.NotAfter.Time; l.NotAfter.Before(now) {
			return nil, fmt.Errorf("%w: %s", ErrVICALExpired, l.NotAfter.Format(time.RFC3339))
		}
	}
	if l.Date.After(now) {
		l.Warnings = append(l.Warnings, "date lies in the future")
	}
	// Step 4. Every entry.
	for i, raw := range m.CertificateInfos {
		entry, reason := parseEntry(raw, l)
		if reason != "" {
			refusal := VICALRefusal{Index: i, Reason: reason}
			if entry.Cert != nil {
				refusal.Certificate = entry.Cert.String()
			}
			l.Refused = append(l.Refused, refusal)
			continue
		}
		l.Entries = append(l.Entries, entry)
	}
	return l, nil
}

// parseEntry recomputes what the entry says of its certificate. The dates are
// not compared: real lists write 06:20 for 18:20, and nothing hangs on them,
// since validity is taken from the certificate.
func parseEntry(raw cbor.RawMessage, l *VICALList) (VICALEntry, string) {
	var info certificateInfo
	if err := cbor.Unmarshal(raw, &info); err != nil {
		return VICALEntry{}, err.Error()
	}
	c, err := pki.ParseCertificate(info.Certificate)
	if err != nil {
		return VICALEntry{}, err.Error()
	}
	e := VICALEntry{Cert: c, DocTypes: info.DocType, Profiles: append(info.Profile, info.OddProfile...), Authority: info.Authority}
	serial, err := bignum(info.SerialNumber)
	switch {
	case err != nil:
		return e, "serial number: " + err.Error()
	case serial.Cmp(c.Cert.SerialNumber) != 0:
		return e, "serial number is not the certificate's"
	case !sameSKI(info.SKI, c.SubjectKeyID()):
		return e, "ski is not the certificate's"
	case info.Issuer != nil && !bytes.Equal(info.Issuer, c.RawIssuer):
		return e, "issuer is not the certificate's"
	case info.Subject != nil && !bytes.Equal(info.Subject, c.RawSubject):
		return e, "subject is not the certificate's"
	}
	anchor := Anchor{Cert: c, Scope: Scope{Purposes: []Purpose{IssueMdoc}, DocTypes: info.DocType}}
	if err := anchor.check(); err != nil {
		return e, err.Error()
	}
	if info.Country != "" && info.Country != c.Country || info.State != "" && info.State != c.State {
		l.warn("country or state of an entry is not the certificate's")
	}
	return e, ""
}

func (l *VICALList) warn(text string) {
	if !slices.Contains(l.Warnings, text) {
		l.Warnings = append(l.Warnings, text)
	}
}

// bignum reads biguint, tag 2 around a byte string; real lists put a zero octet
// before it. A plain unsigned integer is taken too.
func bignum(raw cbor.RawMessage) (*big.Int, error) {
	if len(raw) == 0 {
		return nil, errors.New("missing")
	}
	if n, err := cbor.Uint(raw); err == nil {
		return new(big.Int).SetUint64(n), nil
	}
	var tag cbor.RawTag
	if err := cbor.Unmarshal(raw, &tag); err != nil {
		return nil, err
	}
	if tag.Number != 2 {
		return nil, fmt.Errorf("tag %d where a bignum is expected", tag.Number)
	}
	b, err := cbor.Bytes(tag.Content)
	if err != nil {
		return nil, err
	}
	return new(big.Int).SetBytes(b), nil
}

// sameSKI compares the key identifier with the certificate's, which must have
// one. The AAMVA copies the whole extension: an OCTET STRING in another.
func sameSKI(got, want []byte) bool {
	for range 2 {
		if len(got) == len(want)+2 || len(got) == len(want)+4 {
			if got[0] == asn1.TagOctetString && int(got[1]) == len(got)-2 {
				got = got[2:]
			}
		}
	}
	return len(want) > 0 && bytes.Equal(got, want)
}

// Source names the list for Anchor.Source.
func (l *VICALList) Source() string { return fmt.Sprintf("VICAL %s %d", l.Provider, l.IssueID) }

// Link says whether the entry is a link between two roots of an authority, by its
// profile or since it has one name and another key above it. It is for readers who
// hold the old root (Store.Follow); who trusts the list has the new one beside it.
func (e VICALEntry) Link() bool {
	c := e.Cert
	return slices.Contains(e.Profiles, ProfileURNLink) ||
		c.SelfIssued() && len(c.AuthorityKeyID()) > 0 && !bytes.Equal(c.AuthorityKeyID(), c.SubjectKeyID())
}

// Store gives the entries but links as anchors for issuing and for the status lists
// of the same doctypes, as of the list's date.
func (l *VICALList) Store() *Store {
	s := &Store{}
	for _, e := range l.Entries {
		if e.Link() {
			continue
		}
		s.take(Anchor{
			Cert:   e.Cert,
			Scope:  Scope{Purposes: []Purpose{IssueMdoc, StatusList}, DocTypes: slices.Clone(e.DocTypes)},
			Source: l.Source(), AsOf: l.Date,
		})
	}
	return s
}

// Follows says whether the list may take the place of held, of the same
// provider: its number must not go back, nor its date. A nil held is followed
// by any list. Errors match ErrVICALOlder.
func (l *VICALList) Follows(held *VICALList) error {
	switch {
	case held == nil:
		return nil
	case l.Provider != held.Provider:
		return fmt.Errorf("%w: of another provider", ErrVICALOlder)
	case l.IssueID < held.IssueID:
		return fmt.Errorf("%w: issue %d after %d", ErrVICALOlder, l.IssueID, held.IssueID)
	case l.Date.Before(held.Date):
		return fmt.Errorf("%w: of %s after %s", ErrVICALOlder, l.Date.Format(time.RFC3339), held.Date.Format(time.RFC3339))
	}
	return nil
}
