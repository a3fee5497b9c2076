package wallettest

import (
	"crypto"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"vidimus/internal/catalog"
	"vidimus/internal/clock"
	"vidimus/internal/document"
	"vidimus/internal/oid4vci"
	"vidimus/internal/pki/pkitest"
)

// Issuer is the server. Change its behaviour before the first request.
type Issuer struct {
	World *pkitest.World
	URL   string // the credential issuer identifier, http on loopback

	TxCode        string // wanted when not empty
	ClientID      string // of the only client; "" lets everybody in
	BatchSize     int    // default 20
	DPoPNonces    bool   // both servers demand theirs
	StaleNonces   int    // how many credential requests are refused with invalid_nonce
	Identifiers   bool   // the token names credential identifiers
	Datasets      int    // how many of each; default 2
	WithoutNonces bool   // no nonce endpoint
	Refreshes     bool   // there are refresh tokens
	// Decide says what becomes of a request, at the credential endpoint and each
	// time at the deferred one; nil delivers.
	Decide   func(configuration string) Decision
	Interval time.Duration // of those who have to wait; default Interval

	// Metadata and ServerMetadata may change the documents.
	Metadata       func(*oid4vci.IssuerMetadata)
	ServerMetadata func(*oid4vci.ServerMetadata)
	// Override answers a path below URL, or of the host, in the server's place.
	Override map[string]http.HandlerFunc
	// Forge changes what was issued before it is sent.
	Forge func(configuration string, keys []crypto.PublicKey, credentials []string) []string

	server  *httptest.Server
	clock   clock.Clock
	catalog *catalog.Catalog
	person  document.Subject
	codec   *oid4vci.NonceCodec

	mu            sync.Mutex
	index         uint64
	codes         map[string][]string // pre-authorized code -> configurations
	offers        map[string]string   // path -> object
	tokens        map[string]access
	refreshing    map[string]access    // refresh token -> what it is good for
	later         map[string]*deferred // transaction -> request
	used          map[string]bool      // nonces and proofs
	requests      []string
	notifications []oid4vci.Notification
}

type access struct {
	thumbprint     string
	configurations []string
	expires        time.Time
}

// New starts an issuer whose identifier has the given path ("" or "/tenant").
func New(world *pkitest.World, now clock.Clock, path string) (*Issuer, error) {
	i := &Issuer{
		World: world, clock: now, BatchSize: 20, Datasets: 2, Interval: Interval, index: 100,
		codes: map[string][]string{}, offers: map[string]string{}, tokens: map[string]access{}, used: map[string]bool{},
		refreshing: map[string]access{}, later: map[string]*deferred{},
	}
	var err error
	if i.catalog, err = catalog.Load(); err != nil {
		return nil, err
	}
	if i.person, err = person(); err != nil {
		return nil, err
	}
	i.server = httptest.NewServer(http.HandlerFunc(i.serve))
	i.URL = i.server.URL + path
	key := make([]byte, 32)
	rand.Read(key)
	if i.codec, err = oid4vci.NewNonceCodec(i.URL, 5*time.Minute, key); err != nil {
		i.server.Close()
		return nil, err
	}
	return i, nil
}

// Close stops the server.
func (i *Issuer) Close() { i.server.Close() }

// Object makes an offer of configurations.
func (i *Issuer) Object(configurations ...string) *oid4vci.CredentialOffer {
	code := random()
	i.mu.Lock()
	defer i.mu.Unlock()
	i.codes[code] = configurations
	offer := &oid4vci.CredentialOffer{CredentialIssuer: i.URL, ConfigurationIDs: configurations, PreAuthorized: &oid4vci.PreAuthorizedGrant{Code: code}}
	if i.TxCode != "" {
		offer.PreAuthorized.TxCode = &oid4vci.TxCode{Length: len(i.TxCode), Description: "sent by letter"}
	}
	return offer
}

// Offer makes an offer by value. scheme is "openid-credential-offer",
// "haip-vci" or a URL.
func (i *Issuer) Offer(scheme string, configurations ...string) (string, error) {
	return i.Object(configurations...).URI(scheme)
}

// OfferByReference makes an offer that the wallet has to fetch.
func (i *Issuer) OfferByReference(scheme string, configurations ...string) (string, error) {
	object, err := i.Object(configurations...).MarshalJSON()
	if err != nil {
		return "", err
	}
	id := random()
	i.mu.Lock()
	defer i.mu.Unlock()
	i.offers["/offers/"+id] = string(object)
	return oid4vci.OfferURIByReference(scheme, i.URL+"/offers/"+id)
}

// Requests lists what arrived, method and path.
func (i *Issuer) Requests() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]string(nil), i.requests...)
}

// Notifications lists what wallets said.
func (i *Issuer) Notifications() []oid4vci.Notification {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]oid4vci.Notification(nil), i.notifications...)
}

// IssuerMetadata is the document of the issuer.
func (i *Issuer) IssuerMetadata() *oid4vci.IssuerMetadata {
	m := &oid4vci.IssuerMetadata{
		CredentialIssuer: i.URL, CredentialEndpoint: i.URL + "/credential", NonceEndpoint: i.URL + "/nonce", NotificationEndpoint: i.URL + "/notification",
		DeferredCredentialEndpoint: i.URL + "/deferred_credential",
		Configurations:             map[string]oid4vci.Configuration{},
	}
	if i.WithoutNonces {
		m.NonceEndpoint = ""
	}
	if i.BatchSize > 1 {
		m.BatchCredentialIssuance = &oid4vci.BatchIssuance{BatchSize: i.BatchSize}
	}
	for _, id := range i.catalog.IDs() {
		cfg, _ := i.catalog.Configuration(id)
		m.Configurations[id] = cfg.Metadata()
	}
	if i.Metadata != nil {
		i.Metadata(m)
	}
	return m
}

func (i *Issuer) serverMetadata() *oid4vci.ServerMetadata {
	m := &oid4vci.ServerMetadata{
		Issuer: i.URL, TokenEndpoint: i.URL + "/token", GrantTypesSupported: []string{oid4vci.GrantPreAuthorized, "refresh_token"},
		PreAuthorizedAnonymousAccess: i.ClientID == "", DPoPAlgorithms: []string{"ES256"},
	}
	if i.ServerMetadata != nil {
		i.ServerMetadata(m)
	}
	return m
}

// once reports whether a value is seen for the first time.
func (i *Issuer) once(value string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.used[value] {
		return false
	}
	i.used[value] = true
	return true
}

func random() string {
	b := make([]byte, 16)
	rand.Read(b)
	return hex.EncodeToString(b)
}
