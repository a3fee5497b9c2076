package verification

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"vidimus/internal/cbor"
	"vidimus/internal/elements"
	"vidimus/internal/mdoc"
	"vidimus/internal/policy"
)

// held is what a document turned out to hold.
type held struct {
	// values are the decoded elements, shown or not, by the identifier of the
	// mDL or the data identifier of the PID.
	values map[string]any
	ages   map[int]bool
	// wrong and odd say what breaks the rules of the elements.
	wrong, odd []string
	// shows reports whether an element that was asked for is there.
	shows func(path []string) bool
}

func newHeld() *held { return &held{values: make(map[string]any, 32), ages: map[int]bool{}} }

// put keeps a decoded element.
func (h *held) put(row *elements.Element, decoded elements.Decoded) {
	for _, w := range decoded.Warnings {
		h.odd = append(h.odd, row.Name()+": "+w)
	}
	key := row.Data
	if key == "" {
		key = row.Identifier
	}
	h.values[key] = decoded.Value
	if nn, ok := elements.AgeOfElement(key); ok {
		if b, ok := decoded.Value.(bool); ok {
			h.ages[nn] = b
		}
	}
}

// mdocElements reads the elements, keeps what was asked for and answers the
// question. An element that cannot be decoded by its rule is not shown.
func (o *Options) mdocElements(c *checks, d *Document, signed *mdoc.IssuerSigned, shown *mdoc.Document, p path, request *policy.DocumentRequest) policy.Entitlement {
	h := newHeld()
	set, known := elements.ForDocType(d.Type)
	ages := ageStatements(signed)
	if request == nil {
		n := 0
		for _, ns := range signed.NameSpaces {
			n += len(ns.Items)
		}
		d.IssuerSigned = make([]Element, 0, n)
	}
	for _, ns := range signed.NameSpaces {
		for i := range ns.Items {
			item := &ns.Items[i]
			name := item.ElementIdentifier
			var value any // as decoded by its rule, nil where there is none
			if known && ns.Name == set.NameSpace {
				if row, ok := set.ByIdentifier(name); ok {
					decoded, err := row.Decode(item.ElementValue)
					if err != nil {
						h.wrong = append(h.wrong, err.Error())
						continue
					}
					h.put(&row, decoded)
					value = decoded.Value
				}
			}
			if wanted(request, ns.Name, name, ages[ns.Name]) {
				d.IssuerSigned = append(d.IssuerSigned, render(ns.Name, name, item.ElementValue, value))
			} else {
				d.Dropped = append(d.Dropped, ns.Name+" "+name)
			}
		}
	}
	h.shows = func(path []string) bool {
		return slices.ContainsFunc(d.IssuerSigned, func(e Element) bool {
			return matches(path, e.NameSpace, e.Name, ages[e.NameSpace])
		})
	}
	if shown != nil && c.holds("da.keyauth") && (c.holds("da.sig") || c.holds("da.mac")) {
		for _, ns := range shown.DeviceSigned.NameSpaces {
			for _, e := range ns.Elements {
				if wanted(request, ns.Name, e.Identifier, ages[ns.Name]) {
					d.DeviceSigned = append(d.DeviceSigned, render(ns.Name, e.Identifier, e.Value, nil))
				} else {
					d.Dropped = append(d.Dropped, ns.Name+" "+e.Identifier)
				}
			}
		}
	}
	o.elementChecks(c, h, known, p, d)
	return o.answer(c, d, h, request)
}

// render turns a value into JSON; a value that JSON cannot say is shown in
// diagnostic notation. What was decoded already is not decoded again where it
// reads as it was signed. Bytes are a copy: they outlive the message.
func render(ns, name string, item cbor.RawMessage, decoded any) Element {
	e := Element{NameSpace: ns, Name: name}
	switch v := decoded.(type) {
	case bool:
		e.Value = decoded
		return e
	case string:
		if item[0]>>5 == 3 || bytes.HasPrefix(item, fullDateTag) {
			e.Value = decoded
			return e
		}
	case uint64:
		e.Value = json.Number(strconv.FormatUint(v, 10))
		return e
	}
	if item[0]>>5 == 2 {
		if content, err := cbor.Bytes(item); err == nil {
			e.Bytes = bytes.Clone(content)
			e.Value = Base64URL(e.Bytes)
			return e
		}
	}
	var err error
	if e.Value, err = elements.Render(item); err != nil {
		e.Value = cbor.Diagnose(item)
	}
	return e
}

// fullDateTag is tag 1004.
var fullDateTag = []byte{0xd9, 0x03, 0xec}

