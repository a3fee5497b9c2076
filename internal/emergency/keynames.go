package emergency

import (
	"slices"
	"strings"

	"vidimus/internal/legible"
	"vidimus/internal/problem"
)

// KeyName says whose the id of a key is: nobody knows a thumbprint by heart.
type KeyName struct {
	ID         string `json:"id"`
	Signer     string `json:"signer"`      // its name in the configuration
	CommonName string `json:"common_name"` // of its certificate
	Serial     string `json:"serial"`      // likewise, hexadecimal
}

// KeyNames are those that the office knows, one for each certificate.
type KeyNames []KeyName

// bySerial begins the value of a wish that names a key by its certificate.
const bySerial = "serial="

// Of is an id for a human: with signer and certificates, where they are known.
func (k KeyNames) Of(id string) string {
	var names []string
	for _, n := range k {
		if n.ID == id {
			names = append(names, n.Signer+", CN="+n.CommonName+", serial "+n.Serial)
		}
	}
	if len(names) == 0 {
		return legible.Line(id)
	}
	return legible.Line(id + " (" + strings.Join(names, "; ") + ")")
}

// scope is a scope for a human.
func (k KeyNames) scope(s Scope) string {
	if s.Kind == OfKey {
		return string(s.Kind) + " " + k.Of(s.Value)
	}
	return legible.Line(s.String())
}

// Line is the stop for a human.
func (s Stop) Line(keys KeyNames) string { return keys.scope(Scope{Kind: s.Kind, Value: s.Value}) }

// Line is the plan for a human: what it does to what.
func (p Plan) Line(keys KeyNames) string { return string(p.Act) + " " + keys.scope(p.Scope) }

// find gives the id that a human means by an id, the serial number of a certificate
// or the name of a signer. ids are those that there are beside the named ones.
// Kinds: NotFound, with what there is; InvalidRequest for a word that several keys
// have.
func (k KeyNames) find(word string, ids []string) (string, error) {
	if slices.Contains(ids, word) {
		return word, nil
	}
	serial, number := strings.CutPrefix(word, bySerial)
	serial = strings.TrimLeft(strings.ReplaceAll(strings.ToLower(serial), ":", ""), "0")
	var found []string
	for _, n := range k {
		same := n.Signer == word
		if number {
			same = serial != "" && strings.TrimLeft(strings.ToLower(n.Serial), "0") == serial
		}
		if same && slices.Contains(ids, n.ID) && !slices.Contains(found, n.ID) {
			found = append(found, n.ID)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", problem.New(problem.NotFound, "no key %s: there are %s", legible.Line(word), k.some(ids))
	}
	return "", problem.New(problem.InvalidRequest, "%s is the name of several keys, those that signed before are among them: name the one that was lost by its id or by %sHEX of its certificate: %s", legible.Line(word), bySerial, k.some(found))
}

// some lists ids for a human.
func (k KeyNames) some(ids []string) string {
	var out []string
	for _, id := range ids {
		out = append(out, k.Of(id))
	}
	return some(out)
}
