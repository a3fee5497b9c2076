package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/app/command"
	"vidimus/internal/pki"
	"vidimus/internal/statuslist"
)

// week is a reader without a network, by its commands alone: who makes its bundles,
// its state folder, and a phone.
type week struct {
	*roadside
	t   *testing.T
	dir string
	uri string // of the list that the licences name
}

// run runs a command of the program, and wants an exit code.
func (w *week) run(code int, args ...string) (out, errs string) {
	w.t.Helper()
	var o, e bytes.Buffer
	if got := program.Run(w.t.Context(), command.Env{Stdin: strings.NewReader(""), Stdout: &o, Stderr: &e}, args); got != code {
		w.t.Errorf("%s: exit %d, want %d\n%s%s", strings.Join(args, " "), got, code, o.String(), e.String())
	}
	return o.String(), e.String()
}

func (w *week) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// publish writes what the authority publishes at an instant: its list, good for so
// long, on which every copy is valid or revoked, and its revoked signers.
func (w *week) publish(at time.Time, life time.Duration, status statuslist.Status) {
	w.t.Helper()
	list, err := statuslist.New(1, 1<<12)
	w.must(err)
	for i := range uint64(list.Size()) {
		w.must(list.Set(i, status))
	}
	body, err := statuslist.Build(list)
	w.must(err)
	by := w.pki.StatusSigner
	token, err := body.SignCWT(by.Key, statuslist.Claims{Subject: w.uri, IssuedAt: at, Expires: at.Add(life)}, by.Chain, rand.Reader)
	w.must(err)
	crl, err := pki.BuildCRL(pki.Revocations{Number: big.NewInt(at.Unix()), ThisUpdate: at, NextUpdate: at.AddDate(0, 0, 30)}, w.pki.IACA.Cert, w.pki.IACA.Key, rand.Reader)
	w.must(err)
	w.must(os.WriteFile(filepath.Join(w.dir, "list.cwt"), token, 0o600))
	w.must(os.WriteFile(filepath.Join(w.dir, "iaca.crl"), crl.Raw, 0o600))
}

// bundle makes one of what is published.
func (w *week) bundle(name string, at time.Time) string {
	w.t.Helper()
	w.run(0, "bundle", "build", "--at", at.Format(time.RFC3339), "--sources", "sources.yaml", "--signer", "signer", "-o", name)
	return name
}

func (w *week) take(code int, name string, at time.Time) string {
	w.t.Helper()
	_, errs := w.run(code, "bundle", "import", "--at", at.Format(time.RFC3339), "--state", "state", "--bundle-anchor", "signer/bundle-ca.pem", name)
	return errs
}

// answer is a verdict as --json writes it, with the exit code beside.
type answer struct {
	Colour    string
	Verdict   struct{ Authenticity, Status, Freshness string }
	Knowledge struct {
		PolicyVersion string    `json:"policy_version"`
		StatusAsOf    time.Time `json:"status_as_of"`
	}
	Reasons []string
}

// read reads the phone; every colour has its exit code.
func (w *week) read(colour string, at time.Time, more ...string) answer {
	w.t.Helper()
	code := map[string]int{"green": 0, "red": 1, "amber": 2}[colour]
	args := append([]string{"read", "--simulate", "wallet", "--state", "state", "--at", at.Format(time.RFC3339), "--json"}, more...)
	out, errs := w.run(code, args...)
	var a answer
	if err := json.Unmarshal([]byte(out), &a); err != nil {
		w.t.Fatalf("%v: %s%s", err, out, errs)
	}
	if a.Colour != colour {
		w.t.Errorf("%s: %s, want %s: %v", at, a.Colour, colour, a.Reasons)
	}
	return a
}

