package verifierhttp

import (
	"bytes"
	"encoding/base64"
	"errors"
	"html/template"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"vidimus/internal/problem"
	"vidimus/internal/qr"
	"vidimus/internal/webserver"
	"vidimus/internal/webserver/pages"
)

// choice is a profile as the form offers it.
type choice struct {
	ID, Title string
	Here      bool
}

// startView is the page on which a reading begins.
type startView struct {
	*pages.Frame
	Standing   standing
	Profiles   []choice
	Categories []string
	Category   string
	Wrong      string       // key of what is wrong with the form, "" for nothing
	Code       string       // of a simulated phone
	QR         template.URL // of it
}

// categories are those that are asked for most often; the policy may ask others.
var categories = []string{"AM", "A1", "A2", "A", "B1", "B", "BE", "C1", "C1E", "C", "CE", "D1", "D1E", "D", "DE", "T"}

// showStart is the first page. Who comes to it has left what was shown.
func (k *room) showStart(v *pages.Visit) error {
	k.slot.leave(v.Cookie(readingCookie), "")
	return k.start(v, http.StatusOK, Wish{Profile: v.C.Query("profile"), Category: v.C.Query("category")}, "")
}

func (k *room) start(v *pages.Visit, status int, w Wish, wrong string) error {
	know := k.Reader.Standing(v.C.Request.Context())
	view := startView{Frame: v.Frame("reader.start", k.site.Path("/")), Standing: k.standing(v, know), Categories: categories, Category: w.Category, Wrong: wrong, Code: know.Code}
	view.Style, view.Script = "terminal.css", "scan.js"
	for _, p := range know.Profiles {
		title := p.Title[string(v.Lang)]
		if title == "" {
			title = p.Title["en"]
		}
		view.Profiles = append(view.Profiles, choice{p.ID, k.Clean(title, maxName), p.ID == w.Profile})
	}
	if len(view.Profiles) > 0 && !known(view.Profiles) {
		view.Profiles[0].Here = true
	}
	if know.Code != "" {
		code, err := qr.Encode(know.Code)
		if err != nil {
			return problem.Wrap(problem.Internal, err, "")
		}
		view.QR = pages.Picture("data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString([]byte(code.SVG())))
	}
	return v.ShowWith(status, "start.html", view, pages.Options{Pictures: true, Scripts: true})
}

func known(list []choice) bool {
	for _, c := range list {
		if c.Here {
			return true
		}
	}
	return false
}

// begin takes the form: what to ask, and a code or a picture of one.
func (k *room) begin(v *pages.Visit) error {
	f, err := k.take(v)
	if err != nil {
		return err
	}
	w := Wish{Code: f.text["code"], Profile: f.text["profile"], Category: f.text["category"]}
	if !k.codes.Allow("", k.Clock.Now()) {
		v.C.Header("Retry-After", strconv.Itoa(60/codesPerMinute))
		return k.start(v, http.StatusTooManyRequests, w, "reader.too-many")
	}
	if w.Code == "" {
		w.Code = f.text["simulated"]
	}
	wrong := ""
	if w.Code == "" && len(f.picture) > 0 {
		if w.Code, err = k.look(f.picture, qr.MaxSide); err != nil && problem.KindOf(err) != problem.InvalidRequest {
			return err
		}
		if w.Code == "" {
			wrong = "reader.no-code-found"
		}
	}
	switch {
	case wrong != "":
	case w.Code == "":
		wrong = "reader.no-code"
	case !isCode(w.Code):
		wrong = "reader.other-code"
	case k.Reader.Check(v.C.Request.Context(), w) != nil:
		wrong = "reader.wrong-wish"
	}
	if wrong != "" {
		return k.start(v, http.StatusBadRequest, w, wrong)
	}
	id, err := k.slot.begin(w, v.Cookie(readingCookie))
	if errors.Is(err, errBusy) {
		return k.start(v, http.StatusConflict, w, "reader.busy")
	}
	if err != nil {
		return err
	}
	v.SetCookie(readingCookie, id, sessionLifetime)
	v.SeeOther(k.site.Path("/reading"))
	return nil
}

// isCode tells the code of a wallet from other texts: its scheme is compared
// without regard to case (RFC 3986, 3.1).
func isCode(text string) bool {
	const scheme = "mdoc:"
	return len(text) > len(scheme) && strings.EqualFold(text[:len(scheme)], scheme)
}

// form is what the start page sends: a picture may stand in it.
type form struct {
	text    map[string]string
	picture []byte
}

// take reads a form; a large one when not too many others come.
func (k *room) take(v *pages.Visit) (*form, error) {
	if n := v.C.Request.ContentLength; n < 0 || n > smallForm {
		select {
		case k.sent <- struct{}{}:
			defer func() { <-k.sent }()
		default:
			return nil, problem.New(problem.RateLimited, "other pictures are being sent")
		}
	}
	return readForm(v)
}

func readForm(v *pages.Visit) (*form, error) {
	malformed := func(err error) error { return problem.Wrap(problem.InvalidRequest, err, "the form is malformed") }
	body, err := webserver.ReadBody(v.C)
	if err != nil {
		return nil, err
	}
	_, params, err := mime.ParseMediaType(v.C.GetHeader("Content-Type"))
	if err != nil || params["boundary"] == "" {
		return nil, malformed(errors.New("no boundary"))
	}
	f := &form{text: map[string]string{}}
	parts := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for n := 0; ; n++ {
		p, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return f, nil
		}
		if err != nil {
			return nil, malformed(err)
		}
		name := p.FormName()
		if _, twice := f.text[name]; twice || n == maxParts || name == "picture" && f.picture != nil {
			return nil, malformed(errors.New("a field is repeated, or there are too many"))
		}
		limit := int64(maxField)
		if name == "picture" {
			limit = maxForm
		}
		data, err := io.ReadAll(io.LimitReader(p, limit+1))
		switch {
		case err != nil:
			return nil, malformed(err)
		case int64(len(data)) > limit:
			return nil, problem.New(problem.TooLarge, "a field is too large")
		case name == "picture":
			f.picture = data
		case !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0:
			return nil, malformed(errors.New("not plain text"))
		default:
			f.text[name] = strings.TrimSpace(string(data))
		}
	}
}
