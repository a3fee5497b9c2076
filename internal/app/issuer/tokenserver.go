package issuer

import (
	"vidimus/internal/authserver"
	"vidimus/internal/catalog"
	"vidimus/internal/issuerhttp"
)

// tokenServers makes who gives wallets their tokens: the built-in server, or
// nobody here when another does.
func (a *App) tokenServers(secret []byte, cat *catalog.Catalog) error {
	var err error
	if a.cfg.external() {
		a.external, err = a.externalServer(secret, cat)
		return err
	}
	tokens := authserver.Config{
		Issuer: a.cfg.PublicURL, TokenEndpoint: a.cfg.PublicURL + issuerhttp.TokenPath, Secret: secret, Configurations: grantable(cat),
		Clients: a.cfg.Clients, Dev: a.cfg.Dev, AnonymousClients: a.cfg.Dev, Attesters: a.providers.wallets, AttestationChallenges: a.cfg.Wallets.Challenges,
		DPoPNonces: a.cfg.Wallets.DPoPNonces, RefreshLifetime: a.cfg.Wallets.Refresh,
		OfferLifetime: a.cfg.Offers.Lifetime, TxCodeLength: a.cfg.Offers.TxCodeLength, TxCodeAttempts: a.cfg.Offers.TxCodeAttempts,
	}
	if a.cfg.hasLogin() {
		tokens.PushEndpoint = a.cfg.PublicURL + issuerhttp.ParPath
	}
	if a.cfg.Dev {
		tokens.ClientAuth = authserver.ClientKnown
	}
	a.tokens, err = authserver.New(tokens, authserver.Parts{
		Store: a.store, Subjects: a.records, Audit: a.store, Clock: a.opts.Clock, Rand: a.opts.Rand,
		Unit:              func(thumbprint string) string { return a.issuance.WalletUnit(thumbprint) },
		AttestationStatus: a.attestationStatus,
	})
	return err
}
