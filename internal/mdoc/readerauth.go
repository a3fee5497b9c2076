package mdoc

import (
	"crypto"

	"vidimus/internal/cbor"
	"vidimus/internal/cose"
)

// ReaderAuthenticationBytes returns 24(<<["ReaderAuthentication",
// SessionTranscript, ItemsRequestBytes]>>) (ISO/IEC 18013-5, 9.1.4.4): the
// detached payload of readerAuth. itemsRequestBytes is the tag-24 item as sent.
func ReaderAuthenticationBytes(transcript SessionTranscript, itemsRequestBytes []byte) []byte {
	b := cbor.AppendText(cbor.AppendArray(nil, 3), "ReaderAuthentication")
	b = append(b, transcript...)
	return cbor.WrapEncoded(append(b, itemsRequestBytes...))
}

// ReaderAuthenticationAllBytes returns 24(<<["ReaderAuthenticationAll",
// SessionTranscript, [* ItemsRequestBytes], DeviceRequestInfoBytes / null]>>)
// (second edition): the detached payload of every signature of readerAuthAll.
// It has four elements, also without deviceRequestInfo.
func ReaderAuthenticationAllBytes(transcript SessionTranscript, itemsRequestBytes [][]byte, deviceRequestInfoBytes []byte) []byte {
	b := cbor.AppendText(cbor.AppendArray(nil, 4), "ReaderAuthenticationAll")
	b = append(b, transcript...)
	b = cbor.AppendArray(b, len(itemsRequestBytes))
	for _, item := range itemsRequestBytes {
		b = append(b, item...)
	}
	if deviceRequestInfoBytes == nil {
		deviceRequestInfoBytes = []byte{0xf6}
	}
	return cbor.WrapEncoded(append(b, deviceRequestInfoBytes...))
}

// VerifyReaderAuth verifies the signature of DocRequest i: ra.header and ra.sig
// (ISO/IEC 18013-5, 9.1.4). leaf is the key of its x5chain's first certificate,
// validated by the caller up to an anchor for readers. A request without
// readerAuth gives ra.sig "not done".
func (r *DeviceRequest) VerifyReaderAuth(i int, transcript SessionTranscript, leaf crypto.PublicKey) []Finding {
	if i < 0 || i >= len(r.DocRequests) || r.DocRequests[i].ReaderAuth == nil {
		return []Finding{{CheckReaderSignature, NotDone, "no readerAuth"}}
	}
	d := &r.DocRequests[i]
	return r.verifyReader(d.ReaderAuth, leaf, transcript, ReaderAuthenticationBytes(transcript, d.ItemsRequestBytes))
}

// VerifyReaderAuthAll verifies signature j of readerAuthAll likewise.
func (r *DeviceRequest) VerifyReaderAuthAll(j int, transcript SessionTranscript, leaf crypto.PublicKey) []Finding {
	if j < 0 || j >= len(r.ReaderAuthAll) {
		return []Finding{{CheckReaderSignature, NotDone, "no readerAuthAll"}}
	}
	return r.verifyReader(r.ReaderAuthAll[j], leaf, transcript, r.authenticationAllBytes(transcript))
}

func (r *DeviceRequest) authenticationAllBytes(transcript SessionTranscript) []byte {
	items := make([][]byte, len(r.DocRequests))
	for i := range r.DocRequests {
		items[i] = r.DocRequests[i].ItemsRequestBytes
	}
	return ReaderAuthenticationAllBytes(transcript, items, r.DeviceRequestInfo)
}

func (r *DeviceRequest) verifyReader(sign1 *cose.Sign1, leaf crypto.PublicKey, transcript SessionTranscript, payload []byte) []Finding {
	header := newOutcome(CheckReaderHeader)
	for _, note := range notesFor(r.Notes, CheckReaderHeader) {
		header.warn("%s", note.Detail)
	}
	if _, err := ParseSessionTranscript(transcript); err != nil {
		return []Finding{header.finding(), {CheckReaderSignature, Fail, err.Error()}}
	}
	return []Finding{header.finding(), signatureFinding(CheckReaderSignature, sign1.VerifyDetached(leaf, payload))}
}
