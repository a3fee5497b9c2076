package pki

import (
	"bytes"
	"errors"
)

// ValidatePinned decides whether the leaf of a chain is itself one of pins:
// certificates of signers that somebody vouches for one by one, as lists of
// trusted entities do (ETSI TS 119 602 Annex E), and not by the authority above
// them. What opt asks of a leaf is asked of it; the rest of the chain is not
// looked at. Every failure is a *PathError.
func ValidatePinned(chain [][]byte, pins []*Certificate, opt PathOptions) (*Path, error) {
	if len(chain) == 0 {
		return nil, &PathError{Reason: ReasonMalformed, Err: errors.New("no certificate")}
	}
	for _, pin := range pins {
		if !bytes.Equal(pin.Cert.Raw, chain[0]) {
			continue
		}
		v := &validation{opt: opt}
		if p := v.judge([]*Certificate{pin}); p != nil {
			return p, nil
		}
		return nil, v.furthest
	}
	return nil, &PathError{Reason: ReasonNoAnchor, Err: errors.New("the certificate is none of those that are pinned")}
}
