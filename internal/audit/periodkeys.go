package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"vidimus/internal/faults"
	"vidimus/internal/outfile"
)

// ErrKeyDestroyed: the key of this period is gone, and with it the way from
// persons to the lines of that period.
var ErrKeyDestroyed = errors.New("the key of the period was destroyed")

const (
	keySuffix  = ".key"
	keySize    = sha256.Size
	monthForm  = "2006-01"
	tempPrefix = ".new-"
)

// PeriodKeys makes pseudonyms under a key per month, UTC. The keys are files
// in one folder: 2026-11.key, 32 random bytes in hexadecimal, mode 0600. Safe
// for concurrent use, by one process.
type PeriodKeys struct {
	dir  string
	rand io.Reader

	mu   sync.RWMutex
	keys map[string][]byte // by month
}

// OpenPeriodKeys reads the keys of a folder, which it makes when it is not
// there, and finishes what an interrupted Destroy has begun. A file that is no
// key, or that others may read, is an error.
func OpenPeriodKeys(dir string, rand io.Reader) (*PeriodKeys, error) {
	if err := os.Mkdir(dir, 0o700); err == nil {
		err = outfile.SyncFolder(filepath.Dir(dir))
		if err != nil {
			return nil, fmt.Errorf("making the folder of audit keys: %w", err)
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("making the folder of audit keys: %w", err)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading audit keys: %w", err)
	}
	k := &PeriodKeys{dir: dir, rand: rand, keys: map[string][]byte{}}
	for _, f := range files {
		path := filepath.Join(dir, f.Name())
		if strings.HasPrefix(f.Name(), tempPrefix) { // never named: nothing was written with it
			if err := os.Remove(path); err != nil {
				return nil, fmt.Errorf("removing an unfinished audit key: %w", err)
			}
			continue
		}
		month, key, err := readKey(path)
		if err != nil {
			return nil, err
		}
		if slices.Max(key) == 0 {
			if err := k.remove(month); err != nil {
				return nil, err
			}
			continue
		}
		k.keys[month] = key
	}
	return k, nil
}

func readKey(path string) (month string, key []byte, err error) {
	month, ok := strings.CutSuffix(filepath.Base(path), keySuffix)
	if at, perr := time.Parse(monthForm, month); !ok || perr != nil || at.Format(monthForm) != month {
		return "", nil, fmt.Errorf("%s: not the name of an audit key, such as 2026-11.key", path)
	}
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return "", nil, fmt.Errorf("reading an audit key: %w", err)
	case !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0:
		return "", nil, fmt.Errorf("%s: others may read this key: chmod 600", path)
	case info.Size() != 2*keySize+1:
		return "", nil, fmt.Errorf("%s: %d bytes, a key has %d hexadecimal digits and a newline", path, info.Size(), 2*keySize)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", nil, fmt.Errorf("reading an audit key: %w", err)
	}
	key, err = hex.DecodeString(strings.TrimSuffix(string(data), "\n"))
	if err != nil || len(key) != keySize {
		return "", nil, fmt.Errorf("%s: a key has %d hexadecimal digits and a newline", path, 2*keySize)
	}
	return month, key, nil
}

// Pseudonym implements Pseudonyms. The first one of a month makes its key,
// which is on the disk before the pseudonym is given. There is no new key for
// a month before the newest one: that was destroyed, or the clock is wrong.
func (k *PeriodKeys) Pseudonym(person string, at time.Time) (string, error) {
	month := monthOf(at)
	k.mu.RLock()
	key := k.keys[month]
	k.mu.RUnlock()
	if key == nil {
		var err error
		if key, err = k.make(month); err != nil {
			return "", err
		}
	}
	return pseudonym(key, month, person), nil
}

func (k *PeriodKeys) make(month string) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if key := k.keys[month]; key != nil {
		return key, nil
	}
	for newer := range k.keys {
		if newer > month {
			return nil, fmt.Errorf("%w: %s", ErrKeyDestroyed, month)
		}
	}
	key := make([]byte, keySize)
	if _, err := io.ReadFull(k.rand, key); err != nil {
		return nil, fmt.Errorf("making the audit key of %s: %w", month, err)
	}
	if err := writeDurable(k.path(month), []byte(hex.EncodeToString(key)+"\n")); err != nil {
		return nil, fmt.Errorf("making the audit key of %s: %w", month, err)
	}
	faults.Point("audit.key-made")
	k.keys[month] = key
	return key, nil
}

func (k *PeriodKeys) path(month string) string { return filepath.Join(k.dir, month+keySuffix) }

// Months gives the months that have a key, in order.
func (k *PeriodKeys) Months() []string {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return slices.Sorted(maps.Keys(k.keys))
}

// Find gives the pseudonyms of a person in these months, in order, or in all
// months without any; a month without a key has none.
func (k *PeriodKeys) Find(person string, months ...string) []string {
	if len(months) == 0 {
		months = k.Months()
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	var out []string
	for _, m := range months {
		if key := k.keys[m]; key != nil {
			out = append(out, pseudonym(key, m, person))
		}
	}
	return out
}

// Destroy destroys the keys of the months before that of an instant, and says
// which: overwritten, synced, unlinked. Copies in backups and what a disk
// keeps of its own accord are beyond it.
func (k *PeriodKeys) Destroy(before time.Time) ([]string, error) {
	limit := monthOf(before)
	k.mu.Lock()
	defer k.mu.Unlock()
	var gone []string
	for _, month := range slices.Sorted(maps.Keys(k.keys)) {
		if month >= limit {
			break
		}
		if err := k.overwrite(month); err != nil {
			return gone, err
		}
		faults.Point("audit.key-overwritten")
		clear(k.keys[month])
		delete(k.keys, month)
		if err := k.remove(month); err != nil {
			return gone, err
		}
		faults.Point("audit.key-removed")
		gone = append(gone, month)
	}
	return gone, nil
}

func (k *PeriodKeys) overwrite(month string) error {
	f, err := os.OpenFile(k.path(month), os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("destroying the audit key of %s: %w", month, err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte(strings.Repeat("0", 2*keySize)), 0); err != nil {
		return fmt.Errorf("destroying the audit key of %s: %w", month, err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("destroying the audit key of %s: %w", month, err)
	}
	return nil
}

func (k *PeriodKeys) remove(month string) error {
	err := os.Remove(k.path(month))
	if err == nil {
		err = outfile.SyncFolder(k.dir)
	}
	if err != nil {
		return fmt.Errorf("destroying the audit key of %s: %w", month, err)
	}
	return nil
}

// writeDurable makes a file, mode 0600, that is there whole or not at all.
func writeDurable(path string, data []byte) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, tempPrefix)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(data); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	faults.Point("audit.key-staged")
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	return outfile.SyncFolder(dir)
}
