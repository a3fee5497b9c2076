package verifier

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"vidimus/internal/bundle"
	"vidimus/internal/fetch"
	"vidimus/internal/pki"
	"vidimus/internal/strictyaml"
	"vidimus/internal/trust"
)

// BundleSources is the file from which `verifier bundle build` makes a bundle.
// Files are relative to it; what begins with https:// is fetched.
type BundleSources struct {
	Publisher string         `yaml:"publisher"`
	Days      int            `yaml:"days"`
	MinReader uint64         `yaml:"min_reader"`
	Countries []string       `yaml:"countries"`
	Anchors   []AnchorSource `yaml:"anchors"`
	CRLs      []string       `yaml:"crls"`
	Lists     []string       `yaml:"lists"`
	Only      []string       `yaml:"only"` // addresses of lists
	Policy    string         `yaml:"policy"`

	base   string
	client *fetch.Client
}

// AnchorSource is one source of anchors; exactly one of the first four is set.
type AnchorSource struct {
	Folder      string `yaml:"folder"`
	VICAL       string `yaml:"vical"`
	EntityList  string `yaml:"entity_list"`  // ETSI TS 119 602, JSON
	TrustedList string `yaml:"trusted_list"` // ETSI TS 119 612, XML

	Roots    []string                `yaml:"roots"`    // PEM: who signs a VICAL or an entity list
	SHA256   string                  `yaml:"sha256"`   // of a trusted list
	Services map[string]ServiceScope `yaml:"services"` // by service type
}

// ServiceScope is what the certificates of a service may sign.
type ServiceScope struct {
	Purposes []trust.Purpose `yaml:"purposes"`
	DocTypes []string        `yaml:"doctypes"`
	VCTs     []string        `yaml:"vcts"`
}

// maxSources bounds the file, in bytes.
const maxSources = 1 << 20

// defaultDays is how long a bundle lives unless its sources say: a reader that
// hears nothing for two weeks should say so.
const defaultDays = 14

// ReadSources reads the file. client fetches what it names by address.
func ReadSources(name string, client *fetch.Client) (*BundleSources, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	s := &BundleSources{base: filepath.Dir(name), client: client}
	if len(data) > maxSources {
		return nil, fmt.Errorf("%s: larger than %d bytes", name, maxSources)
	}
	if err := strictyaml.DecodeOver(data, s); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if s.Days == 0 {
		s.Days = defaultDays
	}
	for i, a := range s.Anchors {
		if err := a.check(); err != nil {
			return nil, fmt.Errorf("%s: anchors[%d]: %w", name, i, err)
		}
	}
	return s, nil
}

func (a AnchorSource) check() error {
	set := 0
	for _, from := range []string{a.Folder, a.VICAL, a.EntityList, a.TrustedList} {
		if from != "" {
			set++
		}
	}
	switch {
	case set != 1:
		return errors.New("one of folder, vical, entity_list and trusted_list is wanted")
	case a.VICAL+a.EntityList != "" && len(a.Roots) == 0:
		return errors.New("roots is missing: PEM files of who signs the list, or stands above")
	case a.TrustedList != "" && a.SHA256 == "":
		return errors.New("sha256 is missing: the signature of an XML list is not verified here, so that somebody has to vouch for its bytes")
	case a.EntityList+a.TrustedList != "" && len(a.Services) == 0:
		return errors.New("services is missing: what the certificates of each type of service may sign")
	}
	return nil
}

// Gather reads everything at the instant now. notes are what was not taken, and
// why, in a line each.
func (s *BundleSources) Gather(ctx context.Context, now time.Time) (c bundle.Contents, notes []string, err error) {
	c = bundle.Contents{Publisher: s.Publisher, Issued: now, Expires: now.AddDate(0, 0, s.Days), MinReader: s.MinReader,
		Countries: s.Countries, URIs: s.Only, Anchors: &trust.Store{}}
	for i, a := range s.Anchors {
		store, left, err := s.anchors(ctx, a, now)
		if err != nil {
			return c, nil, fmt.Errorf("anchors[%d]: %w", i, err)
		}
		c.Anchors.Merge(store)
		notes = append(notes, left...)
	}
	for _, name := range s.CRLs {
		raw, err := s.read(ctx, name, pki.MaxCRLBytes)
		if err != nil {
			return c, nil, fmt.Errorf("crls: %w", err)
		}
		c.CRLs = append(c.CRLs, bundle.DER(raw))
	}
	for _, name := range s.Lists {
		tokens, err := s.lists(ctx, name)
		if err != nil {
			return c, nil, fmt.Errorf("lists: %w", err)
		}
		c.Lists = append(c.Lists, tokens...)
	}
	if s.Policy != "" {
		if c.Policy, err = s.read(ctx, s.Policy, maxSources); err != nil {
			return c, nil, fmt.Errorf("policy: %w", err)
		}
	}
	return c, notes, nil
}

func (s *BundleSources) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(s.base, name)
}

func remote(name string) bool {
	return strings.HasPrefix(name, "https://") || strings.HasPrefix(name, "http://")
}

