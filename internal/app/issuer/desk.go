package issuer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"vidimus/internal/issuerhttp"
	"vidimus/internal/jose"
)

// Desk makes offers at a running office: what a clerk's program does.
type Desk struct {
	base  string
	token officeToken
	as    string // officer
	http  *http.Client
	close func() error // of an office that was opened for this desk alone
}

// OpenDesk reads the token of the office from its state folder.
func OpenDesk(cfg *Config) (*Desk, error) {
	token, err := readOfficeToken(cfg)
	if err != nil {
		return nil, err
	}
	return &Desk{base: "http://" + cfg.Listen.Office, token: token, http: localClient()}, nil
}

// localClient speaks to this machine: no proxy stands between.
func localClient() *http.Client {
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true}}
}

// As says for which officer the desk asks from now on, by the id of
// console.officers; "" is for the office as a whole.
func (d *Desk) As(officer string) { d.as = officer }

// OfferWish is what is to be offered to whom.
type OfferWish struct {
	// Person is the person number; "" takes the holder of the first document.
	Person string
	// Documents narrows the offer to these numbers.
	Documents []string
	// Configurations are what to offer; none offers all that can be issued.
	Configurations []string
	// WithoutTxCode makes an offer that whoever sees it can take up; refused but
	// where the catalogue allows it.
	WithoutTxCode bool
	// Login makes an offer that holds no secret: whoever takes it up logs in. It
	// may be for nobody in particular; then it names Configurations.
	Login bool
	// Key names the offer: a repeat with the same key and wish gives the same
	// offer again.
	Key string
}

// Offer makes an offer. An error says what is missing, and in which document.
func (d *Desk) Offer(ctx context.Context, w OfferWish) (*issuerhttp.OfferResponse, error) {
	var offer issuerhttp.OfferResponse
	if w.Login && w.Person == "" && len(w.Documents) == 0 {
		if len(w.Configurations) == 0 {
			return nil, errors.New("a person, a document or credential configurations are wanted")
		}
		return &offer, d.do(ctx, http.MethodPost, issuerhttp.OfficePath, issuerhttp.OfferRequest{Key: w.Key, Login: true, Configurations: w.Configurations}, &offer)
	}
	query := url.Values{"person": {w.Person}}
	if w.Person == "" {
		if len(w.Documents) == 0 {
			return nil, errors.New("a person or a document is wanted")
		}
		query = url.Values{"document": {w.Documents[0]}}
	}
	var can documentsAnswer
	if err := d.do(ctx, http.MethodGet, issuerhttp.DocumentsPath+"?"+query.Encode(), nil, &can); err != nil {
		return nil, err
	}
	documents, err := w.choose(can.Copies)
	if err != nil {
		return nil, fmt.Errorf("person %s: %w", can.Person, err)
	}
	request := issuerhttp.OfferRequest{Key: w.Key, Person: can.Person, Documents: documents, WithoutTxCode: w.WithoutTxCode}
	if w.Login {
		request.Login, request.Documents, request.Configurations = true, nil, slices.Sorted(maps.Keys(documents))
	}
	return &offer, d.do(ctx, http.MethodPost, issuerhttp.OfficePath, request, &offer)
}

// choose finds one document for every configuration.
func (w OfferWish) choose(copies []Issuable) (map[string]string, error) {
	for _, n := range w.Documents {
		if !slices.ContainsFunc(copies, func(c Issuable) bool { return c.Document == n }) {
			return nil, fmt.Errorf("no document %s that can be put on a phone", n)
		}
	}
	byConfiguration := map[string][]Issuable{}
	for _, c := range copies {
		if len(w.Documents) == 0 || slices.Contains(w.Documents, c.Document) {
			byConfiguration[c.Configuration] = append(byConfiguration[c.Configuration], c)
		}
	}
	wanted := w.Configurations
	if len(wanted) == 0 {
		for id := range byConfiguration {
			wanted = append(wanted, id)
		}
		slices.Sort(wanted)
	}
	out := map[string]string{}
	var refusals []string
	for _, id := range wanted {
		var good []string
		why := "no document of its type, or no such configuration"
		for _, c := range byConfiguration[id] {
			if c.Refusal == "" {
				good = append(good, c.Document)
			} else {
				why = c.Document + ": " + c.Refusal
			}
		}
		switch {
		case len(good) > 1:
			return nil, fmt.Errorf("%s: several documents fit (%s): name one", id, strings.Join(good, ", "))
		case len(good) == 1:
			out[id] = good[0]
		default:
			refusals = append(refusals, id+": "+why)
		}
	}
	if len(out) == 0 || len(w.Configurations) > 0 && len(refusals) > 0 {
		if len(refusals) == 0 {
			refusals = []string{"no document that can be put on a phone"}
		}
		return nil, errors.New(strings.Join(refusals, "; "))
	}
	return out, nil
}

// Revoke takes back the offer made under a key.
func (d *Desk) Revoke(ctx context.Context, key string) error {
	return d.do(ctx, http.MethodPost, issuerhttp.OfficePath+"/revoke", map[string]string{"key": key}, nil)
}

func (d *Desk) do(ctx context.Context, method, path string, body, into any) error {
	res, err := d.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("reading the office's answer: %w", err)
	}
	if into == nil {
		return nil
	}
	if err := jose.DecodeJSONLimit(data, into, maxAnswer); err != nil {
		return fmt.Errorf("reading the office's answer: %w", err)
	}
	return nil
}

// send makes a request; an answer that is a refusal is an error.
func (d *Desk) send(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var send io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		send = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, d.base+path, send)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+string(d.token))
	if d.as != "" {
		req.Header.Set(officerHeader, d.as)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := d.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("the office does not answer: is `issuer serve` running, with the same configuration? Its address is that of listen.office: %w", err)
	}
	if res.StatusCode/100 == 2 {
		return res, nil
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("reading the office's answer: %w", err)
	}
	var refusal issuerhttp.Failure
	if jose.DecodeJSON(data, &refusal) != nil || refusal.Error == "" {
		return nil, fmt.Errorf("the office answers %s", res.Status)
	}
	return nil, fmt.Errorf("the office refuses: %s: %s", refusal.Error, refusal.Description)
}

// maxAnswer bounds what is read of an answer: an offer is some KiB, a status
// list at most some hundred.
const maxAnswer = 4 << 20
