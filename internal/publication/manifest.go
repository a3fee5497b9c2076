package publication

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"vidimus/internal/jose"
	"vidimus/internal/status"
)

// Names in the folder.
const (
	statusDir       = "status"
	identifiersDir  = "identifiers"
	aggregationName = "status/index.json"
	manifestName    = "manifest.json"
	journalName     = ".step.json"
)

// File is what the manifest says of a file. It stays what it is in published
// folders: members may be added, none is removed.
type File struct {
	Path string `json:"path"` // below the folder, slashed
	URI  string `json:"uri"`  // where it is served
	// Version counts the changes of the bits; 0 for the aggregation.
	Version   uint64 `json:"version,omitempty"`
	IssuedAt  int64  `json:"iat,omitempty"` // seconds since 1970
	Expires   int64  `json:"exp,omitempty"`
	Size      int    `json:"size"`
	SHA256    string `json:"sha256"` // lower case hex
	MediaType string `json:"media_type"`
	ETag      string `json:"etag"` // that of the office, quotes included

	damaged bool // the file is not this one
}

// manifest is the wire form, sorted by path.
type manifest struct {
	Files []File `json:"files"`
}

// journal is one step under way: what takes the place of what.
type journal struct {
	Put    []File   `json:"put,omitempty"`
	Remove []string `json:"remove,omitempty"`
}

// encodeManifest writes one file a line.
func encodeManifest(files map[string]File) ([]byte, error) {
	out := []byte("{\"files\":[")
	for i, name := range slices.Sorted(maps.Keys(files)) {
		line, err := json.Marshal(files[name])
		if err != nil {
			return nil, err
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(out, '\n'), line...)
	}
	return append(out, "\n]}\n"...), nil
}

// readManifest gives the files by path; none when there is no manifest.
func readManifest(d disk) (map[string]File, error) {
	var m manifest
	if err := readJSON(d, manifestName, &m); err != nil {
		return nil, fmt.Errorf("%w; move the folder away to begin anew", err)
	}
	files := make(map[string]File, len(m.Files))
	for _, f := range m.Files {
		if _, _, err := parsePath(f.Path); err != nil {
			return nil, fmt.Errorf("%s: %w; move the folder away to begin anew", manifestName, err)
		}
		files[f.Path] = f
	}
	return files, nil
}

// readJSON reads one of the two; a file that is not there leaves v as it is.
func readJSON(d disk, name string, v any) error {
	data, err := d.read(name, maxManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = jose.DecodeJSONLimit(data, v, maxManifest)
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	return nil
}

var goodID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// pathOf is where an object of a list stands.
func pathOf(id string, kind status.Kind, mediaType string) (string, error) {
	if !goodID.MatchString(id) {
		return "", fmt.Errorf("%q is no id of a list", id)
	}
	switch {
	case kind == status.KindIdentifier && mediaType == status.MediaTypeIdentifiers:
		return identifiersDir + "/" + id + ".cwt", nil
	case kind != status.KindIdentifier && mediaType == status.MediaTypeJWT:
		return statusDir + "/" + id + ".jwt", nil
	case kind != status.KindIdentifier && mediaType == status.MediaTypeCWT:
		return statusDir + "/" + id + ".cwt", nil
	}
	return "", fmt.Errorf("%s is no form of list %s", mediaType, id)
}

// parsePath is the way back; id is "" for the aggregation.
func parsePath(name string) (id string, kind status.Kind, err error) {
	if name == aggregationName {
		return "", "", nil
	}
	dir, base := path.Split(name)
	id = strings.TrimSuffix(base, path.Ext(base))
	for _, mediaType := range []string{status.MediaTypeIdentifiers, status.MediaTypeJWT, status.MediaTypeCWT} {
		kind = status.KindStatus
		if dir == identifiersDir+"/" {
			kind = status.KindIdentifier
		}
		if p, err := pathOf(id, kind, mediaType); err == nil && p == name {
			return id, kind, nil
		}
	}
	return "", "", fmt.Errorf("%q is no file of lists", name)
}

// describe is the entry of an object.
func describe(name string, o *status.Object) File {
	return File{
		Path: name, URI: o.URI, Version: o.Version, IssuedAt: unix(o.IssuedAt), Expires: unix(o.Expires),
		Size: len(o.Body), SHA256: fmt.Sprintf("%x", o.Digest), MediaType: o.MediaType, ETag: o.ETag,
	}
}

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}
