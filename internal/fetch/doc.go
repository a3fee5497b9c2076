// Package fetch gets bytes from addresses that somebody else chose: an issuer
// named in an offer, a status list named in a credential. It is the only place
// with an HTTP client.
//
// Start with New; Client.Do sends one request, Client.Get fetches one
// document, Client.StatusList a status list token.
//
// It refuses, at the moment of connecting and so also when a name changes its
// address meanwhile: everything but https (http on loopback alone, when told),
// private, loopback, link-local and other addresses that no public server has,
// redirects to another origin and of every request that carries a body, answers
// beyond a limit of bytes or time (SD-JWT VC draft -19, section 2.5, security
// considerations of remote documents; Token Status List draft -20, section 8).
// No proxy of the environment is used: it would connect where we do not look.
// Cookies are neither kept nor sent. Bodies of refusals are given to the caller
// of Do, who speaks the protocol, and to nobody else.
//
// Certificates of web servers are judged by the roots of the machine, or by
// Options.Roots; they have nothing to do with the anchors of credentials.
package fetch
