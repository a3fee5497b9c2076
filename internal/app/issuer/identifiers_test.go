package issuer_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vidimus/api/registryclient"
	"vidimus/internal/elements"
	"vidimus/internal/fetch"
	"vidimus/internal/mdoc"
	"vidimus/internal/policy"
	"vidimus/internal/verification"
	"vidimus/internal/wallet"
)

// identifierLists fetches identifier lists as a reader does.
func identifierLists(web wallet.Web) func(string) ([]byte, error) {
	return func(uri string) ([]byte, error) {
		req, err := http.NewRequest(http.MethodGet, uri, nil)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Accept", "application/identifierlist+cwt")
		res, body, err := web.Do(req, fetch.MaxStatusList)
		if err == nil && res.StatusCode != http.StatusOK {
			err = errors.New(res.Status)
		}
		return body, err
	}
}

// A type whose copies are revoked by identifier: green, and red once annulled,
// with the same lists for any web server.
func TestIdentifierList(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	mdl, err := os.ReadFile("../../catalog/builtin/mdl.yaml")
	o.must(err)
	o.add("mdl.yaml", string(mdl)+"\nstatus: identifier-list\n")
	o.serve().people()
	s := o.speaker()
	h, other := o.holds("DL-1", 3), o.holds("DL-2", 1)
	web := fetch.New(fetch.Options{AllowInsecureLoopback: true})
	defer web.Close()
	judge := func(h *holder) *verification.Report {
		t.Helper()
		transcript, err := mdoc.OpenID4VPTranscript(clientID, nonce, nil, responseURI)
		o.must(err)
		response, err := h.PresentMdoc(wallet.MdocPresentation{DocType: elements.MDLDocType, Elements: []string{"family_name", "portrait"}, Transcript: transcript})
		o.must(err)
		return verification.DeviceResponse(response, verification.Options{Now: o.clock.Now(), Trust: o.anchors(), CRLs: o.crls(), Transcript: transcript, Lists: identifierLists(web)})
	}
	expect(t, judge(h), policy.Green, policy.Valid)
	copies, err := o.app.Store().Copies(t.Context(), "DL-1")
	o.must(err)
	seen := map[string]bool{}
	for _, c := range copies {
		if len(c.Identifier) == 0 || seen[string(c.Identifier)] || !strings.HasPrefix(c.List, o.cfg.PublicURL+"/identifiers/") {
			t.Errorf("%+v", c)
		}
		seen[string(c.Identifier)] = true
	}
	set := s.say("DL-1", registryclient.DocumentAnnulled{Number: "DL-1", Reason: "fraud"})
	if r := s.covered(set); r.Copies != 3 || !strings.Contains(r.Lists[0].URI, "/identifiers/") {
		t.Errorf("%+v", r)
	}
	expect(t, judge(h), policy.Red, policy.Revoked)
	expect(t, judge(other), policy.Green, policy.Valid)

	uri := copies[0].List
	if status, header, _ := o.get(uri, "Accept", "application/identifierlist+cwt"); status != http.StatusOK || header.Get("Content-Type") != "application/identifierlist+cwt" || header.Get("ETag") == "" {
		t.Errorf("%d %v", status, header)
	}
	if status, _, _ := o.get(uri, "Accept", "application/statuslist+cwt"); status != http.StatusNotAcceptable {
		t.Errorf("asked for a status list: %d", status)
	}
	if status, _, _ := o.get(strings.Replace(uri, "/identifiers/", "/status/", 1)); status != http.StatusNotFound {
		t.Errorf("as a status list: %d", status)
	}
	o.restart()
	expect(t, judge(h), policy.Red, policy.Revoked)
	dir := filepath.Join(t.TempDir(), "www")
	_, err = o.desk().Publish(t.Context(), dir)
	o.must(err)
	files := 0
	o.must(filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.Contains(path, "identifiers") {
			files++
		}
		return err
	}))
	if files == 0 {
		t.Error("no identifier list was written")
	}
}
