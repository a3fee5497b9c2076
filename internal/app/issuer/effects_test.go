package issuer_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"vidimus/api/registryclient"
	"vidimus/internal/app/issuer"
	"vidimus/internal/elements"
	"vidimus/internal/fetch"
	"vidimus/internal/mdoc"
	"vidimus/internal/policy"
	"vidimus/internal/verification"
	"vidimus/internal/wallet"
)

// licence lets a verifier judge the mdl in a wallet, with the lists of now.
func (h *holder) licence() *verification.Report {
	h.t.Helper()
	transcript, err := mdoc.OpenID4VPTranscript(clientID, nonce, nil, responseURI)
	h.must(err)
	response, err := h.PresentMdoc(wallet.MdocPresentation{
		DocType: elements.MDLDocType, Elements: []string{"family_name", "portrait", "driving_privileges"}, Transcript: transcript,
	})
	h.must(err)
	web := fetch.New(fetch.Options{AllowInsecureLoopback: true})
	defer web.Close()
	return verification.DeviceResponse(response, verification.Options{
		Now: h.clock.Now(), Trust: h.anchors(), CRLs: h.crls(), Transcript: transcript, Lists: lists(web, "cwt"),
	})
}

// window lets everything that waits for its tick be published.
func (o *office) window() { o.pass(2*o.cfg.Status.Mix + o.cfg.Status.Tick) }

// quick is an office whose windows are short.
func quick(c *issuer.Config) {
	calm(c)
	c.Status.Mix, c.Status.Cover = 5*time.Minute, 0
}

// calm is an office whose lists are signed when they change alone, as far as a
// test looks.
func calm(c *issuer.Config) { c.Status.TTL, c.Status.OpenLists = 24*time.Hour, 3 }

// A ban leaves the holder a licence without categories; lifting it brings them
// back in new copies alone.
func TestCourtBan(t *testing.T) {
	t.Parallel()
	o := newOffice(t, quick).serve().people()
	s := o.speaker()
	h := o.holds("DL-1", 2)
	expect(t, h.licence(), policy.Green, policy.Valid)
	raw := rawWallet{o, newKey(t)}
	offer := o.offer(issuer.OfferWish{Documents: []string{"DL-1"}})
	_, token := raw.token(offer.URI, offer.TxCode, raw.proof(o.cfg.PublicURL+"/token", ""))

	s.say("P-1", ban("M-1", registryclient.CourtBan))
	// A grant of before is still good: for what holds now.
	if status, code, copy := raw.credential("mdl", token, raw.nonce(), raw.proof(o.cfg.PublicURL+"/credential", token)); status != http.StatusOK || copy == "" {
		t.Errorf("with a token of before: %d %s", status, code)
	}
	reduced := o.holds("DL-1", 2)
	if got := reduced.categories(); got != "[]" {
		t.Errorf("under a ban: %s", got)
	}
	o.window()
	expect(t, h.licence(), policy.Red, policy.Revoked)
	expect(t, reduced.licence(), policy.Green, policy.Valid)
	o.stands("DL-1", 3, 2)

	o.clock.Advance(time.Hour)
	s.say("P-1", registryclient.MeasureLifted{ID: "M-1", Reason: "served"})
	whole := o.holds("DL-1", 2)
	if got := whole.categories(); got != "[AM B BE]" {
		t.Errorf("after the ban: %s", got)
	}
	o.window()
	expect(t, h.licence(), policy.Red, policy.Revoked) // for good
	expect(t, reduced.licence(), policy.Red, policy.Revoked)
	expect(t, whole.licence(), policy.Green, policy.Valid)
	o.stands("DL-1", 2, 5)
	o.stands("DL-2", 0, 0)
}

// New facts about a person end the copies with the old ones.
func TestPersonChanged(t *testing.T) {
	t.Parallel()
	o := newOffice(t, quick).serve().people()
	s := o.speaker()
	h := o.holder()
	h.takes(o.offer(issuer.OfferWish{Person: "P-1"}), 2)
	if name := h.value("mdl", "family_name_national_character") + h.value("pid-sd-jwt", "family_name"); !strings.Contains(name, "Weber") {
		t.Fatalf("the wallet has %s", name)
	}
	events, err := issuer.Sample(o.cfg.Authority, o.clock.Now())
	o.must(err)
	put := events[0]
	put.Payload = []byte(strings.ReplaceAll(string(put.Payload), "Dvořák-Weber", "Canary"))
	o.push(put)
	o.window()
	o.stands("DL-1", 0, 2)
	o.stands("ID-1", 0, 4)
	for id, r := range o.verify(h.Wallet) {
		if r.Colour != policy.Red || r.Verdict.Status != policy.Revoked {
			t.Errorf("%s: %s %+v", id, r.Colour, r.Verdict)
		}
	}
	h.takes(o.offer(issuer.OfferWish{Person: "P-1"}), 1)
	for id, name := range map[string]string{"mdl": "family_name", "pid-mdoc": "family_name", "pid-sd-jwt": "family_name"} {
		if got := h.value(id, name); got != `"Canary"` {
			t.Errorf("%s says %s", id, got)
		}
	}
	for id, r := range o.verify(h.Wallet) {
		if r.Colour != policy.Green {
			t.Errorf("%s: %s %+v", id, r.Colour, r.Verdict)
		}
	}
	s.seq++ // the outbox has pushed one
	again := s.say("DL-1", registryclient.DocumentCarrierLost{Number: "DL-1", Reason: "lost"})
	o.window()
	o.stands("DL-1", 1, 2)
	if r := s.receipt(again); r.State != "applied" || r.Copies != 0 {
		t.Errorf("the card is not the copy: %+v", r)
	}
}

