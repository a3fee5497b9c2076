package verifier

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/bundle"
	"vidimus/internal/pki"
	"vidimus/internal/policy"
	"vidimus/internal/verification"
)

// A week without a network: green, amber and red are those that the policy of the
// bundle says, day by day, and never because nobody looked. A revocation shows with
// the next bundle, and the bundle before it does not come back.
func TestAWeekOffline(t *testing.T) {
	r := newRoadside(t)
	monday := r.bundle(r.contents(r.Now, 20*day))
	r.must(r.take(monday, r.Now))
	for hours, want := range map[int]struct {
		colour    policy.Colour
		freshness policy.Freshness
	}{
		0: {policy.Green, policy.WithinPolicy}, 1: {policy.Green, policy.WithinPolicy}, 24: {policy.Green, policy.WithinPolicy},
		25: {policy.Amber, policy.Old}, 72: {policy.Amber, policy.Old},
		73: {policy.Amber, policy.TooOld}, 120: {policy.Amber, policy.TooOld},
		121: {policy.Red, policy.PastUse}, 168: {policy.Red, policy.PastUse},
	} {
		got, err := r.check(r.Now.Add(time.Duration(hours) * time.Hour))
		r.must(err)
		d := got.Documents[0]
		if got.Colour != want.colour || got.Verdict.Freshness != want.freshness || got.Verdict.Status != policy.Valid || got.Verdict.Authenticity != policy.Genuine {
			t.Errorf("after %d h: %s %+v: %v", hours, got.Colour, got.Verdict, got.Reasons)
		}
		if d.Status.AsOf != r.Now || d.Trust.AnchorAt != r.Now || got.Knowledge.PolicyVersion != "roadside-7" || !strings.HasPrefix(got.Policy, "roadside-7 of bundle 1") {
			t.Errorf("after %d h: as of %+v, %+v, %q", hours, d.Status, got.Knowledge, got.Policy)
		}
	}
	sunday := r.Now.Add(7 * day)
	next := r.bundle(r.contents(sunday, 20*day, 7))
	r.must(r.take(next, sunday))
	got, err := r.check(sunday.Add(time.Hour))
	r.must(err)
	if got.Colour != policy.Red || got.Verdict.Status != policy.Revoked {
		t.Errorf("revoked: %s %+v", got.Colour, got.Verdict)
	}
	if err := r.take(monday, sunday.Add(time.Hour)); !errors.Is(err, bundle.ErrOlder) {
		t.Errorf("Monday's bundle again: %v", err)
	}
	if _, err := Check(CheckConfig{File: r.response, Bundle: BundleSource{File: monday, State: r.state()}, At: sunday.Add(time.Hour)}, nil); !errors.Is(err, bundle.ErrOlder) {
		t.Errorf("Monday's bundle beside: %v", err)
	}
	got, err = r.check(sunday.Add(2 * time.Hour))
	if err != nil || got.Verdict.Status != policy.Revoked {
		t.Errorf("after that: %+v, %v", got, err)
	}
}

// A list past its own end is not known, however new the bundle; one that is not
// carried was not checked; a bundle past its end answers nothing. None of them is
// green, and none is the other.
func TestListsThatDoNotAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*bundle.Contents)
		life   time.Duration
		after  time.Duration
		status policy.Status
		says   string
	}{
		"past its end":           {func(*bundle.Contents) {}, day, 2 * day, policy.Unknown, "past its exp"},
		"not carried":            {func(c *bundle.Contents) { c.Lists = nil }, day, 0, policy.NotChecked, "not carried"},
		"the bundle has ended":   {func(c *bundle.Contents) { c.Expires = c.Issued.Add(12 * time.Hour) }, 20 * day, 13 * time.Hour, policy.Unknown, "bundle past its end"},
		"no revocation list":     {func(c *bundle.Contents) { c.CRLs = nil }, 20 * day, 0, policy.NotChecked, "not checked"},
		"revocation list at end": {func(*bundle.Contents) {}, 50 * day, 29*day + 23*time.Hour + 30*time.Minute, policy.Unknown, "the revocation list ended"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoadside(t)
			contents := r.contents(r.Now, c.life)
			c.change(&contents)
			r.must(r.take(r.bundle(contents), r.Now))
			got, err := r.check(r.Now.Add(c.after))
			r.must(err)
			if got.Colour == policy.Green || got.Verdict.Status != c.status || !strings.Contains(strings.Join(got.Reasons, "\n"), c.says) || got.Verdict.Authenticity != policy.Genuine {
				t.Errorf("%s %+v: %v", got.Colour, got.Verdict, got.Reasons)
			}
		})
	}
}

