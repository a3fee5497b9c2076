package verifier

import (
	"bytes"
	"image"
	"image/draw"
	"image/jpeg"
	"image/png"
	"math"
	"math/rand/v2"
	"testing"
)

// scenery puts a picture into a larger one: at each point of it, where in the picture
// it looks, in shares of its side; outside of 0 to 1 is background.
func scenery(code *image.Gray, w, h int, look func(x, y float64) (u, v float64), light func(x, y float64) float64, background func(x, y int) uint8) *image.Gray {
	out := image.NewGray(image.Rect(0, 0, w, h))
	side := code.Bounds().Dx()
	for y := range h {
		for x := range w {
			sum := 0.0
			for _, d := range [][2]float64{{0.25, 0.25}, {0.75, 0.25}, {0.25, 0.75}, {0.75, 0.75}} {
				u, v := look(float64(x)+d[0], float64(y)+d[1])
				if u < 0 || v < 0 || u >= 1 || v >= 1 {
					sum += float64(background(x, y))
					continue
				}
				sum += float64(code.Pix[int(v*float64(side))*code.Stride+int(u*float64(side))])
			}
			out.Pix[y*out.Stride+x] = uint8(max(0, min(255, sum/4*light(float64(x)/float64(w), float64(y)/float64(h)))))
		}
	}
	return out
}

// blurred is a lens that is not quite sharp, and a sensor that sees grains.
func blurred(img *image.Gray, radius int, grain float64, random *rand.Rand) *image.Gray {
	b := img.Bounds()
	out := image.NewGray(b)
	for y := range b.Dy() {
		for x := range b.Dx() {
			sum, n := 0.0, 0.0
			for py := max(0, y-radius); py <= min(b.Dy()-1, y+radius); py++ {
				for px := max(0, x-radius); px <= min(b.Dx()-1, x+radius); px++ {
					sum, n = sum+float64(img.Pix[py*img.Stride+px]), n+1
				}
			}
			out.Pix[y*out.Stride+x] = uint8(max(0, min(255, sum/n+grain*random.NormFloat64())))
		}
	}
	return out
}

// The code as a camera sees it, and as it stands on the screen of another program: a
// photograph at an angle, in half shade, or a picture of a whole desktop.
func TestPhotographedCodes(t *testing.T) {
	// The same each time: what a worn picture says hangs on the code in it.
	const uri = "mdoc:owBjMS4wAYIB2BhYS6QBAiABIVggJP0QsvsKQ0QFyrYHTFHGbVcfqeU9OunSpiYYAOjWMG4iWCCNFmonKqdDeftgJY8IwakeUl8aedHeY7NLsQE7MgDpGAKBgwIBpAD1AfUKUGD2xxgPfUKhoS5l_lAVyv0LUJ1tGFKPUkqss86bEtCZFPU"
	e, err := ReadEngagement(uri, nil)
	if err != nil {
		t.Fatal(err)
	}
	drawn, err := png.Decode(bytes.NewReader(picture(t, uri)))
	if err != nil {
		t.Fatal(err)
	}
	code := image.NewGray(drawn.Bounds())
	draw.Draw(code, code.Rect, drawn, drawn.Bounds().Min, draw.Src)
	random := rand.New(rand.NewPCG(1, 2))
	even := func(_, _ float64) float64 { return 1 }
	shade := func(x, y float64) float64 { return 0.45 + 0.5*x*(1-0.3*y) }
	grey := func(_, _ int) uint8 { return 110 }
	desktop := func(x, y int) uint8 { // windows with lines of text
		switch inside := x > 100 && x < 1500 && y > 80 && y < 1300; {
		case inside && y%24 < 12 && (x*7919+y/24*104729)%11 < 5:
			return 20
		case inside:
			return 250
		}
		return uint8(60 + (x+y)/40)
	}
	at := func(left, top, side float64) func(x, y float64) (float64, float64) {
		return func(x, y float64) (float64, float64) { return (x - left) / side, (y - top) / side }
	}
	turned := func(cx, cy, side, degrees float64) func(x, y float64) (float64, float64) {
		sin, cos := math.Sincos(degrees * math.Pi / 180)
		return func(x, y float64) (float64, float64) {
			x, y = x-cx, y-cy
			return (x*cos+y*sin)/side + 0.5, (y*cos-x*sin)/side + 0.5
		}
	}
	leaning := func(cx, cy, side, degrees, lean float64) func(x, y float64) (float64, float64) {
		straight := turned(cx, cy, side, degrees)
		return func(x, y float64) (float64, float64) {
			u, v := straight(x, y)
			depth := 1 + lean*(v-0.5)
			return (u-0.5)/depth + 0.5, (v-0.5)/depth + 0.5
		}
	}
	for name, img := range map[string]*image.Gray{
		"a desktop":               scenery(code, 2560, 1440, at(1900, 700, 260), even, desktop),
		"a window on a desktop":   scenery(code, 1920, 1080, at(500, 300, 300), even, desktop),
		"turned":                  blurred(scenery(code, 1280, 960, turned(640, 480, 460, 17), even, grey), 1, 6, random),
		"upside down":             blurred(scenery(code, 1280, 960, turned(640, 480, 460, 191), even, grey), 1, 6, random),
		"leaning, in half shade":  blurred(scenery(code, 1280, 960, leaning(600, 500, 520, 8, 0.08), shade, grey), 1, 8, random),
		"small, as far away":      blurred(scenery(code, 1280, 960, turned(700, 300, 300, -6), even, grey), 1, 4, random),
		"a photograph of 3 mega":  blurred(scenery(code, 2048, 1536, leaning(900, 800, 800, -12, 0.06), shade, grey), 2, 8, random),
		"a dark screen, inverted": inverted(scenery(code, 1920, 1080, at(900, 300, 320), even, grey)),
	} {
		var data bytes.Buffer
		if name == "a desktop" || name == "a window on a desktop" {
			err = png.Encode(&data, img)
		} else {
			err = jpeg.Encode(&data, img, &jpeg.Options{Quality: 70})
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := EngagementOf(data.Bytes())
		if err != nil || !bytes.Equal(got.Raw, e.Raw) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func inverted(img *image.Gray) *image.Gray {
	for i := range img.Pix {
		img.Pix[i] = 255 - img.Pix[i]
	}
	return img
}
