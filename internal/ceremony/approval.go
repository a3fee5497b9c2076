package ceremony

import (
	"crypto"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"vidimus/internal/jose"
)

// ApprovalType is the typ of an approval.
const ApprovalType = "vidimus-approval+jwt"

// approvalClaims are the claims of an approval.
type approvalClaims struct {
	Name     string `json:"name"`
	ActHash  string `json:"act_sha256"`
	TBSHash  string `json:"tbs_sha256"`
	IssuedAt int64  `json:"iat"`
}

// ApprovalEnds is until when an approval of an instant counts.
func (a *Act) ApprovalEnds(at time.Time) time.Time {
	days := a.ApprovalDays
	if days == 0 {
		days = MaxApprovalDays
	}
	return at.Add(time.Duration(days) * 24 * time.Hour)
}

// Approval is one operator's yes to exactly these bytes.
type Approval struct {
	Name  string
	At    time.Time
	Token string
}

// Approve makes the approval of the operator name with their key. Errors match
// ErrFindings, ErrKey when the key is not the one that the act has for them, or
// ErrApproval when the act knows no such operator.
func (p *Plan) Approve(name string, key crypto.Signer, now time.Time, rand io.Reader) (string, error) {
	if len(p.Draft.Findings) > 0 {
		return "", fmt.Errorf("%w: %s", ErrFindings, strings.Join(p.Draft.Findings, "; "))
	}
	o, err := p.Act.operator(name)
	if err != nil {
		return "", err
	}
	pub, _, err := publicKey([]byte(o.PublicKey))
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrAct, err)
	}
	if !pub.Equal(key.Public()) {
		return "", fmt.Errorf("%w: the act has another public key for %s", ErrKey, name)
	}
	hash := p.Act.Hash()
	payload, err := json.Marshal(approvalClaims{Name: name, ActHash: hex.EncodeToString(hash[:]), TBSHash: hex.EncodeToString(p.TBSHash[:]), IssuedAt: now.Unix()})
	if err != nil {
		return "", fmt.Errorf("encoding an approval: %w", err)
	}
	token, err := signToken(key, ApprovalType, payload, rand)
	if err != nil {
		return "", fmt.Errorf("approving: %w", err)
	}
	if _, err := p.approval(token); err != nil {
		return "", err
	}
	return token, nil
}

func (a *Act) operator(name string) (Operator, error) {
	for _, o := range a.Operators {
		if o.Name == name {
			return o, nil
		}
	}
	return Operator{}, fmt.Errorf("%w: the act has no operator %.100q", ErrApproval, name)
}

// approval verifies one approval. Errors match ErrApproval.
func (p *Plan) approval(token string) (Approval, error) {
	signed, err := jose.Parse(token, maxApproval)
	if err != nil {
		return Approval{}, fmt.Errorf("%w: %w", ErrApproval, err)
	}
	if signed.Header.Type != ApprovalType {
		return Approval{}, fmt.Errorf("%w: the typ is not %s", ErrApproval, ApprovalType)
	}
	var c approvalClaims
	if err := jose.DecodeClosed(signed.Payload, &c); err != nil {
		return Approval{}, fmt.Errorf("%w: %w", ErrApproval, err)
	}
	o, err := p.Act.operator(c.Name)
	if err != nil {
		return Approval{}, err
	}
	pub, _, err := publicKey([]byte(o.PublicKey))
	if err != nil {
		return Approval{}, fmt.Errorf("%w: %w", ErrApproval, err)
	}
	if err := signed.Verify(pub); err != nil {
		return Approval{}, fmt.Errorf("%w: of %s: %w", ErrApproval, o.Name, err)
	}
	hash := p.Act.Hash()
	if c.ActHash != hex.EncodeToString(hash[:]) {
		return Approval{}, fmt.Errorf("%w: %s approved another file (%.64s)", ErrApproval, o.Name, c.ActHash)
	}
	if c.TBSHash != hex.EncodeToString(p.TBSHash[:]) {
		return Approval{}, fmt.Errorf("%w: %s approved other bytes to sign (%.64s)", ErrApproval, o.Name, c.TBSHash)
	}
	return Approval{Name: o.Name, At: time.Unix(c.IssuedAt, 0).UTC(), Token: token}, nil
}

// Approvals wants the approval of every operator of the act, each once, and each one
// that counts at an instant. Errors match ErrApproval and name who is missing.
func (p *Plan) Approvals(tokens []string, now time.Time) ([]Approval, error) {
	if len(tokens) > maxPeople {
		return nil, fmt.Errorf("%w: %d approvals of %d operators", ErrApproval, len(tokens), len(p.Act.Operators))
	}
	by := map[string]Approval{}
	for _, t := range tokens {
		a, err := p.approval(t)
		if err != nil {
			return nil, err
		}
		if _, twice := by[a.Name]; twice {
			return nil, fmt.Errorf("%w: two approvals of %s", ErrApproval, a.Name)
		}
		by[a.Name] = a
		switch ends := p.Act.ApprovalEnds(a.At); {
		case a.At.After(now.Add(approvalSkew)):
			return nil, fmt.Errorf("%w: %s approved at %s, which is to come (it is %s): set the clocks of both machines", ErrApproval, a.Name, a.At.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
		case !now.Before(ends):
			return nil, fmt.Errorf("%w: what %s approved at %s counted until %s: look at the act again and approve anew", ErrApproval, a.Name, a.At.Format(time.RFC3339), ends.Format(time.RFC3339))
		}
	}
	var out []Approval
	var missing []string
	for _, o := range p.Act.Operators {
		if a, ok := by[o.Name]; ok {
			out = append(out, a)
		} else {
			missing = append(missing, o.Name)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("%w: the approval of %s is missing: `signer ceremony approve` makes it", ErrApproval, strings.Join(missing, ", "))
	}
	return out, nil
}

// signToken makes a JWS that names its key by thumbprint, and verifies it.
func signToken(key crypto.Signer, typ string, payload []byte, rand io.Reader) (string, error) {
	thumbprint, err := jose.Thumbprint(key.Public())
	if err != nil {
		return "", err
	}
	token, err := jose.Sign(key, map[string]any{"typ": typ, "kid": jose.EncodeBase64URL(thumbprint)}, payload, rand)
	if err != nil {
		return "", err
	}
	signed, err := jose.Parse(token, MaxTranscript)
	if err != nil {
		return "", err
	}
	return token, signed.Verify(key.Public())
}
