package verification

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"vidimus/internal/cbor"
	"vidimus/internal/elements"
	"vidimus/internal/mdoc"
	"vidimus/internal/policy"
)

// held is the decoded elements of a document, by the identifier of the mDL or
// the data identifier of the PID.
type held struct {
	values map[string]any
	ages   map[int]bool
}

func newHeld() held { return held{values: map[string]any{}, ages: map[int]bool{}} }

func (h held) put(key string, value any) {
	h.values[key] = value
	if nn, ok := elements.AgeOfElement(key); ok {
		if b, ok := value.(bool); ok {
			h.ages[nn] = b
		}
	}
}

// mdocElements reads the elements, keeps what was asked for and answers the
// question. An element that cannot be decoded by its rule is not shown.
func (o *Options) mdocElements(c *checks, d *Document, signed *mdoc.IssuerSigned, shown *mdoc.Document, p path, request *policy.DocumentRequest) policy.Entitlement {
	h := newHeld()
	set, known := elements.ForDocType(d.Type)
	var wrong, odd []string
	for _, ns := range signed.NameSpaces {
		for i := range ns.Items {
			item := &ns.Items[i]
			name := item.ElementIdentifier
			row, ok := elements.Element{}, false
			if known && ns.Name == set.NameSpace {
				row, ok = set.ByIdentifier(name)
			}
			if ok {
				decoded, err := row.Decode(item.ElementValue)
				if err != nil {
					wrong = append(wrong, err.Error())
					continue
				}
				for _, w := range decoded.Warnings {
					odd = append(odd, name+": "+w)
				}
				key := name
				if row.Data != "" {
					key = row.Data
				}
				h.put(key, decoded.Value)
			}
			if !wanted(request, ns.Name, name) {
				d.Dropped = append(d.Dropped, ns.Name+" "+name)
				continue
			}
			d.IssuerSigned = append(d.IssuerSigned, render(ns.Name, name, item.ElementValue))
		}
	}
	if shown != nil && c.has(Pass, "da.keyauth") {
		for _, ns := range shown.DeviceSigned.NameSpaces {
			for _, e := range ns.Elements {
				d.DeviceSigned = append(d.DeviceSigned, render(ns.Name, e.Identifier, e.Value))
			}
		}
	}
	o.elementChecks(c, h, wrong, odd, known, p, d)
	return o.answer(c, d, h, request)
}

// render turns a value into JSON; a value that JSON cannot say is shown in
// diagnostic notation.
func render(ns, name string, value cbor.RawMessage) Element {
	e := Element{NameSpace: ns, Name: name}
	var err error
	if e.Value, err = elements.Render(value); err != nil {
		e.Value = cbor.Diagnose(value)
	}
	if len(value) > 0 && value[0]>>5 == 2 {
		if err := cbor.Unmarshal(value, &e.Bytes); err != nil {
			e.Bytes = nil
		}
	}
	return e
}

// wanted reports whether an element was asked for. An age statement of another
// NN answers for the one asked (ISO/IEC 18013-5, 7.2.5).
func wanted(request *policy.DocumentRequest, path ...string) bool {
	if request == nil {
		return true
	}
	_, age := elements.AgeOfElement(path[len(path)-1])
	return slices.ContainsFunc(request.Elements, func(e policy.ElementRequest) bool {
		if slices.Equal(e.Path, path) {
			return true
		}
		if !age || len(e.Path) != len(path) || !slices.Equal(e.Path[:len(e.Path)-1], path[:len(path)-1]) {
			return false
		}
		_, also := elements.AgeOfElement(e.Path[len(e.Path)-1])
		return also
	})
}

// elementChecks makes the checks over decoded values that hold for every
// question: encodings, country, contradictions, portrait, life of the document.
func (o *Options) elementChecks(c *checks, h held, wrong, odd []string, known bool, p path, d *Document) {
	switch {
	case !known:
		c.notDone("mdl.elements", "the rules of this document type are not known here")
	case len(wrong) > 0:
		c.fail("mdl.elements", strings.Join(wrong, "; "))
	case len(odd) > 0:
		c.warn("mdl.elements", strings.Join(odd, "; "))
	default:
		c.pass("mdl.elements", "")
	}
	_, hasCountry := h.values["issuing_country"]
	_, hasState := h.values["issuing_jurisdiction"]
	switch {
	case !hasCountry && !hasState:
		c.notDone("mdl.country", "not shown")
	case p.leaf == nil:
		c.notDone("mdl.country", "the signer's certificate cannot be read")
	default:
		if err := elements.CheckIssuer(h.values, p.leaf.Country, p.leaf.State); err != nil {
			c.fail("mdl.country", err.Error())
		} else {
			c.pass("mdl.country", "")
		}
	}
	err := elements.Check(h.values, elements.Moments{ValidFrom: d.Validity.From, Now: o.Now})
	if err == nil && len(h.ages) > 0 {
		birth, _ := elements.Day(h.values["birth_date"])
		err = elements.CheckAges(h.ages, birth, d.Validity.From, o.Now)
	}
	if err != nil {
		c.fail("age.over", err.Error())
	}
	if portrait, ok := h.values["portrait"].([]byte); ok && len(portrait) > 0 {
		if _, err := elements.InspectPicture(portrait); err != nil {
			c.fail("mdl.portrait", err.Error())
			d.IssuerSigned = slices.DeleteFunc(d.IssuerSigned, func(e Element) bool { return bytes.Equal(e.Bytes, portrait) })
		} else {
			c.pass("mdl.portrait", "")
		}
	}
	if expiry, ok := elements.Day(h.values["expiry_date"]); ok {
		if !o.Now.Before(expiry.AddDate(0, 0, 1)) {
			c.fail("mdl.expiry", "the document itself ended on "+expiry.Format(time.DateOnly))
		} else {
			c.pass("mdl.expiry", "until "+expiry.Format(time.DateOnly))
		}
	}
}

