//go:build interop

package interop

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vidimus/internal/app/issuer"
)

// fetches runs the foreign wallet, which must be content.
func (o *office) fetches(args ...string) string {
	o.t.Helper()
	printed := o.node("node", "wallet.mjs", append(args, "--trust", o.iaca())...)
	if !strings.HasSuffix(strings.TrimSpace(printed), "RESULT ok") {
		o.t.Fatalf("not RESULT ok:\n%s", tail(printed))
	}
	return printed
}

// library is a type of little worth: whoever sees the offer may have it.
const library = `
id: library
format: mso_mdoc
doctype: org.example.library.1
namespace: org.example.library.1
scope: library
document_type: library
signer: pid
without_tx_code: true
display:
  - {locale: en, name: Library card}
elements:
  - {name: card_number, source: document.number, type: text, mandatory: true}
---
id: library-sd-jwt
format: dc+sd-jwt
vct: urn:example:library:1
scope: library.sdjwt
document_type: library
signer: pid
without_tx_code: true
approval: true
elements:
  - {name: card_number, source: document.number, type: text, mandatory: true}
`

// withLibrary adds the type to an office, and a card of P-1.
func withLibrary(t *testing.T, text string) func(*issuer.Config, string) {
	return func(c *issuer.Config, _ string) {
		file := filepath.Join(t.TempDir(), "library.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c.Catalog = append(c.Catalog, file)
	}
}

func (o *office) pushCard() {
	o.t.Helper()
	o.push(issuer.FileEvent{Event: "document-put", Person: "P-1", Payload: json.RawMessage(
		`{"number":"LC-1","type":"library","issue_date":"2026-01-01","issuing_authority":"Utopia Library","issuing_country":"UT"}`)})
}

// An offer without a transaction code, of a type that a file of the state allows
// it for, and of no other.
func TestForeignWalletWithoutTxCode(t *testing.T) {
	t.Parallel()
	o := openOffice(t, withLibrary(t, strings.Replace(library, "approval: true\n", "", 1)))
	o.pushCard()
	desk, err := issuer.OpenDesk(&o.cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, lib := range []string{"0.5.0", "0.4.6"} {
		offer, err := desk.Offer(t.Context(), issuer.OfferWish{Documents: []string{"LC-1"}, WithoutTxCode: true, Key: lib})
		if err != nil {
			t.Fatal(err)
		}
		args := []string{"--offer", offer.URI, "--batch", "3", "--status"}
		if lib == "0.4.6" {
			args = append(args, "--lib", lib)
		}
		if printed := o.fetches(args...); strings.Count(printed, `"id": "library`) < 6 {
			t.Errorf("openid4vc-ts %s: %s", lib, tail(printed))
		}
		if out, err := o.tryNode("node", "wallet.mjs", "--offer", offer.URI); err == nil || !strings.Contains(out, "invalid_grant") {
			t.Errorf("who sees it second: %v\n%s", err, tail(out))
		}
	}
	if _, err := desk.Offer(t.Context(), issuer.OfferWish{Documents: []string{"ID-1"}, WithoutTxCode: true, Key: "id"}); err == nil {
		t.Error("an identity document to whoever sees the offer")
	}
}

// Twenty keys in one request, both ways encrypted, of everything.
func TestForeignWalletEncryptedBatch(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	for name, args := range map[string][]string{
		"a login": {"--offer", o.invitation("mdl", "pid-mdoc", "pid-sd-jwt"), "--form", "person=P-1"},
		"a code": func() []string {
			offer := o.offer("P-1", "mdl", "pid-mdoc", "pid-sd-jwt")
			return []string{"--offer", offer.URI, "--tx-code", offer.TxCode}
		}(),
	} {
		t.Run(name, func(t *testing.T) {
			o.t = t
			out := t.TempDir()
			o.fetches(append(args, "--encrypt", "--encrypt-request", "--batch", "20", "--status", "--out", out)...)
			if files, err := filepath.Glob(filepath.Join(out, "*.json")); err != nil || len(files) != 60 {
				t.Errorf("%d copies, %v", len(files), err)
			}
		})
	}
}

// What wallets say of their copies is counted, once for each batch.
func TestForeignWalletNotifies(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	said := func() string {
		t.Helper()
		resp, err := http.Get("http://" + o.cfg.Listen.Metrics + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(body)) {
			if n, ok := strings.CutPrefix(line, `vidimus_wallet_notifications_total{event="credential_accepted"} `); ok {
				return strings.TrimSpace(n)
			}
		}
		return "0"
	}
	for i, more := range [][]string{{"--no-notify"}, {}, {"--encrypt", "--encrypt-request"}} {
		offer := o.offer("P-1", "mdl", "pid-sd-jwt")
		printed := o.fetches(append([]string{"--offer", offer.URI, "--tx-code", offer.TxCode, "--batch", "2"}, more...)...)
		if n := fmt.Sprint(2 * i); said() != n {
			t.Errorf("%v: %s batches accepted, want %s\n%s", more, said(), n, tail(printed))
		}
	}
}

// A wallet of today finds metadata signed for it, in its language.
func TestForeignWalletMetadata(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	o.node("node", "metadata.mjs", "--issuer", o.cfg.PublicURL, "--trust", o.cfg.Path(o.cfg.AccessCA.Certificate), "--languages", "de,en,fr,lb", "--stranger", o.iaca())
}
