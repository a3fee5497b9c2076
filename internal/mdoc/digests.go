package mdoc

import (
	"crypto/subtle"
	"slices"
)

// VerifyDigests reports mso.digest and mso.dup.
func (s *IssuerSigned) VerifyDigests() []Finding {
	return []Finding{s.verifyDigests(), s.verifyUnique(nil)}
}

// VerifyDigests reports mso.digest and mso.dup of the document, device-signed
// elements included.
func (d *Document) VerifyDigests() []Finding {
	return []Finding{d.IssuerSigned.verifyDigests(), d.IssuerSigned.verifyUnique(d.DeviceSigned)}
}

// verifyDigests hashes every returned item as received and compares it with the
// digest of its namespace and digestID in the MSO (ISO/IEC 18013-5, 9.3.1, step
// 3). A digest that is missing fails like one that differs.
func (s *IssuerSigned) verifyDigests() Finding {
	o := newOutcome(CheckDigest)
	var buf [64]byte
	for i := range s.NameSpaces {
		ns := &s.NameSpaces[i]
		digests, ok := s.MSO.ValueDigests[ns.Name]
		if !ok {
			o.fail("namespace %.64q has no digests", ns.Name)
			continue
		}
		for j := range ns.Items {
			item := &ns.Items[j]
			want, ok := digests[item.DigestID]
			if !ok {
				o.fail("no digest %d for %.64q in %.64q", item.DigestID, item.ElementIdentifier, ns.Name)
				continue
			}
			got := appendDigest(buf[:0], s.MSO.DigestAlgorithm, item.Raw)
			// Lengths were fixed when the MSO was parsed, so that no comparison of
			// nothing with nothing can succeed.
			if len(got) == 0 || subtle.ConstantTimeCompare(got, want) != 1 {
				o.fail("digest of %.64q in %.64q differs", item.ElementIdentifier, ns.Name)
			}
		}
	}
	return o.finding()
}

// verifyUnique makes sure that an element has one value and a digest one item:
// mso.dup. An issuer may have signed an old and a new address; which one is
// shown must not be the holder's choice, nor may a device-signed value stand
// beside an issuer-signed one.
func (s *IssuerSigned) verifyUnique(device *DeviceSigned) Finding {
	o := newOutcome(CheckDuplicate)
	for i := range s.NameSpaces {
		ns := &s.NameSpaces[i]
		if item, ok := ns.repeated(); ok {
			o.fail("element %.64q or digestID %d occurs twice in %.64q", item.ElementIdentifier, item.DigestID, ns.Name)
		}
	}
	if device == nil || len(device.NameSpaces) == 0 {
		return o.finding()
	}
	issued := s.elements()
	for _, ns := range device.NameSpaces {
		for _, e := range ns.Elements {
			if _, ok := issued[ElementRef{ns.Name, e.Identifier}]; ok {
				o.fail("element %.64q in %.64q is signed by issuer and device", e.Identifier, ns.Name)
			}
		}
	}
	return o.finding()
}

// elements returns the set of elements that items are about.
func (s *IssuerSigned) elements() map[ElementRef]struct{} {
	set := map[ElementRef]struct{}{}
	for i := range s.NameSpaces {
		for j := range s.NameSpaces[i].Items {
			set[ElementRef{s.NameSpaces[i].Name, s.NameSpaces[i].Items[j].ElementIdentifier}] = struct{}{}
		}
	}
	return set
}

// repeated returns an item whose identifier or digestID an earlier item has. Few
// items are compared pairwise, without maps.
func (ns *NameSpace) repeated() (*IssuerSignedItem, bool) {
	if len(ns.Items) <= 32 {
		for i := range ns.Items {
			item := &ns.Items[i]
			for j := range ns.Items[:i] {
				if ns.Items[j].DigestID == item.DigestID || ns.Items[j].ElementIdentifier == item.ElementIdentifier {
					return item, true
				}
			}
		}
		return nil, false
	}
	identifiers := make(map[string]struct{}, len(ns.Items))
	ids := make(map[uint64]struct{}, len(ns.Items))
	for i := range ns.Items {
		item := &ns.Items[i]
		identifiers[item.ElementIdentifier] = struct{}{}
		ids[item.DigestID] = struct{}{}
		if len(identifiers) != i+1 || len(ids) != i+1 {
			return item, true
		}
	}
	return nil, false
}

// VerifyDocType compares the docType that the issuer signed with that of the
// document: mso.doctype (ISO/IEC 18013-5, 9.3.1, step 4).
func (d *Document) VerifyDocType() []Finding {
	o := newOutcome(CheckDocType)
	if d.IssuerSigned.MSO.DocType != d.DocType {
		o.fail("MSO says %.64q, document says %.64q", d.IssuerSigned.MSO.DocType, d.DocType)
	}
	return []Finding{o.finding()}
}

// VerifyRequested reports whether a document of this docType was asked for:
// doc.requested.
func (d *Document) VerifyRequested(docTypes ...string) []Finding {
	o := newOutcome(CheckRequested)
	if !slices.Contains(docTypes, d.DocType) {
		o.fail("docType %.64q was not asked for", d.DocType)
	}
	return []Finding{o.finding()}
}
