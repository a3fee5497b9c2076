package verifier

import (
	"bytes"
	"context"
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"vidimus/internal/clock"
	"vidimus/internal/fetch"
	"vidimus/internal/fleet"
	"vidimus/internal/jose"
	"vidimus/internal/keys/soft"
	"vidimus/internal/pki"
	"vidimus/internal/typedcode"
)

// Enrolment is an enrolment of this device at an office. State and Web are
// required; Issuer and Code only where none is under way.
type Enrolment struct {
	State  *State
	Issuer string // public URL of the office
	Code   string // as a person typed it
	Web    *fetch.Client
	Clock  clock.Clock // nil is the system's
	// Poll is how long Wait rests between two questions; 0 is 5 s.
	Poll time.Duration
}

// Errors of an enrolment.
var (
	// ErrWaiting: the office has the request, and a human there is to look at it.
	ErrWaiting = errors.New("the office has not approved this reader yet")
	// ErrRefused: the office does not take it.
	ErrRefused = errors.New("the office refuses")
	// errBusy: it has no time now. Wait goes on.
	errBusy = errors.New("the office is busy: try again later")
)

// maxEnrolAnswer bounds what is read of the office's answer, in bytes.
const maxEnrolAnswer = 256 << 10

// Pending is an enrolment that waits for a human at the office.
type Pending struct {
	Enrolled
	// Fingerprint of the key of this device: the human compares it.
	Fingerprint string
}

// request is what lies in the state folder while an enrolment is under way. The
// code is good for this key alone by then.
type request struct {
	Issuer string `json:"issuer"`
	Code   string `json:"code"`
}

// Enrol makes the key of this device, where it has none, and sends the office a
// certificate request with the one-time code; or asks again, where that was done.
// It gives what the reader is called and, with ErrWaiting, the fingerprint to
// compare; without an error the reader is enrolled and everything is in its state
// folder.
func (e *Enrolment) Enrol(ctx context.Context) (Pending, error) {
	under, err := e.underWay()
	if err != nil {
		return Pending{}, err
	}
	key, err := e.key(ctx)
	if err != nil {
		return Pending{}, err
	}
	answer, err := e.ask(ctx, under, key)
	if err != nil {
		return Pending{}, err
	}
	// The office took the code: from now on it belongs to this key.
	if err := e.remember(under); err != nil {
		return Pending{}, err
	}
	out := Pending{Fingerprint: fingerprint(key.Public()), Enrolled: Enrolled{
		ID: answer.ID, Name: answer.Name, Organization: answer.Organization, Issuer: under.Issuer, Expires: answer.Expires, BundleURL: answer.BundleURL,
	}}
	if answer.State != fleet.Enrolled {
		return out, ErrWaiting
	}
	return out, e.take(out.Enrolled, answer, key)
}

// Wait is Enrol again and again until a human has decided, patience is over or ctx
// ends. told gets the first answer. Patience is for the human: a question under way
// is not cut off.
func (e *Enrolment) Wait(ctx context.Context, patience time.Duration, told func(Pending)) (Pending, error) {
	poll := e.Poll
	if poll == 0 {
		poll = 5 * time.Second
	}
	over := time.NewTimer(patience)
	defer over.Stop()
	for first := true; ; first = false {
		p, err := e.Enrol(ctx)
		if !errors.Is(err, ErrWaiting) && (first || !errors.Is(err, errBusy) && ctx.Err() == nil) {
			return p, err
		}
		if first && told != nil {
			told(p)
		}
		again := time.NewTimer(poll)
		select {
		case <-again.C:
			continue
		case <-ctx.Done():
		case <-over.C:
		}
		again.Stop()
		return p, ErrWaiting
	}
}

// underWay gives the enrolment that was begun, or the one that is wished.
func (e *Enrolment) underWay() (request, error) {
	if e.Code != "" {
		if _, ok := typedcode.DigestOf(e.Code); !ok {
			return request{}, errors.New("the code does not read: twenty letters and digits in groups of four are wanted")
		}
		if e.Issuer == "" {
			return request{}, errors.New("the address of the office is missing: --issuer URL")
		}
		return request{Issuer: strings.TrimRight(e.Issuer, "/"), Code: e.Code}, nil
	}
	data, err := ReadFile(e.State.path(stateRequest), nil)
	if errors.Is(err, fs.ErrNotExist) {
		return request{}, errors.New("no enrolment is under way here: --issuer URL and --code CODE are wanted; `issuer reader invite` makes a code")
	}
	if err != nil {
		return request{}, err
	}
	var r request
	if err := jose.DecodeJSON(data, &r); err != nil {
		return request{}, fmt.Errorf("%w: %s is damaged: %w", ErrState, e.State.path(stateRequest), err)
	}
	return r, nil
}

