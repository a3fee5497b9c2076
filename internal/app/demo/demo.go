package demo

import (
	"context"
	"errors"
	"fmt"
	"os"

	"vidimus/internal/clock"
)

// warning is the first line of every run.
const warning = "Nothing here is to be trusted: keys, people and portraits are made up, the office is one of --dev."

// Run tells the story and returns nil when every verdict was as told; with
// Keep it serves the page until ctx ends, which is then no error. Whatever
// happens, the office is stopped before Run returns, and a temporary folder is
// removed unless Keep says otherwise.
//
// An error names the step that went wrong. When ctx ends in the middle of the
// story, the error matches its cause.
func Run(ctx context.Context, o Options) (err error) {
	o.fill()
	c := clock.System{}
	n := newNarration(&o, c)
	n.line("%s", n.paint("1;31", warning))
	dir, passing, err := o.folder()
	if err != nil {
		return err
	}
	if passing {
		n.line("It lives in %s and goes with its end.\n", dir)
	} else {
		n.line("It lives in %s, which stays.\n", dir)
	}
	outer := ctx
	ctx, fail := context.WithCancelCause(outer)
	defer fail(nil)
	s := &story{options: o, clock: c, tell: n, dir: dir, office: &premises{clock: c}, fail: fail}
	defer func() {
		err = errors.Join(err, s.close())
		if passing {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	if err := s.play(ctx); err != nil {
		return err
	}
	n.line("\nThe end, after %.1f seconds.", n.elapsed().Seconds())
	s.epilogue(passing)
	if !o.Keep {
		return nil
	}
	if err := s.keep(ctx); err != nil && outer.Err() == nil {
		return fmt.Errorf("the page to try by hand: %w", err)
	}
	n.line("\nStopped. What was made is still in %s", dir)
	return nil
}
