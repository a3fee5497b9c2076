package verifier

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"testing"
	"time"

	"vidimus/internal/bundle"
	"vidimus/internal/policy"
	"vidimus/internal/statuslist"
	"vidimus/internal/verification"
)

// What a bundle has read once says the same as its tokens, parsed and verified for
// each check, at every instant.
func TestCarriedAsPublished(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*bundle.Contents)
		revoked []uint64
		after   time.Duration
		status  policy.Status
	}{
		"valid":                {nil, []uint64{8}, 0, policy.Valid},
		"revoked":              {nil, []uint64{7}, 0, policy.Revoked},
		"just before its end":  {nil, nil, 5*day - time.Second, policy.Valid},
		"past its end":         {nil, nil, 5 * day, policy.Unknown},
		"not carried":          {func(c *bundle.Contents) { c.Lists = nil }, nil, 0, policy.NotChecked},
		"the bundle has ended": {func(c *bundle.Contents) { c.Expires = c.Issued.Add(day) }, nil, 2 * day, policy.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoadside(t)
			contents := r.contents(r.Now, 5*day, c.revoked...)
			if c.change != nil {
				c.change(&contents)
			}
			r.must(r.take(r.bundle(contents), r.Now))
			k, err := BundleSource{State: r.state()}.Open(r.Now)
			r.must(err)
			cfg := CheckConfig{At: r.Now.Add(c.after), Nonce: "nonce", Audience: "x509_hash:abc", ResponseURI: "https://verifier.example/r"}
			opt, err := cfg.options(&files{}, k)
			r.must(err)
			response, err := os.ReadFile(r.response)
			r.must(err)

			published := opt
			published.Lists = func(uri string) ([]byte, error) {
				data, err := k.List(uri, statuslist.FormatCWT, opt.Now)
				if errors.Is(err, bundle.ErrNotCarried) {
					return nil, fmt.Errorf("%w: %w", verification.ErrNotAtHand, err)
				}
				return data, err
			}
			want := verification.DeviceResponse(response, published)
			if want.Verdict.Status != c.status {
				t.Errorf("%s, want %s: %v", want.Verdict.Status, c.status, want.Reasons)
			}
			listSet{}.into(&opt, k, statuslist.FormatCWT)
			for range 2 {
				if got := verification.DeviceResponse(response, opt); !reflect.DeepEqual(got, want) {
					t.Errorf("carried:\n%+v\nas published:\n%+v", got, want)
				}
			}
		})
	}
}

// A reader that stays on judges its lists at the instant of each reading, not at
// that of its start; a file beside the bundle is asked first.
func TestListsEndWhileTheReaderRuns(t *testing.T) {
	r := newRoadside(t)
	c := r.contents(r.Now, 5*day)
	r.must(r.take(r.bundle(c), r.Now))
	file := r.file("list.cwt", r.contents(r.Now, 9*day, 7).Lists[0])
	response, err := os.ReadFile(r.response)
	r.must(err)
	for name, tt := range map[string]struct {
		files []string
		after time.Duration
		want  policy.Status
	}{
		"begins":            {nil, 0, policy.Valid},
		"list has ended":    {nil, 6 * day, policy.Unknown},
		"bundle has ended":  {nil, 31 * day, policy.Unknown},
		"a file":            {[]string{file}, 0, policy.Revoked},
		"a file that lasts": {[]string{file}, 6 * day, policy.Revoked},
	} {
		ready, err := Prepare(context.Background(), ReaderConfig{Check: CheckConfig{Bundle: BundleSource{State: r.state()}, Lists: tt.files, At: r.Now}, Anonymous: true}, nil)
		r.must(err)
		o := ready.Verify
		o.Now = r.Now.Add(tt.after)
		if got := verification.DeviceResponse(response, o); got.Documents[0].Verdict.Status != tt.want {
			t.Errorf("%s: %s, want %s: %v", name, got.Documents[0].Verdict.Status, tt.want, got.Reasons)
		}
	}
}
