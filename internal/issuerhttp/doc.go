// Package issuerhttp puts the issuer's services on the web: it reads requests,
// calls a service, writes its answer, and decides nothing else.
//
// Start with Public for the wallets' listener, Registry for the registries',
// Office for that of the office. Each puts its routes on a webserver.Engine,
// which does the limits, the refusals, the log and the metrics. The services
// are the small interfaces of services.go.
//
// It implements the endpoints of OpenID4VCI 1.0 (sections 4.1.3, 5, 6, 7, 8, 9,
// 10, 11 and 12.2), RFC 8414, RFC 9126, RFC 9207 and of
// attestation-based client authentication (section 8), the push delivery of RFC 8935 (batches in the words
// of RFC 8936; an answer may wait while an event is held for those before it)
// with the feed of receipts, and the publication of status lists (Token Status
// List draft, section 8).
//
// Every URL, and the htu that DPoP proofs must carry, comes from the
// configured public URL: neither Host nor a forwarding header is read. A
// transaction code is in one answer only: that of the office which asked for
// the offer.
//
// At the authorization endpoint a person logs in (package idp), sees what will be
// issued to whom and to which wallet, and agrees or not. The page uses nothing
// up, its form does, once; nobody is redirected for a request that is not known.
// What is under way stands in sealed cookies of the browser, nothing of it here.
package issuerhttp
