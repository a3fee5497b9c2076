package wallet

import (
	"vidimus/internal/elements"
	"vidimus/internal/mdoc"
)

// answering finds the element to show for one that was asked for: itself, or
// for age_over_NN the nearest statement (ISO/IEC 18013-5, 7.2.5): the smallest
// nn of NN or more that is true, else the largest nn of NN or less that is
// false, else nothing.
func answering(signed *mdoc.IssuerSigned, nameSpace, asked string) (string, bool) {
	if signed.Item(nameSpace, asked) != nil {
		return asked, true
	}
	nn, ok := elements.AgeOfElement(asked)
	if !ok {
		return "", false
	}
	above, below := 100, -1
	for _, ns := range signed.NameSpaces {
		if ns.Name != nameSpace {
			continue
		}
		for i := range ns.Items {
			age, ok := elements.AgeOfElement(ns.Items[i].ElementIdentifier)
			var over bool
			if !ok || ns.Items[i].Decode(&over) != nil {
				continue
			}
			if over && age >= nn {
				above = min(above, age)
			} else if !over && age <= nn {
				below = max(below, age)
			}
		}
	}
	switch {
	case above < 100:
		return elements.AgeElement(above), true
	case below >= 0:
		return elements.AgeElement(below), true
	}
	return "", false
}
