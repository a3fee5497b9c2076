package document

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// fill sets every field of a value to something that it is not by itself.
func fill(v reflect.Value, n *int) {
	*n++
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(noon.Add(time.Duration(*n))))
	case v.Type() == reflect.TypeFor[Attributes]():
		v.Set(reflect.ValueOf(Attributes{
			"text": "é", "none": "", "true": true, "false": false, "number": int64(-*n), "least": int64(math.MinInt64), "most": int64(math.MaxInt64),
			"octets": []byte{0, 255}, "texts": []string{"a", ""}, "empty": []string{},
			"list": []any{int64(1), true, []string{"x"}, map[string]any{"deep": []byte{1}}}, "object": map[string]any{"a": "b"},
		}))
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n)
	case v.Kind() == reflect.String:
		v.SetString(strings.Repeat("s", *n))
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.Kind() == reflect.Uint64:
		v.SetUint(uint64(*n))
	default:
		panic(v.Type().String() + " is new here")
	}
}

// A person whom an event makes has no attributes that could stand apart.
func TestNobodysAttributes(t *testing.T) {
	s := Subject{Number: "P", Person: &Person{Deceased: true}}
	b, err := s.AppendBinaryApart(nil, "")
	var got Subject
	if err != nil || got.UnmarshalBinary(b) != nil || !reflect.DeepEqual(got, s) {
		t.Errorf("%+v, %v", got, err)
	}
}

// Whatever a subject may hold comes back, also a field that is added one day.
func TestSubjectBinary(t *testing.T) {
	var full Subject
	n := 0
	fill(reflect.ValueOf(&full).Elem(), &n)
	for _, s := range []Subject{{}, {Number: "P"}, {Person: &Person{}}, known(), full} {
		b, err := s.AppendBinary([]byte("before"))
		if err != nil || !bytes.HasPrefix(b, []byte("before")) {
			t.Fatal(err)
		}
		b = b[len("before"):]
		got := Subject{Number: "other", Version: 9, Measures: []Measure{{}}}
		if err := got.UnmarshalBinary(b); err != nil || !reflect.DeepEqual(got, s) {
			t.Errorf("%v %s", err, cmp.Diff(s, got))
		}
		if again, err := got.AppendBinary(nil); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x, %v", again, err)
		}
		// Without the attributes of the person, and with them again.
		var bare Subject
		attributes, err := bare.UnmarshalBinaryApart(b)
		if err != nil || bare.Person != nil && bare.Person.Attributes != nil {
			t.Errorf("%+v, %v", bare.Person, err)
		}
		if again, err := bare.AppendBinaryApart([]byte("before"), attributes); err != nil || string(again) != "before"+string(b) {
			t.Errorf("%x, want %x, %v", again, b, err)
		}
		if s.Person != nil && bare.Person != nil {
			bare.Person.Attributes = s.Person.Attributes
		}
		if !reflect.DeepEqual(bare, s) {
			t.Errorf("apart: %s", cmp.Diff(s, bare))
		}
		// JSON tells the same.
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var fromJSON Subject
		if err := json.Unmarshal(text, &fromJSON); err != nil {
			t.Fatal(err)
		}
		if cmp.Equal(s, known()) && !cmp.Equal(fromJSON, got, cmpopts.EquateEmpty()) {
			t.Error(cmp.Diff(fromJSON, got))
		}
		for cut := range b {
			if err := new(Subject).UnmarshalBinary(b[:cut]); err == nil {
				t.Errorf("cut at %d of %d it reads", cut, len(b))
			}
		}
		if err := new(Subject).UnmarshalBinary(append(b, 0)); err == nil {
			t.Error("with an octet more it reads")
		}
	}
	if _, err := (Subject{Person: &Person{Attributes: Attributes{"float": 1.5}}}).AppendBinary(nil); err == nil {
		t.Error("a float was written")
	}
}

// The states of random histories come back as they were.
func TestSubjectBinaryHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Subject{Number: "P", Version: rapid.Uint64().Draw(t, "version"), Evaluated: noon.Add(time.Duration(rapid.Int64().Draw(t, "evaluated")))}
		for range rapid.IntRange(0, 3).Draw(t, "measures") {
			m := Measure{ID: rapid.String().Draw(t, "id"), Kind: CourtBan, Right: driving}
			for range rapid.IntRange(0, 3).Draw(t, "revisions") {
				m.Revisions = append(m.Revisions, Revision{From: noon, Void: rapid.Bool().Draw(t, "void"), Reason: rapid.String().Draw(t, "reason")})
			}
			s.Measures = append(s.Measures, m)
		}
		b, err := s.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		var got Subject
		if err := got.UnmarshalBinary(b); err != nil || !reflect.DeepEqual(got, s) {
			t.Fatalf("%v %s", err, cmp.Diff(s, got))
		}
	})
}

func FuzzSubjectBinary(f *testing.F) {
	for _, s := range []Subject{{}, known(), {Number: "P", Measures: []Measure{hold("m", CourtBan)}}} {
		b, err := s.AppendBinary(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var s Subject
		if s.UnmarshalBinary(b) != nil {
			return
		}
		again, err := s.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		var same Subject
		if err := same.UnmarshalBinary(again); err != nil || !cmp.Equal(s, same, cmpopts.EquateEmpty()) {
			t.Fatalf("%v %s", err, cmp.Diff(s, same))
		}
	})
}

func BenchmarkSubject(b *testing.B) {
	s := known()
	delete(s.Person.Attributes, "portrait")
	text, _ := json.Marshal(s)
	octets, _ := s.AppendBinary(nil)
	b.Logf("JSON %d octets, binary %d", len(text), len(octets))
	b.Run("read JSON", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := json.Unmarshal(text, new(Subject)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("read binary", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := new(Subject).UnmarshalBinary(octets); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("write JSON", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := json.Marshal(s); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("write binary", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.AppendBinary(nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}
