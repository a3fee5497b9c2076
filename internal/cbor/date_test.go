package cbor

import (
	"math/rand/v2"
	"testing"
	"time"
)

// A day is read as the library reads it.
func TestDayAsTheLibrary(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	at := time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)
	for range 20_000 {
		s := at.Format(time.DateOnly)
		at = at.Add(75 * time.Hour)
		if random.IntN(2) == 0 {
			changed := []byte(s)
			changed[random.IntN(len(s))] = "0123456789-+ T"[random.IntN(14)]
			s = string(changed)
		}
		want, err := time.Parse(time.DateOnly, s)
		got, ok := calendarDay(s)
		if ok != (err == nil) || got != want {
			t.Fatalf("%s: %v, %v; the library %v, %v", s, got, ok, want, err)
		}
		instant := s + "T" + at.Format("15:04:05") + "Z"
		if random.IntN(2) == 0 {
			changed := []byte(instant)
			changed[10+random.IntN(10)] = "0123456789:-.,TZtz "[random.IntN(19)]
			instant = string(changed)
		}
		want, err = time.Parse(dateTimeLayout, instant)
		if moment, other := ParseDateTime(instant); (other == nil) != (err == nil) || moment != (DateTime{Time: want}) {
			t.Fatalf("%s: %v, %v; the library %v, %v", instant, moment, other, want, err)
		}
	}
}
