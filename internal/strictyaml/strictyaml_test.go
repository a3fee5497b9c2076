package strictyaml

import (
	"errors"
	"io"
	"strings"
	"testing"
)

type file struct {
	Name string         `yaml:"name"`
	More map[string]int `yaml:"more"`
}

func TestDecode(t *testing.T) {
	for text, want := range map[string]string{
		"name: a\nmore: {b: 1}\n": "",
		"name: a\nother: b\n":     "line 2: field other not found",
		"name: a\n---\nname: b\n": "more than one YAML document",
		"name: a\n---\n- [\n":     "more than one YAML document",
		"name: [a]\n":             "cannot unmarshal",
		"name: a\nname: b\n":      "already defined",
		"\tname: a\n":             "found character that cannot start any token",
	} {
		var f file
		err := Decode([]byte(text), &f)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
		if over := DecodeOver([]byte(text), &file{}); (over == nil) != (err == nil) {
			t.Errorf("%q: %v, and over: %v", text, err, over)
		}
	}
	for _, nothing := range []string{"", "# nothing\n", "\n"} {
		f := file{Name: "default"}
		if err := Decode([]byte(nothing), &f); !errors.Is(err, io.EOF) {
			t.Errorf("%q: %v", nothing, err)
		}
		if err := DecodeOver([]byte(nothing), &f); err != nil || f.Name != "default" {
			t.Errorf("%q: %v, %+v", nothing, err, f)
		}
	}
}

func TestEncode(t *testing.T) {
	text, err := Encode(file{Name: "a", More: map[string]int{"b": 1}})
	if err != nil || text != "name: a\nmore:\n  b: 1\n" {
		t.Errorf("%q, %v", text, err)
	}
	var f file
	if err := Decode([]byte(text), &f); err != nil || f.More["b"] != 1 {
		t.Errorf("%+v, %v", f, err)
	}
}
