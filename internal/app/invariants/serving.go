package invariants

import "time"

// maxStart is how long an office may take from the end of a fault to serving.
const maxStart = 10 * time.Second

// serving is I13: every answer is a word of the protocol or 503, and an office
// that was started is ready in time. An office that is not there gives no
// answer, which is no third state either.
func (x *examination) serving(r *Result) {
	for _, e := range x.Journal {
		switch {
		case e.Kind == Start && e.State != Sent:
			if r.Seen++; e.State == Refused || e.Took > maxStart {
				r.bad("call %d: the office was not ready after %s", e.Call, e.Took.Round(time.Millisecond))
			}
		case e.HTTP != 0:
			if r.Seen++; e.HTTP >= 500 && e.HTTP != 503 {
				r.bad("call %d (%s) was answered with status %d", e.Call, e.Kind, e.HTTP)
			}
		}
	}
}
