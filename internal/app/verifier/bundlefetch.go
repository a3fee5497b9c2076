package verifier

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"time"

	"vidimus/internal/bundle"
	"vidimus/internal/fetch"
	"vidimus/internal/fleet"
)

// bundleTypes are the media types under which bundles are published: their own, and
// what web servers make of a file.
var bundleTypes = []string{bundle.ContentType, "application/cose", "application/cbor", "application/octet-stream"}

// FetchBundle gets a bundle from an address and takes it into the state folder, as
// ImportBundle does. Without an address a reader that is enrolled asks its office,
// and says who it is and which bundle it has; nobody else is told that.
func FetchBundle(ctx context.Context, url string, source BundleSource, opt fetch.Options, now time.Time, rand io.Reader) (*bundle.Bundle, error) {
	if source.State == "" {
		return nil, errors.New("a state folder is wanted, to keep the bundle in")
	}
	said := ""
	if url == "" {
		var err error
		if url, said, err = officeOf(ctx, source.State, now, rand); err != nil {
			return nil, err
		}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", bundle.ContentType)
	if said != "" {
		r.Header.Set(fleet.SeenHeader, said)
	}
	client := fetch.New(opt)
	defer client.Close()
	resp, data, err := client.Do(r, bundle.MaxBundle)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %w: status %d", url, fetch.ErrAnswer, resp.StatusCode)
	}
	typ, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || !slices.Contains(bundleTypes, typ) {
		return nil, fmt.Errorf("GET %s: %w: content type %.80q", url, fetch.ErrAnswer, resp.Header.Get("Content-Type"))
	}
	return source.take(&files{}, data, false, now)
}

// officeOf is where the office of an enrolled reader publishes, and what the reader
// says of itself there. A reader whose certificate has ended says nothing.
func officeOf(ctx context.Context, dir string, now time.Time, rand io.Reader) (url, said string, err error) {
	state, err := OpenState(dir)
	if err != nil {
		return "", "", err
	}
	e, err := state.Enrolled()
	if err != nil {
		return "", "", fmt.Errorf("no address: %w, or name one", err)
	}
	if e.BundleURL == "" {
		return "", "", errors.New("no address: the office of this reader named none")
	}
	m, err := state.mark()
	if err != nil {
		return "", "", err
	}
	if id, err := state.Identity(ctx, now); err == nil {
		if said, err = fleet.SignSeen(id.Key, id.ID, m.Sequence, now, rand); err != nil {
			return "", "", err
		}
	}
	return e.BundleURL, said, nil
}
