package verifier

import (
	"fmt"
	"time"
)

// StepKind is a word for a moment of a reading.
type StepKind string

// The steps of Read, in their order; asked and not-shown repeat for every
// document of the profile, and failed may come at any time, as the last.
const (
	StepEngaged    StepKind = "engaged"    // the code was read
	StepConnecting StepKind = "connecting" // looking for the phone
	StepConnected  StepKind = "connected"
	StepAsked      StepKind = "asked"     // the request is sent, the holder decides
	StepNotShown   StepKind = "not-shown" // the holder shows no document of this type
	StepVerifying  StepKind = "verifying" // an answer came
	StepDone       StepKind = "done"      // there is a verdict
	StepFailed     StepKind = "failed"    // there is none
)

// Step is a moment of a reading. It holds no value of an element, and no key.
type Step struct {
	Kind StepKind  `json:"kind"`
	At   time.Time `json:"at"`
	// Text is for a person, in English; Kind is what screens translate.
	Text string `json:"text"`
}

// Times of a reading. A person has to find a button and a finger: the holder's
// part is longer than any machine's (threats: two minutes, then the session is
// given up).
const (
	DefaultConnect = 45 * time.Second
	DefaultAnswer  = 2 * time.Minute
	farewell       = 2 * time.Second
)

func (r *reading) step(kind StepKind, format string, args ...any) {
	if r.progress == nil {
		return
	}
	s := Step{Kind: kind, Text: detail(fmt.Sprintf(format, args...))}
	if r.Clock != nil {
		s.At = r.Clock.Now()
	}
	r.progress(s)
}
