package invariants

import (
	"slices"
	"strings"
	"time"
)

// maxStart is how long an office may take from the end of a fault to serving.
const maxStart = 10 * time.Second

// maxDeaf is how many calls of one kind in a row may be answered with 503 while
// the office says that it is ready: as many as were under way when it said so
// for the last time before it noticed.
const maxDeaf = 8

// serving is I13: every answer is a word of the protocol or 503, an office that
// was started is ready in time, and one that says so before and after serves in
// between. An office that is not there gives no answer, which is no third state
// either.
func (x *examination) serving(r *Result) {
	d := deafness{refused: map[string][]int{}}
	for i, e := range x.Journal {
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
		for class, n := range d.next(i, e) {
			r.bad("call %d: it is ready, it says, as it said before, and %d calls of %s in between were answered with 503 alone", e.Call, n, class)
		}
	}
}

// deafness follows what an office says of itself and what it does.
type deafness struct {
	asked   int              // where the question stands that is open
	ready   bool             // it said so, and nothing else since
	refused map[string][]int // by class: 503s since then without a good answer, where they stand
}

// next takes one entry of the journal and gives the classes that were refused
// while the office was ready, and how often.
func (d *deafness) next(i int, e Entry) map[string]int {
	switch {
	case e.Kind == Start:
		d.ready = false
		clear(d.refused)
	case e.Kind == Ready && e.State == Sent:
		d.asked = i
	case e.Kind == Ready && e.State == Refused:
		d.ready = false
		clear(d.refused)
	case e.Kind == Ready:
		d.ready = true
		return d.between()
	case e.State == Answered || e.State == Refused && e.HTTP != 0 && e.HTTP != 503:
		delete(d.refused, classOf(e))
	case d.ready && e.HTTP == 503 && e.State == Refused:
		class := classOf(e)
		d.refused[class] = append(d.refused[class], i)
	}
	return nil
}

// between gives what was refused before the question that was answered now.
func (d *deafness) between() map[string]int {
	var out map[string]int
	for class, at := range d.refused {
		n, _ := slices.BinarySearch(at, d.asked)
		if n < maxDeaf {
			continue
		}
		if out == nil {
			out = map[string]int{}
		}
		out[class] = n
		delete(d.refused, class)
	}
	return out
}

// classOf says what a call was about: what fails for one of a class can be
// expected to fail for the others.
func classOf(e Entry) string {
	switch e.Kind {
	case Push:
		return "events"
	case Receipt:
		return "receipts"
	case List:
		return "lists"
	case Token, Credential:
		return string(e.Kind)
	}
	path := strings.Trim(e.URI, "/")
	switch {
	case path == "registry/v1/events", path == "registry/v1/events/batch":
		return "events"
	case strings.HasPrefix(path, "registry/"):
		return "receipts"
	case path == "status", strings.HasPrefix(path, "status/"):
		return "lists"
	}
	return path
}
