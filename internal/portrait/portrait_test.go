package portrait

import (
	"bytes"
	"image/jpeg"
	"testing"
)

func TestDraw(t *testing.T) {
	seen := map[string]bool{}
	for _, seed := range []int{-1, 0, 1, 2} {
		b, err := Draw(seed)
		if err != nil {
			t.Fatal(err)
		}
		c, err := jpeg.DecodeConfig(bytes.NewReader(b))
		if err != nil || c.Width != width || c.Height != height {
			t.Errorf("seed %d: %dx%d, %v", seed, c.Width, c.Height, err)
		}
		if len(b) < 10<<10 || len(b) > 24<<10 {
			t.Errorf("seed %d: %d bytes is not the weight of a licence's picture", seed, len(b))
		}
		if seed == 0 {
			again, _ := draw(seed)
			if !bytes.Equal(again, b) {
				t.Error("two drawings with one seed differ")
			}
			b[0]++
			if kept, _ := Draw(seed); !bytes.Equal(kept, again) {
				t.Error("who has a face can change that of the others")
			}
			b[0]--
		}
		seen[string(b)] = true
	}
	for _, seed := range []int{-faces - 5, faces - 1, 2*faces + 7} {
		if b, _ := Draw(seed); !bytes.Equal(b, must(draw(seed))) {
			t.Errorf("seed %d: the face of another", seed)
		}
	}
	if len(seen) < 4 {
		t.Errorf("%d different faces of 4", len(seen))
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}
