// Package citizenhttp is the pages for the holders of documents: what documents
// they have, which wallets hold copies, how to get copies into a phone, how to
// take them back, what the office has told them, what was issued in their name,
// and all that is kept of them.
//
// Start with Pages, which puts them on a webserver.Engine below /my. Who comes
// logs in with the login of the state (package idp). FromStore reads what the
// pages show from the store of the office; what they change goes through the
// interfaces Desk and Revocations.
//
// One page needs no login: that on which a lost phone is reported with its
// revocation code (package citizen).
//
// Pages are drawn by the server and work without any script; none is served.
// A session is a sealed cookie: nothing of it is kept here, and logging out ends
// it in that browser alone; it ends everywhere after half an hour.
//
// What it refuses: a form without the token of its session, or from another
// site; too many tries at codes; a wallet or document of somebody else, which
// looks like one that is not there. Addresses hold no number of a person and no
// secret.
package citizenhttp
