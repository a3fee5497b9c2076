package faulttest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"

	"vidimus/internal/app/invariants"
)

// maxHook bounds what an office sends by itself.
const maxHook = 1 << 20

// hookTakers are those who take what comes to a path of hooks.
var hookTakers sync.Map

// hooks is the web server of the registries and of the citizens' portal.
var hooks = sync.OnceValue(func() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		take, known := hookTakers.Load(r.URL.Path)
		body, err := io.ReadAll(io.LimitReader(r.Body, maxHook))
		switch {
		case !known:
			w.WriteHeader(http.StatusGone)
		case err != nil: // the office died meanwhile
			w.WriteHeader(http.StatusBadRequest)
		default:
			take.(func([]byte))(body)
		}
	}))
})

// hook gives an address for what an office sends by itself.
func hook(take func(body []byte)) string {
	path := "/" + token()
	hookTakers.Store(path, take)
	return hooks().URL + path
}

// took takes a receipt that came to the webhook of a source: what it says must
// be true from now on, as of one that was asked for.
func (l *load) took(s *source, body []byte) {
	e := invariants.Entry{Kind: invariants.Receipt, Source: s.name}
	r, err := s.client.VerifyReceipt(string(body), publicKey(l.receipt))
	if err != nil {
		l.trouble.CompareAndSwap(nil, &err)
		return
	}
	e.JTI = r.Event
	call := l.journal.Sent(e)
	e.State, e.HTTP, e.Version, e.Outcome = invariants.Answered, http.StatusOK, r.Version, r.State
	for _, at := range r.Lists {
		e.Lists = append(e.Lists, invariants.At{URI: at.URI, Version: at.Version})
	}
	l.journal.Done(call, e)
	l.Brought.Add(1)
}
