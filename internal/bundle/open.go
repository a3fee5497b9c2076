package bundle

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"vidimus/internal/cbor"
	"vidimus/internal/cose"
	"vidimus/internal/pki"
	"vidimus/internal/policy"
	"vidimus/internal/statuslist"
	"vidimus/internal/trust"
)

// purposes are the usages of which the signer must have one.
var purposes = []asn1.ObjectIdentifier{pki.OIDBundleSigner}

// Open reads and verifies a bundle at the instant now. pins are certificates of
// bundle signers, or of authorities over them, that somebody vouched for when the
// reader was enrolled.
//
// A bundle past its end is opened and says so (Ended): whom it trusts is still
// worth knowing, its lists answer nothing.
func Open(data []byte, pins []*pki.Certificate, now time.Time) (*Bundle, error) {
	if len(data) > MaxBundle {
		return nil, malformed("%d bytes, at most %d", len(data), MaxBundle)
	}
	msg, err := cose.ParseSign1Limit(data, MaxBundle)
	switch {
	case err != nil:
		return nil, malformed("%w", err)
	case !msg.Tagged:
		return nil, malformed("no COSE_Sign1 tag")
	case msg.Payload == nil:
		return nil, malformed("no payload")
	case msg.Header.ContentType != ContentType:
		return nil, malformed("content type %.80v", msg.Header.ContentType)
	}
	if _, protected := msg.Header.ProtectedByLabel[cose.LabelContentType]; !protected {
		return nil, malformed("content type outside of the protected header")
	}
	if !msg.Header.X5ChainProtected {
		return nil, malformed("no certificates in the protected header")
	}
	// The payload is read before its signer is known: when it was made decides at
	// which instant the signer has to count.
	w, err := parsePayload(msg.Payload)
	if err != nil {
		return nil, err
	}
	b, err := w.header()
	if err != nil {
		return nil, err
	}
	b.Digest, b.Size = sha256.Sum256(data), len(data)
	// Step 1. The signer. A clock that is behind must not make a stranger of it.
	at := now
	if b.Issued.After(now) {
		at = b.Issued
	}
	if b.Signer, err = signer(msg.Header.X5Chain, pins, at); err != nil {
		return nil, fmt.Errorf("bundle signer: %w", err)
	}
	// Step 2. The signature.
	if err := msg.Verify(b.Signer.Leaf.PublicKey()); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	// Step 3. Clock and reader.
	switch {
	case b.Issued.After(now.Add(skew)):
		return nil, &ClockError{Clock: now, Made: b.Issued, What: b.Source()}
	case b.MinReader > ReaderVersion:
		return nil, fmt.Errorf("%w: it needs version %d, this reader is of version %d: update the program", ErrReader, b.MinReader, ReaderVersion)
	}
	// Step 4. The sections.
	if err := b.read(w); err != nil {
		return nil, err
	}
	return b, nil
}

// signer is one of pins itself, or below one.
func signer(chain [][]byte, pins []*pki.Certificate, at time.Time) (*pki.Path, error) {
	opt := pki.PathOptions{Now: at, Purposes: purposes, RequireEKU: true, KeyUsage: x509.KeyUsageDigitalSignature}
	path, err := pki.ValidatePinned(chain, pins, opt)
	if unknown := new(pki.PathError); errors.As(err, &unknown) && unknown.Reason == pki.ReasonNoAnchor {
		return pki.Validate(chain, pins, opt)
	}
	return path, err
}

// header reads what stands before the sections.
func (w *wireBundle) header() (*Bundle, error) {
	switch {
	case w.Version != formVersion:
		return nil, malformed("version %d of the form, this reader knows %d", w.Version, formVersion)
	case w.Publisher == "" || len(w.Publisher) > maxText:
		return nil, malformed("publisher is missing or too long")
	case w.Sequence == 0 || w.Sequence > math.MaxInt64:
		return nil, malformed("sequence is missing or out of bounds")
	case w.Issued == nil || w.Expires == nil || !w.Expires.After(w.Issued.Time):
		return nil, malformed("issued or expires is missing, or they are in the wrong order")
	case w.Expires.Sub(w.Issued.Time) > maxLife:
		return nil, malformed("lives longer than %d days", maxLife/(24*time.Hour))
	case w.MinReader == 0:
		return nil, malformed("minReader is missing")
	case len(w.Countries) > maxCountries:
		return nil, malformed("%d countries", len(w.Countries))
	case w.Anchors == nil || w.CRLs == nil || w.Lists == nil:
		return nil, malformed("anchors, crls or lists is missing")
	}
	for _, c := range w.Countries {
		if !isCountry(c) {
			return nil, malformed("country %.16q", c)
		}
	}
	return &Bundle{Publisher: w.Publisher, Sequence: w.Sequence, Issued: w.Issued.UTC(), Expires: w.Expires.UTC(),
		MinReader: w.MinReader, Countries: w.Countries}, nil
}

