package demo

import (
	"context"
	"embed"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"vidimus/internal/webserver"
)

//go:embed page
var pageFiles embed.FS

var templates = template.Must(template.ParseFS(pageFiles, "page/*.html"))

// policyOfPage lets the browser load nothing but what this server serves: no
// scripts at all.
const policyOfPage = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

const (
	maxForm   = 1 << 10          // bytes: one number
	maxOffers = 100              // that the page remembers; older ones were seen long ago
	patience  = 15 * time.Second // of a click, for the office
)

// page is the desk to try by hand: no JavaScript, forms that answer with a
// redirect. It is for the browser of this machine alone.
type page struct {
	story *story
	host  string // host:port under which it is served

	// mu is held over a whole click, so that the registry's events keep their
	// order.
	mu     sync.Mutex
	offers []madeOffer
	ended  map[string]*annulment // by document number
}

type madeOffer struct {
	offer
	person person
}

// keep states the other people and serves the page until ctx ends; the error is
// why it ended.
func (s *story) keep(ctx context.Context) error {
	for _, p := range s.people[1:] {
		if _, err := s.introduce(ctx, p); err != nil {
			return err
		}
	}
	p := &page{story: s, ended: map[string]*annulment{s.hero().Licence: s.ended}}
	server, err := webserver.Listen("page", "127.0.0.1:0", p.handler(), nil, s.options.logger())
	if err != nil {
		return err
	}
	p.host = server.Addr().String()
	address := "http://" + p.host + "/"
	s.tell.line("\nThe office stays open. To try by hand: %s\nCtrl-C stops it.", s.tell.paint("1", address))
	s.options.Ready(address)
	if err := webserver.Run(ctx, server); err != nil {
		return err
	}
	return context.Cause(ctx)
}

func (p *page) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.showPeople)
	mux.HandleFunc("GET /portraits/{name}", p.showPortrait)
	mux.HandleFunc("GET /offers/{id}", p.showOffer)
	mux.HandleFunc("POST /offers", p.makeOffer)
	mux.HandleFunc("POST /annulments", p.annul)
	for _, name := range []string{"style.css", "icon.svg"} {
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) {
			http.ServeFileFS(w, r, pageFiles, "page/"+name)
		})
	}
	return p.guard(http.NewCrossOriginProtection().Handler(mux))
}

// guard refuses requests under another name, behind which another site could
// hide (DNS rebinding), and sets what every answer has.
func (p *page) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policyOfPage)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		_, port, _ := net.SplitHostPort(p.host)
		if r.Host != p.host && r.Host != "localhost:"+port {
			http.Error(w, "this page is served on "+p.host, http.StatusMisdirectedRequest)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		next.ServeHTTP(w, r)
	})
}

func (p *page) showPeople(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	view := p.people(r.URL.Query().Get("annulled"))
	p.mu.Unlock()
	p.render(w, http.StatusOK, "people.html", view)
}

func (p *page) showPortrait(w http.ResponseWriter, r *http.Request) {
	number, ok := strings.CutSuffix(r.PathValue("name"), ".jpg")
	i := slices.IndexFunc(p.story.people, func(c person) bool { return c.Number == number })
	if !ok || i < 0 {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "image/jpeg")
	_, _ = w.Write(p.story.people[i].Face)
}

func (p *page) makeOffer(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	number := r.PostFormValue("person")
	i := slices.IndexFunc(p.story.people, func(c person) bool { return c.Number == number })
	if i < 0 {
		p.refuse(w, http.StatusBadRequest, "No such person", "There is no person of this number.")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	made, err := p.story.office.offer(ctx, number)
	if err != nil {
		p.refuse(w, http.StatusConflict, "No offer was made", capital(err.Error())+".")
		return
	}
	p.offers = append(p.offers, madeOffer{*made, p.story.people[i]})
	p.offers = p.offers[max(0, len(p.offers)-maxOffers):]
	http.Redirect(w, r, "/offers/"+made.ID, http.StatusSeeOther)
}

func (p *page) showOffer(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	i := slices.IndexFunc(p.offers, func(o madeOffer) bool { return o.ID == r.PathValue("id") })
	var o madeOffer
	if i >= 0 {
		o = p.offers[i]
	}
	inForce := p.ended[o.person.Licence] == nil
	p.mu.Unlock()
	if i < 0 {
		p.refuse(w, http.StatusNotFound, "No such offer", "This page does not remember an offer of this name.")
		return
	}
	view, err := p.offer(o, inForce)
	if err != nil {
		p.refuse(w, http.StatusInternalServerError, "The offer cannot be shown", capital(err.Error())+".")
		return
	}
	p.render(w, http.StatusOK, "offer.html", view)
}

func (p *page) annul(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	number := r.PostFormValue("document")
	i := slices.IndexFunc(p.story.people, func(c person) bool { return c.Licence == number })
	if i < 0 {
		p.refuse(w, http.StatusBadRequest, "No such licence", "There is no licence of this number.")
		return
	}
	if p.ended[number] == nil { // a second click changes nothing
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		ended, err := p.story.office.annul(ctx, number)
		if err != nil {
			p.refuse(w, http.StatusBadGateway, "The licence was perhaps not annulled", capital(err.Error())+".")
			return
		}
		p.ended[number] = ended
	}
	http.Redirect(w, r, fmt.Sprintf("/?annulled=%s#%s", number, p.story.people[i].Number), http.StatusSeeOther)
}

func (p *page) refuse(w http.ResponseWriter, status int, title, what string) {
	p.render(w, status, "refusal.html", refusal{p.frame(title), what})
}

// render writes a page, or nothing of it.
func (p *page) render(w http.ResponseWriter, status int, name string, view any) {
	var b strings.Builder
	if err := templates.ExecuteTemplate(&b, name, view); err != nil {
		http.Error(w, "the page cannot be drawn: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(b.String()))
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
