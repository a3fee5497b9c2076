// Package shares keeps a key that is nowhere: M of N custodians together have it,
// M-1 have nothing.
//
// Start with Split, which makes a key in memory, gives each custodian a share
// encrypted to their age recipient, and forgets the key; and with Open, which
// rebuilds it from M shares and M identities for one ceremony. ReadPublic tells of
// a set of shares without opening any.
//
// A folder of a set holds public.pem (the SubjectPublicKeyInfo), set.json (the
// Set: threshold, recipients, a commitment to each share) and share-N.age, armored
// files of age-encryption.org/v1. Each share names its set and the digest of
// set.json, so that a share of another ceremony, one that was edited or put in
// another's place, and a set.json that was changed are each refused by name. What is rebuilt must
// be the key of public.pem.
//
// The sharing is Shamir's over GF(256), octet by octet, with the polynomial of AES.
// The arithmetic has no table and no branch that a secret decides, since tables
// give secrets away through the cache (CVE-2023-25000).
//
// What Open cannot do is hide a share from its custodian: whoever decrypts a share
// has it, and M custodians who meet elsewhere have the key. A key that was rebuilt
// is cleared by Close as far as Go allows; the runtime may have copied it.
//
// Promised: sets of today can be opened by every later version.
package shares

import "errors"

// What Open refuses; each error names the file.
var (
	// ErrTooFew: fewer shares open than the threshold.
	ErrTooFew = errors.New("too few shares")
	// ErrDamaged: a file that is not as it was written, or no share at all.
	ErrDamaged = errors.New("share is damaged")
	// ErrForeign: a share of another set.
	ErrForeign = errors.New("share of another ceremony")
	// ErrTwice: two files with one share.
	ErrTwice = errors.New("the same share twice")
	// ErrEdited: a share of this set with another value than it was given.
	ErrEdited = errors.New("share is not the one that was made")
	// ErrSet: set.json or public.pem is none, or not those of the shares.
	ErrSet = errors.New("set of shares refused")
	// ErrIdentity: a file of identities that cannot be used.
	ErrIdentity = errors.New("identity refused")
)
