package mdoc

import (
	"errors"

	"vidimus/internal/cbor"
)

// Status codes of a DeviceResponse (ISO/IEC 18013-5, 8.3.2.1.2.3).
const (
	StatusOK                  = 0
	StatusGeneralError        = 10
	StatusCBORDecodingError   = 11
	StatusCBORValidationError = 12
)

// DeviceResponse is a holder's answer (ISO/IEC 18013-5, 8.3.2.1.2.2).
type DeviceResponse struct {
	Version   string
	Documents []Document // the well-formed ones; none unless Status is 0

	// Malformed are the documents that were refused, beside well-formed ones. They
	// fail the response as a whole, not the other documents.
	Malformed []MalformedDocument

	DocumentErrors []DocumentError // hints of the holder, authenticated by nothing
	Status         uint64          // StatusOK and so on
	Ignored        int             // documents not looked at because of Status or Version

	ZKDocuments        cbor.RawMessage // second edition, not supported, kept as received
	EncryptedDocuments cbor.RawMessage // likewise

	Raw   []byte
	Notes []Finding // leniencies met outside the documents
}

// MalformedDocument is a document that could not be parsed.
type MalformedDocument struct {
	Index int // place in the response
	Err   *ParseError
}

// DocumentError is the holder's word on a docType that was not returned.
type DocumentError struct {
	DocType string
	Code    int64 // 0: not returned
}

// ParseDeviceResponse reads a response of at most MaxResponse bytes and
// MaxDocuments documents. It verifies nothing. The result refers to b.
//
// It fails when the response as such is malformed, or when it has documents and
// none of them is well formed. A malformed document beside well-formed ones
// ends up in Malformed. Documents beside a status other than 0, or in a response
// of another major version, are not looked at (see [DeviceResponse.VerifyStatus]).
func ParseDeviceResponse(b []byte) (*DeviceResponse, error) {
	deterministic, err := checkMessage(b, MaxResponse, "DeviceResponse")
	if err != nil {
		return nil, err
	}
	r := &DeviceResponse{Raw: b}
	n := (*notes)(&r.Notes)
	var documents, documentErrors []byte
	haveStatus := false
	err = eachMember(CheckStrict, "DeviceResponse", b, func(name, value []byte) error {
		switch string(name) {
		case "version":
			text, ok := textOf(value)
			if !ok || len(text) == 0 {
				return refuse(CheckStrict, "version is no text")
			}
			r.Version = string(text)
		case "documents":
			documents = value
		case "documentErrors":
			documentErrors = value
		case "status":
			if r.Status, haveStatus = uintOf(value); !haveStatus {
				return refuse(CheckStrict, "status is no unsigned integer")
			}
		case "zkDocuments":
			r.ZKDocuments = value
			n.warn(CheckStrict, "zkDocuments are not supported and were ignored")
		case "encryptedDocuments":
			r.EncryptedDocuments = value
			n.warn(CheckStrict, "encryptedDocuments are not supported and were ignored")
		default:
			n.unknown("DeviceResponse", name)
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case r.Version == "" || !haveStatus:
		return nil, refuse(CheckStrict, "response without version or status")
	}
	if documentErrors != nil {
		if err := r.parseDocumentErrors(documentErrors, n); err != nil {
			return nil, within(err, "documentErrors")
		}
	}
	if documents != nil {
		if err := r.parseDocuments(documents); err != nil {
			return nil, err
		}
	}
	for i := range r.Documents {
		r.Documents[i].deterministic = deterministic
	}
	return r, nil
}

func (r *DeviceResponse) parseDocuments(b []byte) error {
	_, count, ok := elementsOf(b)
	switch {
	case !ok:
		return refuse(CheckStrict, "documents is no array")
	case count > MaxDocuments:
		return refuseKind(ErrLimit, CheckStrict, "%d documents, at most %d", count, MaxDocuments)
	case count == 0:
		(*notes)(&r.Notes).warn(CheckStrict, "documents is empty")
		return nil
	}
	if Failed(r.VerifyStatus()) {
		r.Ignored = count
		return nil
	}
	r.Documents = make([]Document, 0, count)
	err := eachItem(CheckStrict, "documents", b, func(i int, item []byte) error {
		d, err := parseDocument(item)
		if err == nil {
			r.Documents = append(r.Documents, *d)
			return nil
		}
		var pe *ParseError
		errors.As(within(err, "document %d", i), &pe)
		r.Malformed = append(r.Malformed, MalformedDocument{i, pe})
		return nil
	})
	if err != nil {
		return err
	}
	if len(r.Documents) == 0 {
		return r.Malformed[0].Err
	}
	return nil
}

// parseDocumentErrors reads [ + { + docType => code } ].
func (r *DeviceResponse) parseDocumentErrors(b []byte, n *notes) error {
	if _, count, _ := elementsOf(b); count == 0 {
		n.warn(CheckStrict, "documentErrors is empty")
	}
	return eachItem(CheckStrict, "documentErrors", b, func(_ int, item []byte) error {
		return eachMember(CheckStrict, "DocumentError", item, func(name, value []byte) error {
			code, ok := intOf(value)
			if !ok {
				return refuse(CheckStrict, "error code of %.64q is no integer", name)
			}
			if len(r.DocumentErrors) == MaxDocuments {
				return refuseKind(ErrLimit, CheckStrict, "more than %d document errors", MaxDocuments)
			}
			r.DocumentErrors = append(r.DocumentErrors, DocumentError{string(name), code})
			return nil
		})
	})
}

// VerifyStatus reports resp.status: it fails for a status other than 0 and for
// another major version, since such a response proves nothing.
func (r *DeviceResponse) VerifyStatus() []Finding {
	o := newOutcome(CheckResponseStatus)
	if major, ok := majorVersion(r.Version); !ok || major != "1" {
		o.fail("response version %.16q", r.Version)
	} else if r.Version != "1.0" {
		o.warn("response version %.16q", r.Version)
	}
	switch r.Status {
	case StatusOK:
	case StatusGeneralError:
		o.fail("status 10: general error")
	case StatusCBORDecodingError:
		o.fail("status 11: CBOR decoding error")
	case StatusCBORValidationError:
		o.fail("status 12: CBOR validation error")
	default:
		o.fail("status %d", r.Status)
	}
	return []Finding{o.finding()}
}

// Verify reports what concerns the response as a whole: resp.status,
// cbor.strict with the leniencies met outside the documents, and the failed
// check of every malformed document.
func (r *DeviceResponse) Verify() []Finding {
	findings := append([]Finding{{Check: CheckStrict, Result: Pass}}, r.VerifyStatus()...)
	findings = append(findings, r.Notes...)
	for _, m := range r.Malformed {
		findings = append(findings, Finding{m.Err.Check, Fail, m.Err.Err.Error()})
	}
	return Merge(findings)
}
