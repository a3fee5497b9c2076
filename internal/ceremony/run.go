package ceremony

import (
	"bufio"
	"bytes"
	"context"
	"crypto"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/clock"
	"vidimus/internal/keys"
	"vidimus/internal/legible"
	"vidimus/internal/pki"
)

// Opener opens a key for as long as it is needed; relative paths in the URI are
// below dir.
type Opener func(ctx context.Context, uri, dir string) (crypto.Signer, io.Closer, error)

// Ceremony is the machine on which acts are done.
type Ceremony struct {
	Open  Opener
	Clock clock.Clock
	Rand  io.Reader
	// Dir takes the outputs instead of the folder of the act.
	Dir string
	// Host and Program name this machine and this program in transcripts.
	Host, Program string
	// In and Out are where witnesses write and read.
	In  io.Reader
	Out io.Writer
	// Interfaces lists the network of the machine; nil is net.Interfaces.
	Interfaces func() ([]net.Interface, error)
}

// Done is an act that was done.
type Done struct {
	Transcript *Transcript
	// Output and TranscriptOutput are the files written.
	Output, TranscriptOutput string
}

// Run does the act of a plan: with the approval of every operator and a line of every
// witness it signs, verifies, and writes transcript, audit record and certificate.
// When an error comes after the signature, the transcript may be there: it holds
// what was signed.
func (c *Ceremony) Run(ctx context.Context, p *Plan, approvals []string) (*Done, error) {
	begun := c.Clock.Now()
	if len(p.Draft.Findings) > 0 {
		return nil, fmt.Errorf("%w: %s", ErrFindings, strings.Join(p.Draft.Findings, "; "))
	}
	approved, err := p.Approvals(approvals, begun)
	if err != nil {
		return nil, err
	}
	if p.Act.Offline {
		if err := c.alone(); err != nil {
			return nil, err
		}
	}
	done := &Done{Output: c.path(p.Act.Output, p.Act), TranscriptOutput: c.path(p.Act.Transcript.Output, p.Act)}
	for _, path := range []string{done.Output, done.TranscriptOutput} {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w: %s is there already: nothing is overwritten", ErrAct, path)
		}
	}
	j, err := c.journal(p)
	if err != nil {
		return nil, err
	}
	defer j.Close()
	witnesses, err := c.witnesses(p)
	if err != nil {
		return nil, err
	}
	claims := p.record(approved, witnesses, begun, c.Host, c.Program)
	if _, err := claims.encode(); err != nil {
		return nil, err
	}
	recorder, closer, err := c.key(ctx, p.Act.Transcript.Key, p, func() (crypto.PublicKey, error) {
		pub, _, err := publicKey([]byte(p.Act.Transcript.PublicKey))
		return pub, err
	}, "transcript.key")
	if err != nil {
		return nil, err
	}
	defer closer.Close()

	result, text, err := c.sign(ctx, p, j)
	if err != nil {
		return nil, err
	}
	failed := func(err error) error {
		hash := p.Act.Hash()
		return errors.Join(err, j.write(context.WithoutCancel(ctx), audit.Failed, hex.EncodeToString(hash[:]), map[string]string{}))
	}
	token, err := claims.sign(result, c.Clock.Now(), recorder, c.Rand)
	if err != nil {
		return nil, failed(err)
	}
	if done.Transcript, err = Verify(token, []crypto.PublicKey{recorder.Public()}); err != nil {
		return nil, failed(err)
	}
	if err := writeNew(done.TranscriptOutput, []byte(token)); err != nil {
		return nil, failed(fmt.Errorf("writing the transcript: %w", err))
	}
	t := done.Transcript
	if err := j.write(context.WithoutCancel(ctx), audit.Done, hex.EncodeToString(t.Hash[:]), t.detail()); err != nil {
		return nil, err
	}
	if err := writeNew(done.Output, text); err != nil {
		return nil, fmt.Errorf("writing %s: %w; what was signed is in the transcript: `signer ceremony verify --out FILE` takes it out", p.Act.Output, err)
	}
	return done, nil
}

// detail is what the audit record has beside the digest of the transcript.
func (t *Transcript) detail() map[string]string {
	out := map[string]string{"previous": t.Previous}
	if t.List != nil {
		out["key"] = t.listKey
	}
	if t.Certificate != nil {
		out["certificate"], out["serial"] = hex.EncodeToString(t.ResultHash[:]), t.Certificate.Serial()
	} else {
		out["size"], out["version"] = fmt.Sprint(t.List.Len()), t.List.Number.String()
	}
	return out
}