// read gets a file, or what an address answers.
func (s *BundleSources) read(ctx context.Context, name string, limit int64) ([]byte, error) {
	if remote(name) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, name, nil)
		if err != nil {
			return nil, err
		}
		resp, body, err := s.client.Do(r, limit)
		if err == nil && resp.StatusCode != http.StatusOK {
			err = fmt.Errorf("GET %s: %w: status %d", name, fetch.ErrAnswer, resp.StatusCode)
		}
		return body, err
	}
	f, err := os.Open(s.path(name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s is larger than %d bytes", name, limit)
	}
	return data, err
}

// lists reads one token, or every token (.jwt, .cwt) below a folder as
// `issuer status publish` writes it. An address is asked for both forms.
func (s *BundleSources) lists(ctx context.Context, name string) ([][]byte, error) {
	if remote(name) {
		return s.fetchList(ctx, name)
	}
	path := s.path(name)
	tokens, err := bundle.ReadLists(os.DirFS(filepath.Dir(path)), filepath.Base(path))
	if err == nil && len(tokens) == 0 {
		err = fmt.Errorf("%s: no list (.jwt, .cwt)", path)
	}
	return tokens, err
}

// fetchList asks for every form of a list.
func (s *BundleSources) fetchList(ctx context.Context, uri string) ([][]byte, error) {
	var out [][]byte
	var errs []error
	for _, typ := range []string{fetch.TypeStatusListCWT, fetch.TypeStatusListJWT, fetch.TypeIdentifierListCWT} {
		token, _, err := s.client.StatusList(ctx, uri, typ)
		switch {
		case err == nil:
			out = append(out, bytes.TrimSpace(token))
		case errors.Is(err, fetch.ErrAnswer): // it has no such form
			errs = append(errs, err)
		default: // it may have: a bundle without it would leave its readers in the dark
			return nil, err
		}
	}
	if len(out) == 0 {
		return nil, errors.Join(errs...)
	}
	return out, nil
}

func (s *BundleSources) anchors(ctx context.Context, a AnchorSource, now time.Time) (*trust.Store, []string, error) {
	if a.Folder != "" {
		store, err := trust.LoadDir(s.path(a.Folder), trust.Scope{})
		return store, nil, err
	}
	roots, err := s.roots(a.Roots)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case a.VICAL != "":
		data, err := s.read(ctx, a.VICAL, trust.MaxVICAL)
		if err != nil {
			return nil, nil, err
		}
		in, err := Detect(data) // lists are kept as hexadecimal too
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", a.VICAL, err)
		}
		list, err := trust.ParseVICAL(in.Data, roots, now)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", a.VICAL, err)
		}
		var notes []string
		if !list.StaleSince.IsZero() {
			notes = append(notes, fmt.Sprintf("%s: there should be a newer one since %s", list.Source(), stamp(list.StaleSince)))
		}
		for _, r := range list.Refused {
			notes = append(notes, fmt.Sprintf("%s: entry %d %s: %s", list.Source(), r.Index, r.Certificate, r.Reason))
		}
		return list.Store(), notes, nil
	case a.EntityList != "":
		data, err := s.read(ctx, a.EntityList, trust.MaxEntityList)
		if err != nil {
			return nil, nil, err
		}
		list, err := trust.ParseEntityList(data, roots, now)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", a.EntityList, err)
		}
		return a.services(list, now)
	}
	pin, err := hex.DecodeString(a.SHA256)
	if err != nil || len(pin) != 32 {
		return nil, nil, errors.New("sha256 is not 64 hexadecimal digits")
	}
	data, err := s.read(ctx, a.TrustedList, trust.MaxTrustedList)
	if err != nil {
		return nil, nil, err
	}
	list, err := trust.ParseTrustedList(data, [32]byte(pin), now)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", a.TrustedList, err)
	}
	return a.services(list, now)
}

func (s *BundleSources) roots(names []string) ([]*pki.Certificate, error) {
	var out []*pki.Certificate
	for _, name := range names {
		certs, err := (&files{}).pem(s.path(name))
		if err != nil {
			return nil, err
		}
		out = append(out, certs...)
	}
	return out, nil
}

// services makes anchors of the services that are asked for. A certificate that is
// no authority's cannot be one: documents of signers that are listed one by one
// are not read by this version.
func (a AnchorSource) services(list *trust.EntityList, now time.Time) (*trust.Store, []string, error) {
	store := &trust.Store{}
	var notes []string
	for _, r := range list.Refused {
		notes = append(notes, fmt.Sprintf("%s: entity %d, service %d: %s", list.Source(), r.Entity, r.Service, r.Reason))
	}
	used := map[string]bool{}
	for _, service := range list.Services {
		scope, ok := a.Services[service.Type]
		if !ok {
			continue
		}
		used[service.Type] = true
		for _, cert := range service.Certificates {
			if !cert.IsCA() {
				notes = append(notes, fmt.Sprintf("%s: %s of %s is no authority", list.Source(), cert, service.Entity))
				continue
			}
			if err := store.Add(trust.Anchor{Cert: cert, Scope: trust.Scope(scope), Source: list.Source(), AsOf: list.Issued}); err != nil {
				return nil, nil, fmt.Errorf("%s: %w", list.Source(), err)
			}
		}
	}
	for typ := range a.Services {
		if !used[typ] {
			notes = append(notes, fmt.Sprintf("%s: no service of the type %s", list.Source(), typ))
		}
	}
	slices.Sort(notes)
	return store, notes, nil
}
