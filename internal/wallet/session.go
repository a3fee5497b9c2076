package wallet

import (
	"crypto/ecdh"
	"errors"

	"vidimus/internal/cbor"
	"vidimus/internal/elements"
	"vidimus/internal/mdoc"
	"vidimus/internal/oid4vci"
	"vidimus/internal/pki"
	"vidimus/internal/trust"
)

// Session is the holder's end of an ISO/IEC 18013-5 session: its Answer goes to
// proximity.RunHolder.
type Session struct {
	Wallet *Wallet
	// Consent is asked once for every request; nil agrees to nothing.
	Consent Consent
	// Readers holds the anchors of readers; nil knows none.
	Readers *trust.Store
	// Revoked holds the lists of revoked readers; nil is none, and no reader is
	// refused for being on one.
	Revoked *pki.CRLs
	// ReaderKey gives the reader's ephemeral key once the session stands
	// (Holder.ReaderKey): the proof is then a MAC where the curves fit. Nil
	// means signatures.
	ReaderKey func() *ecdh.PublicKey
}

// Consent looks at what is asked and by whom, and gives a function that says of
// each element whether it may be shown; nil for nothing at all.
type Consent func(Inquiry) func(AskedDocument, AskedElement) bool

// AgreeToAll shows whatever is asked and held, but to nobody whose signature is
// wrong or whose certificate was revoked.
func AgreeToAll(Inquiry) func(AskedDocument, AskedElement) bool {
	return func(d AskedDocument, _ AskedElement) bool { return !d.Reader.Refused() }
}

// AgreeToKnown shows it to those alone whom an authority of ours vouches for.
func AgreeToKnown(Inquiry) func(AskedDocument, AskedElement) bool {
	return func(d AskedDocument, _ AskedElement) bool { return d.Reader.State == ReaderKnown }
}

// Inquiry is a request as the holder reads it.
type Inquiry struct{ Documents []AskedDocument }

// AskedDocument is one document that is asked for.
type AskedDocument struct {
	DocType  string
	Reader   ReaderIdentity
	Batch    string // of ours that would be shown; "" when there is none
	Name     string // of that batch
	Elements []AskedElement
}

// AskedElement is one element that is asked for.
type AskedElement struct {
	NameSpace string
	Asked     string
	// Shown is what would be returned: Asked, the nearest age statement for
	// one, "" when it is not held.
	Shown string
	// Retain says that the reader announces to keep the value.
	Retain bool
}

// Answer reads a DeviceRequest, verifies who asks, asks for consent, and returns
// the DeviceResponse: only what was asked for and agreed to, errors for the
// rest. A request that cannot be read is answered with its status code
// (ISO/IEC 18013-5, 8.3.2.1.2.3); the error is for what ends the session.
func (s *Session) Answer(request []byte, transcript mdoc.SessionTranscript) ([]byte, error) {
	if s.Wallet == nil {
		return nil, errors.New("answering: no wallet")
	}
	r, err := mdoc.ParseDeviceRequest(request)
	if err != nil {
		s.Wallet.say("the request is refused: %v", err)
		status := uint64(mdoc.StatusCBORValidationError)
		var item cbor.RawMessage
		if cbor.Unmarshal(request, &item) != nil {
			status = mdoc.StatusCBORDecodingError
		}
		return mdoc.Response{Status: status}.Encode()
	}
	readerKey := s.readerKey()
	inquiry, err := s.inquire(r, transcript, proofFor(readerKey))
	if err != nil {
		return nil, err
	}
	var agreed func(AskedDocument, AskedElement) bool
	if s.Consent != nil {
		agreed = s.Consent(inquiry)
	}
	var response mdoc.Response
	for _, d := range inquiry.Documents {
		document, err := s.show(d, agreed, transcript, readerKey)
		if err != nil {
			return nil, err
		}
		if document != nil {
			response.Documents = append(response.Documents, *document)
		}
	}
	// A docType of which something is returned is in no error.
	told := map[string]bool{}
	for _, d := range response.Documents {
		told[d.IssuerSigned.MSO.DocType] = true
	}
	for _, d := range inquiry.Documents {
		if !told[d.DocType] {
			told[d.DocType] = true
			response.DocumentErrors = append(response.DocumentErrors, mdoc.DocumentError{DocType: d.DocType})
		}
	}
	s.Wallet.say("%d documents asked for, %d shown", len(inquiry.Documents), len(response.Documents))
	return response.Encode()
}