// A week without a network, as an officer lives it: green, amber and red to the
// second that the policy of the bundle says; a revocation shows with the next
// bundle, the older one is refused from then on, and a list past its own end is
// unknown however new the bundle.
func TestAWeekOffline(t *testing.T) {
	dir := t.TempDir()
	r, err := newRoadside(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.server.Close()
	t.Chdir(dir)
	w := &week{roadside: r, t: t, dir: dir}
	data, err := os.ReadFile("list.cwt")
	w.must(err)
	token, err := statuslist.ParseToken(data)
	w.must(err)
	w.uri = token.Subject
	w.must(os.WriteFile("policy.yaml", []byte("version: week-1\nstatus: {fresh: 1d, usable: 3d, refuse: 5d}\n"), 0o600))
	w.must(os.WriteFile("sources.yaml", []byte("publisher: https://readers.example\ndays: 20\npolicy: policy.yaml\ncrls: [iaca.crl]\nlists: [list.cwt]\nanchors: [{folder: anchors}]\n"), 0o600))

	monday := r.pki.Now
	w.run(0, "bundle", "signer", "--at", monday.Format(time.RFC3339), "--organization", "Police", "--country", "UT", "signer")
	w.publish(monday, 20*24*time.Hour, statuslist.Valid)
	first := w.bundle("monday.cbor", monday)
	w.take(0, first, monday)
	const day = 24 * time.Hour
	for _, tt := range []struct {
		after             time.Duration
		colour, freshness string
	}{
		{0, "green", "within policy"}, {time.Hour, "green", "within policy"}, {day, "green", "within policy"},
		{day + time.Second, "amber", "old"}, {3 * day, "amber", "old"},
		{3*day + time.Second, "amber", "too old"}, {5 * day, "amber", "too old"},
		{5*day + time.Second, "red", "past use"}, {7 * day, "red", "past use"},
	} {
		got := w.read(tt.colour, monday.Add(tt.after))
		if v := got.Verdict; v.Freshness != tt.freshness || v.Status != "valid" || v.Authenticity != "genuine" || !got.Knowledge.StatusAsOf.Equal(monday) || got.Knowledge.PolicyVersion != "week-1" {
			t.Errorf("after %s: %+v %+v: %v", tt.after, v, got.Knowledge, got.Reasons)
		}
	}

	sunday := monday.Add(7 * day)
	w.publish(sunday, 20*day, statuslist.Invalid)
	second := w.bundle("sunday.cbor", sunday)
	w.take(0, second, sunday)
	if got := w.read("red", sunday.Add(time.Hour)); got.Verdict.Status != "revoked" || !got.Knowledge.StatusAsOf.Equal(sunday) {
		t.Errorf("revoked: %+v", got)
	}
	if errs := w.take(command.ExitUsage, first, sunday.Add(time.Hour)); !strings.Contains(errs, "older than the one at hand") {
		t.Errorf("Monday's bundle again: %s", errs)
	}
	if _, errs := w.run(command.ExitUsage, "read", "--simulate", "wallet", "--state", "state", "--bundle", first, "--at", sunday.Add(time.Hour).Format(time.RFC3339)); !strings.Contains(errs, "older than the one at hand") {
		t.Errorf("Monday's bundle beside: %s", errs)
	}
	if got := w.read("red", sunday.Add(2*time.Hour)); got.Verdict.Status != "revoked" {
		t.Errorf("after that: %+v", got)
	}
	if _, errs := w.run(command.ExitUsage, "read", "--simulate", "wallet", "--state", "state", "--at", sunday.Add(-2*time.Hour).Format(time.RFC3339)); !strings.Contains(errs, "the clock says") {
		t.Errorf("a clock two hours behind: %s", errs)
	}

	// Lifted in error, and the list with it ends within the hour.
	later := sunday.Add(day)
	w.publish(later, time.Hour, statuslist.Valid)
	w.take(0, w.bundle("later.cbor", later), later)
	if got := w.read("green", later.Add(time.Hour-time.Second)); got.Verdict.Status != "valid" {
		t.Errorf("before its end: %+v", got)
	}
	got := w.read("amber", later.Add(time.Hour+2*time.Minute)) // and the skew of clocks
	if got.Verdict.Status != "unknown" || got.Verdict.Freshness != "not known" || !slices.ContainsFunc(got.Reasons, func(s string) bool { return strings.Contains(s, "past its exp") }) {
		t.Errorf("past its end: %+v", got)
	}

	for _, canary := range []string{"Weber", "Anouk", "1990-05-02"} {
		if found, err := inFiles("state", map[string][]byte{canary: []byte(canary)}); err != nil || len(found) > 0 {
			t.Error(fmt.Sprint(found), err)
		}
	}
}
