package audit

import (
	"bufio"
	"crypto"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"vidimus/internal/jose"
)

// CheckpointType is the typ of a checkpoint.
const CheckpointType = "vidimus-checkpoint+jwt"

const (
	// MaxCheckpoint bounds the token of a checkpoint: ours have 500 bytes.
	MaxCheckpoint = 4 << 10
	// maxSize is what every JSON reader takes for a number (RFC 7493).
	maxSize = 1 << 53
)

// Refusals of whoever compares a record with what was signed of it.
var (
	// ErrCheckpoint: a signed checkpoint says something else than the record
	// or another checkpoint does.
	ErrCheckpoint = errors.New("the audit record is not the one that was signed")
	// ErrTruncated: a signed checkpoint speaks of lines that are not there.
	ErrTruncated = errors.New("lines of the audit record that were signed are missing")
	// ErrBegun: a file outside has no checkpoint though others were made before.
	ErrBegun = errors.New("a file of checkpoints is new or was removed")
	// ErrToken: not a checkpoint, or not signed by a key that counts.
	ErrToken = errors.New("not a checkpoint of ours")
)

// Checkpoint is a signed statement about the first Size lines of a record.
type Checkpoint struct {
	Issuer string
	Issued time.Time // whole seconds
	Size   uint64    // lines, at least 1
	Root   [32]byte  // of the Merkle tree over the lines (RFC 6962, section 2.1), newlines left out
	Head   [32]byte  // SHA-256 of line Size

	// Restored is set when the database was put back from a backup: lines
	// after Kept of the record before are lost, and checkpoints over more
	// lines, given before this one, speak of them.
	Restored bool
	Kept     uint64

	Token string // compact JWS
}

// checkpointClaims are the claims of a checkpoint. head is in hexadecimal: what
// the line after has as prev.
type checkpointClaims struct {
	Issuer   string  `json:"iss"`
	IssuedAt *int64  `json:"iat"`
	Size     uint64  `json:"size"`
	Root     string  `json:"root"`
	Head     string  `json:"head"`
	Kept     *uint64 `json:"restored,omitempty"`
}

// sign fills in Token.
func (c *Checkpoint) sign(s *jose.Signer, rand io.Reader) error {
	at := c.Issued.Unix()
	claims := checkpointClaims{
		Issuer: c.Issuer, IssuedAt: &at, Size: c.Size, Root: jose.EncodeBase64URL(c.Root[:]), Head: hex.EncodeToString(c.Head[:]),
	}
	if c.Restored {
		claims.Kept = &c.Kept
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return fmt.Errorf("encoding a checkpoint: %w", err)
	}
	if c.Token, err = s.Sign(payload, rand); err != nil {
		return fmt.Errorf("signing a checkpoint: %w", err)
	}
	return nil
}

// CheckpointKeys are the keys that may have signed checkpoints, by RFC 7638
// thumbprint: the present one and those before it.
type CheckpointKeys map[string]crypto.PublicKey

// NewCheckpointKeys names the keys.
func NewCheckpointKeys(keys ...crypto.PublicKey) (CheckpointKeys, error) {
	out := CheckpointKeys{}
	for _, k := range keys {
		thumbprint, err := jose.Thumbprint(k)
		if err != nil {
			return nil, fmt.Errorf("checkpoint key: %w", err)
		}
		out[jose.EncodeBase64URL(thumbprint)] = k
	}
	return out, nil
}

