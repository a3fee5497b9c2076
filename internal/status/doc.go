// Package status publishes the status lists: which copies are revoked, for
// anyone to fetch, without saying why or whose.
//
// Start with New, Publisher.Run and Publisher.Token. NewSchedule, Draw,
// Openings, Permutation and Identifier are the rules by which a store gives
// out indices and says when a flip is due; Store says what the publisher asks
// of one. A Sink takes what is served to files.
//
// Every list has 2^20 entries of 1 bit (Token Status List, draft 20, section
// 4; ISO/IEC 18013-5 second edition, 12.3.6: an mdoc takes no other) and one
// URI. The same bits are served as a JWT and as a CWT, with sub the URI in
// both. A list of KindIdentifier has the identifiers of its revoked entries,
// as a CWT alone. An entry turns from VALID to INVALID and never back.
//
// Lists are published on ticks, multiples of their length since 1970, and at
// once after what is urgent (Kick). A publication releases the flips that are
// due, signs the lists that have changed or whose token has reached half of
// its ttl, writes them, serves them, and then marks as covered the outcomes of
// registry events that waited for them. What is served is an immutable object
// that is replaced as a whole: a reader gets an old or a new list, never a
// mixture.
//
// # Who belongs together
//
// Flips that are not urgent are due at ticks drawn evenly from the window that
// begins next; noise (flips of indices that were never given out) fills every
// window up to a number; each copy has its index in a list of its own draw,
// and lists swell and fade; copies about to expire are left alone. So the flips
// of one window are alike to whoever watches all versions of all lists: a test
// of store/memory attacks a year of it to see that they are, and store/bolt
// draws alike. Urgent flips are published alone, and are linked to each other
// by that.
//
// # Never back
//
// Promised: version, iat and the set of INVALID entries of a list only grow,
// its size, width and address never change, compared with what this process
// and the Sink have published last; a list that would break this stays as it
// was, others are not kept back, and OnError is told (ErrBackwards). A clock
// that goes back leaves iat where it is. Lists count as long as configured,
// and as readers are offline, but never beyond their signer's certificate.
//
// It does not serve a list as it was in the past (section 8.4 of the draft):
// that would tell when a holder's status changed.
package status
