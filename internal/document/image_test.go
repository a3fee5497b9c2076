package document

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"slices"
	"testing"

	"vidimus/internal/problem"
)

func picture(t testing.TB) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, 64, 80))
	for i := range 64 * 80 {
		m.Set(i%64, i/64, color.RGBA{uint8(i), uint8(i * i), uint8(i >> 3), 255})
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 90}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func segment(marker byte, body string) []byte {
	s := []byte{0xff, marker, 0, 0}
	binary.BigEndian.PutUint16(s[2:], uint16(2+len(body)))
	return append(s, body...)
}

func TestCleanImage(t *testing.T) {
	plain := picture(t)
	got, err := cleanImage("portrait", plain)
	if err != nil || !bytes.Equal(got, plain) {
		t.Fatalf("a plain JPEG is changed or refused: %v", err)
	}
	exif := segment(0xe1, "Exif\x00\x00GPS 49.6 N 6.1 E")
	dressed := slices.Concat(plain[:2], segment(0xe0, "JFIF\x00"), exif, segment(markerCOM, "taken at home"), segment(0xe2, "ICC"), []byte{0xff}, plain[2:])
	got, err = cleanImage("portrait", dressed)
	want := slices.Concat(plain[:2], segment(0xe0, "JFIF\x00"), plain[2:])
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("metadata is not taken out: %v", err)
	}
	if _, err := jpeg.Decode(bytes.NewReader(got)); err != nil {
		t.Errorf("the cleaned picture does not decode: %v", err)
	}
	if again, err := cleanImage("portrait", got); err != nil || !bytes.Equal(again, got) {
		t.Errorf("cleaning twice is not cleaning once: %v", err)
	}
}

// badImages is what R10 of the bad-input list names, and its neighbours.
func badImages(t testing.TB) map[string][]byte {
	good := picture(t)
	frame := bytes.Index(good, []byte{0xff, markerSOF0})
	with := func(at int, b ...byte) []byte {
		c := slices.Clone(good)
		copy(c[at:], b)
		return c
	}
	scan := bytes.Index(good, []byte{0xff, markerSOS})
	return map[string][]byte{
		"50 MB":           slices.Concat(good, make([]byte, 50<<20)),
		"png bomb":        []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\xea\x60\x00\x00\xea\x60\x08\x02\x00\x00\x00"),
		"svg":             []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`),
		"gif":             []byte("GIF89a"),
		"jpeg 2000":       []byte("\x00\x00\x00\x0cjP  \r\n\x87\n"),
		"polyglot":        slices.Concat(good, []byte("PK\x03\x04")),
		"cut short":       good[:len(good)-2],
		"cut in half":     good[:len(good)/2],
		"cut in segment":  good[:frame+4],
		"start only":      good[:2],
		"no picture":      {0xff, markerSOI, 0xff, markerEOI},
		"60000 high":      with(frame+5, 0xea, 0x60),
		"60000 wide":      with(frame+7, 0xea, 0x60),
		"no height":       with(frame+5, 0, 0),
		"12 bit":          with(frame+4, 12),
		"lossless":        with(frame+1, 0xc3),
		"arithmetic":      with(frame+1, 0xc9),
		"two frames":      slices.Concat(good[:scan], good[frame:frame+19], good[scan:]),
		"scan, no frame":  slices.Concat(good[:frame], good[scan:]),
		"segment size 0":  with(frame+2, 0, 0),
		"segment too big": with(frame+2, 0xff, 0xff),
		"stray octet":     slices.Concat(good[:2], []byte{0}, good[2:]),
	}
}

func TestCleanImageRefuses(t *testing.T) {
	for name, b := range badImages(t) {
		got, err := cleanImage("attributes: portrait", b)
		if problem.KindOf(err) != problem.InvalidRequest || got != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzCleanImage(f *testing.F) {
	for _, b := range badImages(f) {
		if len(b) < 1<<16 {
			f.Add(b)
		}
	}
	f.Add(picture(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := cleanImage("x", b)
		if err != nil {
			if got != nil {
				t.Fatal("a refused image is given back")
			}
			return
		}
		if len(got) > len(b) || bytes.Contains(got, []byte("Exif\x00\x00")) && !bytes.Contains(b, []byte("Exif\x00\x00")) {
			t.Fatal("cleaning adds something")
		}
		if again, err := cleanImage("x", got); err != nil || !bytes.Equal(again, got) {
			t.Fatalf("cleaning twice is not cleaning once: %v", err)
		}
	})
}

// The end of a scan is where a look at every octet finds it.
func TestScanEnd(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	some := []byte{0, 1, 0xd0, 0xd7, 0xd8, 0xd9, 0xff, 0xff}
	for range 20_000 {
		b := make([]byte, random.IntN(20))
		for i := range b {
			b[i] = some[random.IntN(len(some))]
		}
		from := random.IntN(len(b) + 1)
		want := len(b)
		for at := from; at+1 < len(b); at++ {
			if b[at] == 0xff && b[at+1] != 0 && b[at+1] != 0xff && (b[at+1] < markerRST0 || b[at+1] > markerRST7) {
				want = at
				break
			}
		}
		if got := scanEnd(b, from); got != want {
			t.Fatalf("%x from %d: %d, not %d", b, from, got, want)
		}
	}
}
