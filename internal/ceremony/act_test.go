package ceremony

import (
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
)

func TestParseRefuses(t *testing.T) {
	w := newWorld(t)
	w.do("iaca", w.root("iaca-root", "iaca"))
	w.do("iaca2", w.root("iaca-root", "iaca2"))
	leaf, list, link, root := w.leaf("document-signer-mdl", "mdl", "iaca"), w.crl("crl", "iaca", 1, ""), w.link("link", "iaca", "iaca2"), w.root("iaca-root", "iaca3")
	for _, good := range []string{leaf, list, link, root} {
		if _, err := Parse([]byte(good)); err != nil {
			t.Fatal(err)
		}
	}
	one := leaf[:strings.Index(leaf, "  - name: Grace")] + leaf[strings.Index(leaf, "witnesses:"):]
	tests := []struct{ name, text, old, new, says string }{
		{"empty", "", "", "", "EOF"},
		{"unknown key", leaf, "purpose:", "porpoise: x\npurpose:", "porpoise"},
		{"a key twice", leaf, "purpose:", "purpose: x\npurpose:", "already defined"},
		{"two documents", leaf, "audit: audit.log\n", "audit: audit.log\n---\nact: x\n", "more than one"},
		{"unknown act", leaf, "document-signer-mdl", "ca", "there are iaca-root"},
		{"no purpose", leaf, "A signer for tests.", `""`, "purpose"},
		{"a purpose that nobody sees", leaf, "A signer for tests.", `"a\u202eb"`, "nobody sees"},
		{"a digest key of the signer process", leaf, "signing_key: soft:path=iaca", "signing_key: signer:key=iaca", "name the key itself"},
		{"a PIN in the URI", leaf, "signing_key: soft:path=iaca", "signing_key: pkcs11:token=t;pin-value=1234", "PIN"},
		{"no issuer", leaf, "issuer: {file: iaca.pem", "follows: {file: iaca.pem", "issuer"},
		{"a root with an issuer", root, "purpose:", "issuer: {file: iaca.pem, sha256: " + w.derHash("iaca.pem") + "}\npurpose:", "issuer"},
		{"a digest too short", leaf, w.derHash("iaca.pem"), "abcd", "issuer.sha256"},
		{"serial too short", leaf, "purpose:", "serial: 1234\npurpose:", "serial: not 16 octets"},
		{"serial negative in DER", leaf, "purpose:", "serial: " + strings.Repeat("f", 32) + "\npurpose:", "serial: not 16 octets"},
		{"serial that is none", leaf, "purpose:", "serial: " + strings.Repeat("g", 32) + "\npurpose:", "serial: not 16 octets"},
		{"a date alone", leaf, "2026-09-13T00:00:00Z", "2026-09-13", "not_after"},
		{"another time zone", leaf, "2026-09-13T00:00:00Z", "2026-09-13T00:00:00+02:00", "not_after"},
		{"ends before it begins", leaf, "2026-09-13", "2026-06-13", "not_after"},
		{"no subject", leaf, "subject: {country: UT, organization: Utopia, common_name: Utopia mdl}\n", "", "subject"},
		{"certifies in a leaf", leaf, "purpose:", "certifies: {file: iaca.pem}\npurpose:", "certifies"},
		{"subject in a link", link, "purpose:", "subject: {country: UT}\npurpose:", "certifies"},
		{"a number in a leaf", leaf, "purpose:", "number: 4\npurpose:", "are of a crl"},
		{"a serial in a list", list, "purpose:", "serial: 00\npurpose:", "nothing of a certificate"},
		{"list 0", list, "number: 1", "number: 0", "number"},
		{"list 2 that follows none", list, "number: 1", "number: 2", "follows"},
		{"an entry without serial", list, "output:", "revoked: [{at: 2026-06-14T00:00:00Z}]\noutput:", "serial"},
		{"an entry with a sign", list, "output:", `revoked: [{serial: "-12", at: 2026-06-14T00:00:00Z}]` + "\noutput:", "serial"},
		{"one operator", one, "", "", "operators: 1"},
		{"one operator twice", leaf, "Grace Hopper", "Ada Lovelace", "there twice"},
		{"two operators with one key", leaf, indent(w.read("grace.pub")), indent(w.read("ada.pub")), "another operator's"},
		{"an operator's key for the record", leaf, indent(w.read("recorder.pub")), indent(w.read("ada.pub")), "transcript.public_key"},
		{"an operator without a key", leaf, indent(w.read("grace.pub")), "      none\n", "PUBLIC KEY"},
		{"an operator as witness", leaf, "Charles Babbage", "Ada Lovelace", "there twice"},
		{"no witness", leaf, "witnesses: [Charles Babbage]", "witnesses: []", "witnesses: 0"},
		{"previous that is none", leaf, "  previous: " + w.previous, "  previous: yesterday", "transcript.previous"},
		{"no output", leaf, "output: mdl.pem", "output: \"\"", "output"},
		{"one output for both", leaf, "output: mdl.pem", "output: mdl.jws", "output"},
		{"a usage that is none", leaf, "purpose:", "extended_key_usages: [serverAuth]\npurpose:", "object identifier"},
		{"approvals for a quarter", leaf, "purpose:", "approval_days: 31\npurpose:", "approval_days: 31, from 1 to 30"},
		{"approvals for less than nothing", leaf, "purpose:", "approval_days: -1\npurpose:", "approval_days"},
		{"too long", leaf + strings.Repeat("# more\n", MaxAct/7), "", "", "at most"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := tt.text
			if tt.old != "" {
				if !strings.Contains(text, tt.old) {
					t.Fatalf("%q is not in the act", tt.old)
				}
				text = strings.Replace(text, tt.old, tt.new, 1)
			}
			a, err := Parse([]byte(text))
			if a != nil || !errors.Is(err, ErrAct) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, want %q", err, tt.says)
			}
		})
	}
}

