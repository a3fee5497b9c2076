package elements

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/png"
	"strings"
	"testing"
	"time"

	"vidimus/internal/cbor"
)

var (
	testNow   = time.Date(2026, 6, 15, 10, 0, 0, 0, time.UTC)
	testBirth = time.Date(2005, 6, 16, 0, 0, 0, 0, time.UTC) // turns 21 tomorrow
)

// TestBadInputs refuses what the catalogue of bad inputs lists for elements;
// subtests are named by its ids.
func TestBadInputs(t *testing.T) {
	t.Run("R10", badPortraits)
	t.Run("R11", badNames)
	t.Run("R12", badDates)
	t.Run("M24", badAges)
	t.Run("M25", badShownPortraits)
	t.Run("M25", badPictures)
	t.Run("M26", badDateTags)
}

func refuse(t *testing.T, name string, err, kind error) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		if !errors.Is(err, kind) {
			t.Errorf("got %v, want %v", err, kind)
		}
	})
}

// withSize rewrites the frame header of a baseline JPEG.
func withSize(b []byte, width, height uint16) []byte {
	b = bytes.Clone(b)
	i := bytes.Index(b, []byte{0xff, 0xc0})
	binary.BigEndian.PutUint16(b[i+5:], height)
	binary.BigEndian.PutUint16(b[i+7:], width)
	return b
}

// withSegment inserts a segment after the start of image.
func withSegment(b []byte, marker byte, body string) []byte {
	segment := append([]byte{0xff, marker, byte((len(body) + 2) >> 8), byte(len(body) + 2)}, body...)
	return append(append(bytes.Clone(b[:2]), segment...), b[2:]...)
}

func badPortraits(t *testing.T) {
	good := sampleJPEG(t, 48, 60)
	var pngImage bytes.Buffer
	if err := png.Encode(&pngImage, image.NewGray(image.Rect(0, 0, 8, 8))); err != nil {
		t.Fatal(err)
	}
	bad := map[string][]byte{
		"huge":          append(bytes.Clone(good), make([]byte, 50<<20)...),
		"png":           pngImage.Bytes(),
		"png_bomb":      append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\xea\x60\x00\x00\xea\x60"), make([]byte, 20)...),
		"svg":           []byte(`<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"/>`),
		"jpeg_bomb":     withSize(good, 60000, 60000),
		"jpeg_pixels":   withSize(good, 4000, 4000),
		"jpeg_no_lines": withSize(good, 48, 0),
		"polyglot":      append(bytes.Clone(good), "PK\x03\x04 archive"...),
		"truncated":     good[:len(good)/2],
		"no_end":        good[:len(good)-2],
		"header_only":   good[:4],
		"empty":         {},
		"bad_length":    withSegment(good, 0xdb, "")[:6],
		"no_marker":     append([]byte{0xff, 0xd8, 0xff, 0xdb, 0, 2, 'x', 'y'}, good[2:]...),
	}
	portrait, _ := MDL.ByIdentifier("portrait")
	for name, b := range bad {
		_, err := CleanPicture(b)
		refuse(t, name, err, ErrPicture)
		_, err = portrait.Encode(b)
		refuse(t, name+"/issue", err, ErrRule)
	}
	t.Run("exif_gps", func(t *testing.T) {
		dirty := withSegment(good, 0xe1, "Exif\x00\x00II*\x00GPS 49.61N 6.13E")
		dirty = withSegment(dirty, 0xfe, "by a photographer")
		if p, err := InspectPicture(dirty); err != nil || !p.Metadata {
			t.Errorf("metadata not seen: %+v, %v", p, err)
		}
		clean, err := CleanPicture(dirty)
		if err != nil || bytes.Contains(clean, []byte("GPS")) || bytes.Contains(clean, []byte("photographer")) {
			t.Errorf("metadata kept: %v", err)
		}
		if !bytes.Equal(clean, good) {
			t.Error("image data changed")
		}
	})
}

