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
