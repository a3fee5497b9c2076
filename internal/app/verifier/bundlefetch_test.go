package verifier

import (
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vidimus/internal/bundle"
	"vidimus/internal/fetch"
	"vidimus/internal/fleet"
	"vidimus/internal/jose"
	"vidimus/internal/keys/soft"
	"vidimus/internal/pki"
	"vidimus/internal/trust"
)

// A web server that has what others publish.
func serveFiles(t *testing.T, files map[string]string) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, typ := files[r.URL.Path], map[string]string{".cwt": "application/statuslist+cwt", ".txt": "text/plain"}[filepath.Ext(r.URL.Path)]
		data, err := os.ReadFile(name)
		if err != nil || typ == "application/statuslist+cwt" && !strings.Contains(r.Header.Get("Accept"), typ) {
			http.NotFound(w, r)
			return
		}
		if typ == "" {
			typ = bundle.ContentType
		}
		w.Header().Set("Content-Type", typ)
		_, _ = w.Write(data)
	}))
	t.Cleanup(s.Close)
	return s
}

func TestFetchBundle(t *testing.T) {
	r := newRoadside(t)
	old, newest := r.bundle(r.contents(r.Now, 20*day)), r.bundle(r.contents(r.Now.Add(day), 20*day))
	s := serveFiles(t, map[string]string{"/old": old, "/new": newest, "/page.txt": newest})
	now := r.Now.Add(2 * day)
	loopback := fetch.Options{AllowInsecureLoopback: true}
	get := func(path string, opt fetch.Options) error {
		_, _, err := FetchBundle(t.Context(), path, BundleSource{Anchor: r.anchor, State: r.state()}, opt, now, rand.Reader)
		return err
	}
	r.must(get(s.URL+"/new", loopback))
	for name, c := range map[string]struct{ got, want error }{
		"an older one": {get(s.URL+"/old", loopback), bundle.ErrOlder},
		"nothing":      {get(s.URL+"/none", loopback), fetch.ErrAnswer},
		"a page":       {get(s.URL+"/page.txt", loopback), fetch.ErrAnswer},
		"this machine": {get(s.URL+"/new", fetch.Options{}), fetch.ErrRefused},
		"of no office": {get("", loopback), ErrNotEnrolled},
		"without folder": {func() error {
			_, _, err := FetchBundle(t.Context(), s.URL, BundleSource{}, loopback, now, nil)
			return err
		}(), nil},
	} {
		if c.got == nil || c.want != nil && !errors.Is(c.got, c.want) {
			t.Errorf("%s: %v", name, c.got)
		}
	}
	if _, err := (BundleSource{State: r.state()}).Open(now); err != nil {
		t.Errorf("what was taken is gone: %v", err)
	}
}

