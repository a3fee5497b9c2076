package mdoc

// Document is one document of a response (ISO/IEC 18013-5, 8.3.2.1.2.2).
type Document struct {
	DocType      string
	IssuerSigned *IssuerSigned
	DeviceSigned *DeviceSigned
	Errors       []ElementError // hints of the holder, authenticated by nothing
	Raw          []byte
	Notes        []Finding // leniencies met outside IssuerSigned, which has its own

	deterministic bool // as the whole response, which was checked as one
}

// ElementError is the holder's word on an element that was not returned. Code 0
// says just that; positive codes are reserved, negative ones private.
type ElementError struct {
	NameSpace, Identifier string
	Code                  int64
}

// parseDocument reads an item that has been checked.
func parseDocument(b []byte) (*Document, error) {
	d := &Document{Raw: b}
	n := (*notes)(&d.Notes)
	var issuerSigned, deviceSigned, errs []byte
	err := eachMember(CheckStrict, "Document", b, func(name, value []byte) error {
		switch string(name) {
		case "docType":
			text, ok := textOf(value)
			if !ok || len(text) == 0 {
				return refuse(CheckStrict, "docType is no text")
			}
			d.DocType = string(text)
		case "issuerSigned":
			issuerSigned = value
		case "deviceSigned":
			deviceSigned = value
		case "errors":
			errs = value
		default:
			n.unknown("Document", name)
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case d.DocType == "" || issuerSigned == nil:
		return nil, refuse(CheckStrict, "document without docType or issuerSigned")
	case deviceSigned == nil:
		return nil, refuse(CheckDeviceSignature, "document without deviceSigned")
	}
	if d.IssuerSigned, err = parseIssuerSigned(issuerSigned); err != nil {
		return nil, within(err, "issuerSigned")
	}
	if d.DeviceSigned, err = parseDeviceSigned(deviceSigned, n); err != nil {
		return nil, within(err, "deviceSigned")
	}
	if errs != nil {
		if d.Errors, err = parseElementErrors(errs, n); err != nil {
			return nil, within(err, "errors")
		}
	}
	return d, nil
}

// parseElementErrors reads { + namespace => { + identifier => code } }.
func parseElementErrors(b []byte, n *notes) ([]ElementError, error) {
	var list []ElementError
	_, nameSpaces, _ := members(b)
	if nameSpaces == 0 {
		n.warn(CheckStrict, "errors is empty")
	}
	if nameSpaces > MaxNameSpaces {
		return nil, refuseKind(ErrLimit, CheckStrict, "%d namespaces, at most %d", nameSpaces, MaxNameSpaces)
	}
	err := eachMember(CheckStrict, "Errors", b, func(ns, value []byte) error {
		if _, count, _ := members(value); count > MaxItems {
			return refuseKind(ErrLimit, CheckStrict, "%d elements, at most %d", count, MaxItems)
		}
		return eachMember(CheckStrict, "ErrorItems", value, func(name, value []byte) error {
			code, ok := intOf(value)
			if !ok {
				return refuse(CheckStrict, "error code of %.64q is no integer", name)
			}
			list = append(list, ElementError{string(ns), string(name), code})
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// VerifyErrors fails when the document returns an element and reports it as not
// returned: whichever the reader looked at would be the holder's choice. Its
// check is resp.status, and it is nil for a document without contradiction.
func (d *Document) VerifyErrors() []Finding {
	if len(d.Errors) == 0 {
		return nil
	}
	o := newOutcome(CheckResponseStatus)
	returned := d.IssuerSigned.elements()
	for _, ns := range d.DeviceSigned.NameSpaces {
		for _, e := range ns.Elements {
			returned[ElementRef{ns.Name, e.Identifier}] = struct{}{}
		}
	}
	for _, e := range d.Errors {
		if _, ok := returned[ElementRef{e.NameSpace, e.Identifier}]; ok {
			o.fail("element %.64q of %.64q is returned and reported as an error", e.Identifier, e.NameSpace)
		}
	}
	if o.result == Pass {
		return nil
	}
	return []Finding{o.finding()}
}
