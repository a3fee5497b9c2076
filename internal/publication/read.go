package publication

import (
	"bytes"
	"context"
	"encoding/asn1"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"vidimus/internal/pki"
	"vidimus/internal/status"
	"vidimus/internal/statuslist"
)

// unknownVersions are more than were ever published of a list between two files.
const unknownVersions = 1 << 20

// List is one list as published, its signatures verified.
type List struct {
	ID       string
	Kind     status.Kind
	Version  uint64
	IssuedAt time.Time
	// Bits of a KindStatus: what is INVALID in any of its forms. Nil for the
	// other.
	Bits *statuslist.List
	// Identifiers of a KindIdentifier that are INVALID, sorted.
	Identifiers [][]byte
	// Mixed: a form of it is not the one of the manifest (Read).
	Mixed bool
}

// Invalid gives the indices of a KindStatus that are not valid, rising.
func (l List) Invalid() []uint32 {
	if l.Bits == nil {
		return nil
	}
	var indices []uint32
	for at, b := range l.Bits.Bytes() {
		for bit := uint32(0); b != 0; b, bit = b>>1, bit+1 {
			if b&1 != 0 {
				indices = append(indices, uint32(at)*8+bit)
			}
		}
	}
	return indices
}

// Read takes a folder apart, by URI, and changes nothing in it. It believes
// only what a signer of lists below one of anchors has signed, whose
// certificate counted then; one file that is not is an error. Lists may have
// expired: what was INVALID stays so.
//
// A copy of a folder may have been taken while it changed: a file that is signed
// for its address counts though it is not the one of the manifest, or is not in
// it. Nobody knows its version then: it is put unknownVersions later than the
// manifest says.
func Read(dir string, anchors []*pki.Certificate) (map[string]List, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the folder of lists: %w", err)
	}
	defer func() { _ = root.Close() }()
	f := &Folder{disk: &folderDisk{root: root}, anchors: anchors}
	if f.files, err = readManifest(f.disk); err != nil {
		return nil, fmt.Errorf("reading the folder of lists: %w", err)
	}
	var step journal
	if err := readJSON(f.disk, journalName, &step); err != nil {
		return nil, fmt.Errorf("reading the folder of lists: %w", err)
	}
	for _, next := range step.Put {
		if _, _, err := parsePath(next.Path); err == nil && f.holds(next) {
			f.files[next.Path] = next
		}
	}
	names, err := f.present()
	if err != nil {
		return nil, fmt.Errorf("reading the folder of lists: %w", err)
	}
	lists := map[string]List{}
	for name := range names {
		file, known := f.files[name]
		l, uri, err := f.signed(name)
		switch {
		case err != nil:
		case known && file.URI != uri:
			err = fmt.Errorf("sub is not the address that the manifest names")
		case known && f.holds(file):
			l.Version = file.Version
		default:
			l.Version, l.Mixed = file.Version+unknownVersions, true
		}
		if err == nil {
			err = join(lists, uri, l)
		}
		if err != nil {
			return nil, fmt.Errorf("reading the folder of lists: %s: %w", name, err)
		}
	}
	return lists, nil
}

// present names the files that the manifest names and those that lie where
// lists lie.
func (f *Folder) present() (map[string]bool, error) {
	names := map[string]bool{}
	for name := range f.files {
		names[name] = name != aggregationName
	}
	for _, dir := range []string{statusDir, identifiersDir} {
		there, err := f.disk.names(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, base := range there {
			name := dir + "/" + base
			if _, _, err := parsePath(name); err == nil && !isBeside(base) && name != aggregationName {
				names[name] = true
			}
		}
	}
	maps.DeleteFunc(names, func(_ string, list bool) bool { return !list })
	return names, nil
}

// Published implements status.Sink. Of a file that does not hold it gives what
// the manifest says of its version and iat.
func (f *Folder) Published(ctx context.Context) (map[string]status.Past, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	past := map[string]status.Past{}
	err := f.locked(func() error {
		lists := map[string]List{}
		for name, file := range f.files {
			if name == aggregationName {
				continue
			}
			id, kind, _ := parsePath(name)
			l, err := f.list(file)
			if err != nil {
				l = List{ID: id, Kind: kind, Version: file.Version, IssuedAt: time.Unix(file.IssuedAt, 0).UTC()}
				file.damaged = true
				f.files[name] = file
			}
			if err := join(lists, file.URI, l); err != nil {
				return err
			}
		}
		for uri, l := range lists {
			p := status.Past{Version: l.Version, IssuedAt: l.IssuedAt, Identifiers: l.Identifiers}
			if l.Bits != nil {
				p.Bits = l.Bits.Bytes()
			}
			past[uri] = p
		}
		return nil
	})
	return past, err
}

// Damaged names the files that are not what the manifest says, sorted: they
// are written anew with the next publication, and somebody was here.
func (f *Folder) Damaged() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var names []string
	for _, name := range slices.Sorted(maps.Keys(f.files)) {
		if f.files[name].damaged {
			names = append(names, name)
		}
	}
	return names
}

