package faulttest

import (
	"net/http"
	"time"
)

// patient waits where the office says that all of them together, who have one
// address, ask too often, and asks again.
type patient struct{ http.RoundTripper }

func (p patient) RoundTrip(r *http.Request) (*http.Response, error) {
	for {
		res, err := p.RoundTripper.RoundTrip(r)
		if err != nil || res.StatusCode != http.StatusTooManyRequests || r.Body != nil && r.GetBody == nil {
			return res, err
		}
		_ = res.Body.Close()
		pause(r.Context(), 200*time.Millisecond)
		if err := r.Context().Err(); err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		if r.GetBody != nil {
			if r.Body, err = r.GetBody(); err != nil {
				return nil, err
			}
		}
	}
}
