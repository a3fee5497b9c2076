package mdoc

import (
	"vidimus/internal/cbor"
	"vidimus/internal/cose"
)

// DeviceRequest is a reader's question (ISO/IEC 18013-5, 8.3.2.1.2.1).
type DeviceRequest struct {
	Version     string // "1.0", or "1.1" with members of the second edition
	DocRequests []DocRequest

	// Members of the second edition and of ISO/IEC TS 18013-7, as received and not
	// interpreted; nil when absent.
	DeviceRequestInfo cbor.RawMessage // 24(<<DeviceRequestInfo>>)
	MacKeys           cbor.RawMessage

	ReaderAuthAll []*cose.Sign1 // signatures over the request as a whole
	Raw           []byte
	Notes         []Finding
}

// DocRequest asks for one document.
type DocRequest struct {
	ItemsRequest      ItemsRequest
	ItemsRequestBytes cbor.RawMessage // 24(<<ItemsRequest>>) as received: what is signed
	ReaderAuth        *cose.Sign1     // nil when the reader does not say who it is
}

// ParseDeviceRequest reads a request of at most MaxRequest bytes. It verifies no
// signature. The result refers to b.
func ParseDeviceRequest(b []byte) (*DeviceRequest, error) {
	if _, err := checkMessage(b, MaxRequest, "DeviceRequest"); err != nil {
		return nil, err
	}
	r := &DeviceRequest{Raw: b}
	n := (*notes)(&r.Notes)
	var docRequests, readerAuthAll []byte
	err := eachMember(CheckStrict, "DeviceRequest", b, func(name, value []byte) error {
		switch string(name) {
		case "version":
			text, ok := textOf(value)
			if !ok {
				return refuse(CheckStrict, "version is no text")
			}
			r.Version = string(text)
		case "docRequests":
			docRequests = value
		case "deviceRequestInfo":
			if _, ok := embeddedOf(value); !ok {
				return refuse(CheckStrict, "deviceRequestInfo is not embedded in tag 24")
			}
			r.DeviceRequestInfo = value
		case "readerAuthAll":
			readerAuthAll = value
		case "macKeys":
			r.MacKeys = value
		default:
			n.unknown("DeviceRequest", name)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := r.checkVersion(readerAuthAll != nil, n); err != nil {
		return nil, err
	}
	if err := r.parseDocRequests(docRequests, n); err != nil {
		return nil, err
	}
	if readerAuthAll != nil {
		if err := r.parseReaderAuthAll(readerAuthAll, n); err != nil {
			return nil, within(err, "readerAuthAll")
		}
	}
	return r, nil
}

// checkVersion accepts every minor of major 1; "1.1" announces the members of
// the second edition and nothing else.
func (r *DeviceRequest) checkVersion(all bool, n *notes) error {
	if major, ok := majorVersion(r.Version); !ok || major != "1" {
		return refuseKind(ErrUnsupported, CheckStrict, "request version %.16q", r.Version)
	}
	second := all || r.DeviceRequestInfo != nil
	if second != (r.Version != "1.0") {
		n.warn(CheckStrict, "version %.16q does not fit the members of the request", r.Version)
	}
	return nil
}

func (r *DeviceRequest) parseDocRequests(b []byte, n *notes) error {
	_, count, ok := elementsOf(b)
	switch {
	case !ok || count == 0:
		return refuse(CheckStrict, "no docRequests")
	case count > MaxDocuments:
		return refuseKind(ErrLimit, CheckStrict, "%d docRequests, at most %d", count, MaxDocuments)
	}
	r.DocRequests = make([]DocRequest, count)
	return eachItem(CheckStrict, "docRequests", b, func(i int, item []byte) error {
		return within(r.DocRequests[i].parse(item, n), "docRequest %d", i)
	})
}

func (d *DocRequest) parse(b []byte, n *notes) error {
	var auth []byte
	err := eachMember(CheckStrict, "DocRequest", b, func(name, value []byte) error {
		switch string(name) {
		case "itemsRequest":
			d.ItemsRequestBytes = value
		case "readerAuth":
			auth = value
		default:
			n.unknown("DocRequest", name)
		}
		return nil
	})
	if err != nil {
		return err
	}
	content, ok := embeddedOf(d.ItemsRequestBytes)
	if !ok {
		return refuse(CheckStrict, "no itemsRequest embedded in tag 24")
	}
	if err := d.ItemsRequest.parse(content, n); err != nil {
		return within(err, "itemsRequest")
	}
	if auth != nil {
		if d.ReaderAuth, err = parseSign1(auth, CheckReaderHeader, n); err != nil {
			return within(err, "readerAuth")
		}
	}
	return nil
}

func (r *DeviceRequest) parseReaderAuthAll(b []byte, n *notes) error {
	_, count, ok := elementsOf(b)
	switch {
	case !ok || count == 0:
		return refuse(CheckReaderHeader, "no array of signatures")
	case count > MaxReaderAuthAll:
		return refuseKind(ErrLimit, CheckReaderHeader, "%d signatures, at most %d", count, MaxReaderAuthAll)
	}
	return eachItem(CheckReaderHeader, "readerAuthAll", b, func(i int, item []byte) error {
		sign1, err := parseSign1(item, CheckReaderHeader, n)
		r.ReaderAuthAll = append(r.ReaderAuthAll, sign1)
		return within(err, "signature %d", i)
	})
}
