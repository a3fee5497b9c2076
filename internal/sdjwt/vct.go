package sdjwt

import (
	"fmt"
	"slices"
)

// Types gives vct and then aka_vcts: every type that the credential says to be.
func (p *Payload) Types() []string {
	if p.VCT == "" {
		return nil
	}
	return append([]string{p.VCT}, p.AlsoKnown...)
}

// VerifyVCT checks vct, vct#integrity and aka_vcts, and that vct is one of
// those accepted, byte for byte; with none given any type passes. One finding,
// sd.vct.
func (p *Payload) VerifyVCT(accepted ...string) Finding {
	return p.verifyVCT(p.VCT, accepted)
}

// VerifyVCTOrAlias is [Payload.VerifyVCT] that also takes a member of aka_vcts
// for an answer. It returns the type that matched: the caller has to trust the
// issuer for that one, not only for vct.
func (p *Payload) VerifyVCTOrAlias(accepted ...string) (string, Finding) {
	for _, t := range p.Types() {
		if slices.Contains(accepted, t) {
			return t, p.verifyVCT(t, accepted)
		}
	}
	return "", p.verifyVCT(p.VCT, accepted)
}

func (p *Payload) verifyVCT(matched string, accepted []string) Finding {
	if p.vctErr != nil {
		return Finding{Check: CheckVCT, Result: Fail, Detail: p.vctErr.Error()}
	}
	if len(accepted) > 0 && !slices.Contains(accepted, matched) {
		return Finding{Check: CheckVCT, Result: Fail, Detail: "vct is not one of the accepted types"}
	}
	f := Finding{Check: CheckVCT, Result: Pass}
	if matched != p.VCT {
		f.Detail = "accepted by aka_vcts"
	}
	return f
}

// readVCT reads the type claims (SD-JWT VC, sections 2.2.2.1 and 2.2.2.2).
func readVCT(claims map[string]any) (vct string, aka []string, err error) {
	vct, _ = claims["vct"].(string)
	if vct == "" {
		return "", nil, fmt.Errorf("vct is missing or not a string")
	}
	if v, ok := claims["vct#integrity"]; ok {
		text, _ := v.(string)
		if _, err := parseIntegrity(text); err != nil {
			return "", nil, fmt.Errorf("vct#integrity: %w", err)
		}
	}
	v, ok := claims["aka_vcts"]
	if !ok {
		return vct, nil, nil
	}
	list, _ := v.([]any)
	if len(list) == 0 {
		return "", nil, fmt.Errorf("aka_vcts is not a non-empty array")
	}
	for _, v := range list {
		name, _ := v.(string)
		if name == "" || name == vct || slices.Contains(aka, name) {
			return "", nil, fmt.Errorf("aka_vcts holds something other than further types")
		}
		aka = append(aka, name)
	}
	return vct, aka, nil
}

// Integrity gives vct#integrity, "" when absent.
func (p *Payload) Integrity() string {
	text, _ := p.Claims["vct#integrity"].(string)
	return text
}
