package verifier

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vidimus/internal/pki"
	"vidimus/internal/policy"
	"vidimus/internal/proximity"
	"vidimus/internal/wallet"
)

// A code begins one session: it is refused from then on, also while the first is
// under way; one whose phone was not reached may be tried again.
func TestCodesAreForOneSession(t *testing.T) {
	m := newMeeting(t)
	ready := &Ready{Verify: m.verify, cfg: ReaderConfig{Clock: m.Clock}, used: &codes{}}
	ready.Verify.Policy = policy.Default()
	profile, err := ready.Profile("right-to-drive", "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s := Simulation{Wallet: m.wallet, Clock: m.Clock, Consent: wallet.AgreeToAll}
	e, link, err := s.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	off := func(context.Context, *proximity.Engagement) (proximity.Transport, error) {
		return nil, errors.New("the radio is off")
	}
	for range 2 {
		if _, err := ready.Read(ctx, e, off, profile, nil); errors.Is(err, ErrUsed) || err == nil {
			t.Errorf("the phone was not reached: %v", err)
		}
	}
	out, err := ready.Read(ctx, e, link, profile, nil)
	if err != nil || out.Report.Colour != policy.Green || out.Signed {
		t.Fatalf("%+v, %v", out, err)
	}
	if err := s.End(cancel); err != nil {
		t.Error(err)
	}
	pipe := func(context.Context, *proximity.Engagement) (proximity.Transport, error) {
		ours, _ := proximity.Pipe()
		return ours, nil
	}
	if _, err := ready.Read(t.Context(), e, pipe, profile, nil); !errors.Is(err, ErrUsed) || !errors.Is(err, ErrRead) {
		t.Errorf("the same code again: %v", err)
	}
}

// What a reader is made of: folders, and who asks.
func TestPrepare(t *testing.T) {
	m := newMeeting(t)
	dir := t.TempDir()
	anchors := filepath.Join(dir, "anchors")
	if err := errors.Join(os.Mkdir(anchors, 0o700), os.WriteFile(filepath.Join(anchors, "iaca.pem"), pki.EncodePEM(m.IACA.Cert), 0o600)); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(dir, "empty")
	if _, err := CreateState(empty); err != nil {
		t.Fatal(err)
	}
	check := CheckConfig{TrustDir: anchors, At: m.Now}
	ready, err := Prepare(t.Context(), ReaderConfig{Check: check}, nil)
	if err != nil || ready.Identity != nil || ready.Verify.Profile != nil || !ready.Verify.DecodePortrait || ready.Verify.Chains == nil {
		t.Fatalf("%+v, %v", ready, err)
	}
	if len(ready.Verify.Trust.All()) != 1 || ready.Verify.Policy == nil {
		t.Errorf("%+v", ready.Verify)
	}
	if _, err := ready.Profile("right-to-drive", "C"); err != nil {
		t.Error(err)
	}
	for name, c := range map[string]struct {
		cfg  ReaderConfig
		want error
		says string
	}{
		"not enrolled":           {ReaderConfig{Check: check, Reader: empty}, ErrNotEnrolled, "verifier enroll"},
		"no such reader":         {ReaderConfig{Check: check, Reader: filepath.Join(dir, "none")}, fs.ErrNotExist, ""},
		"a state without bundle": {ReaderConfig{Check: CheckConfig{Bundle: BundleSource{State: empty}, At: m.Now}}, nil, "nobody is pinned"},
	} {
		if _, err := Prepare(t.Context(), c.cfg, nil); err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Prepare(t.Context(), ReaderConfig{Check: check, Reader: empty, Anonymous: true}, nil); err != nil {
		t.Errorf("anonymous: %v", err)
	}
	if _, err := ChooseProfile(policy.Default(), "identity", "B"); err == nil {
		t.Error("a category without a question")
	}
}

// How old something is, for a person.
func TestAsOf(t *testing.T) {
	now := time.Date(2026, 6, 15, 17, 30, 0, 0, time.UTC)
	for _, c := range []struct {
		ago  time.Duration
		want string
	}{
		{0, "17:30, new"}, {59 * time.Second, "17:29, new"}, {10 * time.Minute, "17:20, 10 min old"}, {3*time.Hour + 28*time.Minute, "14:02, 3 h old"},
		{20 * time.Hour, "2026-06-14 21:30, 20 h old"}, {72 * time.Hour, "2026-06-12 17:30, 3 days old"}, {-time.Hour, "18:30, of the future"},
	} {
		at := now.Add(-c.ago)
		if got := AsOf(&at, now); got != c.want {
			t.Errorf("%s ago: %q, want %q", c.ago, got, c.want)
		}
	}
	if got := AsOf(nil, now); got != "not known" {
		t.Error(got)
	}
}
