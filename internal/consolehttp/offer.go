package consolehttp

import (
	"context"
	"crypto/rand"
	"html/template"
	"net/http"
	"regexp"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/document"
	"vidimus/internal/jose"
	"vidimus/internal/officer"
	"vidimus/internal/problem"
	"vidimus/internal/qr"
)

// OfferWish asks for an offer of all configurations of a document.
type OfferWish struct {
	Person, Document string
	// Login has the person log in on the phone: the offer holds no secret. Else it
	// holds a code, and the person is told another.
	Login bool
	Key   string // a repeat with the same key gives the same offer
	Actor string // id of the officer
}

// Offer is how a phone gets copies.
type Offer struct {
	URI       string // for a link
	Reference string // for a QR code
	TxCode    string // to be handed over; "" without
	Expires   time.Time
}

// Offers makes offers to wallets.
type Offers interface {
	// Logins says whether persons can log in: without, all offers hold a code.
	Logins() bool
	// Offer makes one, on record. CredentialRequestDenied when nothing of the
	// document can be issued now.
	Offer(ctx context.Context, w OfferWish) (*Offer, error)
}

// offerKey is what a page of ours puts into its form.
var offerKey = regexp.MustCompile(`^[0-9A-Z]{26}$`)

// offered opens the look-up of an offer, and finds the document.
func (r *request) offered(number string) (officer.Access, document.Subject, error) {
	if err := r.Officers.Allow(r.c.Request.Context(), *r.login, officer.PowerOffer); err != nil {
		return officer.Access{}, document.Subject{}, err
	}
	a, s, err := r.open(audit.ActionShow)
	if err == nil && s.Document(number) == nil {
		err = problem.New(problem.NotFound, "no such document")
	}
	return a, s, err
}

type offerView struct {
	*frame
	Ref, Name, Document string
	Logins              bool
	Key                 string
	// Made is nil while the officer chooses.
	Made *Offer
	Link template.URL // of a scheme of ours, with a value that was encoded
	QR   template.URL
}

// showOffer asks how the person is to prove who it is.
func (r *request) showOffer() error {
	_, s, err := r.offered(r.c.Query("document"))
	if err != nil {
		return err
	}
	return r.show(http.StatusOK, "offer.html", offerView{
		frame: r.frame("invitation.title", "search"), Ref: r.c.Param("ref"), Name: nameOf(s), Document: r.c.Query("document"),
		Logins: r.Offers.Logins(), Key: rand.Text(),
	})
}

// makeOffer makes an offer and shows it, as a link and as a QR code. The same
// form sent again shows the same.
func (r *request) makeOffer() error {
	a, s, err := r.offered(r.form.Get("document"))
	if err != nil {
		return err
	}
	way := r.form.Get("way")
	if !offerKey.MatchString(r.form.Get("key")) || way != "login" && way != "code" || way == "login" && !r.Offers.Logins() {
		return problem.New(problem.InvalidRequest, "the form is not one of ours")
	}
	o, err := r.Offers.Offer(r.c.Request.Context(), OfferWish{
		Person: a.Person, Document: r.form.Get("document"), Login: way == "login", Key: r.form.Get("key"), Actor: r.login.Officer.ID,
	})
	if err != nil {
		return err
	}
	code, err := qr.Encode(o.Reference)
	if err != nil {
		return problem.Wrap(problem.Internal, err, "")
	}
	view := offerView{
		frame: r.frame("invitation.title", "search"), Ref: r.c.Param("ref"), Name: nameOf(s), Document: r.form.Get("document"), Made: o,
		Link: template.URL(o.URI), QR: template.URL("data:image/svg+xml;base64," + jose.EncodeBase64([]byte(code.SVG()))),
	}
	r.headers(r.c, true)
	return r.show(http.StatusOK, "offer.html", view)
}
