package ceremony

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"vidimus/internal/jose"
)

// signedAnew changes the claims of a transcript and signs them with the recorder's own
// key, as who holds that could.
func (w *world) signedAnew(token string, change func(*transcriptClaims)) string {
	w.t.Helper()
	signed, err := jose.Parse(token)
	if err != nil {
		w.t.Fatal(err)
	}
	var c transcriptClaims
	if err := jose.DecodeClosed(signed.Payload, &c); err != nil {
		w.t.Fatal(err)
	}
	change(&c)
	payload, err := json.Marshal(&c)
	if err != nil {
		w.t.Fatal(err)
	}
	out, err := signToken(w.keys["recorder"], TranscriptType, payload, rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// bad input K11: an edited transcript is found, by its signature, by what it says
// itself, by the one that follows it, or by the audit record.
func TestTranscriptEdited(t *testing.T) {
	w := newWorld(t)
	w.do("iaca", w.root("iaca-root", "iaca"))
	one := w.do("mdl", w.leaf("document-signer-mdl", "mdl", "iaca")).Transcript
	two := w.do("pid", w.leaf("document-signer-pid", "pid", "iaca")).Transcript
	pub := []crypto.PublicKey{w.keys["recorder"].Public()}
	other := func(from *Transcript, get func(*transcriptClaims) string) string {
		signed, _ := jose.Parse(from.Token)
		var c transcriptClaims
		_ = jose.DecodeClosed(signed.Payload, &c)
		return get(&c)
	}
	hash := func(s string) string {
		b, _ := jose.DecodeBase64URL(s)
		sum := sha256.Sum256(b)
		return hex.EncodeToString(sum[:])
	}
	tests := []struct {
		name  string
		token func() string
		keys  []crypto.PublicKey
		says  string
	}{
		{"K11/a character", func() string {
			i := strings.Index(one.Token, ".") + 50
			swap := "A"
			if one.Token[i] == 'A' {
				swap = "B"
			}
			return one.Token[:i] + swap + one.Token[i+1:]
		}, nil, "signature"},
		{"another key", func() string { return one.Token }, []crypto.PublicKey{w.keys["ada"].Public()}, "not one of those given"},
		{"no key", func() string { return one.Token }, []crypto.PublicKey{}, "not one of those given"},
		{"an approval is no transcript", func() string { return one.Approvals[0].Token }, append(pub, w.keys["ada"].Public(), w.keys["grace"].Public()), "typ"},
		{"signed by an operator", func() string {
			signed, _ := jose.Parse(one.Token)
			out, _ := signToken(w.keys["ada"], TranscriptType, signed.Payload, rand.Reader)
			return out
		}, append(pub, w.keys["ada"].Public()), "another key than the act names"},
		{"K11/purpose", w.anew(one, func(c *transcriptClaims) {
			c.ActFile = strings.Replace(c.ActFile, "for tests", "for trial", 1)
		}), nil, "digest of the act"},
		{"K11/purpose and digest", w.anew(one, func(c *transcriptClaims) {
			c.ActFile = strings.Replace(c.ActFile, "for tests", "for trial", 1)
			sum := sha256.Sum256([]byte(c.ActFile))
			c.ActHash = hex.EncodeToString(sum[:])
		}), nil, "approved another file"},
		{"K11/certificate", w.anew(one, func(c *transcriptClaims) {
			c.Result = other(two, func(c *transcriptClaims) string { return c.Result })
		}), nil, "digest is not that"},
		{"K11/certificate and digest", w.anew(one, func(c *transcriptClaims) {
			c.Result = other(two, func(c *transcriptClaims) string { return c.Result })
			c.ResultHash = hash(c.Result)
		}), nil, "not the bytes that were approved"},
		{"K11/certificate, TBS and digests", w.anew(one, func(c *transcriptClaims) {
			c.Result, c.TBS = other(two, func(c *transcriptClaims) string { return c.Result }), other(two, func(c *transcriptClaims) string { return c.TBS })
			c.ResultHash, c.TBSHash = hash(c.Result), hash(c.TBS)
		}), nil, "subject_key"},
		{"K11/signature of the certificate", w.anew(one, func(c *transcriptClaims) {
			raw, _ := jose.DecodeBase64URL(c.Result)
			raw[len(raw)-1] ^= 1
			c.Result = jose.EncodeBase64URL(raw)
			c.ResultHash = hash(c.Result)
		}), nil, "not signed by the issuer"},
		{"K11/issuer", w.anew(one, func(c *transcriptClaims) {
			c.Inputs[0].Content = w.read("mdl.pem")
		}), nil, "the file is another one"},
		{"K11/no issuer", w.anew(one, func(c *transcriptClaims) { c.Inputs = []transcriptInput{} }), nil, "not kept"},
		{"K11/an approval less", w.anew(one, func(c *transcriptClaims) { c.Approvals = c.Approvals[:1] }), nil, "missing"},
		{"K11/approvals of another act", w.anew(one, func(c *transcriptClaims) {
			c.Approvals = []string{two.Approvals[0].Token, two.Approvals[1].Token}
		}), nil, "approved another file"},
		{"K11/a witness less", w.anew(one, func(c *transcriptClaims) { c.Witnesses = []Witness{} }), nil, "0 witnesses"},
		{"K11/another witness", w.anew(one, func(c *transcriptClaims) { c.Witnesses[0].Name = "Nobody" }), nil, "not in the act"},
		{"K11/the digits of a witness", w.anew(one, func(c *transcriptClaims) { c.Witnesses[0].Line = "00000000 all good" }), nil, "first 8 digits"},
		{"K11/previous", w.anew(one, func(c *transcriptClaims) { c.Previous = "none" }), nil, "the act says something else"},
		{"K11/ended before it began", w.anew(one, func(c *transcriptClaims) { c.Ended = "2020-01-01T00:00:00Z" }), nil, "before it began"},
		{"K11/a host that moves the cursor", w.anew(one, func(c *transcriptClaims) { c.Host = "vault\x1b[2J" }), nil, "host"},
		{"K11/a host of two lines", w.anew(one, func(c *transcriptClaims) { c.Host = "vault\napproved by all" }), nil, "host: a text on one line"},
		{"K11/a program of two lines", w.anew(one, func(c *transcriptClaims) { c.Program = "signer\nlint clean" }), nil, "program: a text on one line"},
		{"K11/a witness of two lines", w.anew(one, func(c *transcriptClaims) { c.Witnesses[0].Line += "\n  witness B: fine" }), nil, "more than one line"},
		{"K11/a witness after an empty line", w.anew(one, func(c *transcriptClaims) { c.Witnesses[0].Line = "\n" + c.Witnesses[0].Line }), nil, "more than one line"},
		{"a version to come", w.anew(one, func(c *transcriptClaims) { c.Version = 2 }), nil, "version 2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			keys := tt.keys
			if keys == nil {
				keys = pub
			}
			got, err := Verify(tt.token(), keys)
			if got != nil || !errors.Is(err, ErrTranscript) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, want %q", err, tt.says)
			}
		})
	}

	// What holds in itself is found by what is outside: the host is nobody's digest.
	forged := w.signedAnew(one.Token, func(c *transcriptClaims) { c.Host = "elsewhere" })
	if _, err := Verify(forged, pub); err != nil {
		t.Fatalf("the forgery is a bad one: %v", err)
	}
	if _, err := VerifyChain([]string{w.tokens[0], forged, two.Token}, pub); !errors.Is(err, ErrTranscript) || !strings.Contains(err.Error(), "transcript 3") {
		t.Errorf("K11/chain: %v", err)
	}
	for name, tokens := range map[string][]string{"left out": {w.tokens[0], two.Token}, "twice": {one.Token, one.Token}, "order": {two.Token, one.Token}} {
		if _, err := VerifyChain(tokens, pub); !errors.Is(err, ErrTranscript) {
			t.Errorf("K11/%s: %v", name, err)
		}
	}
	done, err := Recorded(filepath.Join(w.dir, "audit.log"))
	if err != nil {
		t.Fatal(err)
	}
	list, err := VerifyChain([]string{w.tokens[0], forged}, pub)
	if err != nil {
		t.Fatal(err)
	}
	if missing, others := InRecord(list, done); len(missing) != 1 || missing[0].Host != "elsewhere" || others != 2 {
		t.Errorf("K11/record: %d missing, %d others", len(missing), others)
	}
	// The record itself is a chain.
	w.write("audit.log", strings.Replace(w.read("audit.log"), done[1], done[2], 1))
	if _, err := Recorded(filepath.Join(w.dir, "audit.log")); err == nil {
		t.Error("an edited record is taken")
	}
}

func (w *world) anew(t *Transcript, change func(*transcriptClaims)) func() string {
	return func() string { return w.signedAnew(t.Token, change) }
}

// TestTranscriptOfTheirOwn: who has no key of this office makes up everything, and
// is found by the key alone.
func TestTranscriptOfTheirOwn(t *testing.T) {
	w, stranger := newWorld(t), newWorld(t)
	stranger.do("iaca", stranger.root("iaca-root", "iaca"))
	if _, err := Verify(stranger.tokens[0], []crypto.PublicKey{w.keys["recorder"].Public()}); !errors.Is(err, ErrTranscript) {
		t.Errorf("%v", err)
	}
	if _, err := Verify(stranger.tokens[0], []crypto.PublicKey{stranger.keys["recorder"].Public()}); err != nil {
		t.Errorf("their own: %v", err)
	}
}
