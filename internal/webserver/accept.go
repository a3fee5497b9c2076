package webserver

import (
	"strconv"
	"strings"
)

// Negotiate picks one of offers (media types without parameters, the preferred
// one first) for an Accept header (RFC 9110, section 12.5.1). An absent header
// takes the first offer; false means that none is acceptable. The weight of an
// offer comes from the most specific range that covers it. Entries past the
// 32nd, and entries with a malformed weight, are not looked at.
func Negotiate(accept string, offers ...string) (string, bool) {
	if strings.TrimSpace(accept) == "" || len(accept) > maxAccept {
		return offers[0], true
	}
	entries := strings.SplitN(accept, ",", maxAcceptEntries+1)
	if len(entries) > maxAcceptEntries {
		entries = entries[:maxAcceptEntries]
	}
	best, bestQ := "", 0.0
	for _, offer := range offers {
		q, specific := 0.0, -1
		for _, e := range entries {
			rng, weight, ok := acceptEntry(e)
			if s := covers(rng, offer); ok && s > specific {
				q, specific = weight, s
			}
		}
		if q > bestQ {
			best, bestQ = offer, q
		}
	}
	return best, best != ""
}

func acceptEntry(e string) (rng string, q float64, ok bool) {
	parts := strings.Split(e, ";")
	rng, q = strings.ToLower(strings.TrimSpace(parts[0])), 1
	for _, p := range parts[1:] {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if !strings.EqualFold(strings.TrimSpace(name), "q") {
			continue
		}
		var err error
		q, err = strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil || !(q >= 0 && q <= 1) {
			return "", 0, false
		}
	}
	return rng, q, true
}

// covers gives how specifically a media range covers an offer: 2 by name, 1 by
// type, 0 by */*, -1 not at all.
func covers(rng, offer string) int {
	typ, _, _ := strings.Cut(offer, "/")
	switch rng {
	case offer:
		return 2
	case typ + "/*":
		return 1
	case "*/*":
		return 0
	}
	return -1
}

// AcceptsGzip says whether gzip may be used (RFC 9110, section 12.5.3). It is
// asked by name: a bare * is not taken for a wish.
func AcceptsGzip(acceptEncoding string) bool {
	if len(acceptEncoding) > maxAccept {
		return false
	}
	for i, e := range strings.Split(acceptEncoding, ",") {
		if i == maxAcceptEntries {
			break
		}
		if coding, q, ok := acceptEntry(e); ok && coding == "gzip" {
			return q > 0
		}
	}
	return false
}
