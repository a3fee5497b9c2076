package fleet

import "time"

// EnrolPath is where readers are enrolled, below the public URL of the office.
const EnrolPath = "/readers/enrol"

// EnrolRequest is what a reader sends, JSON. Request is a PKCS #10 request, DER
// in base64url.
type EnrolRequest struct {
	Code    string `json:"code"`
	Request string `json:"request"`
}

// EnrolAnswer is what it gets. While State is Asked a human is to look, and the
// reader asks again; with Enrolled comes everything that it has to keep. All
// certificates are DER in base64url.
type EnrolAnswer struct {
	ID           string `json:"id"`
	Name         string `json:"name"`
	Organization string `json:"organization"`
	State        State  `json:"state"`
	// Fingerprint of the key, as the human at the office sees it.
	Fingerprint string `json:"fingerprint"`

	// Chain is the reader's certificate and those below the anchor, leaf first;
	// it travels in x5chain. Anchor is the reader CA.
	Chain   []string  `json:"chain,omitempty"`
	Anchor  string    `json:"anchor,omitempty"`
	Expires time.Time `json:"expires,omitzero"`
	// BundleAnchors are the roots below which bundles are signed, BundleURL where
	// they are fetched.
	BundleAnchors []string `json:"bundle_anchors,omitempty"`
	BundleURL     string   `json:"bundle_url,omitempty"`
}
