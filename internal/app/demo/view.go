package demo

import (
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"
	"time"

	"vidimus/internal/fetch"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/oid4vci"
	"vidimus/internal/qr"
)

// frame is what every page has.
type frame struct {
	Title          string
	Dir, DirQuoted string
}

type refusal struct {
	frame
	What string
}

type peopleView struct {
	frame
	Notice   string
	People   []personView
	Links    []linkView
	Trust    string
	Commands []commandView
}

type personView struct {
	person
	Drives    string
	Documents []documentView
	CanAnnul  bool
}

type documentView struct{ Kind, Number, Class, State, Receipt string }

type linkView struct{ URL, Text, What string }

type offerView struct {
	frame
	Name, Person, What  string
	SVG                 template.HTML
	Link                template.URL
	LinkText, TxCode    string
	Expires, ExpiresISO string
	Commands            []commandView
}

func (p *page) frame(title string) frame {
	return frame{Title: title, Dir: p.story.dir, DirQuoted: quote(p.story.dir)}
}

// people is what the registry has stated, and what the office's receipts say.
func (p *page) people(annulled string) peopleView {
	s := p.story
	v := peopleView{frame: p.frame("The office of Utopia"), Trust: s.trustDir(), Links: s.links(), Commands: s.commands()}
	for _, c := range s.people {
		if e := p.ended[c.Licence]; e != nil && c.Licence == annulled {
			v.Notice = fmt.Sprintf("Licence %s is annulled. The office's receipt: %s", c.Licence, e.tell())
		}
		v.People = append(v.People, personView{
			person: c, Drives: drives(c), CanAnnul: p.ended[c.Licence] == nil,
			Documents: []documentView{
				documentState("Driving licence", c.Licence, p.ended[c.Licence]),
				documentState("Identity document", c.IDCard, p.ended[c.IDCard]),
			},
		})
	}
	return v
}

func documentState(kind, number string, ended *annulment) documentView {
	if ended == nil {
		return documentView{Kind: kind, Number: number, Class: "good", State: "in force"}
	}
	return documentView{Kind: kind, Number: number, Class: "bad", State: "annulled", Receipt: "Receipt for " + number + ": " + ended.tell()}
}

// tell says in a sentence what the receipt says.
func (a *annulment) tell() string {
	at := a.At.UTC().Format("15:04:05 MST")
	switch a.State {
	case "covered":
		return fmt.Sprintf("covered at %s, every copy is revoked since version %s of the status list.", at, strings.Join(a.Versions, ", "))
	case "no-copies":
		return fmt.Sprintf("no copies at %s, nothing was to be revoked.", at)
	}
	return fmt.Sprintf("%s at %s.", a.State, at)
}

func drives(c person) string {
	var list []string
	for _, r := range c.Privileges {
		text := r.Category
		for _, code := range r.Codes {
			text += " (condition " + strings.TrimSpace(code.Code+code.Sign+" "+code.Value) + ")"
		}
		list = append(list, text)
	}
	return strings.Join(list, ", ")
}

// wellKnown is where metadata lies: the public URL of the demo has no path.
const wellKnown = "/.well-known/"

// links are what anyone may read at the office.
func (s *story) links() []linkView {
	base := s.office.cfg.PublicURL
	links := []linkView{
		{base + wellKnown + oid4vci.WellKnownIssuer, "Credential issuer metadata", "what the office issues (OpenID4VCI 1.0, 12.2)"},
		{base + wellKnown + oid4vci.WellKnownServer, "Authorization server metadata", "where wallets get tokens (RFC 8414)"},
		{base + issuerhttp.StatusPath, "List of status lists", "for readers that fetch all of them"},
	}
	for _, uri := range slices.Sorted(maps.Keys(s.reader.lists[fetch.TypeStatusListJWT])) {
		links = append(links, linkView{uri, "Status list", "a signed token, JWT or CWT by the Accept header: which copies are revoked, not whose"})
	}
	return links
}

// commands are those for cmd/verifier.
func (s *story) commands() []commandView {
	return append([]commandView{command("What the anchors count for", "./cmd/verifier", "trust", "list", s.trustDir())}, s.rechecks()...)
}

func (p *page) offer(o madeOffer, withLicence bool) (*offerView, error) {
	code, err := qr.Encode(o.Link)
	if err != nil {
		return nil, err
	}
	return &offerView{
		frame: p.frame("Offer to " + o.person.Name()), Name: o.person.Name(), Person: o.person.Number,
		What: "Everything that can be put on a phone now.",
		SVG:  template.HTML(code.SVG()), Link: template.URL(o.Link), LinkText: o.Link, TxCode: o.TxCode, // ours, escaped by their makers
		Expires: o.Expires.UTC().Format("15:04 MST"), ExpiresISO: o.Expires.UTC().Format(time.RFC3339),
		Commands: p.story.tries(o.offer, withLicence),
	}, nil
}
