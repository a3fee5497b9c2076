package wallet

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"vidimus/internal/clock"
	"vidimus/internal/pki"
	"vidimus/internal/wallet"
)

// Files of a test wallet provider. The key of its root is thrown away.
const (
	providerRoot  = "ca.pem"
	providerChain = "provider.pem"
	providerKey   = "provider.key"
)

// providerClientID is what the provider calls the wallet unless it has a name.
const providerClientID = "vidimus-wallet"

// MakeProvider makes a test wallet provider in a new folder.
func MakeProvider(dir string, now time.Time, out io.Writer) error {
	root, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("making a wallet provider: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("making a wallet provider: %w", err)
	}
	name := pki.Name{Country: "UT", Organization: "Utopia", CommonName: "Test wallet provider CA"}
	begin := now.Add(-time.Hour)
	ca, err := pki.Build(pki.Template{Profile: pki.ProfileOperationsCA, Subject: name, NotBefore: begin, IssuerAltName: "https://wallet-provider.example"}, nil, root, rand.Reader)
	if err != nil {
		return fmt.Errorf("making a wallet provider: %w", err)
	}
	name.CommonName = "Test wallet provider"
	leaf, err := pki.Build(pki.Template{
		Profile: pki.ProfileReceiptSigner, Subject: name, NotBefore: begin, IssuerAltName: "https://wallet-provider.example",
		CRLDistributionPoint: "https://wallet-provider.example/crl", Public: key.Public(),
	}, ca, root, rand.Reader)
	if err != nil {
		return fmt.Errorf("making a wallet provider: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("making a wallet provider: %w", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("making a wallet provider: %w", err)
	}
	for _, f := range []struct {
		name string
		data []byte
	}{
		{providerRoot, pki.EncodePEM(ca)}, {providerChain, pki.EncodePEM(leaf)},
		{providerKey, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})},
	} {
		if err := os.WriteFile(filepath.Join(dir, f.name), f.data, 0o600); err != nil {
			return fmt.Errorf("making a wallet provider: %w", err)
		}
	}
	fmt.Fprintln(out, filepath.Join(dir, providerRoot))
	return nil
}

// openProvider reads what MakeProvider wrote.
func openProvider(dir string) (*wallet.TestProvider, error) {
	read := func(name string) ([]byte, error) { return readFile(filepath.Join(dir, name)) }
	chain, err := read(providerChain)
	if err != nil {
		return nil, err
	}
	certs, err := pki.ParsePEM(chain)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, providerChain), err)
	}
	text, err := read(providerKey)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s: no key in PEM", filepath.Join(dir, providerKey))
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: not a PKCS#8 key", filepath.Join(dir, providerKey))
	}
	key, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, errors.New("the key of the wallet provider does not sign")
	}
	p := &wallet.TestProvider{Key: key, Clock: clock.System{}, Rand: rand.Reader}
	for _, c := range certs {
		p.Chain = append(p.Chain, c.Raw)
	}
	return p, nil
}