// From lists that others publish, a bundle that a reader can use.
func TestBuildFromSources(t *testing.T) {
	r := newRoadside(t)
	c := r.contents(r.Now, 20*day)
	s := serveFiles(t, map[string]string{"/status.cwt": r.file("list.cwt", c.Lists[0]), "/iaca.crl": r.file("iaca.crl", c.CRLs[0])})
	r.file("iaca.pem", pki.EncodePEM(r.IACA.Cert))
	r.must(os.Mkdir(filepath.Join(r.dir, "anchors"), 0o700))
	r.file("anchors/iaca.pem", pki.EncodePEM(r.IACA.Cert))
	r.file("anchors/trust.yaml", []byte("anchors: {iaca.pem: {purposes: [issue-mdoc], doctypes: [org.iso.18013.5.1.mDL]}}\n"))
	r.file("policy.yaml", []byte(roadsidePolicy))
	signer := filepath.Join(r.dir, "signer")
	anchor, err := CreateBundleSigner(t.Context(), signer, "UT", "Police", r.Now, rand.Reader)
	r.must(err)
	cfg := BuildConfig{Signer: signer, Output: filepath.Join(r.dir, "out.cbor"), Fetch: fetch.Options{AllowInsecureLoopback: true}}
	build := func(yaml string) (*bundle.Built, error) {
		cfg.Sources = r.file("sources.yaml", []byte(yaml))
		return BuildBundle(t.Context(), cfg, r.Now.Add(time.Hour), rand.Reader)
	}
	built, err := build(fmt.Sprintf("publisher: https://police.example\npolicy: policy.yaml\nanchors: [{folder: anchors}]\nlists: [%q]\ncrls: [%q]\n", s.URL+"/status.cwt", s.URL+"/iaca.crl"))
	r.must(err)
	if b := built.Bundle; len(b.Lists()) != 1 || len(b.CRLs().All()) != 1 || b.Policy().Version != "roadside-7" || !b.Expires.Equal(r.Now.Add(14*day+time.Hour)) || len(b.Trust().Anchors(trust.IssueMdoc, "org.iso.18013.5.1.mDL")) != 1 {
		t.Errorf("%+v", b)
	}
	k, err := BundleSource{File: cfg.Output, Anchor: anchor}.Open(r.Now.Add(2 * time.Hour))
	r.must(err)
	got, err := Check(CheckConfig{File: r.response, Bundle: BundleSource{File: cfg.Output, Anchor: anchor}, At: r.Now.Add(2 * time.Hour),
		Nonce: "nonce", Audience: "x509_hash:abc", ResponseURI: "https://verifier.example/r"}, nil)
	if err != nil || got.Colour != "green" || k.Sequence != built.Bundle.Sequence {
		t.Errorf("%+v, %v", got, err)
	}
	// The mirror gives an older list than last time: that does not go back.
	r.file("list.cwt", r.contents(r.Now.Add(-day), 20*day).Lists[0])
	again, err := build(fmt.Sprintf("publisher: https://police.example\nanchors: [{folder: anchors}]\nlists: [%q]\n", s.URL+"/status.cwt"))
	if err != nil || !again.Bundle.Lists()[0].Issued.Equal(r.Now) || again.Bundle.Sequence <= built.Bundle.Sequence || len(again.LeftOut) != 1 {
		t.Errorf("%+v, %v", again, err)
	}
	for yaml, says := range map[string]string{
		"publisher: x\nanchors: [{folder: none}]\n":                                                                          "no such file",
		"publisher: x\nanchors: [{folder: anchors, vical: x}]\n":                                                             "one of folder, vical",
		"publisher: x\nanchors: [{vical: x}]\n":                                                                              "roots is missing",
		"publisher: x\nanchors: [{entity_list: x, roots: [iaca.pem]}]\n":                                                     "services is missing",
		"publisher: x\nanchors: [{vical: iaca.pem, roots: [iaca.pem]}]\n":                                                    "malformed VICAL",
		"publisher: x\nanchors: [{entity_list: iaca.pem, roots: [iaca.pem], services: {x: {}}}]":                             "malformed list",
		"publisher: x\nanchors: [{trusted_list: iaca.pem, sha256: ab, services: {x: {}}}]\n":                                 "64 hexadecimal digits",
		"publisher: x\nanchors: [{trusted_list: iaca.pem, sha256: '" + strings.Repeat("ab", 32) + "', services: {x: {}}}]\n": "not the one that was pinned",
		"publisher: x\nanchors: [{folder: anchors}]\nlists: [anchors]\n":                                                     "no list",
		"publisher: x\nanchors: [{folder: anchors}]\nlists: [\"" + s.URL + "/none.cwt\"]\n":                                  "status 404",
		"publisher: x\nanchors: [{folder: anchors}]\ncrls: [iaca.pem]\n":                                                     "revocation list",
		"publisher: x\nanchors: [{folder: anchors}]\npolicy: none.yaml\n":                                                    "no such file",
		"anchors: [{folder: anchors}]\n":                                                                                     "publisher",
		"publisher: x\n---\npublisher: y\n":                                                                                  "more than one YAML document",
		"publisher: x\n":                                                                                                     "no anchor",
	} {
		if built, err := build(yaml); built != nil || err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", yaml, err)
		}
	}
}

