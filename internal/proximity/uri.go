package proximity

import (
	"fmt"
	"strings"

	"vidimus/internal/jose"
)

const uriScheme = "mdoc:"

// URI returns the text of the engagement's QR code: `mdoc:` and base64url
// without padding (8.2.2.3).
func (e *Engagement) URI() string {
	return uriScheme + jose.EncodeBase64URL(e.Raw)
}

// ParseEngagementURI reads the text of a QR code. The scheme is compared without
// case (RFC 3986, 3.1), blanks around the text are dropped, padding is tolerated
// with a warning; the other base64 alphabet is refused. A QR code must offer a
// retrieval method.
func ParseEngagementURI(s string) (*Engagement, error) {
	if len(s) > MaxURI {
		return nil, fmt.Errorf("%w: QR code of %d characters, at most %d", ErrLimit, len(s), MaxURI)
	}
	s = strings.TrimSpace(s)
	if len(s) < len(uriScheme) || !strings.EqualFold(s[:len(uriScheme)], uriScheme) {
		return nil, fmt.Errorf("%w: QR code without the scheme %s", ErrMalformed, uriScheme)
	}
	text := s[len(uriScheme):]
	bare := strings.TrimRight(text, "=")
	padding := len(text) - len(bare)
	if padding > 0 && (padding > 2 || len(text)%4 != 0) {
		return nil, fmt.Errorf("%w: QR code with wrong padding", ErrMalformed)
	}
	raw, err := jose.DecodeBase64URL(bare)
	if err != nil {
		return nil, fmt.Errorf("%w: QR code: %w", ErrMalformed, err)
	}
	e, err := ParseEngagement(raw)
	if err != nil {
		return nil, err
	}
	if len(e.Methods) == 0 {
		return nil, fmt.Errorf("%w: QR code without retrieval methods", ErrMalformed)
	}
	if padding > 0 {
		e.Warnings = append(e.Warnings, "base64url with padding")
	}
	return e, nil
}
