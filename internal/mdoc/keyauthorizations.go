package mdoc

// KeyAuthorizations says what the device key may sign besides its own presence
// (ISO/IEC 18013-5, 9.1.2.4): all elements of some namespaces, and single ones.
// The zero value allows nothing.
type KeyAuthorizations struct {
	NameSpaces   []string
	DataElements map[string][]string // namespace => identifiers
}

func (k KeyAuthorizations) empty() bool {
	return len(k.NameSpaces) == 0 && len(k.DataElements) == 0
}

// check applies the rules for issuers: nothing empty, nothing said twice.
func (k KeyAuthorizations) check() error {
	if len(k.NameSpaces) > MaxNameSpaces || len(k.DataElements) > MaxNameSpaces {
		return ruleBroken("keyAuthorizations with more than %d namespaces", MaxNameSpaces)
	}
	seen := map[ElementRef]struct{}{} // a whole namespace has no identifier
	for _, ns := range k.NameSpaces {
		seen[ElementRef{NameSpace: ns}] = struct{}{}
		if ns == "" {
			return ruleBroken("keyAuthorizations names a namespace without name")
		}
	}
	if len(seen) != len(k.NameSpaces) {
		return ruleBroken("keyAuthorizations names a namespace twice")
	}
	for ns, identifiers := range k.DataElements {
		if ns == "" || len(identifiers) == 0 || len(identifiers) > MaxItems {
			return ruleBroken("keyAuthorizations with %d elements in namespace %.64q", len(identifiers), ns)
		}
		if _, ok := seen[ElementRef{NameSpace: ns}]; ok {
			return ruleBroken("keyAuthorizations names namespace %.64q as a whole and in part", ns)
		}
		before := len(seen)
		for _, id := range identifiers {
			seen[ElementRef{ns, id}] = struct{}{}
			if id == "" {
				return ruleBroken("keyAuthorizations names an element without name")
			}
		}
		if len(seen)-before != len(identifiers) {
			return ruleBroken("keyAuthorizations names an element of %.64q twice", ns)
		}
	}
	return nil
}

// parse reads the map. What breaks the rules for issuers but is clear is noted.
func (k *KeyAuthorizations) parse(b []byte, n *notes) error {
	err := eachMember(CheckFormat, "KeyAuthorizations", b, func(name, value []byte) (err error) {
		switch string(name) {
		case "nameSpaces":
			k.NameSpaces, err = parseTexts(value, "nameSpaces", MaxNameSpaces)
		case "dataElements":
			k.DataElements = map[string][]string{}
			err = eachMember(CheckFormat, "dataElements", value, func(ns, value []byte) (err error) {
				if len(k.DataElements) == MaxNameSpaces {
					return refuseKind(ErrLimit, CheckFormat, "more than %d namespaces", MaxNameSpaces)
				}
				k.DataElements[string(ns)], err = parseTexts(value, "dataElements", MaxItems)
				return err
			})
		default:
			n.unknown("KeyAuthorizations", name)
		}
		return err
	})
	if err != nil {
		return err
	}
	if k.empty() {
		n.warn(CheckFormat, "keyAuthorizations is empty")
	} else if err := k.check(); err != nil {
		n.warn(CheckFormat, "%v", err)
	}
	return nil
}

// parseTexts reads an array of at most max texts.
func parseTexts(b []byte, structure string, max int) ([]string, error) {
	_, count, ok := elementsOf(b)
	if !ok {
		return nil, refuse(CheckFormat, "%s is no array", structure)
	}
	if count > max {
		return nil, refuseKind(ErrLimit, CheckFormat, "%s with %d names, at most %d", structure, count, max)
	}
	texts := make([]string, 0, count)
	err := eachItem(CheckFormat, structure, b, func(_ int, item []byte) error {
		text, ok := textOf(item)
		if !ok {
			return refuse(CheckFormat, "%s holds something else than text", structure)
		}
		texts = append(texts, string(text))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return texts, nil
}
