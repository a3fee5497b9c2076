package verifier

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
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
// and says who it is and which bundle it has; nobody else is told that. newer is
// false when the address says that what it gave last is still the newest, and the
// folder has that whole: then nothing has changed.
func FetchBundle(ctx context.Context, url string, source BundleSource, opt fetch.Options, now time.Time, rand io.Reader) (b *bundle.Bundle, newer bool, err error) {
	if source.State == "" {
		return nil, false, errors.New("a state folder is wanted, to keep the bundle in")
	}
	said := ""
	if url == "" {
		if url, said, err = officeOf(ctx, source.State, now, rand); err != nil {
			return nil, false, err
		}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, false, err
	}
	r.Header.Set("Accept", bundle.ContentType)
	had, tag := source.had(url, now)
	if had != nil {
		r.Header.Set("If-None-Match", tag)
	}
	if said != "" {
		r.Header.Set(fleet.SeenHeader, said)
	}
	client := fetch.New(opt)
	defer client.Close()
	resp, data, err := client.Do(r, bundle.MaxBundle)
	if err != nil {
		return nil, false, err
	}
	if resp.StatusCode == http.StatusNotModified && had != nil {
		return had, false, nil
	}
	if resp.StatusCode != http.StatusOK {
		return nil, false, fmt.Errorf("GET %s: %w: status %d", url, fetch.ErrAnswer, resp.StatusCode)
	}
	typ, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || !slices.Contains(bundleTypes, typ) {
		return nil, false, fmt.Errorf("GET %s: %w: content type %.80q", url, fetch.ErrAnswer, resp.Header.Get("Content-Type"))
	}
	if b, err = source.take(&files{}, data, false, now); err != nil {
		return nil, false, err
	}
	// Without a tag the next time costs a whole bundle, and no more.
	_ = (&State{source.State}).tagged(url, resp.Header.Get("ETag"), b)
	return b, true, nil
}

// had is the bundle of the folder with the tag that url gave it, nil when it is to be
// fetched whole: there is none of that address, it does not verify any more, another
// signer is to be pinned, or it has ended.
func (s BundleSource) had(url string, now time.Time) (*bundle.Bundle, string) {
	k, err := BundleSource{State: s.State}.Open(now)
	if err != nil || s.Anchor != "" || k.Ended(now) {
		return nil, ""
	}
	tag := k.state.tag(url, k.Bundle)
	if tag == "" {
		return nil, ""
	}
	return k.Bundle, tag
}

// stateTag is where the address of the bundle, its digest and the entity tag stand
// that the address gave it, in a line each.
const stateTag = "bundle.etag"

// maxTag bounds an entity tag, in bytes.
const maxTag = 256

// tagged keeps the tag of a bundle; one that no header can hold is none.
func (s *State) tagged(url, tag string, b *bundle.Bundle) error {
	if len(tag) > maxTag || strings.ContainsFunc(tag, func(r rune) bool { return r < '!' || r > '~' }) {
		tag = ""
	}
	return s.locked(func() error { return s.replace(stateTag, fmt.Appendf(nil, "%s\n%x\n%s\n", url, b.Digest, tag)) })
}

// tag is the one that url gave this very bundle, "" when there is none.
func (s *State) tag(url string, b *bundle.Bundle) string {
	data, err := ReadFile(s.path(stateTag), nil)
	if err != nil {
		return ""
	}
	tag, ok := strings.CutPrefix(string(data), fmt.Sprintf("%s\n%x\n", url, b.Digest))
	tag, whole := strings.CutSuffix(tag, "\n")
	if !ok || !whole || len(tag) > maxTag || strings.ContainsFunc(tag, func(r rune) bool { return r < '!' || r > '~' }) {
		return ""
	}
	return tag
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
