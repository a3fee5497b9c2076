package bolt

import "time"

// voidValue says up to when the grants for a document are void.
type voidValue struct {
	last  uint64 // moment of the last cause; 0 for none
	ended uint64 // moment of the last cause that no wallet may wait out; 0 for none
}

// void reads it. A value of eight octets is from before the causes were told
// apart: no wallet may wait that out.
func (t *tx) void(number string) voidValue {
	switch b := t.get(voidBucket, []byte(number)); len(b) {
	case 0:
		return voidValue{}
	case 8:
		return voidValue{toNumber(b), toNumber(b)}
	case 16:
		return voidValue{toNumber(b[:8]), toNumber(b[8:])}
	}
	// Of a form that we do not know: taken for none, it would let a grant live.
	panic(damage{voidBucket, "a value of another length"})
}

// putVoid makes grants for a document void up to an instant.
func (t *tx) putVoid(document string, at time.Time, ended bool) {
	v := t.void(document)
	next := voidValue{max(v.last, moment(at)), v.ended}
	if ended {
		next.ended = max(v.ended, moment(at))
	}
	if next != v {
		t.put(voidBucket, []byte(document), append(number(next.last), number(next.ended)...))
	}
}

// of tells whether a grant of an instant is void, and whether that is for good:
// waiting does not help.
func (v voidValue) of(granted time.Time) (void, forGood bool) {
	return v.last > 0 && v.last >= moment(granted), v.ended > 0 && v.ended >= moment(granted)
}
