package wallettest

import (
	"crypto"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"vidimus/internal/catalog"
	"vidimus/internal/document"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/statuslist"
)

// listSize is the number of entries of the status list.
const listSize = 1 << 12

// Issue makes one copy per key, each with a status index of its own.
func (i *Issuer) Issue(configuration string, keys ...crypto.PublicKey) ([]string, error) {
	cfg, ok := i.catalog.Configuration(configuration)
	if !ok {
		return nil, fmt.Errorf("no configuration %q", configuration)
	}
	at := slices.IndexFunc(i.person.Documents, func(d document.Document) bool { return d.Type == cfg.DocumentType })
	if at < 0 {
		return nil, fmt.Errorf("no document of type %q", cfg.DocumentType)
	}
	signer := i.World.DocumentSignerMDL
	if cfg.Signer == "pid" {
		signer = i.World.DocumentSignerPID
	}
	terms := catalog.Terms{NotBefore: signer.Cert.NotBefore(), NotAfter: signer.Cert.NotAfter(), Country: signer.Cert.Country, State: signer.Cert.State}
	if cfg.Format == catalog.FormatSDJWT {
		terms.Issuer = pkitest.IssuerURL
	}
	batch, err := cfg.NewBatch(i.person, i.person.Documents[at], i.clock.Now(), terms)
	if err != nil {
		return nil, err
	}
	var credentials []string
	for _, key := range keys {
		i.index++
		prepared, err := batch.Prepare(catalog.Copy{Key: key, ListURI: i.ListURI(), Index: i.index}, rand.Reader)
		if err != nil {
			return nil, err
		}
		credential, err := prepared.Sign(signer.Key, signer.Chain, rand.Reader)
		if err != nil {
			return nil, err
		}
		credentials = append(credentials, credential.Text())
	}
	return credentials, nil
}

// ListURI is the address of the status list.
func (i *Issuer) ListURI() string { return i.URL + "/status/1" }

// StatusList gives the token of the list, on which everything is valid.
func (i *Issuer) StatusList(format statuslist.Format) ([]byte, error) {
	list, err := statuslist.New(1, listSize)
	if err != nil {
		return nil, err
	}
	body, err := statuslist.Build(list)
	if err != nil {
		return nil, err
	}
	now := i.clock.Now()
	claims := statuslist.Claims{Subject: i.ListURI(), IssuedAt: now.Add(-time.Minute), Expires: now.AddDate(0, 0, 14), TTL: 5 * time.Minute}
	by := i.World.StatusSigner
	if format == statuslist.FormatCWT {
		return body.SignCWT(by.Key, claims, by.Chain, rand.Reader)
	}
	token, err := body.SignJWT(by.Key, claims, by.Chain, rand.Reader)
	return []byte(token), err
}