// A lost phone takes its own copies with it, and what was granted before.
func TestWalletLost(t *testing.T) {
	t.Parallel()
	o := newOffice(t).serve().people()
	s := o.speaker()
	kept := o.holds("DL-1", 2)
	its := o.unit("DL-1")
	o.clock.Advance(time.Minute)
	lost := rawWallet{o, newKey(t)}
	tokenURL, credentialURL := o.cfg.PublicURL+"/token", o.cfg.PublicURL+"/credential"
	offer := o.offer(issuer.OfferWish{Documents: []string{"DL-1"}})
	_, token := lost.token(offer.URI, offer.TxCode, lost.proof(tokenURL, ""))
	if status, code, _ := lost.credential("mdl", token, lost.nonce(), lost.proof(credentialURL, token)); status != http.StatusOK {
		t.Fatalf("%d %s", status, code)
	}
	unused := o.offer(issuer.OfferWish{Documents: []string{"DL-1"}, Key: "before"})
	o.clock.Advance(time.Minute)
	set := s.say("P-1", registryclient.WalletLost{Wallet: o.unit("DL-1", its), Reason: "stolen"})
	if r := s.covered(set); r.Copies != 1 {
		t.Errorf("%+v", r)
	}
	o.stands("DL-1", 2, 1)
	expect(t, kept.licence(), policy.Green, policy.Valid)
	if status, code, _ := lost.credential("mdl", token, lost.nonce(), lost.proof(credentialURL, token)); status != http.StatusBadRequest || code != "credential_request_denied" {
		t.Errorf("the stolen phone fetches again: %d %s", status, code)
	}
	fresh := o.holder()
	fresh.takes(unused, 1) // what was offered is the person's, not that phone's
	expect(t, fresh.licence(), policy.Green, policy.Valid)

	unused = o.offer(issuer.OfferWish{Documents: []string{"DL-1"}, Key: "second"})
	o.clock.Advance(time.Minute)
	s.covered(s.say("P-1", registryclient.WalletLost{Reason: "all"}))
	o.stands("DL-1", 0, 4)
	late := rawWallet{o, newKey(t)}
	status, token := late.token(unused.URI, unused.TxCode, late.proof(tokenURL, ""))
	if status == http.StatusOK {
		if status, code, _ := late.credential("mdl", token, late.nonce(), late.proof(credentialURL, token)); status != http.StatusBadRequest || code != "credential_request_denied" {
			t.Errorf("an offer of before is good: %d %s", status, code)
		}
	}
	o.clock.Advance(time.Minute)
	expect(t, o.holds("DL-1", 1).licence(), policy.Green, policy.Valid)
}

// A wallet unit that its provider took back gets nothing more, whoever holds it.
func TestWalletUnitRevoked(t *testing.T) {
	t.Parallel()
	o := newOffice(t).serve().people()
	s := o.speaker()
	other := o.holds("DL-1", 1)
	its := o.unit("DL-1")
	o.clock.Advance(time.Minute)
	raw := rawWallet{o, newKey(t)}
	credentialURL := o.cfg.PublicURL + "/credential"
	give := func(document, configuration string) (int, string) {
		t.Helper()
		offer := o.offer(issuer.OfferWish{Documents: []string{document}, Configurations: []string{configuration}})
		_, token := raw.token(offer.URI, offer.TxCode, raw.proof(o.cfg.PublicURL+"/token", ""))
		status, code, _ := raw.credential(configuration, token, raw.nonce(), raw.proof(credentialURL, token))
		return status, code
	}
	for document, configuration := range map[string]string{"DL-1": "mdl", "ID-2": "pid-sd-jwt"} {
		if status, code := give(document, configuration); status != http.StatusOK {
			t.Fatalf("%d %s", status, code)
		}
	}
	unit := o.unit("DL-1", its)
	if unit != o.unit("ID-2") {
		t.Error("one key, two units")
	}
	o.clock.Advance(time.Minute)
	if r := s.covered(s.say(unit, registryclient.WalletUnitRevoked{Reason: "rooted"})); r.Copies != 2 {
		t.Errorf("%+v", r)
	}
	o.stands("DL-1", 1, 1)
	o.stands("ID-2", 0, 1)
	expect(t, other.licence(), policy.Green, policy.Valid)
	o.clock.Advance(time.Minute)
	if status, code := give("DL-1", "mdl"); status != http.StatusBadRequest || code != "credential_request_denied" {
		t.Errorf("the unit gets a copy: %d %s", status, code)
	}
	expect(t, o.holds("DL-1", 1).licence(), policy.Green, policy.Valid)
}

