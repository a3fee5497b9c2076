package issuer

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"vidimus/internal/clock"
)

// maxCRL bounds the list of revoked client certificates: a state has a handful
// of registries.
const maxCRL = 4 << 20

// revokedClients is the CRL of the CA over client certificates (RFC 5280,
// section 5), read again when its file changes. One that none of the CAs signed,
// or of a lower number than the one before, is not taken.
type revokedClients struct {
	path  string
	cas   []*x509.Certificate
	clock clock.Clock

	mu     sync.Mutex
	read   time.Time // modification time of the file as read
	list   *x509.RevocationList
	serial map[string]bool
}

func (r *revokedClients) refresh() error {
	info, err := os.Stat(r.path)
	if err != nil {
		return err
	}
	if r.list != nil && info.ModTime().Equal(r.read) {
		return nil
	}
	if info.Size() > maxCRL {
		return fmt.Errorf("%s is larger than %d bytes", r.path, maxCRL)
	}
	data, err := os.ReadFile(r.path)
	if err != nil {
		return err
	}
	if block, _ := pem.Decode(data); block != nil {
		data = block.Bytes
	}
	list, err := x509.ParseRevocationList(data)
	if err != nil {
		return fmt.Errorf("%s: %w", r.path, err)
	}
	// Before anything is believed of it: else a number that anybody wrote would
	// keep the good ones out.
	if !slices.ContainsFunc(r.cas, func(ca *x509.Certificate) bool { return list.CheckSignatureFrom(ca) == nil }) {
		return fmt.Errorf("%s was not signed by a CA of client_ca: every client is refused until it is", r.path)
	}
	if old := r.list; old != nil && bytes.Equal(old.RawIssuer, list.RawIssuer) && old.Number != nil && (list.Number == nil || list.Number.Cmp(old.Number) < 0) {
		// Whoever was revoked stays so: the newer one counts until it runs out.
		r.read = info.ModTime()
		return nil
	}
	serial := map[string]bool{}
	for _, e := range list.RevokedCertificateEntries {
		serial[e.SerialNumber.String()] = true
	}
	r.list, r.serial, r.read = list, serial, info.ModTime()
	return nil
}

// certificatesOf reads the certificates of a PEM file.
func certificatesOf(data []byte) (certs []*x509.Certificate) {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if c, err := x509.ParseCertificate(block.Bytes); err == nil {
			certs = append(certs, c)
		}
	}
	return certs
}

// check refuses a chain whose leaf is on the list, and every chain when the
// list is not that of its CA, or has run out: what cannot be known is refused.
func (r *revokedClients) check(chain []*x509.Certificate) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.refresh(); err != nil {
		return fmt.Errorf("reading the list of revoked client certificates: %w", err)
	}
	if len(chain) < 2 {
		return errors.New("a client certificate that is its own CA")
	}
	if err := r.list.CheckSignatureFrom(chain[1]); err != nil {
		return fmt.Errorf("the list of revoked client certificates is not that of their CA: %w", err)
	}
	if now := r.clock.Now(); !r.list.NextUpdate.IsZero() && now.After(r.list.NextUpdate) {
		return errors.New("the list of revoked client certificates has run out")
	}
	if r.serial[chain[0].SerialNumber.String()] {
		return errors.New("the client certificate is revoked")
	}
	return nil
}
