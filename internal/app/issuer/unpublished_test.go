package issuer_test

import (
	"crypto/rand"
	"errors"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/diagnosis"
	"vidimus/internal/issuerhttp"
)

// publishedGrade is how doctor grades something among the published lists; "" when it says nothing.
func (o *office) publishedGrade(what string) diagnosis.Grade {
	o.t.Helper()
	for _, f := range o.diagnosed(o.clock.Now()).Findings {
		if f.Area == "published" && f.What == what {
			return f.Grade
		}
	}
	return ""
}

// A folder of published lists that cannot be written takes no revocation back and stops
// nobody: the list is kept and served, somebody hears of it, and the file follows when
// there is a place for it.
func TestUnpublished(t *testing.T) {
	t.Parallel()
	o := newOffice(t, withVICAL, func(c *issuer.Config) { c.Status.Directory = filepath.Join(t.TempDir(), "www") })
	o.must(os.Mkdir(o.cfg.Status.Directory, 0o755))
	o.serve()
	o.app.TendRevocations(t.Context())
	crl, trust := filepath.Join(o.cfg.Status.Directory, "crl"), filepath.Join(o.cfg.Status.Directory, "trust")
	if o.publishedGrade("iaca.crl") != "" || o.publishedGrade("readers.crl") != "" || o.publishedGrade("operations.crl") != "" {
		t.Fatal("something is wrong at the start")
	}
	blocked := func(dir string) {
		o.must(os.RemoveAll(dir))
		o.must(os.WriteFile(dir, nil, 0o600)) // whoever we are, nothing goes in there
	}
	blocked(crl)
	blocked(trust)
	vical := func() error {
		_, _, err := issuer.BuildTrustList(t.Context(), &o.cfg, issuer.TrustListKinds["vical"], issuer.TrustListWish{Days: 30}, o.clock.Now(), rand.Reader)
		return err
	}
	list, err := issuer.RevokeSigners(t.Context(), &o.cfg, "", []*big.Int{big.NewInt(77)}, o.clock.Now(), rand.Reader)
	if !errors.Is(err, issuer.ErrUnpublished) || list == nil || !strings.Contains(err.Error(), crl) {
		t.Fatalf("%v, %v", list, err)
	}
	if got := o.list(issuerhttp.SignerCRLPath); got.Number.Cmp(list.Number) != 0 || got.Len() != 1 {
		t.Errorf("served is list %s", got.Number)
	}
	if err := vical(); !errors.Is(err, issuer.ErrUnpublished) {
		t.Errorf("%v", err)
	}
	if status, _, _ := o.get(o.cfg.PublicURL + "/trust/vical"); status != http.StatusOK {
		t.Errorf("served: %d", status)
	}
	// The office renews, and says what fails each time that it tries.
	failures := o.figure("vidimus_status_publish_failures_total")
	o.clock.Advance(25 * time.Hour)
	renewed := o.list(issuerhttp.SignerCRLPath)
	if renewed.Number.Cmp(list.Number) <= 0 || renewed.Len() != 1 {
		t.Errorf("renewed is list %s", renewed.Number)
	}
	readers := o.list(issuerhttp.ReaderCRLPath)
	o.app.TendRevocations(t.Context())
	if n := o.figure("vidimus_status_publish_failures_total") - failures; n < 2 {
		t.Errorf("%v failures are counted", n)
	}
	if !strings.Contains(o.log.String(), "could not be put among the published ones") {
		t.Error("nobody hears of it")
	}
	for _, what := range []string{"iaca.crl", "readers.crl", "operations.crl", "vical.cbor"} {
		if got := o.publishedGrade(what); got != diagnosis.Wrong {
			t.Errorf("%s: %q", what, got)
		}
	}
	if again := o.list(issuerhttp.ReaderCRLPath); again.Number.Cmp(readers.Number) != 0 {
		t.Errorf("a list of readers is signed anew, %s after %s", again.Number, readers.Number)
	}
	o.must(os.Remove(crl))
	o.must(os.Remove(trust))
	o.app.TendRevocations(t.Context())
	for what, path := range map[string]string{"iaca.crl": issuerhttp.SignerCRLPath, "readers.crl": issuerhttp.ReaderCRLPath} {
		if file := o.read(filepath.Join(crl, what)); string(file) != string(o.list(path).Raw) {
			t.Errorf("%s is not there again", what)
		}
	}
	for _, what := range []string{"iaca.crl", "readers.crl", "operations.crl", "vical.cbor"} {
		if got := o.publishedGrade(what); got != "" {
			t.Errorf("%s: %q", what, got)
		}
	}
	for _, dir := range []string{crl, trust} {
		files, err := os.ReadDir(dir)
		if err != nil || slices.ContainsFunc(files, func(e os.DirEntry) bool { return strings.HasPrefix(e.Name(), ".") }) {
			t.Errorf("%v, %v", files, err)
		}
	}
	// An older list in the place of ours is found too.
	o.must(os.WriteFile(filepath.Join(crl, "iaca.crl"), list.Raw, 0o644))
	if got := o.publishedGrade("iaca.crl"); got != diagnosis.Wrong {
		t.Errorf("an older list: %q", got)
	}
}