func badNames(t *testing.T) {
	name, _ := PID.ByIdentifier("family_name")
	for what, s := range map[string]string{
		"bidi_override":    "Mül\u202eler",
		"bidi_isolate":     "Mül\u2066ler",
		"direction_mark":   "Mül\u200fler",
		"zero_width":       "Mu\u200dller",
		"zero_width_space": "Mül\u200bler",
		"long":             strings.Repeat("x", 10000),
		"150":              strings.Repeat("ü", 151),
		"nul":              "Mül\x00ler",
		"newline":          "Mül\nler",
		"c1_control":       "Mül\u0085ler",
		"lone_surrogate":   "Mül\ufffdler",
		"unassigned":       "Mül\U000e0fffler",
		"private":          "Mül\ue000ler",
		"separator":        "Mül\u2028ler",
	} {
		_, err := name.Encode(s)
		refuse(t, what, err, ErrRule)
	}
	_, err := name.Encode("Mül\xed\xa0\x80ler")
	refuse(t, "surrogate_bytes", err, ErrEncoding)
	for what, test := range map[string][2]string{
		"nfd":    {"Mu\u0308ller", "Müller"},
		"virama": {"ශ්\u200dරී", "ශ්\u200dරී"},
		"150":    {strings.Repeat("ü", 150), strings.Repeat("ü", 150)},
		"mono":   {"", ""},
	} {
		if got, err := name.Normalize(test[0]); err != nil || got != test[1] {
			t.Errorf("%s: %q, %v, want %q", what, got, err, test[1])
		}
	}
	// What could deceive on a screen is refused from other issuers too.
	for _, s := range []string{"Mül\u202eler", "Mül\x01ler", "Mül\u2067ler", strings.Repeat("x", 5000)} {
		if d, err := name.Decode(cbor.MustMarshal(s)); !errors.Is(err, ErrRule) || d.Value != nil {
			t.Errorf("%.20q: verifier gave %v, want ErrRule", s, err)
		}
	}
}

func badDates(t *testing.T) {
	birth, _ := MDL.ByIdentifier("birth_date")
	for what, s := range map[string]string{
		"2023-02-29": "2023-02-29", "0000-00-00": "0000-00-00", "0000-01-01": "0000-01-01", "9999-12-31": "9999-12-31",
		"13th_month": "2020-13-01", "month_only": "2020-1-001", "slashes": "2020/01/01", "latin_space": "2020-01-0 ",
	} {
		_, err := birth.Encode(s)
		refuse(t, what, err, ErrRule)
	}
	for what, v := range map[string]any{"offset": "2020-01-01+02:00", "instant": "2020-01-01T00:00:00Z", "number": 20200101, "nothing": nil} {
		_, err := birth.Encode(v)
		refuse(t, what, err, ErrEncoding)
	}
	at := Moments{ValidFrom: testNow, Now: testNow}
	for what, values := range map[string]map[string]any{
		"birth_in_future":     {"birth_date": "2026-06-20"},
		"issue_after_expiry":  {"issue_date": "2026-01-02", "expiry_date": "2026-01-01"},
		"pid_names":           {"issuance_date": "2026-01-02", "expiry_date": "2026-01-01T00:00:00Z"},
		"issue_in_future":     {"issue_date": "2026-12-01"},
		"issue_before_birth":  {"birth_date": "2000-01-01", "issue_date": "1999-01-01"},
		"capture_in_future":   {"portrait_capture_date": "2027-01-01T00:00:00Z"},
		"capture_before_life": {"birth_date": "2000-01-01", "portrait_capture_date": "1999-01-01T00:00:00Z"},
		"jurisdiction":        {"issuing_country": "UT", "issuing_jurisdiction": "UX-CA"},
	} {
		err := Check(values, at)
		refuse(t, what, err, ErrContradiction)
	}
	good := map[string]any{"birth_date": "2000-01-01", "issue_date": "2026-06-15", "expiry_date": "2026-06-15", "issuing_country": "UT", "issuing_jurisdiction": "UT-CA"}
	if err := Check(good, at); err != nil {
		t.Errorf("refused good dates: %v", err)
	}
}

