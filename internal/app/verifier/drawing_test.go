package verifier

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"regexp"
	"strings"
	"testing"

	"vidimus/internal/elements"
)

// A picture is drawn in its proportions and colours, and nothing reaches the terminal
// but colours and half blocks.
func TestDrawPortrait(t *testing.T) {
	encode := func(img image.Image) []byte {
		var b bytes.Buffer
		if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 95}); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	halves := image.NewRGBA(image.Rect(0, 0, 224, 112)) // red above blue
	for y := range 112 {
		for x := range 224 {
			halves.Set(x, y, color.RGBA{R: 255, A: 255})
			if y >= 56 {
				halves.Set(x, y, color.RGBA{B: 255, A: 255})
			}
		}
	}
	line := regexp.MustCompile(`^(\x1b\[38;(2;\d+;\d+;\d+|5;\d+)m\x1b\[48;(2;\d+;\d+;\d+|5;\d+)m▀){56}\x1b\[0m$`)
	for name, c := range map[string]struct {
		img                image.Image
		wide               bool
		rows               int
		first, last, never string
	}{
		"24 bits":    {halves, true, 14, "2;254;0;0", "2;0;0;254", "5;"},
		"256":        {halves, false, 14, "5;196m", "5;21m", "2;"},
		"one point":  {image.NewGray(image.Rect(0, 0, 1, 1)), true, 28, "2;0;0;0", "2;0;0;0", "5;"},
		"a thin one": {image.NewGray(image.Rect(0, 0, 1, 1000)), false, 56, "5;16", "5;16", "2;"},
		"a flat one": {image.NewGray(image.Rect(0, 0, 1000, 1)), false, 1, "5;16", "5;16", "2;"},
	} {
		var out strings.Builder
		if err := DrawPortrait(&out, encode(c.img), c.wide); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if len(lines) != c.rows || !strings.Contains(lines[0], c.first) || !strings.Contains(lines[len(lines)-1], c.last) || strings.Contains(out.String(), "8;"+c.never) {
			t.Errorf("%s: %d rows, %q", name, len(lines), lines[0][:40])
		}
		for _, l := range lines {
			if !line.MatchString(l) {
				t.Fatalf("%s: %q", name, l)
			}
		}
	}
	for name, picture := range map[string][]byte{"nothing": nil, "no picture": []byte("x"), "JPEG 2000": []byte("\xff\x4f\xff\x51")} {
		var out strings.Builder
		if err := DrawPortrait(&out, picture, true); !errors.Is(err, elements.ErrPicture) || out.Len() > 0 {
			t.Errorf("%s: %v, %q", name, err, out.String())
		}
	}
}

// What was decoded does not stay.
func TestWipeImage(t *testing.T) {
	for _, img := range []image.Image{image.NewYCbCr(image.Rect(0, 0, 2, 2), image.YCbCrSubsampleRatio444), image.NewGray(image.Rect(0, 0, 2, 2)),
		image.NewCMYK(image.Rect(0, 0, 2, 2)), image.NewRGBA(image.Rect(0, 0, 2, 2))} {
		var parts [][]byte
		switch i := img.(type) {
		case *image.YCbCr:
			parts = [][]byte{i.Y, i.Cb, i.Cr}
		case *image.Gray:
			parts = [][]byte{i.Pix}
		case *image.CMYK:
			parts = [][]byte{i.Pix}
		case *image.RGBA:
			parts = [][]byte{i.Pix}
		}
		for _, p := range parts {
			for i := range p {
				p[i] = 7
			}
		}
		wipeImage(img)
		for _, p := range parts {
			if bytes.ContainsRune(p, 7) {
				t.Errorf("%T: %v", img, p)
			}
		}
	}
}
