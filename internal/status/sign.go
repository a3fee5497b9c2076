package status

import (
	"fmt"
	"time"

	"vidimus/internal/statuslist"
)

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
	if claims.Expires.After(p.notAfter) {
		claims.Expires = p.notAfter
		if left := p.notAfter.Sub(now); left < p.cfg.Offline {
			p.alarm("certificate", fmt.Errorf("the certificate of the status signer ends at %s: lists count for %s, less than readers are without a network (%s)",
				p.notAfter.Format(time.RFC3339), left, p.cfg.Offline))
		}
	}
	if !claims.Expires.After(now) {
		return fmt.Errorf("the certificate of the status signer has ended at %s", p.notAfter.Format(time.RFC3339))
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
	jwt, err := s.body.SignJWT(p.cfg.Signer, claims, p.cfg.Chain, p.cfg.Rand)
	if err != nil {
		return err
	}
	cwt, err := s.body.SignCWT(p.cfg.Signer, claims, p.cfg.Chain, p.cfg.Rand)
	if err != nil {
		return err
	}
	s.objects = []*Object{newObject([]byte(jwt), MediaTypeJWT), newObject(cwt, MediaTypeCWT)}
	return nil
}

// signIdentifiers makes the one token of an identifier list.
func (p *Publisher) signIdentifiers(s *shard, claims statuslist.Claims) error {
	cwt, err := statuslist.SignIdentifierList(Identifiers(s.list.Key, s.indices), p.cfg.Signer, claims, p.cfg.Chain, p.cfg.Rand)
	if err != nil {
		return err
	}
	s.objects = []*Object{newObject(cwt, MediaTypeIdentifiers)}
	return nil
}