// TestPlanRefuses: files that an act names and that are not those that were meant.
func TestPlanRefuses(t *testing.T) {
	w := newWorld(t)
	w.do("iaca", w.root("iaca-root", "iaca"))
	w.do("iaca2", w.root("iaca-root", "iaca2"))
	w.do("mdl", w.leaf("document-signer-mdl", "mdl", "iaca"))
	serial := "\nserial: 4f000000000000000000000000000001\n"
	leaf, link := w.leaf("document-signer-pid", "pid", "iaca")+serial, w.link("link", "iaca", "iaca2")+serial
	w.write("two.pem", w.read("iaca.pem")+w.read("iaca2.pem"))
	w.write("crl.der", "no list")
	list := w.crl("crl", "iaca", 2, "follows: {file: crl.der, sha256: "+w.derHash("crl.der")+"}\n")
	tests := []struct{ name, text, old, new, says string }{
		{"missing", leaf, "{file: iaca.pem", "{file: gone.pem", "no such file"},
		{"a folder", leaf, "{file: iaca.pem", "{file: .", "no regular file"},
		{"another certificate", leaf, "{file: iaca.pem", "{file: iaca2.pem", "the file is another one"},
		{"two certificates", leaf, "{file: iaca.pem", "{file: two.pem", "holds 2 certificates"},
		{"a leaf as issuer", leaf, "{file: iaca.pem, sha256: " + w.derHash("iaca.pem"), "{file: mdl.pem, sha256: " + w.derHash("mdl.pem"), "not a CA"},
		{"another key", leaf, "{file: pid.pub", "{file: mdl.pub", "the file is another one"},
		{"the key that signs", leaf, "{file: pid.pub, sha256: " + w.derHash("pid.pub"), "{file: iaca.pub, sha256: " + w.derHash("iaca.pub"), "is the key that signs"},
		{"a certificate for a key", leaf, "{file: pid.pub", "{file: mdl.pem", "PUBLIC KEY"},
		{"a link to a leaf", link, "certifies: {file: iaca2.pem, sha256: " + w.derHash("iaca2.pem"), "certifies: {file: mdl.pem, sha256: " + w.derHash("mdl.pem"), "not self-signed"},
		{"a usage where there is no choice", strings.Replace(leaf, "document-signer-pid", "document-signer-mdl", 1), "purpose:", "extended_key_usages: [1.2.3]\npurpose:", "is fixed"},
		{"a list that is none", list, "", "", "follows"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if !strings.Contains(tt.text, tt.old) {
				t.Fatalf("%q is not in the act", tt.old)
			}
			a, err := Load(w.write("act.yaml", strings.Replace(tt.text, tt.old, tt.new, 1)))
			if err != nil {
				t.Fatal(err)
			}
			if p, err := a.Plan(rand.Reader); p != nil || !errors.Is(err, ErrAct) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, want %q", err, tt.says)
			}
		})
	}
}

