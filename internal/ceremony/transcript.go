package ceremony

import (
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"vidimus/internal/jose"
	"vidimus/internal/pki"
)

// TranscriptType is the typ of a transcript.
const TranscriptType = "vidimus-transcript+jwt"

// transcriptClaims are the claims of a transcript: everything that it takes to judge
// the act without the machine on which it was done, but for a revocation list that it follows.
type transcriptClaims struct {
	Version    int               `json:"version"`
	Act        string            `json:"act"`
	ActFile    string            `json:"act_file"` // the whole text
	ActHash    string            `json:"act_sha256"`
	Inputs     []transcriptInput `json:"inputs"`
	TBS        string            `json:"tbs"` // base64url
	TBSHash    string            `json:"tbs_sha256"`
	Result     string            `json:"result"` // base64url of the DER
	ResultHash string            `json:"result_sha256"`
	Approvals  []string          `json:"approvals"`
	Witnesses  []Witness         `json:"witnesses"`
	Begun      string            `json:"begun"`
	Ended      string            `json:"ended"`
	Host       string            `json:"host"`
	Program    string            `json:"program"`
	Previous   string            `json:"previous"`
}

type transcriptInput struct {
	Field   string `json:"field"`
	Content string `json:"content"`
}

// Witness is somebody who was there, and what they wrote: the first digits of the
// digest that they compared, and a line of their own.
type Witness struct {
	Name string `json:"name"`
	Line string `json:"line"`
	At   string `json:"at"`
}

// Transcript is a transcript that was verified.
type Transcript struct {
	Act       *Act
	Approvals []Approval
	Witnesses []Witness
	// Certificate or List is what was made; the other one is nil.
	Certificate *pki.Certificate
	List        *pki.CRL
	listKey     string            // SHA-256 of the SubjectPublicKeyInfo that signed List
	ResultHash  [sha256.Size]byte // SHA-256 of its DER
	TBSHash     [sha256.Size]byte

	Begun, Ended  time.Time
	Host, Program string
	// Hash is SHA-256 of the token: of the file, to the octet. Previous is that of the
	// transcript before, or none.
	Hash     [sha256.Size]byte
	Previous string
	Token    string
}

// HashOf is the digest by which transcripts name each other.
func HashOf(token string) [sha256.Size]byte { return sha256.Sum256([]byte(token)) }

// record makes the claims of a plan; the result comes later.
func (p *Plan) record(approvals []Approval, witnesses []Witness, begun time.Time, host, program string) *transcriptClaims {
	hash := p.Act.Hash()
	c := &transcriptClaims{
		Version: 1, Act: p.Act.Act, ActFile: string(p.Act.raw), ActHash: hex.EncodeToString(hash[:]),
		TBS: jose.EncodeBase64URL(p.Draft.TBS), TBSHash: hex.EncodeToString(p.TBSHash[:]),
		Witnesses: witnesses, Begun: begun.UTC().Format(time.RFC3339), Host: host, Program: program, Previous: p.Act.Transcript.Previous,
		Inputs: []transcriptInput{}, Approvals: []string{},
	}
	for _, in := range p.inputs {
		c.Inputs = append(c.Inputs, transcriptInput{in.field, in.content})
	}
	for _, a := range approvals {
		c.Approvals = append(c.Approvals, a.Token)
	}
	return c
}

// encode writes the claims, and reads them again: what cannot be read later must not
// be found out after the signature.
func (c *transcriptClaims) encode() ([]byte, error) {
	payload, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encoding a transcript: %w", err)
	}
	var again transcriptClaims
	if err := jose.DecodeClosed(payload, &again); err != nil {
		return nil, fmt.Errorf("the transcript could not be read again: %w", err)
	}
	if again.ActFile != c.ActFile {
		return nil, fmt.Errorf("%w: the file holds characters that a transcript cannot", ErrAct)
	}
	for i, in := range again.Inputs {
		if in != c.Inputs[i] {
			return nil, fmt.Errorf("%w: %s: the file is no text", ErrAct, in.Field)
		}
	}
	if n := jose.EncodedLen(len(payload)) + 1024; n > MaxTranscript {
		return nil, fmt.Errorf("%w: a transcript of it would have %d bytes, at most %d: is the act that long?", ErrAct, n, MaxTranscript)
	}
	return payload, nil
}

// sign completes the transcript with what was made.
func (c *transcriptClaims) sign(result []byte, ended time.Time, key crypto.Signer, rand io.Reader) (string, error) {
	sum := sha256.Sum256(result)
	c.Result, c.ResultHash, c.Ended = jose.EncodeBase64URL(result), hex.EncodeToString(sum[:]), ended.UTC().Format(time.RFC3339)
	payload, err := c.encode()
	if err != nil {
		return "", err
	}
	token, err := signToken(key, TranscriptType, payload, rand)
	if err != nil {
		return "", fmt.Errorf("signing the transcript: %w", err)
	}
	return token, nil
}
