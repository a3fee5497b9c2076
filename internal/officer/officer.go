package officer

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Role is a bundle of powers.
type Role string

// The roles. A reader looks people up; an editor proposes and confirms as well,
// approves what wallets ask for and makes them offers; an auditor reads who looked whom up, and sees no person.
const (
	Reader  Role = "reader"
	Editor  Role = "editor"
	Auditor Role = "auditor"
)

// Roles lists them.
func Roles() []Role { return []Role{Reader, Editor, Auditor} }

// Officer is one account of the configuration.
type Officer struct {
	ID   string // lower-case letters, digits, . _ and -
	Name string // as colleagues know it
	// Human names the human being behind the account: two accounts of one human
	// never count as two.
	Human string
	Roles []Role
	// Pins are the SHA-256 digests, in hexadecimal, of the public keys
	// (SubjectPublicKeyInfo) of the certificates that this officer comes with.
	Pins     []string
	Disabled bool
}

// Power is something that a role lets an officer do.
type Power string

// The powers.
const (
	PowerLookUp   Power = "look-up"
	PowerPropose  Power = "propose"
	PowerConfirm  Power = "confirm"
	PowerWithdraw Power = "withdraw"
	PowerRecord   Power = "record"
	PowerApprove  Power = "approve" // a wallet's request that a person must approve
	PowerOffer    Power = "offer"   // copies to a person's wallet
)

// Powers lists them.
func Powers() []Power {
	return []Power{PowerLookUp, PowerPropose, PowerConfirm, PowerWithdraw, PowerRecord, PowerApprove, PowerOffer}
}

// matrix is who may do what. An auditor does nothing else, so that nobody looks
// over his own shoulder.
var matrix = map[Role][]Power{
	Reader:  {PowerLookUp},
	Editor:  {PowerLookUp, PowerPropose, PowerConfirm, PowerWithdraw, PowerApprove, PowerOffer},
	Auditor: {PowerRecord},
}

// May reports whether a role of the officer covers p.
func (o Officer) May(p Power) bool {
	return slices.ContainsFunc(o.Roles, func(r Role) bool { return slices.Contains(matrix[r], p) })
}

func (o Officer) roles() string {
	words := make([]string, len(o.Roles))
	for i, r := range o.Roles {
		words[i] = string(r)
	}
	return strings.Join(words, ",")
}

func (o Officer) check() error {
	bad := func(why string) error { return fmt.Errorf("officer %q: %s", o.ID, why) }
	switch {
	case !within(o.ID, maxID, wordByte):
		return bad("the id is not 1 to 64 lower-case letters, digits, dots, - and _")
	case !plain(o.Name, maxName):
		return bad("the name is not plain text of 1 to 150 characters")
	case !within(o.Human, maxID, visibleByte):
		return bad("human is not 1 to 64 visible ASCII characters")
	case len(o.Roles) == 0:
		return bad("no role")
	case len(o.Pins) > maxPins:
		return bad("too many pins")
	}
	for i, r := range o.Roles {
		if matrix[r] == nil {
			return bad(fmt.Sprintf("no such role: %q", r))
		}
		if slices.Contains(o.Roles[:i], r) {
			return bad("a role twice")
		}
	}
	if slices.Contains(o.Roles, Auditor) && len(o.Roles) > 1 {
		return bad("an auditor has no other role")
	}
	for _, p := range o.Pins {
		if raw, err := hex.DecodeString(p); err != nil || len(raw) != sha256.Size {
			return bad("a pin is not a SHA-256 in hexadecimal")
		}
	}
	return nil
}

// directory finds officers.
type directory struct {
	byID  map[string]Officer
	byPin map[string]string // lower case -> id
}

// Check says what is wrong with a list of officers, each and together.
func Check(list []Officer) error {
	_, err := newDirectory(list)
	return err
}

func newDirectory(list []Officer) (directory, error) {
	d := directory{map[string]Officer{}, map[string]string{}}
	if len(list) > MaxOfficers {
		return d, fmt.Errorf("more than %d officers", MaxOfficers)
	}
	looks, isLookedAt := map[string]string{}, map[string]string{}
	var errs []error
	for _, o := range list {
		if err := o.check(); err != nil {
			errs = append(errs, err)
			continue
		}
		if _, twice := d.byID[o.ID]; twice {
			errs = append(errs, fmt.Errorf("officer %q twice", o.ID))
		}
		for _, p := range o.Pins {
			p = strings.ToLower(p)
			if other, taken := d.byPin[p]; taken {
				errs = append(errs, fmt.Errorf("officers %q and %q have one pin", other, o.ID))
			}
			d.byPin[p] = o.ID
		}
		if o.May(PowerRecord) {
			looks[o.Human] = o.ID
		} else {
			isLookedAt[o.Human] = o.ID
		}
		d.byID[o.ID] = o
	}
	for human, id := range looks {
		if other, both := isLookedAt[human]; both {
			errs = append(errs, fmt.Errorf("officers %q and %q are one human: who audits is not audited", id, other))
		}
	}
	return d, errors.Join(errs...)
}

// active finds an officer who may log in.
func (d directory) active(id string) (Officer, bool) {
	o, ok := d.byID[id]
	return o, ok && !o.Disabled
}

// within accepts 1 to limit bytes that are all ok.
func within(s string, limit int, ok func(byte) bool) bool {
	if s == "" || len(s) > limit {
		return false
	}
	for i := 0; i < len(s); i++ {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

func visibleByte(c byte) bool { return c > ' ' && c < 0x7f }

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_'
}

// referenceByte is what numbers of cases are made of.
func referenceByte(c byte) bool {
	return c >= 'A' && c <= 'Z' || wordByte(c) || c == '/' || c == ':'
}

// plain accepts 1 to limit characters that an eye can see.
func plain(s string, limit int) bool {
	return s != "" && len(s) <= 4*limit && utf8.ValidString(s) && utf8.RuneCountInString(s) <= limit &&
		strings.TrimSpace(s) == s &&
		!strings.ContainsFunc(s, func(r rune) bool {
			return r != ' ' && !unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S)
		})
}
