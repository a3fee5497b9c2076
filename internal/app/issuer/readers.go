package issuer

import (
	"context"
	"crypto"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"vidimus/internal/fleet"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/jose"
	"vidimus/internal/pki"
	"vidimus/internal/problem"
)

// readers checks what concerns the fleet.
func (k *checker) readers() {
	c := k.c
	if c.ReaderCA.Key != "" {
		k.uri("reader_ca.key", c.ReaderCA.Key)
		if c.ReaderCA.Certificate == "" {
			k.bad("reader_ca", "a key without a certificate: name the PEM file of the root, or take the key out")
		}
	}
	if c.Readers.Lifetime < 24*time.Hour || c.Readers.Lifetime > fleet.MaxLifetime {
		k.bad("readers.lifetime", "between 24h and %dh (1187 days, ISO/IEC 18013-5 B.1.7), got %s", int(fleet.MaxLifetime.Hours()), c.Readers.Lifetime)
	}
	if u := c.Readers.BundleURL; u != "" && !strings.HasPrefix(u, "https://") && !(c.Dev && strings.HasPrefix(u, "http://")) {
		k.bad("readers.bundle_url", "an https address, or nothing for the place below public_url")
	}
}

// bundleURL is where readers fetch bundles.
func (c *Config) bundleURL() string {
	if c.Readers.BundleURL != "" {
		return c.Readers.BundleURL
	}
	return c.PublicURL + issuerhttp.BundlePath
}

// readerCA makes the root of readers; an office without one has no readers.
func (m *maker) readerCA(ctx context.Context) error {
	if m.cfg.ReaderCA.Certificate == "" || m.cfg.ReaderCA.Key == "" && !exists(m.cfg.Path(m.cfg.ReaderCA.Certificate)) {
		return nil
	}
	_, err := m.root(ctx, m.cfg.ReaderCA, pki.ProfileReaderCA, "Reader CA")
	return err
}

// loadReaderCA gives the root of readers and, where this machine has it, its
// key; nil where there is none.
func (a *App) loadReaderCA() (*pki.Certificate, crypto.Signer, error) {
	r := a.cfg.ReaderCA
	if r.Certificate == "" || !exists(a.cfg.Path(r.Certificate)) {
		a.log.Info("no readers are enrolled here: there is no certificate of reader_ca", "remedy", "issuer init --add")
		return nil, nil, nil
	}
	root, err := readRoot(a.cfg.Path(r.Certificate))
	if err != nil {
		return nil, nil, err
	}
	if findings := pki.Lint(root, pki.ProfileReaderCA, nil); len(findings) > 0 {
		return nil, nil, fmt.Errorf("%s does not conform to %s: %s", a.cfg.Path(r.Certificate), pki.ProfileReaderCA, strings.Join(findings, "; "))
	}
	if r.Key == "" {
		return root, nil, nil
	}
	key, err := a.keys.root(context.Background(), "reader-ca", pki.ProfileReaderCA, r.Key, root)
	return root, key, err
}

// readers makes the fleet.
func (a *App) readers() error {
	root, key, err := a.loadReaderCA()
	if err != nil {
		return fmt.Errorf("reader_ca: %w", err)
	}
	if root == nil {
		return nil
	}
	a.fleet, err = fleet.New(fleet.Parts{
		Store: a.store, Lists: a.cfg.readerShelf(root), Clock: a.opts.Clock, Rand: a.opts.Rand,
		Authority: fleet.Authority{
			Certificate: root, Key: key, Country: a.cfg.Authority.Country, Organization: a.cfg.Authority.Organization,
			Contact: a.cfg.PublicURL, CRL: a.cfg.crlURL(pki.ProfileReader), Lifetime: a.cfg.Readers.Lifetime,
		},
	})
	return err
}

// Enrol implements issuerhttp.Enrolment.
func (a *App) Enrol(ctx context.Context, code string, request []byte) (fleet.EnrolAnswer, error) {
	r, err := a.fleet.Enrol(ctx, code, request)
	if err != nil {
		return fleet.EnrolAnswer{}, err
	}
	out := fleet.EnrolAnswer{ID: r.ID, Name: r.Name, Organization: r.Organization, State: r.State, Fingerprint: fleet.Fingerprint(r.Key)}
	if r.State == fleet.Enrolled {
		out.Chain, out.Expires = []string{jose.EncodeBase64URL(r.Certificate)}, r.Expires
		out.Anchor = jose.EncodeBase64URL(a.fleet.Authority().Raw)
		out.BundleAnchors, out.BundleURL = []string{jose.EncodeBase64URL(a.roots.operations.Raw)}, a.cfg.bundleURL()
	}
	return out, nil
}

// RevokedReaders implements issuerhttp.Enrolment.
func (a *App) RevokedReaders(ctx context.Context) ([]byte, string, error) {
	if a.fleet == nil {
		return nil, "", errNoReaders
	}
	list, err := a.readerList(ctx)
	if err != nil {
		return nil, "", err
	}
	return list.Raw, crlTag(list), nil
}

