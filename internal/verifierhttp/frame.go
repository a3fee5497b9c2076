package verifierhttp

import (
	"bytes"
	"image"
	_ "image/jpeg" // of cameras
	_ "image/png"
	"net/http"

	"vidimus/internal/problem"
	"vidimus/internal/qr"
	"vidimus/internal/webserver"
	"vidimus/internal/webserver/pages"
)

// seen answers a frame: what the form is to hold, or that the code is another's.
type seen struct {
	Code  string `json:"code"`
	Other bool   `json:"other"`
}

// frame looks for the code of a wallet in a picture of the camera. Nothing is
// kept: the browser puts the code into its form.
func (k *room) frame(v *pages.Visit) error {
	data, err := webserver.ReadBody(v.C)
	if err != nil {
		return err
	}
	text, err := k.look(data, maxSide)
	if err != nil {
		return err
	}
	out := seen{Code: text}
	if text != "" && !isCode(text) {
		out = seen{Other: true}
	}
	webserver.JSON(v.C, http.StatusOK, out)
	return nil
}

// look finds a code in a picture, "" for none. It looks through one picture at a
// time: decoding is all that costs anything here.
func (k *room) look(data []byte, side int) (string, error) {
	select {
	case k.looking <- struct{}{}:
		defer func() { <-k.looking }()
	default:
		return "", problem.New(problem.RateLimited, "another picture is being looked through")
	}
	cfg, _, err := image.DecodeConfig(bytes.NewReader(data))
	switch {
	case err != nil:
		return "", problem.Wrap(problem.InvalidRequest, err, "no picture that can be read: PNG or JPEG is wanted")
	case cfg.Width > side || cfg.Height > side:
		return "", problem.New(problem.TooLarge, "the picture has more than %d pixels a side", side)
	}
	text, err := qr.Decode(bytes.NewReader(data))
	if err != nil {
		return "", nil // a picture without a code is what most are
	}
	return text, nil
}
