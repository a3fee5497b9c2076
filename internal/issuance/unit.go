package issuance

import "vidimus/internal/jose"

// unitSize is half of a MAC: no two units of a state meet by chance in 128 bits.
const unitSize = 16

// WalletUnit names the wallet unit that holds a key, of its attested instance
// or of its DPoP proofs: opaque, the same for
// all its requests to this office, of no use to another office, since the key
// of the MAC comes from the secret of this one. It is "" when there is no key:
// whoever has the token could be any unit.
func (s *Service) WalletUnit(thumbprint string) string {
	if thumbprint == "" {
		return ""
	}
	return jose.EncodeBase64URL(sum(s.secrets.unit, []byte(thumbprint))[:unitSize])
}
