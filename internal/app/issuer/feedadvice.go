package issuer

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
)

// advise says what helps against an error of a connection. What no repetition
// mends is no registryclient.ErrTryAgain any more.
func (f *Feed) advise(err error) error {
	var failed *url.Error
	if err == nil || !errors.As(err, &failed) {
		return err
	}
	var alert *net.OpError
	var verification *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("nobody listens at %s: is `issuer serve` running, and is that its listen.registry? --endpoint names another: %w", f.client.Endpoint, err)
	case errors.As(err, &verification) || errors.As(err, &unknown):
		return fmt.Errorf("the office's certificate is not trusted: --tls-roots names the CA of registry_tls.certificate: %w", failed)
	case errors.As(err, &alert) && alert.Op == "remote error" && !strings.Contains(alert.Err.Error(), "certificate"):
	case alert != nil && alert.Op == "remote error" && f.anonymous:
		return fmt.Errorf("the office wants a client certificate of registry_tls.client_ca: give it with --tls-certificate and --tls-key: %w", failed)
	case f.anonymous && strings.HasPrefix(f.client.Endpoint, "https:") && (errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, io.EOF)):
		// The alert was lost: the office closed while we still wrote.
		return fmt.Errorf("the connection was closed; an office outside --dev wants a client certificate: give it with --tls-certificate and --tls-key: %w", err)
	case alert != nil && alert.Op == "remote error":
		return fmt.Errorf("the office does not take the client certificate: --tls-certificate must be valid, and signed by registry_tls.client_ca of the office: %w", failed)
	}
	return err
}
