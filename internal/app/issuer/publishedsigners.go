package issuer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"vidimus/internal/faults"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/jose"
	"vidimus/internal/outfile"
	"vidimus/internal/pki"
	"vidimus/internal/rotation"
)

// signersFile keeps which document signers were published, and since when: in the
// state folder, since it must not be forgotten when a key leaves the configuration.
const (
	signersFile    = "certs/document-signers.json"
	maxSignersFile = 4 << 20
)

// DocumentSigner is one of them as it is published.
type DocumentSigner struct {
	Signer      string         `json:"signer"`
	KeyID       string         `json:"key_id"` // JWK thumbprint of the key (RFC 7638), base64url
	State       rotation.State `json:"state"`  // current, next, retired, stopped or revoked
	NotBefore   time.Time      `json:"not_before"`
	NotAfter    time.Time      `json:"not_after"`
	Published   time.Time      `json:"published"`
	SignsFrom   *time.Time     `json:"signs_from,omitempty"` // of the one that follows
	Certificate string         `json:"certificate"`          // DER, base64url
}

// DocumentSignerList is all of them: what anybody gets at DocumentSignersPath.
type DocumentSignerList struct {
	Issuer  string           `json:"issuer"`
	Issued  time.Time        `json:"issued"` // when it last changed
	Signers []DocumentSigner `json:"document_signers"`
}

// announced is a document signer that was published.
type announced struct {
	Signer      string    `json:"signer"`
	Certificate string    `json:"certificate"` // DER, base64url
	Published   time.Time `json:"published"`

	leaf  *pki.Certificate
	keyID string
}

// announcements are all document signers that were published and have not ended.
type announcements struct {
	path string
	all  []announced

	mu     sync.Mutex
	list   DocumentSignerList
	body   []byte
	pem    []byte
	tag    string
	filed  map[string]string         // folder -> tag of what lies there
	signed map[string]*identity      // who signed when it was looked at last
	told   map[string]rotation.Level // alarms that were given
	halted map[*identity]bool        // who may not sign, as was said
}

