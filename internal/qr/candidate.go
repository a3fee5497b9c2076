package qr

import (
	"errors"

	"github.com/makiuchi-d/gozxing"
	zxing "github.com/makiuchi-d/gozxing/qrcode"
)

// maxCandidates bounds what may be the corner of a code in one picture. The library
// looks at every three of them, which takes 50 ms for so many and hours for those
// of a sheet full of corners; a photograph of a street has some dozen.
const maxCandidates = 500

// errCrowded is for a picture with more than maxCandidates.
var errCrowded = errors.New("too much in the picture looks like the corner of a code")

// decode is the library's, ended where it would not come to an end.
func decode(picture *gozxing.BinaryBitmap, hints map[gozxing.DecodeHintType]any) (text string, err error) {
	candidates := 0
	hints[gozxing.DecodeHintType_NEED_RESULT_POINT_CALLBACK] = gozxing.ResultPointCallback(func(gozxing.ResultPoint) {
		if candidates++; candidates > maxCandidates {
			panic(errCrowded) // the one way out of the library
		}
	})
	defer func() {
		switch v := recover(); v {
		case nil:
		case errCrowded:
			text, err = "", errCrowded
		default:
			panic(v)
		}
	}()
	res, err := zxing.NewQRCodeReader().Decode(picture, hints)
	if err != nil {
		return "", err
	}
	return res.GetText(), nil
}
