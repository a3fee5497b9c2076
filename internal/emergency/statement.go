package emergency

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

// statementType is typ of a statement: no other signature of an officer's key
// passes for one.
const statementType = "vidimus-emergency+jwt"

// Word is what a human says to a plan.
type Word string

// The words.
const (
	Propose Word = "propose"
	Approve Word = "approve"
	Dismiss Word = "dismiss" // takes back what the same human proposed
)

// Statement is the payload of what an officer signs.
type Statement struct {
	Word    Word   `json:"word"`
	Office  string `json:"aud"`
	Officer string `json:"iss"` // id of the account
	Plan    string `json:"plan"`
	Hash    string `json:"hash"` // Draft.Hash
	At      int64  `json:"iat"`
}

// Sign makes the compact JWS of a statement with the officer's own key, on one
// of the curves that package jose signs with.
func Sign(key crypto.Signer, s Statement, rand io.Reader) (string, error) {
	payload, err := json.Marshal(s)
	if err != nil {
		return "", err
	}
	return jose.Sign(key, map[string]any{"typ": statementType}, payload, rand)
}

// Officer is an account that may say a word.
type Officer struct {
	ID, Human string
	// Pins are the SHA-256 of the public keys (SubjectPublicKeyInfo) that this
	// officer comes with, in hexadecimal.
	Pins []string
}

func (o Officer) has(pin string) bool {
	return slices.ContainsFunc(o.Pins, func(p string) bool { return strings.EqualFold(p, pin) })
}

// Same says whether two words are of one human: by name, account or key.
func (s Signature) Same(other Signature) bool {
	return s.Human == other.Human || s.Officer == other.Officer || s.KeyPin != "" && s.KeyPin == other.KeyPin
}

// Signed is a statement with the key that verifies it, which counts because the
// officer's pins name it.
type Signed struct {
	Statement string `json:"statement"`
	PublicKey string `json:"public_key"` // DER of a SubjectPublicKeyInfo, base64url
}

// verify says whose word a statement is. Kinds: InvalidRequest for one that
// does not read, AuthenticationFailed for a key that is not the officer's and
// for a signature that does not verify, AccessDenied for a word about something else.
func (s *Service) verify(in Signed, word Word, plan, hash string) (Signature, error) {
	token, err := jose.Parse(in.Statement, maxStatement)
	if err != nil || token.Header.Type != statementType {
		return Signature{}, problem.New(problem.InvalidRequest, "the statement is no JWS of type %s", statementType)
	}
	var said Statement
	if err := jose.DecodeClosed(token.Payload, &said); err != nil {
		return Signature{}, problem.Wrap(problem.InvalidRequest, err, "the statement does not read")
	}
	officer, known := s.p.Officers(said.Officer)
	if !known {
		return Signature{}, problem.New(problem.AuthenticationFailed, "%.64q is no officer of console.officers who may propose and confirm, and is not disabled", said.Officer)
	}
	der, err := jose.DecodeBase64URL(in.PublicKey)
	if err != nil || len(der) > maxStatement {
		return Signature{}, problem.New(problem.InvalidRequest, "the public key is not base64url of at most %d octets", maxStatement)
	}
	sum := sha256.Sum256(der)
	pin := hex.EncodeToString(sum[:])
	if !officer.has(pin) {
		return Signature{}, problem.New(problem.AuthenticationFailed, "the key is none of the pins of officer %s: %s", officer.ID, pin)
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return Signature{}, problem.Wrap(problem.InvalidRequest, err, "the public key does not read")
	}
	if err := token.Verify(key); err != nil {
		return Signature{}, problem.Wrap(problem.AuthenticationFailed, err, "the statement is not signed with this key")
	}
	now := s.p.Clock.Now()
	switch at := time.Unix(said.At, 0); {
	case said.Word != word || said.Office != s.p.Office || said.Plan != plan || said.Hash != hash:
		return Signature{}, problem.New(problem.AccessDenied, "the statement is not to %s this plan of this office", word)
	case now.Sub(at).Abs() > StatementSkew:
		return Signature{}, problem.New(problem.AccessDenied, "the statement is of %s, more than %s from now: sign anew, and set the clock", at.UTC().Format(time.RFC3339), StatementSkew)
	}
	return Signature{Officer: officer.ID, Human: officer.Human, At: now.UTC(), Statement: in.Statement, KeyPin: pin}, nil
}

// stands says whether who signed a word may still say it: the account is there, of
// the same human, and with the key.
func (s *Service) stands(said Signature) bool {
	officer, known := s.p.Officers(said.Officer)
	return known && officer.Human == said.Human && officer.has(said.KeyPin)
}

func (s Signature) String() string {
	if s.Officer == "" {
		return "nobody"
	}
	return fmt.Sprintf("%s (human %s), %s", s.Officer, s.Human, s.At.UTC().Format(time.RFC3339))
}
