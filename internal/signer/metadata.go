package signer

import (
	"strings"
	"time"

	"vidimus/internal/oid4vci"
)

// readMetadata: what wallets read of the office first. Whoever names another place in it
// has the wallets send their requests there.
func (h *held) readMetadata(payload []byte, now instant) error {
	var w struct {
		oid4vci.IssuerMetadata
		Subject  string `json:"sub"`
		Issuer   string `json:"iss"`
		IssuedAt *int64 `json:"iat"`
		Expires  *int64 `json:"exp"`
	}
	if err := closed(payload, &w); err != nil {
		return err
	}
	o := &h.Policy.Office
	if !o.own(w.Subject) || !o.own(w.CredentialIssuer) || w.Issuer != "" && !o.own(w.Issuer) {
		return badPolicy("metadata: sub or credential_issuer is not the office: public_url of the signer's configuration says who it is")
	}
	if err := recent("metadata", w.IssuedAt, maxAge, now); err != nil {
		return err
	}
	if w.Expires == nil || *w.Expires <= *w.IssuedAt || *w.Expires-*w.IssuedAt > int64(maxMetadataLife/time.Second) {
		return badPolicy("metadata: exp is not within %s of iat", maxMetadataLife)
	}
	return o.judgePlaces(&w.IssuerMetadata)
}

// judgePlaces holds every address in the metadata against that of the office.
func (o *Office) judgePlaces(m *oid4vci.IssuerMetadata) error {
	for name, endpoint := range map[string]string{
		"credential_endpoint": m.CredentialEndpoint, "nonce_endpoint": m.NonceEndpoint,
		"deferred_credential_endpoint": m.DeferredCredentialEndpoint, "notification_endpoint": m.NotificationEndpoint,
	} {
		if endpoint == "" && name != "credential_endpoint" {
			continue
		}
		if !o.serves(endpoint) {
			return badPolicy("metadata: %s is not of the office", name)
		}
	}
	for _, server := range m.AuthorizationServers {
		if !o.own(server) && (server == "" || server != o.AuthorizationServer) {
			return badPolicy("metadata: authorization_servers names one that is not the office's: authorization_server of the signer's configuration says which other it has")
		}
	}
	images := []*oid4vci.Image{}
	for _, d := range m.Display {
		images = append(images, d.Logo)
	}
	for _, c := range m.Configurations {
		if c.Metadata == nil {
			continue
		}
		for _, d := range c.Metadata.Display {
			images = append(images, d.Logo, d.BackgroundImage)
		}
	}
	for _, i := range images {
		if i != nil && !o.serves(i.URI) && !strings.HasPrefix(i.URI, "data:image/") {
			return badPolicy("metadata: a picture that is not of the office")
		}
	}
	return nil
}