// readerKey is the key for a MAC; nil when it is to be a signature, also because
// the session runs on another curve than the device keys.
func (s *Session) readerKey() *ecdh.PublicKey {
	if s.ReaderKey == nil {
		return nil
	}
	key := s.ReaderKey()
	if key == nil || key.Curve() != ecdh.P256() {
		return nil
	}
	return key
}

// inquire finds what would be shown, without using anything up.
func (s *Session) inquire(r *mdoc.DeviceRequest, transcript mdoc.SessionTranscript, proof Proof) (Inquiry, error) {
	w, now := s.Wallet, s.Wallet.cfg.Clock.Now()
	var inquiry Inquiry
	who := newAsker(s.Readers, s.Revoked, now)
	ages := map[string]int{} // for a docType asked twice too
	for i := range r.DocRequests {
		asked := &r.DocRequests[i].ItemsRequest
		d := AskedDocument{DocType: asked.DocType, Reader: who.identify(r, i, transcript)}
		var signed *mdoc.IssuerSigned
		b, err := w.cfg.Store.newest(oid4vci.FormatMdoc, asked.DocType, proof, now)
		switch {
		case errors.Is(err, ErrNotFound) || errors.Is(err, ErrNoCopy):
			w.say("asked for a %q: %v", asked.DocType, err)
		case err != nil:
			return Inquiry{}, err
		default:
			d.Batch, d.Name = b.ID, b.Name
			if signed, err = w.issuerSigned(b, 0); err != nil {
				return Inquiry{}, err
			}
		}
		for _, ns := range asked.NameSpaces {
			for _, element := range ns.Elements {
				e := AskedElement{NameSpace: ns.Name, Asked: element.Identifier, Retain: element.IntentToRetain}
				held := signed != nil
				if _, ok := elements.AgeOfElement(element.Identifier); ok {
					ages[asked.DocType]++
					held = held && ages[asked.DocType] <= maxAges
				}
				if held {
					e.Shown, _ = answering(signed, ns.Name, element.Identifier)
				}
				d.Elements = append(d.Elements, e)
			}
		}
		inquiry.Documents = append(inquiry.Documents, d)
	}
	return inquiry, nil
}

// show makes one document of what was agreed to; nil when that is nothing. That
// a document is held is not told then either.
func (s *Session) show(d AskedDocument, agreed func(AskedDocument, AskedElement) bool, transcript mdoc.SessionTranscript, readerKey *ecdh.PublicKey) (*mdoc.ResponseDocument, error) {
	want := map[string][]string{}
	var withheld []mdoc.ElementError
	for _, e := range d.Elements {
		if e.Shown != "" && agreed != nil && agreed(d, e) {
			want[e.NameSpace] = append(want[e.NameSpace], e.Shown)
		} else {
			withheld = append(withheld, mdoc.ElementError{NameSpace: e.NameSpace, Identifier: e.Asked})
		}
	}
	if len(want) == 0 {
		return nil, nil
	}
	document, err := s.Wallet.showMdoc(d.Batch, want, transcript, readerKey)
	if err != nil {
		return nil, err
	}
	document.Errors = withoutShown(withheld, want)
	return &document, nil
}

// withoutShown drops errors about elements that are returned after all, as when
// age_over_18 was refused and stands in for another: a document must not
// contradict itself.
func withoutShown(withheld []mdoc.ElementError, want map[string][]string) []mdoc.ElementError {
	var list []mdoc.ElementError
	for _, e := range withheld {
		shown := false
		for _, identifier := range want[e.NameSpace] {
			shown = shown || identifier == e.Identifier
		}
		if !shown {
			list = append(list, e)
		}
	}
	return list
}