// ageStatements are the age statements of a document by namespace, since which of
// them answers depends on the others.
func ageStatements(signed *mdoc.IssuerSigned) map[string]map[int]bool {
	ages := map[string]map[int]bool{}
	for _, ns := range signed.NameSpaces {
		for i := range ns.Items {
			nn, ok := elements.AgeOfElement(ns.Items[i].ElementIdentifier)
			over, decided := boolean(ns.Items[i].ElementValue)
			if !ok || !decided {
				continue
			}
			if ages[ns.Name] == nil {
				ages[ns.Name] = map[int]bool{}
			}
			ages[ns.Name][nn] = over
		}
	}
	return ages
}

// boolean reads true or false, as one byte.
func boolean(item cbor.RawMessage) (value, ok bool) {
	return len(item) == 1 && item[0] == 0xf5, len(item) == 1 && (item[0] == 0xf4 || item[0] == 0xf5)
}

// wanted reports whether an element of an mdoc was asked for.
func wanted(request *policy.DocumentRequest, ns, name string, ages map[int]bool) bool {
	return request == nil || slices.ContainsFunc(request.Elements, func(e policy.ElementRequest) bool {
		return matches(e.Path, ns, name, ages)
	})
}

// matches reports whether an element answers a request. Of the age statements
// that is the one asked for, else the nearest that decides (ISO/IEC 18013-5,
// 7.2.5): others would tell more of the age than was asked.
func matches(path []string, ns, name string, ages map[int]bool) bool {
	if len(path) != 2 || path[0] != ns {
		return false
	}
	asked, ok := elements.AgeOfElement(path[1])
	if !ok {
		return path[1] == name
	}
	if _, exactly := ages[asked]; exactly {
		return path[1] == name
	}
	nn, ok := elements.AgeOfElement(name)
	nearest, decides := elements.NearestAge(ages, asked)
	return ok && decides && nn == nearest
}

// elementChecks makes the checks over decoded values that hold for every
// question: encodings, country, contradictions, portrait, life of the document.
func (o *Options) elementChecks(c *checks, h *held, known bool, p path, d *Document) {
	switch {
	case !known:
		c.notDone("mdl.elements", "the rules of this document type are not known here")
	case len(h.wrong) > 0:
		c.fail("mdl.elements", some(h.wrong))
	case len(h.odd) > 0:
		c.warn("mdl.elements", some(h.odd))
	default:
		c.pass("mdl.elements", "")
	}
	_, hasCountry := h.values["issuing_country"]
	_, hasState := h.values["issuing_jurisdiction"]
	switch {
	case !hasCountry && !hasState:
		c.notDone("mdl.country", "not shown")
	case p.leaf.Country == "":
		c.notDone("mdl.country", "the signer's certificate names no country")
	default:
		if err := elements.CheckIssuer(h.values, p.leaf.Country, p.leaf.State); err != nil {
			c.fail("mdl.country", err.Error())
		} else {
			c.pass("mdl.country", "")
		}
	}
	if len(h.ages) > 0 {
		c.pass("age.over", "")
	}
	if err := elements.Check(h.values, elements.Moments{ValidFrom: d.Validity.From, Now: o.Now}); err != nil {
		id := "mdl.elements"
		var e *elements.Error
		if errors.As(err, &e) && strings.HasPrefix(e.Element, "age_") {
			id = "age.over"
		}
		c.fail(id, err.Error())
	}
	if portrait, ok := h.values["portrait"].([]byte); ok && len(portrait) > 0 {
		if err := o.portrait(c, portrait); err != nil {
			c.fail("mdl.portrait", err.Error())
			d.IssuerSigned = slices.DeleteFunc(d.IssuerSigned, func(e Element) bool { return bytes.Equal(e.Bytes, portrait) })
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

// portrait makes check mdl.portrait, but for its failure: a picture within the
// limits, decoded to the end where the caller wants that.
func (o *Options) portrait(c *checks, b []byte) error {
	p, err := elements.InspectPicture(b)
	if err != nil {
		return err
	}
	size := string(p.Format) + ", " + strconv.Itoa(p.Width) + " x " + strconv.Itoa(p.Height)
	switch {
	case !o.DecodePortrait:
		c.pass("mdl.portrait", size)
	case p.Format != elements.FormatJPEG:
		c.warn("mdl.portrait", size+": JPEG 2000 cannot be shown here")
	default:
		if _, err := elements.DecodePicture(b); err != nil {
			return err
		}
		c.pass("mdl.portrait", size+", decoded")
	}
	return nil
}

// some joins the first few of a list that a hostile document can make long.
func some(list []string) string {
	const most = 5
	if len(list) > most {
		return fmt.Sprintf("%s; and %d more", strings.Join(list[:most], "; "), len(list)-most)
	}
	return strings.Join(list, "; ")
}