// answer says whether all that was asked for is there, and what it says to the
// question of the profile.
func (o *Options) answer(c *checks, d *Document, h held, request *policy.DocumentRequest) policy.Entitlement {
	d.driving(h, o.Now)
	if request == nil {
		c.notDone("req.satisfied", "nothing in particular was asked for")
		return policy.NotAsked
	}
	for _, e := range request.Elements {
		if e.Optional || d.shows(e.Path) {
			continue
		}
		d.Missing = append(d.Missing, strings.Join(e.Path, " "))
	}
	if len(d.Missing) > 0 {
		c.fail("req.satisfied", "not shown: "+strings.Join(d.Missing, ", "))
	} else {
		c.pass("req.satisfied", "")
	}
	q := o.Profile.Question
	switch {
	case !q.Asked():
		return policy.NotAsked
	case c.has(Fail, "doc.requested", "req.satisfied", "age.over"):
		return policy.CannotTell
	case c.has(Fail, "mdl.expiry"):
		return policy.No
	case q.Driving != "":
		return drivingAnswer(c, h, q.Driving, o.Now)
	default:
		return ageAnswer(c, h, q.AgeOver, o.Now)
	}
}

// shows reports whether an element is there, an age statement of any NN for one.
func (d *Document) shows(path []string) bool {
	one := &policy.DocumentRequest{Elements: []policy.ElementRequest{{Path: path}}}
	return slices.ContainsFunc(d.IssuerSigned, func(e Element) bool {
		if e.NameSpace != "" {
			return wanted(one, e.NameSpace, e.Name)
		}
		return e.Name == strings.Join(path, ".") || e.Name == path[0] || strings.HasPrefix(e.Name, strings.Join(path, ".")+".")
	})
}

// driving lists what every category on the licence says today.
func (d *Document) driving(h held, at time.Time) {
	list, ok := h.values["driving_privileges"].([]elements.Privilege)
	if !ok {
		return
	}
	for _, p := range list {
		right := elements.MayDrive(list, p.Category, at)
		entry := Driving{Category: p.Category, Answer: string(right.Answer), Until: right.Until}
		for _, code := range right.Codes {
			entry.Conditions = strings.TrimPrefix(entry.Conditions+", "+strings.TrimSpace(code.Code+" "+code.Sign+code.Value), ", ")
		}
		d.Driving = append(d.Driving, entry)
	}
}

func drivingAnswer(c *checks, h held, category string, at time.Time) policy.Entitlement {
	list, ok := h.values["driving_privileges"].([]elements.Privilege)
	if !ok {
		c.fail("mdl.driving", "no driving privileges were shown")
		return policy.CannotTell
	}
	right := elements.MayDrive(list, category, at)
	return entitle(c, "mdl.driving", right.Answer, fmt.Sprintf("category %s: %s", category, right.Reason))
}

func ageAnswer(c *checks, h held, nn int, at time.Time) policy.Entitlement {
	answer, err := elements.AgeAnswer(h.ages, nn)
	if err != nil {
		c.fail("age.over", err.Error())
		return policy.CannotTell
	}
	if birth, ok := elements.Day(h.values["birth_date"]); ok && answer == elements.CannotTell {
		answer = elements.No
		if elements.AgeOver(birth, nn, at) {
			answer = elements.Yes
		}
	}
	return entitle(c, "age.over", answer, fmt.Sprintf("%d or older", nn))
}

func entitle(c *checks, id string, answer elements.Answer, detail string) policy.Entitlement {
	switch answer {
	case elements.Yes:
		c.pass(id, detail)
		return policy.Yes
	case elements.UnderConditions:
		c.warn(id, detail)
		return policy.UnderConditions
	case elements.No:
		c.fail(id, detail)
		return policy.No
	}
	c.notDone(id, detail)
	return policy.CannotTell
}
