package officebench

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"path/filepath"
	"time"

	"vidimus/internal/app/issuer"
)

// certify turns the configuration into that of a real office: https behind a
// proxy, registries with client certificates. Files lie beside the state.
func (o *office) certify() {
	o.Helper()
	ca := o.certificate("ca", nil)
	o.certificate("server", ca)
	for _, s := range o.sources {
		o.certificate(s.host(), ca)
	}
	o.cfg.Dev, o.cfg.PublicURL, o.cfg.Clients = false, "https://issuer.example", []string{"https://wallet.example"}
	o.cfg.RegistryTLS = issuer.TLS{Certificate: filepath.Join(o.dir, "server.pem"), Key: filepath.Join(o.dir, "server.key"), ClientCA: filepath.Join(o.dir, "ca.pem")}
}

func (s registry) host() string { return s.name[len("https://"):] }

type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// certificate makes NAME.pem and NAME.key: a CA, or a leaf of it for NAME and
// the address of this machine.
func (o *office) certificate(name string, by *authority) *authority {
	o.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	o.must(err)
	now := time.Now() // the TLS library knows no other clock
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent, signer := leaf, key
	if by == nil {
		leaf.IsCA, leaf.BasicConstraintsValid, leaf.KeyUsage = true, true, x509.KeyUsageCertSign
	} else {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, parent, key.Public(), signer)
	o.must(err)
	cert, err := x509.ParseCertificate(der)
	o.must(err)
	o.writePEM(filepath.Join(o.dir, name+".pem"), "CERTIFICATE", der)
	der, err = x509.MarshalPKCS8PrivateKey(key)
	o.must(err)
	o.writePEM(filepath.Join(o.dir, name+".key"), "PRIVATE KEY", der)
	return &authority{cert, key}
}
