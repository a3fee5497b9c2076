package verifier

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"vidimus/internal/elements"
	"vidimus/internal/pki"
	"vidimus/internal/trust"
)

// LoadTrust reads a folder of anchors. Those that its trust.yaml does not name
// count for the doctypes and vcts given. With none given they count for the mDL
// and the PID where the folder has no trust.yaml, and are refused where it has
// one: who wrote down who may sign what has forgotten one.
func LoadTrust(dir string, docTypes, vcts []string) (*trust.Store, error) {
	fallback, err := fallbackScope(dir, docTypes, vcts)
	if err != nil {
		return nil, err
	}
	return trust.LoadDir(dir, fallback)
}

// fallbackScope is for what the anchors of a folder count that its trust.yaml does not
// name.
func fallbackScope(dir string, docTypes, vcts []string) (trust.Scope, error) {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return trust.Scope{}, fmt.Errorf("there is no folder %s: %w", dir, err)
	case err != nil:
		return trust.Scope{}, err
	case !info.IsDir():
		return trust.Scope{}, fmt.Errorf("%s is a file, a folder of certificates is wanted", dir)
	}
	if len(docTypes)+len(vcts) == 0 {
		switch _, err := os.Stat(filepath.Join(dir, "trust.yaml")); {
		case errors.Is(err, fs.ErrNotExist):
			docTypes, vcts = []string{elements.MDLDocType, elements.PIDDocType}, []string{elements.PIDVCT}
		case err != nil:
			return trust.Scope{}, err
		}
	}
	fallback := trust.Scope{DocTypes: docTypes, VCTs: vcts}
	if len(docTypes) > 0 {
		fallback.Purposes = append(fallback.Purposes, trust.IssueMdoc)
	}
	if len(vcts) > 0 {
		fallback.Purposes = append(fallback.Purposes, trust.IssueSDJWT)
	}
	return fallback, nil
}

// FollowLink trusts the new root of an authority in a folder of anchors, by a link
// certificate of an old one there.
func FollowLink(w io.Writer, dir, linkFile, rootFile string, docTypes, vcts []string, now time.Time) error {
	fallback, err := fallbackScope(dir, docTypes, vcts)
	if err != nil {
		return err
	}
	one := func(file string) (*pki.Certificate, error) {
		certs, err := (&files{}).pem(file)
		if err == nil && len(certs) != 1 {
			err = fmt.Errorf("%s: one certificate is wanted, got %d", file, len(certs))
		}
		if err != nil {
			return nil, err
		}
		return certs[0], nil
	}
	link, err := one(linkFile)
	if err != nil {
		return err
	}
	next, err := one(rootFile)
	if err != nil {
		return err
	}
	file, err := trust.FollowDir(dir, fallback, link, next, now)
	if err != nil {
		return err
	}
	if file == "" {
		_, err = fmt.Fprintf(w, "%s is trusted already\n", detail(next.Cert.Subject.String()))
		return err
	}
	_, err = fmt.Fprintf(w, "%s is trusted now, SHA-256 %x: %s\n", detail(next.Cert.Subject.String()), next.Fingerprint, name(file))
	return err
}

// ShowAnchors lists what a folder of anchors is trusted for.
func ShowAnchors(w io.Writer, store *trust.Store, now time.Time) {
	for _, a := range store.All() {
		state := "valid until " + a.Cert.NotAfter().Format(time.DateOnly)
		if now.After(a.Cert.NotAfter()) {
			state = "EXPIRED on " + a.Cert.NotAfter().Format(time.DateOnly)
		} else if now.Before(a.Cert.NotBefore()) {
			state = "not valid before " + a.Cert.NotBefore().Format(time.DateOnly)
		}
		fmt.Fprintf(w, "%s\n  %s, SHA-256 %x\n", detail(a.Cert.Cert.Subject.String()), state, a.Cert.Fingerprint)
		purposes := make([]string, len(a.Purposes))
		for i, p := range a.Purposes {
			purposes[i] = string(p)
		}
		fmt.Fprintf(w, "  for %s", strings.Join(purposes, ", "))
		if types := append(append([]string{}, a.DocTypes...), a.VCTs...); len(types) > 0 {
			fmt.Fprintf(w, " of %s", detail(strings.Join(types, ", ")))
		}
		fmt.Fprintf(w, "\n  from %s\n", name(a.Source))
	}
}

// ShowVICAL verifies a list of issuing authorities (ISO/IEC 18013-5, Annex C)
// under the roots of a PEM file and lists its entries.
func ShowVICAL(w io.Writer, file, rootsFile string, stdin io.Reader, now time.Time) error {
	list, err := (&files{stdin}).vical(file, rootsFile, now)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s, issue %d of %s, signed by %s\n", name(list.Provider), list.IssueID, list.Date.Format(time.RFC3339), detail(list.Signer.Leaf.Cert.Subject.String()))
	if !list.StaleSince.IsZero() {
		fmt.Fprintf(w, "STALE since %s: a newer list exists\n", list.StaleSince.Format(time.RFC3339))
	}
	for _, warning := range list.Warnings {
		fmt.Fprintf(w, "note: %s\n", detail(warning))
	}
	for _, e := range list.Entries {
		fmt.Fprintf(w, "  %s\n    for %s, until %s\n", detail(e.Cert.Cert.Subject.String()), detail(strings.Join(e.DocTypes, ", ")), e.Cert.NotAfter().Format(time.DateOnly))
	}
	for _, r := range list.Refused {
		fmt.Fprintf(w, "  REFUSED entry %d %s: %s\n", r.Index, detail(r.Certificate), detail(r.Reason))
	}
	return nil
}

// vical reads and verifies a list of issuing authorities under the roots of a
// PEM file.
func (f *files) vical(file, rootsFile string, now time.Time) (*trust.VICALList, error) {
	in, err := f.open(file)
	if err != nil {
		return nil, err
	}
	pem, err := f.read(rootsFile)
	if err != nil {
		return nil, err
	}
	roots, err := pki.ParsePEM(pem)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", rootsFile, err)
	}
	list, err := trust.ParseVICAL(in.Data, roots, now)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return list, nil
}
