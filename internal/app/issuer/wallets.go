package issuer

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"vidimus/internal/idp"
	"vidimus/internal/issuerhttp"
)

// Wallets is what wallets show and may ask for.
type Wallets struct {
	Attesters    []string      `yaml:"attesters"`
	TrustedLists []TrustedList `yaml:"trusted_lists"`
	Status       string        `yaml:"status"`
	Roots        string        `yaml:"roots"`
	Challenges   bool          `yaml:"challenges"`
	DPoPNonces   bool          `yaml:"dpop_nonces"`
	Refresh      time.Duration `yaml:"refresh"`
	Defer        bool          `yaml:"defer"`
	AskAgain     time.Duration `yaml:"ask_again"`
	Encrypt      bool          `yaml:"encrypt"`
}

// Login is the OpenID Connect provider of the state.
type Login struct {
	Issuer      string   `yaml:"issuer"`
	ClientID    string   `yaml:"client_id"`
	SecretFile  string   `yaml:"secret_file"`
	ACR         []string `yaml:"acr"`
	PersonClaim string   `yaml:"person_claim"`
	Scopes      []string `yaml:"scopes"`
	Roots       string   `yaml:"roots"`
}

// maxRefresh is that of authserver; maxAskAgain leaves whoever waits at least one
// answer a day.
const (
	maxRefresh  = 366 * 24 * time.Hour
	maxAskAgain = 24 * time.Hour
)

// wallets checks what concerns wallets and the login of citizens.
func (k *checker) wallets() {
	w, l := k.c.Wallets, k.c.Login
	if w.Refresh < time.Minute || w.Refresh > maxRefresh {
		k.bad("wallets.refresh", "between 1m and %s, got %s", maxRefresh, w.Refresh)
	}
	if w.AskAgain < time.Second || w.AskAgain > maxAskAgain {
		k.bad("wallets.ask_again", "between 1s and %s, got %s", maxAskAgain, w.AskAgain)
	}
	if w.Challenges && !k.c.attested() {
		k.bad("wallets.challenges", "they are for wallets that prove themselves by attestation: name wallets.attesters or wallets.trusted_lists")
	}
	if !slices.Contains([]string{statusClosed, statusOpen, statusOff}, w.Status) {
		k.bad("wallets.status", "%s, %s or %s, got %q", statusClosed, statusOpen, statusOff, w.Status)
	}
	k.trustedLists()
	k.authorizationServer()
	if l.Issuer == "" {
		if l.ClientID != "" || l.SecretFile != "" || len(l.ACR) > 0 {
			k.bad("login.issuer", "missing: the address of the OpenID Connect provider")
		}
		return
	}
	if !strings.HasPrefix(l.Issuer, "https://") && !(k.c.Dev && loopback(strings.TrimPrefix(l.Issuer, "http://"))) {
		k.bad("login.issuer", "an https address is wanted, got %q", l.Issuer)
	}
	if l.ClientID == "" {
		k.bad("login.client_id", "missing: our name at the provider")
	}
	if len(l.ACR) == 0 {
		k.bad("login.acr", "missing: at least one level of assurance; a credential is worth no more than the login behind it")
	}
	if l.PersonClaim == "" {
		k.bad("login.person_claim", "missing: the claim that is the person number")
	}
}

// hasLogin says whether citizens can log in, and so wallets fetch without an
// offer.
func (c *Config) hasLogin() bool { return c.Login.Issuer != "" || c.Dev }

// login makes the login of citizens that comes back to callback; with --dev and
// without a provider the page on which a sample person is picked.
func (a *App) login(callback, page string) (idp.Provider, error) {
	l := a.cfg.Login
	if l.Issuer == "" {
		demo := &idp.Demo{PageURL: a.cfg.PublicURL + page, Clock: a.opts.Clock, Rand: a.opts.Rand}
		for i, p := range samplePeople {
			demo.People = append(demo.People, idp.DemoPerson{Number: SamplePeople[i], Name: p.given + " " + p.family})
		}
		return demo, nil
	}
	cfg := idp.Config{
		Issuer: l.Issuer, ClientID: l.ClientID, RedirectURL: a.cfg.PublicURL + callback, Scopes: l.Scopes, ACRs: l.ACR, PersonClaim: l.PersonClaim,
		AllowLoopback: a.cfg.Dev, Clock: a.opts.Clock, Rand: a.opts.Rand,
	}
	if l.SecretFile != "" {
		path := a.cfg.Path(l.SecretFile)
		if err := onlyOurs(path, 0o077, "others may read it", "chmod 600"); err != nil {
			return nil, fmt.Errorf("login.secret_file: %w", err)
		}
		secret, err := readLimited(path, 4<<10)
		if err != nil {
			return nil, fmt.Errorf("login.secret_file: %w", err)
		}
		cfg.Secret = strings.TrimSpace(string(secret))
	}
	var err error
	if cfg.Roots, err = a.cfg.webRoots("login.roots", l.Roots); err != nil {
		return nil, err
	}
	p, err := idp.New(cfg)
	if err != nil {
		return nil, fmt.Errorf("login: %w", err)
	}
	return p, nil
}

// codeFlow completes the public listener with what a login makes possible.
func (a *App) codeFlow(cfg *issuerhttp.PublicConfig) error {
	cfg.Authorization, cfg.Deferred, cfg.Encryption = nil, nil, nil
	if a.cfg.Wallets.Defer {
		cfg.Deferred = a.issuance
	}
	if a.cfg.Wallets.Encrypt {
		cfg.Encryption = a.issuance
	}
	switch {
	case a.cfg.Wallets.DPoPNonces && a.external != nil:
		cfg.Nonces = externalNonces{a.external}
	case a.cfg.Wallets.DPoPNonces:
		cfg.Nonces = a.tokens
	}
	if a.cfg.Wallets.Challenges && a.external == nil {
		cfg.Challenges = a.tokens
	}
	if !a.cfg.hasLogin() {
		return nil
	}
	secret, err := readSecret(a.cfg.Path(secretFile))
	if err != nil {
		return err
	}
	if cfg.Sealer, err = idp.NewSealer(secret, a.opts.Clock, a.opts.Rand); err != nil {
		return err
	}
	if cfg.Login, err = a.login(issuerhttp.CallbackPath, issuerhttp.DemoPath); err != nil {
		return err
	}
	if a.external != nil { // its login leads to tokens, ours to the pages of citizens alone
		return nil
	}
	cfg.Authorization = a.tokens
	cfg.Holdings = issuerhttp.RecordHoldings{Records: a.records, Catalog: a.records.catalog, Issuable: a.effects.Issuable, Clock: a.opts.Clock}
	return nil
}
