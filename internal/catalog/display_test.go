package catalog

import (
	"bytes"
	"image"
	"image/png"
	"strings"
	"testing"

	"vidimus/internal/oid4vci"
)

// What wallets show of what is built in is there in four languages: names of
// credentials and of every element.
func TestBuiltinDisplay(t *testing.T) {
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	languages := []string{"de", "en", "fr", "lb"}
	for _, id := range c.IDs() {
		cfg, _ := c.Configuration(id)
		m := cfg.Metadata()
		for _, locale := range languages {
			in := (&oid4vci.IssuerMetadata{Configurations: map[string]oid4vci.Configuration{id: m}}).InLanguage(locale).Configurations[id].Metadata
			if len(in.Display) != 1 || in.Display[0].Locale != locale || in.Display[0].Name == "" {
				t.Errorf("%s in %s: %+v", id, locale, in.Display)
			}
			for _, claim := range in.Claims {
				if len(claim.Display) != 1 || claim.Display[0].Locale != locale || claim.Display[0].Name == "" {
					t.Errorf("%s: %v in %s: %+v", id, claim.Path, locale, claim.Display)
				}
			}
		}
		if m.Metadata.ReusePolicy == nil {
			t.Errorf("%s says nothing of how often a copy is shown", id)
		}
	}
}

func TestImageType(t *testing.T) {
	picture := func(w, h int) string {
		var b bytes.Buffer
		if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, w, h))); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	const svg = `<svg xmlns="http://www.w3.org/2000/svg"/>`
	for name, c := range map[string]struct{ raw, want string }{
		"PNG":       {picture(8, 8), "image/png"},
		"SVG":       {svg, "image/svg+xml"},
		"wide PNG":  {picture(MaxImageSide+1, 1), ""},
		"high PNG":  {picture(1, MaxImageSide+1), ""},
		"large":     {svg + strings.Repeat(" ", MaxImage), ""},
		"half PNG":  {picture(8, 8)[:20], ""},
		"JPEG":      {"\xff\xd8\xff", ""},
		"scripted":  {`<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>`, ""},
		"HTML":      {"<html/>", ""},
		"no octets": {"", ""},
	} {
		if got, err := ImageType([]byte(c.raw)); (err == nil) != (c.want != "") || err == nil && got != c.want {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}

func TestWithoutTxCode(t *testing.T) {
	if cfg, err := card(t, "without_tx_code: true\n"); err != nil || !cfg.WithoutTxCode {
		t.Errorf("a card: %v", err)
	}
	if cfg, err := card(t, ""); err != nil || cfg.WithoutTxCode {
		t.Errorf("nothing said: %+v, %v", cfg, err)
	}
	for _, id := range []string{"mdl", "pid-mdoc", "pid-sd-jwt"} {
		data, err := builtin.ReadFile("builtin/" + id + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parse(id, append([]byte("without_tx_code: true\n"), data...)); err == nil || !strings.Contains(err.Error(), "without_tx_code") {
			t.Errorf("%s: %v", id, err)
		}
	}
	const copied = "id: p\nformat: dc+sd-jwt\nvct: urn:example:pass\nscope: p\ndocument_type: pid\nsigner: pid\nwithout_tx_code: true\nelements:\n  - {name: n, source: person.family_name, type: text}\n"
	if _, err := parse("p", []byte(copied)); err == nil || !strings.Contains(err.Error(), "without_tx_code") {
		t.Errorf("the identity under another name: %v", err)
	}
}
