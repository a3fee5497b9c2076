package oauth

import (
	"bytes"
	"crypto/rand"
	"strings"
	"testing"

	"vidimus/internal/problem"
)

// RFC 7636 appendix B.
const (
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

func TestPKCE(t *testing.T) {
	if Challenge(verifier) != challenge {
		t.Errorf("challenge = %s", Challenge(verifier))
	}
	if err := CheckChallenge(challenge, "S256"); err != nil {
		t.Error(err)
	}
	if err := VerifyPKCE(challenge, verifier); err != nil {
		t.Error(err)
	}
	if err := VerifyPKCE("", ""); err != nil {
		t.Error(err)
	}
	v, c, err := NewPKCE(rand.Reader)
	if err != nil || VerifyPKCE(c, v) != nil || CheckChallenge(c, "S256") != nil {
		t.Errorf("%s, %s, %v", v, c, err)
	}
	if _, _, err := NewPKCE(bytes.NewReader(make([]byte, 31))); err == nil {
		t.Error("a verifier of 31 octets")
	}
	for _, v := range []string{strings.Repeat("a", 43), strings.Repeat("~", 128)} {
		if err := VerifyPKCE(Challenge(v), v); err != nil {
			t.Errorf("%d characters: %v", len(v), err)
		}
	}
}

func TestBadInputsPKCE(t *testing.T) {
	other := strings.Repeat("a", 43)
	for id, c := range map[string]struct {
		err  error
		want problem.Kind
	}{
		"B03/no_challenge":       {CheckChallenge("", "S256"), problem.InvalidRequest},
		"B03/plain":              {CheckChallenge(challenge, "plain"), problem.InvalidRequest},
		"B03/no_method":          {CheckChallenge(challenge, ""), problem.InvalidRequest},
		"B03/method_case":        {CheckChallenge(challenge, "s256"), problem.InvalidRequest},
		"B03/challenge_short":    {CheckChallenge("AAAA", "S256"), problem.InvalidRequest},
		"B03/challenge_padded":   {CheckChallenge(challenge+"=", "S256"), problem.InvalidRequest},
		"B03/no_verifier":        {VerifyPKCE(challenge, ""), problem.InvalidGrant},
		"B03/42_characters":      {VerifyPKCE(Challenge(other[:42]), other[:42]), problem.InvalidGrant},
		"B03/129_characters":     {VerifyPKCE(Challenge(strings.Repeat("a", 129)), strings.Repeat("a", 129)), problem.InvalidGrant},
		"B03/other_session":      {VerifyPKCE(challenge, other), problem.InvalidGrant},
		"B03/challenge_itself":   {VerifyPKCE(challenge, challenge), problem.InvalidGrant},
		"B03/bad_character":      {VerifyPKCE(Challenge(other+"+"), other+"+"), problem.InvalidGrant},
		"B03/verifier_unasked":   {VerifyPKCE("", verifier), problem.InvalidGrant},
		"B03/trailing_newline":   {VerifyPKCE(challenge, verifier+"\n"), problem.InvalidGrant},
		"B03/non_ASCII_verifier": {VerifyPKCE(Challenge(strings.Repeat("é", 43)), strings.Repeat("é", 43)), problem.InvalidGrant},
	} {
		t.Run(id, func(t *testing.T) {
			if problem.KindOf(c.err) != c.want {
				t.Errorf("%v, want %s", c.err, c.want)
			}
		})
	}
}
