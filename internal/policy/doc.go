// Package policy holds what a reader decides and no standard fixes: what it asks
// for, how old its knowledge may be, and how the four axes of a verdict become
// one colour.
//
// Start with [Default] or [Load] for a Policy, with [Profile] for what a reader
// asks for, and with [Verdict], whose Colour is the only place where axes are
// joined. The axes themselves stay in every report: forged, expired and revoked
// share a colour and nothing else.
//
// It refuses unknown keys, profiles that ask for more than two age statements
// (ISO/IEC 18013-5, 7.2.5) and to retain data without a written reason (8.3.2.1.2.1).
//
// Promised: a verdict with an axis that is not known to be good is never green,
// also when axes or values are added. Words of the axes are part of the report
// format and are only added to.
package policy
