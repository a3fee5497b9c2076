package socket

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"vidimus/internal/cbor"
)

func TestFrames(t *testing.T) {
	for _, r := range []*request{
		{id: 1, op: opSign, key: "mdl", messages: [][]byte{{1}, {}, bytes.Repeat([]byte{2}, 3000)}},
		{id: 1 << 40, op: opDescribe, key: "x"}, {id: 7, op: opStatus}, {id: 9, op: opCancel},
	} {
		b := r.append(nil)
		in := bytes.NewReader(b)
		n, err := readHead(in, maxFrame)
		if err != nil || n != len(b)-4 {
			t.Fatalf("%d, %v", n, err)
		}
		body, err := readBody(in, n, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := parseRequest(body)
		if err != nil || !bytes.Equal(got.append(nil), b) {
			t.Errorf("%+v, %v", got, err)
		}
		if len(b) > r.size() {
			t.Errorf("%d bytes, %d foreseen", len(b), r.size())
		}
	}
	for _, a := range []*answer{
		{id: 1, items: [][]byte{{1, 2}, {3}}}, {id: 2, items: nil}, {id: 3, problem: "rate_limited", reason: "rate", text: "again in 2 s"},
		{id: 4, problem: "unavailable", text: strings.Repeat("é", maxText)}, {id: 5, data: []byte("{}")},
	} {
		b := a.append(nil)
		got, err := parseAnswer(b[4:])
		if err != nil || !bytes.Equal(got.append(nil), b) {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

// What is no frame, or not one of a client, is refused before anything is done.
func TestBadFrames(t *testing.T) {
	m := cbor.MustMarshal
	for name, body := range map[string][]byte{
		"empty": {}, "no map": m([]int{1}), "no id": m(map[int]any{2: 3}), "no op": m(map[int]any{1: 1}), "unknown op": m(map[int]any{1: 1, 2: 9}),
		"unknown name": m(map[int]any{1: 1, 2: 3, 10: 1}), "name of an answer": m(map[int]any{1: 1, 2: 3, 5: []any{}}), "text name": m(map[any]any{1: 1, 2: 3, "x": 1}),
		"id negative": m(map[int]any{1: -1, 2: 3}), "key of bytes": m(map[int]any{1: 1, 2: 2, 3: []byte("mdl")}), "key empty": m(map[int]any{1: 1, 2: 2, 3: ""}),
		"key long": m(map[int]any{1: 1, 2: 2, 3: strings.Repeat("x", maxText+1)}), "no messages": m(map[int]any{1: 1, 2: 1, 3: "mdl"}),
		"messages of nothing": m(map[int]any{1: 1, 2: 1, 3: "mdl", 4: []any{}}), "messages of text": m(map[int]any{1: 1, 2: 1, 3: "mdl", 4: []any{"x"}}),
		"too many messages": m(map[int]any{1: 1, 2: 1, 3: "mdl", 4: make([][]byte, 257)}), "messages to status": m(map[int]any{1: 1, 2: 3, 4: [][]byte{{1}}}),
		"trailing": append(m(map[int]any{1: 1, 2: 3}), 0), "cut": m(map[int]any{1: 1, 2: 3})[:3], "not sorted": {0xa2, 2, 3, 1, 1}, "twice": {0xa2, 1, 1, 1, 1},
		"long head": {0xa2, 1, 0x18, 1, 2, 3}, "indefinite": {0xbf, 1, 1, 2, 3, 0xff}, "bignum id": m(map[int]any{1: cbor.RawMessage{0xc2, 0x41, 1}, 2: 3}),
	} {
		t.Run(name, func(t *testing.T) {
			if r, err := parseRequest(body); r != nil || !errors.Is(err, ErrFrame) {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
	for name, body := range map[string][]byte{
		"nothing": m(map[int]any{1: 1}), "items and problem": m(map[int]any{1: 1, 5: []any{}, 6: "x", 8: "y"}), "problem alone": m(map[int]any{1: 1, 6: "x"}),
		"text alone": m(map[int]any{1: 1, 8: "x"}), "reason alone": m(map[int]any{1: 1, 5: []any{}, 7: "x"}), "a request": m(map[int]any{1: 1, 2: 3}),
		"two answers": m(map[int]any{1: 1, 5: []any{}, 9: []byte{}}), "items of numbers": m(map[int]any{1: 1, 5: []int{1}}), "no id": m(map[int]any{5: []any{}}),
		"a far name": m(map[int]any{1: 1, 5: []any{}, 65: 1}),
	} {
		t.Run("answer "+name, func(t *testing.T) {
			if a, err := parseAnswer(body); a != nil || !errors.Is(err, ErrFrame) {
				t.Errorf("%+v, %v", a, err)
			}
		})
	}
	for name, head := range map[string][]byte{"0": {0, 0, 0, 0}, "all": {0xff, 0xff, 0xff, 0xff}, "cut": {0, 0}, "none": {}} {
		if n, err := readHead(bytes.NewReader(head), maxFrame); n != 0 || err == nil {
			t.Errorf("%s: %d", name, n)
		}
	}
}

// A length is only a promise: memory is taken for what arrives.
func TestPromisedBytes(t *testing.T) {
	allocated := testing.AllocsPerRun(1, func() {
		if _, err := readBody(io.LimitReader(zeros{}, 10), maxFrame, nil); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Error(err)
		}
	})
	if allocated > 8 {
		t.Errorf("%f allocations", allocated)
	}
	b, err := readBody(zeros{}, 5<<20+7, nil)
	if err != nil || len(b) != 5<<20+7 {
		t.Errorf("%d, %v", len(b), err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// Whatever a peer sends is read without harm, and what is taken has one form.
func FuzzRequest(f *testing.F) {
	for _, r := range []*request{{id: 1, op: opSign, key: "mdl", messages: [][]byte{{1}, {2, 3}}}, {id: 7, op: opStatus}, {id: 9, op: opCancel}, {id: 2, op: opDescribe, key: "x"}} {
		f.Add(r.append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		in := bytes.NewReader(b)
		n, err := readHead(in, 1<<20)
		if err != nil {
			return
		}
		body, err := readBody(in, n, nil)
		if err != nil {
			return
		}
		r, err := parseRequest(body)
		switch {
		case err != nil && (r != nil || !errors.Is(err, ErrFrame)):
			t.Fatalf("%+v, %v", r, err)
		case err == nil && r.id < 1<<63 && !bytes.Equal(r.append(nil), b[:4+n]):
			t.Fatalf("%x is read as %+v", b, r)
		}
	})
}

// The same of what a server sends.
func FuzzAnswer(f *testing.F) {
	for _, a := range []*answer{{id: 1, items: [][]byte{{1}}}, {id: 2, problem: "unavailable", text: "x"}, {id: 2, problem: "access_denied", reason: "kind", text: "x"}, {id: 3, data: []byte("{}")}} {
		f.Add(a.append(nil)[4:])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := parseAnswer(body)
		if err != nil {
			if a != nil || !errors.Is(err, ErrFrame) {
				t.Fatalf("%+v, %v", a, err)
			}
			return
		}
		if a.problem != "" && a.told() == nil {
			t.Fatal("a refusal that is none")
		}
		if a.id < 1<<63 {
			if b := a.append(nil); !bytes.Equal(b[4:], body) || binary.BigEndian.Uint32(b) != uint32(len(body)) {
				t.Fatalf("%x is read as %+v", body, a)
			}
		}
	})
}
