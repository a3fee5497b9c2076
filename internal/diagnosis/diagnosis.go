// Package diagnosis is what a look at a program tells its operator: findings, how
// grave each is, and what remedies it.
//
// Start with a Diagnosis and Add to it. String writes it for a terminal, ExitCode is
// what a command ends with; as JSON it is for a program.
//
// Promised: what is all right has no remedy; the exit code is that of the gravest
// finding.
package diagnosis

import (
	"fmt"
	"strings"
)

// Grade says how grave a finding is.
type Grade string

// The grades.
const (
	Good  Grade = "ok"
	Look  Grade = "look" // should be looked at
	Wrong Grade = "wrong"
)

// Finding is one thing that was looked at.
type Finding struct {
	Area   string `json:"area"` // keys, certificates, rotation, disk: as the table of docs/OPERATIONS.md has them
	What   string `json:"what"`
	Grade  Grade  `json:"grade"`
	Detail string `json:"detail"`
	// Remedy is what to do, "" when all is well.
	Remedy string `json:"remedy,omitempty"`
}

// Diagnosis is everything that was looked at.
type Diagnosis struct {
	Findings []Finding `json:"findings"`
}

// Add says how one thing was found; the remedy of what is all right is left out.
func (d *Diagnosis) Add(area, what string, g Grade, remedy, format string, args ...any) {
	if g == Good {
		remedy = ""
	}
	d.Findings = append(d.Findings, Finding{Area: area, What: what, Grade: g, Detail: fmt.Sprintf(format, args...), Remedy: remedy})
}

// ExitCode is 0 when all is well, 1 when something is wrong, 2 when something
// should be looked at.
func (d *Diagnosis) ExitCode() int {
	code := 0
	for _, f := range d.Findings {
		switch f.Grade {
		case Wrong:
			return 1
		case Look:
			code = 2
		}
	}
	return code
}

// String writes the diagnosis for a terminal.
func (d *Diagnosis) String() string {
	var b strings.Builder
	for _, f := range d.Findings {
		fmt.Fprintf(&b, "%-5s %-12s %s: %s\n", f.Grade, f.Area, f.What, f.Detail)
		if f.Remedy != "" {
			fmt.Fprintf(&b, "      %-12s -> %s\n", "", f.Remedy)
		}
	}
	return b.String()
}
