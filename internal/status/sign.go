package status

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"vidimus/internal/statuslist"
)

// signer is a key with its chain.
type signer struct {
	key      crypto.Signer
	chain    [][]byte
	notAfter time.Time // of its certificate
}

func newSigner(key crypto.Signer, chain [][]byte) (signer, error) {
	if key == nil || len(chain) == 0 {
		return signer{}, errors.New("no signer of lists, or one without a chain")
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return signer{}, fmt.Errorf("certificate of the signer: %w", err)
	}
	return signer{key, chain, leaf.NotAfter}, nil
}

// turn takes the signer whose turn it is.
func (p *Publisher) turn(now time.Time) error {
	if p.cfg.Current == nil {
		return nil
	}
	next, err := newSigner(p.cfg.Current(now))
	if err == nil {
		p.signer = next
	}
	return err
}

// sign makes the tokens of a shard. What is said of time never goes back,
// whatever the clock does: iat is at least that of the token before.
func (p *Publisher) sign(s *shard, last time.Time) error {
	now := p.cfg.Clock.Now().Truncate(time.Second)
	if now.Before(last) {
		p.alarm("clock", fmt.Errorf("the clock says %s, a list was issued at %s: iat stays", now.Format(time.RFC3339), last.Format(time.RFC3339)))
		now = last
	}
	claims := statuslist.Claims{
		Subject: s.list.URI, IssuedAt: now, Expires: now.Add(p.cfg.Expires), TTL: p.cfg.TTL,
		AggregationURI: AggregationURI(p.cfg.PublicURL),
	}
	notAfter := p.signer.notAfter
	if claims.Expires.After(notAfter) {
		claims.Expires = notAfter
		if left := notAfter.Sub(now); left < p.cfg.Offline {
			p.alarm("certificate", fmt.Errorf("the certificate of the status signer ends at %s: lists count for %s, less than readers are without a network (%s)",
				notAfter.Format(time.RFC3339), left, p.cfg.Offline))
		}
	}
	if !claims.Expires.After(now) {
		return fmt.Errorf("the certificate of the status signer has ended at %s", notAfter.Format(time.RFC3339))
	}
	var err error
	if s.list.Kind == KindIdentifier {
		err = p.signIdentifiers(s, claims)
	} else {
		err = p.signBits(s, claims)
	}
	if err != nil {
		return err
	}
	s.issued = now
	for _, o := range s.objects {
		o.URI, o.Version, o.IssuedAt, o.Expires, o.TTL = s.list.URI, s.list.Version, now, claims.Expires, p.cfg.TTL
	}
	return nil
}

// signBits makes both tokens of one body.
func (p *Publisher) signBits(s *shard, claims statuslist.Claims) error {
	if s.body == nil {
		list, err := statuslist.FromBytes(1, s.bits)
		if err != nil {
			return err
		}
		if s.body, err = statuslist.Build(list); err != nil {
			return err
		}
	}
	jwt, err := s.body.SignJWT(p.signer.key, claims, p.signer.chain, p.cfg.Rand)
	if err != nil {
		return err
	}
	cwt, err := s.body.SignCWT(p.signer.key, claims, p.signer.chain, p.cfg.Rand)
	if err != nil {
		return err
	}
	s.objects = []*Object{newObject([]byte(jwt), MediaTypeJWT), newObject(cwt, MediaTypeCWT)}
	return nil
}

// signIdentifiers makes the one token of an identifier list.
func (p *Publisher) signIdentifiers(s *shard, claims statuslist.Claims) error {
	cwt, err := statuslist.SignIdentifierList(Identifiers(s.list.Key, s.indices), p.signer.key, claims, p.signer.chain, p.cfg.Rand)
	if err != nil {
		return err
	}
	s.objects = []*Object{newObject(cwt, MediaTypeIdentifiers)}
	return nil
}
