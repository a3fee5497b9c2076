package elements

// AgeDocType is the doctype, and AgeNameSpace the namespace, of the proof of age
// of the European Union's age verification profile.
const (
	AgeDocType   = "eu.europa.ec.av.1"
	AgeNameSpace = "eu.europa.ec.av.1"
)

// AgeAttestation is a document of age statements alone: nothing in it tells who
// the holder is, and it has no portrait.
var AgeAttestation = &Set{DocType: AgeDocType, NameSpace: AgeNameSpace, family: ageFamily}

// ageFamily gives the row of age_over_NN with two digits.
func ageFamily(identifier string) (Element, bool) {
	if _, ok := AgeOfElement(identifier); !ok {
		return Element{}, false
	}
	return Element{Identifier: identifier, Data: identifier, Kind: KindBool}, true
}
