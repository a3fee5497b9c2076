package elements

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"testing"
)

// sampleJPEG draws a small portrait-shaped picture.
func sampleJPEG(t testing.TB, width, height int) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			img.Set(x, y, color.RGBA{R: uint8(x * 7), G: uint8(y * 5), B: uint8(x ^ y), A: 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// samplePrivileges are those of the vector of ISO/IEC 18013-5, D.2.1.
func samplePrivileges() []Privilege {
	return []Privilege{
		{Category: "A", IssueDate: "2018-08-09", ExpiryDate: "2024-10-20"},
		{Category: "B", IssueDate: "2017-02-23", ExpiryDate: "2024-10-20"},
	}
}

// sampleValue is a neutral value that e accepts.
func sampleValue(t testing.TB, e Element) any {
	t.Helper()
	switch e.Kind {
	case KindText:
		return "Ελένη Κάτω-Ραφήνα 東京"
	case KindLatin1:
		return "Frédérique Ñuñez-Ößer"
	case KindCountry:
		return "UT"
	case KindSubdivision:
		return "UT-CA"
	case KindSign:
		return "UTO"
	case KindURL:
		return "https://trust.example/anchor"
	case KindEmail:
		return "erika@example.org"
	case KindPhone:
		return "+491701234567"
	case KindChoice:
		return e.Choices[len(e.Choices)-1]
	case KindDate, KindDateOrTime:
		return "1984-01-26"
	case KindDateTime:
		return "2025-08-15T10:30:00Z"
	case KindBytes:
		return []byte{1, 2, 3}
	case KindImage, KindJPEG:
		return sampleJPEG(t, 8, 10)
	case KindBiometric:
		return []byte{0x7f, 0x61, 0x01, 0x00}
	case KindUint:
		return uint64(172)
	case KindBool:
		return true
	case KindSex:
		return uint64(2)
	case KindSexPID:
		return uint64(5)
	case KindTexts:
		return []string{"Moselle", "Our"}
	case KindCountries:
		return []string{"FI", "SE"}
	case KindPlace:
		return map[string]string{"country": "FI", "locality": "Turku"}
	case KindPrivileges:
		return samplePrivileges()
	}
	t.Fatalf("no sample for kind %q", e.Kind)
	return nil
}
