package verifier

import (
	"bytes"
	"fmt"
	"image"
	"io"

	"vidimus/internal/elements"
)

// drawnColumns is how wide a portrait is drawn, in characters: a face is known at
// that, and it fits beside nothing in the narrowest terminal.
const drawnColumns = 56

// samples is how many points of each side of a character's half are mixed: what is
// drawn does not cost more for a larger picture.
const samples = 4

// DrawPortrait draws a portrait in a terminal: upper halves of characters before
// their background, two points a character. trueColour is for terminals of 24 bits,
// others get the 6 by 6 by 6 colours that all have. Errors match elements.ErrPicture
// where the picture is none that is decoded here (JPEG 2000). What was decoded is
// overwritten.
func DrawPortrait(w io.Writer, picture []byte, trueColour bool) error {
	img, err := elements.DecodePicture(picture)
	if err != nil {
		return err
	}
	defer wipeImage(img)
	size := img.Bounds().Size()
	rows := max(1, min(drawnColumns, (size.Y*drawnColumns+size.X-1)/size.X/2)) // not taller than two of its widths
	var out bytes.Buffer
	defer func() { clear(out.Bytes()) }()
	for y := range rows {
		for x := range drawnColumns {
			top, bottom := mixed(img, x, 2*y, drawnColumns, 2*rows), mixed(img, x, 2*y+1, drawnColumns, 2*rows)
			fmt.Fprintf(&out, "\x1b[38;%sm\x1b[48;%sm▀", top.code(trueColour), bottom.code(trueColour))
		}
		out.WriteString("\x1b[0m\n")
	}
	_, err = w.Write(out.Bytes())
	return err
}

// point is a colour of 8 bits each.
type point struct{ r, g, b uint32 }

// code is the colour as a terminal takes it (ECMA-48 with ISO/IEC 8613-6).
func (p point) code(trueColour bool) string {
	if trueColour {
		return fmt.Sprintf("2;%d;%d;%d", p.r, p.g, p.b)
	}
	step := func(v uint32) uint32 { return (v*5 + 127) / 255 }
	return fmt.Sprintf("5;%d", 16+36*step(p.r)+6*step(p.g)+step(p.b))
}

// mixed is the colour of one cell of a grid over the picture.
func mixed(img image.Image, x, y, columns, rows int) point {
	b := img.Bounds()
	var sum point
	for i := range samples * samples {
		// The middles of a finer grid.
		px := b.Min.X + (b.Dx()*(2*(x*samples+i%samples)+1))/(2*columns*samples)
		py := b.Min.Y + (b.Dy()*(2*(y*samples+i/samples)+1))/(2*rows*samples)
		r, g, bl, _ := img.At(px, py).RGBA()
		sum.r, sum.g, sum.b = sum.r+r>>8, sum.g+g>>8, sum.b+bl>>8
	}
	const n = samples * samples
	return point{sum.r / n, sum.g / n, sum.b / n}
}

// wipeImage overwrites what the decoder of JPEG makes.
func wipeImage(img image.Image) {
	switch i := img.(type) {
	case *image.YCbCr:
		clear(i.Y)
		clear(i.Cb)
		clear(i.Cr)
	case *image.Gray:
		clear(i.Pix)
	case *image.CMYK:
		clear(i.Pix)
	case *image.RGBA:
		clear(i.Pix)
	}
}
