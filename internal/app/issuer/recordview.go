package issuer

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// RecordView is what is shown of a person: everything that is kept, images by
// their size alone.
type RecordView struct {
	Person       string            `json:"person"`
	Version      uint64            `json:"version"`
	MergedInto   string            `json:"merged_into,omitempty"`
	Deceased     bool              `json:"deceased,omitempty"`
	DeceasedAt   time.Time         `json:"deceased_at,omitzero"`
	Attributes   map[string]string `json:"attributes,omitempty"`
	Entitlements []RightView       `json:"entitlements,omitempty"`
	Measures     []MeasureView     `json:"measures,omitempty"`
	Documents    []DocumentView    `json:"documents,omitempty"`
	Notices      []NoticeView      `json:"notices,omitempty"`
	// Next is when time changes something, zero when it does not.
	Next time.Time `json:"next,omitzero"`
}

// RightView is a right as recorded, and what of it holds now.
type RightView struct {
	Kind      string   `json:"kind"`
	Territory string   `json:"territory"`
	Recorded  []string `json:"recorded"`
	Now       []string `json:"now"`
}

// MeasureView is a measure as it is known now.
type MeasureView struct {
	ID         string    `json:"id"`
	Kind       string    `json:"kind"`
	Right      string    `json:"right"`
	State      string    `json:"state"` // holds, later, ended, void
	Authority  string    `json:"authority"`
	LegalBasis string    `json:"legal_basis,omitempty"`
	From       time.Time `json:"from"`
	Until      time.Time `json:"until,omitzero"`
	ConfirmBy  time.Time `json:"confirm_by,omitzero"`
	Lifted     time.Time `json:"lifted,omitzero"`
	Categories []string  `json:"categories,omitempty"`
	KnownAt    time.Time `json:"known_at"`
	Source     string    `json:"source"`
	Event      string    `json:"event"`
	Revisions  int       `json:"revisions"`
}

// DocumentView is a document with its copies on phones.
type DocumentView struct {
	Number     string            `json:"number"`
	Type       string            `json:"type"`
	IssueDate  string            `json:"issue_date"`
	ExpiryDate string            `json:"expiry_date,omitempty"`
	Authority  string            `json:"issuing_authority"`
	State      string            `json:"state"` // or why no copy can be made
	Attributes map[string]string `json:"attributes,omitempty"`
	Copies     []CopyView        `json:"copies"`
}

// CopyView is one copy.
type CopyView struct {
	Batch         string    `json:"batch"`
	Configuration string    `json:"configuration"`
	Issued        time.Time `json:"issued"`
	Expires       time.Time `json:"expires"`
	State         string    `json:"state"`  // intended, signed
	Status        string    `json:"status"` // valid, revoked (published), revoked (not yet published), none
	List          string    `json:"list,omitempty"`
	Index         uint64    `json:"index"`
	Wallet        string    `json:"wallet,omitempty"`
}

// NoticeView is what the holder was told.
type NoticeView struct {
	Number  uint64    `json:"number"`
	Fact    string    `json:"fact"`
	Created time.Time `json:"created"`
	State   string    `json:"state"`
	Channel string    `json:"channel,omitempty"`
	Settled time.Time `json:"settled,omitzero"`
	Problem string    `json:"problem,omitempty"`
}

// HistoryView is what registries said of a person.
type HistoryView struct {
	Person string      `json:"person"`
	Events []EventView `json:"events"`
	// Said is what wallets said of the copies that they got, newest first.
	Said []SaidView `json:"said,omitempty"`
}

// SaidView is a wallet's word about a batch (OpenID4VCI 1.0, section 11).
type SaidView struct {
	Recorded      time.Time `json:"recorded"`
	Event         string    `json:"event"` // credential_accepted, credential_deleted, credential_failure
	Document      string    `json:"document"`
	Configuration string    `json:"configuration"`
	Batch         string    `json:"batch"`
	Wallet        string    `json:"wallet,omitempty"`
}

