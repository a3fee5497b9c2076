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
			if again, _ := Draw(seed); !bytes.Equal(again, b) {
				t.Error("two drawings with one seed differ")
			}
		}
		seen[string(b)] = true
	}
	if len(seen) < 4 {
		t.Errorf("%d different faces of 4", len(seen))
	}
}
