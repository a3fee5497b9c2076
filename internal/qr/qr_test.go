package qr

import (
	"bytes"
	"errors"
	"image"
	"image/png"
	"strings"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	for _, text := range []string{
		"mdoc:owBjMS4wAYIB2BhYS6QBAiABIVggWojRgrzl9C76WZQ",
		"openid-credential-offer://?credential_offer=" + strings.Repeat("%7B%22a%22%3A", 60),
		"Zoë Müller, Straße 5",
	} {
		c, err := Encode(text)
		if err != nil {
			t.Fatal(err)
		}
		pic, err := c.PNG(600)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(bytes.NewReader(pic))
		if err != nil || got != text {
			t.Errorf("decoded %q, %v", got, err)
		}
	}
}

func TestSVGAndTerminal(t *testing.T) {
	c, err := Encode("mdoc:abc")
	if err != nil {
		t.Fatal(err)
	}
	svg := c.SVG()
	if !strings.HasPrefix(svg, "<svg ") || !strings.HasSuffix(svg, "</svg>") || strings.Contains(svg, "<script") {
		t.Error("not an SVG")
	}
	lines := strings.Split(strings.TrimSuffix(c.Terminal(), "\n"), "\n")
	if len(lines) != (len(c.modules)+1)/2 {
		t.Errorf("%d terminal lines for %d modules", len(lines), len(c.modules))
	}
}

func TestRefusals(t *testing.T) {
	if _, err := Encode(strings.Repeat("a", MaxText+1)); !errors.Is(err, ErrTooLong) {
		t.Errorf("a long text: %v", err)
	}
	var blank bytes.Buffer
	if err := png.Encode(&blank, image.NewGray(image.Rect(0, 0, 300, 300))); err != nil {
		t.Fatal(err)
	}
	if _, err := Decode(&blank); !errors.Is(err, ErrNotFound) {
		t.Errorf("a blank picture: %v", err)
	}
	if _, err := Decode(strings.NewReader("not a picture")); err == nil {
		t.Error("text taken for a picture")
	}
	// A PNG head that claims 60000x60000 must die before pixels are allocated.
	bomb := "\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR\x00\x00\xea\x60\x00\x00\xea\x60\x08\x00\x00\x00\x00\x43\xd6\x94\x12"
	if _, err := Decode(strings.NewReader(bomb)); err == nil {
		t.Error("a picture of 60000 pixels a side taken")
	}
	c, _ := Encode("x")
	if _, err := c.PNG(3); err == nil {
		t.Error("a picture smaller than the code")
	}
}

// Pictures that are small and cost much: scans of a few bytes that each go over
// 2000 by 2000 pixels, and 512 MB of one colour.
func TestCostlyPictures(t *testing.T) {
	const side = 2000
	picture := []byte("\xff\xd8")
	segment := func(marker byte, body ...byte) {
		picture = append(append(picture, 0xff, marker, 0, byte(len(body)+2)), body...)
	}
	segment(0xdb, append([]byte{0}, bytes.Repeat([]byte{1}, 64)...)...)
	segment(0xc2, 8, side>>8, side&0xff, side>>8, side&0xff, 1, 1, 0x11, 0)
	segment(0xc4, append([]byte{0x00, 1}, make([]byte, 16)...)...)               // a bit for no difference
	segment(0xc4, append(append([]byte{0x10, 1}, make([]byte, 15)...), 0xe0)...) // a bit for 16384 blocks and more
	segment(0xda, 1, 1, 0, 0, 0, 0)                                              // the first scan
	picture = append(picture, make([]byte, (side/8)*(side/8)/8+1)...)
	for range 20_000 {
		segment(0xda, 1, 1, 0, 1, 63, 1)
		picture = append(picture, 0, 0, 0, 0, 0, 0, 0, 0)
	}
	picture = append(picture, 0xff, 0xd9)
	if _, err := Decode(bytes.NewReader(picture)); err == nil || !strings.Contains(err.Error(), "scans") {
		t.Errorf("a JPEG of 20,000 scans: %v", err)
	}
	deep := "\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR\x00\x00\x1f\x40\x00\x00\x1f\x40\x10\x06\x00\x00\x00\x56\x61\x71\xb7"
	if _, err := Decode(strings.NewReader(deep)); err == nil || !strings.Contains(err.Error(), "would take") {
		t.Errorf("a PNG of 8000 by 8000 pixels in 64 bits: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	c, _ := Encode("mdoc:abc")
	pic, _ := c.PNG(64)
	f.Add(pic)
	f.Fuzz(func(t *testing.T, data []byte) {
		text, err := Decode(bytes.NewReader(data))
		if err != nil && text != "" {
			t.Error("a failed decode gave text")
		}
	})
}
