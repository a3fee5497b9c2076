// Package portrait draws faces that belong to nobody: pictures of the size and
// weight of those on a licence, for sample records, the demo and tests.
//
// Start with Draw. It uses the standard library alone; the same seed gives the
// same face.
package portrait

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"sync"
)

// Size of the drawn portrait: the 35 by 45 mm of a licence at 300 dpi, about.
const (
	width  = 420
	height = 540
)

// faces is how many there are: after so many seeds the colours come again.
const faces = 12

// drawn has each face once it was wanted: drawing takes longer than an office
// takes to start.
var drawn [faces]struct {
	once sync.Once
	jpeg []byte
	err  error
}

// Draw draws a face, as a JPEG of some 15 to 20 KiB. seed varies hair, skin and
// clothes.
func Draw(seed int) ([]byte, error) {
	f := &drawn[(seed%faces+faces)%faces]
	f.once.Do(func() { f.jpeg, f.err = draw(seed) })
	return bytes.Clone(f.jpeg), f.err
}

func draw(seed int) ([]byte, error) {
	skins := []color.RGBA{{241, 201, 165, 255}, {198, 142, 101, 255}, {141, 91, 62, 255}, {250, 218, 190, 255}}
	hairs := []color.RGBA{{62, 39, 25, 255}, {24, 20, 20, 255}, {156, 101, 45, 255}, {120, 120, 122, 255}}
	coats := []color.RGBA{{43, 73, 120, 255}, {96, 38, 52, 255}, {40, 92, 74, 255}}
	pick := func(c []color.RGBA, k int) color.RGBA { return c[((seed+k)%len(c)+len(c))%len(c)] }
	skin, hair, coat := pick(skins, 0), pick(hairs, 1), pick(coats, 2)

	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			img.SetRGBA(x, y, at(float64(x)/width, float64(y)/height, skin, hair, coat))
		}
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, &jpeg.Options{Quality: 82}); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// at is the colour of the point (x, y), both from 0 to 1. Layers are painted
// back to front with soft edges.
func at(x, y float64, skin, hair, coat color.RGBA) color.RGBA {
	c := blend(color.RGBA{226, 230, 235, 255}, color.RGBA{188, 197, 208, 255}, y)
	layer := func(paint color.RGBA, cover float64) {
		if cover > 0 {
			c = blend(c, paint, cover)
		}
	}

	layer(hair, ellipse(x, y, 0.50, 0.40, 0.245, 0.285))                                                            // hair behind
	layer(coat, ellipse(x, y, 0.50, 1.05, 0.47, 0.33))                                                              // shoulders
	layer(shade(skin, 0.88), ellipse(x, y, 0.50, 0.72, 0.105, 0.16))                                                // neck
	layer(color.RGBA{245, 245, 242, 255}, ellipse(x, y, 0.50, 0.88, 0.13, 0.09)*step(y, 0.80))                      // collar
	layer(shade(skin, 0.92), max(ellipse(x, y, 0.305, 0.46, 0.03, 0.055), ellipse(x, y, 0.695, 0.46, 0.03, 0.055))) // ears
	light := 1.04 - 0.22*math.Abs(x-0.46) - 0.10*(y-0.3)
	layer(shade(skin, light), ellipse(x, y, 0.50, 0.45, 0.195, 0.255))                       // face
	layer(hair, ellipse(x, y, 0.50, 0.26, 0.215, 0.13)*(1-step(y, 0.30+0.05*math.Sin(9*x)))) // fringe
	for _, side := range []float64{-1, 1} {
		ex := 0.50 + side*0.085
		layer(shade(hair, 0.9), ellipse(x, y, ex, 0.385, 0.052, 0.012))               // brow
		layer(color.RGBA{250, 250, 248, 255}, ellipse(x, y, ex, 0.435, 0.040, 0.017)) // eye
		layer(color.RGBA{70, 88, 92, 255}, ellipse(x, y, ex, 0.435, 0.017, 0.016))    // iris
		layer(color.RGBA{15, 15, 18, 255}, ellipse(x, y, ex, 0.435, 0.008, 0.008))    // pupil
		layer(color.RGBA{255, 255, 255, 255}, ellipse(x, y, ex-0.006, 0.430, 0.003, 0.003))
	}
	layer(shade(skin, 0.80), ellipse(x, y, 0.512, 0.525, 0.022, 0.028)*0.7) // nose
	layer(color.RGBA{168, 84, 80, 255}, ellipse(x, y, 0.50, 0.600, 0.068, 0.014))
	layer(color.RGBA{120, 52, 54, 255}, ellipse(x, y, 0.50, 0.599, 0.066, 0.0035))

	// A little grain, so that it compresses like a photograph.
	n := math.Mod(math.Abs(math.Sin(x*12989.8+y*78233.1)*43758.5453), 1)*6 - 3
	return color.RGBA{clamp(float64(c.R) + n), clamp(float64(c.G) + n), clamp(float64(c.B) + n), 255}
}

// ellipse is 1 inside, 0 outside, with an edge of about two pixels.
func ellipse(x, y, cx, cy, rx, ry float64) float64 {
	soft := 0.006 / math.Min(rx, ry)
	dx, dy := (x-cx)/rx, (y-cy)/ry
	if math.Abs(dx) > 1+soft || math.Abs(dy) > 1+soft {
		return 0 // most points are far from most shapes
	}
	d := math.Sqrt(dx*dx + dy*dy)
	return math.Max(0, math.Min(1, (1+soft-d)/(2*soft)))
}

func step(v, edge float64) float64 { return math.Max(0, math.Min(1, (v-edge)/0.01)) }

func blend(a, b color.RGBA, t float64) color.RGBA {
	mix := func(p, q uint8) uint8 { return clamp(float64(p) + (float64(q)-float64(p))*t) }
	return color.RGBA{mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B), 255}
}

func shade(c color.RGBA, f float64) color.RGBA {
	return color.RGBA{clamp(float64(c.R) * f), clamp(float64(c.G) * f), clamp(float64(c.B) * f), 255}
}

func clamp(v float64) uint8 { return uint8(math.Max(0, math.Min(255, v))) }
