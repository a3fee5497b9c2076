package elements

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"vidimus/internal/cbor"
)

// A failed decode gives no value. A decode without warnings gives a neutral
// value: the issuer accepts it, and where the bytes are canonical it writes the
// same bytes.
func FuzzDecodeElement(f *testing.F) {
	var all []Element
	for _, set := range Sets() {
		all = append(all, rows(set)...)
	}
	for i, e := range all {
		item, err := e.Encode(sampleValue(f, e))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), []byte(item))
	}
	f.Add(uint8(0), cbor.MustMarshal("Mül\u202eler"))
	f.Add(uint8(2), cbor.MustMarshal("2020-01-01"))
	f.Fuzz(func(t *testing.T, row uint8, item []byte) {
		e := all[int(row)%len(all)]
		d, err := e.Decode(item)
		if err != nil {
			if d.Value != nil || d.Warnings != nil {
				t.Fatalf("value beside error %v", err)
			}
			return
		}
		if d.Warnings == nil {
			again, err := e.Encode(d.Value)
			if err != nil {
				t.Fatalf("%s: accepted without warning, not encoded: %v", e.Name(), err)
			}
			if e.Kind != KindPrivileges && cbor.Lint(item) == nil && !bytes.Equal(again, item) {
				t.Fatalf("%s: %x encoded again as %x", e.Name(), item, []byte(again))
			}
			claim, err := e.ClaimValue(d.Value)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := e.DecodeClaim(claim); err != nil {
				t.Fatalf("%s: own claim refused: %v", e.Name(), err)
			}
		}
	})
}

// What is read can be written and read again, and answers a question the same
// way; unknown members may be dropped.
func FuzzDrivingPrivileges(f *testing.F) {
	f.Add(vector(f), "B")
	full, err := EncodePrivileges([]Privilege{{Category: "CE", ExpiryDate: "2030-01-01", Codes: []Code{{Code: "01", Sign: "=", Value: "06"}, {Code: "70"}}}, {Category: "D"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(full), "DE")
	f.Add([]byte{0x80}, "AM")
	f.Fuzz(func(t *testing.T, item []byte, asked string) {
		list, err := DecodePrivileges(item)
		if err != nil {
			if list != nil {
				t.Fatal("list beside an error")
			}
			return
		}
		right := MayDrive(list, asked, testNow)
		switch right.Answer {
		case Yes, UnderConditions:
			if right.Category == "" {
				t.Fatal("right without a category")
			}
		case No:
		default:
			t.Fatalf("answer %q", right.Answer)
		}
		again, err := EncodePrivileges(list)
		if err != nil {
			return // a warning for a reader
		}
		relisted, err := DecodePrivileges(again)
		if err != nil {
			t.Fatal(err)
		}
		if MayDrive(relisted, asked, testNow).Answer != right.Answer {
			t.Fatal("answer changed by encoding")
		}
	})
}

// Inspection bounds what the decoder gets; cleaning is idempotent.
func FuzzPicture(f *testing.F) {
	f.Add(sampleJPEG(f, 8, 10))
	f.Add(withSegment(sampleJPEG(f, 8, 8), 0xe1, "Exif\x00\x00"))
	f.Add(j2kSample(64, 64))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := InspectPicture(b)
		if err != nil {
			if p != (Picture{}) {
				t.Fatal("picture beside an error")
			}
			return
		}
		if p.Width < 1 || p.Height < 1 || p.Width*p.Height > MaxPictureSide*MaxPictureSide || p.Trailing < 0 || p.Trailing > len(b) {
			t.Fatalf("%+v", p)
		}
		if p.Width*p.Height > 1<<16 {
			return // keep the decoder fast here
		}
		clean, err := CleanPicture(b)
		if err != nil {
			return
		}
		again, err := CleanPicture(clean)
		if err != nil || !bytes.Equal(clean, again) {
			t.Fatalf("cleaning twice: %v", err)
		}
	})
}

func FuzzRender(f *testing.F) {
	f.Add(vector(f))
	f.Add([]byte{0xa2, 0x01, 0x01, 0x61, '1', 0x02})
	f.Fuzz(func(t *testing.T, item []byte) {
		value, err := Render(item)
		if err != nil {
			if value != nil {
				t.Fatal("value beside an error")
			}
			return
		}
		if _, err := json.Marshal(value); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzText: normalising twice changes nothing, and what is accepted holds no
// control character.
func FuzzText(f *testing.F) {
	f.Add("Mu\u0308ller")
	f.Add("ශ්\u200dරී")
	f.Add("a\u202eb")
	f.Add("\u200d")
	f.Fuzz(func(t *testing.T, s string) {
		once, flaw := text(s, true)
		if flaw != nil {
			return
		}
		if twice, flaw := text(once, true); flaw != nil || twice != once {
			t.Fatalf("%q became %q, then %q (%v)", s, once, twice, flaw)
		}
		if strings.ContainsFunc(once, func(r rune) bool { return r < 0x20 || r == 0x202e }) {
			t.Fatalf("%q", once)
		}
		if latin, ok := Latinize(once); ok && !IsLatin1(latin) {
			t.Fatalf("%q became %q", once, latin)
		}
	})
}
