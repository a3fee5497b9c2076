package backup

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"

	"vidimus/internal/faults"
)

// Expect is what an archive must be to be unpacked.
type Expect struct {
	Issuer string // issuer identifier of the office that it is for
	Schema uint64 // the latest layout of a database that is known here
	// Keys that may have signed it, by RFC 7638 thumbprint. Without any the
	// signature is not checked: on a bare machine nobody may know the key.
	Keys map[string]crypto.PublicKey
	// MaxBytes bounds all files together; 0 is DefaultMaxBytes.
	MaxBytes int64
}

// Unpacked is an archive that was unpacked and verified, in a folder of its
// own inside the folder of the office, so that Install only renames.
type Unpacked struct {
	Manifest Manifest
	Files    []File
	target   string
	dir      string
}

// Path is where a file of the archive lies until Install or Discard.
func (u *Unpacked) Path(name string) string { return filepath.Join(u.dir, filepath.FromSlash(name)) }

const workPrefix = ".restore-"

// Unpack reads an archive to its end, into a new folder inside target, which it
// makes when it is not there, and verifies all of it. No file of the office is
// touched. Beside an error nothing is left.
func Unpack(ctx context.Context, r io.Reader, identities []Identity, target string, want Expect) (_ *Unpacked, err error) {
	if want.Issuer == "" || len(identities) == 0 {
		return nil, errors.New("backup: issuer and identities are required")
	}
	if want.MaxBytes == 0 {
		want.MaxBytes = DefaultMaxBytes
	}
	plain, err := open(contextReader{ctx, r}, identities)
	if err != nil {
		return nil, err
	}
	made := false
	if err := os.Mkdir(target, 0o700); err == nil {
		made = true
	} else if !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("unpacking a backup: %w", err)
	}
	if err := Sweep(target); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(target, workPrefix)
	if err != nil {
		return nil, fmt.Errorf("unpacking a backup: %w", err)
	}
	defer func() {
		if err != nil {
			os.RemoveAll(dir)
			if made {
				os.Remove(target)
			}
		}
	}()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("unpacking a backup: %w", err)
	}
	defer root.Close()
	x := &extraction{ctx: ctx, tar: tar.NewReader(plain), root: root, want: want, left: want.MaxBytes}
	if err := x.run(); err != nil {
		return nil, err
	}
	// The end of the encryption, which alone says that nothing is missing.
	switch n, err := io.Copy(io.Discard, io.LimitReader(plain, 1)); {
	case err != nil:
		return nil, broken(ctx, err)
	case n > 0:
		return nil, fmt.Errorf("%w: something after the end", ErrContents)
	}
	if err := syncTree(dir); err != nil {
		return nil, fmt.Errorf("unpacking a backup: %w", err)
	}
	faults.Point("backup.unpacked")
	return &Unpacked{Manifest: x.manifest, Files: x.files, target: target, dir: dir}, nil
}

// Sweep takes away what an Unpack left in a folder that ended with its process:
// unencrypted copies. It must not run beside an Unpack.
func Sweep(target string) error {
	entries, err := os.ReadDir(target)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if err == nil && e.IsDir() && strings.HasPrefix(e.Name(), workPrefix) {
			err = os.RemoveAll(filepath.Join(target, e.Name()))
		}
	}
	if err != nil {
		return fmt.Errorf("looking for what a restore left: %w", err)
	}
	return nil
}

// open begins to decrypt.
func open(r io.Reader, identities []Identity) (io.Reader, error) {
	const intro = "age-encryption.org/v1\n"
	br := bufio.NewReader(r)
	if start, err := br.Peek(len(intro)); string(start) != intro {
		if err != nil && err != io.EOF {
			return nil, fmt.Errorf("reading a backup: %w", err)
		}
		return nil, fmt.Errorf("%w: not encrypted with age", ErrNotArchive)
	}
	ids := make([]age.Identity, len(identities))
	for i, id := range identities {
		ids[i] = id.age
	}
	plain, err := age.Decrypt(br, ids...)
	var none *age.NoIdentityMatchError
	switch {
	case errors.As(err, &none):
		return nil, fmt.Errorf("%w: none of %d identities opens it", ErrRecipient, len(identities))
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return plain, nil
}

// broken names an error of reading what is encrypted.
func broken(ctx context.Context, err error) error {
	if cerr := ctx.Err(); cerr != nil {
		return fmt.Errorf("reading a backup: %w", cerr)
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

// contextReader stops reading when the context is done.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
