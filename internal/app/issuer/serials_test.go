package issuer_test

import (
	"errors"
	"math/big"
	"strings"
	"testing"

	"vidimus/internal/app/issuer"
)

// A serial number is read as openssl and our own commands print it, and strictly.
func TestParseSerial(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"4F2A": "4f2a", "4f2a": "4f2a", "serial=4F2A": "4f2a", "SERIAL=4f2a": "4f2a", "0x4F2A": "4f2a", "0X4f2a": "4f2a", "4f:2a": "4f2a", "serial=4F:2A": "4f2a", " 4F2A\n": "4f2a",
		"F2A": "f2a", "004f2a": "4f2a", strings.Repeat("7F", 20): strings.Repeat("7f", 20),
		"": "", "0": "", "0000": "", "-4F2A": "", "+4F2A": "", "4F 2A": "", "4F:2": "", "4F::2A": "", ":4F": "", "4F:": "", "xyz": "", "serial=": "", "0x": "", "4F_2A": "", "4F2A;": "",
		"serial=0x": "", "0xserial=4F": "", strings.Repeat("7F", 21): "", strings.Repeat("f", 1<<20): "",
	} {
		n, err := issuer.ParseSerial(text)
		switch {
		case want == "" && err == nil:
			t.Errorf("%.40q: %x", text, n)
		case want == "" && len(err.Error()) > 500:
			t.Errorf("%.40q: an error of %d bytes", text, len(err.Error()))
		case want != "" && (err != nil || n.Text(16) != want):
			t.Errorf("%.40q: %v, %v", text, n, err)
		}
	}
}

// A serial number that none of our certificates has below the root of a list revokes
// nobody; the refusal says which there are, and of which list one is.
func TestKnownSerials(t *testing.T) {
	t.Parallel()
	o := newOffice(t, withVICAL).serve()
	mdl, receipt, vical, root := o.certificateAt("certs/ds-mdl.pem"), o.certificateAt("certs/receipt.pem"), o.certificateAt("certs/vical.pem"), o.iaca()[0]
	reader := o.reader("Patrol 7")
	of, ok := new(big.Int).SetString(reader.Serial, 16)
	if !ok {
		t.Fatal(reader.Serial)
	}
	check := func(list, says string, unknown bool, serials ...*big.Int) {
		t.Helper()
		_, err := issuer.Revocable(t.Context(), &o.cfg, list, serials, unknown)
		if says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
			t.Errorf("%x: %v, want %q", serials, err, says)
		}
	}
	check("", "", false, mdl.Cert.SerialNumber)
	check("iaca", "", false, mdl.Cert.SerialNumber)
	check("operations", "", false, vical.Cert.SerialNumber, receipt.Cert.SerialNumber)
	check("", "signers.vical stands below another root, say --list operations", false, vical.Cert.SerialNumber)
	check("operations", "signers.mdl stands below another root, say --list iaca", false, mdl.Cert.SerialNumber)
	check("", "has the serial number "+root.Cert.SerialNumber.Text(16), false, root.Cert.SerialNumber)
	check("", "reader Patrol 7: run issuer reader revoke", false, of)
	check("", "has the serial number 4f2a. There are ", false, mdl.Cert.SerialNumber, big.NewInt(0x4f2a))
	check("", "", true, big.NewInt(0x4f2a))
	check("iaca-9", "this office has no list", false, mdl.Cert.SerialNumber)
	check("", "at most 100", false, make([]*big.Int, 101)...)
	if err := issuer.KnownSerials(&o.cfg, "", []*big.Int{big.NewInt(7)}); !errors.Is(err, issuer.ErrUnknownSerial) || !strings.Contains(err.Error(), "signers.mdl "+mdl.Cert.SerialNumber.Text(16)) {
		t.Errorf("%v", err)
	}
	if n := o.audited(`"action":"signer.revoke"`, `"serial":"`+mdl.Cert.SerialNumber.Text(16)+`"`); n != 2 {
		t.Errorf("%d lines about a known one", n)
	}
	if n := o.audited(`"action":"signer.revoke"`, `"serial":"4f2a"`, `"reason":"unknown"`); n != 1 {
		t.Errorf("%d lines about an unknown one", n)
	}
	// One that has left the configuration is known as long as it is published.
	cfg := o.cfg
	cfg.Signers = map[string]issuer.Signer{"status": o.cfg.Signers["status"]}
	if err := issuer.KnownSerials(&cfg, "", []*big.Int{mdl.Cert.SerialNumber}); err != nil {
		t.Error(err)
	}
}
