package elements

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/jpeg"
)

// PictureFormat is what the first bytes of a picture say.
type PictureFormat string

const (
	FormatJPEG    PictureFormat = "jpeg" // ISO/IEC 10918
	FormatJP2     PictureFormat = "jp2"  // ISO/IEC 15444-1, Annex I: file
	FormatJ2K     PictureFormat = "j2k"  // ISO/IEC 15444-1, Annex A: code stream
	formatUnknown PictureFormat = ""
)

// First bytes of the formats, and the application segments that are kept.
const (
	jpegSignature   = "\xff\xd8\xff"
	jp2Signature    = "\x00\x00\x00\x0cjP  \r\n\x87\n"
	j2kSignature    = "\xff\x4f\xff\x51"
	jfifIdentifier  = "JFIF\x00"
	applicationZero = 0xe0
	adobeMarker     = 0xee
)

// ErrPicture is the sentinel of every refused picture.
var ErrPicture = errors.New("picture refused")

type pictureError string

func (e pictureError) Error() string        { return string(e) }
func (e pictureError) Is(target error) bool { return target == ErrPicture }

// Picture is what the structure of a picture says, without decoding it.
type Picture struct {
	Format        PictureFormat
	Width, Height int
	// Trailing is the number of bytes after the end of a JPEG: padding, or a
	// second file that another program would find there.
	Trailing int
	// Metadata says that a JPEG holds segments that CleanPicture removes.
	Metadata bool
}

func sniff(b []byte) PictureFormat {
	switch {
	case bytes.HasPrefix(b, []byte(jpegSignature)):
		return FormatJPEG
	case bytes.HasPrefix(b, []byte(jp2Signature)):
		return FormatJP2
	case bytes.HasPrefix(b, []byte(j2kSignature)):
		return FormatJ2K
	}
	return formatUnknown
}

// InspectPicture accepts a JPEG or JPEG 2000 of at most [MaxPicture] bytes,
// [MaxPictureSide] pixels a side and [MaxPicturePixels] pixels. It walks the
// segments to the end and decodes nothing, so that it can run on every issuance
// and before every decoder. Errors match ErrPicture.
func InspectPicture(b []byte) (Picture, error) {
	if len(b) > MaxPicture {
		return Picture{}, pictureError("picture larger than 1 MiB")
	}
	var p Picture
	var err error
	switch sniff(b) {
	case FormatJPEG:
		p, _, err = walkJPEG(b, false)
	case FormatJP2:
		p, err = inspectJP2(b)
	case FormatJ2K:
		p, err = inspectJ2K(b, FormatJ2K)
	default:
		return Picture{}, pictureError("neither JPEG nor JPEG 2000")
	}
	if err != nil {
		return Picture{}, err
	}
	if p.Width < 1 || p.Height < 1 {
		return Picture{}, pictureError("picture without pixels")
	}
	if p.Width > MaxPictureSide || p.Height > MaxPictureSide || p.Width*p.Height > MaxPicturePixels {
		return Picture{}, pictureError("picture with too many pixels")
	}
	return p, nil
}

// DecodePicture decodes a JPEG after InspectPicture has bounded it. JPEG 2000
// has no decoder here: the error matches ErrPicture and the caller shows that
// there is a picture which it cannot show.
func DecodePicture(b []byte) (image.Image, error) {
	p, err := InspectPicture(b)
	if err != nil {
		return nil, err
	}
	if p.Format != FormatJPEG {
		return nil, pictureError("JPEG 2000 cannot be decoded here")
	}
	config, err := jpeg.DecodeConfig(bytes.NewReader(b))
	if err != nil || config.Width != p.Width || config.Height != p.Height {
		return nil, pictureError("JPEG header that two readers read differently")
	}
	decoded, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, pictureError("JPEG cannot be decoded")
	}
	return decoded, nil
}

