package wallet_test

import (
	"crypto/rand"
	"math/big"
	"strings"
	"testing"
	"time"

	"vidimus/internal/cbor"
	"vidimus/internal/mdoc"
	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/proximity"
	"vidimus/internal/wallet"
)

// revocations is a list of the reader CA of the world.
func (w *world) revocations(written time.Time, revoked ...*pki.Certificate) *pki.CRLs {
	w.t.Helper()
	return w.revocationsOf(w.pki.ReaderCA, written, revoked...)
}

func (w *world) revocationsOf(ca pkitest.Entity, written time.Time, revoked ...*pki.Certificate) *pki.CRLs {
	w.t.Helper()
	r := pki.Revocations{Number: big.NewInt(1), ThisUpdate: written, NextUpdate: written.AddDate(0, 0, 30)}
	for _, c := range revoked {
		r.Revoked = append(r.Revoked, pki.RevokedCertificate{Serial: c.Cert.SerialNumber, At: written})
	}
	list, err := pki.BuildCRL(r, ca.Cert, ca.Key, rand.Reader)
	w.must(err)
	set, err := pki.NewCRLs(list)
	w.must(err)
	return set
}

// A reader that was revoked is told from one that nobody vouches for, gets nothing,
// and is not made good by a second signature; without a list, or with one that has
// ended, the holder is told that nobody knows.
func TestRevokedReaders(t *testing.T) {
	w := holding(t, 1)
	now := w.pki.Now
	lost := w.pki.MustIssue(t, pki.Template{Profile: pki.ProfileReader, Subject: pki.Name{Country: pkitest.Country, Organization: "Utopia Police", CommonName: "Patrol 9"}}, &w.pki.ReaderCA)
	for _, tt := range []struct {
		name    string
		by      pkitest.Entity
		lists   *pki.CRLs
		state   wallet.ReaderState
		revoked pki.RevocationState
	}{
		{"on the list", *lost, w.revocations(now, lost.Cert), wallet.ReaderRevoked, pki.Revoked},
		{"on a list that has ended", *lost, w.revocations(now.AddDate(0, -2, 0), lost.Cert), wallet.ReaderRevoked, pki.Revoked},
		{"another is on the list", w.pki.Reader, w.revocations(now, lost.Cert), wallet.ReaderKnown, pki.NotRevoked},
		{"a list that has ended", w.pki.Reader, w.revocations(now.AddDate(0, -2, 0)), wallet.ReaderKnown, pki.RevocationUnknown},
		{"no list", w.pki.Reader, nil, wallet.ReaderKnown, pki.RevocationNotChecked},
	} {
		for _, all := range []bool{false, true} {
			by := asReader(tt.by)
			by.All = all
			asked, r := w.ask(wallet.Session{Readers: w.readers(), Revoked: tt.lists, Consent: wallet.AgreeToAll}, mdoc.RequestOptions{Reader: by}, licence("family_name"))
			id := asked.Documents[0].Reader
			if id.State != tt.state || id.Revocation != tt.revoked || id.Authority != "Utopia" || (id.Reason == "") != (id.State == wallet.ReaderKnown) {
				t.Errorf("%s, all %v: %+v", tt.name, all, id)
			}
			if answered := len(r.Documents) == 1; answered == id.Refused() {
				t.Errorf("%s, all %v: %d documents", tt.name, all, len(r.Documents))
			}
		}
	}
}

// AgreeToKnown is for holders who show nothing to strangers.
func TestAgreeToKnown(t *testing.T) {
	w := holding(t, 1)
	other := newWorld(t, "")
	for _, tt := range []struct {
		name string
		by   *mdoc.Reader
		want int
	}{{"known", asReader(w.pki.Reader), 1}, {"of another world", asReader(other.pki.Reader), 0}, {"nobody", nil, 0}} {
		if _, r := w.ask(wallet.Session{Readers: w.readers(), Consent: wallet.AgreeToKnown}, mdoc.RequestOptions{Reader: tt.by}, licence("family_name")); len(r.Documents) != tt.want {
			t.Errorf("%s: %d documents", tt.name, len(r.Documents))
		}
	}
}

