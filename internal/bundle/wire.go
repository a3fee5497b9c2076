package bundle

import (
	"fmt"

	"vidimus/internal/cbor"
)

// ContentType is what the protected header says of the payload.
const ContentType = "application/vidimus-bundle+cbor"

// formVersion is the version of the form below.
const formVersion = 1

// wireBundle is the payload:
//
//	bundle = {
//	  "version": 1, "publisher": tstr, "sequence": uint, "issued": tdate, "expires": tdate,
//	  "minReader": uint, ? "countries": [+ tstr],
//	  "anchors": #6.24(bstr .cbor [* anchor]),
//	  "crls":  [* #6.24(bstr .cbor bstr)],
//	  "lists": [* [uri: tstr, form: tstr, country: tstr, issued: tdate, expires: tdate / null, #6.24(bstr .cbor bstr)]],
//	  ? "policy": #6.24(bstr .cbor tstr)
//	}
//	anchor = { "certificate": bstr, "purposes": [+ tstr], ? "docTypes": [+ tstr], ? "vcts": [+ tstr],
//	  "source": tstr, ? "asOf": tdate }
//
// form is jwt, cwt or identifiers. Members that are not known are passed over: what
// changes an answer raises minReader.
type wireBundle struct {
	Version   uint64            `cbor:"version"`
	Publisher string            `cbor:"publisher"`
	Sequence  uint64            `cbor:"sequence"`
	Issued    *cbor.DateTime    `cbor:"issued"`
	Expires   *cbor.DateTime    `cbor:"expires"`
	MinReader uint64            `cbor:"minReader"`
	Countries []string          `cbor:"countries,omitempty"`
	Anchors   cbor.RawMessage   `cbor:"anchors"`
	CRLs      []cbor.RawMessage `cbor:"crls"`
	Lists     []cbor.RawMessage `cbor:"lists"`
	Policy    cbor.RawMessage   `cbor:"policy,omitempty"`
}

type wireAnchor struct {
	Certificate []byte         `cbor:"certificate"`
	Purposes    []string       `cbor:"purposes"`
	DocTypes    []string       `cbor:"docTypes,omitempty"`
	VCTs        []string       `cbor:"vcts,omitempty"`
	Source      string         `cbor:"source"`
	AsOf        *cbor.DateTime `cbor:"asOf,omitempty"`
}

// parsePayload reads the members; the sections stay slices of payload.
func parsePayload(payload []byte) (*wireBundle, error) {
	entries, err := cbor.MapEntriesLimit(payload, MaxBundle)
	if err != nil {
		return nil, malformed("%w", err)
	}
	w := &wireBundle{}
	for _, e := range entries {
		name, err := cbor.Text(e.Key)
		if err != nil {
			return nil, malformed("member: %w", err)
		}
		switch name {
		case "version":
			w.Version, err = cbor.Uint(e.Value)
		case "publisher":
			w.Publisher, err = cbor.Text(e.Value)
		case "sequence":
			w.Sequence, err = cbor.Uint(e.Value)
		case "issued":
			err = cbor.Unmarshal(e.Value, &w.Issued)
		case "expires":
			err = cbor.Unmarshal(e.Value, &w.Expires)
		case "minReader":
			w.MinReader, err = cbor.Uint(e.Value)
		case "countries":
			err = cbor.Unmarshal(e.Value, &w.Countries)
		case "anchors":
			w.Anchors = e.Value
		case "crls":
			w.CRLs, err = cbor.ArrayItemsLimit(e.Value, MaxBundle)
		case "lists":
			w.Lists, err = cbor.ArrayItemsLimit(e.Value, MaxBundle)
		case "policy":
			w.Policy = e.Value
		}
		if err != nil {
			return nil, malformed("%s: %w", name, err)
		}
	}
	return w, nil
}

// Forms of a list.
const (
	formJWT         = "jwt"
	formCWT         = "cwt"
	formIdentifiers = "identifiers"
)

// embedded gives the content of an embedded item as a slice of it.
func embedded(item []byte, what string) ([]byte, error) {
	content, err := cbor.UnwrapEncoded(item)
	if err != nil {
		return nil, malformed("%s: %w", what, err)
	}
	return content, nil
}

// embeddedBytes gives the byte string in an embedded item.
func embeddedBytes(item []byte, max int, what string) ([]byte, error) {
	content, err := embedded(item, what)
	if err != nil {
		return nil, err
	}
	b, err := cbor.BytesLimit(content, max)
	if err != nil {
		return nil, malformed("%s: %w", what, err)
	}
	return b, nil
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrMalformed, fmt.Errorf(format, args...))
}
