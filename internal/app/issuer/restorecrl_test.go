package issuer_test

import (
	"crypto/rand"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/fleet"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/pki"
)

// list fetches one revocation list.
func (o *office) list(path string) *pki.CRL {
	o.t.Helper()
	status, _, body := o.get(o.cfg.PublicURL + path)
	if status != http.StatusOK {
		o.t.Fatalf("%s: %d %s", path, status, body)
	}
	list, err := pki.ParseCRL([]byte(body))
	o.must(err)
	return list
}

// reader enrols one.
func (o *office) reader(name string) issuerhttp.ReaderView {
	o.t.Helper()
	r, err := o.desk().InviteReader(o.t.Context(), name, "", 0)
	o.must(err)
	if status, _, body := o.post(o.cfg.PublicURL+issuerhttp.EnrolPath, "application/json", enrolment(o.t, r.Code)); status != http.StatusAccepted {
		o.t.Fatal(body)
	}
	v, err := o.desk().ApproveReader(o.t.Context(), name, "")
	o.must(err)
	return v
}

func (o *office) states() map[string]fleet.State {
	o.t.Helper()
	all, err := o.desk().Readers(o.t.Context())
	o.must(err)
	out := map[string]fleet.State{}
	for _, r := range all {
		out[r.Name] = r.State
	}
	return out
}

// covers fails unless the newest list follows an earlier one and names whom that
// names.
func covers(t *testing.T, newest, earlier *pki.CRL) {
	t.Helper()
	if err := newest.Supersedes(earlier); err != nil {
		t.Errorf("a step back: %v", err)
	}
	named := map[string]bool{}
	for _, e := range newest.Entries() {
		named[e.Serial.String()] = true
	}
	for _, e := range earlier.Entries() {
		if !named[e.Serial.String()] {
			t.Errorf("%x is not revoked any more", e.Serial)
		}
	}
}