// Parse reads a checkpoint and verifies its signature. Errors match ErrToken.
func (k CheckpointKeys) Parse(token string) (Checkpoint, error) {
	refuse := func(why string, err error) (Checkpoint, error) {
		if err != nil {
			return Checkpoint{}, fmt.Errorf("%w: %s: %w", ErrToken, why, err)
		}
		return Checkpoint{}, fmt.Errorf("%w: %s", ErrToken, why)
	}
	signed, err := jose.Parse(token, MaxCheckpoint)
	if err != nil {
		return refuse("form", err)
	}
	if signed.Header.Type != CheckpointType {
		return refuse("typ is not "+CheckpointType, nil)
	}
	key, ok := k[signed.Header.KeyID]
	if !ok {
		return refuse("signed by a key that is not one of those given", nil)
	}
	if err := signed.Verify(key); err != nil {
		return refuse("signature", err)
	}
	var claims checkpointClaims
	if err := jose.DecodeJSON(signed.Payload, &claims); err != nil {
		return refuse("claims", err)
	}
	c := Checkpoint{Issuer: claims.Issuer, Size: claims.Size, Token: token}
	root, err := jose.DecodeBase64URL(claims.Root)
	if err != nil || copy(c.Root[:], root) != len(c.Root) || len(root) != len(c.Root) {
		return refuse("root", err)
	}
	head, err := hex.DecodeString(claims.Head)
	if err != nil || copy(c.Head[:], head) != len(c.Head) || len(head) != len(c.Head) {
		return refuse("head", err)
	}
	switch {
	case c.Issuer == "":
		return refuse("no issuer", nil)
	case claims.IssuedAt == nil:
		return refuse("no iat", nil)
	case c.Size == 0 || c.Size > maxSize:
		return refuse("size", nil)
	}
	if claims.Kept != nil {
		c.Restored, c.Kept = true, *claims.Kept
		if c.Kept >= c.Size {
			return refuse("restored is not below size", nil)
		}
	}
	c.Issued = time.Unix(*claims.IssuedAt, 0).UTC()
	return c, nil
}

// ReadCheckpoints reads the file that Tree appends to: a token a line. A last
// line without a newline is one that is being written, or was when the machine
// went off; it is left out. Errors match ErrToken and name the line. Token of
// what is returned is empty: there are many.
func (k CheckpointKeys) ReadCheckpoints(r io.Reader) ([]Checkpoint, error) {
	var out []Checkpoint
	br := bufio.NewReaderSize(r, MaxCheckpoint+1)
	for n := 1; ; n++ {
		raw, err := br.ReadSlice('\n')
		switch {
		case err == io.EOF:
			return out, nil
		case errors.Is(err, bufio.ErrBufferFull):
			return nil, fmt.Errorf("checkpoint %d: %w: longer than %d bytes", n, ErrToken, MaxCheckpoint)
		case err != nil:
			return nil, fmt.Errorf("reading checkpoints: %w", err)
		}
		c, err := k.Parse(string(raw[:len(raw)-1]))
		if err != nil {
			return nil, fmt.Errorf("checkpoint %d: %w", n, err)
		}
		c.Token = ""
		out = append(out, c)
	}
}

// agree says whether two checkpoints over the same number of lines say the
// same of them.
func (c Checkpoint) agree(o Checkpoint) bool { return c.Root == o.Root && c.Head == o.Head }

// lineage sorts out one file of checkpoints, in the order in which they were
// given: those that count, by rising size, and those of which lines were lost
// when a backup was restored. Errors match ErrCheckpoint.
func lineage(in []Checkpoint) (counting, lost []Checkpoint, err error) {
	for i, c := range in {
		if i > 0 && c.Issuer != in[0].Issuer {
			return nil, nil, fmt.Errorf("%w: checkpoint %d is of another office", ErrCheckpoint, i+1)
		}
		if c.Restored {
			for len(counting) > 0 && counting[len(counting)-1].Size > c.Kept {
				lost = append(lost, counting[len(counting)-1])
				counting = counting[:len(counting)-1]
			}
		}
		if len(counting) > 0 {
			switch last := counting[len(counting)-1]; {
			case c.Size < last.Size:
				return nil, nil, fmt.Errorf("%w: checkpoint %d is over %d lines, one before it over %d, and no restored backup is declared", ErrCheckpoint, i+1, c.Size, last.Size)
			case c.Size == last.Size && !c.agree(last):
				return nil, nil, fmt.Errorf("%w: two checkpoints over %d lines say different things", ErrCheckpoint, c.Size)
			case c.Size == last.Size:
				continue
			}
		}
		counting = append(counting, c)
	}
	return counting, lost, nil
}
