package catalog

import (
	"bytes"
	"image"
	"image/png"
	"strings"
	"testing"

	"vidimus/internal/jose"
)

func TestCheckImage(t *testing.T) {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 8, 8))); err != nil {
		t.Fatal(err)
	}
	as := func(kind, body string) string { return "data:" + kind + ";base64," + jose.EncodeBase64([]byte(body)) }
	svg := func(body string) string {
		return as("image/svg+xml", `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8">`+body+`</svg>`)
	}
	for name, c := range map[string]struct {
		uri  string
		fine bool
	}{
		"https":              {"https://state.example/logo.png", true},
		"PNG":                {as("image/png", b.String()), true},
		"SVG":                {svg(`<defs><linearGradient id="a"/></defs><path d="M0 0h8v8z" fill="url(#a)"/><use href="#a"/>`), true},
		"http":               {"http://state.example/logo.png", false},
		"long":               {"https://" + strings.Repeat("x", 3000), false},
		"JPEG":               {as("image/jpeg", "\xff\xd8"), false},
		"HTML":               {as("text/html", "<p>"), false},
		"not base64":         {"data:image/svg+xml,<svg/>", false},
		"broken base64":      {"data:image/png;base64,AAA", false},
		"no PNG":             {as("image/png", "\x89PNG\r\n\x1a\n"), false},
		"PNG by name":        {as("image/png", `<svg xmlns="http://www.w3.org/2000/svg"/>`), false},
		"large":              {as("image/png", b.String()+strings.Repeat("x", MaxImage)), false},
		"no SVG":             {as("image/svg+xml", `<html/>`), false},
		"SVG without a home": {as("image/svg+xml", `<svg/>`), false},
		"empty SVG":          {as("image/svg+xml", ``), false},
		"broken SVG":         {as("image/svg+xml", `<svg xmlns="http://www.w3.org/2000/svg"><g></svg>`), false},
		"script":             {svg(`<script>alert(1)</script>`), false},
		"handler":            {svg(`<g onload="alert(1)"/>`), false},
		"elsewhere":          {svg(`<use href="https://x.example/a.svg#a"/>`), false},
		"xlink":              {svg(`<use xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="https://x.example"/>`), false},
		"url":                {svg(`<g fill="url(https://x.example)"/>`), false},
		"HTML inside":        {svg(`<foreignObject/>`), false},
		"entities":           {as("image/svg+xml", `<!DOCTYPE svg [<!ENTITY a "b">]><svg xmlns="http://www.w3.org/2000/svg"/>`), false},
		"javascript":         {"javascript:alert(1)", false},
		"nothing":            {"", false},
	} {
		if err := CheckImage(c.uri); (err == nil) != c.fine {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := card(t, "display:\n  - {name: Card, locale: en, logo: {uri: '"+svg(`<g/>`)+"', alt_text: arms}}\n"); err != nil {
		t.Error(err)
	}
	if _, err := card(t, "display:\n  - {name: Card, locale: en, background_image: {uri: 'data:image/gif;base64,AAAA'}}\n"); err == nil || !strings.Contains(err.Error(), "background_image") {
		t.Error(err)
	}
}

func FuzzCheckImage(f *testing.F) {
	for _, s := range []string{`<svg xmlns="http://www.w3.org/2000/svg"><g/></svg>`, "\x89PNG\r\n\x1a\n", ""} {
		f.Add("data:image/svg+xml;base64," + jose.EncodeBase64([]byte(s)))
	}
	f.Fuzz(func(t *testing.T, uri string) {
		if CheckImage(uri) == nil && !strings.HasPrefix(uri, "https://") && !strings.HasPrefix(uri, "data:image/") {
			t.Errorf("%q", uri)
		}
	})
}
