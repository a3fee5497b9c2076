package issuer

import (
	"fmt"
	"io"

	"vidimus/internal/status"
	"vidimus/internal/store/bolt"
)

// Compact writes the database of an office that does not run anew, without
// what is left of deleted values, and says what it did.
func Compact(cfg Config, rand io.Reader) (string, error) {
	if err := cfg.Check(); err != nil {
		return "", fmt.Errorf("configuration: %w", err)
	}
	if err := cfg.owned(); err != nil {
		return "", err
	}
	schedule := status.NewSchedule(cfg.Status.Tick, cfg.Status.Mix, cfg.Status.Leave)
	before, after, err := bolt.Compact(cfg.Path(databaseFile), cfg.storeOptions(rand, schedule, nil, nil))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s: %s, was %s; nothing of deleted values is in it\n", cfg.Path(databaseFile), size(uint64(after)), size(uint64(before))), nil
}
