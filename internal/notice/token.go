package notice

import (
	"encoding/json"
	"fmt"
	"time"

	"vidimus/internal/jose"
)

const (
	// TokenType is the typ of a notice to the portal.
	TokenType = "vidimus-notice+jwt"
	// ContentType is that of the request that carries it.
	ContentType = "application/" + TokenType
)

// Claims are those of a notice to the portal.
type Claims struct {
	Issuer   string `json:"iss"`
	Audience string `json:"aud"` // the address of the webhook
	IssuedAt int64  `json:"iat"` // of this attempt
	JTI      string `json:"jti"` // the same at every attempt
	// Subject is the person number; after a merge that of today.
	Subject string `json:"sub"`
	Created int64  `json:"created"` // when the change was recorded

	Fact         string `json:"fact"`
	Effect       string `json:"effect"`
	Since        int64  `json:"since"`
	Document     string `json:"document,omitempty"`
	DocumentType string `json:"document_type,omitempty"`
	Measure      string `json:"measure,omitempty"`
	Authority    string `json:"authority,omitempty"`
	LegalBasis   string `json:"legal_basis,omitempty"`
	// Texts are by language.
	Texts map[string]Text `json:"texts"`
}

// token makes the body of a webhook request.
func (s *Service) token(m Message, r Record, person string, now time.Time) (string, error) {
	c := Claims{
		Issuer: s.cfg.Issuer, Audience: s.cfg.WebhookURL, IssuedAt: now.Unix(), JTI: m.ID, Subject: person, Created: r.Created.Unix(),
		Fact: string(m.Fact), Effect: string(m.Effect), Since: m.Since.Unix(), Document: m.Document, DocumentType: m.DocumentType,
		Measure: m.Measure, Authority: m.Authority, LegalBasis: m.LegalBasis, Texts: map[string]Text{},
	}
	for language, w := range s.words {
		c.Texts[language] = w.text(m, s.cfg.Appeal[language], s.cfg.Zone)
	}
	payload, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("encoding a notice: %w", err)
	}
	return jose.Sign(s.cfg.Signer, s.header, payload, s.cfg.Rand)
}
