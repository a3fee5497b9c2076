// Package handover reads and writes the NDEF messages of an engagement by NFC
// (ISO/IEC 18013-5:2021, 8.2.2.1; NFC Forum Connection Handover 1.5, TNEP 1.0):
// the data alone, no tag and no field.
//
// A reader calls [Static] with a Handover Select, or [NewRequest] and then
// [Request.Select] with what comes back, and gets the engagement, as if it had
// scanned it: with the retrieval methods of the carrier records, and with the
// handover that enters the transcript. A holder calls [Offer]. [FindService],
// [ServiceSelect] and [ParseServiceSelect] are the messages that stand before a
// negotiated handover.
//
// Refused, as malformed: lengths that do not add up, chunked records, two records
// of one id, references to nothing or to the wrong kind, carriers without the
// DeviceEngagement, an answer that selects what was not asked for. Records,
// members and advertising data of other types are ignored: others define them.
//
// Raw messages stay as they came: they are hashed into the transcript.
package handover
