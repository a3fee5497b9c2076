package backup

import (
	"archive/tar"
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"time"

	"filippo.io/age"

	"vidimus/internal/faults"
	"vidimus/internal/jose"
)

// Part is one file to be put into an archive.
type Part struct {
	Name string // relative, slashes between folders
	// Write writes the contents once and says how many bytes they were.
	Write func(io.Writer) (int64, error)
}

// FilePart is a file on the disk as it is when its turn comes. Only a regular
// file is taken.
func FilePart(name, path string) Part {
	return Part{Name: name, Write: func(w io.Writer) (int64, error) {
		f, err := os.Open(path)
		if err != nil {
			return 0, err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return 0, err
		}
		if !info.Mode().IsRegular() {
			return 0, fmt.Errorf("%s is not a regular file", path)
		}
		return io.Copy(w, f)
	}}
}

// Plan is what goes into an archive, and for whom.
type Plan struct {
	Manifest   Manifest
	Recipients []Recipient
	Parts      []Part // in the order given
	Signer     crypto.Signer
	Rand       io.Reader // for the signature; age takes the operating system's
}

// Write writes an archive and says what is in it. When it returns an error,
// what it has written cannot be unpacked.
func Write(ctx context.Context, w io.Writer, p Plan) ([]File, error) {
	if len(p.Recipients) == 0 {
		return nil, errors.New("backup: no recipient")
	}
	if p.Signer == nil || p.Rand == nil {
		return nil, errors.New("backup: signer and rand are required")
	}
	if len(p.Parts) > maxFiles {
		return nil, fmt.Errorf("backup: %d files, at most %d", len(p.Parts), maxFiles)
	}
	manifest, err := p.Manifest.encode()
	if err != nil {
		return nil, err
	}
	recipients := make([]age.Recipient, len(p.Recipients))
	for i, r := range p.Recipients {
		recipients[i] = r.age
	}
	sealed, err := age.Encrypt(contextWriter{ctx, w}, recipients...)
	if err != nil {
		return nil, fmt.Errorf("writing a backup: %w", err)
	}
	a := &archive{tar: tar.NewWriter(sealed), at: p.Manifest.Created.UTC().Truncate(time.Second), piece: make([]byte, 0, pieceSize)}
	if err := a.entry(manifestName, manifest); err != nil {
		return nil, err
	}
	for _, part := range p.Parts {
		if err := a.file(part); err != nil {
			return nil, err
		}
		faults.Point("backup.part-written")
	}
	token, err := a.sign(p, manifest)
	if err != nil {
		return nil, err
	}
	faults.Point("backup.signed")
	if err := a.entry(digestsName, []byte(token)); err != nil {
		return nil, err
	}
	if err := a.tar.Close(); err != nil {
		return nil, fmt.Errorf("writing a backup: %w", err)
	}
	if err := sealed.Close(); err != nil {
		return nil, fmt.Errorf("writing a backup: %w", err)
	}
	return a.files, nil
}

// archive is one being written. It is the io.Writer of the file whose turn it
// is.
type archive struct {
	tar   *tar.Writer
	at    time.Time
	files []File

	name   string
	piece  []byte
	pieces int
	size   int64
	digest hash.Hash
}

func (a *archive) entry(name string, data []byte) error {
	err := a.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o600, Size: int64(len(data)), ModTime: a.at, Format: tar.FormatPAX})
	if err == nil {
		_, err = a.tar.Write(data)
	}
	if err != nil {
		return fmt.Errorf("writing %s into a backup: %w", name, err)
	}
	return nil
}

func (a *archive) file(part Part) error {
	if err := checkName(part.Name); err != nil {
		return err
	}
	for _, f := range a.files {
		if f.Name == part.Name {
			return fmt.Errorf("%w: %q twice", ErrContents, part.Name)
		}
	}
	a.name, a.pieces, a.size, a.digest = part.Name, 0, 0, sha256.New()
	n, err := part.Write(a)
	if err != nil {
		return fmt.Errorf("writing %s into a backup: %w", part.Name, err)
	}
	if n != a.size {
		return fmt.Errorf("writing %s into a backup: %d bytes came, %d were said", part.Name, a.size, n)
	}
	if len(a.piece) > 0 || a.pieces == 0 {
		if err := a.flush(); err != nil {
			return err
		}
	}
	f := File{Name: part.Name, Size: a.size}
	a.digest.Sum(f.SHA256[:0])
	a.files = append(a.files, f)
	return nil
}

// Write takes the next bytes of the file whose turn it is.
func (a *archive) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		n := min(len(p)-done, pieceSize-len(a.piece))
		a.piece = append(a.piece, p[done:done+n]...)
		done += n
		if len(a.piece) == pieceSize {
			if err := a.flush(); err != nil {
				return done, err
			}
		}
	}
	a.digest.Write(p)
	a.size += int64(len(p))
	return done, nil
}

func (a *archive) flush() error {
	a.pieces++
	if a.pieces > maxPieces {
		return fmt.Errorf("writing %s into a backup: more than %d pieces", a.name, maxPieces)
	}
	err := a.entry(pieceName(a.name, a.pieces), a.piece)
	a.piece = a.piece[:0]
	return err
}

func (a *archive) sign(p Plan, manifest []byte) (string, error) {
	sum := sha256.Sum256(manifest)
	payload := digestsJSON{Issuer: p.Manifest.Issuer, IssuedAt: p.Manifest.Created.Unix(), Manifest: hex.EncodeToString(sum[:]), Files: []digestJSON{}}
	for _, f := range a.files {
		payload.Files = append(payload.Files, digestJSON{Name: f.Name, Size: f.Size, SHA256: hex.EncodeToString(f.SHA256[:])})
	}
	data, err := json.Marshal(payload)
	if err != nil {
		return "", fmt.Errorf("signing a backup: %w", err)
	}
	thumbprint, err := jose.Thumbprint(p.Signer.Public())
	if err != nil {
		return "", fmt.Errorf("signing a backup: %w", err)
	}
	token, err := jose.Sign(p.Signer, map[string]any{"typ": digestsType, "kid": jose.EncodeBase64URL(thumbprint)}, data, p.Rand)
	if err != nil {
		return "", fmt.Errorf("signing a backup: %w", err)
	}
	return token, nil
}

// contextWriter stops writing when the context is done.
type contextWriter struct {
	ctx context.Context
	w   io.Writer
}

func (c contextWriter) Write(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.w.Write(p)
}
