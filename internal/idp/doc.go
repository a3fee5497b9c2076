// Package idp lets a citizen log in with the login of the state: it is a client
// of an OpenID Connect provider, and turns what that says of a person into the
// person number of the registry.
//
// Start with New for a provider and with Demo for development. Begin makes the
// address to send the browser to, Finish judges what it comes back with. Between
// the two nothing is kept here: the State travels in a cookie of that browser,
// which a Sealer encrypts; after the login a Session does the same. Whoever draws
// the pages sets the cookies.
//
// What it refuses: a provider without TLS, a redirect of the provider's
// endpoints, an answer beyond a size or a time, a callback of another browser,
// of another login or too late, a callback or token of another issuer (RFC
// 9207), a token for another client, with another nonce, too old, signed by a
// MAC or not at all, a level of assurance that is not on the list (`acr` in the
// token: the request alone is a wish), a login longer ago than max_age, a token
// without the claim that names the person.
//
// Written after OpenID Connect Core 1.0 (sections 3.1.2, 3.1.3 and 5.5), OpenID
// Connect Discovery 1.0 (section 4), RFC 7636 (S256), RFC 9207 and RFC 7523 (the
// assertion of a client with a key).
//
// Promised: no token, code, nonce or claim reaches an error that is shown or
// logged. A provider that cannot be reached is Unavailable, a login that is not
// good AccessDenied or AuthenticationFailed; nothing else comes out.
package idp
