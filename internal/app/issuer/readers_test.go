package issuer_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/fleet"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/jose"
	"vidimus/internal/pki"
)

// enrolment is the body of a request with a code, by a key of its own.
func enrolment(t *testing.T, code string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(fleet.EnrolRequest{Code: code, Request: jose.EncodeBase64URL(csr)})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// Of readers that come at the same time with one code over the network one is
// taken; it gets everything that it has to keep, the others are told nothing.
func TestReaderEnrolledOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t).serve()
	r, err := o.desk().InviteReader(t.Context(), "Patrol 7", "Utopia Police", time.Hour)
	o.must(err)
	url := o.cfg.PublicURL + issuerhttp.EnrolPath
	bodies := make([]string, 6)
	for i := range bodies {
		bodies[i] = enrolment(t, r.Code)
	}
	var won atomic.Int32
	var winner atomic.Value
	var wg sync.WaitGroup
	for _, body := range bodies {
		wg.Go(func() {
			switch status, _, answer := o.post(url, "application/json", body); status {
			case http.StatusAccepted:
				won.Add(1)
				winner.Store(body)
				if strings.Contains(answer, "chain") {
					t.Errorf("a certificate before anybody approved: %s", answer)
				}
			case http.StatusForbidden:
				if strings.Contains(answer, "Patrol") || strings.Contains(answer, r.ID) {
					t.Errorf("a stranger learns %s", answer)
				}
			default:
				t.Errorf("%d %s", status, answer)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Fatalf("%d readers have one code", won.Load())
	}
	list, err := o.desk().Readers(t.Context())
	o.must(err)
	if _, err := o.desk().ApproveReader(t.Context(), r.ID, list[0].Fingerprint); err != nil {
		t.Fatal(err)
	}
	o.restart()
	status, _, text := o.post(url, "application/json", winner.Load().(string))
	var answer fleet.EnrolAnswer
	o.must(jose.DecodeJSON([]byte(text), &answer))
	if status != http.StatusOK || answer.State != fleet.Enrolled || len(answer.Chain) != 1 || len(answer.BundleAnchors) != 1 || answer.BundleURL != o.cfg.PublicURL+issuerhttp.BundlePath {
		t.Fatalf("%d %s", status, text)
	}
	anchor, err := jose.DecodeBase64URL(answer.Anchor)
	o.must(err)
	root, err := pki.ParseCertificate(anchor)
	o.must(err)
	leaf, err := jose.DecodeBase64URL(answer.Chain[0])
	o.must(err)
	path, err := pki.Validate([][]byte{leaf}, []*pki.Certificate{root}, pki.PathOptions{Now: start, Purposes: pki.ProfileReader.ExtKeyUsages(), RequireEKU: true})
	if err != nil || path.Leaf.Cert.Subject.CommonName != "Patrol 7" || path.Leaf.Cert.CRLDistributionPoints[0] != o.cfg.PublicURL+issuerhttp.ReaderCRLPath {
		t.Errorf("%v, %v", path, err)
	}
	for _, secret := range []string{r.Code, strings.ReplaceAll(r.Code, "-", "")} {
		if strings.Contains(o.log.String(), secret) {
			t.Error("the log holds the code")
		}
		data, err := os.ReadFile(o.cfg.Path("issuer.db"))
		o.must(err)
		if strings.Contains(string(data), secret) {
			t.Error("the database holds the code")
		}
	}
}

// The list of revoked readers: empty, then with who was revoked, at once.
func TestRevokedReadersArePublished(t *testing.T) {
	t.Parallel()
	o := newOffice(t).serve()
	fetch := func() *pki.CRL {
		t.Helper()
		status, header, body := o.get(o.cfg.PublicURL + issuerhttp.ReaderCRLPath)
		if status != http.StatusOK || header.Get("Content-Type") != "application/pkix-crl" || header.Get("Cache-Control") != "public, max-age=300" {
			t.Fatalf("%d %v", status, header)
		}
		list, err := pki.ParseCRL([]byte(body))
		o.must(err)
		return list
	}
	if list := fetch(); list.Len() != 0 {
		t.Errorf("%d revoked", list.Len())
	}
	r, err := o.desk().InviteReader(t.Context(), "Patrol 7", "", 0)
	o.must(err)
	if status, _, body := o.post(o.cfg.PublicURL+issuerhttp.EnrolPath, "application/json", enrolment(t, r.Code)); status != http.StatusAccepted {
		t.Fatal(body)
	}
	_, err = o.desk().ApproveReader(t.Context(), "Patrol 7", "")
	o.must(err)
	_, err = o.desk().RevokeReader(t.Context(), "Patrol 7")
	o.must(err)
	if list := fetch(); list.Len() != 1 {
		t.Errorf("%d revoked", list.Len())
	}
	o.restart()
	if list := fetch(); list.Len() != 1 {
		t.Errorf("%d revoked after a restart", list.Len())
	}
}

// What is no enrolment is refused, and a client that guesses is shut out.
func TestEnrolmentsRefused(t *testing.T) {
	t.Parallel()
	o := newOffice(t).serve()
	url := o.cfg.PublicURL + issuerhttp.EnrolPath
	wrong := "0000-0000-0000-0000-0000"
	for name, c := range map[string]struct {
		mediaType, body string
		want            int
	}{
		"form":           {"application/x-www-form-urlencoded", "code=" + wrong, http.StatusUnsupportedMediaType},
		"no JSON":        {"application/json", "code", http.StatusBadRequest},
		"twice":          {"application/json", `{"code":"x","code":"y","request":""}`, http.StatusBadRequest},
		"base64":         {"application/json", `{"code":"` + wrong + `","request":"a+b/"}`, http.StatusBadRequest},
		"no request":     {"application/json", `{"code":"` + wrong + `","request":""}`, http.StatusBadRequest},
		"large":          {"application/json", `{"code":"` + strings.Repeat("0", 20<<10) + `"}`, http.StatusRequestEntityTooLarge},
		"no code at all": {"application/json", enrolment(t, ""), http.StatusForbidden},
	} {
		if status, _, body := o.post(url, c.mediaType, c.body); status != c.want {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	last := 0
	for range 30 {
		last, _, _ = o.post(url, "application/json", enrolment(t, wrong))
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the thirtieth wrong code: %d", last)
	}
	o.clock.Advance(time.Hour) // patience
	if status, _, body := o.post(url, "application/json", enrolment(t, wrong)); status != http.StatusForbidden {
		t.Errorf("later: %d %s", status, body)
	}
}

// The fleet is for whoever has the token of the office.
func TestFleetGuard(t *testing.T) {
	t.Parallel()
	o := newOffice(t).serve()
	base := "http://" + o.app.Addresses().Office
	for path, body := range map[string]string{
		issuerhttp.ReaderInvitePath: `{"name":"Thief"}`, issuerhttp.ReaderApprovePath: `{"reader":"Thief"}`, issuerhttp.ReaderRevokePath: `{"reader":"Thief"}`,
	} {
		if status := first(o.post(base+path, "application/json", body)); status != http.StatusUnauthorized {
			t.Errorf("%s: %d", path, status)
		}
	}
	if status := first(o.get(base + issuerhttp.ReadersPath)); status != http.StatusUnauthorized {
		t.Errorf("the fleet: %d", status)
	}
	for _, path := range []string{issuerhttp.ReadersPath, issuerhttp.ReaderInvitePath} { // not on the public listener
		if status := first(o.get(o.cfg.PublicURL + path)); status != http.StatusNotFound {
			t.Errorf("public %s: %d", path, status)
		}
	}
}

// An office without a root of readers has none: what asks for them is told how to
// get one, and everything else works.
func TestNoReaders(t *testing.T) {
	t.Parallel()
	o := newOffice(t, func(c *issuer.Config) { c.ReaderCA = issuer.Root{} }).serve()
	if _, err := o.desk().InviteReader(t.Context(), "Patrol 7", "", 0); err == nil || !strings.Contains(err.Error(), "issuer init --add") {
		t.Errorf("%v", err)
	}
	for _, path := range []string{issuerhttp.ReaderCRLPath, issuerhttp.EnrolPath} {
		if status := first(o.get(o.cfg.PublicURL + path)); status != http.StatusNotFound {
			t.Errorf("%s: %d", path, status)
		}
	}
	// Named later, key and root are made for the office that exists.
	o.must(o.stop())
	o.cfg.ReaderCA = issuer.Defaults().ReaderCA
	o.serve()
	if _, err := o.desk().InviteReader(t.Context(), "Patrol 7", "", 0); err == nil {
		t.Error("a root that is not there")
	}
	o.must(o.stop())
	_, err := issuer.Complete(t.Context(), o.cfg, start, rand.Reader)
	o.must(err)
	o.serve()
	if _, err := o.desk().InviteReader(t.Context(), "Patrol 7", "", 0); err != nil {
		t.Error(err)
	}
}
