package ceremony

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"vidimus/internal/jose"
	"vidimus/internal/pki"
)

// errNotKept is of an input that transcripts do not hold.
var errNotKept = errors.New("not kept in transcripts")

// Verify reads a transcript and holds it against itself: signed with one of keys,
// which is the one that the act names; the act, the files that it pins, the bytes
// that were signed, what came of them and every approval agree. Errors match
// ErrTranscript.
func Verify(token string, keys []crypto.PublicKey) (*Transcript, error) {
	t, err := verify(token, keys)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTranscript, err)
	}
	return t, nil
}

func verify(token string, keys []crypto.PublicKey) (*Transcript, error) {
	signed, err := jose.Parse(token, MaxTranscript)
	if err != nil {
		return nil, err
	}
	if signed.Header.Type != TranscriptType {
		return nil, fmt.Errorf("the typ is not %s", TranscriptType)
	}
	key, err := keyNamed(signed.Header.KeyID, keys)
	if err != nil {
		return nil, err
	}
	if err := signed.Verify(key); err != nil {
		return nil, err
	}
	var c transcriptClaims
	if err := jose.DecodeClosed(signed.Payload, &c); err != nil {
		return nil, err
	}
	if c.Version != 1 {
		return nil, fmt.Errorf("version %d, this program knows 1", c.Version)
	}
	t := &Transcript{Witnesses: c.Witnesses, Host: c.Host, Program: c.Program, Hash: HashOf(token), Previous: c.Previous, Token: token}
	if err := errors.Join(oneLine("host", c.Host), oneLine("program", c.Program)); err != nil {
		return nil, err
	}
	if t.Begun, err = instant("begun", c.Begun); err != nil {
		return nil, err
	}
	if t.Ended, err = instant("ended", c.Ended); err != nil {
		return nil, err
	}
	if t.Ended.Before(t.Begun) {
		return nil, errors.New("it ended before it began")
	}
	if t.Act, err = Parse([]byte(c.ActFile)); err != nil {
		return nil, err
	}
	hash := t.Act.Hash()
	named, _, err := publicKey([]byte(t.Act.Transcript.PublicKey))
	switch {
	case err != nil:
		return nil, err
	case !named.Equal(key):
		return nil, errors.New("signed with another key than the act names for it")
	case c.ActHash != hex.EncodeToString(hash[:]):
		return nil, errors.New("the digest of the act is not that of its text")
	case c.Act != t.Act.Act || c.Previous != t.Act.Transcript.Previous:
		return nil, errors.New("the act says something else than the transcript")
	}
	if err := t.result(&c); err != nil {
		return nil, err
	}
	return t, t.people(&c)
}

func keyNamed(kid string, keys []crypto.PublicKey) (crypto.PublicKey, error) {
	for _, k := range keys {
		thumbprint, err := jose.Thumbprint(k)
		if err != nil {
			return nil, fmt.Errorf("key of transcripts: %w", err)
		}
		if jose.EncodeBase64URL(thumbprint) == kid {
			return k, nil
		}
	}
	return nil, errors.New("signed with a key that is not one of those given")
}

// result holds what was made against the bytes that were approved, the act, and the
// issuer's key. The bytes are not drafted anew: a later version may draft otherwise.
func (t *Transcript) result(c *transcriptClaims) error {
	tbs, err := jose.DecodeBase64URL(c.TBS)
	if err != nil {
		return fmt.Errorf("tbs: %w", err)
	}
	result, err := jose.DecodeBase64URL(c.Result)
	if err != nil {
		return fmt.Errorf("result: %w", err)
	}
	t.TBSHash, t.ResultHash = sha256.Sum256(tbs), sha256.Sum256(result)
	if c.TBSHash != hex.EncodeToString(t.TBSHash[:]) || c.ResultHash != hex.EncodeToString(t.ResultHash[:]) {
		return errors.New("a digest is not that of what stands there")
	}
	read := func(field, _ string, _ int) ([]byte, error) {
		for _, in := range c.Inputs {
			if in.Field == field {
				return []byte(in.Content), nil
			}
		}
		return nil, errNotKept
	}
	if t.Act.Act == ActCRL {
		return t.list(result, tbs, read)
	}
	return t.certificate(result, tbs, read)
}

