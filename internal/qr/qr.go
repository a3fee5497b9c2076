// Package qr turns text into QR codes and pictures of QR codes into text.
//
// Start with Encode (then SVG, PNG or Terminal) and Decode. It is the only
// importer of the QR libraries, so that either can be replaced. It knows
// nothing of what the text means. ISO/IEC 18004:2015; level M unless the text
// is long. Promised: Encode followed by Decode gives the same text.
package qr

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/jpeg" // photographs of a code
	"image/png"
	"io"
	"strings"

	"github.com/makiuchi-d/gozxing"
	qrcode "github.com/skip2/go-qrcode"
)

// Limits: the largest text a version 40-L code holds in bytes, and a picture
// size beyond which decoding is refused before pixels are read.
const (
	MaxText  = 2953
	MaxSide  = 8000
	MaxImage = 16 << 20 // bytes of the picture file

	// maxPixels bounds what a picture takes when it is decoded, in bytes: 8000 by
	// 8000 of a telephone, at 32 bits each.
	maxPixels = 256 << 20
	// maxScans of a progressive JPEG: cameras make ten, and each goes over the whole
	// picture again, though it may have a few bytes.
	maxScans = 32
)

var (
	// ErrTooLong says that no QR code holds the text.
	ErrTooLong = errors.New("text is too long for a QR code")
	// ErrNotFound says that the picture shows no readable QR code.
	ErrNotFound = errors.New("no QR code found in the picture")
)

// Code is an encoded text; true modules are dark.
type Code struct{ modules [][]bool }

// Encode makes a code with a quiet zone of four modules. Long texts get error
// correction level L, short ones M: a screen is a clean medium.
func Encode(text string) (*Code, error) {
	if len(text) > MaxText {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLong, len(text), MaxText)
	}
	level := qrcode.Medium
	if len(text) > 1000 {
		level = qrcode.Low
	}
	c, err := qrcode.New(text, level)
	if err != nil {
		return nil, fmt.Errorf("encoding QR: %w", err)
	}
	return &Code{modules: c.Bitmap()}, nil
}

// PNG draws the code as a square PNG of side pixels, every module the same
// whole number of pixels wide: uneven modules are what readers stumble over.
func (c *Code) PNG(side int) ([]byte, error) {
	if side < len(c.modules) || side > MaxSide {
		return nil, fmt.Errorf("a QR picture of %d pixels: between %d and %d", side, len(c.modules), MaxSide)
	}
	n := len(c.modules)
	scale := side / n
	edge := (side - n*scale) / 2
	img := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.White, color.Black})
	for y, row := range c.modules {
		for x, dark := range row {
			if !dark {
				continue
			}
			for dy := range scale {
				line := img.Pix[img.PixOffset(edge+x*scale, edge+y*scale+dy):]
				for dx := range scale {
					line[dx] = 1
				}
			}
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		return nil, fmt.Errorf("drawing the QR code: %w", err)
	}
	return out.Bytes(), nil
}

// SVG draws the code as a scalable picture with a white ground, one path.
func (c *Code) SVG() string {
	n := len(c.modules)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="QR code" shape-rendering="crispEdges"><rect width="%d" height="%d" fill="#fff"/><path fill="#000" d="`, n, n, n, n)
	for y, row := range c.modules {
		for x := 0; x < n; {
			if !row[x] {
				x++
				continue
			}
			start := x
			for x < n && row[x] {
				x++
			}
			fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", start, y, x-start, x-start)
		}
	}
	b.WriteString(`"/></svg>`)
	return b.String()
}

// Terminal draws the code with half blocks, two modules a line, dark on light
// by explicit colours so that it scans on any terminal.
func (c *Code) Terminal() string {
	var b strings.Builder
	n := len(c.modules)
	at := func(y, x int) bool { return y < n && c.modules[y][x] }
	for y := 0; y < n; y += 2 {
		b.WriteString("\x1b[30;107m")
		for x := range n {
			switch up, down := at(y, x), at(y+1, x); {
			case up && down:
				b.WriteString("█")
			case up:
				b.WriteString("▀")
			case down:
				b.WriteString("▄")
			default:
				b.WriteString(" ")
			}
		}
		b.WriteString("\x1b[0m\n")
	}
	return b.String()
}

