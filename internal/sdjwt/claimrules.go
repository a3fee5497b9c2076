package sdjwt

import "fmt"

// CheckDisclosable checks the credential against sd of the claim metadata
// (SD-JWT VC, section 4.6.2): a claim is selectively disclosable only if it is
// itself a disclosure, not because one of its ancestors is. A path that leads
// nowhere is no error, the claim may be withheld. The error is an *[Error] of
// sd.vct.
func (m *TypeMetadata) CheckDisclosable(p *Payload) error {
	for _, c := range m.Claims {
		if c.SD == SDAllowed {
			continue
		}
		for _, path := range p.Find(c.Path) {
			if p.IsDisclosed(path) != (c.SD == SDAlways) {
				return refuse(CheckVCT, "claim %s is issued otherwise than sd %q demands", c.Path, c.SD)
			}
		}
	}
	return nil
}

// CheckMandatory checks that every mandatory claim is there. Only the issuer
// and a holder with all disclosures can know: in a presentation a mandatory
// claim may be withheld.
func (m *TypeMetadata) CheckMandatory(p *Payload) error {
	for _, c := range m.Claims {
		if c.Mandatory && len(p.Find(c.Path)) == 0 {
			return refuse(CheckVCT, "mandatory claim %s is missing", c.Path)
		}
	}
	return nil
}

// VerifyTypeMetadata is [TypeMetadata.CheckDisclosable] for a credential of
// this type, as one finding, sd.vct.
func (m *TypeMetadata) VerifyTypeMetadata(p *Payload) Finding {
	if p.VCT != m.VCT {
		return result(CheckVCT, fmt.Errorf("type metadata of another type"))
	}
	return result(CheckVCT, m.CheckDisclosable(p))
}

// Policy makes the policy of an issuer that follows the metadata: what it says
// never about stays visible, all else is selectively disclosable.
func (m *TypeMetadata) Policy() Policy {
	var never []Path
	for _, c := range m.Claims {
		if c.SD == SDNever {
			never = append(never, c.Path)
		}
	}
	return EverythingExcept(never...)
}
