package verification

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"vidimus/internal/elements"
	"vidimus/internal/policy"
)

// spoiling are the checks whose failure leaves a question without an answer.
var spoiling = []string{"doc.requested", "req.satisfied", "mdl.elements", "mdl.portrait"}

// answer says whether all that was asked for is there, and what it says to the
// question of the profile.
func (o *Options) answer(c *checks, d *Document, h *held, request *policy.DocumentRequest) policy.Entitlement {
	d.driving(h, o)
	var others []string
	switch {
	case request == nil:
		c.notDone("req.satisfied", "nothing in particular was asked for")
	case c.has(Fail, "doc.requested"):
		c.notDone("req.satisfied", "nothing of this document was asked for")
	default:
		for _, e := range request.Elements {
			switch shown := h.shows(e.Path); {
			case !e.Optional && !shown:
				d.Missing = append(d.Missing, strings.Join(e.Path, " "))
			case shown && len(e.Values) > 0 && !d.has(e):
				others = append(others, strings.Join(e.Path, " "))
			}
		}
		switch {
		case len(d.Missing) > 0:
			c.fail("req.satisfied", "not shown: "+strings.Join(d.Missing, ", "))
		case len(others) > 0:
			c.fail("req.satisfied", "another value than those asked for: "+strings.Join(others, ", "))
		default:
			c.pass("req.satisfied", "")
		}
	}
	if len(d.IssuerSigned) == 0 {
		// A document of which nothing is shown is worth no more than none.
		c.notDone("mdl.elements", "no element was shown")
		return policy.CannotTell
	}
	switch {
	case c.has(Fail, spoiling...) || c.has(Fail, "age.over"): // of age, here: contradictions
		return policy.CannotTell
	case o.Profile == nil || !o.Profile.Question.Asked():
		return policy.NotAsked
	case o.Profile.Question.Identity:
		return identityAnswer(c, d, h)
	case o.Profile.Question.Driving != "":
		return o.drivingAnswer(c, d, h, o.Profile.Question.Driving)
	}
	return ageAnswer(c, h, o.Profile.Question.AgeOver, o.Now)
}

// has reports whether an element that was asked for has one of the values that
// answer; of a list one entry is enough (OpenID4VP 1.0, 6.4.1).
func (d *Document) has(asked policy.ElementRequest) bool {
	one := func(value any) bool {
		return slices.ContainsFunc(asked.Values, func(want any) bool {
			switch want := want.(type) {
			case int:
				n, ok := value.(json.Number)
				return ok && n.String() == strconv.Itoa(want)
			default:
				return value == want
			}
		})
	}
	for _, e := range d.IssuerSigned {
		if at := []string{e.NameSpace, e.Name}; e.NameSpace != "" && !slices.Equal(asked.Path, at) || e.NameSpace == "" && claimName(asked.Path) != e.Name {
			continue
		}
		if list, ok := e.Value.([]any); ok {
			return slices.ContainsFunc(list, one)
		}
		switch e.Value.(type) {
		case string, bool, json.Number:
			return one(e.Value)
		}
	}
	return false
}

// identityAnswer says who the holder is: only with a portrait to hold beside the
// face does a genuine document tell that.
func identityAnswer(c *checks, d *Document, h *held) policy.Entitlement {
	portrait, ok := h.values["portrait"].([]byte)
	shown := ok && len(portrait) > 0 && slices.ContainsFunc(d.IssuerSigned, func(e Element) bool { return bytes.Equal(e.Bytes, portrait) })
	if !shown || !c.has(Pass, "mdl.portrait") {
		c.notDone("id.portrait", "cannot tell who: no portrait to hold beside the face")
		return policy.CannotTell
	}
	c.pass("id.portrait", "a human compares it with the face")
	return policy.Yes
}

// driving lists what every category on the licence says here today, when the
// privileges were asked for.
func (d *Document) driving(h *held, o *Options) {
	list, ok := h.values["driving_privileges"].([]elements.Privilege)
	if !ok || !slices.ContainsFunc(d.IssuerSigned, func(e Element) bool { return e.Name == "driving_privileges" }) {
		return
	}
	var seen []string
	for _, p := range list {
		if slices.Contains(seen, p.Category) {
			continue // a category may stand there twice, and is answered once
		}
		seen = append(seen, p.Category)
		right := elements.MayDrive(list, p.Category, o.Now).In(o.policy().Territory, d.issuer)
		d.Driving = append(d.Driving, Driving{Category: p.Category, Answer: string(right.Answer), Reason: right.Reason,
			Conditions: codes(right.Codes), Notes: codes(right.Notes), From: right.Since, Until: right.Until, Domestic: right.Domestic})
	}
}

// codes writes codes in one line, each with its sign and value.
func codes(list []elements.Code) string {
	var words []string
	for _, code := range list {
		words = append(words, strings.TrimSpace(code.Code+" "+code.Sign+code.Value))
	}
	return strings.Join(words, ", ")
}

func (o *Options) drivingAnswer(c *checks, d *Document, h *held, category string) policy.Entitlement {
	list, ok := h.values["driving_privileges"].([]elements.Privilege)
	if !ok {
		c.notDone("mdl.driving", "no driving privileges were shown")
		return policy.CannotTell
	}
	if c.has(Fail, "mdl.expiry") {
		c.fail("mdl.driving", "the licence itself has ended")
		return policy.No
	}
	right := elements.MayDrive(list, category, o.Now).In(o.policy().Territory, d.issuer)
	return entitle(c, "mdl.driving", right.Answer, fmt.Sprintf("category %s: %s", category, right.Reason))
}

func ageAnswer(c *checks, h *held, nn int, at time.Time) policy.Entitlement {
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