// Whoever was revoked after a backup, signer or reader, stays revoked after its
// restore, also a reader that the backup never knew.
func TestRestoreTakesNoRevocationBack(t *testing.T) {
	o := newOffice(t).serve().people()
	w := rawWallet{o, newKey(t)} // without a copy there is no list
	offer := o.offer(issuer.OfferWish{Person: "P-1", Configurations: []string{"mdl"}})
	_, token := w.token(offer.URI, offer.TxCode, w.proof(o.cfg.PublicURL+"/token", ""))
	if status, code, _ := w.credential("mdl", token, w.nonce(), w.proof(o.cfg.PublicURL+"/credential", token)); status != 200 {
		t.Fatalf("%d %s", status, code)
	}
	o.reader("Patrol 7")
	o.reader("Patrol 8")
	_, err := issuer.RevokeSigners(t.Context(), &o.cfg, "", []*big.Int{big.NewInt(7001)}, o.clock.Now(), rand.Reader)
	o.must(err)

	archive, secret := o.archived()

	o.clock.Advance(time.Hour)
	o.reader("Patrol 9") // whom the backup does not know
	for _, name := range []string{"Patrol 7", "Patrol 9"} {
		_, err := o.desk().RevokeReader(t.Context(), name)
		o.must(err)
	}
	_, err = issuer.RevokeSigners(t.Context(), &o.cfg, "", []*big.Int{big.NewInt(7002)}, o.clock.Now(), rand.Reader)
	o.must(err)
	signers, readers := o.list(issuerhttp.SignerCRLPath), o.list(issuerhttp.ReaderCRLPath)
	if signers.Len() != 2 || readers.Len() != 2 {
		t.Fatalf("%d signers, %d readers", signers.Len(), readers.Len())
	}
	published := o.cfg.Path(o.cfg.Status.Directory)
	o.soon("the lists are files", func() bool {
		files, err := filepath.Glob(filepath.Join(published, "status", "*.jwt"))
		return err == nil && len(files) == o.cfg.Status.OpenLists
	})
	o.must(o.stop())

	for name, list := range map[string]*pki.CRL{"iaca.crl": signers, "readers.crl": readers} {
		if got := o.read(filepath.Join(published, "crl", name)); string(got) != string(list.Raw) {
			t.Errorf("%s among the published lists is another one", name)
		}
	}
	dir := t.TempDir()
	outside := filepath.Join(dir, "published")
	o.must(os.CopyFS(outside, os.DirFS(published)))
	first := o.cfg.StateDir

	o.cfg.StateDir = filepath.Join(dir, "restored")
	restore := func(folder string) (string, error) {
		return issuer.Restore(t.Context(), o.cfg, issuer.RestoreOptions{
			Archive: archive, Identity: secret, Published: folder, Now: o.clock.Now(), Rand: rand.Reader,
		})
	}
	// A list that is not ours stops it before anything is in place.
	good := o.read(filepath.Join(outside, "crl", "readers.crl"))
	bad := []byte(string(good))
	bad[len(bad)-1] ^= 1
	o.must(os.WriteFile(filepath.Join(outside, "crl", "readers.crl"), bad, 0o644))
	if _, err := restore(outside); err == nil || !strings.Contains(err.Error(), "readers.crl") {
		t.Fatalf("a forged list: %v", err)
	}
	if _, err := os.Stat(o.cfg.Path("issuer.db")); err == nil {
		t.Fatal("an office is in place")
	}
	o.must(os.WriteFile(filepath.Join(outside, "crl", "readers.crl"), good, 0o644))

	report, err := restore(outside)
	o.must(err)
	if !strings.Contains(report, "revoked signers: 2, by list "+signers.Number.String()) || !strings.Contains(report, "revoked readers: 2, by list "+readers.Number.String()) {
		t.Error(report)
	}
	o.serve()
	covers(t, o.list(issuerhttp.SignerCRLPath), signers)
	covers(t, o.list(issuerhttp.ReaderCRLPath), readers)
	if got := o.states(); got["Patrol 7"] != fleet.Revoked || got["Patrol 8"] != fleet.Enrolled {
		t.Errorf("%v", got)
	}
	// Days later, with lists signed anew, nothing is forgotten.
	for range 7 {
		o.clock.Advance(25 * time.Hour)
		o.app.TendRevocations(t.Context())
	}
	covers(t, o.list(issuerhttp.SignerCRLPath), signers)
	covers(t, o.list(issuerhttp.ReaderCRLPath), readers)
	o.must(o.stop())

	// Without the published lists the report says what is missing.
	o.cfg.StateDir = filepath.Join(dir, "without")
	report, err = restore("")
	o.must(err)
	if !strings.Contains(report, "revoked signers: 1, ") || !strings.Contains(report, "is to be revoked anew") {
		t.Error(report)
	}

	// An old database alone, and certificates without their lists: what was published
	// counts.
	o.cfg.StateDir = first
	o.must(os.Rename(o.cfg.Path("issuer.db"), filepath.Join(dir, "old.db")))
	gone, err := filepath.Glob(o.cfg.Path("certs/*.crl"))
	o.must(err)
	for _, name := range gone {
		o.must(os.Remove(name))
	}
	report, err = issuer.Restore(t.Context(), o.cfg, issuer.RestoreOptions{Database: filepath.Join(dir, "old.db"), Published: outside, Now: o.clock.Now(), Rand: rand.Reader})
	o.must(err)
	if !strings.Contains(report, "revoked readers: 2") {
		t.Error(report)
	}
	o.serve()
	covers(t, o.list(issuerhttp.SignerCRLPath), signers)
	covers(t, o.list(issuerhttp.ReaderCRLPath), readers)
}

