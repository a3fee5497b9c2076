// Package webserver is the web layer that every listener shares: one engine
// with the same limits, the same refusals, the same log line and the same
// metrics, whatever stands behind it.
//
// Start with New for an Engine, Engine.Handle to put a Route on it, and Listen
// and Run to serve it. A handler reads the request, calls its service and
// either writes an answer (JSON, Bytes, Empty) or returns an error: the engine
// turns the error's problem.Kind into a status and a body. StatusOf is the one
// place where a kind becomes a status.
//
// What it refuses before a handler runs: a path that is not spelled exactly
// (404), a method that the path has not (405 with Allow), a body above the
// route's cap (413), another media type or charset (415), a query string that
// is malformed, overlong, or present on a POST (400), too many requests of one
// client (429). A listener holds a bounded number of connections: those that
// wait for a request give way to newcomers, those that are served stay.
// LoopbackOnly keeps browsers off a listener that is for programs of this
// machine. Nothing is redirected. The client's address comes from the
// connection, or from X-Forwarded-For of proxies that the configuration names;
// no other header of the peer is believed.
//
// Written after RFC 9110, RFC 6749 section 5.2, RFC 6750 section 3, RFC 9449
// sections 5 and 7.1, RFC 8935 section 2.4, and the Fetch standard's CORS
// protocol.
//
// Promised: no secret, token, code or attribute value reaches the log or a
// metric label; labels are bounded (route templates, methods, kinds). An error
// that nobody named answers 500 with a fixed text.
package webserver
