package bulk

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"sync/atomic"
	"syscall"

	"vidimus/internal/document"
	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

// Images gives a picture by the SHA-256 of its octets. fs.ErrNotExist.
type Images interface {
	Image(digest [32]byte) ([]byte, error)
}

// Folder is pictures in files named after their digest in hexadecimal, as
// ab/abcdef….jpg or abcdef….jpg. No name leads out of it, by no link either.
type Folder struct {
	root *os.Root
	flat atomic.Bool // the last one was found without a folder of its own
}

// OpenFolder opens a folder of pictures.
func OpenFolder(path string) (*Folder, error) {
	if info, err := os.Stat(path); err == nil && !info.IsDir() { // to open a fifo would never end
		return nil, fmt.Errorf("opening the folder of pictures: %w", &fs.PathError{Op: "open", Path: path, Err: errors.New("not a folder")})
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("opening the folder of pictures: %w", err)
	}
	return &Folder{root: root}, nil
}

// Close lets go of the folder.
func (f *Folder) Close() error { return f.root.Close() }

// Image reads a picture; its octets have the digest.
func (f *Folder) Image(digest [32]byte) ([]byte, error) {
	name := hex.EncodeToString(digest[:]) + ".jpg"
	first, second := name[:2]+"/"+name, name
	flat := f.flat.Load()
	if flat {
		first, second = second, first
	}
	// A fifo of this name must not make the load wait for ever.
	file, err := f.root.OpenFile(first, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if file, err = f.root.OpenFile(second, os.O_RDONLY|syscall.O_NONBLOCK, 0); err == nil {
			f.flat.Store(!flat)
		}
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, errors.New("not a regular file"))
	}
	b, err := io.ReadAll(io.LimitReader(file, document.MaxImage+1))
	if err != nil {
		return nil, err
	}
	if len(b) > document.MaxImage {
		return nil, errors.New("file is too large")
	}
	if sha256.Sum256(b) != digest {
		return nil, errors.New("file has another digest than its name")
	}
	return b, nil
}

// Put writes a picture into the folder, where it is not there yet, and gives
// its digest.
func (f *Folder) Put(b []byte) ([32]byte, error) {
	digest := sha256.Sum256(b)
	name := hex.EncodeToString(digest[:]) + ".jpg"
	path := name[:2] + "/" + name
	if info, err := f.root.Stat(path); err == nil && info.Size() == int64(len(b)) {
		return digest, nil
	}
	if err := f.root.Mkdir(name[:2], 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return digest, fmt.Errorf("writing a picture: %w", err)
	}
	if err := f.root.WriteFile(path, b, 0o600); err != nil {
		return digest, fmt.Errorf("writing a picture: %w", err)
	}
	return digest, nil
}

// noImages is the folder of those who gave none.
type noImages struct{}

func (noImages) Image([32]byte) ([]byte, error) { return nil, fs.ErrNotExist }

// pictures are the attributes that may refer to a picture by its digest.
var pictures = []string{"portrait", "signature_usual_mark"}

var referenceMember = []byte(`"sha-256"`)

// withImages takes each {"sha-256": hexadecimal} of a picture out of the JSON of
// attributes, and gives the pictures apart, in their kept form. Text without
// such a member comes back as it is. size grows by what was read. Without images
// only the names of the pictures are given.
func withImages(attributes []byte, images Images, size *int64) (text []byte, drawn document.Attributes, left []string, err error) {
	if !bytes.Contains(attributes, referenceMember) {
		return attributes, nil, nil, nil
	}
	members, err := jose.Members(attributes)
	if err != nil {
		return nil, nil, nil, problem.Wrap(problem.InvalidRequest, err, "attributes: %s", err)
	}
	for _, name := range pictures {
		raw := members[name]
		if len(raw) == 0 || raw[0] != '{' {
			continue
		}
		digest, err := reference(raw)
		if err != nil {
			return nil, nil, nil, problem.New(problem.InvalidRequest, "attributes: %s: sha-256 is not 64 lower-case hexadecimal digits", name)
		}
		delete(members, name)
		if images == nil {
			left = append(left, name)
			continue
		}
		b, err := images.Image(digest)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, nil, nil, problem.New(problem.InvalidRequest, "attributes: %s: the picture is not in the folder", name)
		case err != nil:
			return nil, nil, nil, problem.Wrap(problem.InvalidRequest, err, "attributes: %s: the picture cannot be read", name)
		}
		*size += int64(len(b))
		if b, err = document.CleanImage("attributes: "+name, b); err != nil {
			return nil, nil, nil, err
		}
		if drawn == nil {
			drawn = document.Attributes{}
		}
		drawn[name] = b
	}
	if len(members)+len(drawn) > document.MaxAttributes {
		return nil, nil, nil, problem.New(problem.InvalidRequest, "attributes: more than %d", document.MaxAttributes)
	}
	return object(members), drawn, left, nil
}

// joined gives attributes with the pictures that were taken out of them.
func joined(a, drawn document.Attributes) document.Attributes {
	if a == nil {
		return drawn
	}
	maps.Copy(a, drawn)
	return a
}

// reference reads {"sha-256": "64 hexadecimal digits"}.
func reference(raw []byte) ([32]byte, error) {
	var ref struct {
		SHA256 string `json:"sha-256"`
	}
	members, err := jose.Members(raw)
	if err == nil {
		err = jose.DecodeJSON(raw, &ref)
	}
	if err != nil || len(members) != 1 || len(ref.SHA256) != maxImageName {
		return [32]byte{}, errors.New("not a reference")
	}
	b, err := hex.DecodeString(ref.SHA256)
	if err != nil || hex.EncodeToString(b) != ref.SHA256 {
		return [32]byte{}, errors.New("not a reference")
	}
	return [32]byte(b), nil
}

// object writes members whose values are JSON already. Their order does not
// matter: they are read again at once.
func object(members map[string]json.RawMessage) []byte {
	size := 2
	for name, value := range members {
		size += len(name) + len(value) + 4
	}
	out := append(make([]byte, 0, size), '{')
	for name, value := range members {
		if len(out) > 1 {
			out = append(out, ',')
		}
		quoted, _ := json.Marshal(name)
		out = append(append(append(out, quoted...), ':'), value...)
	}
	return append(out, '}')
}
