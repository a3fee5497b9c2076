package mdoc

import (
	"crypto"
	"errors"
	"fmt"
	"io"

	"vidimus/internal/cbor"
	"vidimus/internal/cose"
	"vidimus/internal/pki"
)

// RequestOptions is what a reader adds to its question.
type RequestOptions struct {
	// DeviceRequestInfo is a map of the second edition, encoded; it makes the
	// version "1.1". Nil for none.
	DeviceRequestInfo cbor.RawMessage

	// Reader signs each DocRequest, for the session of Transcript. Nil for an
	// anonymous request.
	Reader     *Reader
	Transcript SessionTranscript
}

// Reader is who asks: a key and its certificate chain, leaf first, without the
// anchor.
type Reader struct {
	Signer crypto.Signer
	Chain  [][]byte
	All    bool // add readerAuthAll, for holders whose engagement announces it
}

// BuildDeviceRequest encodes a request. With a Reader it signs every DocRequest
// and verifies what it signed before returning: a wrong readerAuth is worse than
// none. The result is parsed again, strictly.
func BuildDeviceRequest(requests []ItemsRequest, opt RequestOptions, rand io.Reader) ([]byte, error) {
	type docRequest struct {
		ItemsRequest cbor.RawMessage `cbor:"itemsRequest"`
		ReaderAuth   cbor.RawMessage `cbor:"readerAuth,omitempty"`
	}
	wire := struct {
		Version           string            `cbor:"version"`
		DocRequests       []docRequest      `cbor:"docRequests"`
		ReaderAuthAll     []cbor.RawMessage `cbor:"readerAuthAll,omitempty"`
		DeviceRequestInfo cbor.RawMessage   `cbor:"deviceRequestInfo,omitempty"`
	}{Version: "1.0"}
	if opt.DeviceRequestInfo != nil {
		wire.DeviceRequestInfo = cbor.WrapEncoded(opt.DeviceRequestInfo)
		wire.Version = "1.1"
	}
	if opt.Reader != nil && len(opt.Reader.Chain) == 0 {
		return nil, ruleBroken("reader without certificates")
	}
	items := make([][]byte, 0, len(requests))
	for i := range requests {
		item, err := requests[i].encode()
		if err != nil {
			return nil, fmt.Errorf("encoding docRequest %d: %w", i, err)
		}
		d := docRequest{ItemsRequest: item}
		if opt.Reader != nil {
			if d.ReaderAuth, err = opt.Reader.sign(ReaderAuthenticationBytes(opt.Transcript, item), rand); err != nil {
				return nil, fmt.Errorf("signing docRequest %d: %w", i, err)
			}
		}
		wire.DocRequests = append(wire.DocRequests, d)
		items = append(items, item)
	}
	if opt.Reader != nil && opt.Reader.All {
		sign1, err := opt.Reader.sign(ReaderAuthenticationAllBytes(opt.Transcript, items, wire.DeviceRequestInfo), rand)
		if err != nil {
			return nil, fmt.Errorf("signing the request: %w", err)
		}
		wire.ReaderAuthAll = []cbor.RawMessage{sign1}
		wire.Version = "1.1"
	}
	b, err := cbor.Marshal(wire)
	if err != nil {
		return nil, err
	}
	if err := opt.check(b); err != nil {
		return nil, err
	}
	return b, nil
}

func (r *Reader) sign(payload []byte, rand io.Reader) (cbor.RawMessage, error) {
	return cose.SignSign1(r.Signer, payload, cose.SignOptions{
		Unprotected: map[any]any{cose.LabelX5Chain: cose.X5ChainValue(r.Chain)},
		Detached:    true,
	}, rand)
}

// check reads the request back and verifies its signatures with the key of the
// certificate that it carries.
func (opt *RequestOptions) check(b []byte) error {
	r, err := ParseDeviceRequest(b)
	if err != nil {
		return fmt.Errorf("reading back the request: %w", err)
	}
	if opt.Reader == nil {
		return nil
	}
	leaf, err := pki.ParseCertificate(opt.Reader.Chain[0])
	if err != nil {
		return fmt.Errorf("reading the reader's certificate: %w", err)
	}
	findings := []Finding{}
	for i := range r.DocRequests {
		findings = append(findings, r.VerifyReaderAuth(i, opt.Transcript, leaf.PublicKey())...)
	}
	for j := range r.ReaderAuthAll {
		findings = append(findings, r.VerifyReaderAuthAll(j, opt.Transcript, leaf.PublicKey())...)
	}
	var errs []error
	for _, f := range findings {
		if f.Result != Pass {
			errs = append(errs, ruleBroken("%s: %s", f.Check, f.Detail))
		}
	}
	return errors.Join(errs...)
}
