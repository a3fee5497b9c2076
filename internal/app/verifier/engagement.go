package verifier

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"vidimus/internal/proximity"
	"vidimus/internal/qr"
)

// ReadEngagement reads the code that a holder shows: the text of it (`mdoc:...`),
// or a file, "-" for standard input, that holds this text or a picture of the code
// (PNG, JPEG).
func ReadEngagement(source string, stdin io.Reader) (*proximity.Engagement, error) {
	if isEngagement(source) {
		return proximity.ParseEngagementURI(source)
	}
	data, err := ReadFile(source, stdin)
	if err != nil {
		return nil, err
	}
	e, err := EngagementOf(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", source, err)
	}
	return e, nil
}

// EngagementOf reads the text of a code, or a picture of it.
func EngagementOf(data []byte) (*proximity.Engagement, error) {
	text := strings.TrimSpace(string(data[:min(len(data), proximity.MaxURI+1)]))
	if isEngagement(text) {
		if len(data) > proximity.MaxURI+64 {
			return nil, fmt.Errorf("a code of more than %d characters", proximity.MaxURI)
		}
		return proximity.ParseEngagementURI(strings.TrimSpace(string(data)))
	}
	text, err := qr.Decode(bytes.NewReader(data))
	switch {
	case errors.Is(err, qr.ErrNotFound):
		return nil, fmt.Errorf("%w: hold the camera steadier or nearer", err)
	case err != nil:
		return nil, fmt.Errorf("neither the text of a code (mdoc:...) nor a picture of one: %w", err)
	case !isEngagement(text):
		return nil, errors.New("the code in the picture is not that of a wallet: its text has another scheme than mdoc")
	}
	return proximity.ParseEngagementURI(text)
}

func isEngagement(text string) bool {
	const scheme = "mdoc:"
	text = strings.TrimSpace(text)
	return len(text) >= len(scheme) && strings.EqualFold(text[:len(scheme)], scheme)
}
