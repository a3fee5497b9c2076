package citizenhttp

import (
	"encoding/hex"
	"io"
	"net/http"
	"time"

	"vidimus/internal/problem"
	"vidimus/internal/webserver"
	"vidimus/internal/webserver/pages"
)

// walletView is a wallet as a page names it.
type walletView struct {
	Wallet
	Ref string // "" for one that nobody can name: its copies cannot be taken back one by one
}

// showHome is the first page: the way in, or the documents and wallets.
func (k *citizens) showHome(v *pages.Visit) error {
	s, err := k.Sealer.OpenSession(realm, v.Cookie(sessionCookie))
	if err != nil {
		return v.Show(http.StatusOK, "welcome.html", struct {
			*pages.Frame
			LogIn, Lost string
		}{v.Frame("my.title", k.site.Path("")), k.site.Path("/login"), k.site.Path("/lost")})
	}
	m := &visit{v, s}
	ctx := v.C.Request.Context()
	documents, err := k.Office.Documents(ctx, s.Login.Person)
	if err != nil {
		return err
	}
	wallets, err := k.Office.Wallets(ctx, s.Login.Person)
	if err != nil {
		return err
	}
	var key [16]byte
	if _, err := io.ReadFull(k.Rand, key[:]); err != nil {
		return problem.Wrap(problem.Unavailable, err, "try again later")
	}
	view := struct {
		*pages.Frame
		Documents []Document
		Wallets   []walletView
		Key       string // of the offers made from this page
	}{Frame: k.frame(m, "my.title", ""), Documents: documents, Key: hex.EncodeToString(key[:])}
	for _, w := range wallets {
		view.Wallets = append(view.Wallets, viewOf(w))
	}
	return v.Show(http.StatusOK, "home.html", view)
}

func viewOf(w Wallet) walletView {
	v := walletView{Wallet: w}
	if w.Unit != "" {
		v.Ref = reference(w.Unit)
	}
	return v
}

// message is a notice of the office.
type message struct {
	Fact    string
	Created time.Time
}

func (k *citizens) showMessages(v *visit) error {
	records, err := k.Office.Notices(v.C.Request.Context(), v.Login.Person, maxMessages)
	if err != nil {
		return err
	}
	view := struct {
		*pages.Frame
		Messages []message
	}{Frame: k.frame(v, "my.messages", "/messages")}
	for _, r := range records {
		view.Messages = append(view.Messages, message{string(r.Notice.Fact), r.Created})
	}
	return v.Show(http.StatusOK, "messages.html", view)
}

func (k *citizens) showIssued(v *visit) error {
	issued, err := k.Office.Issued(v.C.Request.Context(), v.Login.Person, maxIssued)
	if err != nil {
		return err
	}
	return v.Show(http.StatusOK, "issued.html", struct {
		*pages.Frame
		Issued []Issue
		Export string
	}{k.frame(v, "my.issued", "/issued"), issued, k.site.Path("/export")})
}

// export gives all that is kept of the person, as a file.
func (k *citizens) export(v *visit) error {
	body, err := k.Desk.Export(v.C.Request.Context(), v.Login.Person)
	if err != nil {
		return err
	}
	v.C.Header("Content-Disposition", `attachment; filename="my-data.json"`)
	webserver.Bytes(v.C, http.StatusOK, "application/json", body)
	return nil
}
