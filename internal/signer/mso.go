package signer

import (
	"slices"
	"time"

	"vidimus/internal/mdoc"
	"vidimus/internal/statuslist"
)

// readMSO holds a mobile security object against the policy of a document signer.
func (h *held) readMSO(payload []byte, now instant) error {
	m, err := mdoc.ReadMSO(payload)
	if err != nil {
		return badForm("MSO: %v", err)
	}
	if !slices.Contains(h.Policy.Office.DocTypes, m.DocType) {
		return badPolicy("MSO: a docType that the key does not sign")
	}
	v := m.ValidityInfo
	if err := h.credentialLife("MSO", v.Signed.Time, v.ValidFrom.Time, v.ValidUntil.Time, now); err != nil {
		return err
	}
	if v.ExpectedUpdate != nil && !v.ExpectedUpdate.After(v.Signed.Time) {
		return badPolicy("MSO: expectedUpdate is not after signed")
	}
	if !holderCOSE(m.DeviceKeyRaw, m.DeviceKey) {
		return badForm("MSO: a key of the holder with more than kty, crv, x and y, or with its point compressed")
	}
	if h.own.cose[string(m.DeviceKeyRaw)] {
		return badPolicy("MSO: the key of the holder is one of the office")
	}
	if m.Status == nil {
		return h.withoutStatus("MSO")
	}
	if l := m.Status.StatusList; l != nil && (!h.Policy.Office.list(l.URI) || l.Index >= statuslist.MaxEntries || l.Certificate != nil) {
		return badPolicy("MSO: a status list that is not the office's, or no index of one")
	}
	if l := m.Status.IdentifierList; l != nil && !h.Policy.Office.list(l.URI) {
		return badPolicy("MSO: an identifier list that is not the office's")
	}
	return nil
}

// credentialLife: made not in the future and not long ago, valid no longer than the
// policy lets it and than the certificate of the key, within whose validity it is
// made (ISO/IEC 18013-5, 9.3.1, step 5).
func (h *held) credentialLife(what string, signed, from, until, now time.Time) error {
	switch {
	case signed.After(now.Add(skew)):
		return badPolicy("%s: signed in the future", what)
	case signed.Before(now.Add(-maxCredentialAge)):
		return badPolicy("%s: signed more than %s ago", what, maxCredentialAge)
	case signed.Before(h.leaf.NotBefore()):
		return badPolicy("%s: signed before the certificate of the key holds", what)
	case from.Before(signed):
		return badPolicy("%s: valid from before it was signed", what)
	case from.After(now.Add(maxCredentialAge)):
		return badPolicy("%s: valid from long after it is signed", what)
	case !until.After(from):
		return badPolicy("%s: valid from after it has ended", what)
	case !until.After(now):
		return badPolicy("%s: it has ended", what)
	case until.After(h.leaf.NotAfter()):
		return badPolicy("%s: it would outlive the certificate of the key, which ends at %s", what, h.leaf.NotAfter().UTC().Format(time.RFC3339))
	}
	if most := h.Policy.Office.MaxValidity; most > 0 && until.Sub(signed) > most {
		return badPolicy("%s: valid for longer than %s", what, most)
	}
	return nil
}

func (h *held) withoutStatus(what string) error {
	if h.Policy.Office.WithoutStatus {
		return nil
	}
	return badPolicy("%s: no status", what)
}
