package fleet_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vidimus/internal/clock"
	"vidimus/internal/fleet"
	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/problem"
	"vidimus/internal/store/memory"
)

type world struct {
	*fleet.Service
	store *memory.Store
	pki   *pkitest.World
	clock *clock.Fake
}

func newWorld(t *testing.T) *world {
	t.Helper()
	store, err := memory.New(memory.Options{PublicURL: "https://issuer.example", Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{store: store, pki: pkitest.NewWorld(t)}
	w.clock = w.pki.Clock
	w.Service, err = fleet.New(fleet.Parts{Store: store, Clock: w.clock, Rand: rand.Reader, Authority: fleet.Authority{
		Certificate: w.pki.ReaderCA.Cert, Key: w.pki.ReaderCA.Key, Country: "UT", Organization: "Utopia Police",
		Contact: "https://issuer.example", CRL: "https://issuer.example/crl/readers.crl",
	}})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// request is a certificate request by a key; for a name that the office does not
// want.
func request(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "Ministry"}, DNSNames: []string{"evil.example"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (w *world) invite(t *testing.T, name string) (fleet.Reader, string) {
	t.Helper()
	r, code, err := w.Invite(t.Context(), fleet.Invitation{Name: name, Actor: "office"})
	if err != nil {
		t.Fatal(err)
	}
	return r, code
}

func (w *world) enrolled(t *testing.T, name string) fleet.Reader {
	t.Helper()
	_, code := w.invite(t, name)
	r, err := w.Enrol(t.Context(), code, request(t, newKey(t)))
	if err == nil {
		r, err = w.Approve(t.Context(), r.ID, fleet.Fingerprint(r.Key), "office")
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func wantKind(t *testing.T, what string, err error, kind problem.Kind) {
	t.Helper()
	if problem.KindOf(err) != kind || err == nil {
		t.Errorf("%s: %v, want %s", what, err, kind)
	}
}

// From a code to a certificate that a wallet accepts; nothing of the request but
// its key is in it.
func TestEnrol(t *testing.T) {
	w := newWorld(t)
	invited, code := w.invite(t, "Patrol 7")
	key := newKey(t)
	csr := request(t, key)
	r, err := w.Enrol(t.Context(), strings.ToLower(strings.ReplaceAll(code, "-", " ")), csr)
	if err != nil || r.ID != invited.ID || r.State != fleet.Asked || r.Certificate != nil {
		t.Fatalf("%+v, %v", r, err)
	}
	_, err = w.Approve(t.Context(), r.ID, strings.Repeat("0", 20), "office")
	wantKind(t, "another fingerprint", err, problem.AccessDenied)
	approved, err := w.Approve(t.Context(), r.ID, strings.ToUpper(fleet.Fingerprint(r.Key)), "office")
	if err != nil {
		t.Fatal(err)
	}
	again, err := w.Enrol(t.Context(), code, request(t, key)) // another request by the same key
	if err != nil || again.State != fleet.Enrolled || !bytes.Equal(again.Certificate, approved.Certificate) {
		t.Fatalf("collected %+v, %v", again, err)
	}
	cert, err := pki.ParseCertificate(again.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	if findings := pki.Lint(cert, pki.ProfileReader, w.pki.ReaderCA.Cert); len(findings) > 0 {
		t.Error(findings)
	}
	if s := cert.Cert.Subject.String(); s != "CN=Patrol 7,O=Utopia Police,C=UT" || len(cert.Cert.DNSNames) > 0 {
		t.Errorf("subject %s, names %v", s, cert.Cert.DNSNames)
	}
	if !cert.PublicKey().(*ecdsa.PublicKey).Equal(key.Public()) || !cert.NotAfter().Equal(w.clock.Now().Add(fleet.Lifetime)) {
		t.Errorf("another key, or until %s", cert.NotAfter())
	}
	_, err = w.Approve(t.Context(), r.ID, "", "office")
	wantKind(t, "approved twice", err, problem.Conflict)

	var record bytes.Buffer
	if err := w.store.WriteAudit(t.Context(), &record); err != nil {
		t.Fatal(err)
	}
	for _, action := range []string{fleet.ActionInvite, fleet.ActionAsk, fleet.ActionApprove} {
		if strings.Count(record.String(), `"`+action+`"`) != 1 {
			t.Errorf("%s is not once in the record", action)
		}
	}
	for _, secret := range []string{code, strings.ReplaceAll(code, "-", "")} {
		if strings.Contains(record.String(), secret) {
			t.Error("the record holds the code")
		}
	}
}

// What is no code, or none any more, is one answer.
func TestCodes(t *testing.T) {
	w := newWorld(t)
	_, code := w.invite(t, "Patrol 7")
	thief, key := newKey(t), newKey(t)
	_, late := w.invite(t, "Patrol 8")
	gone, taken := w.invite(t, "Patrol 9")
	if _, err := w.Revoke(t.Context(), gone.ID, "office"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Enrol(t.Context(), code, request(t, key)); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(fleet.CodeLifetime)
	for name, bad := range map[string]string{
		"nothing": "", "short": code[:20], "much too long": strings.Repeat("0", 1<<20), "never made": "0000-0000-0000-0000-0000",
		"replayed by a thief": code, "expired": late, "taken back": taken,
	} {
		_, err := w.Enrol(t.Context(), bad, request(t, thief))
		wantKind(t, name, err, problem.AccessDenied)
		if !errors.Is(err, fleet.ErrCode) || problem.Detail(err) != "this code is not valid" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.Enrol(t.Context(), code, request(t, key)); err != nil {
		t.Errorf("the reader asks again: %v", err)
	}
}

// Of two readers with one code at the same time exactly one is taken.
func TestTwoWithOneCode(t *testing.T) {
	w := newWorld(t)
	invited, code := w.invite(t, "Patrol 7")
	requests := make([][]byte, 8)
	for i := range requests {
		requests[i] = request(t, newKey(t))
	}
	var won atomic.Int32
	var wg sync.WaitGroup
	for _, csr := range requests {
		wg.Go(func() {
			switch _, err := w.Enrol(t.Context(), code, csr); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, fleet.ErrCode):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if r, err := w.Find(t.Context(), invited.ID); err != nil || r.State != fleet.Asked || won.Load() != 1 {
		t.Errorf("%d won, %+v, %v", won.Load(), r, err)
	}
}

func TestRequestsRefused(t *testing.T) {
	w := newWorld(t)
	_, code := w.invite(t, "Patrol 7")
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := request(t, newKey(t))
	forged := bytes.Clone(good)
	forged[len(forged)-1] ^= 1
	for name, bad := range map[string][]byte{
		"nothing": nil, "text": []byte("hello"), "signature of another": forged, "something after it": append(bytes.Clone(good), 0),
		"Ed25519": request(t, ed), "P-224": request(t, p224), "large": make([]byte, fleet.MaxRequest+1),
	} {
		_, err := w.Enrol(t.Context(), code, bad)
		wantKind(t, name, err, problem.InvalidRequest)
	}
	if _, err := w.Enrol(t.Context(), code, good); err != nil {
		t.Errorf("the code is used up by a request that was none: %v", err)
	}
}

func TestInvitationsRefused(t *testing.T) {
	w := newWorld(t)
	for name, i := range map[string]fleet.Invitation{
		"no name": {}, "long": {Name: strings.Repeat("x", 65)}, "marks of direction": {Name: "Patrol \u202e7"}, "control": {Name: "Patrol\n7"},
		"blanks": {Name: " Patrol"}, "organization": {Name: "P", Organization: "a<b>"}, "for ever": {Name: "P", Lifetime: 1000 * time.Hour}, "in no time": {Name: "P", Lifetime: time.Second},
	} {
		_, _, err := w.Invite(t.Context(), i)
		wantKind(t, name, err, problem.InvalidRequest)
	}
	w.invite(t, "Patrouille Esch-Alzette 3")
	w.invite(t, "Πύλη 1")
	_, _, err := w.Invite(t.Context(), fleet.Invitation{Name: "Πύλη 1", Actor: "office"})
	wantKind(t, "a name twice", err, problem.Conflict)
	_, err = w.Revoke(t.Context(), "r-nobody", "office")
	wantKind(t, "nobody", err, problem.NotFound)
}

// The list names who was revoked with a certificate, until that has ended, and is
// new at once and every day.
func TestRevocationList(t *testing.T) {
	w := newWorld(t)
	one, two := w.enrolled(t, "Patrol 1"), w.enrolled(t, "Patrol 2")
	never, _ := w.invite(t, "Patrol 3")
	read := func() *pki.CRL {
		t.Helper()
		list, err := w.RevocationList(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := list.Verify(w.pki.ReaderCA.Cert, false); err != nil {
			t.Fatal(err)
		}
		return list
	}
	state := func(r fleet.Reader, list *pki.CRL) pki.RevocationState {
		t.Helper()
		path, err := pki.Validate([][]byte{r.Certificate}, []*pki.Certificate{w.pki.ReaderCA.Cert}, pki.PathOptions{Now: w.clock.Now()})
		if err != nil {
			t.Fatal(err)
		}
		lists, err := pki.NewCRLs(list)
		if err != nil {
			t.Fatal(err)
		}
		return lists.Of(path, w.clock.Now(), 0, false).State
	}
	first := read()
	if first.Len() != 0 || state(one, first) != pki.NotRevoked || read() != first {
		t.Errorf("%d revoked, or signed again", first.Len())
	}
	for _, id := range []string{one.ID, never.ID} {
		if _, err := w.Revoke(t.Context(), id, "office"); err != nil {
			t.Fatal(err)
		}
	}
	second := read()
	if second.Len() != 1 || state(one, second) != pki.Revoked || state(two, second) != pki.NotRevoked || second.Supersedes(first) != nil {
		t.Errorf("%d revoked, %v", second.Len(), second.Supersedes(first))
	}
	_, err := w.Revoke(t.Context(), one.ID, "office")
	wantKind(t, "revoked twice", err, problem.Conflict)
	w.clock.Advance(25 * time.Hour)
	if third := read(); third == second || third.Supersedes(second) != nil {
		t.Error("a list of yesterday")
	}
	w.clock.Set(w.clock.Now().Add(-48 * time.Hour)) // a clock that was set back
	if fourth := read(); fourth.Number.Cmp(second.Number) <= 0 {
		t.Error("the number goes back")
	}
	w.clock.Set(one.Expires.Add(time.Second))
	if ended := read(); ended.Len() != 1 {
		t.Error("off the list before a signer can know that the certificate has ended")
	}
	at := w.clock.Now()
	w.clock.Advance(fleet.MaxLifetime)
	if last := read(); last.Len() != 0 {
		t.Error("a certificate that has ended is listed for ever")
	}
	w.clock.Set(at)
	if err := w.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if list, err := w.Readers(t.Context()); err != nil || len(list) != 2 {
		t.Errorf("%+v, %v", list, err)
	}
}

// A successor of the same name; who is meant has to be said then.
func TestRenewed(t *testing.T) {
	w := newWorld(t)
	first := w.enrolled(t, "Patrol 1")
	_, _, err := w.Invite(t.Context(), fleet.Invitation{Name: "Patrol 1", Actor: "office"})
	wantKind(t, "too early", err, problem.Conflict)
	w.clock.Set(first.Expires.Add(-fleet.RenewAhead))
	second := w.enrolled(t, "Patrol 1")
	_, err = w.Find(t.Context(), "Patrol 1")
	wantKind(t, "which of the two", err, problem.Conflict)
	if r, err := w.Find(t.Context(), second.ID); err != nil || r.ID != second.ID {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := w.Revoke(t.Context(), first.ID, "office"); err != nil {
		t.Fatal(err)
	}
	if r, err := w.Find(t.Context(), "Patrol 1"); err != nil || r.ID != second.ID {
		t.Errorf("%+v, %v", r, err)
	}
}

// Without its key here the CA is another's business.
func TestKeyElsewhere(t *testing.T) {
	w := newWorld(t)
	_, code := w.invite(t, "Patrol 7")
	r, err := w.Enrol(t.Context(), code, request(t, newKey(t)))
	if err != nil {
		t.Fatal(err)
	}
	s, err := fleet.New(fleet.Parts{Store: w.store, Clock: w.clock, Rand: rand.Reader, Authority: fleet.Authority{Certificate: w.pki.ReaderCA.Cert}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Approve(t.Context(), r.ID, "", "office")
	wantKind(t, "approve", err, problem.InvalidRequest)
	_, err = s.RevocationList(t.Context())
	wantKind(t, "list", err, problem.NotFound)
}

func TestNewNeedsItsParts(t *testing.T) {
	w := newWorld(t)
	for name, p := range map[string]fleet.Parts{
		"nothing": {}, "no authority": {Store: w.store, Clock: w.clock, Rand: rand.Reader},
		"too long": {Store: w.store, Clock: w.clock, Rand: rand.Reader, Authority: fleet.Authority{Certificate: w.pki.ReaderCA.Cert, Lifetime: fleet.MaxLifetime + 1}},
	} {
		if _, err := fleet.New(p); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
