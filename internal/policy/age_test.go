package policy

import (
	"testing"
	"time"
)

// Green, amber and red of every kind of knowledge are those that the file names.
func TestAges(t *testing.T) {
	p, err := Load(File{"policy.yaml", []byte("version: 2026-11\nstatus: {fresh: 1d, usable: 3d, refuse: 5d}\nanchors: {fresh: 7d, usable: 8d, refuse: 8d}\nrevocation: {fresh: 0s, usable: 2d}\n")})
	if err != nil || p.Version != "2026-11" {
		t.Fatalf("%+v, %v", p, err)
	}
	day := 24 * time.Hour
	for _, c := range []struct {
		of   Knowledge
		age  time.Duration
		want Freshness
	}{
		{StatusKnowledge, day, WithinPolicy}, {StatusKnowledge, day + 1, Old}, {StatusKnowledge, 3*day + 1, TooOld},
		{StatusKnowledge, 5 * day, TooOld}, {StatusKnowledge, 5*day + 1, PastUse}, {StatusKnowledge, -time.Hour, NotKnown},
		{AnchorKnowledge, 7 * day, WithinPolicy}, {AnchorKnowledge, 8 * day, Old}, {AnchorKnowledge, 8*day + 1, PastUse},
		{RevocationKnowledge, 1, Old}, {RevocationKnowledge, 1000 * day, TooOld}, // refuse is never where it is not set
		{"of tomorrow", 1, TooOld},
	} {
		if got := p.FreshnessOf(c.of, c.age); got != c.want {
			t.Errorf("%s after %s: %s, want %s", c.of, c.age, got, c.want)
		}
	}
	// A file that is laid over another is another policy.
	if p, err = Load(File{"a.yaml", []byte("version: A")}, File{"b.yaml", []byte("clock_skew: 2m")}); err != nil || p.Version != "" {
		t.Errorf("%q, %v", p.Version, err)
	}
}
