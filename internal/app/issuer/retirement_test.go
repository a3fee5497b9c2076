package issuer_test

import (
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vidimus/api/registryclient"
	"vidimus/internal/app/issuer"
	"vidimus/internal/audit"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/registry"
)

// files are those of a list, as other web servers have them.
func (o *office) files(uri string) []string {
	o.t.Helper()
	id := uri[strings.LastIndexByte(uri, '/')+1:]
	var found []string
	o.must(filepath.WalkDir(o.cfg.Path(o.cfg.Status.Directory), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.Contains(path, id) {
			found = append(found, path)
		}
		return err
	}))
	return found
}

// A list is closed after its time, goes once its last copy has expired, and
// what was said of it stays readable.
func TestRetiredLists(t *testing.T) {
	t.Parallel()
	o := newOffice(t, func(c *issuer.Config) {
		c.Status.Mix, c.Status.Cover, c.Status.Rotate, c.Status.OpenLists = 0, 0, 24*time.Hour, 1
	}).serve().people()
	s := o.speaker()
	o.holds("DL-1", 2)
	set := s.say("DL-1", registryclient.DocumentAnnulled{Number: "DL-1", Reason: "x"})
	before := s.covered(set)
	copies, err := o.app.Store().Copies(t.Context(), "DL-1")
	o.must(err)
	old := copies[0].List
	if len(o.files(old)) == 0 {
		t.Fatal("the list is in no file")
	}
	o.jump(25 * time.Hour)
	o.holds("DL-2", 1)
	copies, err = o.app.Store().Copies(t.Context(), "DL-2")
	o.must(err)
	if copies[0].List == old {
		t.Error("the list takes copies after its time")
	}
	o.jump(13 * 24 * time.Hour) // the first copies have expired, a day ago at most
	if status, _, _ := o.get(old); status != http.StatusOK {
		t.Errorf("the list goes too early: %d", status)
	}
	o.jump(30 * time.Hour)
	o.jump(time.Minute)
	if status, _, _ := o.get(old); status != http.StatusNotFound || len(o.files(old)) != 0 {
		t.Errorf("the list is still there: %d, %v", status, o.files(old))
	}
	if _, _, body := o.get(o.cfg.PublicURL + "/status"); strings.Contains(body, old) || !strings.Contains(body, copies[0].List) {
		t.Errorf("the list of lists: %s", body)
	}
	o.restart()
	s = o.speaker()
	if after := s.receipt(set); after.JTI != before.JTI || len(after.Lists) != len(before.Lists) {
		t.Errorf("%+v, before %+v", after, before)
	}
	if got := states(s.feedOf(set)); len(got) != 2 {
		t.Errorf("the feed has %v", got)
	}
	o.jump(60 * 24 * time.Hour)
	o.app.Retain(t.Context())
	if left, err := o.app.Store().Copies(t.Context(), "DL-2"); err != nil || len(left) != 0 {
		t.Errorf("%d copies, %v", len(left), err)
	}
	if r := s.receipt(set); r.State != "covered" { // two years
		t.Errorf("%+v", r)
	}
}

// The keys that join persons to the audit record go after their time, and with
// them every way back; the record itself stays whole.
func TestAuditKeys(t *testing.T) {
	t.Parallel()
	o := newOffice(t, func(c *issuer.Config) {
		c.Retention.AuditKeys, c.Retention.Outcomes, c.Retention.Notices = 60*24*time.Hour, 60*24*time.Hour, 24*time.Hour
	}).serve().people()
	s := o.speaker()
	o.settle()
	var v issuer.RecordView
	o.must(o.desk().Read(t.Context(), issuerhttp.RecordsPath, url.Values{"document": {"DL-1"}, "purpose": {"audit"}}, &v))
	set := s.say("DL-1", registryclient.DocumentAnnulled{Number: "DL-1", Reason: "x"})
	o.settle()
	o.must(o.stop())
	keys, err := audit.OpenPeriodKeys(o.cfg.Path("audit-keys"), rand.Reader)
	o.must(err)
	pseudonym, err := keys.Pseudonym("P-1", start)
	o.must(err)
	o.serve()
	for what, words := range map[string][]string{
		"the look-up": {"person.look-up"}, "an event about a document": {"registry.accept", set.JTI}, "an event about a person": {"registry.accept", "person-put"},
	} {
		if n := o.audited(append(words, pseudonym)...); n != 1 {
			t.Errorf("%s: %d lines under the pseudonym", what, n)
		}
	}
	if n := o.audited("P-1") + o.audited("DL-1") + o.audited("Weber"); n != 0 {
		t.Errorf("%d lines name the person", n)
	}
	lines, _, err := o.app.Store().AuditSize(t.Context())
	o.must(err)

	o.clock.Advance(95 * 24 * time.Hour)
	o.app.Retain(t.Context())
	if found, err := filepath.Glob(o.cfg.Path("audit-keys") + "/2026-06*"); err != nil || len(found) != 0 {
		t.Errorf("%v, %v", found, err)
	}
	o.restart()
	if now, _, err := o.app.Store().AuditSize(t.Context()); err != nil || now <= lines || o.audited("audit.key.destroy", "2026-06") != 1 || o.audited(pseudonym) == 0 {
		t.Errorf("%d lines after %d, %v", now, lines, err)
	}
	// The other periods have passed as well.
	if _, err := o.app.Store().Outcome(t.Context(), issuer.DevSource, set.JTI); !errors.Is(err, registry.ErrOutcomeNotFound) {
		t.Errorf("the outcome: %v", err)
	}
	if n, err := o.app.Store().Notices(t.Context(), "P-1", 10); err != nil || len(n) != 0 {
		t.Errorf("%d notices, %v", len(n), err)
	}
	if n := len(s.feedOf(set)); n != 0 {
		t.Errorf("%d receipts", n)
	}
	refused(t, func() error { _, err := s.client.Receipt(t.Context(), set.JTI); return err }(), http.StatusNotFound, "invalid_request")
}
