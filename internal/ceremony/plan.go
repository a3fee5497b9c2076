package ceremony

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"

	"vidimus/internal/outfile"
	"vidimus/internal/pki"
)

// Plan is an act with everything that it names: what would be signed, exactly.
type Plan struct {
	Act *Act
	// Draft is what would be signed and what lint finds about it. Findings about the
	// issuing certificate and about the list that is followed are among them.
	Draft *pki.Draft
	// TBSHash is SHA-256 of Draft.TBS.
	TBSHash [sha256.Size]byte
	// Issuer is nil for a root.
	Issuer *pki.Certificate

	signing     crypto.PublicKey
	template    pki.Template
	revocations pki.Revocations
	inputs      []input  // what was read, for the transcript
	before      *pki.CRL // the list that is followed
}

// input is a file that an act names, as it was read.
type input struct{ field, content string }

// reading gives the content of a file that the act names.
type reading func(field, path string, max int) ([]byte, error)

// NeedSerial is the error of a plan without a serial number; Fresh is one that
// could be taken.
type NeedSerial struct{ Fresh string }

func (e *NeedSerial) Error() string {
	return fmt.Sprintf("act refused: serial: there is none; put this fresh one into the file, or have `signer ceremony draw` do it: serial: %s", e.Fresh)
}

// Is matches ErrAct.
func (e *NeedSerial) Is(target error) bool { return target == ErrAct }

// Plan reads the files that the act names and drafts what would be signed. It
// touches no key. Errors match ErrAct; findings are no error here.
func (a *Act) Plan(rand io.Reader) (*Plan, error) {
	var read []input
	p, err := a.plan(func(field, path string, max int) ([]byte, error) {
		data, err := readFile(a.path(path), max)
		if err == nil && field != fieldFollows { // that may be long, and its digest is in the act
			read = append(read, input{field, string(data)})
		}
		return data, err
	}, rand)
	if err != nil {
		return nil, err
	}
	p.inputs = read
	return p, nil
}

const (
	fieldIssuer     = "issuer"
	fieldCertifies  = "certifies"
	fieldSubjectKey = "subject_key"
	fieldFollows    = "follows"
)

func (a *Act) plan(read reading, rand io.Reader) (*Plan, error) {
	p := &Plan{Act: a}
	k := kinds[a.Act]
	if a.Issuer != nil {
		var err error
		if p.Issuer, err = a.Issuer.certificate(fieldIssuer, read); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrAct, err)
		}
		if err := p.Issuer.Anchor(); err != nil {
			return nil, fmt.Errorf("%w: issuer: %s may not sign certificates: %w", ErrAct, p.Issuer, err)
		}
		p.signing = p.Issuer.PublicKey()
	}
	var err error
	if a.Act == ActCRL {
		err = p.list(read, rand)
	} else {
		err = p.certificate(k, read, rand)
	}
	var serial *NeedSerial
	switch {
	case errors.As(err, &serial):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrAct, err)
	}
	if k.under != "" {
		for _, f := range pki.Lint(p.Issuer, k.under, nil) {
			p.finding("issuer, as %s: %s", k.under, f)
		}
	}
	p.TBSHash = sha256.Sum256(p.Draft.TBS)
	return p, nil
}

func (p *Plan) finding(format string, args ...any) {
	p.Draft.Findings = append(p.Draft.Findings, fmt.Sprintf(format, args...))
}

// certificate drafts a certificate; the act was checked in itself.
func (p *Plan) certificate(k kind, read reading, rand io.Reader) error {
	a := p.Act
	t := pki.Template{Profile: k.profile, IssuerAltName: a.IssuerAlternativeName, CRLDistributionPoint: a.CRLDistributionPoint, DNSNames: a.DNSNames, URIs: a.URIs}
	t.NotBefore, _ = instant("not_before", a.NotBefore)
	t.NotAfter, _ = instant("not_after", a.NotAfter)
	for _, s := range a.ExtendedKeyUsages {
		id, _ := objectIdentifier(s)
		t.ExtKeyUsages = append(t.ExtKeyUsages, id)
	}
	var certified *pki.Certificate
	if k.link {
		var err error
		if certified, err = a.Certifies.certificate(fieldCertifies, read); err != nil {
			return err
		}
		if !certified.SelfSigned() {
			return fmt.Errorf("certifies: %s is not self-signed: a link certifies a root", certified)
		}
		t.RawSubject, t.Public = certified.RawSubject, certified.PublicKey()
	} else {
		data, err := read(fieldSubjectKey, a.SubjectKey.File, maxInput)
		if err != nil {
			return fmt.Errorf("subject_key: %w", err)
		}
		pub, spki, err := publicKey(data)
		if err != nil {
			return fmt.Errorf("subject_key: %s: %w", a.SubjectKey.File, err)
		}
		if err := pinned("subject_key", a.SubjectKey.SHA256, spki); err != nil {
			return err
		}
		if p.Issuer != nil && spkiHash(pub) == spkiHash(p.Issuer.PublicKey()) {
			return fmt.Errorf("subject_key: %s is the key that signs, of %s: what is not self-signed has a key of its own", a.SubjectKey.File, p.Issuer)
		}
		s := a.Subject
		t.Subject = pki.Name{Country: s.Country, State: s.State, Organization: s.Organization, Locality: s.Locality, CommonName: s.CommonName, SerialNumber: s.SerialNumber}
		t.Public = pub
		if k.root {
			p.signing = pub
		}
	}
	if a.Serial == "" {
		n, err := pki.NewSerial(rand)
		if err != nil {
			return err
		}
		return &NeedSerial{n.Text(16)}
	}
	var err error
	if t.Serial, err = serialNumber(a.Serial); err != nil {
		return err
	}
	p.template = t
	if p.Draft, err = pki.DraftCertificate(t, p.Issuer, rand); err != nil {
		return err
	}
	if certified != nil {
		for _, f := range pki.Lint(certified, k.under, nil) {
			p.finding("certifies, as %s: %s", k.under, f)
		}
		if t.NotAfter.After(certified.NotAfter()) {
			p.finding("the link is valid longer than the root that it certifies")
		}
	}
	return nil
}

