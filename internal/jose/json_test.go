package jose

import (
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"
)

type embedded struct {
	Inner string `json:"inner"`
}

type sample struct {
	embedded
	Alg    string            `json:"alg"`
	Exp    int64             `json:"exp"`
	Small  int8              `json:"small"`
	Ptr    *int64            `json:"ptr"`
	List   []sample          `json:"list"`
	Map    map[string]string `json:"map"`
	Any    any               `json:"any"`
	Raw    json.RawMessage   `json:"raw"`
	When   *time.Time        `json:"when"`
	Flag   bool              `json:"flag,omitempty"`
	NoTag  string
	Skip   string  `json:"-"`
	Float  float64 `json:"float"`
	Next   *sample `json:"next"`
	hidden string
}

func TestDecodeJSON(t *testing.T) {
	var v sample
	text := `{"alg":"ES256","exp":9007199254740993,"ptr":-1,"list":[{"alg":"a"}],"map":{"ALG":"x","alg":"y"},
		"any":{"n":9007199254740993,"Alg":1,"z":null},"raw":{"b":[1, 2]},"inner":"i","NoTag":"n","Skip":"s","skip":"s",
		"hidden":"h","unknown":{"deep":[null]},"when":"2026-06-15T10:00:00Z","next":{"exp":1}}`
	if err := DecodeJSON([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	if v.Alg != "ES256" || v.Exp != 9007199254740993 || *v.Ptr != -1 || v.List[0].Alg != "a" || v.Inner != "i" || v.NoTag != "n" ||
		v.Skip != "" || v.hidden != "" || string(v.Raw) != `{"b":[1, 2]}` || v.Next.Exp != 1 || v.When == nil {
		t.Errorf("%+v", v)
	}
	if n := v.Any.(map[string]any)["n"]; n != json.Number("9007199254740993") {
		t.Errorf("number in an any = %#v", n)
	}
}

func TestDecodeJSONRefuses(t *testing.T) {
	for text, want := range map[string]error{
		`{"alg":"a","Alg":"b"}`:                 ErrMalformed,
		`{"ALG":"b"}`:                           ErrMalformed,
		`{"\u0041lg":"b"}`:                      ErrMalformed,
		`{"lI\u017ft":[]}`:                      ErrMalformed, // long s folds to s
		`{"\u212aey":1,"notag":"x"}`:            ErrMalformed,
		`{"list":[{"aLg":"x"}]}`:                ErrMalformed,
		`{"next":{"next":{"EXP":1}}}`:           ErrMalformed,
		`{"Inner":"x"}`:                         ErrMalformed,
		`{"alg":1}`:                             ErrMalformed,
		`{"alg":null}`:                          ErrMalformed,
		`{"exp":null}`:                          ErrMalformed,
		`{"ptr":null}`:                          ErrMalformed,
		`{"when":null}`:                         ErrMalformed,
		`{"list":null}`:                         ErrMalformed,
		`{"list":[null]}`:                       ErrMalformed,
		`{"map":{"a":null}}`:                    ErrMalformed,
		`{"next":null}`:                         ErrMalformed,
		`{"exp":"1"}`:                           ErrMalformed,
		`{"exp":1.0}`:                           ErrMalformed,
		`{"exp":1e3}`:                           ErrMalformed,
		`{"exp":9223372036854775808}`:           ErrMalformed,
		`{"small":128}`:                         ErrMalformed,
		`{"float":1e400}`:                       ErrLimit,
		`{"map":[]}`:                            ErrMalformed,
		`{"when":"soon"}`:                       ErrMalformed,
		`[]`:                                    ErrMalformed,
		`null`:                                  ErrMalformed,
		`{"any":{"x":1,"x":2}}`:                 ErrMalformed,
		`{"any":"` + "\xff" + `"}`:              ErrMalformed,
		"\xef\xbb\xbf{}":                        ErrMalformed,
		`{} {}`:                                 ErrMalformed,
		`{"unknown":` + strings.Repeat("[", 20): ErrLimit,
	} {
		v := sample{Alg: "before", Map: map[string]string{"k": "before"}}
		old := v
		if err := DecodeJSON([]byte(text), &v); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", text, err, want)
		}
		if !reflect.DeepEqual(v, old) {
			t.Errorf("%s: refused, yet changed its target", text)
		}
	}
}

func TestDecodeJSONReplacesItsTarget(t *testing.T) {
	v := sample{Alg: "before", Map: map[string]string{"k": "before"}}
	if err := DecodeJSON([]byte(`{"exp":1}`), &v); err != nil {
		t.Fatal(err)
	}
	if v.Alg != "" || v.Map != nil || v.Exp != 1 {
		t.Errorf("%+v", v)
	}
}

func TestDecodeJSONTargets(t *testing.T) {
	var s sample
	if err := DecodeJSON([]byte(`{}`), s); err == nil {
		t.Error("a target that is no pointer")
	}
	var octets struct {
		In struct {
			B []byte `json:"b"`
		} `json:"in"`
	}
	if err := DecodeJSON([]byte(`{}`), &octets); err == nil || !strings.Contains(err.Error(), "DecodeBase64URL") {
		t.Errorf("octets would be decoded by encoding/json: %v", err)
	}
	type tree map[string]tree
	var branch tree
	if err := DecodeJSON([]byte(`{"a":{"b":{}}}`), &branch); err != nil || len(branch["a"]) != 1 {
		t.Errorf("recursive type: %v", err)
	}
	if err := DecodeJSON([]byte(`{"a":null}`), &branch); !errors.Is(err, ErrMalformed) {
		t.Errorf("null in a recursive type: %v", err)
	}
	type chain struct {
		Next *chain `json:"next"`
		Any  any    `json:"any"`
	}
	var c chain
	if err := DecodeJSON([]byte(`{"next":{"next":{"any":1}}}`), &c); err != nil || c.Next.Next.Any != json.Number("1") {
		t.Errorf("recursive struct: %v, %+v", err, c)
	}
	if err := DecodeJSON([]byte(`{"next":{"Next":{}}}`), &c); !errors.Is(err, ErrMalformed) {
		t.Errorf("case variant in a recursive struct: %v", err)
	}
	var pair [2]int
	if err := DecodeJSON([]byte(`[1,2]`), &pair); err != nil || pair != [2]int{1, 2} {
		t.Errorf("array: %v, %v", pair, err)
	}
	for _, text := range []string{`[]`, `[1]`, `[1,2,3]`, `{}`} {
		if err := DecodeJSON([]byte(text), &pair); !errors.Is(err, ErrMalformed) || pair != [2]int{1, 2} {
			t.Errorf("array from %s: %v, %v", text, pair, err)
		}
	}
	for _, v := range []any{new(chan int), new(map[int]string), new([2]byte), new(io.Reader), new(complex64), new(struct{ *embedded }), new(struct {
		embedded
		Other string `json:"inner"`
	}), new(struct {
		A int `json:",string"`
	}), new([]map[string]func())} {
		if err := DecodeJSON([]byte(`null`), v); err == nil || !strings.HasPrefix(err.Error(), "jose: ") {
			t.Errorf("%T: %v", v, err)
		}
	}
	var n int
	if err := DecodeJSONLimit([]byte(`12`), &n, 1); !errors.Is(err, ErrLimit) || n != 0 {
		t.Errorf("over its limit: %v", err)
	}
}

// An error text must not carry a value: it may be a birth date.
func TestDecodeJSONErrorHasNoValue(t *testing.T) {
	var v sample
	for _, text := range []string{`{"exp":"1964-08-12"}`, `{"exp":19640812.5}`, `{"small":19640812}`, `{"when":19640812}`, `{"when":"1964-08-12"}`} {
		if err := DecodeJSON([]byte(text), &v); err == nil || strings.Contains(err.Error(), "19640812") || strings.Contains(err.Error(), "1964-08-12") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestMembers(t *testing.T) {
	m, err := Members([]byte(` {"a": {"a":1} , "\u0062":[ 1, 2 ]} `))
	if err != nil || len(m) != 2 || string(m["a"]) != `{"a":1}` || string(m["b"]) != `[ 1, 2 ]` {
		t.Errorf("%q, %v", m, err)
	}
	for _, text := range []string{`[]`, `"x"`, ``, `{"a":1,"a":2}`, `{"a":1}x`, `{"a":{"b":1,"b":2}}`} {
		if m, err := Members([]byte(text)); !errors.Is(err, ErrMalformed) || m != nil {
			t.Errorf("%s: %v, %v", text, m, err)
		}
	}
}
