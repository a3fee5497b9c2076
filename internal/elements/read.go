package elements

import (
	"encoding/json"
	"strings"

	"vidimus/internal/cbor"
	"vidimus/internal/jose"
)

// Major types of CBOR (RFC 8949, 3.1). They are looked at before decoding, since
// a general decoder reads the text inside a tag, or null, where text is due.
const (
	majorUint  = 0
	majorBytes = 2
	majorText  = 3
	majorArray = 4
	majorMap   = 5
	majorTag   = 6
)

// tagOfInstant is tag 0 in its shortest form.
const tagOfInstant = 0xc0

func major(item []byte) int {
	if len(item) == 0 {
		return -1
	}
	return int(item[0] >> 5)
}

// readCBOR reads an item into the neutral form of its kind: types and tags are
// checked, rules are not. The warning tells of a form that is read and never
// written.
func readCBOR(kind Kind, item cbor.RawMessage) (value any, warning string, f *flaw) {
	switch kind {
	case KindBytes, KindImage, KindJPEG, KindBiometric:
		b, err := cbor.Bytes(item)
		if err != nil {
			return nil, "", wrong("byte string expected")
		}
		return b, "", nil
	case KindUint, KindSex, KindSexPID:
		n, err := cbor.Uint(item)
		if err != nil {
			return nil, "", wrong("unsigned integer expected")
		}
		return n, "", nil
	case KindBool:
		if len(item) != 1 || item[0] != 0xf4 && item[0] != 0xf5 {
			return nil, "", wrong("true or false expected")
		}
		return item[0] == 0xf5, "", nil
	case KindDate, KindDateTime, KindDateOrTime:
		return readMoment(kind, item)
	case KindTexts, KindCountries:
		value, f = readTexts(item)
		return value, "", f
	case KindPlace:
		value, f = readPlace(item)
		return value, "", f
	case KindPrivileges:
		value, f = readPrivileges(item)
		return value, "", f
	}
	value, f = readText(item)
	return value, "", f
}

func readText(item cbor.RawMessage) (string, *flaw) {
	s, err := cbor.Text(item)
	if err != nil {
		return "", wrong("text expected")
	}
	return s, nil
}

// readMoment demands the tag: an untagged date is refused, and so is one kind of
// date in place of the other (tag 0 where 1004 is due).
func readMoment(kind Kind, item cbor.RawMessage) (any, string, *flaw) {
	if major(item) != majorTag {
		return nil, "", wrong("date without tag")
	}
	if kind == KindDate || kind == KindDateOrTime && item[0] != tagOfInstant {
		if date, err := cbor.Date(item); err == nil {
			return string(date), "", nil
		}
	}
	if kind == KindDate {
		return nil, "", wrong("full-date (tag 1004) of the calendar expected")
	}
	t, err := cbor.Instant(item)
	if err != nil {
		return nil, "", wrong("date or date and time of the calendar expected")
	}
	warning := ""
	switch {
	case t.Fraction:
		warning = "fraction of a second"
	case t.Offset:
		warning = "time with an offset"
	}
	return t.UTC().Format(instantLayout), warning, nil
}

func readTexts(item cbor.RawMessage) ([]string, *flaw) {
	items, err := cbor.ArrayItems(item)
	if err != nil {
		return nil, wrong("list expected")
	}
	if len(items) > MaxList {
		return nil, broken("too many items")
	}
	list := make([]string, len(items))
	for i := range items {
		s, f := readText(items[i])
		if f != nil {
			return nil, f
		}
		list[i] = s
	}
	return list, nil
}

func readPlace(item cbor.RawMessage) (map[string]string, *flaw) {
	members, f := readMap(item)
	if f != nil {
		return nil, f
	}
	place := make(map[string]string, len(members))
	for k, v := range members {
		if place[k], f = readText(v); f != nil {
			return nil, f
		}
	}
	return place, nil
}

// readMap reads a map with text keys; duplicates are refused by the decoder.
func readMap(item cbor.RawMessage) (map[string]cbor.RawMessage, *flaw) {
	entries, err := cbor.MapEntries(item)
	if err != nil {
		return nil, wrong("map expected")
	}
	if len(entries) > MaxList {
		return nil, broken("too many members")
	}
	members := make(map[string]cbor.RawMessage, len(entries))
	for _, entry := range entries {
		k, f := readText(entry.Key)
		if f != nil {
			return nil, wrong("map with text keys expected")
		}
		members[k] = entry.Value
	}
	return members, nil
}

// readJSON reads a claim into the neutral form of its kind.
func readJSON(kind Kind, claim any) (any, *flaw) {
	switch kind {
	case KindBytes, KindImage, KindJPEG, KindBiometric:
		s, ok := claim.(string)
		if !ok {
			return nil, wrong("text with a data URL expected")
		}
		return readDataURL(kind, s)
	case KindUint, KindSex, KindSexPID:
		if _, ok := claim.(json.Number); !ok {
			return nil, wrong("number expected")
		}
		n, ok := unsigned(claim)
		if !ok {
			return nil, wrong("unsigned integer expected")
		}
		return n, nil
	case KindBool:
		b, ok := claim.(bool)
		if !ok {
			return nil, wrong("true or false expected")
		}
		return b, nil
	case KindTexts, KindCountries:
		list, ok := stringSlice(claim)
		if !ok {
			return nil, wrong("list of texts expected")
		}
		return list, nil
	case KindPlace:
		object, ok := claim.(map[string]any)
		if !ok {
			return nil, wrong("object expected")
		}
		place := make(map[string]string, len(object))
		for k, v := range object {
			if place[k], ok = v.(string); !ok {
				return nil, wrong("object of texts expected")
			}
		}
		return place, nil
	case KindPrivileges:
		return privilegesFromJSON(claim)
	}
	s, ok := claim.(string)
	if !ok {
		return nil, wrong("text expected")
	}
	return s, nil
}

func readDataURL(kind Kind, s string) ([]byte, *flaw) {
	if s == "" && kind == KindJPEG {
		return []byte{}, nil
	}
	head, body, ok := strings.Cut(s, ";base64,")
	media, isData := strings.CutPrefix(head, "data:")
	if !ok || !isData {
		return nil, wrong("data URL in base64 expected")
	}
	if picture := kind == KindJPEG || kind == KindImage; picture && media != "image/jpeg" && media != "image/jp2" {
		return nil, wrong("data URL of a JPEG expected")
	}
	if len(body) > MaxPicture/3*4+4 {
		return nil, broken("too many bytes")
	}
	b, err := jose.DecodeBase64(body)
	if err != nil {
		return nil, wrong("base64 expected")
	}
	return b, nil
}
