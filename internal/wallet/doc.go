// Package wallet is the reference holder: it fetches credentials over
// OpenID4VCI, keeps them with their keys in a folder, and presents them. It is
// there for tests and for the demo and is never a product: keys lie
// unencrypted in files, nobody has to unlock anything.
//
// Start with OpenStore and New; Wallet.Accept turns an offer into copies,
// Wallet.Collect fetches what an issuer promised for later, Wallet.Refresh puts
// fresh copies in the place of old ones,
// Wallet.PresentMdoc and Wallet.PresentSDJWT show one, and Session.Answer
// answers a reader at the other end of an ISO/IEC 18013-5 session
// (proximity.RunHolder takes it as it is).
//
// As a client it follows OpenID4VCI 1.0 sections 4 to 9, 11 and 12 in the profile
// of HAIP 1.0: metadata at the well-known places whose names are compared as
// strings, DPoP (RFC 9449) under a key of its own for every offer, one fresh P-256
// key for every copy. The offer decides between its pre-authorized code and a
// login in the holder's browser, with a pushed request, PKCE and the answer held
// against state and iss. With Config.Provider the wallet and its keys are attested;
// requests and answers are encrypted where the issuer demands it or the holder
// wishes it. Tokens that are of use later are kept with the keys that they are
// bound to. As a holder it follows
// ISO/IEC 18013-5:2021, 7.2.5, 8.3.2.1.2 and 9.1.3, and RFC 9901 section 7.2.
//
// It refuses an answer that is not strictly what was asked for: metadata of
// another issuer, a bearer token, a credential of another type, bound to no key
// of this request, with a broken signature or digest, out of its time, an SD-JWT
// that already has a key binding; with Config.Trust also one whose signer leads
// to no anchor. One bad copy refuses the batch. When presenting it returns
// nothing that was not both asked for and agreed to.
//
// Not here: looking up whether a copy is revoked; a secure place for keys, which
// TestProvider attests all the same. Two processes must not work on one folder at
// the same time: they could choose one copy, or ask twice for one.
//
// Who asks is told before anything is shown: Session.Readers are the authorities
// of readers that the holder trusts, Session.Revoked their lists of readers that
// were lost. Consent decides; a reader that signs falsely or was revoked gets
// nothing from AgreeToAll.
//
// A copy is chosen so that each is shown as seldom as the others, and a key that
// has signed never makes a MAC (ISO/IEC 18013-5, 9.1.3).
package wallet