// openAnnouncements reads what was published before; nothing before the first start.
func (c *Config) openAnnouncements() (*announcements, error) {
	a := &announcements{path: c.Path(signersFile), filed: map[string]string{}, signed: map[string]*identity{}, told: map[string]rotation.Level{}, halted: map[*identity]bool{}}
	data, err := readLimited(a.path, maxSignersFile)
	if errors.Is(err, fs.ErrNotExist) {
		return a, nil
	}
	if err == nil {
		err = jose.DecodeJSONLimit(data, &a.all, maxSignersFile)
	}
	for i := range a.all {
		if err == nil {
			err = a.all[i].read()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("document signers that were published: %s: %w: put it back from a backup, or remove it: the next keys then wait anew for rotation.publish_before", a.path, err)
	}
	return a, nil
}

func (e *announced) read() error {
	der, err := jose.DecodeBase64URL(e.Certificate)
	if err != nil {
		return err
	}
	if e.leaf, err = pki.ParseCertificate(der); err != nil {
		return err
	}
	thumbprint, err := jose.Thumbprint(e.leaf.PublicKey())
	e.keyID = jose.EncodeBase64URL(thumbprint)
	return err
}

// since tells since when the certificate of a generation is public; zero when it is not.
func (a *announcements) since(id *identity) time.Time {
	for _, e := range a.all {
		if e.leaf.Equal(id.leaf) {
			return e.Published
		}
	}
	return time.Time{}
}

// announce adds the document signers that are new, forgets those that have ended, and
// keeps that. It is durable when it returns: nobody signs who was not announced.
func (a *announcements) announce(c *Config, all identities, now time.Time) error {
	before := len(a.all)
	next := slices.DeleteFunc(slices.Clone(a.all), func(e announced) bool { return now.After(e.leaf.NotAfter()) })
	changed := len(next) != before
	for name, generations := range all {
		if !documentSigner(c.profile(name)) {
			continue
		}
		for _, id := range generations {
			if !a.since(id).IsZero() || now.After(id.leaf.NotAfter()) {
				continue
			}
			e := announced{Signer: name, Certificate: jose.EncodeBase64URL(id.leaf.Raw), Published: now.UTC().Truncate(time.Second)}
			if err := e.read(); err != nil {
				return err
			}
			next, changed = append(next, e), true
		}
	}
	if !changed {
		return nil
	}
	slices.SortFunc(next, func(x, y announced) int {
		if c := strings.Compare(x.Signer, y.Signer); c != 0 {
			return c
		}
		if c := x.leaf.NotBefore().Compare(y.leaf.NotBefore()); c != 0 {
			return c
		}
		return bytes.Compare(x.leaf.Fingerprint[:], y.leaf.Fingerprint[:])
	})
	data, err := json.MarshalIndent(next, "", "  ")
	if err == nil {
		err = outfile.Replace(a.path, append(data, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("keeping which document signers are published: %w", err)
	}
	a.all = next
	return nil
}

// render brings what is published up to an instant.
func (a *App) renderSigners(now time.Time) error {
	an := a.announced
	var all []DocumentSigner
	var certificates []*pki.Certificate
	for _, e := range an.all {
		if now.After(e.leaf.NotAfter()) || faults.Wrong("issuer.hidden-signer") {
			continue
		}
		d := DocumentSigner{
			Signer: e.Signer, KeyID: e.keyID, State: a.stateOf(e, now),
			NotBefore: e.leaf.NotBefore().UTC(), NotAfter: e.leaf.NotAfter().UTC(), Published: e.Published, Certificate: e.Certificate,
		}
		if s := a.successions[e.Signer]; s != nil {
			if next, from := s.next(now); next != nil && next.leaf.Equal(e.leaf) {
				from = from.UTC()
				d.SignsFrom = &from
			}
		}
		all, certificates = append(all, d), append(certificates, e.leaf)
	}
	same := func(x, y DocumentSigner) bool {
		return x.Certificate == y.Certificate && x.State == y.State && (x.SignsFrom == nil) == (y.SignsFrom == nil) && (x.SignsFrom == nil || x.SignsFrom.Equal(*y.SignsFrom))
	}
	if an.body != nil && slices.EqualFunc(all, an.list.Signers, same) {
		return nil
	}
	list := DocumentSignerList{Issuer: a.cfg.PublicURL, Issued: now.UTC().Truncate(time.Second), Signers: all}
	body, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return err
	}
	digest := sha256.Sum256(body)
	an.list, an.body, an.tag, an.pem = list, append(body, '\n'), fmt.Sprintf(`"%x"`, digest[:16]), pki.EncodePEM(certificates...)
	return nil
}

// stateOf is what the world is told of a document signer. One that left the
// configuration has signed for the last time, whatever happened to it since.
func (a *App) stateOf(e announced, now time.Time) rotation.State {
	if s := a.successions[e.Signer]; s != nil {
		if state, ours := s.state(e.leaf, now); ours {
			return state
		}
	}
	if bar := a.signers.why(e.keyID, e.leaf); bar.Bars() {
		return bar.State
	}
	return rotation.Retired
}

// DocumentSigners implements issuerhttp.DocumentSigners.
func (a *App) DocumentSigners(ctx context.Context) (list, certificates []byte, etag string) {
	if err := a.signers.heed(ctx); err != nil && ctx.Err() == nil {
		a.log.Error("reading who of our signers may not sign", "error", err)
	}
	an := a.announced
	an.mu.Lock()
	defer an.mu.Unlock()
	if err := a.renderSigners(a.opts.Clock.Now()); err != nil {
		a.log.Error("making the list of document signers", "error", err)
	}
	return an.body, an.pem, an.tag
}

// fileSigners puts the certificates into a folder of published lists.
func (a *App) fileSigners(folder string) error {
	list, certificates, tag := a.DocumentSigners(context.Background())
	a.announced.mu.Lock()
	defer a.announced.mu.Unlock()
	file := filepath.Join(folder, filepath.FromSlash(issuerhttp.DocumentSignersPath))
	if a.announced.filed[folder] == tag && exists(file) {
		return nil
	}
	dir := filepath.Dir(file)
	if err := os.Mkdir(dir, 0o755); err == nil {
		if err := os.Chmod(dir, 0o755); err != nil { // whatever the umask is
			return err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := outfile.Replace(filepath.Join(folder, filepath.FromSlash(issuerhttp.DocumentSignersPEMPath)), certificates, 0o644); err != nil {
		return err
	}
	if err := outfile.Replace(file, list, 0o644); err != nil {
		return err
	}
	a.announced.filed[folder] = tag
	return nil
}
