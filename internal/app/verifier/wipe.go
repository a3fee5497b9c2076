package verifier

import "vidimus/internal/verification"

// Wipe forgets the values that were read: what lies in slices is overwritten,
// the rest is let go. Strings of Go cannot be overwritten; the collector does it, in
// a process that is Forgetful. Colour, axes and the results of
// the checks stay; their details, which may quote a value, go.
func (r *Reading) Wipe() {
	if r == nil || r.Report == nil {
		return
	}
	for i := range r.Report.Documents {
		d := &r.Report.Documents[i]
		for _, list := range [][]verification.Element{d.IssuerSigned, d.DeviceSigned} {
			for j := range list {
				clear(list[j].Bytes)
				list[j] = verification.Element{}
			}
		}
		d.IssuerSigned, d.DeviceSigned, d.Driving = nil, nil, nil
		d.Reasons, d.Warnings = nil, nil
		forget(d.Checks)
	}
	r.Report.Reasons, r.Report.Warnings = nil, nil
	forget(r.Report.Checks)
}

func forget(checks []verification.Check) {
	for i := range checks {
		checks[i].Detail = ""
	}
}

// WithoutPictures takes the values of pictures out of a report that is written
// down: their place tells their size.
func WithoutPictures(r *verification.Report) {
	for i := range r.Documents {
		for _, list := range [][]verification.Element{r.Documents[i].IssuerSigned, r.Documents[i].DeviceSigned} {
			for j := range list {
				if n := len(list[j].Bytes); n > 0 {
					list[j].Value = map[string]int{"bytes": n}
				}
			}
		}
	}
}
