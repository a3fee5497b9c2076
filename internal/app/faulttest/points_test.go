//go:build faults

package faulttest

import (
	"errors"
	"fmt"
	"io/fs"
	mathrand "math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/faults"
)

const (
	// pointPatience is how long a round waits for its point to be reached.
	pointPatience = 3 * time.Second
	// pointTries is after how many rounds a point counts as never reached.
	pointTries = 8
)

// operatorRooms are the rooms whose points no load reaches, but operators and
// officers: TestBackupKilled, TestRestoreKilled, TestImportKilled,
// TestConsoleKilled and TestEmergencyKilled kill there.
var operatorRooms = []string{"backup", "bulk", "emergency", "issuer", "officer"}

// halfWritten is a point of a control alone.
const halfWritten = "publication.half-written"

// servingPoints are those that a serving office reaches.
func servingPoints() []string {
	var out []string
	for _, p := range faults.Points() {
		if room, _, _ := strings.Cut(p.Name, "."); p.Name != halfWritten && !slices.Contains(operatorRooms, room) {
			out = append(out, p.Name)
		}
	}
	return out
}

// frequent are the points that every few milliseconds of load come to, rare
// those that a start or an office comes to once.
var (
	frequent = []string{"store.event-applied", "store.before-commit", "store.after-commit", "store.commit-error", "registry.applied", "registry.receipt-signed"}
	rare     = []string{"store.list-opened", "store.due-applied", "store.agenda-done", "audit.key-staged", "audit.key-made", "audit.key-overwritten", "audit.key-removed", "issuance.notified"}
)

// lastHit is up to which hit of a point the kill may wait.
func lastHit(point string) int {
	switch {
	case slices.Contains(frequent, point):
		return 40
	case slices.Contains(rare, point):
		return 1
	}
	return 3
}

// at is the round that comes to a point.
func at(point, act string, nth int) trial {
	r := trial{env: []string{fmt.Sprintf("VIDIMUS_FAULT=%s:%s:%d", point, act, nth)}, load: pointPatience}
	switch point {
	case "store.list-opened", "audit.key-staged", "audit.key-made":
		r.fresh = true
	case "audit.key-overwritten", "audit.key-removed":
		r.prepare = (*office).plantOldKey
	}
	return r
}

// oldKey is a key of the audit record past its retention.
const oldKey = "audit-keys/2020-01.key"

func (o *office) plantOldKey() error {
	return os.WriteFile(o.cfg.Path(oldKey), []byte(strings.Repeat("5a", 32)+"\n"), 0o600)
}

// noOldKeys says that keys past their retention were destroyed.
func (o *office) noOldKeys() error {
	_, err := os.Lstat(o.cfg.Path(oldKey))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil:
		err = errors.New("a key of the audit record outlived its retention")
	}
	return err
}

// TestPoints is SIGKILL at every named point, at one of its first hits.
func TestPoints(t *testing.T) {
	random := mathrand.New(mathrand.NewPCG(seed(), 2))
	c := newCampaign(t, faultyProgram)
	type visit struct{ point, act string }
	hit, all, visits := map[visit]int{}, 0, []visit{{"store.commit-error", "error"}} // the outcome is unknown: the process must end
	for _, point := range servingPoints() {
		visits = append(visits, visit{point, "kill"})
	}
	round := func(v visit, nth int) {
		died, err := c.round(t.Context(), at(v.point, v.act, nth))
		if err != nil {
			t.Fatalf("%s at %s, hit %d: %v", v.act, v.point, nth, err)
		}
		if died {
			hit[v]++
			all++
		}
	}
	// A round that did not come to its point is not one of those that count.
	want := times(1000, len(visits))
	for i := 0; all < want && i < 2*want; i++ {
		v := visits[i%len(visits)]
		round(v, 1+random.IntN(lastHit(v.point)))
	}
	for try := 0; try < pointTries && len(hit) < len(visits); try++ {
		for _, v := range visits {
			if hit[v] == 0 {
				round(v, 1)
			}
		}
	}
	c.end(t.Context())
	n := 0
	for _, v := range visits {
		n += hit[v]
		if hit[v] == 0 {
			t.Errorf("%s was never reached", v.point)
		}
	}
	t.Logf("%d kills at %d points", n, len(visits)-1)
}
