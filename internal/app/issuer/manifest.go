package issuer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"time"

	"vidimus/internal/bulk"
)

// SignManifest makes the manifest of a file of whole records, signed as the
// registry that f names.
func SignManifest(ctx context.Context, cfg *Config, f FeedConfig, file, manifest string) (bulk.Manifest, error) {
	if err := f.fill(cfg); err != nil {
		return bulk.Manifest{}, err
	}
	signer, err := f.signer(ctx)
	if err != nil {
		return bulk.Manifest{}, err
	}
	in, err := os.Open(file)
	if err != nil {
		return bulk.Manifest{}, err
	}
	blocks, err := bulk.Survey(in, 0)
	if err = errors.Join(err, in.Close()); err != nil {
		return bulk.Manifest{}, fmt.Errorf("%s: %w", file, err)
	}
	m := bulk.Manifest{Source: f.Source, Audience: f.Audience, ID: rand.Text(), Issued: time.Now().UTC().Truncate(time.Second), Blocks: blocks}
	token, err := m.Sign(signer, f.KeyID, rand.Reader)
	if err != nil {
		return bulk.Manifest{}, err
	}
	return m, os.WriteFile(manifest, []byte(token+"\n"), 0o600)
}
