package shares

import (
	"bytes"
	"testing"
)

// FuzzShare: whatever is taken for a share is exactly what writing it gives.
func FuzzShare(f *testing.F) {
	for _, n := range []int{32, 48} {
		s := share{threshold: 2, index: 1, value: bytes.Repeat([]byte{7}, n)}
		f.Add(s.encode())
	}
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := parseShare(data)
		if err != nil {
			if s != nil {
				t.Error("a share and an error")
			}
			return
		}
		if !bytes.Equal(s.encode(), data) {
			t.Error("a share that is written otherwise")
		}
	})
}

// FuzzSet: a set.json that is taken stays the same set when it is written.
func FuzzSet(f *testing.F) {
	m := makeSet(f, curves["P-256"])
	text, err := m.set.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"version": 1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ParseSet(data)
		if err != nil {
			return
		}
		again, err := s.encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseSet(again); err != nil {
			t.Errorf("not taken again: %v", err)
		}
	})
}

// FuzzShareFile: no file is a share of somebody whose identity it was not made for.
func FuzzShareFile(f *testing.F) {
	ids, rs := custodians(f, 2)
	s := share{threshold: 2, index: 1, value: make([]byte, 32)}
	sealed, err := seal(&s, rs[0])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add([]byte("-----BEGIN AGE ENCRYPTED FILE-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if plain, _ := unseal(data, ids[1:]); plain != nil {
			t.Errorf("opened: %x", plain)
		}
	})
}