// A reader that is enrolled needs no address, and tells its office, and nobody else,
// which bundle it has.
func TestFetchFromOffice(t *testing.T) {
	r := newRoadside(t)
	state, err := CreateState(r.state())
	r.must(err)
	key, err := soft.New(r.state()).Create(t.Context(), "soft:path="+stateKey, elliptic.P256())
	r.must(err)
	e := r.MustIssue(t, pki.Template{Profile: pki.ProfileReader, Public: key.Public(), Subject: pki.Name{Country: "UT", Organization: "Police", CommonName: "Patrol 7"}}, &r.ReaderCA)
	var said []string
	file := r.bundle(r.contents(r.Now, 20*day))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		said = append(said, q.Header.Get(fleet.SeenHeader))
		data, err := os.ReadFile(file)
		if err != nil {
			http.NotFound(w, q)
			return
		}
		w.Header().Set("Content-Type", bundle.ContentType)
		_, _ = w.Write(data)
	}))
	defer s.Close()
	r.must(state.keep(Enrolled{ID: "R-1", Name: "Patrol 7", BundleURL: s.URL + "/readers/bundle", Expires: e.Cert.NotAfter()}, []*pki.Certificate{e.Cert}, r.ReaderCA.Cert, []*pki.Certificate{r.OperationsCA.Cert}))
	get := func(url string, at time.Time) {
		t.Helper()
		_, _, err := FetchBundle(t.Context(), url, BundleSource{State: r.state()}, fetch.Options{AllowInsecureLoopback: true}, at, rand.Reader)
		r.must(err)
	}
	get("", r.Now)                            // it has none yet
	get("", r.Now.Add(time.Hour))             // it has the first
	get(s.URL+"/other", r.Now.Add(time.Hour)) // somebody else asks nothing
	get("", e.Cert.NotAfter().Add(-335*day))  // before the bundle ends
	if len(said) != 4 || said[2] != "" {
		t.Fatalf("said %q", said)
	}
	for i, want := range map[int]string{0: `"bundle":0`, 1: `"bundle":1`, 3: `"bundle":1`} {
		token, err := jose.Parse(said[i], 4096)
		r.must(err)
		if err := token.Verify(key.Public()); err != nil || !strings.Contains(string(token.Payload), want) || !strings.Contains(string(token.Payload), `"sub":"R-1"`) {
			t.Errorf("%s, %v", token.Payload, err)
		}
	}
}

// What has not changed is not sent again; what is damaged here, or comes from another
// address, is. A server that answers 304 to who did not ask for that gave nothing.
func TestFetchBundleAgain(t *testing.T) {
	r := newRoadside(t)
	file := r.bundle(r.contents(r.Now, 20*day))
	var asked []string
	answer := func(w http.ResponseWriter, q *http.Request) {
		asked = append(asked, q.Header.Get("If-None-Match"))
		data, err := os.ReadFile(file)
		if err != nil {
			http.NotFound(w, q)
			return
		}
		tag := fmt.Sprintf("%q", filepath.Base(file))
		w.Header().Set("ETag", tag)
		if q.URL.Path == "/always" || q.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("Content-Type", bundle.ContentType)
		_, _ = w.Write(data)
	}
	s := httptest.NewServer(http.HandlerFunc(answer))
	defer s.Close()
	source := BundleSource{Anchor: r.anchor, State: r.state()}
	get := func(path string, at time.Time) (bool, error) {
		b, newer, err := FetchBundle(t.Context(), s.URL+path, source, fetch.Options{AllowInsecureLoopback: true}, at, rand.Reader)
		if (b == nil) != (err != nil) {
			t.Errorf("%v, %v", b, err)
		}
		source.Anchor = "" // it is pinned by now
		return newer, err
	}
	step := func(what, path string, at time.Time, wantNewer, wantTag bool) {
		t.Helper()
		newer, err := get(path, at)
		if err != nil || newer != wantNewer || (asked[len(asked)-1] != "") != wantTag {
			t.Errorf("%s: newer %v, %v, asked with %q", what, newer, err, asked[len(asked)-1])
		}
	}
	step("the first", "/b", r.Now, true, false)
	step("again", "/b", r.Now.Add(time.Hour), false, true)
	step("another address", "/c", r.Now.Add(time.Hour), true, false)
	step("from there again", "/c", r.Now.Add(time.Hour), false, true)
	if _, err := get("/always", r.Now.Add(time.Hour)); !errors.Is(err, fetch.ErrAnswer) {
		t.Errorf("304 to nobody: %v", err)
	}
	r.must(os.WriteFile(filepath.Join(r.state(), "bundle.cbor"), []byte("x"), 0o600))
	step("a damaged bundle", "/c", r.Now.Add(time.Hour), true, false)
	step("whole again", "/c", r.Now.Add(time.Hour), false, true)
	for _, tag := range []string{"", "x", s.URL + "/c\n", strings.Repeat("x", 1000)} {
		r.must(os.WriteFile(filepath.Join(r.state(), "bundle.etag"), []byte(tag), 0o600))
		step("a damaged tag", "/c", r.Now.Add(time.Hour), true, false)
	}
	file = r.bundle(r.contents(r.Now.Add(day), 20*day))
	step("a newer one", "/c", r.Now.Add(2*day), true, true)
	if _, err := get("/c", r.Now.Add(40*day)); !errors.Is(err, bundle.ErrEnded) {
		t.Errorf("when it has ended: %v", err)
	}
}
