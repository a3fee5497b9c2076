package registry

import (
	"context"
	"fmt"
	"strconv"

	"vidimus/internal/audit"
	"vidimus/internal/document"
)

// ApplyDue brings about what time alone does: measures that begin, end or
// lapse. It says how many subjects were looked at. An error means that the
// outcome is unknown.
func (in *Inbox) ApplyDue(ctx context.Context) (int, error) {
	total := 0
	for {
		// Again for each step: the calls of the store may not share it.
		now, revokes, hurry := in.clock.Now(), false, false
		n, err := in.store.ApplyDue(ctx, now, dueStep,
			func(s document.Subject) (document.Subject, document.Change) { return in.table.Advance(s, now) },
			func(before, after document.Subject, c document.Change) audit.Event {
				revokes, hurry = revokes || len(c.Revoke) > 0, hurry || urgent(c)
				return audit.Event{
					Time: now, Action: "registry.time", Actor: "issuer", Person: after.Number, Outcome: audit.Done,
					Detail: map[string]string{"previous": decimal(before.Version), "version": decimal(after.Version), "count": strconv.Itoa(len(c.Revoke))},
				}
			})
		if revokes {
			in.revoked(hurry)
		}
		total += n
		if err != nil {
			return total, fmt.Errorf("what time does: %w", err)
		}
		if n < dueStep {
			return total, nil
		}
	}
}

func decimal(n uint64) string { return strconv.FormatUint(n, 10) }

// RunDue calls ApplyDue each second until ctx ends, which is no error, or the
// store fails.
func (in *Inbox) RunDue(ctx context.Context) error {
	for {
		_, err := in.ApplyDue(ctx)
		if err == nil {
			err = sleep(ctx, pollDue, nil)
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
