package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"vidimus/internal/app/command"
	"vidimus/internal/clock"
	"vidimus/internal/elements"
	"vidimus/internal/fetch"
	"vidimus/internal/fleet"
	"vidimus/internal/jose"
	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/problem"
	"vidimus/internal/qr"
	"vidimus/internal/statuslist"
	"vidimus/internal/store/memory"
	"vidimus/internal/wallet"
	"vidimus/internal/wallet/wallettest"
)

// roadside is an office with its readers, a holder with a licence and a PID, and
// what a reader knows of their issuer, all of now: the program has no other clock.
type roadside struct {
	pki    *pkitest.World
	fleet  *fleet.Service
	server *httptest.Server
}

func newRoadside(dir string) (*roadside, error) {
	w, err := pkitest.New(time.Now())
	if err != nil {
		return nil, err
	}
	store, err := memory.New(memory.Options{PublicURL: "https://issuer.example", Rand: rand.Reader})
	if err != nil {
		return nil, err
	}
	r := &roadside{pki: w}
	if r.fleet, err = fleet.New(fleet.Parts{Store: store, Clock: clock.System{}, Rand: rand.Reader, Authority: fleet.Authority{
		Certificate: w.ReaderCA.Cert, Key: w.ReaderCA.Key, Country: "UT", Organization: "Utopia Police", Contact: "https://issuer.example", CRL: "https://issuer.example/crl/readers.crl",
	}}); err != nil {
		return nil, err
	}
	r.server = httptest.NewServer(http.HandlerFunc(r.enrol))
	return r, errors.Join(r.holder(filepath.Join(dir, "wallet")), r.files(dir))
}

// enrol answers as an office does.
func (r *roadside) enrol(w http.ResponseWriter, req *http.Request) {
	var in fleet.EnrolRequest
	err := json.NewDecoder(req.Body).Decode(&in)
	var raw []byte
	if err == nil {
		raw, err = jose.DecodeBase64URL(in.Request)
	}
	var reader fleet.Reader
	if err == nil && req.URL.Path == fleet.EnrolPath {
		reader, err = r.fleet.Enrol(req.Context(), in.Code, raw)
	}
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusForbidden)
		json.NewEncoder(w).Encode(map[string]string{"error": string(problem.KindOf(err)), "error_description": problem.Detail(err)})
		return
	}
	answer := fleet.EnrolAnswer{ID: reader.ID, Name: reader.Name, Organization: reader.Organization, State: reader.State, Fingerprint: fleet.Fingerprint(reader.Key)}
	if reader.State == fleet.Enrolled {
		answer.Chain, answer.Expires = []string{jose.EncodeBase64URL(reader.Certificate)}, reader.Expires
		answer.Anchor, answer.BundleURL = jose.EncodeBase64URL(r.pki.ReaderCA.Cert.Raw), r.server.URL+"/readers/bundle"
		answer.BundleAnchors = []string{jose.EncodeBase64URL(r.pki.OperationsCA.Cert.Raw)}
	}
	json.NewEncoder(w).Encode(answer)
}

func (r *roadside) holder(dir string) error {
	issuer, err := wallettest.New(r.pki, r.pki.Clock, "")
	if err != nil {
		return err
	}
	defer issuer.Close()
	store, err := wallet.OpenStore(dir)
	if err != nil {
		return err
	}
	defer store.Close()
	web := fetch.New(fetch.Options{AllowInsecureLoopback: true})
	defer web.Close()
	w, err := wallet.New(wallet.Config{Store: store, Clock: r.pki.Clock, Rand: rand.Reader, Web: web, AllowInsecure: true})
	if err != nil {
		return err
	}
	offer, err := issuer.Offer("openid-credential-offer", "mdl", "pid-mdoc")
	if err != nil {
		return err
	}
	if _, err := w.Accept(context.Background(), offer, wallet.AcceptOptions{Copies: 10}); err != nil {
		return err
	}
	list, err := issuer.StatusList(statuslist.FormatCWT)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(filepath.Dir(dir), "list.cwt"), list, 0o600)
}

func (r *roadside) files(dir string) error {
	w := r.pki
	crl := func(ca pkitest.Entity, revoked ...*pki.Certificate) []byte {
		content := pki.Revocations{Number: big.NewInt(1), ThisUpdate: w.Now, NextUpdate: w.Now.AddDate(0, 0, 30)}
		for _, c := range revoked {
			content.Revoked = append(content.Revoked, pki.RevokedCertificate{Serial: c.Cert.SerialNumber, At: w.Now})
		}
		list, err := pki.BuildCRL(content, ca.Cert, ca.Key, rand.Reader)
		if err != nil {
			panic(err) // a list of ours
		}
		return list.Raw
	}
	code, err := qr.Encode("https://example.com/menu")
	if err != nil {
		return err
	}
	menu, err := code.PNG(400)
	if err != nil {
		return err
	}
	scope := "as_of: " + w.Now.Format(time.RFC3339) + "\nanchors:\n  iaca.pem: {purposes: [issue-mdoc, status-list], doctypes: [" + elements.MDLDocType + ", " + elements.PIDDocType + "]}\n"
	for name, data := range map[string][]byte{
		"anchors/iaca.pem": pki.EncodePEM(w.IACA.Cert), "anchors/trust.yaml": []byte(scope),
		"iaca.crl": crl(w.IACA), "iaca-pem.crl": pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: crl(w.IACA)}),
		"revoked.crl":           crl(w.IACA, w.DocumentSignerMDL.Cert),
		"readers/reader-ca.pem": pki.EncodePEM(w.ReaderCA.Cert),
		"strangers/ca.pem":      pki.EncodePEM(w.AccessCA.Cert),
		"menu.png":              menu,
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, data, 0o644)); err != nil {
			return err
		}
	}
	return nil
}