// sign uses the key of the act once, and lets go of it. It gives the DER and the
// file of what was signed.
func (c *Ceremony) sign(ctx context.Context, p *Plan, j *journal) (der, text []byte, err error) {
	if s := p.Act.SubjectKey; s != nil && s.URI != "" {
		if err := c.prove(ctx, p, s.URI); err != nil {
			return nil, nil, err
		}
	}
	key, closer, err := c.key(ctx, p.Act.SigningKey, p, func() (crypto.PublicKey, error) { return p.signing, nil }, "signing_key")
	if err != nil {
		return nil, nil, err
	}
	defer closer.Close()
	if p.Act.Offline { // once more: people were asked in between
		if err := c.alone(); err != nil {
			return nil, nil, err
		}
	}
	hash := p.Act.Hash()
	subject := hex.EncodeToString(hash[:])
	if err := j.write(ctx, audit.Intent, subject, map[string]string{}); err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, j.write(context.WithoutCancel(ctx), audit.Failed, subject, map[string]string{}))
		}
	}()
	var tbs []byte
	if p.Act.Act == ActCRL {
		list, err := pki.BuildCRL(p.revocations, p.Issuer, key, c.Rand)
		if err != nil {
			return nil, nil, err
		}
		der, text, tbs = list.Raw, list.Raw, list.TBS()
	} else {
		cert, err := pki.Build(p.template, p.Issuer, key, c.Rand)
		if err != nil {
			return nil, nil, err
		}
		der, text, tbs = cert.Raw, pki.EncodePEM(cert), cert.TBS()
	}
	if !bytes.Equal(tbs, p.Draft.TBS) {
		return nil, nil, errors.New("what was signed is not what was approved: it is thrown away")
	}
	return der, text, nil
}

// prove has the subject's key show that it is there, before anything is signed.
func (c *Ceremony) prove(ctx context.Context, p *Plan, uri string) error {
	key, closer, err := c.key(ctx, uri, p, func() (crypto.PublicKey, error) { return p.template.Public, nil }, "subject_key.uri")
	if err != nil {
		return err
	}
	defer closer.Close()
	if err := keys.Prove(key, p.Draft.Certificate.Cert, c.Rand); err != nil {
		return fmt.Errorf("%w: subject_key.uri: %w", ErrKey, err)
	}
	return nil
}

// key opens a key that must have this public half.
func (c *Ceremony) key(ctx context.Context, uri string, p *Plan, wanted func() (crypto.PublicKey, error), field string) (crypto.Signer, io.Closer, error) {
	pub, err := wanted()
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", field, err)
	}
	key, closer, err := c.Open(ctx, uri, p.Act.dir)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", field, err)
	}
	if spkiHash(key.Public()) != spkiHash(pub) {
		closer.Close()
		return nil, nil, fmt.Errorf("%w: %s: its public key has the SHA-256 %s, the act has %s", ErrKey, field, spkiHash(key.Public()), spkiHash(pub))
	}
	return key, closer, nil
}

func (c *Ceremony) path(name string, a *Act) string {
	if c.Dir != "" {
		return filepath.Join(c.Dir, filepath.Base(name))
	}
	return a.path(name)
}

// witnesses asks each witness for the digits that they compared and a line.
func (c *Ceremony) witnesses(p *Plan) ([]Witness, error) {
	lines := bufio.NewScanner(c.In)
	lines.Buffer(nil, 4*maxText)
	var out []Witness
	for _, name := range p.Act.Witnesses {
		fmt.Fprintf(c.Out, "%s: compare the SHA-256 of the TBS. Type its first %d digits, a space, and what you saw:\n", legible.Line(name), shownDigits)
		if !lines.Scan() {
			return nil, fmt.Errorf("%w: %s wrote nothing", ErrWitness, name)
		}
		line := strings.TrimSpace(lines.Text())
		if err := p.witnessed(line); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out = append(out, Witness{Name: name, Line: line, At: c.Clock.Now().UTC().Format(time.RFC3339)})
	}
	return out, nil
}

// alone wants no interface up but the loopback.
func (c *Ceremony) alone() error {
	list := c.Interfaces
	if list == nil {
		list = net.Interfaces
	}
	all, err := list()
	if err != nil {
		return fmt.Errorf("%w: its interfaces cannot be listed: %w", ErrNetwork, err)
	}
	var up []string
	for _, i := range all {
		if i.Flags&net.FlagLoopback == 0 && i.Flags&net.FlagUp != 0 {
			up = append(up, i.Name)
		}
	}
	if len(up) > 0 {
		return fmt.Errorf("%w: %s is up, and the act says offline: take it down with `ip link set %s down`", ErrNetwork, strings.Join(up, ", "), up[0])
	}
	return nil
}
