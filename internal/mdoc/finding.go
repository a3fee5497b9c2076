package mdoc

import (
	"fmt"
	"slices"
	"strings"
)

// Ids of the checks made here. They are stable: reports, policies and tests
// refer to them.
const (
	CheckStrict           = "cbor.strict"    // well formed, no duplicate keys, within limits
	CheckCanonical        = "cbor.canonical" // deterministic encoding
	CheckResponseStatus   = "resp.status"    // response version and status, its error members
	CheckRequested        = "doc.requested"  // docType was asked for
	CheckIssuerHeader     = "ia.header"      // issuerAuth envelope and headers
	CheckIssuerSignature  = "ia.sig"         // issuerAuth signature
	CheckFormat           = "mso.format"     // MSO structure, version, digest algorithm
	CheckDocType          = "mso.doctype"    // MSO and Document agree
	CheckDigest           = "mso.digest"     // digests of the returned items
	CheckDuplicate        = "mso.dup"        // one value for each element
	CheckValidity         = "mso.validity"   // now is inside the validity
	CheckSigned           = "mso.signed"     // signed while the document signer was valid
	CheckOutlives         = "mso.outlives"   // validUntil after the end of the document signer
	CheckDate             = "mso.tdate"      // form of the dates
	CheckKeyAuthorization = "da.keyauth"     // device-signed elements are authorised
	CheckDeviceSignature  = "da.sig"         // deviceSignature; deviceAuth absent or double
	CheckDeviceMAC        = "da.mac"         // deviceMac
	CheckReaderHeader     = "ra.header"      // readerAuth envelope and headers
	CheckReaderSignature  = "ra.sig"         // readerAuth or readerAuthAll signature
	CheckSatisfied        = "req.satisfied"  // what was asked for came back
)

// Results of a check.
const (
	Pass    = "pass"
	Fail    = "fail"
	Warn    = "warn"
	NotDone = "not done"
)

// Finding is the outcome of one check. Detail names elements and positions,
// never the value of an element.
type Finding struct {
	Check  string // one of the ids above
	Result string // Pass, Fail, Warn or NotDone
	Detail string // for people; empty when there is nothing to say
}

// Failed reports whether any of the findings is a failure.
func Failed(findings []Finding) bool {
	return slices.ContainsFunc(findings, func(f Finding) bool { return f.Result == Fail })
}

// Merge joins findings so that each check occurs once, in the order of first
// appearance: the gravest result wins (Fail, NotDone, Warn, Pass) and the
// details of equal or graver results are kept.
func Merge(lists ...[]Finding) []Finding {
	var merged []Finding
	for _, list := range lists {
	next:
		for _, f := range list {
			for i := range merged {
				if merged[i].Check == f.Check {
					merged[i] = join(merged[i], f)
					continue next
				}
			}
			merged = append(merged, f)
		}
	}
	return merged
}

func join(a, b Finding) Finding {
	switch ra, rb := gravity(a.Result), gravity(b.Result); {
	case ra > rb:
		return a
	case ra < rb:
		return b
	}
	switch {
	case a.Detail == "" || a.Detail == b.Detail:
		return b
	case b.Detail != "":
		a.Detail += "; " + b.Detail
	}
	return a
}

func gravity(result string) int {
	switch result {
	case Pass:
		return 0
	case Warn:
		return 1
	case NotDone:
		return 2
	}
	return 3 // Fail, and whatever is no result at all
}

// outcome gathers what one check finds and becomes one Finding.
type outcome struct {
	check, result string
	details       []string
	more          int
}

func newOutcome(check string) *outcome { return &outcome{check: check, result: Pass} }

func (o *outcome) fail(format string, args ...any) { o.add(Fail, format, args...) }
func (o *outcome) warn(format string, args ...any) { o.add(Warn, format, args...) }

func (o *outcome) add(result, format string, args ...any) {
	switch old, now := gravity(o.result), gravity(result); {
	case now > old:
		o.result, o.details, o.more = result, nil, 0
	case now < old:
		return
	}
	if len(o.details) == maxDetails {
		o.more++
		return
	}
	o.details = append(o.details, fmt.Sprintf(format, args...))
}

func (o *outcome) finding() Finding {
	f := Finding{Check: o.check, Result: o.result}
	if len(o.details) > 0 {
		f.Detail = strings.Join(o.details, "; ")
	}
	if o.more > 0 {
		f.Detail += fmt.Sprintf("; and %d more", o.more)
	}
	return f
}

// notes are the leniencies met while parsing.
type notes []Finding

func (n *notes) warn(check, format string, args ...any) {
	switch {
	case len(*n) < maxNotes:
		*n = append(*n, Finding{Check: check, Result: Warn, Detail: fmt.Sprintf(format, args...)})
	case len(*n) == maxNotes:
		*n = append(*n, Finding{Check: check, Result: Warn, Detail: "further leniencies not listed"})
	}
}

// unknown notes a member reserved for future use, which the text says to ignore.
func (n *notes) unknown(structure string, name []byte) {
	n.warn(CheckStrict, "%s: unknown member %.40q ignored", structure, name)
}
