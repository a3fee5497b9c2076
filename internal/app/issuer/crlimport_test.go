package issuer_test

import (
	"crypto/rand"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/diagnosis"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/keys/soft"
	"vidimus/internal/pki"
)

// offline is an office whose IACA signs elsewhere: its key is in the test's hands.
type offline struct {
	*office
	root *pki.Certificate
}

func newOffline(t *testing.T) *offline {
	o := newOffice(t, func(c *issuer.Config) { c.Status.Directory = filepath.Join(t.TempDir(), "www") })
	o.must(os.Mkdir(o.cfg.Status.Directory, 0o755))
	o.must(os.Rename(o.cfg.Path("keys/iaca.key"), o.cfg.StateDir+"-iaca.key"))
	o.cfg.IACA.Key = ""
	return &offline{o, o.iaca()[0]}
}

// signed is a list that the ceremony brings back.
func (o *offline) signed(number int64, at time.Time, days int, serials ...int64) []byte {
	o.t.Helper()
	key, err := soft.New("").Signer(o.t.Context(), "soft:path="+o.cfg.StateDir+"-iaca.key")
	o.must(err)
	r := pki.Revocations{Number: big.NewInt(number), ThisUpdate: at, NextUpdate: at.AddDate(0, 0, days)}
	for _, n := range serials {
		r.Revoked = append(r.Revoked, pki.RevokedCertificate{Serial: big.NewInt(n), At: at.Add(-time.Hour)})
	}
	list, err := pki.BuildCRL(r, o.root, key, rand.Reader)
	o.must(err)
	return list.Raw
}

// An office whose IACA is offline publishes the lists that are brought to it, and
// never loses what one of them has revoked.
func TestImportCRL(t *testing.T) {
	t.Parallel()
	o := newOffline(t)
	o.serve()
	if status, _, _ := o.get(o.cfg.PublicURL + issuerhttp.SignerCRLPath); status != http.StatusNotFound {
		t.Errorf("before the first: %d", status)
	}
	now := o.clock.Now()
	first := o.signed(7, now, 60, 1000)
	for _, form := range [][]byte{first, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: first}), first} { // again changes nothing
		list, of, err := issuer.ImportCRL(t.Context(), &o.cfg, form, now)
		if err != nil || of != "iaca" || list.Len() != 1 {
			t.Fatalf("%v, %q, %v", list, of, err)
		}
	}
	if list := o.published(); list.Number.Int64() != 7 || list.Len() != 1 {
		t.Errorf("served: %s", list.Number)
	}
	if file := o.read(filepath.Join(o.cfg.Status.Directory, "crl", "iaca.crl")); string(file) != string(first) {
		t.Error("the file among the published lists is another")
	}
	if kept, err := filepath.Glob(o.cfg.Path("certs/iaca-*.crl")); err != nil || len(kept) != 1 {
		t.Errorf("%v, %v", kept, err)
	}

	other := newOffline(t)
	spoiled := append([]byte{}, o.signed(8, now, 60, 1000)...)
	spoiled[len(spoiled)-1] ^= 1
	for name, tt := range map[string]struct {
		data []byte
		says string
	}{
		"no list":             {[]byte("no list"), "structure"},
		"too large":           {make([]byte, pki.MaxCRLBytes+1), "bytes"},
		"by another key":      {spoiled, "refused"},
		"of another office":   {other.signed(8, now, 60, 1000), "none of the roots of this office"},
		"the same number":     {o.signed(7, now.Add(-time.Second), 60, 1000), "two lists with the number 7"},
		"a lower number":      {o.signed(6, now, 60, 1000), "number 6, and 7 was there before"},
		"written earlier":     {o.signed(8, now.Add(-time.Hour), 60, 1000), "written before the one that it follows"},
		"of the future":       {o.signed(8, now.Add(time.Hour), 60, 1000), "to come"},
		"has ended":           {o.signed(8, now.AddDate(0, 0, -61), 60, 1000), "has ended"},
		"loses a revocation":  {o.signed(8, now, 60), "lacks 3e8"},
		"revokes another one": {o.signed(8, now, 60, 1001), "lacks 3e8"},
	} {
		if _, _, err := issuer.ImportCRL(t.Context(), &o.cfg, tt.data, now); !errors.Is(err, pki.ErrCRL) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", name, err, tt.says)
		}
	}
	if list := o.published(); list.Number.Int64() != 7 {
		t.Errorf("served: %s", list.Number)
	}

	// The state folder of a time before: what the world has read counts too.
	second := o.signed(9, now, 60, 1000, 1001)
	if _, _, err := issuer.ImportCRL(t.Context(), &o.cfg, second, now); err != nil {
		t.Fatal(err)
	}
	o.must(os.Remove(o.cfg.Path("certs/iaca-00000000000000000009.crl")))
	if _, _, err := issuer.ImportCRL(t.Context(), &o.cfg, o.signed(8, now, 60, 1000), now); !errors.Is(err, pki.ErrCRL) {
		t.Errorf("behind what was published: %v", err)
	}
	if _, _, err := issuer.ImportCRL(t.Context(), &o.cfg, o.signed(10, now, 60, 1000), now); err == nil || !strings.Contains(err.Error(), "lacks 3e9") {
		t.Errorf("without whom the published list names: %v", err)
	}
	// A start takes it back, and writes a file that is gone.
	o.must(os.RemoveAll(filepath.Join(o.cfg.Status.Directory, "crl")))
	if _, _, err := issuer.ImportCRL(t.Context(), &o.cfg, second, now); err != nil {
		t.Fatal(err)
	}
	o.must(os.RemoveAll(filepath.Join(o.cfg.Status.Directory, "crl")))
	o.restart()
	o.app.TendRevocations(t.Context())
	if file := o.read(filepath.Join(o.cfg.Status.Directory, "crl", "iaca.crl")); string(file) != string(second) {
		t.Error("not published again")
	}
	// The office does not sign for it.
	if _, err := issuer.RevokeSigners(t.Context(), &o.cfg, "", []*big.Int{big.NewInt(5)}, now, rand.Reader); err == nil || !strings.Contains(err.Error(), "issuer crl --import FILE") {
		t.Errorf("%v", err)
	}
}