func isCountry(s string) bool {
	return len(s) == 2 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

func (b *Bundle) read(w *wireBundle) error {
	for _, step := range []func(*wireBundle) error{b.readAnchors, b.readCRLs, b.readLists, b.readPolicy} {
		if err := step(w); err != nil {
			return err
		}
	}
	return nil
}

func (b *Bundle) readAnchors(w *wireBundle) error {
	content, err := embedded(w.Anchors, "anchors")
	if err != nil {
		return err
	}
	var anchors []wireAnchor
	if err := cbor.UnmarshalLimit(content, &anchors, MaxBundle); err != nil {
		return malformed("anchors: %w", err)
	}
	if len(anchors) > MaxAnchors {
		return malformed("%d anchors, at most %d", len(anchors), MaxAnchors)
	}
	certs, errs := make([]*pki.Certificate, len(anchors)), make([]error, len(anchors))
	abreast(len(anchors), func(i int) { certs[i], errs[i] = pki.ParseCertificate(anchors[i].Certificate) })
	b.trust = &trust.Store{}
	for i, a := range anchors {
		cert, err := certs[i], errs[i]
		if err != nil {
			return malformed("anchor %d: %w", i, err)
		}
		if len(a.Source) > maxText {
			return malformed("anchor %d: source is too long", i)
		}
		anchor := trust.Anchor{Cert: cert, Scope: trust.Scope{DocTypes: a.DocTypes, VCTs: a.VCTs}, Source: a.Source}
		for _, p := range a.Purposes {
			anchor.Purposes = append(anchor.Purposes, trust.Purpose(p))
		}
		if anchor.AsOf = b.Issued; a.AsOf != nil { // else the publisher's word of that day
			anchor.AsOf = a.AsOf.UTC()
		}
		if anchor.AsOf.After(b.Issued.Add(skew)) { // it would be fresh for ever
			return malformed("anchor %d: as of %s, after the bundle was made", i, anchor.AsOf.Format(time.RFC3339))
		}
		if err := b.trust.Add(anchor); err != nil {
			return malformed("anchor %d: %w", i, err)
		}
	}
	return nil
}

func (b *Bundle) readCRLs(w *wireBundle) error {
	var lists []*pki.CRL
	for i, item := range w.CRLs {
		raw, err := embeddedBytes(item, pki.MaxCRLBytes, "revocation list")
		if err != nil {
			return err
		}
		list, err := pki.ParseCRL(raw)
		if err != nil {
			return malformed("revocation list %d: %w", i, err)
		}
		lists = append(lists, list)
	}
	var err error
	if b.crls, err = pki.NewCRLs(lists...); err != nil {
		return malformed("%w", err)
	}
	return nil
}

// readLists reads what stands beside the tokens, and then the tokens.
func (b *Bundle) readLists(w *wireBundle) error {
	if len(w.Lists) > MaxLists {
		return malformed("%d lists, at most %d", len(w.Lists), MaxLists)
	}
	b.lists, b.byURI = make([]listEntry, len(w.Lists)), make(map[listKey]int, len(w.Lists))
	for i, item := range w.Lists {
		if err := b.lists[i].read(item); err != nil {
			return malformed("list %d: %w", i, err)
		}
	}
	listed(b.lists)
	for i, l := range b.lists {
		key := listKey{l.URI, l.Format}
		if _, twice := b.byURI[key]; twice {
			return malformed("two %s lists of %.200s", l.Format, l.URI)
		}
		b.byURI[key] = i
	}
	known := &leaves{known: map[string]*pki.Certificate{}}
	abreast(len(b.lists), func(i int) { b.lists[i].open(known) })
	return nil
}

// abreast calls do for 0 to n-1, on all cores: what a bundle holds is many small
// things that do not know each other.
func abreast(n int, do func(i int)) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	all.Wait()
}

func (e *listEntry) read(item []byte) error {
	parts, err := cbor.ArrayItemsLimit(item, MaxToken+maxText*4)
	if err != nil {
		return err
	}
	if len(parts) != 6 {
		return fmt.Errorf("%d parts instead of 6", len(parts))
	}
	form := ""
	for i, to := range []*string{&e.URI, &form, &e.Country} {
		if *to, err = cbor.Text(parts[i]); err != nil || len(*to) > maxText {
			return fmt.Errorf("address, form or country")
		}
	}
	switch form {
	case formJWT:
		e.Format = statuslist.FormatJWT
	case formCWT:
		e.Format = statuslist.FormatCWT
	case formIdentifiers:
		e.Format, e.Identifiers = statuslist.FormatCWT, true
	default:
		return fmt.Errorf("form %.16q", form)
	}
	if e.URI == "" || e.Country != "" && !isCountry(e.Country) {
		return errors.New("address or country")
	}
	var at cbor.DateTime
	if err := cbor.Unmarshal(parts[3], &at); err != nil {
		return fmt.Errorf("issued: %w", err)
	}
	e.Issued = at.UTC()
	if !cbor.IsNull(parts[4]) {
		if err := cbor.Unmarshal(parts[4], &at); err != nil {
			return fmt.Errorf("expires: %w", err)
		}
		e.Expires = at.UTC()
	}
	if e.token, err = embeddedBytes(parts[5], MaxToken, "token"); err != nil {
		return err
	}
	e.Bytes = len(e.token)
	return nil
}

func (b *Bundle) readPolicy(w *wireBundle) error {
	if w.Policy == nil {
		return nil
	}
	content, err := embedded(w.Policy, "policy")
	if err != nil {
		return err
	}
	text, err := cbor.Text(content)
	if err != nil || len(text) > maxPolicy {
		return malformed("policy is no text of at most %d bytes", maxPolicy)
	}
	if b.policy, err = policy.Load(policy.File{Name: "policy of the bundle", Data: []byte(text)}); err != nil {
		return malformed("%w", err)
	}
	return nil
}