// EventView is one event and what became of it.
type EventView struct {
	Source    string    `json:"source"`
	JTI       string    `json:"jti"`
	Event     string    `json:"event"`
	Seq       uint64    `json:"seq"`
	Effective time.Time `json:"effective"`
	Accepted  time.Time `json:"accepted"`
	Decision  string    `json:"decision,omitempty"`
	State     string    `json:"state,omitempty"` // applied, covered, no-copies
	Covered   time.Time `json:"covered,omitzero"`
	Copies    int       `json:"copies"`
	Version   uint64    `json:"version"`
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// String writes the view for a terminal. Text of registries was cleaned of
// control characters when it came in.
func (v *RecordView) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "person %s, version %d\n", v.Person, v.Version)
	if v.MergedInto != "" {
		fmt.Fprintf(&b, "merged into %s\n", v.MergedInto)
	}
	if v.Deceased {
		fmt.Fprintf(&b, "deceased since %s\n", stamp(v.DeceasedAt))
	}
	for _, name := range slices.Sorted(maps.Keys(v.Attributes)) {
		fmt.Fprintf(&b, "  %s: %s\n", name, v.Attributes[name])
	}
	for _, r := range v.Entitlements {
		fmt.Fprintf(&b, "right %s in %s: recorded %s; now %s\n", r.Kind, r.Territory, list(r.Recorded), list(r.Now))
	}
	for _, m := range v.Measures {
		fmt.Fprintf(&b, "measure %s: %s on %s, %s; by %s", m.ID, m.Kind, m.Right, m.State, m.Authority)
		if m.LegalBasis != "" {
			fmt.Fprintf(&b, " (%s)", m.LegalBasis)
		}
		fmt.Fprintf(&b, "; from %s until %s", stamp(m.From), stamp(m.Until))
		if !m.ConfirmBy.IsZero() {
			fmt.Fprintf(&b, "; lapses unless confirmed by %s", stamp(m.ConfirmBy))
		}
		if !m.Lifted.IsZero() {
			fmt.Fprintf(&b, "; lifted %s", stamp(m.Lifted))
		}
		fmt.Fprintf(&b, "; event %s of %s\n", m.Event, m.Source)
	}
	for _, d := range v.Documents {
		fmt.Fprintf(&b, "document %s (%s) of %s, %s to %s: %s\n", d.Number, d.Type, d.Authority, d.IssueDate, d.ExpiryDate, d.State)
		for _, c := range d.Copies {
			fmt.Fprintf(&b, "  copy %s %s, %s, expires %s: %s", c.Batch, c.Configuration, c.State, stamp(c.Expires), c.Status)
			if c.List != "" {
				fmt.Fprintf(&b, ", entry %d of %s", c.Index, c.List)
			}
			if c.Wallet != "" {
				fmt.Fprintf(&b, ", wallet %s", c.Wallet)
			}
			b.WriteByte('\n')
		}
	}
	for _, n := range v.Notices {
		fmt.Fprintf(&b, "notice %d: %s, written %s, %s %s %s\n", n.Number, n.Fact, stamp(n.Created), n.State, n.Channel, n.Problem)
	}
	if !v.Next.IsZero() {
		fmt.Fprintf(&b, "time changes something at %s\n", stamp(v.Next))
	}
	return b.String()
}

func list(words []string) string {
	if len(words) == 0 {
		return "nothing"
	}
	return strings.Join(words, " ")
}

// String writes the view for a terminal.
func (v *HistoryView) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "person %s, newest first\n", v.Person)
	for _, e := range v.Events {
		fmt.Fprintf(&b, "%s  %s %d %s (%s): effective %s, version %d, %s", stamp(e.Accepted), e.Source, e.Seq, e.Event, e.JTI, stamp(e.Effective), e.Version, e.State)
		if e.Copies > 0 {
			fmt.Fprintf(&b, ", %d copies, covered %s", e.Copies, stamp(e.Covered))
		}
		b.WriteByte('\n')
	}
	for _, s := range v.Said {
		fmt.Fprintf(&b, "%s  wallet %s said %s of %s %s, batch %s\n", stamp(s.Recorded), s.Wallet, s.Event, s.Configuration, s.Document, s.Batch)
	}
	return b.String()
}