// A state folder that lost its lists, or has an old one, goes on with what lies among
// the published lists; one that is not ours there changes nothing.
func TestRevocationsGoOn(t *testing.T) {
	o := newOffice(t).serve()
	o.clock.Advance(72 * time.Hour)
	o.reader("Patrol 7")
	_, err := o.desk().RevokeReader(t.Context(), "Patrol 7")
	o.must(err)
	_, err = issuer.RevokeSigners(t.Context(), &o.cfg, "", []*big.Int{big.NewInt(7001)}, o.clock.Now(), rand.Reader)
	o.must(err)
	signers, readers := o.list(issuerhttp.SignerCRLPath), o.list(issuerhttp.ReaderCRLPath)
	drop := func() {
		o.must(o.stop())
		lists, err := filepath.Glob(o.cfg.Path("certs/*.crl"))
		o.must(err)
		for _, name := range lists {
			o.must(os.Remove(name))
		}
	}
	drop()
	o.clock.Advance(-48 * time.Hour) // and the clock is behind
	o.serve()
	for path, before := range map[string]*pki.CRL{issuerhttp.SignerCRLPath: signers, issuerhttp.ReaderCRLPath: readers} {
		if got := o.list(path); got.Number.Cmp(before.Number) < 0 || got.Len() != 1 {
			t.Errorf("%s: number %s after %s, %d revoked", path, got.Number, before.Number, got.Len())
		}
	}
	o.clock.Advance(72 * time.Hour)
	o.must(o.stop()) // or it might write it anew before it ends
	o.must(os.WriteFile(o.cfg.Path("published/crl/readers.crl"), []byte("not ours"), 0o644))
	o.serve()
	covers(t, o.list(issuerhttp.ReaderCRLPath), readers)
	if !strings.Contains(o.log.String(), "is not ours") {
		t.Error("nobody was told")
	}
}

// A list is verified when it changes, and a client that has it gets no second one.
func TestRevocationListsByTag(t *testing.T) {
	o := newOffice(t).serve()
	for _, path := range []string{issuerhttp.SignerCRLPath, issuerhttp.ReaderCRLPath} {
		status, header, body := o.get(o.cfg.PublicURL + path)
		tag := header.Get("ETag")
		if status != http.StatusOK || tag == "" || body == "" {
			t.Fatalf("%s: %d %v", path, status, header)
		}
		ask := func(tag string) int {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, o.cfg.PublicURL+path, nil)
			o.must(err)
			r.Header.Set("If-None-Match", tag)
			res, err := http.DefaultClient.Do(r)
			o.must(err)
			o.must(res.Body.Close())
			return res.StatusCode
		}
		o.soon(path+" again", func() bool { // an office that has just begun renews it once
			_, header, _ := o.get(o.cfg.PublicURL + path)
			tag = header.Get("ETag")
			return ask(tag) == http.StatusNotModified
		})
		if got := ask(`"another"`); got != http.StatusOK {
			t.Errorf("%s with another tag: %d", path, got)
		}
		o.clock.Advance(25 * time.Hour)
		if got := ask(tag); got != http.StatusOK {
			t.Errorf("%s a day later: %d", path, got)
		}
	}
	// One that another process writes is there at once, a damaged one is not served.
	_, err := issuer.RevokeSigners(t.Context(), &o.cfg, "", []*big.Int{big.NewInt(7001)}, o.clock.Now(), rand.Reader)
	o.must(err)
	if list := o.list(issuerhttp.SignerCRLPath); list.Len() != 1 {
		t.Errorf("%d revoked", list.Len())
	}
	lists, err := filepath.Glob(o.cfg.Path("certs/iaca-*.crl"))
	o.must(err)
	newest := lists[len(lists)-1]
	o.must(os.Remove(newest))
	o.must(os.WriteFile(newest, []byte("damaged"), 0o600))
	if status, _, _ := o.get(o.cfg.PublicURL + issuerhttp.SignerCRLPath); status != http.StatusServiceUnavailable {
		t.Errorf("a damaged list: %d", status)
	}
}