// Whoever ended a bundle ends what needs no list as well: nothing is green by it.
func TestEndedBundleIsNeverGreen(t *testing.T) {
	r := newRoadside(t)
	c := r.contents(r.Now, 20*day)
	c.Policy, c.Expires = []byte("status: {required: false, fresh: 90d, usable: 90d}\nanchors: {fresh: 90d, usable: 90d}\n"), r.Now.Add(day)
	r.must(r.take(r.bundle(c), r.Now))
	k, err := BundleSource{State: r.state()}.Open(r.Now.Add(2 * day))
	r.must(err)
	cfg := CheckConfig{At: r.Now.Add(2 * day)}
	opt, err := cfg.options(&files{}, k)
	r.must(err)
	if opt.Policy != k.Policy() || opt.PolicyName != k.PolicyName() {
		t.Errorf("judged by another policy than the one that is named: %+v", opt.Policy)
	}
	var notes bytes.Buffer
	cfg = CheckConfig{File: r.response, Bundle: BundleSource{State: r.state()}, At: cfg.At, Notes: &notes}
	got, err := Check(cfg, nil)
	if err != nil || !strings.Contains(notes.String(), "ended at 2026-06-16T10:00:00Z") {
		t.Fatalf("%v, said %q", err, notes.String())
	}
	check := func(r *verification.Report, want verification.Result, says string) {
		t.Helper()
		i := slices.IndexFunc(r.Documents[0].Checks, func(c verification.Check) bool { return c.ID == "ia.anchors" })
		if i < 0 || r.Documents[0].Checks[i].Result != want || !strings.Contains(r.Documents[0].Checks[i].Detail, says) {
			t.Errorf("%+v", r.Documents[0].Checks)
		}
	}
	check(got, verification.Warn, "nobody vouches for them since 2026-06-16T10:00:00Z")
	if got.Verdict.Freshness == policy.WithinPolicy || got.Colour == policy.Green {
		t.Errorf("%s %+v", got.Colour, got.Verdict)
	}
	cfg.At = r.Now.Add(day - time.Second)
	if got, err = Check(cfg, nil); err != nil {
		t.Fatal(err)
	}
	check(got, verification.Pass, "within policy")
}

// Bad input of the clock: one that was put back is refused in plain words, before
// anything is checked; what a trusted signer has named moves it on.
func TestWrongClock(t *testing.T) {
	r := newRoadside(t)
	r.must(r.take(r.bundle(r.contents(r.Now, 20*day)), r.Now))
	_, err := r.check(r.Now.AddDate(-1, 0, 0))
	if !errors.Is(err, bundle.ErrClock) || !strings.Contains(err.Error(), "the clock says 2025-06-15T10:00:00Z, but bundle 1 of https://readers.example was made at 2026-06-15T10:00:00Z") {
		t.Errorf("%v", err)
	}
	// Another bundle at the roadside, three days on, checks a list of that day.
	later := r.Now.Add(3 * day)
	c := r.contents(later, 20*day)
	beside := r.bundle(c)
	got, err := Check(CheckConfig{File: r.response, Bundle: BundleSource{File: beside, State: r.state()}, At: later.Add(time.Hour)}, nil)
	if err != nil || got.Documents[0].Status.AsOf != later {
		t.Fatalf("%v, %v", got, err)
	}
	if _, err := r.check(later.Add(-time.Hour)); !errors.Is(err, bundle.ErrClock) || !strings.Contains(err.Error(), "something that this device has verified was made at 2026-06-18T10:00:00Z") {
		t.Errorf("an hour back: %v", err)
	}
	if err := r.take(beside, later.Add(-time.Hour)); !errors.Is(err, bundle.ErrClock) {
		t.Errorf("importing: %v", err)
	}
	r.must(r.take(beside, later.Add(2*time.Hour)))
	if err := r.take(beside, later.Add(31*day)); !errors.Is(err, bundle.ErrEnded) {
		t.Errorf("past its end: %v", err)
	}
}

func TestState(t *testing.T) {
	r := newRoadside(t)
	first := r.bundle(r.contents(r.Now, 20*day))
	if _, err := r.check(r.Now); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "bundle import") {
		t.Errorf("no folder: %v", err)
	}
	if _, err := ImportBundle(BundleSource{File: first, State: r.state()}, false, nil, r.Now); err == nil || !strings.Contains(err.Error(), "--bundle-anchor") {
		t.Errorf("nobody is pinned: %v", err)
	}
	r.must(r.take(first, r.Now))
	if _, err := ImportBundle(BundleSource{File: first, State: r.state()}, false, nil, r.Now); err != nil {
		t.Errorf("the same again, by whom was pinned: %v", err)
	}
	stranger := r.file("stranger.pem", pki.EncodePEM(r.IACA.Cert))
	if _, err := ImportBundle(BundleSource{File: first, Anchor: stranger, State: r.state()}, false, nil, r.Now); err == nil || !strings.Contains(err.Error(), "enrolled by somebody else") {
		t.Errorf("another signer: %v", err)
	}
	if _, err := ImportBundle(BundleSource{File: first, Anchor: stranger, State: filepath.Join(r.dir, "other")}, false, nil, r.Now); !errors.Is(err, pki.ErrUntrusted) {
		t.Errorf("a stranger's: %v", err)
	}
	names := func() (out []string) {
		entries, err := os.ReadDir(r.state())
		r.must(err)
		for _, e := range entries {
			info, err := e.Info()
			r.must(err)
			if info.Mode().Perm() != 0o600 {
				t.Errorf("%s has mode %04o", e.Name(), info.Mode().Perm())
			}
			out = append(out, e.Name())
		}
		return out
	}
	if got := names(); !slices.Equal(got, []string{"bundle-anchor.pem", "bundle.cbor", "lock", "mark"}) {
		t.Errorf("%v", got)
	}
	r.must(os.Chmod(r.state(), 0o755))
	if _, err := r.check(r.Now); !errors.Is(err, ErrState) || !strings.Contains(err.Error(), "chmod 700") {
		t.Errorf("an open folder: %v", err)
	}
	r.must(os.Chmod(r.state(), 0o700))
	var shown bytes.Buffer
	k, err := BundleSource{State: r.state()}.Open(r.Now.Add(2 * day))
	r.must(err)
	ShowBundle(&shown, k.Bundle, r.Now.Add(2*day), true)
	r.must(ShowState(&shown, r.state(), r.Now.Add(2*day)))
	for _, want := range []string{"bundle 1 of https://readers.example", "48 hours ago", "policy roadside-7", "UT: org.iso.18013.5.1.mDL: 1", "1 revocation lists", roadsideList + " (cwt", ": old, until", "got to bundle 1 of"} {
		if !strings.Contains(strings.ReplaceAll(shown.String(), "2 days ago", "48 hours ago"), want) {
			t.Errorf("%q is not in\n%s", want, shown.String())
		}
	}
}

