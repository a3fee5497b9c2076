package document

import (
	"slices"
	"time"
)

// occurrence is a fact that begins to hold.
type occurrence struct {
	fact    Fact
	measure string // id, of facts about measures
	wallet  string // unit, when only copies in it are concerned
	since   time.Time
	cause   EventID
	// apart: each document is a notice of its own.
	apart bool
}

// passes tells whether a fact with this effect is one that a wallet can wait out.
func (o occurrence) passes(e Effect) bool {
	return e == EffectRevokeAndBlock && o.measure != "" && o.fact != FactMeasureEnded
}

// affect adds to a change what an occurrence does to the copies of documents:
// those of docType, or of every type when that is "".
func (t Table) affect(c *Change, o occurrence, docs []Document, docType string) {
	told := EffectNone
	tell := false
	for i := range docs {
		d := &docs[i]
		if docType != "" && d.Type != docType {
			continue
		}
		rule := t.Rule(d.Type, o.fact)
		if rule.Notice {
			if o.apart {
				c.tell(o, d.Number, rule.Effect)
			} else {
				tell, told = true, stronger(told, rule.Effect)
			}
		}
		if !rule.Effect.revokes() {
			continue
		}
		revocation := Revocation{Document: d.Number, Wallet: o.wallet, Fact: o.fact, Urgent: rule.Urgent, Cause: o.cause}
		if !slices.Contains(c.Revoke, revocation) {
			c.Revoke = append(c.Revoke, revocation)
		}
		// Of a lost wallet only its own grants are void: Change.Wallets.
		if !rule.Effect.ends() || o.wallet != "" {
			continue
		}
		if !slices.Contains(c.Void, d.Number) {
			c.Void = append(c.Void, d.Number)
		}
		if !o.passes(rule.Effect) && !slices.Contains(c.Ended, d.Number) {
			c.Ended = append(c.Ended, d.Number)
		}
	}
	if tell {
		c.tell(o, "", told)
	}
}

func (c *Change) tell(o occurrence, document string, e Effect) {
	c.Notices = append(c.Notices, Notice{Document: document, Fact: o.fact, Measure: o.measure, Effect: e, Since: o.since, Cause: o.cause})
}

// revokes tells whether the copies that exist are revoked.
func (e Effect) revokes() bool { return e != EffectNone && e != "" }

// ends tells whether grants given before are void.
func (e Effect) ends() bool { return e == EffectRevoke || e == EffectRevokeAndBlock }

// effects in the order of their strength.
var effects = []Effect{EffectNone, EffectReissue, EffectReissueReduced, EffectRevoke, EffectRevokeAndBlock}

func stronger(a, b Effect) Effect {
	if slices.Index(effects, b) > slices.Index(effects, a) {
		return b
	}
	return a
}

// loseWallet: the copies in a wallet, or in all of the person. A unit that was
// lost gets none any more.
func (a *application) loseWallet(s *Subject, p WalletLost) (bool, error) {
	if s.Version == 0 {
		return false, errNobody
	}
	o := a.fact(FactWalletLost)
	o.wallet = p.Wallet
	a.table.affect(&a.change, o, s.Documents, "")
	ends := len(s.Documents) == 0 && a.table.Rule(anyType, FactWalletLost).Effect.ends() ||
		slices.ContainsFunc(s.Documents, func(d Document) bool { return a.table.Rule(d.Type, FactWalletLost).Effect.ends() })
	if p.Wallet != "" && ends {
		a.change.Wallets = append(a.change.Wallets, p.Wallet)
	}
	return true, nil
}

// revokeUnit has no person to look at: the row "*" counts.
func (t Table) revokeUnit(p WalletUnitRevoked, ev Event) Change {
	c := Change{Applied: true}
	rule := t.Rule(anyType, FactWalletUnitRevoked)
	if rule.Effect.revokes() {
		c.Revoke = []Revocation{{Wallet: p.Wallet, Fact: FactWalletUnitRevoked, Urgent: rule.Urgent, Cause: ev.ID}}
	}
	if rule.Effect.ends() {
		c.Wallets = []string{p.Wallet}
	}
	if rule.Notice {
		c.tell(occurrence{fact: FactWalletUnitRevoked, since: kept(ev.Effective), cause: ev.ID}, "", rule.Effect)
	}
	return c
}
