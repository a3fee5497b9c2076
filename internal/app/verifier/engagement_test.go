package verifier

import (
	"bytes"
	"crypto/rand"
	"errors"
	"image"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vidimus/internal/proximity"
	"vidimus/internal/qr"
)

func shownCode(t testing.TB) *proximity.Engagement {
	t.Helper()
	e, _, err := proximity.NewEngagement(proximity.Options{BLE: &proximity.BLE{CentralClient: true, PeripheralServer: true}}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func picture(t testing.TB, text string) []byte {
	t.Helper()
	code, err := qr.Encode(text)
	if err != nil {
		t.Fatal(err)
	}
	data, err := code.PNG(640)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The code of a phone comes as text, as a picture of a camera, and by standard
// input; the bytes are those that were shown.
func TestReadEngagement(t *testing.T) {
	e := shownCode(t)
	drawn := picture(t, e.URI())
	img, err := png.Decode(bytes.NewReader(drawn))
	if err != nil {
		t.Fatal(err)
	}
	var photo bytes.Buffer
	if err := jpeg.Encode(&photo, img, &jpeg.Options{Quality: 60}); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, c := range map[string]struct {
		source string
		stdin  []byte
	}{
		"text":               {e.URI(), nil},
		"text in capitals":   {"MDOC:" + e.URI()[5:], nil},
		"text in a file":     {file("code.txt", []byte("\n "+e.URI()+"\r\n")), nil},
		"typed by a scanner": {"-", []byte(e.URI() + "\n")},
		"PNG":                {file("code.png", drawn), nil},
		"JPEG":               {file("code.jpg", photo.Bytes()), nil},
		"picture piped":      {"-", photo.Bytes()},
	} {
		got, err := ReadEngagement(c.source, bytes.NewReader(c.stdin))
		if err != nil || !bytes.Equal(got.Raw, e.Raw) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var blank bytes.Buffer
	if err := png.Encode(&blank, image.NewGray(image.Rect(0, 0, 64, 64))); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		data []byte
		says string
	}{
		"nothing":                 {nil, "neither"},
		"text of another kind":    {[]byte("https://example.com"), "neither"},
		"no code in the picture":  {blank.Bytes(), "hold the camera"},
		"the code of a menu":      {picture(t, "https://example.com/menu"), "not that of a wallet"},
		"Q01/two codes":           {[]byte(e.URI() + "mdoc:" + e.URI()), ""},
		"Q01/nothing behind it":   {[]byte("mdoc:"), "malformed"},
		"Q01/a megabyte":          {[]byte("mdoc:" + strings.Repeat("A", 1<<20)), "4296"},
		"Q01/the other alphabet":  {[]byte("mdoc:++//"), "malformed"},
		"a code inside a picture": {picture(t, "mdoc:AAAA"), "malformed"},
	} {
		if got, err := EngagementOf(c.data); err == nil || got != nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ReadEngagement("-", nil); err == nil {
		t.Error("standard input twice")
	}
}

// Whatever stands in a picture or a text: an engagement with a way to the phone, or
// an error.
func FuzzEngagementOf(f *testing.F) {
	e := shownCode(f)
	f.Add([]byte(e.URI()))
	f.Add(picture(f, e.URI()))
	f.Add([]byte("mdoc:"))
	f.Add([]byte("\x89PNG\r\n\x1a\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := EngagementOf(data)
		if (got == nil) == (err == nil) {
			t.Fatalf("%v, %v", got, err)
		}
		if err == nil && len(got.Methods) == 0 {
			t.Fatal("a code without a way to the phone")
		}
		if err != nil && errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	})
}
