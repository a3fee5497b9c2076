package mdoc

import (
	"fmt"

	"vidimus/internal/cbor"
)

// ResponseDocument is what a holder puts into a response for one document.
type ResponseDocument struct {
	IssuerSigned *IssuerSigned  // as selected
	DeviceSigned []byte         // of SignDevice or MACDevice, for the same docType
	Errors       []ElementError // elements that are not returned, and why; may be nil
}

// BuildDeviceResponse encodes a response with status 0. Without documents it
// says that the holder returns nothing. The docType is that of the MSO.
func BuildDeviceResponse(docs ...ResponseDocument) ([]byte, error) {
	return Response{Documents: docs}.Encode()
}

// Response is a response in full: with documents that are not returned, or with
// a status that says why there are none.
type Response struct {
	Documents      []ResponseDocument
	DocumentErrors []DocumentError
	Status         uint64
}

// Encode encodes the response and reads it back strictly.
func (r Response) Encode() ([]byte, error) {
	if r.Status != StatusOK && len(r.Documents) > 0 {
		return nil, ruleBroken("status %d with documents", r.Status)
	}
	type document struct {
		DocType      string                      `cbor:"docType"`
		IssuerSigned cbor.RawMessage             `cbor:"issuerSigned"`
		DeviceSigned cbor.RawMessage             `cbor:"deviceSigned"`
		Errors       map[string]map[string]int64 `cbor:"errors,omitempty"`
	}
	wire := struct {
		Version        string             `cbor:"version"`
		Documents      []document         `cbor:"documents,omitempty"`
		DocumentErrors []map[string]int64 `cbor:"documentErrors,omitempty"`
		Status         uint64             `cbor:"status"`
	}{Version: "1.0", Status: r.Status}
	for _, d := range r.Documents {
		w := document{DocType: d.IssuerSigned.MSO.DocType, IssuerSigned: d.IssuerSigned.Raw, DeviceSigned: d.DeviceSigned}
		for _, e := range d.Errors {
			if w.Errors == nil {
				w.Errors = map[string]map[string]int64{}
			}
			if w.Errors[e.NameSpace] == nil {
				w.Errors[e.NameSpace] = map[string]int64{}
			}
			w.Errors[e.NameSpace][e.Identifier] = e.Code
		}
		wire.Documents = append(wire.Documents, w)
	}
	for _, e := range r.DocumentErrors {
		wire.DocumentErrors = append(wire.DocumentErrors, map[string]int64{e.DocType: e.Code})
	}
	b, err := cbor.Marshal(wire)
	if err != nil {
		return nil, err
	}
	parsed, err := ParseDeviceResponse(b)
	if err != nil {
		return nil, fmt.Errorf("reading back the response: %w", err)
	}
	if len(parsed.Malformed) > 0 {
		return nil, fmt.Errorf("reading back the response: %w", parsed.Malformed[0].Err)
	}
	return b, nil
}
