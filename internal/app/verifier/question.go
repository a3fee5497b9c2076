package verifier

import (
	"fmt"
	"strings"

	"vidimus/internal/mdoc"
	"vidimus/internal/policy"
)

// request asks for the elements of one document, and signs for this session.
// readerAuthAll stands beside readerAuth where the engagement says that the
// holder reads it (ISO/IEC 18013-5 second edition, capability 3).
func (r *reading) request(d policy.DocumentRequest) ([]byte, error) {
	o := mdoc.RequestOptions{Transcript: r.session.Transcript()}
	if r.Reader != nil {
		signer := *r.Reader
		signer.All = r.Engagement.Capabilities != nil && r.Engagement.Capabilities.ReaderAuthAll
		o.Reader = &signer
	}
	return mdoc.BuildDeviceRequest([]mdoc.ItemsRequest{itemsOf(d)}, o, r.Rand)
}

// itemsOf is the ItemsRequest of a part of a profile.
func itemsOf(d policy.DocumentRequest) mdoc.ItemsRequest {
	items := mdoc.ItemsRequest{DocType: d.Type}
	at := map[string]int{}
	for _, e := range d.Elements {
		i, known := at[e.Path[0]]
		if !known {
			i = len(items.NameSpaces)
			at[e.Path[0]] = i
			items.NameSpaces = append(items.NameSpaces, mdoc.RequestedNameSpace{Name: e.Path[0]})
		}
		items.NameSpaces[i].Elements = append(items.NameSpaces[i].Elements, mdoc.RequestedElement{Identifier: e.Path[1], IntentToRetain: e.Retain})
	}
	return items
}

// isCategory tells what may stand on a licence: a code of Annex B of ISO/IEC
// 18013-1, or one of a state.
func isCategory(s string) bool {
	return s != "" && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
}

// ChooseProfile finds a profile of a policy. category replaces the vehicle
// category of a question about driving; "" leaves it.
func ChooseProfile(p *policy.Policy, id, category string) (policy.Profile, error) {
	profile, ok := p.Profile(id)
	switch {
	case !ok:
		return policy.Profile{}, fmt.Errorf("the policy has no profile %q, it has %s", id, profiles(p))
	case category == "":
		return profile, nil
	case profile.Question.Driving == "":
		return policy.Profile{}, fmt.Errorf("the profile %s asks nothing about driving: a category is for one that does", id)
	case !isCategory(category):
		// In lower case no licence has it, and the answer would be no.
		return policy.Profile{}, fmt.Errorf("%.20q is no vehicle category: upper-case letters and digits are wanted, such as B, C1E", category)
	}
	profile.Question.Driving = category
	return profile, nil
}
