// Package consolehttp is the console of the office: the pages on which an officer
// finds a person, sees entitlements, measures, documents, copies and history,
// proposes a change, and another officer confirms it; decides on what wallets ask
// for, and offers them copies.
//
// Start with Console, which puts the pages on a webserver.Engine. FromStore
// gives them what they read. Who may do what is decided in package officer.
//
// Pages are drawn by the server and work without any script; none is served. A
// change is a form that answers with a redirect. Addresses hold no number of a
// person and no secret: a look-up has a name that is of use to its own session
// alone. The words are those of package i18n, in four languages; pages follow
// WCAG 2.1, level AA.
//
// What it refuses: a request under another host name than the configured one,
// what a browser sends for a page of another site, a form without the token of
// its session, two session cookies. Pages may load styles and pictures of this
// server and nothing else (CSP level 3), are not cached and not framed.
//
// Written after RFC 6265bis (cookies with the prefix __Host-), the Fetch
// standard (Sec-Fetch-Site), and CSP level 3.
package consolehttp
