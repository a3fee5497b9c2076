package demo

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"time"

	"vidimus/internal/clock"
	"vidimus/internal/fetch"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/jose"
	"vidimus/internal/mdoc"
	"vidimus/internal/pki"
	"vidimus/internal/policy"
	"vidimus/internal/proximity"
	"vidimus/internal/trust"
	"vidimus/internal/verification"
)

// reader is the device of a police officer: a key with which it says who asks,
// anchors, and the status lists of its last visit to the network. Between two
// visits it works without one.
type reader struct {
	name  string
	key   *ecdsa.PrivateKey
	chain [][]byte
	root  *pki.Certificate // over its own certificate

	clock  clock.Clock
	trust  *trust.Store
	policy *policy.Policy
	web    *fetch.Client
	office string                       // its public URL
	lists  map[string]map[string][]byte // media type, URI
	crls   *pki.CRLs                    // revoked signers
}

func newReader(c clock.Clock) (*reader, error) {
	r := &reader{
		name: "Utopia Road Police", clock: c, policy: policy.Default(),
		web: fetch.New(fetch.Options{AllowInsecureLoopback: true, UserAgent: "vidimus-demo"}),
	}
	now := c.Now().Add(-time.Minute)
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if r.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	of := func(p pki.Profile, name string, key *ecdsa.PrivateKey) pki.Template {
		return pki.Template{
			Profile: p, Subject: pki.Name{Country: "UT", Organization: r.name, CommonName: name}, NotBefore: now, Public: key.Public(),
			IssuerAltName: "https://police.example", CRLDistributionPoint: "https://police.example/readers.crl",
		}
	}
	if r.root, err = pki.Build(of(pki.ProfileReaderCA, "Utopia Reader CA", rootKey), nil, rootKey, rand.Reader); err != nil {
		return nil, fmt.Errorf("making the reader's authority: %w", err)
	}
	leaf, err := pki.Build(of(pki.ProfileReader, "Patrol 7", r.key), r.root, rootKey, rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the reader's certificate: %w", err)
	}
	r.chain = [][]byte{leaf.Raw}
	return r, nil
}

// synchronize fetches every status list of the office, in both containers.
func (r *reader) synchronize(ctx context.Context) error {
	uris, err := r.addresses(ctx)
	if err != nil {
		return err
	}
	lists := map[string]map[string][]byte{}
	for _, mediaType := range []string{fetch.TypeStatusListCWT, fetch.TypeStatusListJWT} {
		lists[mediaType] = map[string][]byte{}
		for _, uri := range uris {
			token, _, err := r.web.StatusList(ctx, uri, mediaType)
			if err != nil {
				return err
			}
			lists[mediaType][uri] = token
		}
	}
	if r.crls, err = r.revoked(ctx); err != nil {
		return err
	}
	r.lists = lists
	return nil
}

// revoked fetches the list of revoked signers.
func (r *reader) revoked(ctx context.Context) (*pki.CRLs, error) {
	raw, _, err := r.web.Get(ctx, r.office+issuerhttp.SignerCRLPath, pki.MaxCRLBytes, "application/pkix-crl")
	if err != nil {
		return nil, err
	}
	list, err := pki.ParseCRL(raw)
	if err != nil {
		return nil, err
	}
	return pki.NewCRLs(list)
}

// addresses asks for the list of lists (Token Status List, section 9.3), until
// there is one: the office publishes the first on its next tick.
func (r *reader) addresses(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 5*time.Second, errors.New("the office publishes no status list"))
	defer cancel()
	for {
		body, _, err := r.web.Get(ctx, r.office+issuerhttp.StatusPath, fetch.MaxMetadata, "application/json")
		var doc struct {
			Lists []string `json:"status_lists"`
		}
		if err == nil {
			err = jose.DecodeJSON(body, &doc)
		}
		if err == nil && len(doc.Lists) > 0 {
			return doc.Lists, nil
		}
		if sleepErr := sleep(ctx, 20*time.Millisecond); sleepErr != nil {
			return nil, errors.Join(sleepErr, err)
		}
	}
}

// weight is how many bytes of lists, in one container, the reader carries.
func (r *reader) weight() int {
	n := 0
	for _, token := range r.lists[fetch.TypeStatusListCWT] {
		n += len(token)
	}
	return n
}

// held gives the lists of the last visit.
func (r *reader) held(mediaType string) func(uri string) ([]byte, error) {
	lists := maps.Clone(r.lists[mediaType])
	return func(uri string) ([]byte, error) {
		if token, ok := lists[uri]; ok {
			return token, nil
		}
		return nil, errors.New("it was not fetched, and the reader has no network now")
	}
}

// request asks for what a profile needs, signed for this one session.
func (r *reader) request(profile, docType string, transcript mdoc.SessionTranscript) ([]byte, error) {
	p, ok := r.policy.Profile(profile)
	if !ok {
		return nil, fmt.Errorf("the policy has no profile %s", profile)
	}
	d, ok := p.Document(policy.FormatMDoc, docType)
	if !ok {
		return nil, fmt.Errorf("the profile %s does not ask for a %s", profile, docType)
	}
	items := mdoc.ItemsRequest{DocType: docType}
	for _, e := range d.Elements {
		nameSpace, element := e.Path[0], mdoc.RequestedElement{Identifier: e.Path[1], IntentToRetain: e.Retain}
		if n := len(items.NameSpaces); n == 0 || items.NameSpaces[n-1].Name != nameSpace {
			items.NameSpaces = append(items.NameSpaces, mdoc.RequestedNameSpace{Name: nameSpace})
		}
		last := &items.NameSpaces[len(items.NameSpaces)-1]
		last.Elements = append(last.Elements, element)
	}
	return mdoc.BuildDeviceRequest([]mdoc.ItemsRequest{items}, mdoc.RequestOptions{
		Reader: &mdoc.Reader{Signer: r.key, Chain: r.chain}, Transcript: transcript,
	}, rand.Reader)
}

// judge verifies the answer of a session.
func (r *reader) judge(profile string, response []byte, session *proximity.Reader) *verification.Report {
	p, _ := r.policy.Profile(profile)
	return verification.DeviceResponse(response, verification.Options{
		Now: r.clock.Now(), Policy: r.policy, Trust: r.trust, CRLs: r.crls, Lists: r.held(fetch.TypeStatusListCWT),
		Transcript: session.Transcript(), ReaderKey: session.Key(), Profile: &p,
	})
}

// judgeToken verifies an SD-JWT with its key binding.
func (r *reader) judgeToken(profile, presentation, nonce, audience string) *verification.Report {
	p, _ := r.policy.Profile(profile)
	return verification.SDJWT(presentation, verification.Options{
		Now: r.clock.Now(), Policy: r.policy, Trust: r.trust, CRLs: r.crls, Lists: r.held(fetch.TypeStatusListJWT),
		Nonce: nonce, Audience: audience, Profile: &p,
	})
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