// Two records of one person become one, and a record of two people two; the
// copies of both begin anew.
func TestMergeAndSplit(t *testing.T) {
	t.Parallel()
	o := newOffice(t, quick).serve().people()
	s := o.speaker()
	h1, h2 := o.holds("DL-1", 1), o.holds("DL-2", 1)
	before := o.offer(issuer.OfferWish{Documents: []string{"DL-1"}})
	o.clock.Advance(time.Second)
	set := s.say("P-1", registryclient.PersonMerged{Into: "P-2"})
	o.window()
	if r := s.receipt(set); r.State != "covered" {
		t.Errorf("%+v", r)
	}
	o.stands("DL-1", 0, 1)
	expect(t, h1.licence(), policy.Red, policy.Revoked)
	if _, err := h1.Accept(t.Context(), before.URI, wallet.AcceptOptions{TxCode: before.TxCode}); err == nil {
		t.Error("an offer to the record that is gone")
	}
	if _, err := o.desk().Offer(t.Context(), issuer.OfferWish{Person: "P-1", Key: "gone"}); err == nil {
		t.Error("the record that is gone gets an offer")
	}
	if got := o.holds("DL-1", 1).value("mdl", "given_name"); got != `"Jean-Luc"` {
		t.Errorf("DL-1 names %s", got)
	}
	expect(t, h2.licence(), policy.Green, policy.Valid) // nothing on it became untrue

	refused(t, s.client.Push(t.Context(), s.sign("P-1", ban("M", registryclient.CourtBan))), http.StatusBadRequest, "invalid_request")
	s.seq--
	events, err := issuer.Sample(o.cfg.Authority, o.clock.Now())
	o.must(err)
	var facts struct{ Attributes map[string]any }
	o.must(unmarshal(events[0].Payload, &facts))
	o.clock.Advance(time.Second)
	valid, invalid := o.standing("DL-1")
	set = s.say("P-2", registryclient.PersonSplit{New: "P-9", Attributes: facts.Attributes, Documents: []string{"DL-1", "ID-1"}, Entitlements: nil})
	o.window()
	if r := s.receipt(set); r.State != "covered" {
		t.Errorf("%+v", r)
	}
	o.stands("DL-1", 0, valid+invalid)
	s.say("P-9", registryclient.EntitlementPut{Kind: "driving", Territory: "UT", Privileges: []registryclient.Privilege{{Category: "B", IssueDate: "2024-06-15", ExpiryDate: "2034-06-15"}}})
	h9 := o.holds("DL-1", 1)
	if got := h9.value("mdl", "given_name"); got != `"Erika"` || h9.categories() != "[B]" {
		t.Errorf("DL-1 names %s with %s", got, h9.categories())
	}
	expect(t, h9.licence(), policy.Green, policy.Valid)
}

// What ends a document or its holder ends the copies, and there are no others.
// Bad input R14.
func TestBlocked(t *testing.T) {
	t.Parallel()
	o := newOffice(t, quick).serve().people()
	s := o.speaker()
	for document, say := range map[string]func(){
		"DL-1": func() { s.say("DL-1", registryclient.DocumentSurrendered{Number: "DL-1", Reason: "moved"}) },
		"DL-2": func() { s.say("DL-2", registryclient.DocumentAnnulled{Number: "DL-2", Reason: "fraud"}) },
		"DL-3": func() { s.say("P-3", registryclient.PersonDied{}) },
	} {
		h := o.holds(document, 1)
		open := o.offer(issuer.OfferWish{Documents: []string{document}})
		o.clock.Advance(time.Second)
		say()
		o.window()
		expect(t, h.licence(), policy.Red, policy.Revoked)
		if _, err := h.Accept(t.Context(), open.URI, wallet.AcceptOptions{TxCode: open.TxCode}); err == nil {
			t.Errorf("%s: an open offer is good", document)
		}
		if _, err := o.desk().Offer(t.Context(), issuer.OfferWish{Documents: []string{document}, Key: document}); err == nil {
			t.Errorf("%s: offered", document)
		}
	}
}
