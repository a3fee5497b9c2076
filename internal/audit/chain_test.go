package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

var at = time.Date(2026, 6, 15, 10, 0, 0, 123456789, time.UTC)

func event(n int) Event {
	return Event{Time: at.Add(time.Duration(n) * time.Second), Action: "credential.sign", Actor: "issuance",
		Subject: fmt.Sprintf("batch-%d", n), Outcome: Intent, Detail: map[string]string{"count": "20", "configuration": "mdl"}}
}

func record(t *testing.T, n int) []byte {
	t.Helper()
	var m Memory
	for i := range n {
		if err := m.Append(t.Context(), event(i)); err != nil {
			t.Fatal(err)
		}
	}
	return m.Bytes()
}

// TestLineForm pins the form: records of today must verify for ever.
func TestLineForm(t *testing.T) {
	raw, head, err := Head{}.Next(event(0))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"prev":"0000000000000000000000000000000000000000000000000000000000000000","seq":1,"time":"2026-06-15T10:00:00.123456Z",` +
		`"action":"credential.sign","actor":"issuance","subject":"batch-0","outcome":"intent","detail":{"configuration":"mdl","count":"20"}}`
	if string(raw) != want {
		t.Errorf("line\n%s\nwant\n%s", raw, want)
	}
	if head != (Head{Seq: 1, Hash: sha256.Sum256([]byte(want))}) {
		t.Errorf("head %s", head)
	}
}

// A line is what encoding/json makes of it, whatever is in it.
func TestLineIsJSON(t *testing.T) {
	texts := []string{"", "a", `"`, `\`, "<&>", "\n\t\x01\x7f", "é", "\u2028", "\xff", "a\xe2\x28", "😀", strings.Repeat("x", 600)}
	for i, text := range texts {
		l := line{Prev: "00", Seq: uint64(i), Time: text, Action: text + "a", Actor: "a" + text, Subject: text, Outcome: text}
		for n := range i * 2 {
			if l.Detail == nil {
				l.Detail = map[string]string{}
			}
			l.Detail[fmt.Sprint(text, n%7, n)] = texts[n%len(texts)]
		}
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(l); err != nil {
			t.Fatal(err)
		}
		if got, err := l.appendTo(nil); err != nil || string(got)+"\n" != want.String() {
			t.Errorf("%s\n%s%v", got, want.String(), err)
		}
	}
}

func TestVerify(t *testing.T) {
	raw := record(t, 5)
	var got []string
	head, err := Verify(bytes.NewReader(raw), func(seq uint64, e Event) error {
		got = append(got, fmt.Sprint(seq, " ", e.Subject, " ", e.Time.Equal(event(int(seq-1)).Time.Truncate(time.Microsecond))))
		return nil
	})
	if err != nil || head.Seq != 5 {
		t.Fatalf("head %v, %v", head, err)
	}
	if want := "1 batch-0 true,2 batch-1 true,3 batch-2 true,4 batch-3 true,5 batch-4 true"; strings.Join(got, ",") != want {
		t.Errorf("events %v", got)
	}
	if head, err := Verify(strings.NewReader(""), nil); err != nil || head != (Head{}) {
		t.Errorf("empty record: %v, %v", head, err)
	}
}

// TestTampering is bad input T06: the first bad line is named; a tail cut off
// shows only against a head that was kept elsewhere.
func TestTampering(t *testing.T) {
	raw := record(t, 6)
	lines := bytes.SplitAfter(raw, []byte("\n"))[:6]
	join := func(l ...[]byte) []byte { return bytes.Join(l, nil) }
	var other Memory
	for i := range 6 {
		e := event(i)
		if i >= 3 {
			e.Subject = "forked"
		}
		if err := other.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	fork := bytes.SplitAfter(other.Bytes(), []byte("\n"))
	tests := []struct {
		name string
		data []byte
		good uint64
	}{
		{"T06/line_deleted", join(lines[0], lines[1], lines[3], lines[4], lines[5]), 2},
		// The changed line is well formed by itself: the next one convicts it.
		{"T06/byte_changed", bytes.Replace(raw, []byte("batch-3"), []byte("batch-9"), 1), 4},
		{"T06/lines_swapped", join(lines[0], lines[2], lines[1], lines[3], lines[4], lines[5]), 1},
		{"T06/line_inserted", join(lines[0], lines[1], lines[1], lines[2]), 2},
		{"T06/line_of_a_fork", join(lines[0], lines[1], lines[2], lines[3], fork[4], fork[5]), 4},
		{"T06/first_line_deleted", join(lines[1:]...), 0},
		{"T06/space_added", bytes.Replace(raw, []byte(`"seq":3,`), []byte(`"seq": 3,`), 1), 2},
		{"T06/member_added", bytes.Replace(raw, []byte(`"seq":3,`), []byte(`"seq":3,"x":1,`), 1), 2},
		{"T06/member_twice", bytes.Replace(raw, []byte(`"seq":3,`), []byte(`"seq":3,"seq":3,`), 1), 2},
		{"T06/time_in_another_zone", bytes.Replace(raw, []byte(`:02.123456Z`), []byte(`:02.123456+00:00`), 1), 2},
		{"T06/no_newline_at_the_end", raw[:len(raw)-1], 5},
		{"T06/endless_line", append(join(lines[:2]...), bytes.Repeat([]byte("x"), MaxLine+10)...), 2},
		{"T06/empty_line", join(lines[0], []byte("\n"), lines[1]), 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			head, err := Verify(bytes.NewReader(tt.data), nil)
			if !errors.Is(err, ErrChain) || head.Seq != tt.good {
				t.Fatalf("head %d, want %d; %v", head.Seq, tt.good, err)
			}
		})
	}
	t.Run("T06/tail_truncated", func(t *testing.T) {
		kept, err := Verify(bytes.NewReader(raw), nil)
		if err != nil {
			t.Fatal(err)
		}
		head, err := Verify(bytes.NewReader(join(lines[:4]...)), nil)
		if err != nil || head == kept || head.Seq >= kept.Seq {
			t.Fatalf("head %v, kept %v, %v", head, kept, err)
		}
	})
}

