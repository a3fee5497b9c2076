package verifier

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vidimus/internal/fetch"
	"vidimus/internal/fleet"
	"vidimus/internal/jose"
	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/problem"
	"vidimus/internal/store/memory"
)

// bureau is an office that enrols readers, and may lie.
type bureau struct {
	*pkitest.World
	fleet *fleet.Service
	url   string
	lie   func(*fleet.EnrolAnswer)
	busy  int // answers that it has no time for
}

func newBureau(t *testing.T) *bureau {
	t.Helper()
	b := &bureau{World: pkitest.NewWorld(t)}
	store, err := memory.New(memory.Options{PublicURL: "https://issuer.example", Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	if b.fleet, err = fleet.New(fleet.Parts{Store: store, Clock: b.Clock, Rand: rand.Reader, Authority: fleet.Authority{
		Certificate: b.ReaderCA.Cert, Key: b.ReaderCA.Key, Country: "UT", Organization: "Police", Contact: "https://issuer.example", CRL: "https://issuer.example/crl",
	}}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(b.serve))
	t.Cleanup(server.Close)
	b.url = server.URL
	return b
}

func (b *bureau) serve(w http.ResponseWriter, r *http.Request) {
	if b.busy > 0 {
		b.busy--
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	var in fleet.EnrolRequest
	err := json.NewDecoder(r.Body).Decode(&in)
	var csr []byte
	if err == nil {
		csr, err = jose.DecodeBase64URL(in.Request)
	}
	var reader fleet.Reader
	if err == nil {
		reader, err = b.fleet.Enrol(r.Context(), in.Code, csr)
	}
	if err != nil {
		w.WriteHeader(http.StatusForbidden)
		json.NewEncoder(w).Encode(map[string]string{"error": string(problem.KindOf(err)), "error_description": problem.Detail(err) + "\x1b[2J"})
		return
	}
	a := fleet.EnrolAnswer{ID: reader.ID, Name: reader.Name, Organization: reader.Organization, State: reader.State, Expires: reader.Expires}
	if reader.State == fleet.Enrolled {
		a.Chain, a.Anchor = []string{jose.EncodeBase64URL(reader.Certificate)}, jose.EncodeBase64URL(b.ReaderCA.Cert.Raw)
		a.BundleAnchors = []string{jose.EncodeBase64URL(b.OperationsCA.Cert.Raw)}
	}
	if b.lie != nil {
		b.lie(&a)
	}
	json.NewEncoder(w).Encode(a)
}

func (b *bureau) enrolment(t *testing.T, dir, code string) *Enrolment {
	t.Helper()
	state, err := CreateState(dir)
	if err != nil {
		t.Fatal(err)
	}
	web := fetch.New(fetch.Options{AllowInsecureLoopback: true})
	t.Cleanup(web.Close)
	return &Enrolment{State: state, Issuer: b.url, Code: code, Web: web, Clock: b.Clock, Poll: time.Millisecond}
}

func (b *bureau) invite(t *testing.T, name string) (id, code string) {
	t.Helper()
	r, code, err := b.fleet.Invite(t.Context(), fleet.Invitation{Name: name, Actor: "office"})
	if err != nil {
		t.Fatal(err)
	}
	return r.ID, code
}

// A reader waits for a human, also while the office is busy, and is one from then on:
// the key that it asks with is its own, and nobody else may read it.
func TestEnrolment(t *testing.T) {
	b := newBureau(t)
	id, code := b.invite(t, "Patrol 7")
	dir := filepath.Join(t.TempDir(), "reader")
	e := b.enrolment(t, dir, code)
	if _, err := e.State.Identity(t.Context(), b.Now); !errors.Is(err, ErrNotEnrolled) {
		t.Errorf("before: %v", err)
	}
	told := 0
	p, err := e.Wait(t.Context(), time.Hour, func(p Pending) {
		told++
		b.busy = 3
		if _, err := b.fleet.Approve(t.Context(), id, p.Fingerprint, "office"); err != nil {
			t.Error(err)
		}
	})
	if err != nil || told != 1 || p.Name != "Patrol 7" || b.busy != 0 {
		t.Fatalf("%+v, told %d, %v", p, told, err)
	}
	who, err := e.State.Identity(t.Context(), b.Now)
	if err != nil || who.ID != id || who.Leaf.Cert.Subject.CommonName != "Patrol 7" || len(who.Reader().Chain) != 1 {
		t.Fatalf("%+v, %v", who, err)
	}
	if pins, err := e.State.Anchors(); err != nil || len(pins) != 1 || !pins[0].Equal(b.OperationsCA.Cert) {
		t.Errorf("pinned %v, %v", pins, err)
	}
	for _, name := range []string{"reader.key", "reader.json", "reader.pem"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "enrolment.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the code lies there: %v", err)
	}
	if (*Identity)(nil).Reader() != nil {
		t.Error("nobody signs")
	}
	// Later, and earlier: asking with such a certificate is worse than without.
	for what, at := range map[string]time.Time{"ended": who.Expires.Add(time.Second), "begins": b.Now.AddDate(0, 0, -2)} {
		if _, err := e.State.Identity(t.Context(), at); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
	// A certificate that is not that of the key.
	other := b.MustIssue(t, pki.Template{Profile: pki.ProfileReader, Subject: pki.Name{CommonName: "other"}}, &b.ReaderCA)
	if err := os.WriteFile(filepath.Join(dir, "reader.pem"), pki.EncodePEM(other.Cert), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := e.State.Identity(t.Context(), b.Now); !errors.Is(err, ErrState) {
		t.Errorf("another certificate: %v", err)
	}
}

// An office that gives what was not asked for, or nothing: this device stays what it
// was.
func TestEnrolmentRefused(t *testing.T) {
	b := newBureau(t)
	stranger := pkitest.NewWorld(t)
	for name, tt := range map[string]struct {
		lie  func(*fleet.EnrolAnswer)
		says string
	}{
		"no certificate":               {func(a *fleet.EnrolAnswer) { a.Chain = nil }, "chain: 0 certificates"},
		"one for another key":          {func(a *fleet.EnrolAnswer) { a.Chain = []string{jose.EncodeBase64URL(b.Reader.Cert.Raw)} }, "for another key"},
		"of another authority":         {func(a *fleet.EnrolAnswer) { a.Anchor = jose.EncodeBase64URL(stranger.ReaderCA.Cert.Raw) }, "the certificate"},
		"no authority":                 {func(a *fleet.EnrolAnswer) { a.Anchor = "" }, "anchor"},
		"rubbish":                      {func(a *fleet.EnrolAnswer) { a.Chain = []string{"????"} }, "chain"},
		"a bundle signer that is none": {func(a *fleet.EnrolAnswer) { a.BundleAnchors = []string{"AAAA"} }, "bundle_anchors"},
	} {
		id, code := b.invite(t, "Patrol "+strings.ReplaceAll(name, " ", "-"))
		e := b.enrolment(t, filepath.Join(t.TempDir(), "reader"), code)
		if _, err := e.Enrol(t.Context()); !errors.Is(err, ErrWaiting) {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := b.fleet.Approve(t.Context(), id, "", "office"); err != nil {
			t.Fatal(err)
		}
		b.lie = tt.lie
		_, err := e.Enrol(t.Context())
		b.lie = nil
		if err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := e.State.Identity(t.Context(), b.Now); !errors.Is(err, ErrNotEnrolled) {
			t.Errorf("%s: enrolled all the same, %v", name, err)
		}
	}
	e := b.enrolment(t, filepath.Join(t.TempDir(), "reader"), "0000-0000-0000-0000-0000")
	if _, err := e.Enrol(t.Context()); !errors.Is(err, ErrRefused) || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("a wrong code: %v", err)
	}
	e.Code = "0000"
	if _, err := e.Enrol(t.Context()); err == nil || errors.Is(err, ErrRefused) {
		t.Errorf("no code at all: %v", err)
	}
	stopped, stop := context.WithCancel(t.Context())
	_, code := b.invite(t, "Patrol 9")
	e.Code = code
	if _, err := e.Wait(stopped, time.Hour, func(Pending) { stop() }); !errors.Is(err, ErrWaiting) {
		t.Errorf("interrupted: %v", err)
	}
	if _, err := e.Wait(t.Context(), time.Millisecond, nil); !errors.Is(err, ErrWaiting) {
		t.Errorf("nobody approves: %v", err)
	}
}
