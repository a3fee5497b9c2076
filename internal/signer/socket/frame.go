package socket

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"vidimus/internal/cbor"
	"vidimus/internal/signer"
)

// ErrFrame is for bytes that are no frame, or not one that may come from this side.
var ErrFrame = errors.New("not a frame")

// What a request asks for.
const (
	opSign     = 1 // signatures over messages
	opDescribe = 2 // the chain of a key
	opStatus   = 3 // of all keys
	opCancel   = 4 // whose id is that of another request, which is not answered then
)

// Names in a frame.
const (
	nameID       = 1
	nameOp       = 2 // of requests
	nameKey      = 3
	nameMessages = 4
	nameItems    = 5 // of answers: signatures, or certificates
	nameProblem  = 6 // of a refusal: problem.Kind
	nameReason   = 7 // signer.Reason, where it is one
	nameText     = 8
	nameData     = 9 // of the state, in JSON
)

type request struct {
	id       uint64
	op       uint64
	key      string
	messages [][]byte
}

type answer struct {
	id      uint64
	items   [][]byte
	data    []byte
	problem string // "" for none
	reason  string
	text    string
}

// append writes a frame, length and all.
func (r *request) append(b []byte) []byte {
	n := 2
	if r.key != "" {
		n++
	}
	if r.messages != nil {
		n++
	}
	b, begin := open(b)
	b = cbor.AppendMap(b, n)
	b = cbor.AppendInt(cbor.AppendInt(b, nameID), int64(r.id))
	b = cbor.AppendInt(cbor.AppendInt(b, nameOp), int64(r.op))
	if r.key != "" {
		b = cbor.AppendText(cbor.AppendInt(b, nameKey), r.key)
	}
	if r.messages != nil {
		b = appendItems(cbor.AppendInt(b, nameMessages), r.messages)
	}
	return shut(b, begin)
}

// size is what a request takes, about.
func (r *request) size() int {
	n := 64 + len(r.key)
	for _, m := range r.messages {
		n += len(m) + 5
	}
	return n
}

func (a *answer) append(b []byte) []byte {
	b, begin := open(b)
	switch {
	case a.problem != "":
		n := 3
		if a.reason != "" {
			n++
		}
		b = cbor.AppendMap(b, n)
		b = cbor.AppendInt(cbor.AppendInt(b, nameID), int64(a.id))
		b = cbor.AppendText(cbor.AppendInt(b, nameProblem), a.problem)
		if a.reason != "" {
			b = cbor.AppendText(cbor.AppendInt(b, nameReason), a.reason)
		}
		b = cbor.AppendText(cbor.AppendInt(b, nameText), cut(a.text))
	case a.data != nil:
		b = cbor.AppendMap(b, 2)
		b = cbor.AppendInt(cbor.AppendInt(b, nameID), int64(a.id))
		b = cbor.AppendBytes(cbor.AppendInt(b, nameData), a.data)
	default:
		b = cbor.AppendMap(b, 2)
		b = cbor.AppendInt(cbor.AppendInt(b, nameID), int64(a.id))
		b = appendItems(cbor.AppendInt(b, nameItems), a.items)
	}
	return shut(b, begin)
}

func appendItems(b []byte, items [][]byte) []byte {
	b = cbor.AppendArray(b, len(items))
	for _, item := range items {
		b = cbor.AppendBytes(b, item)
	}
	return b
}

// open leaves room for the length, shut fills it in.
func open(b []byte) ([]byte, int) { return append(b, 0, 0, 0, 0), len(b) }

func shut(b []byte, begin int) []byte {
	binary.BigEndian.PutUint32(b[begin:], uint32(len(b)-begin-4))
	return b
}

// cut keeps a text in its bounds, and whole runes in it.
func cut(s string) string {
	if len(s) <= maxText {
		return s
	}
	for i := maxText; ; i-- {
		if s[i]&0xc0 != 0x80 {
			return s[:i]
		}
	}
}

// headSize is the length of the length of a frame.
const headSize = 4