func (e *Enrolment) remember(r request) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return e.State.locked(func() error { return e.State.replace(stateRequest, append(text, '\n')) })
}

// key opens the key of this device, or makes it: P-256, on this device alone.
func (e *Enrolment) key(ctx context.Context) (key crypto.Signer, err error) {
	err = e.State.locked(func() error {
		km := soft.New(e.State.dir)
		if key, err = km.Signer(ctx, "soft:path="+stateKey); errors.Is(err, fs.ErrNotExist) {
			key, err = km.Create(ctx, "soft:path="+stateKey, elliptic.P256())
		}
		return err
	})
	return key, err
}

// fingerprint is that of fleet, for the two screens that are compared.
func fingerprint(public crypto.PublicKey) string {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return ""
	}
	return fleet.Fingerprint(sha256.Sum256(der))
}

func (e *Enrolment) ask(ctx context.Context, r request, key crypto.Signer) (*fleet.EnrolAnswer, error) {
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "reader"}}, key)
	if err != nil {
		return nil, fmt.Errorf("making a certificate request: %w", err)
	}
	body, err := json.Marshal(fleet.EnrolRequest{Code: r.Code, Request: jose.EncodeBase64URL(csr)})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.Issuer+fleet.EnrolPath, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, data, err := e.Web.Do(req, maxEnrolAnswer)
	if err != nil {
		return nil, fmt.Errorf("asking the office: %w", err)
	}
	if res.StatusCode == http.StatusTooManyRequests || res.StatusCode == http.StatusServiceUnavailable {
		return nil, fmt.Errorf("%w: it answers %s", errBusy, res.Status)
	}
	if res.StatusCode/100 != 2 {
		var refusal struct {
			Error       string `json:"error"`
			Description string `json:"error_description"`
		}
		if jose.DecodeJSON(data, &refusal) != nil || refusal.Error == "" {
			return nil, fmt.Errorf("%w: it answers %s", ErrRefused, res.Status)
		}
		hint := ""
		if refusal.Error == "access_denied" {
			hint = "; a code is good once, for one device, and not for long: compare it with what `issuer reader invite` printed, or have a new one made"
		}
		return nil, fmt.Errorf("%w: %s: %s%s", ErrRefused, detail(refusal.Error), detail(refusal.Description), hint)
	}
	var answer fleet.EnrolAnswer
	if err := jose.DecodeJSONLimit(data, &answer, maxEnrolAnswer); err != nil {
		return nil, fmt.Errorf("reading the office's answer: %w", err)
	}
	return &answer, nil
}

// take checks what the office gave before it replaces what was there: a
// certificate for our key, under the authority beside it.
func (e *Enrolment) take(enrolled Enrolled, a *fleet.EnrolAnswer, key crypto.Signer) error {
	chain, err := certificatesOf(a.Chain)
	if err != nil {
		return fmt.Errorf("the office's answer: chain: %w", err)
	}
	authority, err := certificatesOf([]string{a.Anchor})
	if err != nil {
		return fmt.Errorf("the office's answer: anchor: %w", err)
	}
	anchors, err := certificatesOf(a.BundleAnchors)
	if err != nil && len(a.BundleAnchors) > 0 {
		return fmt.Errorf("the office's answer: bundle_anchors: %w", err)
	}
	leaf := chain[0]
	if k, ok := leaf.PublicKey().(interface{ Equal(crypto.PublicKey) bool }); !ok || !k.Equal(key.Public()) {
		return errors.New("the office's answer: the certificate is for another key")
	}
	raw := make([][]byte, len(chain))
	for i, c := range chain {
		raw[i] = c.Raw
	}
	now := clock.System{}.Now()
	if e.Clock != nil {
		now = e.Clock.Now()
	}
	if _, err := pki.Validate(raw, authority, pki.PathOptions{Now: now, Purposes: pki.ProfileReader.ExtKeyUsages(), RequireEKU: true, MaxIntermediates: 1}); err != nil {
		return fmt.Errorf("the office's answer: the certificate: %w", err)
	}
	return e.State.keep(enrolled, chain, authority[0], anchors)
}

// certificatesOf reads DER in base64url, at least one.
func certificatesOf(list []string) (out []*pki.Certificate, err error) {
	if len(list) == 0 || len(list) > pki.MaxChain {
		return nil, fmt.Errorf("%d certificates", len(list))
	}
	for _, text := range list {
		der, err := jose.DecodeBase64URL(text)
		if err != nil {
			return nil, err
		}
		c, err := pki.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}
