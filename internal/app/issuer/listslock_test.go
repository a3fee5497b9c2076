package issuer_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/issuerhttp"
)

// Who waits for somebody who writes the lists is told for whom, and is not held up when
// it is given up; the office serves what it has meanwhile.
func TestListsAreHeld(t *testing.T) {
	t.Parallel()
	o := newOffline(t)
	now := o.clock.Now()
	if _, _, err := issuer.ImportCRL(t.Context(), &o.cfg, o.signed(7, now, 60), now); err != nil {
		t.Fatal(err)
	}
	o.serve()
	first := o.list(issuerhttp.SignerCRLPath)
	lock, err := os.OpenFile(o.cfg.Path("lists.lock"), os.O_RDWR, 0o600)
	o.must(err)
	defer lock.Close()
	o.soon("the office is done with its lists", func() bool { return syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil })
	for held, says := range map[string]string{
		"issuer trust, process 4711":          `"issuer trust, process 4711"`,
		"":                                    "another process",
		"\x1b[31m" + strings.Repeat("x", 500): `"\x1b[31mxxx`,
	} {
		o.must(lock.Truncate(0))
		_, err := lock.WriteAt([]byte(held), 0)
		o.must(err)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, _, err = issuer.ImportCRL(ctx, &o.cfg, o.signed(8, now, 60), now)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "waiting for "+says) || len(err.Error()) > 400 {
			t.Errorf("%q: %v", held, err)
		}
	}
	if got := o.list(issuerhttp.SignerCRLPath); string(got.Raw) != string(first.Raw) {
		t.Errorf("served is list %s", got.Number)
	}
	o.must(syscall.Flock(int(lock.Fd()), syscall.LOCK_UN))
	if _, _, err := issuer.ImportCRL(t.Context(), &o.cfg, o.signed(8, now, 60), now); err != nil {
		t.Error(err)
	}
	if got := o.list(issuerhttp.SignerCRLPath); got.Number.Int64() != 8 {
		t.Errorf("served is list %s", got.Number)
	}
}