// Damage is said, with what to do; it never makes an old bundle pass.
func TestDamagedState(t *testing.T) {
	for name, damage := range map[string]func(dir string) error{
		"no mark":          func(dir string) error { return os.Remove(filepath.Join(dir, "mark")) },
		"an empty mark":    func(dir string) error { return os.WriteFile(filepath.Join(dir, "mark"), nil, 0o600) },
		"half a mark":      func(dir string) error { return os.Truncate(filepath.Join(dir, "mark"), 40) },
		"a mark of zeroes": func(dir string) error { return os.WriteFile(filepath.Join(dir, "mark"), make([]byte, 100), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoadside(t)
			old, now := r.bundle(r.contents(r.Now, 20*day)), r.Now.Add(day)
			newest := r.bundle(r.contents(now, 20*day))
			r.must(r.take(newest, now))
			r.must(damage(r.state()))
			for what, err := range map[string]error{
				"check":          func() error { _, err := r.check(now); return err }(),
				"import":         r.take(newest, now),
				"import the old": r.take(old, now),
			} {
				if !errors.Is(err, ErrState) || !strings.Contains(err.Error(), "--start-over") {
					t.Errorf("%s: %v", what, err)
				}
			}
			if _, err := ImportBundle(BundleSource{File: newest, State: r.state()}, true, nil, now); err != nil {
				t.Fatal(err)
			}
			if got, err := r.check(now); err != nil || got.Colour != policy.Green {
				t.Errorf("after starting over: %+v, %v", got, err)
			}
		})
	}
	r := newRoadside(t)
	r.must(r.take(r.bundle(r.contents(r.Now, 20*day)), r.Now))
	r.must(os.WriteFile(filepath.Join(r.state(), "bundle.cbor"), []byte("x"), 0o600))
	if _, err := r.check(r.Now); !errors.Is(err, bundle.ErrMalformed) {
		t.Errorf("a broken bundle: %v", err)
	}
}

// A folder that cannot be written changes no verdict, and is told.
func TestStateThatCannotBeWritten(t *testing.T) {
	r := newRoadside(t)
	r.must(r.take(r.bundle(r.contents(r.Now, 20*day)), r.Now))
	r.must(os.Remove(filepath.Join(r.state(), "lock")))
	r.must(os.Mkdir(filepath.Join(r.state(), "lock"), 0o700)) // as good as a full disk, also for root
	var notes bytes.Buffer
	got, err := Check(CheckConfig{File: r.response, Bundle: BundleSource{State: r.state()}, At: r.Now.Add(time.Hour), Notes: &notes,
		Nonce: "nonce", Audience: "x509_hash:abc", ResponseURI: "https://verifier.example/r"}, nil)
	if err != nil || got.Colour != policy.Green || !strings.Contains(notes.String(), "keeping how far this device got") {
		t.Errorf("%v, %v, said %q", got, err, notes.String())
	}
}

// A bundle that is imported while another program reads the folder makes nobody
// believe that an older one was put into its place.
func TestOpenWhileImporting(t *testing.T) {
	r := newRoadside(t)
	var files []string
	for i := range 30 {
		files = append(files, r.bundle(r.contents(r.Now.Add(time.Duration(i)*time.Second), 7*day)))
	}
	at := r.Now.Add(time.Hour)
	r.must(r.take(files[0], at))
	done := make(chan error, 1)
	go func() {
		for _, file := range files[1:] {
			if err := r.take(file, at); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for opened := 0; ; opened++ {
		k, err := BundleSource{State: r.state()}.Open(at)
		if err != nil {
			t.Fatalf("opening %d: %v", opened, err)
		}
		select {
		case err := <-done:
			if r.must(err); k.Sequence > 30 {
				t.Errorf("bundle %d", k.Sequence)
			}
			return
		default:
		}
	}
}