// list drafts a revocation list, and has nothing forgotten that the one before said.
func (p *Plan) list(read reading, rand io.Reader) error {
	a := p.Act
	r := pki.Revocations{Number: new(big.Int).SetUint64(a.Number)}
	r.ThisUpdate, _ = instant("this_update", a.ThisUpdate)
	r.NextUpdate, _ = instant("next_update", a.NextUpdate)
	for _, e := range a.Revoked {
		n, _ := number(e.Serial)
		at, _ := instant("revoked.at", e.At)
		r.Revoked = append(r.Revoked, pki.RevokedCertificate{Serial: n, At: at})
	}
	p.revocations = r
	var err error
	if p.Draft, err = pki.DraftCRL(r, p.Issuer, rand); err != nil {
		return err
	}
	if a.Follows == nil {
		return nil
	}
	data, err := read(fieldFollows, a.Follows.File, pki.MaxCRLBytes)
	if errors.Is(err, errNotKept) {
		return nil // a transcript, which was made of an act that followed it
	}
	if err != nil {
		return fmt.Errorf("follows: %w", err)
	}
	if err := pinned("follows", a.Follows.SHA256, data); err != nil {
		return err
	}
	before, err := pki.ParseCRL(data)
	if err != nil {
		return fmt.Errorf("follows: %w", err)
	}
	if err := before.Verify(p.Issuer, false); err != nil {
		return fmt.Errorf("follows: %w", err)
	}
	for _, why := range goesOn(before, p.Draft.CRL) {
		p.finding("follows: %s", why)
	}
	p.before = before
	return nil
}

// goesOn says what keeps a list from being the next one after another, empty when
// nothing does: number and date go on, and whom the one named the other does too.
func goesOn(before, next *pki.CRL) (why []string) {
	if err := next.Supersedes(before); err != nil {
		why = append(why, err.Error())
	}
	now := map[string]pki.RevokedCertificate{}
	for _, e := range next.Entries() {
		now[e.Serial.Text(16)] = e
	}
	for _, e := range before.Entries() {
		if here, ok := now[e.Serial.Text(16)]; !ok || !here.At.Equal(e.At) {
			why = append(why, fmt.Sprintf("certificate %s was revoked at %s, and is no more", e.Serial.Text(16), e.At.Format("2006-01-02T15:04:05Z")))
		}
	}
	return why
}

// certificate reads the one certificate of a pinned file.
func (f *Pinned) certificate(field string, read reading) (*pki.Certificate, error) {
	data, err := read(field, f.File, maxInput)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", field, err)
	}
	certs, err := pki.ParsePEM(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", field, f.File, err)
	}
	if len(certs) != 1 {
		return nil, fmt.Errorf("%s: %s holds %d certificates, one is wanted", field, f.File, len(certs))
	}
	return certs[0], pinned(field, f.SHA256, certs[0].Raw)
}

func pinned(field, want string, der []byte) error {
	sum, err := digest(field+".sha256", want)
	if err != nil {
		return err
	}
	if got := sha256.Sum256(der); got != sum {
		return fmt.Errorf("%s: the file is another one: its SHA-256 is %x, the act says %s", field, got, want)
	}
	return nil
}

// writeNew writes a file that was not there.
func writeNew(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return outfile.New(path, data, 0o644)
}

// spkiHash is SHA-256 of the SubjectPublicKeyInfo.
func spkiHash(pub crypto.PublicKey) string {
	spki, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return "none"
	}
	sum := sha256.Sum256(spki)
	return hex.EncodeToString(sum[:])
}