// CleanPicture is for the intake of a JPEG portrait from a registry: it refuses
// what InspectPicture and DecodePicture refuse and bytes after the end, and
// removes every segment that is not needed to decode (Exif with its place and
// time, thumbnails, comments, colour profiles), leaving the image data as they
// are. JPEG 2000 is refused, since nothing here can look inside it.
func CleanPicture(b []byte) ([]byte, error) {
	p, err := InspectPicture(b)
	if err != nil {
		return nil, err
	}
	if p.Format != FormatJPEG {
		return nil, pictureError("not a JPEG")
	}
	if p.Trailing > 0 {
		return nil, pictureError("bytes after the end of the picture")
	}
	if _, err := DecodePicture(b); err != nil {
		return nil, err
	}
	_, clean, err := walkJPEG(b, true)
	return clean, err
}

// walkJPEG follows the markers of ISO/IEC 10918-1, Annex B, from start to end of
// image. With clean it also collects the segments that are kept.
func walkJPEG(b []byte, clean bool) (Picture, []byte, error) {
	p := Picture{Format: FormatJPEG}
	var kept []byte
	keep := func(from, to int) {
		if clean {
			kept = append(kept, b[from:to]...)
		}
	}
	keep(0, 2)
	scans := 0
	for at := 2; ; {
		if at+2 > len(b) {
			return p, nil, pictureError("JPEG ends early")
		}
		if b[at] != 0xff {
			return p, nil, pictureError("JPEG without marker where one is due")
		}
		marker := b[at+1]
		if marker == 0xff { // fill byte
			at++
			continue
		}
		if marker == 0xd9 { // end of image
			if p.Width == 0 || scans == 0 {
				return p, nil, pictureError("JPEG without an image")
			}
			keep(at, at+2)
			p.Trailing = len(b) - at - 2
			return p, kept, nil
		}
		if marker < 0xc0 || marker >= 0xd0 && marker <= 0xd8 {
			return p, nil, pictureError("JPEG with an unexpected marker")
		}
		if at+4 > len(b) {
			return p, nil, pictureError("JPEG ends early")
		}
		end := at + 2 + int(binary.BigEndian.Uint16(b[at+2:]))
		if end < at+4 || end > len(b) {
			return p, nil, pictureError("JPEG segment with a wrong length")
		}
		body := b[at+4 : end]
		switch {
		case isFrame(marker):
			if len(body) < 6 || p.Width != 0 || body[5] == 0 || body[5] > maxComponents || len(body) != 6+3*int(body[5]) {
				return p, nil, pictureError("JPEG with a wrong frame header")
			}
			p.Height, p.Width = int(binary.BigEndian.Uint16(body[1:])), int(binary.BigEndian.Uint16(body[3:]))
			if p.Width == 0 || p.Height == 0 {
				return p, nil, pictureError("picture without pixels")
			}
			keep(at, end)
		case marker == 0xda: // start of scan, followed by entropy-coded data
			if p.Width == 0 {
				return p, nil, pictureError("JPEG with a scan before its frame")
			}
			if scans++; scans > maxScans {
				return p, nil, pictureError("JPEG with too many scans")
			}
			end = endOfScan(b, end)
			keep(at, end)
		case metadata(marker, body):
			p.Metadata = true
		default:
			keep(at, end)
		}
		at = end
	}
}

// isFrame says whether the marker is a start of frame: C0 to CF but for DHT,
// JPG and DAC.
func isFrame(marker byte) bool {
	return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc
}

// metadata says whether a segment is not needed to decode: all application
// segments but a JFIF header without thumbnail and Adobe's, which tells the
// colour transform, and comments.
func metadata(marker byte, body []byte) bool {
	switch {
	case marker == applicationZero:
		// identifier 5, version 2, unit 1, density 4, thumbnail size 2
		return len(body) != 14 || string(body[:5]) != jfifIdentifier
	case marker == adobeMarker:
		return !bytes.HasPrefix(body, []byte("Adobe"))
	}
	return marker > applicationZero && marker <= 0xef || marker == 0xfe
}