// readHead reads the length of a frame of at most max bytes.
func readHead(r io.Reader, max int) (int, error) {
	var head [headSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n == 0 || n > uint32(max) {
		return 0, fmt.Errorf("%w: %d bytes, at most %d", ErrFrame, n, max)
	}
	return int(n), nil
}

// readBody reads the rest of a frame. Memory is taken as bytes arrive, a length is only
// a promise: room is asked for each step of it, and may be nil.
func readBody(r io.Reader, n int, room func(more int) error) ([]byte, error) {
	const step = 1 << 20
	if room == nil {
		room = func(int) error { return nil }
	}
	if err := room(min(n, step)); err != nil {
		return nil, err
	}
	b := make([]byte, min(n, step))
	for have := 0; ; {
		if _, err := io.ReadFull(r, b[have:]); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		have = len(b)
		if have == n {
			return b, nil
		}
		size := min(n, 2*have)
		if err := room(size - have); err != nil {
			return nil, err
		}
		next := make([]byte, size)
		copy(next, b)
		b = next
	}
}

// parseRequest reads the body of a frame to a server. Errors match ErrFrame.
func parseRequest(body []byte) (*request, error) {
	r := &request{}
	var op bool
	err := eachName(body, maxFrame, func(name uint64, value []byte) (err error) {
		switch name {
		case nameID:
			r.id, err = cbor.Uint(value)
		case nameOp:
			r.op, err = cbor.Uint(value)
			op = true
		case nameKey:
			r.key, err = shortText(value)
		case nameMessages:
			r.messages, err = items(value, maxFrame, signer.MaxMessages)
		default:
			err = fmt.Errorf("name %d", name)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	good := false
	switch r.op {
	case opSign:
		good = r.key != "" && len(r.messages) > 0
	case opDescribe:
		good = r.key != "" && r.messages == nil
	case opStatus, opCancel:
		good = r.key == "" && r.messages == nil
	}
	if !op || !good || r.id == 0 { // 0 is for what is said to a connection
		return nil, fmt.Errorf("%w: no request that is known here", ErrFrame)
	}
	return r, nil
}

// parseAnswer reads the body of a frame to a client. Errors match ErrFrame.
func parseAnswer(body []byte) (*answer, error) {
	a := &answer{}
	names := uint64(0)
	err := eachName(body, maxAnswer, func(name uint64, value []byte) (err error) {
		switch name {
		case nameID:
			a.id, err = cbor.Uint(value)
		case nameItems:
			a.items, err = items(value, maxAnswer, signer.MaxMessages)
		case nameProblem:
			a.problem, err = shortText(value)
		case nameReason:
			a.reason, err = shortText(value)
		case nameText:
			a.text, err = shortText(value)
		case nameData:
			a.data, err = cbor.Bytes(value)
		default:
			return fmt.Errorf("name %d", name)
		}
		names |= 1 << name
		return err
	})
	if err != nil {
		return nil, err
	}
	const refusal = 1<<nameProblem | 1<<nameText
	switch names &^ (1 << nameReason) {
	case 1<<nameID | 1<<nameItems, 1<<nameID | 1<<nameData, 1<<nameID | refusal:
	default:
		return nil, fmt.Errorf("%w: no answer that is known here", ErrFrame)
	}
	if (a.problem == "") == (names&refusal != 0) || a.reason != "" && a.problem == "" || (a.reason == "") == (names&(1<<nameReason) != 0) {
		return nil, fmt.Errorf("%w: a refusal without its kind", ErrFrame)
	}
	return a, nil
}

// eachName calls f for each pair of a map of numbers in core deterministic form.
func eachName(body []byte, max int, f func(name uint64, value []byte) error) error {
	deterministic, err := cbor.CheckMap(body, max)
	if err == nil && !deterministic && len(body) <= cbor.MaxMessage {
		err = errors.New("not encoded deterministically")
	}
	var entries []cbor.Entry
	if err == nil {
		entries, err = cbor.MapEntriesLimit(body, max)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFrame, err)
	}
	id := false
	for _, e := range entries {
		name, err := cbor.Uint(e.Key)
		if err == nil {
			err = f(name, e.Value)
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrFrame, err)
		}
		id = id || name == nameID
	}
	if !id {
		return fmt.Errorf("%w: no id", ErrFrame)
	}
	return nil
}

func shortText(value []byte) (string, error) {
	s, err := cbor.Text(value)
	if err == nil && (s == "" || len(s) > maxText) {
		err = fmt.Errorf("text of %d bytes", len(s))
	}
	return s, err
}

// items reads an array of byte strings; they are slices of value.
func items(value []byte, max, count int) ([][]byte, error) {
	raw, err := cbor.ArrayItemsLimit(value, max)
	if err != nil {
		return nil, err
	}
	if len(raw) > count {
		return nil, fmt.Errorf("%d items, at most %d", len(raw), count)
	}
	out := make([][]byte, len(raw))
	for i, item := range raw {
		if out[i], err = cbor.BytesLimit(item, max); err != nil {
			return nil, err
		}
	}
	return out, nil
}
