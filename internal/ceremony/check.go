package ceremony

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"vidimus/internal/keys"
)

// check holds an act against itself.
func (a *Act) check() error {
	k, ok := kinds[a.Act]
	if !ok {
		return fmt.Errorf("act: %.40q is none; there are %s", a.Act, strings.Join(Kinds(), ", "))
	}
	if !utf8.Valid(a.raw) {
		return errors.New("the file is not UTF-8")
	}
	if err := text("purpose", a.Purpose); err != nil {
		return err
	}
	if err := keyURI("signing_key", a.SigningKey); err != nil {
		return err
	}
	if k.root != (a.Issuer == nil) {
		return fmt.Errorf("issuer: %s is signed with its own key: %t, a certificate is named: %t", a.Act, k.root, a.Issuer != nil)
	}
	if a.Issuer != nil {
		if err := a.Issuer.check("issuer"); err != nil {
			return err
		}
	}
	if a.Output == "" || a.Transcript.Output == "" || a.Audit == "" || a.Output == a.Transcript.Output {
		return errors.New("output, transcript.output and audit: a file each is wanted")
	}
	of := a.checkCertificate
	if a.Act == ActCRL {
		of = a.checkCRL
	}
	if err := of(k); err != nil {
		return err
	}
	return a.checkPeople()
}

func (a *Act) checkCertificate(k kind) error {
	if a.Number != 0 || a.ThisUpdate != "" || a.NextUpdate != "" || a.Revoked != nil || a.Follows != nil {
		return fmt.Errorf("number, this_update, next_update, revoked and follows are of a %s", ActCRL)
	}
	if k.link {
		if a.Certifies == nil || a.Subject != nil || a.SubjectKey != nil {
			return errors.New("certifies: a link certifies the name and the key of a root: certifies is wanted, subject and subject_key are not")
		}
		if err := a.Certifies.check("certifies"); err != nil {
			return err
		}
	} else {
		if a.Certifies != nil || a.Subject == nil || a.SubjectKey == nil {
			return errors.New("subject, subject_key: both are wanted; certifies is of an iaca-link")
		}
		if err := (&Pinned{a.SubjectKey.File, a.SubjectKey.SHA256}).check("subject_key"); err != nil {
			return err
		}
		if a.SubjectKey.URI != "" {
			if k.root {
				return errors.New("subject_key.uri: the key of a root is signing_key")
			}
			if err := keyURI("subject_key.uri", a.SubjectKey.URI); err != nil {
				return err
			}
		}
	}
	if a.Serial != "" {
		if _, err := serialNumber(a.Serial); err != nil {
			return err
		}
	}
	from, err := instant("not_before", a.NotBefore)
	if err != nil {
		return err
	}
	to, err := instant("not_after", a.NotAfter)
	if err != nil {
		return err
	}
	if !to.After(from) {
		return errors.New("not_after: it is not after not_before")
	}
	for _, s := range a.ExtendedKeyUsages {
		if _, err := objectIdentifier(s); err != nil {
			return err
		}
	}
	return nil
}

func (a *Act) checkCRL(kind) error {
	if a.Subject != nil || a.SubjectKey != nil || a.Certifies != nil || a.Serial != "" || a.NotBefore != "" || a.NotAfter != "" || a.IssuerAlternativeName != "" ||
		a.CRLDistributionPoint != "" || a.DNSNames != nil || a.URIs != nil || a.ExtendedKeyUsages != nil {
		return errors.New("a crl has number, this_update, next_update, revoked and follows, and nothing of a certificate")
	}
	if a.Number == 0 || (a.Number == 1) != (a.Follows == nil) {
		return errors.New("number, follows: the first list has the number 1, every other a higher one and names the list that it follows")
	}
	if a.Follows != nil {
		if err := a.Follows.check("follows"); err != nil {
			return err
		}
	}
	if _, err := instant("this_update", a.ThisUpdate); err != nil {
		return err
	}
	if _, err := instant("next_update", a.NextUpdate); err != nil {
		return err
	}
	for i, r := range a.Revoked {
		if n, ok := number(r.Serial); !ok || n.Sign() <= 0 {
			return fmt.Errorf("revoked: entry %d: serial is no number in hexadecimal", i+1)
		}
		if _, err := instant("revoked.at", r.At); err != nil {
			return err
		}
	}
	return nil
}

func (a *Act) checkPeople() error {
	if a.ApprovalDays < 0 || a.ApprovalDays > MaxApprovalDays {
		return fmt.Errorf("approval_days: %d, from 1 to %d are wanted, and %d where nothing is said", a.ApprovalDays, MaxApprovalDays, MaxApprovalDays)
	}
	if len(a.Operators) < minOperators || len(a.Operators) > maxPeople {
		return fmt.Errorf("operators: %d, from %d to %d are wanted", len(a.Operators), minOperators, maxPeople)
	}
	if len(a.Witnesses) < 1 || len(a.Witnesses) > maxPeople {
		return fmt.Errorf("witnesses: %d, from 1 to %d are wanted", len(a.Witnesses), maxPeople)
	}
	names, held := map[string]bool{}, map[string]bool{}
	person := func(field, name string) error {
		if err := oneLine(field, name); err != nil {
			return err
		}
		if names[name] {
			return fmt.Errorf("%s: %q is there twice", field, name)
		}
		names[name] = true
		return nil
	}
	for _, o := range a.Operators {
		if err := person("operators.name", o.Name); err != nil {
			return err
		}
		_, spki, err := publicKey([]byte(o.PublicKey))
		if err != nil {
			return fmt.Errorf("operators.public_key of %q: %w", o.Name, err)
		}
		if held[string(spki)] {
			return fmt.Errorf("operators.public_key of %q: it is another operator's", o.Name)
		}
		held[string(spki)] = true
	}
	for _, w := range a.Witnesses {
		if err := person("witnesses", w); err != nil {
			return err
		}
	}
	if err := keyURI("transcript.key", a.Transcript.Key); err != nil {
		return err
	}
	_, spki, err := publicKey([]byte(a.Transcript.PublicKey))
	if err != nil {
		return fmt.Errorf("transcript.public_key: %w", err)
	}
	if held[string(spki)] {
		return errors.New("transcript.public_key: it is an operator's: who approves does not write the record too")
	}
	if p := a.Transcript.Previous; p != "none" {
		if _, err := digest("transcript.previous", p); err != nil {
			return fmt.Errorf("%w; none for the first", err)
		}
	}
	return nil
}

