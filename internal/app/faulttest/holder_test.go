package faulttest

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"

	"vidimus/internal/app/invariants"
	"vidimus/internal/app/issuer"
	"vidimus/internal/clock"
	"vidimus/internal/jose"
	"vidimus/internal/mdoc"
	"vidimus/internal/oid4vci"
	"vidimus/internal/policy"
	"vidimus/internal/sdjwt"
	"vidimus/internal/statuslist"
	"vidimus/internal/trust"
	"vidimus/internal/verification"
	"vidimus/internal/wallet"
)

// holder is a person with a wallet, again and again: an offer at the desk, the
// whole pre-authorized flow, a few copies.
type holder struct {
	office  *issuer.Config
	desk    *issuer.Desk
	wallet  *wallet.Wallet
	web     *journalWeb
	journal *invariants.Journal
	pool    *pool
	random  *mathrand.Rand
}

func newHolder(dir string, cfg *issuer.Config, anchors *trust.Store, j *invariants.Journal, p *pool, client *http.Client, random *mathrand.Rand) (*holder, error) {
	desk, err := issuer.OpenDesk(cfg)
	if err != nil {
		return nil, err
	}
	store, err := wallet.OpenStore(filepath.Join(dir, "wallet-"+token()))
	if err != nil {
		return nil, err
	}
	signers, err := published(cfg)
	if err != nil {
		return nil, err
	}
	web := &journalWeb{client: client, journal: j, trust: anchors, signers: signers}
	w, err := wallet.New(wallet.Config{Store: store, Clock: clock.System{}, Rand: rand.Reader, Web: web, AllowInsecure: true, Trust: anchors})
	return &holder{office: cfg, desk: desk, wallet: w, web: web, journal: j, pool: p, random: random}, err
}

// configurations that a type of document can be put into.
var configurations = map[string][]string{"mdl": {"mdl"}, "pid": {"pid-mdoc", "pid-sd-jwt"}}

// fetch takes one batch of a document of chance. Refusals are in order: the
// document may end meanwhile.
func (h *holder) fetch(ctx context.Context, count func(int)) error {
	d, ok := h.pool.any(h.random)
	if !ok {
		return nil
	}
	of := configurations[d.kind]
	wish := issuer.OfferWish{Person: d.person, Documents: []string{d.number}, Configurations: of[h.random.IntN(len(of)):][:1], Key: token()}
	offer, err := h.desk.Offer(ctx, wish)
	if err != nil {
		if strings.Contains(err.Error(), "the office refuses") || strings.Contains(err.Error(), "no document") || strings.Contains(err.Error(), wish.Configurations[0]+":") {
			return nil
		}
		return errGone
	}
	count(1)
	if h.random.IntN(4) == 0 {
		h.web.wrong = true
		_, err := h.wallet.Accept(ctx, offer.Reference, wallet.AcceptOptions{TxCode: wrongCode(offer.TxCode), Copies: 1})
		h.web.wrong = false
		if err == nil {
			return errors.New("a wrong transaction code was taken")
		}
		if !errors.As(err, new(*wallet.Refusal)) {
			return errGone
		}
		count(1)
	}
	_, err = h.wallet.Accept(ctx, offer.Reference, wallet.AcceptOptions{TxCode: offer.TxCode, Copies: 1 + h.random.IntN(3)})
	switch {
	case err == nil:
		count(4)
		return h.again(ctx, offer.Reference, offer.TxCode)
	case errors.As(err, new(*wallet.Refusal)):
		return nil
	case errors.Is(err, wallet.ErrCredential):
		return err
	}
	return errGone
}

// again takes up an offer that was taken up, at times: its code is spent.
func (h *holder) again(ctx context.Context, link, code string) error {
	if h.random.IntN(8) != 0 {
		return nil
	}
	_, err := h.wallet.Accept(ctx, link, wallet.AcceptOptions{TxCode: code, Copies: 1})
	switch {
	case err == nil:
		return &violation{[]string{"I7"}, "a code was taken twice"}
	case errors.As(err, new(*wallet.Refusal)):
		return nil
	}
	return errGone
}

// wrongCode has one digit changed.
func wrongCode(code string) string {
	return string('0'+(code[0]-'0'+1)%10) + code[1:]
}

// journalWeb is the web of one wallet: it writes down what uses a code or a
// nonce, and looks at what comes.
type journalWeb struct {
	client  *http.Client
	journal *invariants.Journal
	trust   *trust.Store
	signers map[string]*x509.Certificate // published, by serial number
	nonce   string                       // the last that was given
	wrong   bool
	gave    int
}