func badAges(t *testing.T) {
	for _, test := range []struct {
		statements map[int]bool
		asked      int
		want       Answer
	}{
		{map[int]bool{21: true}, 18, Yes},
		{map[int]bool{18: true}, 18, Yes},
		{map[int]bool{16: false}, 18, No},
		{map[int]bool{18: false}, 18, No},
		{map[int]bool{16: true}, 18, CannotTell},
		{map[int]bool{21: false}, 18, CannotTell},
		{map[int]bool{16: true, 21: false}, 18, CannotTell},
		{map[int]bool{16: true, 18: true, 21: false}, 18, Yes},
		{nil, 18, CannotTell},
	} {
		if got, err := AgeAnswer(test.statements, test.asked); got != test.want || err != nil {
			t.Errorf("%v asked %d: %s, %v, want %s", test.statements, test.asked, got, err, test.want)
		}
	}
	got, err := AgeAnswer(map[int]bool{21: true, 18: false}, 18)
	refuse(t, "older_and_not", err, ErrContradiction)
	if got != CannotTell {
		t.Errorf("contradiction answers %s", got)
	}
	day := 24 * time.Hour
	refuse(t, "too_young", CheckAges(map[int]bool{25: true}, testBirth, testNow, testNow), ErrContradiction)
	refuse(t, "too_old", CheckAges(map[int]bool{18: false}, testBirth, testNow, testNow), ErrContradiction)
	for _, ok := range []error{
		CheckAges(map[int]bool{18: true, 21: false}, testBirth, testNow, testNow),
		CheckAges(map[int]bool{21: false}, testBirth, testNow, testNow.Add(9*day)), // was false, turned since
		CheckAges(map[int]bool{21: true}, testBirth, testNow, testNow),             // a few hours of time zone
	} {
		if ok != nil {
			t.Error(ok)
		}
	}
	at := Moments{ValidFrom: testNow, Now: testNow}
	for what, values := range map[string]map[string]any{
		"birth_date":     {"birth_date": "2005-06-16", "age_over_25": true},
		"age_in_years":   {"birth_date": "2005-06-16", "age_in_years": uint64(22)},
		"age_birth_year": {"birth_date": "2005-06-16", "age_birth_year": uint64(2004)},
		"without_birth":  {"age_over_16": false, "age_over_60": true},
	} {
		refuse(t, what, Check(values, at), ErrContradiction)
	}
}

func badShownPortraits(t *testing.T) {
	portrait, _ := MDL.ByIdentifier("portrait")
	for name, b := range map[string][]byte{"40_mb": make([]byte, 3<<20), "no_image": []byte("hello, world"), "bomb": withSize(sampleJPEG(t, 8, 8), 65535, 65535)} {
		d, err := portrait.Decode(cbor.MustMarshal(b))
		refuse(t, name, err, ErrRule)
		if d.Value != nil {
			t.Errorf("%s: value beside an error", name)
		}
	}
	jp2 := j2kSample(640, 480)
	d, err := portrait.Decode(cbor.MustMarshal(jp2))
	if err != nil || d.Warnings != nil {
		t.Errorf("JPEG 2000 refused: %v %v", err, d.Warnings)
	}
	_, err = DecodePicture(jp2)
	refuse(t, "jpeg2000_is_not_shown", err, ErrPicture)
	_, err = InspectPicture(j2kSample(100000, 100000))
	refuse(t, "jpeg2000_bomb", err, ErrPicture)
	_, err = InspectPicture(jp2[:20])
	refuse(t, "jpeg2000_truncated", err, ErrPicture)
}

// j2kStream is the beginning of a code stream: one tile, three components,
// unless a test changes its bytes.
func j2kStream(width, height uint32) []byte {
	stream := []byte(j2kSignature + "\x00\x2f\x00\x00")
	for _, n := range []uint32{width, height, 0, 0, width, height, 0, 0} {
		stream = binary.BigEndian.AppendUint32(stream, n)
	}
	return append(stream, "\x00\x03\x07\x01\x01\x07\x01\x01\x07\x01\x01"...)
}

// j2kSample is a code stream in a file.
func j2kSample(width, height uint32) []byte { return jp2File(j2kStream(width, height), width, height) }

func jp2File(stream []byte, width, height uint32) []byte {
	b := []byte(jp2Signature)
	box := func(kind string, content []byte) []byte {
		return append(append(binary.BigEndian.AppendUint32(nil, uint32(8+len(content))), kind...), content...)
	}
	ihdr := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, height), width)
	b = append(b, box("jp2h", box("ihdr", append(ihdr, 0, 3, 7, 7, 0, 0)))...)
	return append(b, box("jp2c", stream)...)
}