func TestEventCheck(t *testing.T) {
	bad := map[string]func(*Event){
		"no_time":              func(e *Event) { e.Time = time.Time{} },
		"no_action":            func(e *Event) { e.Action = "" },
		"no_actor":             func(e *Event) { e.Actor = "" },
		"no_subject":           func(e *Event) { e.Subject = "" },
		"unknown_outcome":      func(e *Event) { e.Outcome = "maybe" },
		"attribute_as_key":     func(e *Event) { e.Detail = map[string]string{"family_name": "Muster"} },
		"H14/newline":          func(e *Event) { e.Actor = "x\n{}" },
		"H14/ansi":             func(e *Event) { e.Subject = "x\x1b[31m" },
		"H14/line_separator":   func(e *Event) { e.Subject = "x\u2028y" },
		"H14/not_utf8":         func(e *Event) { e.Detail = map[string]string{"client": "\xff"} },
		"H14/one_mebibyte":     func(e *Event) { e.Detail = map[string]string{"client": strings.Repeat("x", 1<<20)} },
		"more_than_16_detail":  func(e *Event) { e.Detail = tooMany() },
		"reference_is_a_story": func(e *Event) { e.Detail = map[string]string{"reference": "Muster lives at 5"} },
		"person_as_number":     func(e *Event) { e.Person = "Muster" },
		"look_up_of_no_purpose": func(e *Event) {
			e.Action = ActionShow
		},
		"purpose_of_ones_own": func(e *Event) {
			e.Action, e.Detail = ActionShow, map[string]string{"purpose": "because Muster lives next door"}
		},
		"purpose_of_ones_own_elsewhere": func(e *Event) { e.Detail = map[string]string{"purpose": "Muster"} },
	}
	for name, spoil := range bad {
		t.Run(name, func(t *testing.T) {
			e := event(1)
			spoil(&e)
			var m Memory
			if err := m.Append(t.Context(), e); !errors.Is(err, ErrEvent) {
				t.Errorf("recorded: %v", err)
			} else if strings.Contains(err.Error(), "Muster") {
				t.Errorf("the error repeats a value: %v", err)
			}
			if len(m.Events()) != 0 || m.Head() != (Head{}) {
				t.Error("something was recorded")
			}
		})
	}
}

func TestPurposes(t *testing.T) {
	for _, p := range Purposes() {
		e := event(1)
		e.Action, e.Detail = ActionShow, map[string]string{"purpose": p}
		if err := e.Check(); err != nil {
			t.Errorf("%s: %v", p, err)
		}
	}
}

func tooMany() map[string]string {
	m := map[string]string{}
	for _, k := range DetailKeys()[:maxDetail+1] {
		m[k] = "1"
	}
	return m
}

// TestQuotesStayInside: quotes and backslashes of a peer cannot close a member.
func TestQuotesStayInside(t *testing.T) {
	e := event(1)
	e.Detail = map[string]string{"client": `","outcome":"done`, "key": `\u0022 <b>&`}
	raw, _, err := Head{}.Next(e)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := Head{}.Follow(raw)
	if err != nil || got.Outcome != Intent || got.Detail["client"] != e.Detail["client"] || got.Detail["key"] != e.Detail["key"] {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestLargestEventFits: MaxLine holds whatever Check lets through.
func TestLargestEventFits(t *testing.T) {
	long := strings.Repeat(`"`, maxWord)
	e := Event{Time: at, Action: long, Actor: long, Subject: long, Outcome: Done, Detail: map[string]string{}}
	for _, k := range DetailKeys()[:maxDetail] {
		e.Detail[k] = long
	}
	raw, _, err := Head{Seq: 1<<64 - 2}.Next(e)
	if err != nil || len(raw) > MaxLine {
		t.Errorf("%d bytes, %v", len(raw), err)
	}
}

func TestMemoryFails(t *testing.T) {
	boom := errors.New("disk full")
	m := Memory{Fail: boom}
	if err := m.Append(t.Context(), event(0)); !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m.Fail = nil
	if err := m.Append(ctx, event(0)); !errors.Is(err, context.Canceled) || m.Head().Seq != 0 {
		t.Errorf("recorded after cancel: %v", err)
	}
}

func FuzzFollow(f *testing.F) {
	raw, _, err := Head{}.Next(event(0))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte(`{"prev":"","seq":1}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, next, err := Head{}.Follow(raw)
		if err != nil {
			if !errors.Is(err, ErrChain) || next != (Head{}) || e.Action != "" {
				t.Fatalf("failed with %v, %v, %v", e, next, err)
			}
			return
		}
		again, head, err := Head{}.encode(line{Time: e.Time.Format(timeForm), Action: e.Action, Actor: e.Actor,
			Subject: e.Subject, Outcome: e.Outcome, Detail: e.Detail})
		if err != nil || !bytes.Equal(again, raw) || head != next {
			t.Fatalf("%q became %q, %v", raw, again, err)
		}
	})
}