// join puts two forms of one list together.
func join(lists map[string]List, uri string, l List) error {
	other, found := lists[uri]
	if !found {
		lists[uri] = l
		return nil
	}
	if other.ID != l.ID || other.Kind != l.Kind {
		return fmt.Errorf("two lists at %s", uri)
	}
	l.Mixed = l.Mixed || other.Mixed
	if l.Version < other.Version {
		l.Version = other.Version
	}
	if l.IssuedAt.Before(other.IssuedAt) {
		l.IssuedAt = other.IssuedAt
	}
	switch {
	case l.Bits == nil:
		l.Bits = other.Bits
	case other.Bits != nil:
		united := bytes.Clone(l.Bits.Bytes())
		if len(united) != len(other.Bits.Bytes()) {
			return fmt.Errorf("the forms of %s differ in size", uri)
		}
		for i, b := range other.Bits.Bytes() {
			united[i] |= b
		}
		var err error
		if l.Bits, err = statuslist.FromBytes(1, united); err != nil {
			return err
		}
	}
	lists[uri] = l
	return nil
}

// list reads and verifies one file.
func (f *Folder) list(file File) (List, error) {
	id, kind, err := parsePath(file.Path)
	if err != nil {
		return List{}, err
	}
	if !f.holds(file) {
		return List{}, fmt.Errorf("not the file of the manifest")
	}
	l, uri, err := f.signed(file.Path)
	if err == nil && uri != file.URI {
		err = fmt.Errorf("sub is not the address that the manifest names")
	}
	if err != nil {
		return List{}, err
	}
	l.ID, l.Kind, l.Version = id, kind, file.Version
	return l, nil
}

// signed reads a file and believes its signature: a list without its version,
// and the address that it is for, which ends as the path does.
func (f *Folder) signed(name string) (l List, uri string, err error) {
	if l.ID, l.Kind, err = parsePath(name); err != nil {
		return l, "", err
	}
	data, err := f.disk.read(name, maxFile)
	if err != nil {
		return l, "", err
	}
	if l.Kind == status.KindIdentifier {
		token, err := statuslist.ParseIdentifierList(data)
		if err == nil {
			err = f.verify(&token.Envelope, name)
		}
		if err != nil {
			return l, "", err
		}
		l.IssuedAt, l.Identifiers = token.IssuedAt, token.Identifiers()
		return l, token.Subject, nil
	}
	token, err := statuslist.ParseToken(data)
	if err == nil {
		err = f.verify(&token.Envelope, name)
	}
	if err != nil {
		return l, "", err
	}
	l.IssuedAt = token.IssuedAt
	l.Bits, err = token.List()
	return l, token.Subject, err
}

// listPurposes are what the certificate of a signer may be for: lists, or the
// documents of which they are.
var listPurposes = []asn1.ObjectIdentifier{pki.OIDStatusSigner, pki.OIDMdlDS, pki.OIDMdocDS, pki.OIDPIDSigner}

func (f *Folder) verify(e *statuslist.Envelope, name string) error {
	if !strings.HasSuffix(e.Subject, "/"+strings.TrimSuffix(name, path.Ext(name))) {
		return fmt.Errorf("sub is not the address of the file")
	}
	chain, err := pki.Validate(e.Chain, f.anchors, pki.PathOptions{Now: e.IssuedAt, Purposes: listPurposes, MaxIntermediates: maxIntermediates})
	if err != nil {
		return err
	}
	return e.Verify(chain.Leaf.PublicKey())
}
