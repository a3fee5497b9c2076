package invariants

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"vidimus/internal/issuance"
	"vidimus/internal/jose"
)

// Signers are the document signers as an office publishes them.
type Signers struct {
	Issued time.Time // when the list last changed
	ByKey  map[string]Signer
	// Torn is why the list says nothing.
	Torn error
}

// Signer is one of them.
type Signer struct {
	Certificate *x509.Certificate
	Published   time.Time
	Listed      string // the key id that the list gives it
}

// readSigners reads the list of a published folder, nil as long as nothing at all was
// published, as by an office that was restored and not started yet. Where there is
// everything but this list nobody is published: whoever signed is then missing.
func readSigners(dir string) (*Signers, error) {
	text, err := os.ReadFile(filepath.Join(dir, "certificates", "document-signers.json"))
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(filepath.Join(dir, manifestFile)); errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return &Signers{}, nil
	}
	if err != nil {
		return nil, err
	}
	return parseSigners(text), nil
}

func parseSigners(text []byte) *Signers {
	s := &Signers{ByKey: map[string]Signer{}}
	var list struct {
		Issued  time.Time `json:"issued"`
		Signers []struct {
			KeyID       string    `json:"key_id"`
			Published   time.Time `json:"published"`
			Certificate string    `json:"certificate"`
		} `json:"document_signers"`
	}
	if s.Torn = jose.DecodeJSONLimit(text, &list, maxFile); s.Torn != nil {
		return s
	}
	s.Issued = list.Issued
	for _, one := range list.Signers {
		der, err := jose.DecodeBase64URL(one.Certificate)
		if err != nil {
			s.Torn = err
			return s
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			s.Torn = err
			return s
		}
		thumbprint, err := jose.Thumbprint(cert.PublicKey)
		if err != nil {
			s.Torn = err
			return s
		}
		s.ByKey[jose.EncodeBase64URL(thumbprint)] = Signer{cert, one.Published, one.KeyID}
	}
	return s
}

// verified is I12.
func (x *examination) verified(r *Result) {
	for _, e := range x.Journal {
		if e.Kind == Credential && e.State == Answered {
			if r.Seen++; !e.Verified {
				r.bad("the copies of call %d do not verify", e.Call)
			}
		}
	}
	if x.Signers == nil {
		return
	}
	if x.Signers.Torn != nil {
		r.bad("published document signers: %v", x.Signers.Torn)
		return
	}
	if x.Signers.ByKey == nil && !x.Settled {
		return // what the office serves is durable before it signs; the folder has it when its disk allows
	}
	for key, s := range x.Signers.ByKey {
		r.Seen++
		if s.Listed != key {
			r.bad("the published certificate %q is said to be of the key %.16s and is of %.16s", s.Certificate.Subject.CommonName, s.Listed, key)
		}
		if _, err := leafUnder(x.Root, [][]byte{s.Certificate.Raw}); err != nil {
			r.bad("published document signers: %v", err)
		}
	}
	for _, c := range x.Copies {
		if c.State == issuance.StateSigned {
			r.Seen++
			if fault := x.signer(c); fault != "" {
				r.bad("batch %s: %s", c.Batch, fault)
			}
		}
	}
}

// signer says what is wrong with who signed a copy, "" when nothing is. Of one that
// ended before the list was made, the certificate may be gone with it.
func (x *examination) signer(c issuance.Copy) string {
	done, recorded := x.line.signed[c.Batch]
	if recorded && done.key != c.SignerKeyID {
		return fmt.Sprintf("the record says that key %.16s signed it, the store %.16s", done.key, c.SignerKeyID)
	}
	s, known := x.Signers.ByKey[c.SignerKeyID]
	if !known {
		if !c.Expires.After(x.Signers.Issued) {
			return ""
		}
		return fmt.Sprintf("key %.16s is that of no published document signer", c.SignerKeyID)
	}
	switch {
	case c.Expires.After(s.Certificate.NotAfter):
		return fmt.Sprintf("it lives until %s, its signer until %s", c.Expires.Format(time.RFC3339), s.Certificate.NotAfter.Format(time.RFC3339))
	case c.Issued.Before(s.Certificate.NotBefore):
		return fmt.Sprintf("it is of %s, its signer begins at %s", c.Issued.Format(time.RFC3339), s.Certificate.NotBefore.Format(time.RFC3339))
	case recorded && done.at.Before(s.Published):
		return fmt.Sprintf("it was signed at %s, its signer was published at %s", done.at.Format(time.RFC3339), s.Published.Format(time.RFC3339))
	}
	return ""
}
