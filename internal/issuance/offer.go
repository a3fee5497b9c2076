package issuance

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"vidimus/internal/jose"
	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
)

// OfferRequest is a grant to be wrapped. It holds no transaction code, only
// how many digits one has.
type OfferRequest struct {
	Configurations []string // credential configuration ids, at least one
	Code           string   // pre-authorized code
	TxCodeLength   int      // decimal digits; 0 when the offer needs none
	Expires        time.Time
}

// Offer is how a wallet gets it.
type Offer struct {
	ID        string // 256 bits, base64url
	URI       string // openid-credential-offer://?credential_offer=...
	URL       string // where the object can be fetched
	Reference string // openid-credential-offer://?credential_offer_uri=...
}

// MakeOffer builds the credential offer and keeps it for fetching until it
// expires. The same request gives the same offer.
func (s *Service) MakeOffer(ctx context.Context, r OfferRequest) (*Offer, error) {
	if len(r.Configurations) == 0 || len(r.Configurations) > maxOfferConfigurations || r.Code == "" {
		return nil, problem.New(problem.InvalidRequest, "an offer names 1 to %d credential configurations", maxOfferConfigurations)
	}
	for _, id := range r.Configurations {
		if _, ok := s.p.Catalog.Configuration(id); !ok {
			return nil, problem.New(problem.UnknownCredentialConfiguration, "no such credential configuration")
		}
	}
	grant := &oid4vci.PreAuthorizedGrant{Code: r.Code}
	if r.TxCodeLength > 0 {
		grant.TxCode = &oid4vci.TxCode{InputMode: "numeric", Length: r.TxCodeLength}
	}
	offer := oid4vci.CredentialOffer{CredentialIssuer: s.cfg.Issuer, ConfigurationIDs: r.Configurations, PreAuthorized: grant}
	body, err := offer.MarshalJSON()
	if err != nil {
		return nil, err
	}
	uri, err := offer.URI(oid4vci.SchemeOffer)
	if err != nil {
		return nil, err
	}
	id := jose.EncodeBase64URL(sum(s.secrets.offer, body))
	reference, err := s.reference(id)
	if err != nil {
		return nil, err
	}
	sealed, err := seal(sealedOffer, id, body)
	if err != nil {
		return nil, err
	}
	err = s.p.Store.PutOffer(ctx, OfferRecord{ID: sha256.Sum256([]byte(id)), Sealed: sealed, Expires: r.Expires})
	if err != nil {
		return nil, unavailable(err)
	}
	return &Offer{ID: id, URL: s.offerURL(id), URI: uri, Reference: reference}, nil
}

func (s *Service) offerURL(id string) string { return s.cfg.OffersURL + "/" + id }

func (s *Service) reference(id string) (string, error) {
	return oid4vci.OfferURIByReference(oid4vci.SchemeOffer, s.offerURL(id))
}

// OfferObject gives the JSON of an offer that has not expired. It may be
// fetched again: a wallet that lost the answer would otherwise be stuck, and
// what it holds is no use without the transaction code.
func (s *Service) OfferObject(ctx context.Context, id string) ([]byte, error) {
	if len(id) > maxOfferID {
		return nil, errNoOffer
	}
	rec, err := s.p.Store.Offer(ctx, sha256.Sum256([]byte(id)), s.p.Clock.Now())
	switch {
	case errors.Is(err, ErrOfferNotFound):
		return nil, errNoOffer
	case err != nil:
		return nil, unavailable(err)
	}
	return unseal(sealedOffer, id, rec.Sealed)
}

// OfferURI gives the URI by reference of an offer that has not expired, for a
// QR code.
func (s *Service) OfferURI(ctx context.Context, id string) (string, error) {
	if _, err := s.OfferObject(ctx, id); err != nil {
		return "", err
	}
	return s.reference(id)
}

var errNoOffer = problem.New(problem.NotFound, "no such offer")
