package signer

import (
	"context"
	"crypto"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"vidimus/internal/ceremony"
	"vidimus/internal/clock"
	"vidimus/internal/legible"
	"vidimus/internal/outfile"
	"vidimus/internal/pki"
)

// planned reads an act and drafts it.
func planned(path string) (*ceremony.Plan, error) {
	act, err := ceremony.Load(path)
	if err != nil {
		return nil, err
	}
	return act.Plan(rand.Reader)
}

// DryRun shows what an act would sign, and writes the TBS to a file when one is
// named, after what the clock of this machine says of the dates and the audit record of
// the list that it follows. It touches no key. Findings of lint are shown, and are the error.
func DryRun(path, tbs string, w io.Writer) error {
	p, err := planned(path)
	if err != nil {
		return err
	}
	warnings := p.Warnings(clock.System{}.Now())
	if behind := p.Behind(); behind != "" {
		warnings = append(warnings, behind)
	}
	for _, text := range warnings {
		fmt.Fprintf(w, "WARNING: %s\n\n", legible.Line(text))
	}
	if err := p.Show(w); err != nil {
		return err
	}
	if tbs != "" {
		if err := outfile.Replace(tbs, p.Draft.TBS, 0o644); err != nil {
			return fmt.Errorf("writing the TBS: %w", err)
		}
	}
	if n := len(p.Draft.Findings); n > 0 {
		return fmt.Errorf("%w: %d: nobody can approve this", ceremony.ErrFindings, n)
	}
	return nil
}

// Draw completes the file of an act, and gives what it put in.
func Draw(path string) ([]string, error) { return ceremony.Draw(path, rand.Reader) }

// approvalFile is where the approval of an operator is looked for, beside the act.
func approvalFile(act string, n int) string { return fmt.Sprintf("%s.approval-%d", act, n+1) }

// Approve makes the approval of an operator and writes it to out, or beside the act. An
// older one is never replaced: who approves anew has removed it. It gives the file, and until when the approval counts.
func Approve(ctx context.Context, path, name, uri, out string, c *Custody) (file string, until time.Time, err error) {
	p, err := planned(path)
	if err != nil {
		return "", until, err
	}
	n := slices.IndexFunc(p.Act.Operators, func(o ceremony.Operator) bool { return o.Name == name })
	if n < 0 {
		return "", until, fmt.Errorf("%w: the act has no operator %q", ceremony.ErrApproval, name)
	}
	if out == "" {
		out = approvalFile(path, n)
	}
	if info, err := os.Lstat(out); err == nil && info.Mode().IsRegular() {
		return "", until, fmt.Errorf("%w: %s is there already: remove it to approve anew", ceremony.ErrApproval, out)
	}
	key, closer, err := c.Open(ctx, uri, ".")
	if err != nil {
		return "", until, err
	}
	defer closer.Close()
	now := clock.System{}.Now()
	token, err := p.Approve(name, key, now, rand.Reader)
	if err != nil {
		return "", until, err
	}
	if err := outfile.Replace(out, []byte(token), 0o644); err != nil {
		return "", until, fmt.Errorf("writing the approval: %w", err)
	}
	return out, p.Act.ApprovalEnds(now), nil
}

// Act is how an act is done.
type Act struct {
	File string
	// Approvals are files; without any those beside the act are taken.
	Approvals []string
	// Dir takes the outputs instead of the folder of the act.
	Dir     string
	Custody *Custody
	In      io.Reader
	Out     io.Writer
}

// Perform does an act.
func Perform(ctx context.Context, a Act) (*ceremony.Done, error) {
	p, err := planned(a.File)
	if err != nil {
		return nil, err
	}
	files := a.Approvals
	if len(files) == 0 {
		for n := range p.Act.Operators {
			path := approvalFile(a.File, n)
			if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
				continue // Run says whose it is
			}
			files = append(files, path)
		}
	}
	var tokens []string
	for _, path := range files {
		token, err := readToken(path)
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, token)
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("naming this machine: %w", err)
	}
	c := &ceremony.Ceremony{Open: a.Custody.Open, Clock: clock.System{}, Rand: rand.Reader, Dir: a.Dir, Host: host, Program: version(), In: a.In, Out: a.Out}
	return c.Run(ctx, p, tokens)
}

// version names this program as it was built.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "signer"
	}
	out := "signer " + info.Main.Version + " " + info.GoVersion
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" || s.Key == "vcs.modified" && s.Value == "true" {
			out += " " + s.Key + "=" + s.Value
		}
	}
	return out
}

// readToken reads a compact JWS to the octet; white space around it is no part.
func readToken(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, ceremony.MaxTranscript+1))
	if err != nil {
		return "", err
	}
	if len(data) > ceremony.MaxTranscript {
		return "", fmt.Errorf("%s has more than %d bytes", path, ceremony.MaxTranscript)
	}
	return strings.TrimSpace(string(data)), nil
}

// Check is how transcripts are verified.
type Check struct {
	Transcripts []string // files, in the order of the acts
	// Keys are files with the public keys or certificates of who signs transcripts.
	Keys []string
	// Audit is an audit record that must have them, if one is named.
	Audit string
	// Out is a file for what the last of the transcripts made, if one is named.
	Out string
}

// Checked is what was found.
type Checked struct {
	Transcripts []*ceremony.Transcript
	// Others are acts of the audit record whose transcripts were not given.
	Others int
}

// Verify verifies transcripts against themselves, each other and an audit record.
func Verify(c Check) (*Checked, error) {
	var pubs []crypto.PublicKey
	for _, path := range c.Keys {
		pub, err := readPublic(path)
		if err != nil {
			return nil, err
		}
		pubs = append(pubs, pub)
	}
	var tokens []string
	for _, path := range c.Transcripts {
		token, err := readToken(path)
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, token)
	}
	list, err := ceremony.VerifyChain(tokens, pubs)
	if err != nil {
		return nil, err
	}
	out := &Checked{Transcripts: list}
	if c.Audit != "" {
		if _, err := os.Stat(c.Audit); err != nil {
			return nil, fmt.Errorf("the audit record: %w", err)
		}
		done, err := ceremony.Recorded(c.Audit)
		if err != nil {
			return nil, err
		}
		missing, others := ceremony.InRecord(list, done)
		if len(missing) > 0 {
			return nil, fmt.Errorf("%w: the audit record has no act with the transcript %x", ceremony.ErrTranscript, missing[0].Hash)
		}
		out.Others = others
	}
	if c.Out != "" {
		last := list[len(list)-1]
		var data []byte
		if last.Certificate != nil {
			data = pki.EncodePEM(last.Certificate)
		} else {
			data = last.List.Raw
		}
		if err := outfile.New(c.Out, data, 0o644); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// readPublic reads the public key of a PEM file, or that of the certificate in it.
func readPublic(path string) (crypto.PublicKey, error) {
	data, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return nil, err
	}
	if block, _ := pem.Decode(data); block != nil && block.Type == "CERTIFICATE" {
		certs, err := pki.ParsePEM(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return certs[0].PublicKey(), nil
	}
	pub, err := ceremony.ParsePublicKey(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return pub, nil
}
