package issuer

import (
	"context"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"slices"
	"strings"

	"vidimus/internal/document"
	"vidimus/internal/officer"
	"vidimus/internal/problem"
	"vidimus/internal/registry"
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

// officerHeader is where a program of the office says for which officer it asks.
const officerHeader = "Vidimus-Officer"

// actor lets in whoever has the token; it implements issuerhttp.OfficeConfig.
// The token is that of the office and of no human: a program that knows on whose
// behalf it asks says so, and the record has it as its word ("office:" and the
// id), apart from what officers do who have logged in.
func (t officeToken) actor(officers []Officer) func(*http.Request) (string, error) {
	return func(r *http.Request) (string, error) {
		if err := t.check(r); err != nil {
			return "", err
		}
		named := r.Header.Values(officerHeader)
		if len(named) == 0 {
			return "office", nil
		}
		at := slices.IndexFunc(officers, func(o Officer) bool { return len(named) == 1 && o.ID == named[0] && !o.Disabled })
		switch {
		case at < 0:
			return "", problem.New(problem.InvalidRequest, "%s is not one officer of console.officers who is not disabled: correct it, or leave it out", officerHeader)
		case r.Method != http.MethodGet && !slices.Contains(officers[at].Roles, string(officer.Editor)):
			return "", problem.New(problem.AccessDenied, "the officer of %s is no editor", officerHeader)
		}
		return "office:" + officers[at].ID, nil
	}
}

func (t officeToken) check(r *http.Request) error {
	h := r.Header.Values("Authorization")
	if len(h) != 1 || subtle.ConstantTimeCompare([]byte(h[0]), []byte("Bearer "+string(t))) != 1 {
		return problem.New(problem.InvalidToken, "the token of %s is wanted", officeTokenFile)
	}
	return nil
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

// documents says what could be offered to a person, or to the holder of a
// document; exactly one of the two is given.
func (a *App) documents(ctx context.Context, person, number string) (any, error) {
	if (person == "") == (number == "") {
		return nil, problem.New(problem.InvalidRequest, "either person or document is wanted")
	}
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
		answer.Copies = append(answer.Copies, a.copies(ctx, s, doc)...)
	}
	return answer, nil
}

// copies lists the configurations that fit a document.
func (a *App) copies(ctx context.Context, s document.Subject, doc document.Document) []Issuable {
	var out []Issuable
	for _, id := range a.records.catalog.IDs() {
		cfg, _ := a.records.catalog.Configuration(id)
		if cfg.DocumentType != doc.Type {
			continue
		}
		c := Issuable{Configuration: id, Document: doc.Number, Type: doc.Type}
		if err := a.records.issuable(ctx, s, doc, id); err != nil {
			if c.Refusal = problem.Detail(err); c.Refusal == "" {
				c.Refusal = "it cannot be told now"
			}
		}
		out = append(out, c)
	}
	return out
}
