package invariants

import (
	"fmt"
	"slices"
)

// Result is what became of one invariant.
type Result struct {
	Number string // I1
	Means  string
	// Seen is how many things were looked at: 0 proves nothing.
	Seen int
	// Violations are at most maxShown of them; Violated is how many there are.
	Violations []string
	Violated   int
}

// maxShown bounds the violations that are spelled out: one bug makes many.
const maxShown = 5

func (r *Result) bad(format string, args ...any) {
	if r.Violated++; r.Violated <= maxShown {
		r.Violations = append(r.Violations, fmt.Sprintf(format, args...))
	}
}

func (r Result) String() string {
	s := fmt.Sprintf("%-4s %8d seen %4d violated  %s", r.Number, r.Seen, r.Violated, r.Means)
	for _, v := range r.Violations {
		s += "\n     - " + v
	}
	return s
}

// invariant is one row of the plan.
type invariant struct {
	number, means string
	check         func(*examination, *Result)
}

var all = []invariant{
	{"I1", "acknowledged pushes are present, with their version", (*examination).present},
	{"I2", "no push was applied twice", (*examination).once},
	{"I3", "no index was given out twice", (*examination).indices},
	{"I4", "an intent before every signature, a completion after", (*examination).intents},
	{"I5", "nothing released without an audit entry", (*examination).released},
	{"I6", "the audit chain holds and never shrinks", (*examination).chain},
	{"I7", "codes and nonces are taken once", (*examination).singleUse},
	{"I8", "wrong transaction codes stay counted", (*examination).wrongCodes},
	{"I9", "what is revoked is published so and stays so", (*examination).revoked},
	{"I10", "lists never go back, parse and are signed", (*examination).published},
	{"I11", "lists are served whole", (*examination).whole},
	{"I12", "released credentials verify, and their signers are published and outlive them", (*examination).verified},
	{"I13", "serving or not ready, and soon", (*examination).serving},
	{"I14", "the state is the fold of the accepted events", (*examination).folded},
}

// Numbers lists the invariants.
func Numbers() []string {
	var out []string
	for _, i := range all {
		out = append(out, i.number)
	}
	return out
}

// examination is the evidence, indexed.
type examination struct {
	*Evidence
	line   lines
	tokens []fetched
	memory Memory
}

// Check holds the evidence against every invariant, in their order, and gives
// what the next check of the same office is to know.
func Check(ev *Evidence) ([]Result, *Memory) {
	x := &examination{Evidence: ev, memory: newMemory()}
	x.line = readLines(ev.Lines)
	x.tokens = fetches(ev)
	var out []Result
	for _, i := range all {
		r := Result{Number: i.number, Means: i.means}
		i.check(x, &r)
		out = append(out, r)
	}
	return out, &x.memory
}

// Violated names the invariants that do not hold, in their order.
func Violated(results []Result) []string {
	var out []string
	for _, r := range results {
		if r.Violated > 0 {
			out = append(out, r.Number)
		}
	}
	return slices.Clip(out)
}
