package issuancebench

import (
	"net/http"
	"testing"

	"vidimus/internal/jose"
	"vidimus/internal/mdoc"
	"vidimus/internal/oid4vci"
)

// What is measured is what is said: a copy has the 30 elements of the workload at
// least, with a portrait of 19 to 20 KiB, and is signed for the key of the wallet.
func TestIssuanceWorkload(t *testing.T) {
	o := openOffice(t)
	u := o.underTest()
	key := newKey(t)
	token, err := u.grant(key)
	o.must(err)
	r, err := u.request(key, token, walletKeys{key}, 0, 1)
	o.must(err)
	var body string
	_, err = ask(http.StatusOK, http.MethodPost, r.url, r.header, string(r.body), &body)
	o.must(err)
	answer, err := oid4vci.ParseCredentialResponse([]byte(body))
	o.must(err)
	octets, err := jose.DecodeBase64URL(answer.Credentials[0].Credential)
	o.must(err)
	issued, err := mdoc.ParseIssuerSigned(octets)
	o.must(err)
	elements, largest := 0, 0
	for _, n := range issued.NameSpaces {
		elements += len(n.Items)
		for _, item := range n.Items {
			largest = max(largest, len(item.Raw))
		}
	}
	t.Logf("a copy of %d octets with %d elements, the largest of %d octets", len(octets), elements, largest)
	if elements < 30 || largest < 19<<10 {
		t.Errorf("%d elements, the largest of %d octets: not the workload", elements, largest)
	}
}