func (w *journalWeb) Do(r *http.Request, limit int64) (*http.Response, []byte, error) {
	e := invariants.Entry{}
	switch {
	case strings.HasSuffix(r.URL.Path, "/token"):
		e.Kind, e.Wrong = invariants.Token, w.wrong
		e.Code = hexDigest(formValue(r, "pre-authorized_code"))
	case strings.HasSuffix(r.URL.Path, "/credential"):
		e.Kind, e.Nonce = invariants.Credential, hexDigest(w.nonce)
	}
	var call uint64
	if e.Kind != "" {
		call = w.journal.Sent(e)
	}
	res, body, err := w.do(r, limit)
	if err != nil {
		return nil, nil, err
	}
	if strings.HasSuffix(r.URL.Path, "/nonce") {
		var answer struct {
			Nonce string `json:"c_nonce"`
		}
		if json.Unmarshal(body, &answer) == nil {
			// At times the wallet gets the nonce that it used last in the
			// place of the new one. It must be refused, and asks again.
			if w.gave++; w.gave%5 == 0 && w.nonce != "" {
				body = bytes.Replace(body, []byte(answer.Nonce), []byte(w.nonce), 1)
			} else {
				w.nonce = answer.Nonce
			}
		}
	}
	if e.Kind != "" {
		e.HTTP, e.State = res.StatusCode, invariants.Refused
		// Whoever may not have the document is refused before the code counts.
		e.Wrong = e.Wrong && bytes.Contains(body, []byte("transaction code"))
		if res.StatusCode == http.StatusOK {
			e.State = invariants.Answered
			if e.Kind == invariants.Credential {
				w.look(&e, body)
			}
		}
		w.journal.Done(call, e)
	}
	return res, body, nil
}

func (w *journalWeb) do(r *http.Request, limit int64) (*http.Response, []byte, error) {
	res, err := w.client.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, limit))
	return res, body, err
}

// look takes the places in status lists out of released copies, and verifies
// these as a reader would.
func (w *journalWeb) look(e *invariants.Entry, body []byte) {
	response, err := oid4vci.ParseCredentialResponse(body)
	if err != nil {
		return // Verified stays false
	}
	e.Verified = true
	all := sha256.New()
	for _, c := range response.Credentials {
		at, payload, genuine := w.one(c.Credential)
		one := sha256.Sum256(payload)
		all.Write(one[:])
		e.Verified = e.Verified && genuine
		e.Copies = append(e.Copies, at)
	}
	e.Batch = hex.EncodeToString(all.Sum(nil))
}

// one gives, of one copy, its place in a list and what was signed.
func (w *journalWeb) one(text string) (at invariants.Copy, signed []byte, genuine bool) {
	opt := verification.Options{Now: clock.System{}.Now(), Trust: w.trust}
	var report *verification.Report
	if strings.Contains(text, "~") {
		t, err := sdjwt.Parse(text)
		if err != nil {
			return at, nil, false
		}
		payload, err := t.Process()
		if err != nil {
			return at, nil, false
		}
		refs, err := statuslist.ParseReferencesJSON(payload.Claims["status"])
		if err != nil {
			return at, nil, false
		}
		at.URI, at.Index, signed = refs.List.URI, refs.List.Index, t.Issuer.Payload
		report = verification.SDJWT(text, opt)
	} else {
		raw, err := jose.DecodeBase64URL(text)
		if err != nil {
			return at, nil, false
		}
		m, err := mdoc.ParseIssuerSigned(raw)
		if err != nil || m.MSO.Status == nil {
			return at, nil, false
		}
		if list := m.MSO.Status.StatusList; list != nil {
			at.URI, at.Index = list.URI, list.Index
		} else if list := m.MSO.Status.IdentifierList; list != nil {
			at.URI, at.ID = list.URI, hex.EncodeToString(list.ID)
		}
		signed = m.IssuerAuth.Payload
		report = verification.IssuerSigned(raw, opt)
	}
	genuine = report.Verdict.Authenticity == policy.Genuine || report.Verdict.Authenticity == policy.HolderNotProven
	return at, signed, genuine && w.covered(report)
}

// covered tells that every document is signed under a certificate that the
// office publishes and that is valid as long as the document.
func (w *journalWeb) covered(r *verification.Report) bool {
	for _, d := range r.Documents {
		c := w.signers[d.Trust.Serial]
		if c == nil || d.Validity.From.Before(c.NotBefore) || d.Validity.Until.After(c.NotAfter) {
			return false
		}
	}
	return len(r.Documents) > 0
}

// published gives the certificates of the office's signers by their serial
// numbers in hexadecimal.
func published(cfg *issuer.Config) (map[string]*x509.Certificate, error) {
	out := map[string]*x509.Certificate{}
	for _, s := range cfg.Signers {
		c, err := certificate(cfg.Path(s.Chain))
		if err != nil {
			return nil, err
		}
		out[c.SerialNumber.Text(16)] = c
	}
	return out, nil
}

func hexDigest(s string) string {
	d := sha256.Sum256([]byte(s))
	return hex.EncodeToString(d[:])
}

// formValue reads a body and puts it back.
func formValue(r *http.Request, name string) string {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return ""
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return fmt.Sprint(err)
	}
	return form.Get(name)
}
