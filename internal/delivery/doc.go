// Package delivery brings what the office has to say to those who asked for
// it: bodies to webhooks, text to mailboxes. It is the only place that posts
// to addresses of others.
//
// Start with NewWebhook and NewMail. Both make one attempt and say how it
// ended; when to try again is for the rooms that keep the outboxes (receipts
// in registry, notices in notice). A Failure tells those who ask whether trying
// again makes sense, and a word of a closed list for their records.
//
// A webhook is reached over https, with our client certificate where one is
// configured; http only on this machine, and only when told. It refuses
// redirects, addresses that no server of others has (private ones unless told,
// loopback unless told, link-local, multicast, documentation), judged at the
// moment of connecting, and answers that are too long or too late. No proxy of
// the environment is used. 2xx means taken, nothing of the body is kept.
//
// Mail goes to one SMTP server (RFC 5321) under STARTTLS (RFC 3207), or TLS
// from the start on port 465 (RFC 8314); without TLS to this machine alone. The
// message has one recipient, a subject of our own words and text in UTF-8 (RFC
// 5322, RFC 2045), and says that a machine wrote it (RFC 3834). Addresses that
// are more than an address, and control characters in what becomes a header,
// are refused before anything is sent.
package delivery