// TestFindings: what people should not have to see for themselves.
func TestFindings(t *testing.T) {
	w := newWorld(t)
	w.do("iaca", w.root("iaca-root", "iaca"))
	w.do("iaca2", w.root("iaca-root", "iaca2"))
	w.do("operations", strings.Replace(w.root("operations-ca", "operations"), "crl_distribution_point: https://utopia.example/crl/iaca.crl\n", "", 1))
	mdl := w.do("mdl", w.leaf("document-signer-mdl", "mdl", "iaca")).Transcript.Certificate
	pid := w.do("pid", w.leaf("document-signer-pid", "pid", "iaca")).Transcript.Certificate
	revoked := "revoked:\n  - {serial: " + mdl.Serial() + ", at: 2026-06-14T12:00:00Z}\n"
	w.do("crl1", w.crl("crl1", "iaca", 1, revoked))
	follows := "follows: {file: crl1.crl, sha256: " + w.derHash("crl1.crl") + "}\n"
	tests := []struct{ name, text, says string }{
		{"a signer of licences below the operations CA", w.leaf("document-signer-mdl", "leaf", "operations"), "issuer, as iaca: CRL distribution point is missing"},
		{"another country", strings.Replace(w.leaf("document-signer-mdl", "leaf", "iaca"), "country: UT", "country: AT", 1), "country differs"},
		{"a life beyond the root's", strings.NewReplacer("2026-06-15T00:00:00Z", "2035-06-01T00:00:00Z", "2026-09-13T", "2035-07-01T").Replace(w.leaf("document-signer-mdl", "leaf", "iaca")), "validity is not within the issuer's"},
		{"a root for 21 years", strings.Replace(w.root("iaca-root", "old"), "2035-06-15", "2047-06-15", 1), "longer than 20 years"},
		{"a link from a root to itself", w.link("self", "iaca", "iaca"), "another one"},
		{"a list that forgets", w.crl("crl2", "iaca", 2, follows+"revoked: [{serial: "+pid.Serial()+", at: 2026-06-14T12:00:00Z}]\n"), "was revoked at 2026-06-14T12:00:00Z, and is no more"},
		{"a list that dates otherwise", w.crl("crl2", "iaca", 2, follows+strings.Replace(revoked, "T12", "T13", 1)), "and is no more"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := w.plan("act", tt.text)
			if !strings.Contains(strings.Join(p.Draft.Findings, "; "), tt.says) {
				t.Errorf("findings %q, want %q", p.Draft.Findings, tt.says)
			}
			if _, err := p.Approve("Ada Lovelace", w.keys["ada"], start, rand.Reader); !errors.Is(err, ErrFindings) {
				t.Errorf("approved: %v", err)
			}
		})
	}
	good := w.plan("act", w.crl("crl2", "iaca", 2, follows+revoked+"  - {serial: "+pid.Serial()+", at: 2026-06-14T13:00:00Z}\n"))
	if len(good.Draft.Findings) > 0 {
		t.Errorf("a good list: %q", good.Draft.Findings)
	}
	// Lists say no more than 90 days ahead, and nothing of the time to come.
	for _, change := range [][2]string{{"2026-09-01", "2026-09-14"}, {"2026-06-14T12", "2026-06-15T12"}} {
		a, err := Parse([]byte(strings.Replace(w.crl("crl2", "iaca", 1, revoked), change[0], change[1], 1)))
		if err != nil {
			t.Fatal(err)
		}
		a.dir = w.dir
		if _, err := a.Plan(rand.Reader); !errors.Is(err, ErrAct) {
			t.Errorf("%v: %v", change, err)
		}
	}
}

func TestApproveRefuses(t *testing.T) {
	w := newWorld(t)
	p := w.plan("iaca", w.root("iaca-root", "iaca"))
	if _, err := p.Approve("Nobody", w.keys["ada"], start, rand.Reader); !errors.Is(err, ErrApproval) {
		t.Errorf("a stranger: %v", err)
	}
	if _, err := p.Approve("Ada Lovelace", w.keys["grace"], start, rand.Reader); !errors.Is(err, ErrKey) {
		t.Errorf("another's key: %v", err)
	}
	w.key("p521", elliptic.P521()) // keys of tokens may be
	if _, err := ParsePublicKey([]byte(w.read("p521.pub"))); err != nil {
		t.Error(err)
	}
}
