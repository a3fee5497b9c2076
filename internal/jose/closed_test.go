package jose

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// closedSample has a struct in a list in a struct, and members that are left
// open.
type closedSample struct {
	Name  string          `json:"name"`
	Count *int64          `json:"count"`
	Any   map[string]any  `json:"any"`
	Raw   json.RawMessage `json:"raw"`
	Inner struct {
		List []struct {
			A string `json:"a"`
		} `json:"list"`
	} `json:"inner"`
}

func TestDecodeClosed(t *testing.T) {
	for text, good := range map[string]bool{
		`{}`: true,
		`{"name":"n","count":1,"any":{"x":{"y":1}},"raw":{"z":0},"inner":{"list":[{"a":"1"},{}]}}`: true,
		`{"seq":1,"name":"n"}`:                     true,
		`{"sequence":1}`:                           false,
		`{"Name":"n"}`:                             false,
		`{"name":"n","name":"n"}`:                  false,
		`{"inner":{"list":[],"seq":1}}`:            false,
		`{"inner":{"list":[{"a":"1","b":"2"}]}}`:   false,
		`{"inner":{"list":[{"a":"1"}],"more":[]}}`: false,
		`[]`:   false,
		`null`: false,
		`{}{}`: false,
	} {
		var v closedSample
		if err := DecodeClosed([]byte(text), &v, "seq"); (err == nil) != good {
			t.Errorf("%s: %v", text, err)
		} else if err != nil && (!errors.Is(err, ErrMalformed) || !reflect.ValueOf(v).IsZero()) {
			t.Errorf("%s: %v, %+v", text, err, v)
		}
	}
	if err := DecodeClosed([]byte(`{}`), &closedSample{Name: "x"}); err == nil {
		t.Error("decoded into what holds something")
	}
	if err := DecodeClosed([]byte(`{}`), closedSample{}); err == nil {
		t.Error("decoded into no pointer")
	}
}

// FuzzDecodeClosed: it accepts what DecodeJSON accepts, less what has unknown
// members, and reads the same.
func FuzzDecodeClosed(f *testing.F) {
	files, _ := filepath.Glob("testdata/jsontestsuite/*.json")
	for _, name := range files {
		if data, err := os.ReadFile(name); err == nil && len(data) < 4<<10 {
			f.Add(data)
		}
	}
	f.Add([]byte(`{"name":"n","count":1,"any":{"x":1},"raw":[],"inner":{"list":[{"a":"1","b":2}],"c":3}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var closed, open closedSample
		errClosed, errOpen := DecodeClosed(data, &closed, "seq"), DecodeJSON(data, &open)
		if errOpen != nil {
			if errClosed == nil {
				t.Error("accepted when closed alone")
			}
			return
		}
		var all map[string]any
		if err := DecodeJSON(data, &all); err != nil {
			t.Fatal(err)
		}
		unknown := others(all, "name", "count", "any", "raw", "inner", "seq")
		if inner, ok := all["inner"].(map[string]any); ok {
			unknown = unknown || others(inner, "list")
			list, _ := inner["list"].([]any)
			for _, item := range list {
				unknown = unknown || others(item.(map[string]any), "a")
			}
		}
		if unknown != (errClosed != nil) {
			t.Errorf("unknown members %v, %v", unknown, errClosed)
		}
		if errClosed == nil && !reflect.DeepEqual(closed, open) {
			t.Errorf("%+v, %+v", closed, open)
		}
	})
}

// others tells whether an object has members but these.
func others(m map[string]any, known ...string) bool {
	n := 0
	for _, k := range known {
		if _, ok := m[k]; ok {
			n++
		}
	}
	return n != len(m)
}
