package catalog

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
)

// card is the minimal configuration with more lines.
func card(t *testing.T, more string) (*Configuration, error) {
	t.Helper()
	all, err := parse("card.yaml", []byte(more+minimal))
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

func TestKeyAttestationsRequired(t *testing.T) {
	for name, c := range map[string]struct {
		yaml string
		want *oid4vci.KeyAttestationsRequired
		err  string
	}{
		"absent": {"", nil, ""},
		"any":    {"key_attestations_required: {}\n", &oid4vci.KeyAttestationsRequired{}, ""},
		"levels": {"key_attestations_required: {key_storage: [iso_18045_high], user_authentication: [iso_18045_moderate, 'https://state.example/a'], preferred_status_period_days: 31}\n",
			&oid4vci.KeyAttestationsRequired{KeyStorage: []string{"iso_18045_high"}, UserAuthentication: []string{"iso_18045_moderate", "https://state.example/a"}, PreferredStatusPeriod: 31 * 86400}, ""},
		"a level":       {"key_attestations_required: {key_storage: [high]}\n", nil, ":1: configuration \"card\": key_attestations_required: one of"},
		"twice":         {"key_attestations_required: {key_storage: [iso_18045_high, iso_18045_high]}\n", nil, "a level twice"},
		"unknown key":   {"key_attestations_required: {storage: [iso_18045_high]}\n", nil, "field storage not found"},
		"negative time": {"key_attestations_required: {preferred_status_period_days: -1}\n", nil, "preferred_status_period_days"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := card(t, c.yaml)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("%v, want %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			types := cfg.Metadata().ProofTypes
			if diff := cmp.Diff(c.want, types["jwt"].Required); diff != "" {
				t.Error(diff)
			}
			if _, both := types["attestation"]; both != (c.want != nil) {
				t.Errorf("%d types of proof", len(types))
			}
		})
	}
}

func TestReuse(t *testing.T) {
	cfg, err := card(t, "batch_size: 20\nreuse:\n  - {details: [once_only], batch_size: 20, reissue_trigger_unused: 5}\n  - {details: [limited_time], reissue_trigger_lifetime_left: 86400}\n")
	if err != nil {
		t.Fatal(err)
	}
	want := &oid4vci.ReusePolicy{ID: oid4vci.ReusePolicyARF, Options: []oid4vci.ReuseOption{
		{Details: []string{"once_only"}, BatchSize: 20, ReissueUnused: 5}, {Details: []string{"limited_time"}, ReissueLifetimeLeft: 86400},
	}}
	if diff := cmp.Diff(want, cfg.Metadata().Metadata.ReusePolicy); diff != "" {
		t.Error(diff)
	}
	for text, want := range map[string]string{
		"reuse: [{details: [often], batch_size: 2}]\n":                     ":1: configuration \"card\": reuse",
		"batch_size: 5\nreuse: [{details: [once_only], batch_size: 20}]\n": "above that of the configuration",
	} {
		if _, err := card(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if cfg, err := card(t, "approval: true\n"); err != nil || !cfg.Approval {
		t.Errorf("%+v, %v", cfg, err)
	}
}

// No copy outlives the status of the wallet, and its end does not tell which
// wallet that is.
func TestUntil(t *testing.T) {
	cfg := configuration(t, "mdl")
	s := subject(t)
	day := time.Date(2026, 6, 15, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		until, want time.Time
	}{
		"never":        {time.Time{}, day.AddDate(0, 0, 14)},
		"later":        {day.AddDate(1, 0, 0), day.AddDate(0, 0, 14)},
		"within":       {day.AddDate(0, 0, 3).Add(17*time.Hour + 5*time.Second), day.AddDate(0, 0, 3)},
		"today":        {day.Add(17*time.Hour + 12*time.Minute), day.Add(17 * time.Hour)},
		"this hour":    {testNow.Add(time.Minute), time.Time{}},
		"it was today": {testNow.Add(-time.Hour), time.Time{}},
		"long ago":     {testNow.AddDate(-1, 0, 0), time.Time{}},
	} {
		terms := testTerms
		terms.Until = c.until
		b, err := cfg.NewBatch(s, docFor(t, s, cfg), testNow, terms)
		if c.want.IsZero() {
			if problem.KindOf(err) != problem.CredentialRequestDenied || b != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, until := b.Validity(); !until.Equal(c.want) {
			t.Errorf("%s: until %s, want %s", name, until, c.want)
		}
	}
}
