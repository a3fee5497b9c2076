package verification

import (
	"errors"
	"fmt"
	"time"

	"vidimus/internal/jose"
	"vidimus/internal/policy"
)

// Result is what became of one check.
type Result string

// The four results. NotDone says that nothing was learned: why stands in the
// detail.
const (
	Pass    Result = "pass"
	Fail    Result = "fail"
	Warn    Result = "warn"
	NotDone Result = "not done"
)

// Check is one entry of a Report.
type Check struct {
	ID     string `json:"id"`     // stable, such as mso.digest
	Axis   Axis   `json:"axis"`   // the axis that it speaks to
	Clause string `json:"clause"` // document and section
	Result Result `json:"result"`
	Detail string `json:"detail,omitempty"`
}

// Report is the answer to one presentation or credential.
type Report struct {
	Format    Format          `json:"format"`
	At        time.Time       `json:"at"` // the instant of the verification
	Policy    string          `json:"policy"`
	Knowledge Knowledge       `json:"knowledge"`
	Verdict   policy.Verdict  `json:"verdict"` // the worst of the documents
	Colour    policy.Colour   `json:"colour"`
	Reasons   []string        `json:"reasons,omitempty"`
	Warnings  []string        `json:"warnings,omitempty"` // what was odd and failed nothing
	Checks    []Check         `json:"checks"`             // of the message as a whole
	Documents []Document      `json:"documents,omitempty"`
	Errors    []DocumentError `json:"document_errors,omitempty"` // hints of the holder, not authenticated
}

// Knowledge is what every answer rests on and as of when it was known: nil is
// "nobody knows", and is written so.
type Knowledge struct {
	AnchorsAsOf    *time.Time `json:"anchors_as_of"`
	StatusAsOf     *time.Time `json:"status_as_of"`
	RevocationAsOf *time.Time `json:"revocation_as_of"`
	// PolicyVersion is what the author of the policy calls this state of it, "" when
	// nothing.
	PolicyVersion string `json:"policy_version"`
}

// Format names what was verified.
type Format string

// The formats that are told apart.
const (
	FormatDeviceResponse Format = "mdoc DeviceResponse"
	FormatIssuerSigned   Format = "mdoc IssuerSigned"
	FormatSDJWT          Format = "SD-JWT VC"
)

// Document is the answer for one document of a presentation.
type Document struct {
	Type     string         `json:"type"` // doctype or vct, as claimed
	Verdict  policy.Verdict `json:"verdict"`
	Colour   policy.Colour  `json:"colour"`
	Reasons  []string       `json:"reasons,omitempty"`
	Warnings []string       `json:"warnings,omitempty"` // what was odd and failed nothing
	Checks   []Check        `json:"checks"`
	Trust    Trust          `json:"trust"`
	Validity Validity       `json:"validity"`
	Status   StatusAnswer   `json:"status"`

	Revocation   CertificateAnswer `json:"revocation"`              // of the signer and who stands above it
	IssuerSigned []Element         `json:"issuer_signed,omitempty"` // only what is genuine and was asked for
	DeviceSigned []Element         `json:"device_signed,omitempty"` // said by the device, never merged
	Missing      []string          `json:"missing,omitempty"`       // asked for, not there
	Dropped      []string          `json:"dropped,omitempty"`       // there, not asked for: names only
	Driving      []Driving         `json:"driving,omitempty"`

	issuer string // country of the signer, by its certificate
}

// Trust says on whose word the document rests.
type Trust struct {
	Anchor   string    `json:"anchor,omitempty"`       // subject of the anchor
	Signer   string    `json:"signer,omitempty"`       // subject of the document signer
	Serial   string    `json:"serial,omitempty"`       // its serial number, hexadecimal
	Source   string    `json:"source,omitempty"`       // where the anchor came from
	AnchorAt time.Time `json:"anchors_as_of,omitzero"` // how old the anchor set is
}

// Validity is the time window that the issuer signed.
type Validity struct {
	Signed time.Time `json:"signed,omitzero"`
	From   time.Time `json:"from,omitzero"`
	Until  time.Time `json:"until,omitzero"`
}

// StatusAnswer is what a status list said, and how old that is.
type StatusAnswer struct {
	URI   string        `json:"uri,omitempty"`
	Index uint64        `json:"index,omitempty"`
	AsOf  time.Time     `json:"as_of,omitzero"` // iat of the list
	Age   time.Duration `json:"age,omitempty"`
}

// Element is one value, rendered as JSON: dates as text, bytes as base64url.
type Element struct {
	NameSpace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	Value     any    `json:"value"`
	Bytes     []byte `json:"-"` // of a binary value, such as the portrait; Value is these bytes too
}

// Base64URL is a byte string in a Report: JSON writes it as base64url without
// padding. Of a portrait that text would be larger than all the rest, and most
// callers never write it.
type Base64URL []byte

// MarshalText implements encoding.TextMarshaler.
func (b Base64URL) MarshalText() ([]byte, error) { return []byte(jose.EncodeBase64URL(b)), nil }

// Driving is the answer for one vehicle category: may the holder drive it here
// today.
type Driving struct {
	Category string `json:"category"`
	Answer   string `json:"answer"` // yes, no, under conditions
	Reason   string `json:"reason"`
	// Conditions are restriction codes with their signs and values, Notes codes that
	// restrict nothing.
	Conditions string `json:"conditions,omitempty"`
	Notes      string `json:"notes,omitempty"`
	From       string `json:"from,omitempty"` // YYYY-MM-DD, as Until
	Until      string `json:"until,omitempty"`
	// Domestic says that no other state knows the category.
	Domestic bool `json:"domestic,omitempty"`
}

// DocumentError is what a holder says it did not return.
type DocumentError struct {
	Type string `json:"type"`
	Code int64  `json:"code"`
}

// Err joins the failed checks as one error, nil when none failed. It is for
// callers that want a yes or no and logs; screens show the checks.
func (r *Report) Err() error {
	var errs []error
	add := func(where string, checks []Check) {
		for _, c := range checks {
			if c.Result == Fail {
				errs = append(errs, fmt.Errorf("%s%s: %s", where, c.ID, c.Detail))
			}
		}
	}
	add("", r.Checks)
	for _, d := range r.Documents {
		add(d.Type+" ", d.Checks)
	}
	return errors.Join(errs...)
}

// Failed lists the ids of the failed checks, message first, in order.
func (r *Report) Failed() []string {
	var ids []string
	add := func(checks []Check) {
		for _, c := range checks {
			if c.Result == Fail {
				ids = append(ids, c.ID)
			}
		}
	}
	add(r.Checks)
	for _, d := range r.Documents {
		add(d.Checks)
	}
	return ids
}
