package issuance

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"vidimus/internal/faults"
	"vidimus/internal/jose"
	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
)

// OfferRequest is a grant to be wrapped, or an invitation to ask for one: with
// neither, a wallet reads the server's metadata. It holds no transaction code,
// only how many digits one has.
type OfferRequest struct {
	Configurations []string // credential configuration ids, at least one
	Code           string   // pre-authorized code; "" without that grant
	TxCodeLength   int      // decimal digits; 0 when the offer needs none
	TxCodeHint     string   // how the code comes to the holder, at most 300 characters
	// AuthorizationCode lets the wallet send the holder to the authorization
	// endpoint; IssuerState comes back from there, and may be "".
	AuthorizationCode bool
	IssuerState       string
	Expires           time.Time
}

// Offer is how a wallet gets it.
type Offer struct {
	ID        string // 256 bits, base64url
	URI       string // openid-credential-offer://?credential_offer=...
	URL       string // where the object can be fetched
	Reference string // openid-credential-offer://?credential_offer_uri=...
	HAIP      string // haip-vci://?credential_offer_uri=...
}

// MakeOffer builds the credential offer and keeps it for fetching until it
// expires. The same request gives the same offer.
func (s *Service) MakeOffer(ctx context.Context, r OfferRequest) (*Offer, error) {
	if len(r.Configurations) == 0 || len(r.Configurations) > maxOfferConfigurations || r.Code == "" && !r.AuthorizationCode {
		return nil, problem.New(problem.InvalidRequest, "an offer names 1 to %d credential configurations and a grant", maxOfferConfigurations)
	}
	if r.Code == "" && r.TxCodeLength+len(r.TxCodeHint) > 0 || !r.AuthorizationCode && r.IssuerState != "" {
		return nil, problem.New(problem.InvalidRequest, "a transaction code, or an issuer_state, belongs to another grant")
	}
	for _, id := range r.Configurations {
		if _, ok := s.p.Catalog.Configuration(id); !ok {
			return nil, problem.New(problem.UnknownCredentialConfiguration, "no such credential configuration")
		}
	}
	offer := r.offer(s.cfg.Issuer)
	body, err := offer.MarshalJSON()
	if err != nil {
		return nil, problem.Wrap(problem.InvalidRequest, err, "the offer cannot be written")
	}
	uri, err := offer.URI(oid4vci.SchemeOffer)
	if err != nil {
		return nil, err
	}
	id := jose.EncodeBase64URL(sum(s.secrets.offer, body))
	reference, err := s.reference(oid4vci.SchemeOffer, id)
	if err != nil {
		return nil, err
	}
	haip, err := s.reference(oid4vci.SchemeHAIP, id)
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
	faults.Point("issuance.offered")
	return &Offer{ID: id, URL: s.offerURL(id), URI: uri, Reference: reference, HAIP: haip}, nil
}

func (r *OfferRequest) offer(issuer string) oid4vci.CredentialOffer {
	offer := oid4vci.CredentialOffer{CredentialIssuer: issuer, ConfigurationIDs: r.Configurations}
	if r.Code != "" {
		offer.PreAuthorized = &oid4vci.PreAuthorizedGrant{Code: r.Code}
	}
	if r.TxCodeLength > 0 {
		offer.PreAuthorized.TxCode = &oid4vci.TxCode{InputMode: "numeric", Length: r.TxCodeLength, Description: r.TxCodeHint}
	}
	if r.AuthorizationCode {
		offer.AuthorizationCode = &oid4vci.AuthorizationCodeGrant{IssuerState: r.IssuerState}
	}
	return offer
}

func (s *Service) offerURL(id string) string { return s.cfg.OffersURL + "/" + id }

func (s *Service) reference(scheme, id string) (string, error) {
	return oid4vci.OfferURIByReference(scheme, s.offerURL(id))
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
	return s.reference(oid4vci.SchemeOffer, id)
}

var errNoOffer = problem.New(problem.NotFound, "no such offer")