func (p *Pinned) check(field string) error {
	if p.File == "" {
		return fmt.Errorf("%s.file: a file is wanted", field)
	}
	_, err := digest(field+".sha256", p.SHA256)
	return err
}

// digest reads a SHA-256 as openssl prints it, or sha256sum.
func digest(field, s string) ([sha256.Size]byte, error) {
	b, err := hex.DecodeString(strings.ReplaceAll(s, ":", ""))
	if err != nil || len(b) != sha256.Size {
		return [sha256.Size]byte{}, fmt.Errorf("%s: no SHA-256 in hexadecimal", field)
	}
	return [sha256.Size]byte(b), nil
}

// instant reads the one form of instants, so that what is read is what is signed.
func instant(field, s string) (time.Time, error) {
	at, err := time.Parse("2006-01-02T15:04:05Z", s)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: %.40q is no instant like 2026-06-15T10:00:00Z", field, s)
	}
	return at, nil
}

func number(s string) (*big.Int, bool) {
	if len(s) == 0 || len(s) > 40 || strings.ContainsAny(s, "+-_") {
		return nil, false
	}
	return new(big.Int).SetString(s, 16)
}

func serialNumber(s string) (*big.Int, error) {
	n, ok := number(s)
	if !ok || len(s) != 32 || n.BitLen() < 121 || n.BitLen() > 127 {
		return nil, errors.New("serial: not 16 octets in hexadecimal, the first from 01 to 7f: `signer ceremony draw` writes one into the file")
	}
	return n, nil
}

func objectIdentifier(s string) (asn1.ObjectIdentifier, error) {
	var out asn1.ObjectIdentifier
	for part := range strings.SplitSeq(s, ".") {
		n, err := strconv.ParseUint(part, 10, 31)
		if err != nil || strconv.FormatUint(n, 10) != part {
			return nil, fmt.Errorf("extended_key_usages: %.60q is no object identifier", s)
		}
		out = append(out, int(n))
	}
	if len(out) < 3 || len(out) > 20 {
		return nil, fmt.Errorf("extended_key_usages: %.60q is no object identifier", s)
	}
	return out, nil
}

func keyURI(field, s string) error {
	u, err := keys.ParseURI(s)
	if err != nil {
		return fmt.Errorf("%s: %w", field, err)
	}
	if u.Scheme == keys.SchemeSigner {
		return fmt.Errorf("%s: a key of the signer process signs what that process knows: name the key itself", field)
	}
	return nil
}

// oneLine is a text that makes no line of its own where it is shown.
func oneLine(field, s string) error {
	if strings.Contains(s, "\n") {
		return fmt.Errorf("%s: a text on one line is wanted", field)
	}
	return text(field, s)
}

// text is what people can read.
func text(field, s string) error {
	if s == "" || len(s) > maxText || !utf8.ValidString(s) || strings.TrimSpace(s) == "" {
		return fmt.Errorf("%s: a text of at most %d bytes is wanted", field, maxText)
	}
	if strings.ContainsFunc(s, func(r rune) bool {
		return r != '\n' && unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' || r == utf8.RuneError
	}) {
		return fmt.Errorf("%s: characters that nobody sees", field)
	}
	return nil
}

// ParsePublicKey reads one EC key as PEM, a SubjectPublicKeyInfo.
func ParsePublicKey(data []byte) (*ecdsa.PublicKey, error) {
	pub, _, err := publicKey(data)
	return pub, err
}

// publicKey reads one EC key as PEM, and gives its SubjectPublicKeyInfo.
func publicKey(data []byte) (*ecdsa.PublicKey, []byte, error) {
	block, rest := pem.Decode(data)
	if block == nil || block.Type != "PUBLIC KEY" || len(bytes.TrimSpace(rest)) > 0 {
		return nil, nil, errors.New("one PEM block PUBLIC KEY is wanted, as `signer key show` prints it")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, nil, fmt.Errorf("no public key: %w", err)
	}
	k, ok := parsed.(*ecdsa.PublicKey)
	if !ok || k.Curve != elliptic.P256() && k.Curve != elliptic.P384() && k.Curve != elliptic.P521() {
		return nil, nil, errors.New("not a key on P-256, P-384 or P-521")
	}
	spki, err := x509.MarshalPKIXPublicKey(k)
	if err != nil || !bytes.Equal(spki, block.Bytes) {
		return nil, nil, errors.New("not in the form that it is written in")
	}
	return k, spki, nil
}
