//go:build interop

package interop

import (
	"crypto/rand"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vidimus/internal/clock"
	"vidimus/internal/elements"
	"vidimus/internal/fetch"
	"vidimus/internal/mdoc"
	"vidimus/internal/proximity"
	"vidimus/internal/wallet"
)

const (
	clientID    = "x509_san_dns:verifier.example"
	nonce       = "hYVkT9pM2cJ4sWq8Zr1bNa"
	responseURI = "https://verifier.example/response"
)

// reference opens our wallet with everything that P-1 can have.
func (o *office) reference() *wallet.Wallet {
	o.t.Helper()
	store, err := wallet.OpenStore(filepath.Join(o.t.TempDir(), "wallet"))
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { _ = store.Close() })
	w, err := wallet.New(wallet.Config{Store: store, Clock: clock.System{}, Rand: rand.Reader, Web: fetch.New(fetch.Options{AllowInsecureLoopback: true}), AllowInsecure: true})
	if err != nil {
		o.t.Fatal(err)
	}
	offer := o.offer("P-1", "mdl", "pid-mdoc", "pid-sd-jwt")
	if _, err := w.Accept(o.t.Context(), offer.Reference, wallet.AcceptOptions{TxCode: offer.TxCode, Copies: 3}); err != nil {
		o.t.Fatal(err)
	}
	return w
}

// What our wallet shows is accepted by other people's verifiers, and a changed
// session is not.
func TestForeignVerifierOfPresentations(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	w := o.reference()
	write := func(name string, data []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Run("mdoc over OpenID4VP", func(t *testing.T) {
		o.t = t
		transcript, err := mdoc.OpenID4VPTranscript(clientID, nonce, nil, responseURI)
		if err != nil {
			t.Fatal(err)
		}
		for _, docType := range []string{elements.MDLDocType, elements.PIDDocType} {
			response, err := w.PresentMdoc(wallet.MdocPresentation{DocType: docType, Elements: []string{"family_name", "given_name", "birth_date"}, Transcript: transcript})
			if err != nil {
				t.Fatal(err)
			}
			file := write("response.cbor", response)
			o.node("node", "verify.mjs", "--device-response", file, "--client-id", clientID, "--nonce", nonce, "--response-uri", responseURI, "--trust", o.iaca())
			if out, err := o.tryNode("node", "verify.mjs", "--device-response", file, "--client-id", clientID, "--nonce", "another-nonce-altogether", "--response-uri", responseURI, "--trust", o.iaca()); err == nil {
				t.Errorf("another nonce is accepted: %s", tail(out))
			}
		}
	})
	t.Run("mdoc over a QR session", func(t *testing.T) {
		o.t = t
		engagement, _, err := proximity.NewEngagement(proximity.Options{}, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		reader, err := proximity.NewReader(engagement, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		defer reader.Close()
		response, err := w.PresentMdoc(wallet.MdocPresentation{DocType: elements.MDLDocType, Elements: []string{"portrait", "family_name", "driving_privileges", "age_over_18"}, Transcript: reader.Transcript()})
		if err != nil {
			t.Fatal(err)
		}
		o.node("node", "verify.mjs", "--device-response", write("response.cbor", response), "--transcript", hex.EncodeToString(reader.Transcript()), "--trust", o.iaca())
	})
	t.Run("SD-JWT with key binding", func(t *testing.T) {
		o.t = t
		shown, err := w.PresentSDJWT(wallet.SDJWTPresentation{VCT: elements.PIDVCT, Claims: []string{"family_name", "address.locality"}, Nonce: nonce, Audience: clientID})
		if err != nil {
			t.Fatal(err)
		}
		file := write("shown.sdjwt", []byte(shown))
		printed := o.node("node", "verify.mjs", "--sd-jwt", file, "--nonce", nonce, "--aud", clientID, "--trust", o.iaca(), "--status")
		if strings.Contains(printed, "given_name") {
			t.Error("shows what was not chosen")
		}
		if out, err := o.tryNode("node", "verify.mjs", "--sd-jwt", file, "--nonce", "another", "--aud", clientID, "--trust", o.iaca()); err == nil {
			t.Errorf("another nonce is accepted: %s", tail(out))
		}
	})
}