// endOfScan gives the position of the first marker after the entropy-coded data
// that begin at b[at:]: stuffed zeros and restart markers belong to the data.
func endOfScan(b []byte, at int) int {
	for at < len(b) {
		i := bytes.IndexByte(b[at:], 0xff)
		if i < 0 || at+i+1 >= len(b) {
			return len(b)
		}
		at += i
		switch next := b[at+1]; {
		case next == 0 || next >= 0xd0 && next <= 0xd7:
			at += 2
		default:
			return at
		}
	}
	return len(b)
}

// inspectJ2K reads the size marker segment, which must be the first (ISO/IEC
// 15444-1, A.5.1): besides the size of the picture the number of its tiles and
// of its components, with which a short code stream makes a decoder work.
func inspectJ2K(b []byte, format PictureFormat) (Picture, error) {
	// SOC, SIZ, length, capabilities, four sizes and offsets of the picture, four of
	// its tiles, 32 bits each, and the number of components.
	const fixed = 8 + 8*4 + 2
	if len(b) < fixed || !bytes.HasPrefix(b, []byte(j2kSignature)) {
		return Picture{}, pictureError("JPEG 2000 without size")
	}
	size := func(i int) int64 { return int64(binary.BigEndian.Uint32(b[8+4*i:])) }
	width, height := size(0)-size(2), size(1)-size(3)
	if width < 1 || height < 1 {
		return Picture{}, pictureError("picture without pixels")
	}
	if width > MaxPictureSide || height > MaxPictureSide {
		return Picture{}, pictureError("picture with too many pixels")
	}
	components := int(binary.BigEndian.Uint16(b[fixed-2:]))
	if components < 1 || components > maxComponents || int(binary.BigEndian.Uint16(b[4:])) != 38+3*components || len(b) < fixed+3*components {
		return Picture{}, pictureError("JPEG 2000 with a wrong number of components")
	}
	tileWidth, tileHeight := size(4), size(5)
	switch {
	case tileWidth < 1 || tileHeight < 1 || size(6) > size(2) || size(7) > size(3) || size(6)+tileWidth <= size(2) || size(7)+tileHeight <= size(3):
		return Picture{}, pictureError("JPEG 2000 with wrong tiles")
	case ((size(0)-size(6)-1)/tileWidth+1)*((size(1)-size(7)-1)/tileHeight+1) > maxTiles:
		return Picture{}, pictureError("JPEG 2000 with too many tiles")
	}
	return Picture{Format: format, Width: int(width), Height: int(height)}, nil
}

// inspectJP2 walks the boxes to the code stream (ISO/IEC 15444-1, I.4).
//
// The image header, where a reader looks for the size first, has to agree with
// the code stream, which a decoder obeys.
func inspectJP2(b []byte) (Picture, error) {
	var header []byte // height and width of the image header box
	for at := 0; at+8 <= len(b); {
		length, head := uint64(binary.BigEndian.Uint32(b[at:])), 8
		kind := string(b[at+4 : at+8])
		switch {
		case length == 0: // to the end of the file
			length = uint64(len(b) - at)
		case length == 1 && at+16 <= len(b):
			length, head = binary.BigEndian.Uint64(b[at+8:]), 16
		}
		if length < uint64(head) || length > uint64(len(b)-at) {
			return Picture{}, pictureError("JPEG 2000 box with a wrong length")
		}
		content := b[at+head : at+int(length)]
		switch kind {
		case "jp2h":
			if len(content) < 16 || string(content[4:8]) != "ihdr" {
				return Picture{}, pictureError("JPEG 2000 without image header")
			}
			header = content[8:16]
		case "jp2c":
			p, err := inspectJ2K(content, FormatJP2)
			if err == nil && (header == nil || int64(binary.BigEndian.Uint32(header)) != int64(p.Height) || int64(binary.BigEndian.Uint32(header[4:])) != int64(p.Width)) {
				return Picture{}, pictureError("JPEG 2000 whose header is not that of its code stream")
			}
			return p, err
		}
		at += int(length)
	}
	return Picture{}, pictureError("JPEG 2000 without code stream")
}
