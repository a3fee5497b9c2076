package bolt

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"vidimus/internal/authserver"
)

// Whatever a record of the authorization server holds comes back, also a field
// that is added one day, also from a file in which it is JSON, and nothing comes
// back from a part of it.
func TestAuthForms(t *testing.T) {
	for _, empty := range []any{authserver.RequestRecord{}, authserver.CodeRecord{}, authserver.TokenRecord{}, authserver.RefreshRecord{}} {
		full, n := reflect.New(reflect.TypeOf(empty)), 0
		filled(full.Elem(), &n)
		for _, want := range []any{empty, full.Elem().Interface()} {
			text, err := json.Marshal(want)
			if err != nil {
				t.Fatal(err)
			}
			packed, err := encode(want)
			if err != nil || packed[0] != authForm || len(packed) >= len(text) {
				t.Fatalf("%T: %d octets, %v", want, len(packed), err)
			}
			for _, b := range [][]byte{packed, text} {
				got := reflect.New(reflect.TypeOf(want))
				if err := decode(b, got.Interface()); err != nil || !reflect.DeepEqual(got.Elem().Interface(), want) {
					t.Errorf("%+v is not %+v, %v", got.Elem(), want, err)
				}
			}
			for cut := 1; cut < len(packed); cut++ {
				if err := decode(packed[:cut], reflect.New(reflect.TypeOf(want)).Interface()); !errors.Is(err, errRecord) {
					t.Errorf("%T cut at %d: %v", want, cut, err)
				}
			}
			if err := decode(append(packed, 0), reflect.New(reflect.TypeOf(want)).Interface()); !errors.Is(err, errRecord) {
				t.Errorf("%T with more behind it: %v", want, err)
			}
		}
	}
}