// A list that nears its end is told of at 30 days, at 7, and at 1, once each.
func TestCRLAlarms(t *testing.T) {
	t.Parallel()
	o := newOffline(t)
	at := o.clock.Now()
	if _, _, err := issuer.ImportCRL(t.Context(), &o.cfg, o.signed(7, at, 90), at); err != nil {
		t.Fatal(err)
	}
	o.serve()
	told := func() int { return strings.Count(o.log.String(), "nears its end") }
	for _, tt := range []struct {
		days  int
		told  int
		grade string
	}{{0, 0, "ok"}, {59, 0, "ok"}, {60, 1, "look"}, {75, 1, "look"}, {83, 2, "look"}, {89, 3, "wrong"}, {90, 4, "wrong"}} {
		o.clock.Set(at.AddDate(0, 0, tt.days))
		o.app.TendRevocations(t.Context())
		o.app.TendRevocations(t.Context())
		if got := told(); got != tt.told {
			t.Errorf("day %d: told %d times, want %d", tt.days, got, tt.told)
		}
		d, err := o.app.Doctor(t.Context(), false)
		o.must(err)
		found := ""
		for _, f := range d.(*diagnosis.Diagnosis).Findings {
			if f.What == "iaca.crl" {
				found = string(f.Grade)
			}
		}
		if found != tt.grade {
			t.Errorf("day %d: %s, want %s", tt.days, found, tt.grade)
		}
	}
	if _, _, body := o.get("http://" + o.app.Addresses().Metrics + "/metrics"); !strings.Contains(body, `vidimus_crl_seconds_left{list="iaca"} 0`) {
		t.Error("no gauge")
	}
}

// The list of a reader CA whose key is elsewhere goes the same way.
func TestImportReaderCRL(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	key, err := soft.New(o.cfg.StateDir).Signer(t.Context(), o.cfg.ReaderCA.Key)
	o.must(err)
	root := o.certificateAt(o.cfg.ReaderCA.Certificate)
	o.cfg.ReaderCA.Key = ""
	o.serve()
	address := o.cfg.PublicURL + issuerhttp.ReaderCRLPath
	if status, _, _ := o.get(address); status != http.StatusNotFound {
		t.Errorf("before the first: %d", status)
	}
	now := o.clock.Now()
	list, err := pki.BuildCRL(pki.Revocations{Number: big.NewInt(3), ThisUpdate: now, NextUpdate: now.AddDate(0, 0, 90),
		Revoked: []pki.RevokedCertificate{{Serial: big.NewInt(77), At: now}}}, root, key, rand.Reader)
	o.must(err)
	if _, of, err := issuer.ImportCRL(t.Context(), &o.cfg, list.Raw, now); err != nil || of != "readers" {
		t.Fatalf("%q, %v", of, err)
	}
	if status, header, body := o.get(address); status != http.StatusOK || body != string(list.Raw) || header.Get("Content-Type") != "application/pkix-crl" {
		t.Errorf("%d, %d bytes", status, len(body))
	}
}

// A list of a root of ours whose list is not served is said to be that, with what to do.
func TestImportUnservedCRL(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	now := o.clock.Now()
	for name, tt := range map[string]struct {
		root issuer.Root
		says string
	}{"operations_ca": {o.cfg.OperationsCA, "configure signers.vical"}, "access_ca": {o.cfg.AccessCA, "no list of that root is served here"}} {
		key, err := soft.New(o.cfg.StateDir).Signer(t.Context(), tt.root.Key)
		o.must(err)
		list, err := pki.BuildCRL(pki.Revocations{Number: big.NewInt(1), ThisUpdate: now, NextUpdate: now.AddDate(0, 0, 30)}, o.certificateAt(tt.root.Certificate), key, rand.Reader)
		o.must(err)
		if _, _, err := issuer.ImportCRL(t.Context(), &o.cfg, list.Raw, now); !errors.Is(err, pki.ErrCRL) || !strings.Contains(err.Error(), "it is of "+name) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
