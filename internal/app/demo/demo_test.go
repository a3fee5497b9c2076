package demo

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/policy"
	"vidimus/internal/verification"
)

// told is the verdicts of a run in their order.
type told struct {
	of      []string
	reports map[string]*verification.Report
}

func (v *told) listen(of string, r *verification.Report) {
	if v.reports == nil {
		v.reports = map[string]*verification.Report{}
	}
	v.of, v.reports[of] = append(v.of, of), r
}

func names(list []verification.Element) []string {
	var out []string
	for _, e := range list {
		out = append(out, e.Name)
	}
	slices.Sort(out)
	return out
}

// The whole story: green, then red because revoked and for no other reason.
func TestDemo(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	var out, log bytes.Buffer
	var v told
	began := time.Now()
	if err := Run(t.Context(), Options{Out: &out, Log: &log, verdict: v.listen}); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	t.Logf("%.2f s of its own time", time.Since(began).Seconds())

	if want := []string{"licence", "licence-revoked", "identity"}; !slices.Equal(v.of, want) {
		t.Fatalf("verdicts of %q, want %q", v.of, want)
	}
	sound := policy.Verdict{Authenticity: policy.Genuine, Status: policy.Valid, Freshness: policy.WithinPolicy, Entitlement: policy.Yes}
	revoked, known := sound, sound
	revoked.Status, known.Entitlement = policy.Revoked, policy.NotAsked
	for of, want := range map[string]policy.Verdict{"licence": sound, "licence-revoked": revoked, "identity": known} {
		if got := v.reports[of].Verdict; got != want {
			t.Errorf("%s: %+v, want %+v", of, got, want)
		}
	}
	if c := v.reports["licence-revoked"].Colour; c != policy.Red {
		t.Errorf("the revoked licence is %s", c)
	}
	if failed := v.reports["licence-revoked"].Failed(); !slices.Equal(failed, []string{"mso.status"}) {
		t.Errorf("the revoked licence fails %q", failed)
	}

	// Nothing but what was asked for left the wallet, and it came from two copies.
	licence, again := v.reports["licence"].Documents[0], v.reports["licence-revoked"].Documents[0]
	if got := names(licence.IssuerSigned); !slices.Equal(got, []string{"driving_privileges", "expiry_date", "family_name", "given_name", "portrait"}) || len(licence.Dropped) > 0 {
		t.Errorf("shown %q, dropped %q", got, licence.Dropped)
	}
	if licence.Status.Index == again.Status.Index {
		t.Error("both sessions showed one copy")
	}
	want := map[string]string{"B": "yes", "A": "under conditions"}
	for _, d := range licence.Driving {
		if d.Answer != want[d.Category] {
			t.Errorf("may drive %s: %s", d.Category, d.Answer)
		}
		delete(want, d.Category)
	}
	if len(want) > 0 {
		t.Errorf("not told: %v", want)
	}

	text := out.String()
	if !strings.HasPrefix(text, "Nothing here is to be trusted") || strings.Contains(text, "\x1b") {
		t.Errorf("the first line does not warn, or there are colours:\n%.200s", text)
	}
	at := 0
	for _, piece := range []string{
		"\n 1 ", "OFFICE ", "\n 2 ", "REGISTRY ", "\n 3 ", "█▀▀▀▀▀█", "openid-credential-offer://", "tx_code ", "\n 4 ", "WALLET ", "\n 5 ", "READER ",
		"\n 6 ", "█▀▀▀▀▀█", "mdoc:", "\n 7 ", "Utopia Road Police", "\n 8 ", "GREEN", "\n 9 ", "covered", "\n10 ", "\n11 ", "\n12 ", "RED", "status revoked",
		"\n13 ", "\n14 ", "PORTAL ", "GREEN", "The end, after",
	} {
		i := strings.Index(text[at:], piece)
		if i < 0 {
			t.Fatalf("%q is missing, or too early, in\n%s", piece, text)
		}
		at += i + len(piece)
	}
	if log.Len() > 0 {
		t.Errorf("logged: %s", log.String())
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestVerboseFolderAndColours(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "a b")
	var out, log bytes.Buffer
	if err := Run(t.Context(), Options{Out: &out, Log: &log, Dir: dir, Colours: true, NoQR: true, Verbose: true}); err != nil {
		t.Fatal(err)
	}
	for _, piece := range []string{"\x1b[1;30;42m", "mso.digest", "access token from", "'" + dir + "/trust'"} {
		if !strings.Contains(out.String(), piece) {
			t.Errorf("%q is missing", piece)
		}
	}
	if strings.Contains(out.String(), "█") {
		t.Error("QR codes in spite of NoQR")
	}
	if !strings.Contains(log.String(), "msg=serving") {
		t.Errorf("the office's log: %.200s", log.String())
	}
	for _, name := range []string{"office/issuer.db", "trust/trust.yaml", "seen/licence.mdoc", "seen/status-after.cwt", "wallet"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
		} else if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: others may read it: %v", name, info.Mode())
		}
	}
	err := Run(t.Context(), Options{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("a second run in one folder: %v", err)
	}
}

