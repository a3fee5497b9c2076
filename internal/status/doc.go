// Package status publishes the status lists: which copies are revoked, for
// anyone to fetch, without saying why or whose.
//
// Start with New, Publisher.Run and Publisher.Token. Permutation is the order
// in which a store gives out indices; Store says what the publisher asks of
// one.
//
// Every list has 2^20 entries of 1 bit (Token Status List, draft 20, section
// 4; ISO/IEC 18013-5 second edition, 12.3.6: an mdoc takes no other) and one
// URI. The same bits are served as a JWT and as a CWT, with sub the URI in
// both. An entry turns from VALID to INVALID and never back.
//
// Lists are signed on a tick, and at once after a revocation (Kick). What is
// served is an immutable object that is replaced as a whole: a reader gets an
// old or a new list, never a mixture. The version of a list counts its
// changes, is kept by the store and only grows; after publishing, the outcomes
// of registry events that waited for it are marked as covered.
//
// It does not serve a list as it was in the past (section 8.4 of the draft):
// that would tell when a holder's status changed.
package status
