package qr

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/png"
	"testing"
)

// A sheet full of corners, as one could be held before a camera, is given up: the
// library would look at every three of 2,500.
func TestSheetOfCorners(t *testing.T) {
	corner := []string{"#######.", "#.....#.", "#.###.#.", "#.###.#.", "#.###.#.", "#.....#.", "#######.", "........"}
	sheet := image.NewGray(image.Rect(0, 0, 400, 400))
	for y := range 400 {
		for x := range 400 {
			if corner[y%8][x%8] == '.' {
				sheet.SetGray(x, y, color.Gray{Y: 255})
			}
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, sheet); err != nil {
		t.Fatal(err)
	}
	if _, err := Decode(&b); !errors.Is(err, ErrNotFound) || !errors.Is(err, errCrowded) {
		t.Errorf("%v", err)
	}
}
