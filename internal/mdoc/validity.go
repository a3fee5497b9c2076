package mdoc

import (
	"time"

	"vidimus/internal/cbor"
)

// ValidityInfo is the life of an MSO (ISO/IEC 18013-5, 9.1.2.4). It says
// nothing of the life of the document that it speaks of.
type ValidityInfo struct {
	Signed         cbor.DateTime
	ValidFrom      cbor.DateTime
	ValidUntil     cbor.DateTime
	ExpectedUpdate *cbor.DateTime // nil when absent
}

// NewValidityInfo makes a ValidityInfo without expectedUpdate; fractions of a
// second are cut off.
func NewValidityInfo(signed, validFrom, validUntil time.Time) ValidityInfo {
	return ValidityInfo{
		Signed:     cbor.NewDateTime(signed),
		ValidFrom:  cbor.NewDateTime(validFrom),
		ValidUntil: cbor.NewDateTime(validUntil),
	}
}

// append appends the map, its members as they sort.
func (v *ValidityInfo) append(b []byte) (_ []byte, err error) {
	dates := [...]struct {
		name string
		at   *cbor.DateTime
	}{{"signed", &v.Signed}, {"validFrom", &v.ValidFrom}, {"validUntil", &v.ValidUntil}, {"expectedUpdate", v.ExpectedUpdate}}
	n := len(dates)
	if v.ExpectedUpdate == nil {
		n--
	}
	b = cbor.AppendMap(b, n)
	for _, d := range dates[:n] {
		if b, err = cbor.AppendDateTime(cbor.AppendText(b, d.name), *d.at); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// parse reads the map. A date that is no tdate fails mso.tdate; fractions and
// offsets are noted.
func (v *ValidityInfo) parse(b []byte, n *notes) error {
	var expected cbor.DateTime
	dates := [...]struct {
		name string
		to   *cbor.DateTime
		seen bool
	}{{name: "signed", to: &v.Signed}, {name: "validFrom", to: &v.ValidFrom}, {name: "validUntil", to: &v.ValidUntil}, {name: "expectedUpdate", to: &expected}}
	err := eachMember(CheckFormat, "ValidityInfo", b, func(name, value []byte) error {
		for i := range dates {
			d := &dates[i]
			if d.name != string(name) {
				continue
			}
			text, ok := tdateText(value)
			if !ok {
				return refuse(CheckDate, "%s is no text with tag 0", d.name)
			}
			var err error
			if *d.to, err = cbor.ParseDateTime(string(text)); err != nil {
				return within(refuseCause(CheckDate, err), "%s", d.name)
			}
			if d.to.Fraction {
				n.warn(CheckDate, "%s has a fraction of a second", d.name)
			}
			if d.to.Offset {
				n.warn(CheckDate, "%s has an offset instead of Z", d.name)
			}
			d.seen = true
			return nil
		}
		n.unknown("ValidityInfo", name)
		return nil
	})
	if err != nil {
		return err
	}
	for i, d := range dates {
		switch {
		case d.seen && i == 3:
			v.ExpectedUpdate = &expected
		case !d.seen && i < 3:
			return refuse(CheckFormat, "no %s", d.name)
		}
	}
	return nil
}

// tdateText returns the text of 0(text).
func tdateText(item []byte) ([]byte, bool) {
	major, tag, size, ok := head(item)
	if !ok || major != majorTag || tag != 0 {
		return nil, false
	}
	return textOf(item[size:])
}

// VerifyValidity compares the dates of the MSO with the present and with the
// validity of the document signer's certificate: mso.validity, mso.signed,
// mso.outlives and mso.tdate. Dates are compared as instants, both ends
// included (ISO/IEC 18013-5, 9.3.1, step 5).
//
// skew is the tolerance for clocks, taken as between 0 and MaxSkew. With zero
// dsNotBefore or dsNotAfter the checks that need them are not done.
func (s *IssuerSigned) VerifyValidity(now time.Time, skew time.Duration, dsNotBefore, dsNotAfter time.Time) []Finding {
	skew = min(max(skew, 0), MaxSkew)
	v := &s.MSO.ValidityInfo
	validity, signed, outlives := newOutcome(CheckValidity), newOutcome(CheckSigned), newOutcome(CheckOutlives)
	const layout = time.RFC3339
	if v.Signed.After(v.ValidFrom.Time) {
		validity.fail("signed %s after validFrom %s", v.Signed.Format(layout), v.ValidFrom.Format(layout))
	}
	if !v.ValidFrom.Before(v.ValidUntil.Time) {
		validity.fail("validFrom %s not before validUntil %s", v.ValidFrom.Format(layout), v.ValidUntil.Format(layout))
	}
	switch {
	case now.IsZero():
		validity.fail("no present instant given")
	case now.Add(skew).Before(v.ValidFrom.Time):
		validity.fail("not valid before %s", v.ValidFrom.Format(layout))
	case now.Add(-skew).After(v.ValidUntil.Time):
		validity.fail("expired at %s", v.ValidUntil.Format(layout))
	}
	if dsNotBefore.IsZero() || dsNotAfter.IsZero() {
		signed.add(NotDone, "validity of the document signer unknown")
		outlives.add(NotDone, "validity of the document signer unknown")
	} else {
		if v.Signed.Before(dsNotBefore) || v.Signed.After(dsNotAfter) {
			signed.fail("signed %s outside the document signer's validity", v.Signed.Format(layout))
		}
		if v.ValidUntil.After(dsNotAfter) {
			outlives.warn("validUntil %s after the document signer's end %s", v.ValidUntil.Format(layout), dsNotAfter.UTC().Format(layout))
		}
	}
	return []Finding{validity.finding(), signed.finding(), outlives.finding(), s.noted(CheckDate)}
}

// VerifyValidity is [IssuerSigned.VerifyValidity] of the document.
func (d *Document) VerifyValidity(now time.Time, skew time.Duration, dsNotBefore, dsNotAfter time.Time) []Finding {
	return d.IssuerSigned.VerifyValidity(now, skew, dsNotBefore, dsNotAfter)
}

// noted turns what parsing noted for a check into its finding: a pass when
// nothing was noted.
func (s *IssuerSigned) noted(check string) Finding {
	o := newOutcome(check)
	for _, note := range s.Notes {
		if note.Check == check {
			o.warn("%s", note.Detail)
		}
	}
	return o.finding()
}
