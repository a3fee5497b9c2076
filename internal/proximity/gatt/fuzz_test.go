package gatt

import (
	"bytes"
	"errors"
	"testing"

	"vidimus/internal/proximity"
)

// FuzzReassembly feeds one direction with values: input is cut at its length
// bytes. What comes out is the content of the values up to a last one and nothing
// else; what is refused is so by name; and a message that is cut into values of any
// size comes back whole.
func FuzzReassembly(f *testing.F) {
	f.Add([]byte{2, 0, 'x'}, byte(20))
	f.Add([]byte{2, 1, 'x', 1, 1, 2, 0, 'y'}, byte(2))
	f.Add([]byte{1, 0, 0}, byte(255))
	f.Add([]byte{2, 2, 'x'}, byte(3))
	f.Add(bytes.Repeat([]byte{1, 1}, MaxEmpty+1), byte(9))
	f.Fuzz(func(t *testing.T, input []byte, size byte) {
		var a assembly
		var want []byte
		for rest := input; len(rest) > 0; {
			n := min(int(rest[0]), len(rest)-1)
			value := rest[1 : 1+n]
			rest = rest[1+n:]
			kept := len(a.parts)
			message, err := a.add(value)
			if err != nil {
				if message != nil || !errors.Is(err, proximity.ErrMalformed) && !errors.Is(err, proximity.ErrLimit) {
					t.Fatalf("%x, %v", message, err)
				}
				if len(value) > 0 && value[0] <= prefixMore && len(value) > 1 || len(a.parts) != kept {
					t.Fatalf("%x is refused: %v", value, err)
				}
				break
			}
			want = append(want, value[1:]...)
			switch {
			case value[0] == prefixMore && (message != nil || !a.open):
				t.Fatalf("%x is a whole message: %x", value, message)
			case value[0] == prefixLast && (message == nil || a.open || !bytes.Equal(message, want)):
				t.Fatalf("%x, want %x", message, want)
			case value[0] == prefixLast:
				want = nil
			case !bytes.Equal(a.parts, want):
				t.Fatalf("kept %x, want %x", a.parts, want)
			}
		}

		var back assembly
		largest := max(int(size), 2)
		for value := range chunks(input, largest) {
			if len(value) == 0 || len(value) > largest {
				t.Fatalf("value of %d bytes", len(value))
			}
			message, err := back.add(value)
			if err != nil {
				t.Fatal(err)
			}
			if message != nil && !bytes.Equal(message, input) {
				t.Fatalf("%x, want %x", message, input)
			}
		}
		if back.open {
			t.Fatal("no last value")
		}
	})
}
