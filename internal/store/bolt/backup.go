package bolt

import (
	"context"
	"io"
)

// WriteBackup writes the database as it is at one instant, while writing goes
// on, and says how many octets it wrote. What is written opens like the
// original: before it is used as one it must go through Restored.
func (s *Store) WriteBackup(ctx context.Context, w io.Writer) (int64, error) {
	var n int64
	err := s.view(ctx, func(t *tx) (err error) {
		n, err = t.below.WriteTo(attentive{ctx, w})
		return err
	})
	return n, err
}

// attentive is a writer that stops when nobody waits any more.
type attentive struct {
	ctx context.Context
	w   io.Writer
}

func (a attentive) Write(b []byte) (int, error) {
	if err := a.ctx.Err(); err != nil {
		return 0, err
	}
	return a.w.Write(b)
}