// Signatures over the whole request: they say who asks for each document, also
// without readerAuth; a false one beside a good one counts.
func TestReaderAuthAll(t *testing.T) {
	w := holding(t, 1)
	other := newWorld(t, "")
	requests := []mdoc.ItemsRequest{licence("family_name"), licence("portrait")}
	build := func(e pkitest.Entity, session mdoc.SessionTranscript) map[string]cbor.RawMessage {
		t.Helper()
		by := asReader(e)
		by.All = true
		b, err := mdoc.BuildDeviceRequest(requests, mdoc.RequestOptions{Reader: by, Transcript: session}, rand.Reader)
		w.must(err)
		members := map[string]cbor.RawMessage{}
		w.must(cbor.Unmarshal(b, &members))
		return members
	}
	here := transcript(t)
	elsewhere, err := mdoc.OpenID4VPTranscript(clientID, "another nonce of another session", nil, responseURI)
	w.must(err)
	known, stranger, foreign := build(w.pki.Reader, here), build(other.pki.Reader, here), build(w.pki.Reader, elsewhere)
	plain, err := mdoc.BuildDeviceRequest(requests, mdoc.RequestOptions{}, rand.Reader)
	w.must(err)
	bare := map[string]cbor.RawMessage{}
	w.must(cbor.Unmarshal(plain, &bare))
	both := func(a, b map[string]cbor.RawMessage) cbor.RawMessage {
		var one, two []cbor.RawMessage
		w.must(cbor.Unmarshal(a["readerAuthAll"], &one))
		w.must(cbor.Unmarshal(b["readerAuthAll"], &two))
		return cbor.MustMarshal(append(one, two...))
	}
	for _, tt := range []struct {
		name      string
		documents map[string]cbor.RawMessage
		all       cbor.RawMessage
		want      wallet.ReaderState
	}{
		{"the whole alone", bare, known["readerAuthAll"], wallet.ReaderKnown},
		{"each and the whole", known, known["readerAuthAll"], wallet.ReaderKnown},
		{"of two domains, one known", bare, both(stranger, known), wallet.ReaderKnown},
		{"of a stranger", bare, stranger["readerAuthAll"], wallet.ReaderUnknown},
		{"each known, the whole of a stranger", known, stranger["readerAuthAll"], wallet.ReaderKnown},
		{"each known, the whole of another session", known, foreign["readerAuthAll"], wallet.ReaderInvalid},
		{"each of another session, the whole known", foreign, known["readerAuthAll"], wallet.ReaderInvalid},
		{"of two domains, one false", bare, both(known, foreign), wallet.ReaderInvalid},
	} {
		request := cbor.MustMarshal(map[string]cbor.RawMessage{"version": cbor.MustMarshal("1.1"), "docRequests": tt.documents["docRequests"], "readerAuthAll": tt.all})
		var asked wallet.Inquiry
		s := wallet.Session{Wallet: w.wallet, Readers: w.readers(), Consent: func(q wallet.Inquiry) func(wallet.AskedDocument, wallet.AskedElement) bool { asked = q; return nil }}
		_, err := s.Answer(request, here)
		w.must(err)
		for i, d := range asked.Documents {
			if d.Reader.State != tt.want {
				t.Errorf("%s, document %d: %+v", tt.name, i, d.Reader)
			}
		}
		if len(asked.Documents) != 2 {
			t.Errorf("%s: %d documents", tt.name, len(asked.Documents))
		}
	}
}

// The engagement of a wallet of ours says that it reads readerAuthAll.
func TestCapabilities(t *testing.T) {
	e, _, err := proximity.NewEngagement(proximity.Options{BLE: &proximity.BLE{CentralClient: true}, Capabilities: wallet.Capabilities()}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if e.Capabilities == nil || !e.Capabilities.ReaderAuthAll || !strings.HasPrefix(e.Version, "1.1") {
		t.Errorf("%+v", e)
	}
}
