package verifier

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"vidimus/internal/bundle"
	"vidimus/internal/pki"
	"vidimus/internal/policy"
	"vidimus/internal/statuslist"
	"vidimus/internal/trust"
	"vidimus/internal/verification"
)

// BundleSource says where the bundle of a reader is. The zero value is none.
type BundleSource struct {
	File   string // "" takes the one that State holds
	Anchor string // PEM file of who signs bundles; "" takes whom State has pinned
	State  string // folder; "" keeps nothing, so that an older bundle passes
}

// Given says whether there is one.
func (s BundleSource) Given() bool { return s.File+s.State != "" }

// Knowledge is a bundle that may be used, and where the reader keeps how far it
// got.
type Knowledge struct {
	*bundle.Bundle
	state *State // nil keeps nothing
}

// Open reads and verifies the bundle at the instant now. With a state folder, one
// that is older than what the reader had, and a clock before what it has seen, are
// refused; a bundle of a file is not taken over: that is Import's work.
func (s BundleSource) Open(now time.Time) (*Knowledge, error) { return s.open(&files{}, now) }

func (s BundleSource) open(f *files, now time.Time) (*Knowledge, error) {
	k := &Knowledge{}
	var pins []*pki.Certificate
	var err error
	if s.State != "" {
		if k.state, err = OpenState(s.State); err != nil {
			return nil, err
		}
		if pins, err = k.state.Anchors(); err != nil {
			return nil, err
		}
	}
	if s.Anchor != "" {
		if pins, err = f.pem(s.Anchor); err != nil {
			return nil, err
		}
	}
	name := s.File
	if name == "" {
		name = k.state.path(stateBundle)
	}
	if len(pins) == 0 {
		return nil, fmt.Errorf("%s: nobody is pinned who signs bundles: give --bundle-anchor with the certificate of the signer, or of the authority over it", name)
	}
	// The mark follows the bundle when one is taken. So it is read before: a bundle
	// that is imported meanwhile is newer than it, and never older.
	var m *bundle.Mark
	var damaged error
	if k.state != nil {
		m, damaged = k.state.mark()
	}
	data, err := f.bundle(name)
	if errors.Is(err, fs.ErrNotExist) && s.File == "" {
		return nil, fmt.Errorf("%w: this reader has no bundle yet; `verifier bundle fetch --state %s` gets one", err, s.State)
	}
	if err != nil {
		return nil, err
	}
	if k.Bundle, err = bundle.Open(data, pins, now); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if k.state == nil {
		return k, nil
	}
	if err = damaged; err == nil {
		err = m.Check(k.Bundle, now)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return k, nil
}

// Fill gives a verification at opt.Now what the bundle knows, beside what is
// there: anchors, revoked certificates and, unless the options have one, the
// policy. Lists are for Options.Carried, in the form that the document needs.
func (k *Knowledge) Fill(opt *verification.Options) {
	anchors := &trust.Store{} // that of the bundle is shared
	anchors.Merge(opt.Trust)
	anchors.Merge(k.Trust())
	opt.Trust = anchors
	opt.AnchorsAsOf, opt.StatusAsOf = k.Issued, k.Issued
	opt.CRLs = k.CRLs()
	if p := k.Policy(); p != nil && opt.Policy == nil {
		opt.Policy, opt.PolicyName = p, k.PolicyName()
	}
	// Past its end a bundle says whom its publisher trusted, and not whom it trusts;
	// its lists answer nothing by themselves. The policy stays what it is called.
	opt.AnchorsEnd = k.Expires
}

// Carried gives a list for Options.Carried: one that is not there was not checked,
// one that has ended is not known.
func (k *Knowledge) Carried(uri string, format statuslist.Format, now time.Time) (*statuslist.Opened, error) {
	l, err := k.Opened(uri, format, now)
	if errors.Is(err, bundle.ErrNotCarried) {
		return nil, fmt.Errorf("%w: %w", verification.ErrNotAtHand, err)
	}
	return l, err
}

// Saw moves the clock of the reader on to what trusted signers have named in a
// report. An error says that it could not be kept, and changes no verdict.
func (k *Knowledge) Saw(r *verification.Report) error {
	if k == nil || k.state == nil {
		return nil
	}
	instants := []time.Time{k.Issued}
	for _, d := range r.Documents {
		if a := d.Verdict.Authenticity; a == policy.Genuine || a == policy.HolderNotProven {
			instants = append(instants, d.Validity.Signed, d.Status.AsOf)
		}
	}
	if err := k.state.see(r.At, instants...); err != nil {
		return fmt.Errorf("keeping how far this device got: %w", err)
	}
	return nil
}

// ImportBundle takes a bundle into a state folder, which it makes where there is
// none; source.File is read, and source.Anchor pinned when it is given. startOver
// forgets how far the reader got, for one whose mark was damaged: only a person
// who knows that the bundle is the newest may ask for that.
func ImportBundle(source BundleSource, startOver bool, stdin io.Reader, now time.Time) (*bundle.Bundle, error) {
	f := &files{stdin}
	data, err := f.bundle(source.File)
	if err != nil {
		return nil, err
	}
	return source.take(f, data, startOver, now)
}

func (s BundleSource) take(f *files, data []byte, startOver bool, now time.Time) (*bundle.Bundle, error) {
	state, err := CreateState(s.State)
	if err != nil {
		return nil, err
	}
	pinned, err := state.Anchors()
	if err != nil && !startOver {
		return nil, err
	}
	pins := pinned
	if s.Anchor != "" {
		if pins, err = f.pem(s.Anchor); err != nil {
			return nil, err
		}
		if len(pinned) > 0 && !startOver && !sameCertificates(pins, pinned) {
			return nil, fmt.Errorf("%s holds another signer than %s: this reader was enrolled by somebody else. With --start-over it follows %s from now on", state.path(stateAnchor), s.Anchor, s.Anchor)
		}
	}
	if len(pins) == 0 {
		return nil, errors.New("nobody is pinned who signs bundles: give --bundle-anchor with the certificate of the signer, or of the authority over it")
	}
	b, err := bundle.Open(data, pins, now)
	if err != nil {
		return nil, err
	}
	if err := state.take(b, data, now, startOver); err != nil {
		return nil, err
	}
	if s.Anchor != "" {
		return b, state.Pin(pins)
	}
	return b, nil
}

func sameCertificates(a, b []*pki.Certificate) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !a[i].Equal(b[i]) {
			return false
		}
	}
	return true
}

// pem reads the certificates of a file.
func (f *files) pem(name string) ([]*pki.Certificate, error) {
	data, err := f.read(name)
	if err != nil {
		return nil, err
	}
	certs, err := pki.ParsePEM(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return certs, nil
}

// bundle reads a file that may be larger than others.
func (f *files) bundle(name string) ([]byte, error) {
	var r io.Reader = f.stdin
	switch {
	case name == "-" && f.stdin == nil:
		return nil, errors.New(`"-" is standard input, which is for one file alone`)
	case name == "-":
		f.stdin = nil
	default:
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		r = file
	}
	data, err := io.ReadAll(io.LimitReader(r, bundle.MaxBundle+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if len(data) > bundle.MaxBundle {
		return nil, fmt.Errorf("%s is larger than %d bytes", name, bundle.MaxBundle)
	}
	return data, nil
}
