package bolt

import (
	"errors"
	"testing"
	"time"
)

// What is written is read; older values count for good; one of another form is
// damage, and never taken for none.
func TestVoid(t *testing.T) {
	s := fresh(t, options())
	at := time.Date(2026, 6, 15, 10, 0, 0, 0, time.UTC)
	read := func(put func(*tx)) (v voidValue, err error) {
		err = s.update(t.Context(), func(x *tx) error {
			put(x)
			v = x.void("D")
			return nil
		})
		return v, err
	}
	for _, c := range []struct {
		put  func(*tx)
		want voidValue
	}{
		{func(x *tx) {}, voidValue{}},
		{func(x *tx) { x.put(voidBucket, []byte("D"), instant(at)) }, voidValue{moment(at), moment(at)}},
		{func(x *tx) { x.putVoid("D", at.Add(time.Hour), false) }, voidValue{moment(at.Add(time.Hour)), moment(at)}},
		{func(x *tx) { x.putVoid("D", at.Add(time.Minute), true) }, voidValue{moment(at.Add(time.Hour)), moment(at.Add(time.Minute))}},
	} {
		if got, err := read(c.put); err != nil || got != c.want {
			t.Errorf("%+v, want %+v; %v", got, c.want, err)
		}
	}
	if _, err := read(func(x *tx) { x.put(voidBucket, []byte("D"), []byte("abc")) }); !errors.Is(err, ErrDamaged) {
		t.Errorf("of another form: %v", err)
	}
}
