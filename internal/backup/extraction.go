package backup

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"vidimus/internal/jose"
)

// extraction goes along a tar.
type extraction struct {
	ctx  context.Context
	tar  *tar.Reader
	root *os.Root
	want Expect
	left int64 // bytes

	manifest Manifest
	digest   string // of the manifest
	files    []File
	token    string
}

func (x *extraction) run() error {
	data, err := x.whole(manifestName, maxManifest)
	if err != nil {
		return err
	}
	if x.manifest, err = decodeManifest(data); err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	x.digest = hex.EncodeToString(sum[:])
	switch m := x.manifest; {
	case m.Issuer != x.want.Issuer:
		return fmt.Errorf("%w: of %.200q, this is %s", ErrIssuer, m.Issuer, x.want.Issuer)
	case m.Schema > x.want.Schema:
		return fmt.Errorf("%w: layout %d, this version knows %d", ErrSchema, m.Schema, x.want.Schema)
	}
	if err := x.unpack(); err != nil {
		return err
	}
	if err := x.compare(); err != nil {
		return err
	}
	switch _, err := x.tar.Next(); {
	case err == nil:
		return fmt.Errorf("%w: something after the digests", ErrContents)
	case err != io.EOF:
		return broken(x.ctx, err)
	}
	return nil
}

// next is the header of the next entry: a regular file of a bounded size.
func (x *extraction) next(limit int64) (*tar.Header, error) {
	h, err := x.tar.Next()
	switch {
	case err == io.EOF:
		return nil, fmt.Errorf("%w: it ends before the digests", ErrDamaged)
	case err != nil:
		return nil, broken(x.ctx, err)
	case h.Typeflag != tar.TypeReg:
		return nil, fmt.Errorf("%w: %.200q is not a regular file", ErrContents, h.Name)
	case h.Size < 0 || h.Size > limit:
		return nil, fmt.Errorf("%w: %.200q has %d bytes, at most %d", ErrContents, h.Name, h.Size, limit)
	}
	return h, nil
}

// whole reads an entry that must be there now.
func (x *extraction) whole(name string, limit int64) ([]byte, error) {
	h, err := x.next(limit)
	if err != nil {
		return nil, err
	}
	if h.Name != name {
		return nil, fmt.Errorf("%w: %s is not where it should be", ErrNotArchive, name)
	}
	return x.body(h)
}

func (x *extraction) body(h *tar.Header) ([]byte, error) {
	data := make([]byte, h.Size)
	if _, err := io.ReadFull(x.tar, data); err != nil {
		return nil, broken(x.ctx, err)
	}
	return data, nil
}

// unpack writes files until the digests come.
func (x *extraction) unpack() error {
	var (
		f      *os.File
		sum    = sha256.New()
		pieces int
		buf    = make([]byte, 64<<10)
	)
	end := func() error {
		if f == nil {
			return nil
		}
		sum.Sum(x.files[len(x.files)-1].SHA256[:0])
		err := errors.Join(f.Sync(), f.Close())
		f = nil
		return err
	}
	defer func() {
		if f != nil {
			f.Close()
		}
	}()
	for {
		h, err := x.next(max(pieceSize, maxDigests))
		if err != nil {
			return err
		}
		if h.Name == digestsName {
			data, err := x.body(h)
			if err != nil {
				return err
			}
			x.token = string(data)
			return end()
		}
		if f == nil || h.Name != pieceName(x.files[len(x.files)-1].Name, pieces+1) {
			if err := end(); err != nil {
				return fmt.Errorf("unpacking a backup: %w", err)
			}
			if f, err = x.create(h.Name); err != nil {
				return err
			}
			sum.Reset()
			pieces = 0
		}
		pieces++
		if x.left -= h.Size; x.left < 0 {
			return fmt.Errorf("%w: more than %d bytes", ErrContents, x.want.MaxBytes)
		}
		x.files[len(x.files)-1].Size += h.Size
		for rest := h.Size; rest > 0; {
			n, err := io.ReadFull(x.tar, buf[:min(rest, int64(len(buf)))])
			if err != nil {
				return broken(x.ctx, err)
			}
			sum.Write(buf[:n])
			if _, err := f.Write(buf[:n]); err != nil {
				return fmt.Errorf("unpacking a backup: %w", err)
			}
			rest -= int64(n)
		}
	}
}

// create makes the file that an entry begins.
func (x *extraction) create(entry string) (*os.File, error) {
	name, ok := strings.CutPrefix(entry, statePrefix)
	if !ok {
		return nil, fmt.Errorf("%w: %.200q", ErrContents, entry)
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	if len(x.files) == maxFiles {
		return nil, fmt.Errorf("%w: more than %d files", ErrContents, maxFiles)
	}
	if folder := path.Dir(name); folder != "." {
		if err := x.root.MkdirAll(folder, 0o700); err != nil {
			return nil, fmt.Errorf("%w: the folder of %q: %w", ErrContents, name, err)
		}
	}
	f, err := x.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case errors.Is(err, os.ErrExist):
		return nil, fmt.Errorf("%w: %q twice", ErrContents, name)
	case err != nil:
		return nil, fmt.Errorf("unpacking a backup: %w", err)
	}
	x.files = append(x.files, File{Name: name})
	return f, nil
}

// compare holds what was unpacked against the signed digests.
func (x *extraction) compare() error {
	signed, err := jose.Parse(x.token, maxDigests)
	if err != nil || signed.Header.Type != digestsType {
		return fmt.Errorf("%w: digests: not a JWS of type %s", ErrNotArchive, digestsType)
	}
	if len(x.want.Keys) > 0 {
		key, ok := x.want.Keys[signed.Header.KeyID]
		if !ok {
			return fmt.Errorf("%w: signed by %.80q", ErrSignature, signed.Header.KeyID)
		}
		if err := signed.Verify(key); err != nil {
			return fmt.Errorf("%w: %w", ErrSignature, err)
		}
	}
	var d digestsJSON
	if err := jose.DecodeJSONLimit(signed.Payload, &d, maxDigests); err != nil {
		return fmt.Errorf("%w: digests: %w", ErrNotArchive, err)
	}
	if d.Issuer != x.manifest.Issuer || d.Manifest != x.digest {
		return fmt.Errorf("%w: the manifest is not the one that was written", ErrDamaged)
	}
	if len(d.Files) != len(x.files) {
		return fmt.Errorf("%w: %d files, %d were written", ErrDamaged, len(x.files), len(d.Files))
	}
	for i, f := range x.files {
		if (digestJSON{Name: f.Name, Size: f.Size, SHA256: hex.EncodeToString(f.SHA256[:])}) != d.Files[i] {
			return fmt.Errorf("%w: %s is not the file that was written", ErrDamaged, f.Name)
		}
	}
	return nil
}
