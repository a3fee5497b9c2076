package document

import (
	"bytes"
	"encoding/binary"

	"vidimus/internal/problem"
)

// Markers of ISO/IEC 10918-1, table B.1.
const (
	markerSOF0 = 0xc0 // baseline
	markerSOF2 = 0xc2 // progressive
	markerDHT  = 0xc4
	markerRST0 = 0xd0
	markerRST7 = 0xd7
	markerSOI  = 0xd8
	markerEOI  = 0xd9
	markerSOS  = 0xda
	markerDQT  = 0xdb
	markerDRI  = 0xdd
	markerAPP0 = 0xe0 // JFIF
	markerAPPE = 0xee // Adobe: how the colours are transformed
	markerAPPF = 0xef
	markerCOM  = 0xfe
)

// CleanImage gives a picture as an attribute keeps it, for who has the octets
// and not their base64 in an event; b is not changed. None at all says that the
// holder opted out (PID Rulebook). The refusal names the field.
func CleanImage(field string, b []byte) ([]byte, error) {
	if len(b) == 0 {
		return b, nil
	}
	return cleanImage(field, b)
}

// cleanImage walks the segments of a JPEG without decoding a pixel and gives
// it without its metadata: of the application segments only JFIF and Adobe's
// colour word stay, comments go (Exif carries the place where it was taken).
// It refuses what is no 8-bit baseline or progressive JPEG, what is larger
// than MaxImage or MaxPixels, what is cut short, and what goes on after its
// end. JPEG 2000, which ISO/IEC 18013-5 also allows, is not taken.
func cleanImage(field string, b []byte) ([]byte, error) {
	refuse := func(why string) ([]byte, error) {
		return nil, problem.New(problem.InvalidRequest, "%s %s", field, why)
	}
	if len(b) > MaxImage {
		return refuse("is too large")
	}
	if len(b) < 4 || b[0] != 0xff || b[1] != markerSOI {
		return refuse("is not a JPEG")
	}
	clean := append(make([]byte, 0, len(b)), b[:2]...)
	frame, scan := false, false
	for at := 2; ; {
		for at+1 < len(b) && b[at] == 0xff && b[at+1] == 0xff {
			at++ // fill octets
		}
		if at+2 > len(b) {
			return refuse("is cut short")
		}
		marker := b[at+1]
		if b[at] != 0xff || marker == 0 {
			return refuse("is not a well-formed JPEG")
		}
		if marker == markerEOI {
			switch {
			case !scan:
				return refuse("has no picture")
			case at+2 != len(b):
				return refuse("goes on after its end")
			}
			return append(clean, b[at:]...), nil
		}
		if at+4 > len(b) {
			return refuse("is cut short")
		}
		end := at + 2 + int(binary.BigEndian.Uint16(b[at+2:]))
		if end > len(b) || end < at+4 {
			return refuse("is cut short")
		}
		segment := b[at:end]
		at = end
		switch {
		case marker >= markerSOF0 && marker <= markerSOF2:
			if frame {
				return refuse("has two frames")
			}
			frame = true
			if !frameFits(segment) {
				return refuse("has wrong dimensions or depth")
			}
		case marker == markerSOS:
			if !frame {
				return refuse("has a scan before its frame")
			}
			scan = true
			at = scanEnd(b, at)
			segment = b[end-len(segment) : at]
		case marker == markerDHT, marker == markerDQT, marker == markerDRI, marker == markerAPP0, marker == markerAPPE:
		case marker > markerAPP0 && marker <= markerAPPF, marker == markerCOM:
			continue // metadata
		default:
			return refuse("is not a baseline or progressive JPEG")
		}
		clean = append(clean, segment...)
	}
}

// frameFits reads the frame header (ISO/IEC 10918-1, B.2.2).
func frameFits(segment []byte) bool {
	if len(segment) < 10 || segment[4] != 8 {
		return false
	}
	height, width := binary.BigEndian.Uint16(segment[5:]), binary.BigEndian.Uint16(segment[7:])
	return height > 0 && width > 0 && height <= MaxPixels && width <= MaxPixels
}

// scanEnd finds the marker that ends the entropy-coded data that begins at at.
func scanEnd(b []byte, at int) int {
	for ; at+1 < len(b); at++ {
		next := bytes.IndexByte(b[at:len(b)-1], 0xff)
		if next < 0 {
			break
		}
		at += next
		if m := b[at+1]; m != 0 && m != 0xff && (m < markerRST0 || m > markerRST7) {
			return at
		}
	}
	return len(b)
}
