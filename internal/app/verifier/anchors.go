package verifier

import (
	"fmt"
	"io"
	"strings"
	"time"

	"vidimus/internal/pki"
	"vidimus/internal/trust"
)

// ShowAnchors lists what a folder of anchors is trusted for.
func ShowAnchors(w io.Writer, store *trust.Store, now time.Time) {
	for _, a := range store.All() {
		state := "valid until " + a.Cert.NotAfter().Format(time.DateOnly)
		if now.After(a.Cert.NotAfter()) {
			state = "EXPIRED on " + a.Cert.NotAfter().Format(time.DateOnly)
		} else if now.Before(a.Cert.NotBefore()) {
			state = "not valid before " + a.Cert.NotBefore().Format(time.DateOnly)
		}
		fmt.Fprintf(w, "%s\n  %s, SHA-256 %x\n", clean(a.Cert.Cert.Subject.String()), state, a.Cert.Fingerprint)
		purposes := make([]string, len(a.Purposes))
		for i, p := range a.Purposes {
			purposes[i] = string(p)
		}
		fmt.Fprintf(w, "  for %s", strings.Join(purposes, ", "))
		if types := append(append([]string{}, a.DocTypes...), a.VCTs...); len(types) > 0 {
			fmt.Fprintf(w, " of %s", clean(strings.Join(types, ", ")))
		}
		fmt.Fprintf(w, "\n  from %s\n", clean(a.Source))
	}
}

// ShowVICAL verifies a list of issuing authorities (ISO/IEC 18013-5, Annex C)
// under the roots of a PEM file and lists its entries.
func ShowVICAL(w io.Writer, file, rootsFile string, now time.Time) error {
	data, err := ReadFile(file, nil)
	if err != nil {
		return err
	}
	in, err := Detect(data)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	pem, err := ReadFile(rootsFile, nil)
	if err != nil {
		return err
	}
	roots, err := pki.ParsePEM(pem)
	if err != nil {
		return fmt.Errorf("%s: %w", rootsFile, err)
	}
	list, err := trust.ParseVICAL(in.Data, roots, now)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s, issue %d of %s, signed by %s\n", clean(list.Provider), list.IssueID, list.Date.Format(time.RFC3339), clean(list.Signer.Leaf.Cert.Subject.String()))
	if !list.StaleSince.IsZero() {
		fmt.Fprintf(w, "STALE since %s: a newer list exists\n", list.StaleSince.Format(time.RFC3339))
	}
	for _, e := range list.Entries {
		fmt.Fprintf(w, "  %s\n    for %s, until %s\n", clean(e.Cert.Cert.Subject.String()), clean(strings.Join(e.DocTypes, ", ")), e.Cert.NotAfter().Format(time.DateOnly))
	}
	for _, r := range list.Refused {
		fmt.Fprintf(w, "  REFUSED entry %d %s: %s\n", r.Index, clean(r.Certificate), clean(r.Reason))
	}
	return nil
}
