package issuer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"vidimus/internal/outfile"
	"vidimus/internal/problem"
	"vidimus/internal/trust"
)

// servedFiles are files of the state folder as they were read last, so that a
// thousand requests do not read them each.
type servedFiles struct {
	mu sync.Mutex
	by map[string]*servedFile // by path
}

type servedFile struct {
	of   os.FileInfo
	body []byte
	etag string
}

// get gives a file and its entity tag. An error that matches fs.ErrNotExist means that
// there is none.
func (s *servedFiles) get(path string, limit int64) ([]byte, string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.by[path]
	if f == nil || !os.SameFile(f.of, info) || !f.of.ModTime().Equal(info.ModTime()) || f.of.Size() != info.Size() {
		body, err := readLimited(path, limit)
		if err != nil {
			return nil, "", err
		}
		digest := sha256.Sum256(body)
		if f = (&servedFile{info, body, fmt.Sprintf(`"%x"`, digest[:16])}); s.by == nil {
			s.by = map[string]*servedFile{}
		}
		s.by[path] = f
	}
	return f.body, f.etag, nil
}

// TrustLists implements issuerhttp.TrustLists: media types by name.
func (a *App) TrustLists() map[string]string {
	out := map[string]string{}
	for _, kind := range TrustListKinds {
		out[kind.name] = "application/jose"
		if kind.entity == nil {
			out[kind.name] = "application/cwt" // ISO/IEC 18013-5, Annex C
		}
	}
	return out
}

// TrustList implements issuerhttp.TrustLists.
func (a *App) TrustList(_ context.Context, name string) ([]byte, string, error) {
	for word, kind := range TrustListKinds {
		if kind.name != name {
			continue
		}
		body, etag, err := a.lists.get(filepath.Join(a.cfg.Path(trustListsDir), kind.file), trust.MaxVICAL)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, "", problem.New(problem.NotFound, "this office publishes no such list: issuer trust %s makes it", word)
		}
		if err != nil {
			return nil, "", problem.Wrap(problem.Unavailable, err, "try again later")
		}
		return body, etag, nil
	}
	return nil, "", problem.New(problem.NotFound, "no such list")
}

// publishFile puts a file into a folder that everybody may read, whole, and makes the
// folder where there is none.
func publishFile(dir, name string, data []byte) error {
	if err := os.Mkdir(dir, 0o755); err == nil {
		if err := os.Chmod(dir, 0o755); err != nil { // whatever the umask is
			return err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return err
	}
	return outfile.Replace(filepath.Join(dir, name), data, 0o644)
}
