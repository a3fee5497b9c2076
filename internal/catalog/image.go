package catalog

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"strings"

	"vidimus/internal/jose"
)

// CheckImage judges the URI of a picture that wallets show: https:, or a data:
// URI in base64 of a PNG or an SVG of at most MaxImage octets (HAIP 1.0, 4.1: the
// two that every wallet renders). An SVG is drawing alone: no script, no event
// handler, nothing from elsewhere, no document type.
func CheckImage(uri string) error {
	if strings.HasPrefix(uri, "https://") {
		if len(uri) > 2048 {
			return errors.New("a URL of more than 2048 characters")
		}
		return nil
	}
	data, ok := strings.CutPrefix(uri, "data:")
	if !ok {
		return errors.New("an image by neither https nor data URI")
	}
	kind, text, ok := strings.Cut(data, ";base64,")
	if !ok {
		return errors.New("a data: URI that is not in base64")
	}
	if len(text) > (MaxImage+2)/3*4 {
		return fmt.Errorf("an image of more than %d octets", MaxImage)
	}
	raw, err := jose.DecodeBase64(text)
	if err != nil {
		return errors.New("a data: URI that is not in base64")
	}
	switch kind {
	case "image/png":
		return checkPNG(raw)
	case "image/svg+xml":
		return checkSVG(raw)
	}
	return errors.New("an image that is neither PNG nor SVG")
}

// ImageType judges the octets of a picture as CheckImage judges those of a data:
// URI, and gives their media type: image/png or image/svg+xml.
func ImageType(raw []byte) (string, error) {
	if len(raw) > MaxImage {
		return "", fmt.Errorf("an image of more than %d octets", MaxImage)
	}
	if bytes.HasPrefix(raw, []byte("\x89PNG")) {
		return "image/png", checkPNG(raw)
	}
	return "image/svg+xml", checkSVG(raw)
}

func checkPNG(raw []byte) error {
	c, err := png.DecodeConfig(bytes.NewReader(raw))
	switch {
	case err != nil:
		return errors.New("an image that is no PNG")
	case c.Width > MaxImageSide || c.Height > MaxImageSide:
		return fmt.Errorf("an image of more than %d pixels a side", MaxImageSide)
	}
	return nil
}

func checkSVG(raw []byte) error {
	d := xml.NewDecoder(bytes.NewReader(raw))
	root := true
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) && !root {
			return nil
		}
		if err != nil {
			return errors.New("an image that is no SVG")
		}
		switch t := token.(type) {
		case xml.Directive:
			return errors.New("an SVG with a document type")
		case xml.StartElement:
			if root && (t.Name.Local != "svg" || t.Name.Space != "http://www.w3.org/2000/svg") {
				return errors.New("an image that is no SVG")
			}
			root = false
			if err := drawn(t); err != nil {
				return err
			}
		}
	}
}

// drawn refuses an element that does more than draw.
func drawn(e xml.StartElement) error {
	switch strings.ToLower(e.Name.Local) {
	case "script", "foreignobject", "iframe", "image", "style", "animate", "set", "handler":
		return fmt.Errorf("an SVG with %s", e.Name.Local)
	}
	for _, a := range e.Attr {
		name, value := strings.ToLower(a.Name.Local), strings.ToLower(a.Value)
		switch {
		case strings.HasPrefix(name, "on"):
			return errors.New("an SVG with an event handler")
		case name == "href" && !strings.HasPrefix(value, "#"):
			return errors.New("an SVG that points elsewhere")
		case strings.Contains(value, "url(") && !strings.Contains(value, "url(#"):
			return errors.New("an SVG that points elsewhere")
		}
	}
	return nil
}
