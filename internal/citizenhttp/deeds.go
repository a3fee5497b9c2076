package citizenhttp

import (
	"encoding/base64"
	"errors"
	"html/template"
	"net/http"
	"regexp"

	"vidimus/internal/citizen"
	"vidimus/internal/problem"
	"vidimus/internal/qr"
	"vidimus/internal/webserver/pages"
)

// offerKey is what a page of ours puts into its form.
var offerKey = regexp.MustCompile(`^[0-9a-f]{32}$`)

// offer makes an offer and shows it: as a link for this phone, as a QR code for
// another, with the code to type.
func (k *citizens) offer(v *visit) error {
	ctx, number := v.C.Request.Context(), v.Form.Get("document")
	documents, err := k.Office.Documents(ctx, v.Login.Person)
	if err != nil {
		return err
	}
	found := false
	for _, d := range documents {
		found = found || d.Number == number
	}
	switch {
	case !found:
		return problem.New(problem.NotFound, "no such document")
	case !offerKey.MatchString(v.Form.Get("key")):
		return problem.New(problem.InvalidRequest, "the form has no key")
	}
	o, err := k.Desk.Offer(ctx, OfferWish{Person: v.Login.Person, Document: number, Key: v.Form.Get("key"), ACR: v.Login.ACR})
	if err != nil {
		return err
	}
	code, err := qr.Encode(o.Reference)
	if err != nil {
		return problem.Wrap(problem.Internal, err, "")
	}
	return v.ShowWith(http.StatusOK, "offer.html", struct {
		*pages.Frame
		Offer *Offer
		Link  template.URL // of a scheme of ours, with a value that was encoded
		QR    template.URL
	}{
		k.frame(v, "my.get", ""), o, template.URL(o.URI), pages.Picture("data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString([]byte(code.SVG()))),
	}, pages.Options{Pictures: true})
}

// showWallet asks whether a wallet is to be revoked.
func (k *citizens) showWallet(v *visit) error {
	w, err := k.wallet(v)
	if err != nil {
		return err
	}
	return v.Show(http.StatusOK, "wallet.html", struct {
		*pages.Frame
		Wallet walletView
	}{k.frame(v, "my.wallet", ""), viewOf(w)})
}

func (k *citizens) revoke(v *visit) error {
	w, err := k.wallet(v)
	if err != nil {
		return err
	}
	if err := k.Revocations.Revoke(v.C.Request.Context(), v.Login.Person, w.Unit); err != nil {
		return err
	}
	return v.Show(http.StatusOK, "done.html", k.frame(v, "my.revoked", ""))
}

// makeCode makes a revocation code and shows it, this once.
func (k *citizens) makeCode(v *visit) error {
	w, err := k.wallet(v)
	if err != nil {
		return err
	}
	code, err := k.Revocations.Make(v.C.Request.Context(), v.Login.Person, w.Unit)
	if err != nil {
		return err
	}
	return v.Show(http.StatusOK, "code.html", struct {
		*pages.Frame
		Code string
	}{k.frame(v, "my.code", ""), code})
}

// lostView is the page for a revocation code.
type lostView struct {
	*pages.Frame
	Wrong bool
}

// showLost asks for a revocation code. Nobody has to log in for it.
func (k *citizens) showLost(v *pages.Visit) error {
	return v.Show(http.StatusOK, "lost.html", lostView{Frame: v.Frame("my.lost", k.site.Path("/lost"))})
}

// lost revokes a wallet by its code. A wrong one and a used one look alike.
func (k *citizens) lost(v *pages.Visit) error {
	err := k.Revocations.Use(v.C.Request.Context(), v.Value("code"))
	if errors.Is(err, citizen.ErrCode) {
		// The page is written first; the engine then counts the refusal and leaves
		// the answer alone.
		view := lostView{Frame: v.Frame("my.lost", k.site.Path("/lost")), Wrong: true}
		return errors.Join(err, v.Show(http.StatusForbidden, "lost.html", view))
	}
	if err != nil {
		return err
	}
	return v.Show(http.StatusOK, "done.html", v.Frame("my.revoked", k.site.Path("/lost")))
}
