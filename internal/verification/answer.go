package verification

import (
	"fmt"
	"slices"
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
	d.driving(h, o.Now)
	switch {
	case request == nil:
		c.notDone("req.satisfied", "nothing in particular was asked for")
	case c.has(Fail, "doc.requested"):
		c.notDone("req.satisfied", "nothing of this document was asked for")
	default:
		for _, e := range request.Elements {
			if !e.Optional && !h.shows(e.Path) {
				d.Missing = append(d.Missing, strings.Join(e.Path, " "))
			}
		}
		if len(d.Missing) > 0 {
			c.fail("req.satisfied", "not shown: "+strings.Join(d.Missing, ", "))
		} else {
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
	case o.Profile.Question.Driving != "":
		return drivingAnswer(c, h, o.Profile.Question.Driving, o.Now)
	}
	return ageAnswer(c, h, o.Profile.Question.AgeOver, o.Now)
}

// driving lists what every category on the licence says today, when the
// privileges were asked for.
func (d *Document) driving(h *held, at time.Time) {
	list, ok := h.values["driving_privileges"].([]elements.Privilege)
	if !ok || !slices.ContainsFunc(d.IssuerSigned, func(e Element) bool { return e.Name == "driving_privileges" }) {
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

func drivingAnswer(c *checks, h *held, category string, at time.Time) policy.Entitlement {
	list, ok := h.values["driving_privileges"].([]elements.Privilege)
	if !ok {
		c.notDone("mdl.driving", "no driving privileges were shown")
		return policy.CannotTell
	}
	if c.has(Fail, "mdl.expiry") {
		c.fail("mdl.driving", "the licence itself has ended")
		return policy.No
	}
	right := elements.MayDrive(list, category, at)
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