// readerList is the list of revoked readers: ours, the newest that was taken over
// where the key of the reader CA is elsewhere, or the one at hand until its end where
// it cannot be signed anew.
func (a *App) readerList(ctx context.Context) (*pki.CRL, error) {
	now := a.opts.Clock.Now()
	a.crl.renewing.Lock()
	list, err := a.crl.renew(readersList, now, func() (*pki.CRL, error) {
		list, err := a.fleet.RevocationList(ctx)
		if err != nil && problem.KindOf(err) != problem.NotFound {
			a.log.Error("renewing the list of revoked readers", "error", err)
		}
		return list, err
	})
	a.crl.renewing.Unlock()
	if err == nil {
		return list, nil
	}
	elsewhere := problem.KindOf(err) == problem.NotFound
	newest, short, failed := a.crl.get(a.cfg.readerShelf(a.fleet.Authority()))
	if failed == nil && newest != nil && (elsewhere || counts(newest, now) && !short) {
		return newest, nil
	}
	return nil, err
}

var errNoReaders = problem.New(problem.InvalidRequest, "this office has no reader CA: name it in reader_ca and run `issuer init --add`")

// readerOffice is what an operator does with readers.
type readerOffice struct{ *App }

// InviteReader implements issuerhttp.Fleet.
func (o readerOffice) InviteReader(ctx context.Context, i issuerhttp.ReaderInvitation, actor string) (issuerhttp.InvitedReader, error) {
	if o.fleet == nil {
		return issuerhttp.InvitedReader{}, errNoReaders
	}
	if i.Lifetime < 0 || i.Lifetime > int64(fleet.MaxCodeLifetime/time.Second) {
		return issuerhttp.InvitedReader{}, problem.New(problem.InvalidRequest, "lifetime: at most %d seconds", int64(fleet.MaxCodeLifetime/time.Second))
	}
	r, code, err := o.fleet.Invite(ctx, fleet.Invitation{
		Name: i.Name, Organization: i.Organization, Lifetime: time.Duration(i.Lifetime) * time.Second, Actor: actor,
	})
	if err != nil {
		return issuerhttp.InvitedReader{}, err
	}
	return issuerhttp.InvitedReader{ReaderView: readerView(r), Code: code}, nil
}

// ApproveReader implements issuerhttp.Fleet.
func (o readerOffice) ApproveReader(ctx context.Context, d issuerhttp.ReaderDeed, actor string) (issuerhttp.ReaderView, error) {
	return o.deed(ctx, d, func(r fleet.Reader) (fleet.Reader, error) { return o.fleet.Approve(ctx, r.ID, d.Key, actor) })
}

// RevokeReader implements issuerhttp.Fleet.
func (o readerOffice) RevokeReader(ctx context.Context, d issuerhttp.ReaderDeed, actor string) (issuerhttp.ReaderView, error) {
	if d.Key != "" {
		return issuerhttp.ReaderView{}, problem.New(problem.InvalidRequest, "a key is compared when a reader is approved, not when it is revoked")
	}
	v, err := o.deed(ctx, d, func(r fleet.Reader) (fleet.Reader, error) { return o.fleet.Revoke(ctx, r.ID, actor) })
	if err == nil { // the list is out before anybody asks for it
		o.TendRevocations(ctx)
	}
	return v, err
}

func (o readerOffice) deed(ctx context.Context, d issuerhttp.ReaderDeed, do func(fleet.Reader) (fleet.Reader, error)) (issuerhttp.ReaderView, error) {
	if o.fleet == nil {
		return issuerhttp.ReaderView{}, errNoReaders
	}
	r, err := o.fleet.Find(ctx, d.Reader)
	if err == nil {
		r, err = do(r)
	}
	if err != nil {
		return issuerhttp.ReaderView{}, err
	}
	return readerView(r), nil
}

// Readers implements issuerhttp.Fleet.
func (o readerOffice) Readers(ctx context.Context) (issuerhttp.ReaderViews, error) {
	out := issuerhttp.ReaderViews{Readers: []issuerhttp.ReaderView{}}
	if o.fleet == nil {
		return out, errNoReaders
	}
	all, err := o.fleet.Readers(ctx)
	if err != nil {
		return out, err
	}
	for _, r := range all {
		out.Readers = append(out.Readers, readerView(r))
	}
	return out, nil
}

func readerView(r fleet.Reader) issuerhttp.ReaderView {
	v := issuerhttp.ReaderView{
		ID: r.ID, Name: r.Name, Organization: r.Organization, State: r.State, Serial: hex.EncodeToString(r.Serial),
		Invited: r.Invited, CodeExpires: r.CodeExpires, Asked: r.Asked, Approved: r.Approved, Expires: r.Expires, Revoked: r.Revoked,
		Bundle: r.Bundle, BundleSeen: r.BundleSeen,
	}
	if r.PublicKey != nil {
		v.Fingerprint = fleet.Fingerprint(r.Key)
	}
	return v
}
