package issuer

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"vidimus/internal/issuerhttp"
	"vidimus/internal/jose"
	"vidimus/internal/pki"
	"vidimus/internal/statuslist"
)

// Inspector fetches the published lists as any reader does, and verifies them
// under the office's own root.
type Inspector struct {
	cfg   *Config
	http  *http.Client
	roots roots
	now   func() time.Time
}

// NewInspector reads the root of the configuration.
func NewInspector(cfg *Config, now func() time.Time) (*Inspector, error) {
	r, err := cfg.loadRoots()
	if err != nil {
		return nil, err
	}
	return &Inspector{cfg: cfg, http: &http.Client{Timeout: 30 * time.Second}, roots: r, now: now}, nil
}

// Lists gives the addresses of all lists.
func (i *Inspector) Lists(ctx context.Context) ([]string, error) {
	body, err := i.get(ctx, i.cfg.PublicURL+issuerhttp.StatusPath, "application/json")
	if err != nil {
		return nil, err
	}
	var doc struct {
		Lists []string `json:"status_lists"`
	}
	if err := jose.DecodeJSONLimit(body, &doc, maxAnswer); err != nil {
		return nil, fmt.Errorf("reading the list of lists: %w", err)
	}
	return doc.Lists, nil
}

// Fetch gives a verified list: signature, path to our root, subject, times.
func (i *Inspector) Fetch(ctx context.Context, uri string, format statuslist.Format) (*statuslist.Token, error) {
	body, err := i.get(ctx, uri, "application/statuslist+"+string(format))
	if err != nil {
		return nil, err
	}
	return i.verify(uri, body)
}

// Raw gives a verified list as it was published, for readers without a network.
func (i *Inspector) Raw(ctx context.Context, uri string, format statuslist.Format) ([]byte, error) {
	body, err := i.get(ctx, uri, "application/statuslist+"+string(format))
	if err == nil {
		_, err = i.verify(uri, body)
	}
	return body, err
}

func (i *Inspector) verify(uri string, body []byte) (*statuslist.Token, error) {
	token, err := statuslist.ParseToken(body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", uri, err)
	}
	now := i.now()
	_, signer, _, err := i.cfg.latest("status", i.roots, now)
	if err != nil {
		return nil, err
	}
	path, err := pki.Validate(token.Chain, i.roots.iacas(), pki.PathOptions{
		Now: now, Purposes: signer.leaf.ExtKeyUsages, RequireEKU: true, CheckCountry: true,
	})
	if err != nil {
		return nil, fmt.Errorf("%s: signer: %w", uri, err)
	}
	if err := token.Verify(path.Leaf.PublicKey()); err != nil {
		return nil, fmt.Errorf("%s: %w", uri, err)
	}
	// Any entry will do to hear what the list as a whole is worth.
	if _, err := token.Lookup(statuslist.Reference{URI: uri}, now); err != nil {
		return nil, fmt.Errorf("%s: %w", uri, err)
	}
	return token, nil
}

// Show writes what a list says: about itself, or about one entry.
func (i *Inspector) Show(ctx context.Context, w io.Writer, uri string, format statuslist.Format, index *uint64) error {
	token, err := i.Fetch(ctx, uri, format)
	if err != nil {
		return err
	}
	if index != nil {
		s, err := token.Lookup(statuslist.Reference{URI: uri, Index: *index}, i.now())
		if err != nil {
			return fmt.Errorf("%s: %w", uri, err)
		}
		fmt.Fprintf(w, "%s\n  entry    %d: %s\n", uri, *index, strings.ToUpper(s.String()))
		return nil
	}
	list, err := token.List()
	if err != nil {
		return fmt.Errorf("%s: %w", uri, err)
	}
	fmt.Fprintf(w, "%s\n  format   %s, verified under %s\n  entries  %d of %d bit\n  INVALID  %d\n  iat      %s (%s ago)\n  exp      %s\n  ttl      %s\n",
		uri, token.Format, i.roots.iaca, list.Size(), list.Bits(), list.Count(),
		token.IssuedAt.UTC().Format(time.RFC3339), token.Age(i.now()).Round(time.Second), token.Expires.UTC().Format(time.RFC3339), token.TTL)
	return nil
}

func (i *Inspector) get(ctx context.Context, uri, accept string) ([]byte, error) {
	if u, err := url.Parse(uri); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("%.200q is no address of a list: `issuer status show` names all there are, such as %s/status/ID", uri, i.cfg.PublicURL)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", accept)
	res, err := i.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("the office does not answer: is `issuer serve` running? Its address is that of public_url: %w", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("fetching %s: %w", uri, err)
	case res.StatusCode == http.StatusNotFound:
		return nil, fmt.Errorf("fetching %s: %s: the office has no such list; `issuer status show` names all there are, by their whole addresses", uri, res.Status)
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("fetching %s: %s", uri, res.Status)
	case len(body) > maxAnswer:
		return nil, fmt.Errorf("fetching %s: more than %d bytes", uri, maxAnswer)
	}
	return body, nil
}