func (t *Transcript) certificate(result, tbs []byte, read reading) error {
	cert, err := pki.ParseCertificate(result)
	if err != nil {
		return err
	}
	if !bytes.Equal(cert.TBS(), tbs) {
		return errors.New("the certificate is not the bytes that were approved")
	}
	k := kinds[t.Act.Act]
	issuer := cert
	if !k.root {
		if issuer, err = t.Act.Issuer.certificate(fieldIssuer, read); err != nil {
			return err
		}
	}
	if !bytes.Equal(cert.RawIssuer, issuer.RawSubject) || issuer.Cert.CheckSignature(cert.Cert.SignatureAlgorithm, cert.TBS(), cert.Cert.Signature) != nil {
		return errors.New("the certificate is not signed by the issuer of the act")
	}
	spki := cert.Cert.RawSubjectPublicKeyInfo
	if k.link {
		certified, err := t.Act.Certifies.certificate(fieldCertifies, read)
		if err != nil {
			return err
		}
		if !bytes.Equal(cert.RawSubject, certified.RawSubject) || !bytes.Equal(spki, certified.Cert.RawSubjectPublicKeyInfo) {
			return errors.New("the link does not certify the root of the act")
		}
	} else if err := pinned("subject_key", t.Act.SubjectKey.SHA256, spki); err != nil {
		return err
	}
	serial, err := serialNumber(t.Act.Serial)
	if err != nil {
		return err
	}
	from, _ := instant("not_before", t.Act.NotBefore)
	to, _ := instant("not_after", t.Act.NotAfter)
	if cert.Cert.SerialNumber.Cmp(serial) != 0 || !cert.NotBefore().Equal(from) || !cert.NotAfter().Equal(to) {
		return errors.New("serial number or validity are not those of the act")
	}
	t.Certificate = cert
	return nil
}

func (t *Transcript) list(result, tbs []byte, read reading) error {
	list, err := pki.ParseCRL(result)
	if err != nil {
		return err
	}
	if !bytes.Equal(list.TBS(), tbs) {
		return errors.New("the revocation list is not the bytes that were approved")
	}
	issuer, err := t.Act.Issuer.certificate(fieldIssuer, read)
	if err != nil {
		return err
	}
	if err := list.Verify(issuer, false); err != nil {
		return err
	}
	this, _ := instant("this_update", t.Act.ThisUpdate)
	next, _ := instant("next_update", t.Act.NextUpdate)
	if !list.Number.IsUint64() || list.Number.Uint64() != t.Act.Number || !list.ThisUpdate.Equal(this) || !list.NextUpdate.Equal(next) || list.Len() != len(t.Act.Revoked) {
		return errors.New("the revocation list is not that of the act")
	}
	t.List, t.listKey = list, spkiHash(issuer.PublicKey())
	return nil
}

// people holds approvals and witnesses against the act.
func (t *Transcript) people(c *transcriptClaims) error {
	p := &Plan{Act: t.Act, TBSHash: t.TBSHash}
	var err error
	if t.Approvals, err = p.Approvals(c.Approvals, t.Begun); err != nil {
		return err
	}
	if len(c.Witnesses) != len(t.Act.Witnesses) {
		return fmt.Errorf("%d witnesses, the act has %d", len(c.Witnesses), len(t.Act.Witnesses))
	}
	for i, w := range c.Witnesses {
		if w.Name != t.Act.Witnesses[i] {
			return fmt.Errorf("witness %.100q is not in the act", w.Name)
		}
		if err := p.witnessed(w.Line); err != nil {
			return err
		}
		if _, err := instant("witnesses.at", w.At); err != nil {
			return err
		}
	}
	return nil
}

// witnessed says whether a line begins with the digits of the digest.
func (p *Plan) witnessed(line string) error {
	if strings.Contains(line, "\n") {
		return fmt.Errorf("%w: more than one line", ErrWitness)
	}
	want := hex.EncodeToString(p.TBSHash[:])[:shownDigits]
	first, own, _ := strings.Cut(strings.TrimSpace(line), " ")
	if !strings.EqualFold(first, want) {
		return fmt.Errorf("%w: the line does not begin with the first %d digits of the SHA-256 of the TBS", ErrWitness, shownDigits)
	}
	if err := text("line of a witness", own); err != nil {
		return fmt.Errorf("%w: %w", ErrWitness, err)
	}
	return nil
}

// VerifyChain verifies transcripts in the order in which they were made: each names
// the one before, and a revocation list goes on from the last one of its key. The first
// may itself follow others. Errors match ErrTranscript and name which one, from 1.
func VerifyChain(tokens []string, keys []crypto.PublicKey) ([]*Transcript, error) {
	var out []*Transcript
	lists := map[string]*pki.CRL{} // the last one, by the key
	for i, token := range tokens {
		t, err := Verify(token, keys)
		if err != nil {
			return nil, fmt.Errorf("transcript %d: %w", i+1, err)
		}
		if i > 0 {
			before := out[i-1]
			sum, err := digest("previous", t.Previous)
			if err != nil || sum != before.Hash {
				return nil, fmt.Errorf("transcript %d: %w: it follows %s, the one before it is %x", i+1, ErrTranscript, t.Previous, before.Hash)
			}
			if t.Begun.Before(before.Ended.Add(-time.Minute)) { // clocks are set in between
				return nil, fmt.Errorf("transcript %d: %w: it began before the one that it follows ended", i+1, ErrTranscript)
			}
		}
		if t.List != nil {
			if before := lists[t.listKey]; before != nil {
				if why := goesOn(before, t.List); len(why) > 0 {
					return nil, fmt.Errorf("transcript %d: %w: the list before it: %s", i+1, ErrTranscript, strings.Join(why, "; "))
				}
			}
			lists[t.listKey] = t.List
		}
		out = append(out, t)
	}
	return out, nil
}