// Decode reads the text of the one QR code in a PNG or JPEG picture. It
// refuses pictures of more than MaxImage bytes or MaxSide pixels a side, and those
// that would cost far more than their size says, before it decodes them.
func Decode(r io.Reader) (string, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxImage+1))
	if err != nil {
		return "", fmt.Errorf("reading the picture: %w", err)
	}
	if len(data) > MaxImage {
		return "", fmt.Errorf("the picture is larger than %d bytes", MaxImage)
	}
	cfg, format, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return "", fmt.Errorf("reading the picture: %w", err)
	}
	if cfg.Width > MaxSide || cfg.Height > MaxSide {
		return "", fmt.Errorf("the picture measures %dx%d, at most %d a side", cfg.Width, cfg.Height, MaxSide)
	}
	if n := cfg.Width * cfg.Height * depth(cfg.ColorModel); n > maxPixels {
		return "", fmt.Errorf("the picture would take %d bytes, at most %d", n, maxPixels)
	}
	if n := bytes.Count(data, startOfScan); format == "jpeg" && n > maxScans {
		return "", fmt.Errorf("a JPEG of %d scans, at most %d", n, maxScans)
	}
	img, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return "", fmt.Errorf("reading the picture: %w", err)
	}
	text, err := search(img)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	return text, nil
}

// search looks for a code as a camera sees it, as it was drawn, and light on dark
// ground. The error is that of the first try.
func search(img image.Image) (string, error) {
	light := gozxing.NewLuminanceSourceFromImage(img)
	text, first := scan(light, false)
	if first == nil {
		return text, nil
	}
	// A drawn code, unrotated and clean, is read module by module.
	if text, err := scan(light, true); err == nil {
		return text, nil
	}
	// Programs in dark dress show light modules on dark ground.
	if text, err := scan(light.Invert(), false); err == nil {
		return text, nil
	}
	// In a large photograph the grain of the sensor is finer than what the search
	// expects: at half the size it goes.
	for small := img; small.Bounds().Dx() > coarse || small.Bounds().Dy() > coarse; {
		small = halved(small)
		if text, err := scan(gozxing.NewLuminanceSourceFromImage(small), false); err == nil {
			return text, nil
		}
	}
	return "", first
}

// coarse is the side below which pictures are not made smaller, in pixels: a code that
// fills a third of it has three pixels a module.
const coarse = 700

func scan(light gozxing.LuminanceSource, drawn bool) (string, error) {
	bmp, err := gozxing.NewBinaryBitmap(gozxing.NewHybridBinarizer(light))
	if err != nil {
		return "", err
	}
	hints := map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_TRY_HARDER: true, gozxing.DecodeHintType_CHARACTER_SET: "UTF-8"}
	if drawn {
		hints[gozxing.DecodeHintType_PURE_BARCODE] = true
	}
	return decode(bmp, hints)
}

// halved is a picture in grey of half the size, each point the middle of four.
func halved(img image.Image) *image.Gray {
	b := img.Bounds()
	out := image.NewGray(image.Rect(0, 0, (b.Dx()+1)/2, (b.Dy()+1)/2))
	grey := func(x, y int) int {
		return int(color.GrayModel.Convert(img.At(min(b.Min.X+x, b.Max.X-1), min(b.Min.Y+y, b.Max.Y-1))).(color.Gray).Y)
	}
	for y := range out.Rect.Dy() {
		for x := range out.Rect.Dx() {
			out.Pix[y*out.Stride+x] = uint8((grey(2*x, 2*y) + grey(2*x+1, 2*y) + grey(2*x, 2*y+1) + grey(2*x+1, 2*y+1)) / 4)
		}
	}
	return out
}

// startOfScan is a marker of JPEG that no data of a scan hold (ISO/IEC 10918-1,
// B.1.1.5).
var startOfScan = []byte{0xff, 0xda}

// depth is how many bytes a pixel takes.
func depth(m color.Model) int {
	switch m {
	case color.RGBA64Model, color.NRGBA64Model:
		return 8
	case color.GrayModel:
		return 1
	}
	return 4
}
