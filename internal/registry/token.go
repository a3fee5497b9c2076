package registry

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"vidimus/internal/document"
	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

const (
	tokenType   = "secevent+jwt"
	eventPrefix = "urn:vidimus:event:"
	eventSuffix = ":1"
)

// statement is a token that was verified, and its source's right to say it
// checked as far as it does not depend on the state.
type statement struct {
	record  EventRecord
	source  Source
	issued  time.Time
	payload document.Payload
	// urgent is what the last judgement found: the event revokes copies, and
	// that is to be published at once.
	urgent bool
}

// verify checks a token in the order of RFC 8935, section 2: form, issuer,
// key, signature, audience, claims, right, payload. peer is the source whose
// certificate the connection has, "" when the connection does not say. Beside
// an error the statement, when not nil, is that of a source that is proven.
func (in *Inbox) verify(token, peer string, now time.Time) (*statement, error) {
	if len(token) > MaxItem {
		return nil, problem.New(problem.TooLarge, "the token has more than %d octets", MaxItem)
	}
	signed, err := jose.Parse(token, MaxItem)
	if err != nil {
		return nil, problem.Wrap(problem.InvalidRequest, err, "not a compact JWS: %s", err)
	}
	if t := strings.TrimPrefix(signed.Header.Type, "application/"); t != tokenType {
		return nil, problem.New(problem.InvalidRequest, "typ is not %s", tokenType)
	}
	c, err := readClaims(signed.Payload)
	if err != nil {
		return nil, err
	}
	source, known := in.sources[c.Issuer]
	if !known {
		return nil, problem.New(problem.InvalidIssuer, "iss is not a source that we know")
	}
	if peer != "" && peer != source.Name {
		return nil, problem.New(problem.AccessDenied, "the connection belongs to another source than iss")
	}
	key, known := source.Keys[signed.Header.KeyID]
	if !known {
		return nil, problem.New(problem.InvalidKey, "kid is not a key of this source")
	}
	digest, err := signed.VerifyWithDigest(key, "ES256")
	if err != nil {
		if errors.Is(err, jose.ErrSignature) {
			return nil, problem.Wrap(problem.AuthenticationFailed, err, "the signature does not verify")
		}
		return nil, problem.Wrap(problem.InvalidKey, err, "alg is not ES256")
	}
	s := &statement{source: source, record: EventRecord{
		Source: source.Name, JTI: c.JTI, Token: token, Digest: digest, Decision: c.TXN,
	}}
	if err := in.checkClaims(s, c); err != nil {
		return nil, err
	}
	// From here on the source is known to say this: s goes to the audit.
	return s, s.readEvent(c, now)
}

func (in *Inbox) checkClaims(s *statement, c claims) error {
	if !audienceHas(c.Audience, in.issuer) {
		return problem.New(problem.InvalidAudience, "aud is not this office")
	}
	if !validID(c.JTI) {
		return problem.New(problem.InvalidRequest, "jti is not 1 to %d visible ASCII characters", maxID)
	}
	if c.TXN != "" && !validID(c.TXN) {
		return problem.New(problem.InvalidRequest, "txn is not 1 to %d visible ASCII characters", maxID)
	}
	if c.IssuedAt == nil {
		return problem.New(problem.InvalidRequest, "iat is missing")
	}
	s.issued = time.Unix(*c.IssuedAt, 0).UTC()
	s.record.Effective = s.issued
	if c.TOE != nil {
		s.record.Effective = time.Unix(*c.TOE, 0).UTC()
	}
	if y := s.record.Effective.Year(); y < document.MinYear || y > document.MaxYear {
		return problem.New(problem.InvalidRequest, "toe lies outside the years that we keep")
	}
	return nil
}

// audienceHas reports whether aud is or contains name (RFC 7519, 4.1.3).
func audienceHas(aud json.RawMessage, name string) bool {
	var one string
	if jose.DecodeJSON(aud, &one) == nil {
		return one == name
	}
	var many []string
	if jose.DecodeJSON(aud, &many) != nil {
		return false
	}
	for _, a := range many {
		if a == name {
			return true
		}
	}
	return false
}

// readEvent reads sub_id and the one event, and checks the matrix as far as
// the payload tells.
func (s *statement) readEvent(c claims, now time.Time) error {
	if len(c.Events) != 1 {
		return problem.New(problem.InvalidRequest, "events has not exactly one member")
	}
	for uri := range c.Events {
		name := strings.TrimSuffix(strings.TrimPrefix(uri, eventPrefix), eventSuffix)
		if eventPrefix+name+eventSuffix != uri {
			return problem.New(problem.InvalidRequest, "the event is not %sNAME%s", eventPrefix, eventSuffix)
		}
		if !s.source.maySend(name) {
			return problem.New(problem.AccessDenied, "this source may not send this event: %.64q is not in events of its entry in the office's sources", name)
		}
		s.record.Name = name
	}
	var err error
	if s.record.Seq, s.record.Prev, err = order(c.body); err != nil {
		return err
	}
	if s.payload, err = document.ParsePayload(s.record.Name, c.body, now, "seq", "prev"); err != nil {
		return err
	}
	if err := s.source.maySay(s.payload); err != nil {
		return err
	}
	if s.record.Seq == 0 {
		return problem.New(problem.InvalidRequest, "seq is missing: it counts from 1")
	}
	subject, err := subjectID(c.SubID)
	if err != nil {
		return err
	}
	return s.place(subject)
}
