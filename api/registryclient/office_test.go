package registryclient_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"vidimus/api/registryclient"
	"vidimus/internal/jose"
)

const (
	source = "https://registry.example"
	name   = "https://office.example"
)

var now = time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)

// office answers as the registry listener of an office does, of which it has
// the doors alone: it takes events in the order of their numbers.
type office struct {
	*httptest.Server
	key      *ecdsa.PrivateKey // of receipts
	source   *ecdsa.PrivateKey
	mu       sync.Mutex
	events   map[string]map[string]any // by jti, as they stand in the token
	next     int
	receipts []string
	status   int // when not 0, the answer to everything
}

func newKey() *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
}

func newOffice() *office {
	o := &office{key: newKey(), source: newKey(), events: map[string]map[string]any{}, next: 1}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+registryclient.EventsPath, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Header.Get("Content-Type") != registryclient.TokenType {
			w.WriteHeader(http.StatusUnsupportedMediaType)
			return
		}
		if refused := o.accept(string(body)); refused != "" {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"err":"invalid_request","description":%q}`, refused)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	})
	mux.HandleFunc("POST "+registryclient.BatchPath, func(w http.ResponseWriter, r *http.Request) {
		var batch struct {
			Sets map[string]string `json:"sets"`
		}
		body, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(body, &batch); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		acks, refused := []string{}, map[string]map[string]string{}
		for jti, token := range batch.Sets {
			if text := o.accept(token); text != "" {
				refused[jti] = map[string]string{"err": "invalid_request", "description": text}
				continue
			}
			acks = append(acks, jti)
		}
		json.NewEncoder(w).Encode(map[string]any{"ack": acks, "setErrs": refused})
	})
	mux.HandleFunc("GET "+registryclient.EventsPath+"/{jti}", func(w http.ResponseWriter, r *http.Request) {
		if o.events[r.PathValue("jti")] == nil || r.FormValue("source") != source {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		io.WriteString(w, o.receipt(r.PathValue("jti"), nil))
	})
	mux.HandleFunc("GET "+registryclient.ReceiptsPath, func(w http.ResponseWriter, r *http.Request) {
		var after, limit int
		fmt.Sscan(r.FormValue("after"), &after)
		fmt.Sscan(r.FormValue("limit"), &limit)
		page := []map[string]any{}
		for i := after; i < min(after+limit, len(o.receipts)); i++ {
			page = append(page, map[string]any{"number": i + 1, "receipt": o.receipts[i]})
		}
		json.NewEncoder(w).Encode(map[string]any{"receipts": page, "next": after + len(page), "more": after+len(page) < len(o.receipts)})
	})
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if o.status != 0 {
			w.WriteHeader(o.status)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	return o
}

func (o *office) client() *registryclient.Client {
	return &registryclient.Client{Endpoint: o.URL + "/", Source: source, Audience: name, Signer: o.source, KeyID: "k", HTTP: o.Client(), Now: func() time.Time { return now }}
}

// accept gives the reason of a refusal, or "".
func (o *office) accept(token string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	signed, err := jose.Parse(token)
	if err != nil || signed.Verify(o.source.Public()) != nil || signed.Header.Type != "secevent+jwt" || signed.Header.KeyID != "k" {
		return "signature"
	}
	var c struct {
		JTI    string                    `json:"jti"`
		Issuer string                    `json:"iss"`
		Events map[string]map[string]any `json:"events"`
	}
	if err := json.Unmarshal(signed.Payload, &c); err != nil || c.Issuer != source {
		return "claims"
	}
	if o.events[c.JTI] != nil {
		return ""
	}
	for _, e := range c.Events {
		if seq := int(e["seq"].(float64)); seq != o.next {
			return fmt.Sprintf("gap: the events %d to %d of this source are missing", o.next, seq-1)
		}
		o.events[c.JTI] = e
		o.next++
	}
	o.receipts = append(o.receipts, o.receipt(c.JTI, nil))
	return ""
}

func (o *office) receipt(jti string, change map[string]any) string {
	claims := map[string]any{
		"iss": name, "aud": source, "iat": now.Unix(), "jti": "receipt-" + jti, "event": jti, "accepted_at": now.Unix(), "state": "covered", "version": 5,
		"covered_at": now.Unix(), "lists": []map[string]any{{"uri": name + "/status/a", "version": 7}},
	}
	for k, v := range change {
		claims[k] = v
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	token, err := jose.Sign(o.key, map[string]any{"typ": "vidimus-receipt+jwt"}, payload, rand.Reader)
	if err != nil {
		panic(err)
	}
	return token
}

func sign(t *testing.T, c *registryclient.Client, e registryclient.Event) registryclient.SET {
	t.Helper()
	set, err := c.Sign(e)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// post gives the status of a request to a handler.
func post(h http.Handler, method, contentType, body string) int {
	r := httptest.NewRequest(method, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}