// badPictures are bad input M25: what announces more work than it is large.
func badPictures(t *testing.T) {
	stream := func(at int, bytes ...byte) []byte {
		b := j2kStream(640, 480)
		copy(b[at:], bytes)
		return b
	}
	scans := sampleJPEG(t, 8, 8)
	start := bytes.Index(scans, []byte{0xff, 0xda})
	scan := scans[start : len(scans)-2]
	many := append(bytes.Clone(scans[:start]), bytes.Repeat(scan, maxScans+1)...)
	few := append(bytes.Clone(scans[:start]), bytes.Repeat(scan, maxScans)...)
	frame := bytes.Index(scans, []byte{0xff, 0xc0})
	components := bytes.Clone(scans)
	components[frame+9] = 5
	for name, b := range map[string][]byte{
		"tiles_of_one_pixel":   stream(24, 0, 0, 0, 1, 0, 0, 0, 1),
		"tiles_of_no_pixel":    stream(24, 0, 0, 0, 0),
		"tiles_beside_picture": stream(32, 0, 0, 0, 1),
		"16384_components":     stream(40, 0x40, 0),
		"no_component":         stream(40, 0, 0),
		"components_cut_off":   j2kStream(640, 480)[:45],
		"header_of_another":    jp2File(j2kStream(640, 480), 64, 48),
		"file_without_header":  append([]byte(jp2Signature), append([]byte{0, 0, 0, 59}, append([]byte("jp2c"), j2kStream(640, 480)...)...)...),
		"jpeg_of_65_scans":     append(many, 0xff, 0xd9),
		"jpeg_of_5_components": components,
	} {
		_, err := InspectPicture(b)
		refuse(t, name, err, ErrPicture)
	}
	for name, b := range map[string][]byte{"stream": j2kStream(640, 480), "file": j2kSample(640, 480), "four_tiles": stream(24, 0, 0, 1, 64, 0, 0, 0, 240), "64_scans": append(few, 0xff, 0xd9)} {
		if _, err := InspectPicture(b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func badDateTags(t *testing.T) {
	birth, _ := MDL.ByIdentifier("birth_date")
	capture, _ := MDL.ByIdentifier("portrait_capture_date")
	expiry, _ := MDL.ByIdentifier("expiry_date")
	for name, test := range map[string]struct {
		e    Element
		item []byte
	}{
		"tag_missing":       {birth, cbor.MustMarshal("2020-01-01")},
		"13th_month":        {birth, cbor.MustMarshal(cbor.Tag{Number: 1004, Content: "2020-13-01"})},
		"tag_0":             {birth, cbor.MustMarshal(cbor.Tag{Number: 0, Content: "2020-01-01"})},
		"tag_0_instant":     {birth, cbor.MustMarshal(cbor.Tag{Number: 0, Content: "2020-01-01T00:00:00Z"})},
		"tag_1":             {birth, cbor.MustMarshal(cbor.Tag{Number: 1, Content: 1577836800})},
		"other_tag":         {birth, cbor.MustMarshal(cbor.Tag{Number: 100, Content: "2020-01-01"})},
		"tag_around_number": {birth, cbor.MustMarshal(cbor.Tag{Number: 1004, Content: 20200101})},
		"instant_in_1004":   {birth, cbor.MustMarshal(cbor.Tag{Number: 1004, Content: "2020-01-01T00:00:00Z"})},
		"leap_second":       {capture, cbor.MustMarshal(cbor.Tag{Number: 0, Content: "2016-12-31T23:59:60Z"})},
		"lower_case":        {capture, cbor.MustMarshal(cbor.Tag{Number: 0, Content: "2016-12-31t23:59:59z"})},
		"date_for_instant":  {capture, cbor.MustMarshal(cbor.FullDate("2020-01-01"))},
		"untagged_either":   {expiry, cbor.MustMarshal("2020-01-01")},
		"tag_0_date":        {expiry, cbor.MustMarshal(cbor.Tag{Number: 0, Content: "2020-01-01"})},
		"null":              {expiry, []byte{0xf6}},
		"nothing":           {expiry, nil},
		"trailing":          {birth, append(cbor.MustMarshal(cbor.FullDate("2020-01-01")), 0)},
	} {
		d, err := test.e.Decode(test.item)
		refuse(t, name, err, ErrEncoding)
		if d.Value != nil {
			t.Errorf("%s: value beside an error", name)
		}
	}
	for name, item := range map[string][]byte{
		"family_name": cbor.MustMarshal(cbor.Tag{Number: 0, Content: "x"}), "height": {0x20}, "age_over_18": {0x01},
		"portrait": cbor.MustMarshal("text"), "driving_privileges": cbor.MustMarshal(map[string]any{}), "weight": cbor.MustMarshal(1.5),
	} {
		e, _ := MDL.ByIdentifier(name)
		_, err := e.Decode(item)
		refuse(t, "wrong_type/"+name, err, ErrEncoding)
	}
}