// An interrupt in the middle names the step, stops the office and leaves
// nothing.
func TestInterrupted(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	stop := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	var out bytes.Buffer
	err := Run(ctx, Options{Out: &out, verdict: func(string, *verification.Report) { cancel(stop) }})
	if !errors.Is(err, stop) || !strings.Contains(err.Error(), "step 9, REGISTRY annulling the licence") {
		t.Errorf("error %v", err)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// When the office dies under the story, the error says why.
func TestOfficeFails(t *testing.T) {
	broken := errors.New("the disk is full")
	ctx, fail := context.WithCancelCause(t.Context())
	s := &story{options: Options{}, office: &premises{}, tell: newNarration(&Options{Out: &bytes.Buffer{}}, fixed{}), fail: fail}
	fail(broken)
	if err := s.play(ctx); !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "step 1, OFFICE opening: ") {
		t.Errorf("error %v", err)
	}
}

// A verdict that is not as told ends the story.
func TestVerdictNotAsTold(t *testing.T) {
	var o Options
	o.fill()
	s := &story{options: o}
	sound := verification.Report{Colour: policy.Green, Verdict: policy.Verdict{Authenticity: policy.Genuine, Status: policy.Valid}}
	if _, err := s.verdict("sound", &sound, policy.Green, policy.Valid); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(r *verification.Report){
		"colour":       func(r *verification.Report) { r.Colour = policy.Amber },
		"status":       func(r *verification.Report) { r.Verdict.Status = policy.Unknown },
		"authenticity": func(r *verification.Report) { r.Verdict.Authenticity = policy.HolderNotProven },
	} {
		r := sound
		change(&r)
		if _, err := s.verdict(name, &r, policy.Green, policy.Valid); err == nil || !strings.Contains(err.Error(), "should be green and valid") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type fixed struct{}

func (fixed) Now() time.Time { return time.Date(2026, 6, 15, 10, 0, 0, 0, time.UTC) }

func TestQuote(t *testing.T) {
	for arg, want := range map[string]string{
		"": "''", "/tmp/x-1_y.z": "/tmp/x-1_y.z", "a b": "'a b'", "it's": `'it'\''s'`, "a&b?c": "'a&b?c'", "$HOME": "'$HOME'", "ü": "'ü'",
	} {
		if got := quote(arg); got != want {
			t.Errorf("%q: %s, want %s", arg, got, want)
		}
	}
}

func TestCommandLines(t *testing.T) {
	short := command("", "./cmd/wallet", "list", "--dir", "/a b")
	if got := short.Lines(); got != "go run ./cmd/wallet list --dir '/a b'" || got != short.Line() {
		t.Errorf("%s", got)
	}
	long := command("", "./cmd/wallet", "accept", "--dir", "/tmp/a/b/c/d/e/f/g", "--insecure-loopback", "--batch", "3", "openid-credential-offer://?x=y&z")
	want := "go run ./cmd/wallet accept \\\n  --dir /tmp/a/b/c/d/e/f/g \\\n  --insecure-loopback \\\n  --batch 3 \\\n  'openid-credential-offer://?x=y&z'"
	if got := long.Lines(); got != want {
		t.Errorf("%s", got)
	}
	long.words = append(long.words[:len(long.words)-1], "-o", "/tmp/out/of/all/these/words")
	if got := long.Lines(); !strings.HasSuffix(got, " \\\n  -o /tmp/out/of/all/these/words") {
		t.Errorf("%s", got)
	}
}
