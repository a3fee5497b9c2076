package trust

import (
	"crypto"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"vidimus/internal/cbor"
	"vidimus/internal/cose"
	"vidimus/internal/pki"
)

// ErrContents is for a list that may not be written as it is wished.
var ErrContents = errors.New("contents of a list refused")

// Certificate profiles of the entries of a VICAL: the object identifiers that
// ISO/IEC 18013-5 gives to IACA roots and to links between them.
var (
	ProfileURNIACA = "urn:oid:" + pki.OIDMdlIACA.String()
	ProfileURNLink = "urn:oid:" + pki.OIDMdlLink.String()
)

// VICALContents is what a VICAL says.
type VICALContents struct {
	Provider string
	// IssueID is above that of every earlier list of the provider, and above zero.
	IssueID uint64
	// Date is when the list is made, NextUpdate when the next one comes, NotAfter
	// when this one ends, zero for never; all to the second.
	Date, NextUpdate, NotAfter time.Time
	// URL is where the next list will be, "" when it is nowhere.
	URL string
	// Entries are authorities, each with the doctypes that it may issue.
	Entries []VICALEntry
}

// BuildVICAL makes a list of issuing authorities (ISO/IEC 18013-5, Annex C): an
// untagged COSE_Sign1, the algorithm protected, chain (the signer's certificate
// first, without the root) unprotected. What was made is read by ParseVICAL below
// roots before it is given: an entry that a reader would refuse, or a departure from
// Annex C, is an error, which matches ErrContents.
func BuildVICAL(c VICALContents, signer crypto.Signer, chain [][]byte, roots []*pki.Certificate, rand io.Reader) ([]byte, error) {
	switch {
	case c.Provider == "":
		return nil, fmt.Errorf("%w: a VICAL names its provider", ErrContents)
	case c.IssueID == 0 || c.IssueID > math.MaxInt64:
		return nil, fmt.Errorf("%w: the number of a VICAL is above zero", ErrContents)
	case !c.NextUpdate.After(c.Date):
		return nil, fmt.Errorf("%w: the next update of a VICAL comes after its date", ErrContents)
	case !c.NotAfter.IsZero() && c.NotAfter.Before(c.NextUpdate):
		return nil, fmt.Errorf("%w: a VICAL ends after its next update", ErrContents)
	case len(c.Entries) == 0 || len(c.Entries) > MaxEntries:
		return nil, fmt.Errorf("%w: %d certificates, want 1 to %d", ErrContents, len(c.Entries), MaxEntries)
	}
	infos := make([]any, len(c.Entries))
	for i, e := range c.Entries {
		if e.Cert == nil {
			return nil, fmt.Errorf("%w: entry %d has no certificate", ErrContents, i)
		}
		infos[i] = e.info()
	}
	list := map[string]any{
		"version": "1.0", "vicalProvider": c.Provider, "date": second(c.Date), "vicalIssueID": c.IssueID,
		"nextUpdate": second(c.NextUpdate), "certificateInfos": infos,
	}
	if !c.NotAfter.IsZero() {
		list["notAfter"] = second(c.NotAfter)
	}
	if c.URL != "" {
		list["vicalURL"] = c.URL
	}
	payload, err := cbor.Marshal(list)
	if err != nil {
		return nil, fmt.Errorf("encoding a VICAL: %w", err)
	}
	data, err := cose.SignSign1(signer, payload, cose.SignOptions{Unprotected: map[any]any{cose.LabelX5Chain: cose.X5ChainValue(chain)}}, rand)
	if err != nil {
		return nil, fmt.Errorf("signing a VICAL: %w", err)
	}
	read, err := ParseVICAL(data, roots, c.Date)
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the VICAL that was made: %w", err)
	case len(read.Refused) > 0:
		r := read.Refused[0]
		return nil, fmt.Errorf("%w: entry %d %s: %s", ErrContents, r.Index, r.Certificate, r.Reason)
	case len(read.Warnings) > 0:
		return nil, fmt.Errorf("%w: %s", ErrContents, strings.Join(read.Warnings, "; "))
	}
	return data, nil
}

// info is the CertificateInfo of an entry: everything that Annex C lets it repeat
// from the certificate, so that a reader can compare.
func (e VICALEntry) info() map[string]any {
	c := e.Cert
	out := map[string]any{
		"certificate": c.Raw, "serialNumber": cbor.Tag{Number: 2, Content: c.Cert.SerialNumber.Bytes()}, "ski": c.SubjectKeyID(),
		"docType": e.DocTypes, "issuer": c.RawIssuer, "subject": c.RawSubject,
		"notBefore": second(c.NotBefore()), "notAfter": second(c.NotAfter()),
	}
	for name, text := range map[string]string{"issuingAuthority": e.Authority, "issuingCountry": c.Country, "stateOrProvinceName": c.State} {
		if text != "" {
			out[name] = text
		}
	}
	if len(e.Profiles) > 0 {
		out["certificateProfile"] = e.Profiles
	}
	return out
}

func second(t time.Time) cbor.DateTime { return cbor.NewDateTime(t.UTC().Truncate(time.Second)) }
