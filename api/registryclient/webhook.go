package registryclient

import (
	"context"
	"crypto/ecdsa"
	"io"
	"mime"
	"net/http"
	"strings"
)

// ReceiptHandler takes the receipts that the office posts to the webhook of
// this source. key is the office's receipt key. take is called with each that
// verifies; when it returns nil the office is told that the receipt was taken
// and goes on to the next, otherwise it posts the same one again later. The
// office posts in the order of the feed and each at least once: take must bear
// a repeat (Receipt.JTI).
//
// A webhook needs no other authentication: what is not signed by the office is
// refused before take sees it.
func (c *Client) ReceiptHandler(key *ecdsa.PublicKey, take func(context.Context, *Receipt) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		if mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mediaType != ReceiptType {
			w.WriteHeader(http.StatusUnsupportedMediaType)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxReceipt))
		if err != nil {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		receipt, err := c.VerifyReceipt(strings.TrimSpace(string(body)), key)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if err := take(r.Context(), receipt); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}
