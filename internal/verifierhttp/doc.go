// Package verifierhttp is the pages of a reader: a fixed terminal, or the laptop
// of a vehicle. What to ask is chosen, the code of a phone comes from a scanner
// that types, from a camera or from a picture, the reading is followed while it
// runs, and its verdict is shown so that one look is enough.
//
// Start with Pages, which puts them on a webserver.Engine. The reader itself is
// behind the interface Reader: what it knows, and one reading after the other.
//
// There is one reading at a time, in memory alone. It belongs to the browser that
// began it, under a name that nobody guesses, and it is wiped when that browser
// leaves, asks for the next one, or after Shown at the latest, whether anybody
// looks or not.
//
// Pages are drawn by the server and work without any script. Two small ones of
// our own make them quicker: one that looks through the camera, one that follows
// a reading; the content policy lets no other run.
//
// What it refuses: a form of another site, pictures that are too large, or more of
// them than it can look through; a verdict of somebody else, which looks like one
// that is not there. Who may reach the pages is the business of the listener:
// webserver.LoopbackOnly.
//
// Promised, and tested: no value of a document stands in an address, a log or an
// answer that may be kept. Words for what was found follow ISO/IEC 18013-5 and the
// four axes of package policy; forged, expired, revoked, unknown and not checked
// differ in word, sign and explanation, not in colour alone.
package verifierhttp
