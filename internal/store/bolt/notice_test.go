package bolt

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"vidimus/internal/notice"
)

// filled sets every field of a struct to something that it is not by itself.
func filled(v reflect.Value, n *int) {
	*n++
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Unix(int64(*n), int64(*n)).UTC()))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			filled(v.Field(i), n)
		}
	case v.Kind() == reflect.String:
		v.SetString(strings.Repeat("s", *n))
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		filled(v.Index(0), n)
		filled(v.Index(1), n)
	case v.Kind() == reflect.Array:
		for i := range v.Len() {
			filled(v.Index(i), n)
		}
	case v.Kind() == reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 2 {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			filled(key, n)
			filled(value, n)
			v.SetMapIndex(key, value)
		}
	case v.CanInt():
		v.SetInt(int64(*n))
	case v.CanUint():
		v.SetUint(uint64(*n))
	default:
		panic(v.Type().String() + " is new here")
	}
}

// Whatever a notice holds comes back, also a field that is added one day, and
// also from a file in which notices are JSON.
func TestNoticeForms(t *testing.T) {
	var r notice.Record
	n := 0
	filled(reflect.ValueOf(&r).Elem(), &n)
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	packed := encodeNotice(r)
	for _, b := range [][]byte{packed, text} {
		if got, err := decodeNotice(b); err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("%+v, %v", got, err)
		}
	}
	for cut := range packed {
		if _, err := decodeNotice(packed[:cut]); err == nil {
			t.Errorf("cut at %d it reads", cut)
		}
	}
}