// TestReadScripts runs the commands of a reader at the roadside as a user does.
func TestReadScripts(t *testing.T) {
	var mu sync.Mutex
	worlds := map[string]*roadside{} // by work folder
	of := func(ts *testscript.TestScript) *roadside {
		mu.Lock()
		defer mu.Unlock()
		return worlds[ts.Getenv("WORK")]
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/read",
		Setup: func(env *testscript.Env) error {
			r, err := newRoadside(env.WorkDir)
			if err != nil {
				return err
			}
			env.Defer(r.server.Close)
			env.Setenv("OFFICE", r.server.URL)
			mu.Lock()
			defer mu.Unlock()
			worlds[env.WorkDir] = r
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"bluetooth": bluetooth, "shown": shown,
			// invite VARIABLE NAME puts a one-time code into a variable.
			"invite": func(ts *testscript.TestScript, _ bool, args []string) {
				_, code, err := of(ts).fleet.Invite(t.Context(), fleet.Invitation{Name: args[1], Actor: "test"})
				ts.Check(err)
				ts.Setenv(args[0], code)
			},
			// approve NAME FINGERPRINT approves a reader.
			"approve": func(ts *testscript.TestScript, _ bool, args []string) {
				r, err := of(ts).fleet.Find(t.Context(), args[0])
				ts.Check(err)
				_, err = of(ts).fleet.Approve(t.Context(), r.ID, args[1], "test")
				ts.Check(err)
			},
			// revoke NAME FILE revokes a reader, and writes the list that says so.
			"revoke": func(ts *testscript.TestScript, _ bool, args []string) {
				r, err := of(ts).fleet.Find(t.Context(), args[0])
				ts.Check(err)
				_, err = of(ts).fleet.Revoke(t.Context(), r.ID, "test")
				ts.Check(err)
				list, err := of(ts).fleet.RevocationList(t.Context())
				ts.Check(err)
				ts.Check(os.WriteFile(ts.MkAbs(args[1]), list.Raw, 0o600))
			},
			// fingerprint VARIABLE takes the fingerprint out of standard output.
			"fingerprint": func(ts *testscript.TestScript, _ bool, args []string) {
				var line string
				for l := range strings.Lines(ts.ReadFile("stdout")) {
					if rest, ok := strings.CutPrefix(l, "fingerprint "); ok {
						line = strings.TrimSpace(rest)
					}
				}
				if line == "" {
					ts.Fatalf("no fingerprint is said")
				}
				ts.Setenv(args[0], line)
			},
			// exit CODE COMMAND... runs a command and wants that exit code.
			"exit": func(ts *testscript.TestScript, _ bool, args []string) {
				code := 0
				var failed *exec.ExitError
				if err := ts.Exec(args[1], args[2:]...); errors.As(err, &failed) {
					code = failed.ExitCode()
				} else {
					ts.Check(err)
				}
				if fmt.Sprint(code) != args[0] {
					ts.Fatalf("exit code %d, want %s", code, args[0])
				}
			},
		},
	})
}

// Q17: a reading leaves nothing behind, neither in the folder where it runs, nor in
// those of the user and of temporary files, nor in that of the reader; values are on
// standard output alone.
func TestNothingIsStored(t *testing.T) {
	world := t.TempDir()
	r, err := newRoadside(world)
	if err != nil {
		t.Fatal(err)
	}
	defer r.server.Close()
	here, home, temporary := t.TempDir(), t.TempDir(), t.TempDir()
	t.Chdir(here)
	t.Setenv("HOME", home)
	t.Setenv("TMPDIR", temporary)
	t.Setenv("XDG_CACHE_HOME", filepath.Join(home, "cache"))
	at := func(name string) string { return filepath.Join(world, name) }
	for _, more := range [][]string{nil, {"--json"}, {"--all"}, {"--profile", "identity"}} {
		var out, errs bytes.Buffer
		args := append([]string{"read", "--simulate", at("wallet"), "--trust", at("anchors"), "--status", at("list.cwt"), "--crl", at("iaca.crl")}, more...)
		if code := program.Run(t.Context(), command.Env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs}, args); code != 0 {
			t.Fatalf("%v: exit %d\n%s%s", more, code, out.String(), errs.String())
		}
		if !strings.Contains(out.String(), "Weber") || strings.Contains(errs.String(), "Weber") || strings.Contains(errs.String(), "Anouk") {
			t.Errorf("%v: values are missing, or among the steps\n%s", more, errs.String())
		}
	}
	for _, dir := range []string{here, home, temporary} {
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != 0 {
			t.Errorf("%v, %v", entries, err)
		}
	}
}
