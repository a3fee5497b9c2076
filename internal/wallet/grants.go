package wallet

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// grantFolder holds a file for each grant. It begins with a dot, so that it is
// no batch.
const (
	grantFolder = ".grants"
	grantEnding = ".json"
)

func grantFile(id string) string { return grantFolder + "/" + id + grantEnding }

// putGrant writes a grant in one step, over the one of before; one that is good
// for nothing any more is deleted.
func (s *Store) putGrant(g *grant) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writeGrant(g)
}

func (s *Store) writeGrant(g *grant) error {
	if g.Refresh == "" && len(g.Waiting) == 0 {
		return s.deleteGrant(g.ID)
	}
	kept := *g
	if len(kept.Waiting) == 0 {
		kept.Access = "" // nothing is asked with it any more
	}
	record, err := json.MarshalIndent(kept, "", "  ")
	if err != nil {
		return fmt.Errorf("keeping a grant: %w", err)
	}
	defer clear(record)
	if err := s.root.Mkdir(grantFolder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("keeping a grant: %w", err)
	}
	temporary := grantFolder + "/.new-" + g.ID
	_ = s.root.Remove(temporary) // of a run that was cut off
	if err := s.create(temporary, record); err != nil {
		return fmt.Errorf("keeping a grant: %w", err)
	}
	if err := s.root.Rename(temporary, grantFile(g.ID)); err != nil {
		return fmt.Errorf("keeping a grant: %w", err)
	}
	return errors.Join(s.sync(grantFolder), s.sync("."))
}

func (s *Store) deleteGrant(id string) error {
	if err := s.root.Remove(grantFile(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing a grant: %w", err)
	}
	_ = s.root.Remove(grantFolder) // when it was the last
	return s.sync(".")
}

// grantOf reads one; ErrNotFound.
func (s *Store) grantOf(id string) (*grant, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.readGrant(id)
}

func (s *Store) readGrant(id string) (*grant, error) {
	if !validID.MatchString(id) {
		return nil, fmt.Errorf("%w: grant %.80q", ErrNotFound, id)
	}
	data, err := s.file(grantFile(id), maxGrantFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: grant %s", ErrNotFound, id)
	}
	if err != nil {
		return nil, err
	}
	defer clear(data)
	g, err := parseGrant(id, data)
	if err != nil {
		return nil, fmt.Errorf("reading the wallet: %s/%s: %w", s.dir, grantFile(id), err)
	}
	return g, nil
}

// grants reads all, in the order of their names.
func (s *Store) grants() ([]*grant, error) {
	entries, err := fs.ReadDir(s.root.FS(), grantFolder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing the grants: %w", err)
	}
	if len(entries) > maxGrants {
		return nil, fmt.Errorf("listing the grants: more than %d", maxGrants)
	}
	var list []*grant
	for _, e := range entries {
		id, ok := strings.CutSuffix(e.Name(), grantEnding)
		if !ok || !validID.MatchString(id) {
			continue
		}
		g, err := s.readGrant(id)
		if err != nil {
			return nil, err
		}
		list = append(list, g)
	}
	return list, nil
}

// Waiting lists what was asked for and did not come yet, the oldest first.
func (s *Store) Waiting() ([]Waiting, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	grants, err := s.grants()
	if err != nil {
		return nil, err
	}
	var list []Waiting
	for _, g := range grants {
		for _, p := range g.Waiting {
			list = append(list, p.Waiting)
		}
	}
	slices.SortStableFunc(list, func(a, b Waiting) int { return a.Since.Compare(b.Since) })
	return list, nil
}

// forget drops a request that waits, with its keys.
func (s *Store) forget(id string) error {
	grants, err := s.grants()
	if err != nil {
		return err
	}
	for _, g := range grants {
		if i := slices.IndexFunc(g.Waiting, func(p pending) bool { return p.ID == id }); i >= 0 {
			g.Waiting = slices.Delete(g.Waiting, i, i+1)
			if err := s.writeGrant(g); err != nil {
				return err
			}
			return s.dropIdle(g.ID)
		}
	}
	return fmt.Errorf("%w: %s", ErrNotFound, id)
}

// dropIdle deletes a grant of which nothing is held and nothing waits.
func (s *Store) dropIdle(id string) error {
	if id == "" {
		return nil
	}
	g, err := s.readGrant(id)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		return err
	case len(g.Waiting) > 0:
		return nil
	}
	batches, err := s.list()
	if err != nil || slices.ContainsFunc(batches, func(b Batch) bool { return b.Grant == id }) {
		return err
	}
	return s.deleteGrant(id)
}

func (s *Store) tidy(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dropIdle(id)
}

func (s *Store) allGrants() ([]*grant, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.grants()
}
