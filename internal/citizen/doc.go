// Package citizen is what holders of documents do to their wallets themselves:
// they take one back when it is lost, with a login or with a revocation code.
//
// Start with New. Make makes a code for a wallet unit, Use uses one, Revoke is
// for who has logged in. Who has logged in, and which units are whose, the
// caller knows.
//
// A code has 100 bits and is kept as a digest; there is one for a unit, and a
// new one replaces it. It can do nothing but revoke the unit that it was made
// for. It is gone when it was used, and not before its effect is durable: what
// is cut short between the two can be tried again. A wrong code, a used one, an
// expired one and one that was replaced are one answer.
//
// Promised: no code reaches a log, the record or the store. Each deed is in the
// record.
package citizen
