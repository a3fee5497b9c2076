package issuer

import (
	"testing"
	"time"
)

func TestTrials(t *testing.T) {
	var made trials
	now := time.Unix(1_800_000_000, 0)
	one := trial{person: "P", document: "D", configuration: "mdl", version: 7}
	if made.passed(one, now) {
		t.Error("nothing was tried")
	}
	made.pass(one, now)
	for _, c := range []struct {
		what string
		one  trial
		at   time.Time
		want bool
	}{
		{"now", one, now, true},
		{"before its end", one, now.Add(trialLifetime - 1), true},
		{"at its end", one, now.Add(trialLifetime), false},
		{"with a clock that was put back", one, now.Add(-1), false},
		{"after an event", trial{"P", "D", "mdl", 8}, now, false},
		{"of another configuration", trial{"P", "D", "pid", 7}, now, false},
		{"of another document", trial{"P", "E", "mdl", 7}, now, false},
		{"of another person", trial{"Q", "D", "mdl", 7}, now, false},
	} {
		if made.passed(c.one, c.at) != c.want {
			t.Errorf("%s: passed is %v", c.what, !c.want)
		}
	}
	for v := range uint64(2 * maxTrials) {
		one.version = v
		made.pass(one, now)
	}
	if len(made.made) > maxTrials || !made.passed(one, now) {
		t.Errorf("%d are remembered", len(made.made))
	}
}
