package mdoc

// ElementRef names a data element.
type ElementRef struct {
	NameSpace, Identifier string
}

// Chooser finds what a holder answers to a request for an element that it does
// not hold under that name: an age_over_NN is answered by the nearest statement
// (ISO/IEC 18013-5, 7.2.5). held are the items of the namespace. It returns the
// identifier to show, false for nothing. A nil Chooser answers by name alone.
type Chooser func(requested string, held NameSpace) (identifier string, ok bool)

// Satisfy compares a request with what is held and returns the elements to show
// (for [IssuerSigned.Select]) and those that cannot be. The docTypes must be
// equal; consent is the caller's business.
func Satisfy(request *ItemsRequest, held *IssuerSigned, choose Chooser) (want map[string][]string, missing []ElementRef) {
	want = map[string][]string{}
	for _, asked := range request.NameSpaces {
		var ns NameSpace
		if request.DocType == held.MSO.DocType {
			ns = held.nameSpace(asked.Name)
		}
		for _, element := range asked.Elements {
			identifier, ok := ns.find(element.Identifier)
			if !ok && choose != nil && len(ns.Items) > 0 {
				identifier, ok = choose(element.Identifier, ns)
			}
			if !ok {
				missing = append(missing, ElementRef{asked.Name, element.Identifier})
				continue
			}
			want[asked.Name] = append(want[asked.Name], identifier)
		}
	}
	return want, missing
}

func (s *IssuerSigned) nameSpace(name string) NameSpace {
	for _, ns := range s.NameSpaces {
		if ns.Name == name {
			return ns
		}
	}
	return NameSpace{Name: name}
}

func (ns NameSpace) find(identifier string) (string, bool) {
	for i := range ns.Items {
		if ns.Items[i].ElementIdentifier == identifier {
			return identifier, true
		}
	}
	return "", false
}

// Answers reports whether an issuer-signed item answers a request for an element
// of another name in the same namespace: age_over_21 = true answers age_over_18.
// A nil Answers goes by name alone.
type Answers func(requested string, item *IssuerSignedItem) bool

// Satisfaction is the comparison of a document with the request for it.
type Satisfaction struct {
	Missing []ElementRef        // requested and not returned
	Kept    []NameSpace         // issuer-signed items that answer the request
	Extra   []ElementRef        // issuer-signed items that nobody asked for: to be dropped, never stored
	Retain  map[ElementRef]bool // of the kept items: whether the request announced retention
}

// Compare sorts the issuer-signed items of the document into those that answer
// the request and those that do not. Device-signed elements answer nothing.
func (d *Document) Compare(request *ItemsRequest, answers Answers) Satisfaction {
	s := Satisfaction{Retain: map[ElementRef]bool{}}
	if request.DocType != d.DocType {
		for _, ns := range d.IssuerSigned.NameSpaces {
			for i := range ns.Items {
				s.Extra = append(s.Extra, ElementRef{ns.Name, ns.Items[i].ElementIdentifier})
			}
		}
		for _, asked := range request.NameSpaces {
			for _, e := range asked.Elements {
				s.Missing = append(s.Missing, ElementRef{asked.Name, e.Identifier})
			}
		}
		return s
	}
	for _, asked := range request.NameSpaces {
		ns := d.IssuerSigned.nameSpace(asked.Name)
		for _, e := range asked.Elements {
			found := false
			for i := range ns.Items {
				if item := &ns.Items[i]; answering(e.Identifier, item, answers) {
					found = true
					ref := ElementRef{ns.Name, item.ElementIdentifier}
					// Two requests answered by one item: it may be kept only if both said so.
					before, seen := s.Retain[ref]
					s.Retain[ref] = e.IntentToRetain && (before || !seen)
				}
			}
			if !found {
				s.Missing = append(s.Missing, ElementRef{asked.Name, e.Identifier})
			}
		}
	}
	for _, ns := range d.IssuerSigned.NameSpaces {
		kept := NameSpace{Name: ns.Name}
		for i := range ns.Items {
			ref := ElementRef{ns.Name, ns.Items[i].ElementIdentifier}
			if _, ok := s.Retain[ref]; ok {
				kept.Items = append(kept.Items, ns.Items[i])
			} else {
				s.Extra = append(s.Extra, ref)
			}
		}
		if len(kept.Items) > 0 {
			s.Kept = append(s.Kept, kept)
		}
	}
	return s
}

func answering(requested string, item *IssuerSignedItem, answers Answers) bool {
	return item.ElementIdentifier == requested || answers != nil && answers(requested, item)
}

// Findings reports req.satisfied: a warning that names what is missing (whether
// that is a failure is policy) and what was returned without being asked for.
func (s Satisfaction) Findings() []Finding {
	o := newOutcome(CheckSatisfied)
	for _, m := range s.Missing {
		o.warn("%.64q of %.64q is missing", m.Identifier, m.NameSpace)
	}
	for _, e := range s.Extra {
		o.warn("%.64q of %.64q was not asked for and is dropped", e.Identifier, e.NameSpace)
	}
	return []Finding{o.finding()}
}
