package issuer

import (
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strings"

	"vidimus/internal/document"
	"vidimus/internal/problem"
	"vidimus/internal/registry"
	"vidimus/internal/webserver"
)

// readSecret reads the hexadecimal secret of a file that only its owner may
// read.
func readSecret(path string) ([]byte, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: it is made by `issuer init`, once", err)
	}
	if err != nil {
		return nil, err
	}
	if perm := info.Mode().Perm(); !info.Mode().IsRegular() || perm&0o077 != 0 {
		return nil, fmt.Errorf("%s has mode %04o, others may read it: run chmod 600 %s", path, perm, path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	secret, err := hex.DecodeString(strings.TrimSpace(string(data)))
	if err != nil || len(secret) < secretSize {
		return nil, fmt.Errorf("%s does not hold %d bytes in hexadecimal", path, secretSize)
	}
	return secret, nil
}

// officeToken is the bearer token of the office listener.
type officeToken string

func readOfficeToken(c *Config) (officeToken, error) {
	secret, err := readSecret(c.Path(officeTokenFile))
	return officeToken(hex.EncodeToString(secret)), err
}

// actor lets in whoever has the token; it implements issuerhttp.OfficeConfig.
func (t officeToken) actor(r *http.Request) (string, error) {
	h := r.Header.Values("Authorization")
	if len(h) != 1 || subtle.ConstantTimeCompare([]byte(h[0]), []byte("Bearer "+string(t))) != 1 {
		return "", problem.New(problem.InvalidToken, "the token of %s is wanted", officeTokenFile)
	}
	return "office", nil
}

// Issuable is one copy that a person could be given, or why not.
type Issuable struct {
	Configuration string `json:"configuration"`
	Document      string `json:"document"`
	Type          string `json:"type"`
	Refusal       string `json:"refusal,omitempty"`
}

// documentsAnswer says what can be offered to a person.
type documentsAnswer struct {
	Person string     `json:"person"`
	Copies []Issuable `json:"copies"`
}

// documentsPath is where the office asks what it can offer. The answer has
// numbers and types, no attribute of the person.
const documentsPath = "/office/v1/documents"

// withDocuments puts documentsPath beside the endpoints of an engine.
func (a *App) withDocuments(engine http.Handler, token officeToken) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != documentsPath {
			engine.ServeHTTP(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		answer, err := a.documents(r, token)
		if err != nil {
			kind := problem.KindOf(err)
			a.log.Warn("refused", "listener", "office", "path", documentsPath, "kind", kind, "error", err)
			w.WriteHeader(webserver.StatusOf(webserver.StyleAPI, kind))
			_ = json.NewEncoder(w).Encode(map[string]string{"error": string(kind), "error_description": problem.Detail(err)})
			return
		}
		_ = json.NewEncoder(w).Encode(answer)
	})
}

func (a *App) documents(r *http.Request, token officeToken) (*documentsAnswer, error) {
	if _, err := token.actor(r); err != nil {
		return nil, err
	}
	if r.Method != http.MethodGet {
		return nil, problem.New(problem.MethodNotAllowed, "")
	}
	q := r.URL.Query()
	person, number := q.Get("person"), q.Get("document")
	if (person == "") == (number == "") || len(q) != 1 {
		return nil, problem.New(problem.InvalidRequest, "either person or document is wanted")
	}
	ctx := r.Context()
	if person == "" {
		var err error
		if person, err = a.store.Holder(ctx, number); errors.Is(err, registry.ErrSubjectNotFound) {
			return nil, problem.Wrap(problem.NotFound, err, "nobody has a document of this number")
		} else if err != nil {
			return nil, problem.Wrap(problem.Unavailable, err, "try again later")
		}
	}
	s, err := a.records.Subject(ctx, person)
	if err != nil {
		return nil, err
	}
	answer := &documentsAnswer{Person: person, Copies: []Issuable{}}
	for _, doc := range s.Documents {
		answer.Copies = append(answer.Copies, a.copies(r, s, doc)...)
	}
	return answer, nil
}

// copies lists the configurations that fit a document.
func (a *App) copies(r *http.Request, s document.Subject, doc document.Document) []Issuable {
	var out []Issuable
	for _, id := range a.records.catalog.IDs() {
		cfg, _ := a.records.catalog.Configuration(id)
		if cfg.DocumentType != doc.Type {
			continue
		}
		c := Issuable{Configuration: id, Document: doc.Number, Type: doc.Type}
		if err := a.records.issuable(r.Context(), s, doc, id); err != nil {
			if c.Refusal = problem.Detail(err); c.Refusal == "" {
				c.Refusal = "it cannot be told now"
			}
		}
		out = append(out, c)
	}
	return out
}
