package issuer_test

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"vidimus/internal/app/invariants"
	"vidimus/internal/app/issuer"
)

// TestSignersOfReleased holds I12 against an office that changed its key: its copies are
// of published signers that cover them. Each lie about that is found.
func TestSignersOfReleased(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	first, second := o.generation("mdl", "first", 0, 90), o.generation("mdl", "second", 24, 114)
	o.turns("mdl", first, second)
	o.clock.Set(start.Add(25 * day))
	o.serve().people()
	if o.licence().key != o.keyOf(first) {
		t.Fatal("the first signs first")
	}
	o.clock.Set(start.Add(32 * day))
	if o.licence().key != o.keyOf(second) {
		t.Fatal("the second does not follow")
	}
	o.app.TendSigners(t.Context())
	o.must(o.stop())
	path := o.cfg.Path("published/certificates/document-signers.json")
	whole := o.read(path)
	look := func() invariants.Result {
		t.Helper()
		ev, err := invariants.Paths{
			Database: o.cfg.Path("issuer.db"), PublicURL: o.cfg.PublicURL, Dev: true, Lists: o.cfg.Path("published"), Root: o.cfg.Path(o.cfg.IACA.Certificate),
		}.Evidence(t.Context(), nil)
		o.must(err)
		results, _ := invariants.Check(ev)
		return results[slices.Index(invariants.Numbers(), "I12")]
	}
	if r := look(); r.Violated > 0 || r.Seen < 5 { // three certificates, two copies
		t.Errorf("%s", r)
	}
	var list issuer.DocumentSignerList
	o.must(json.Unmarshal(whole, &list))
	for name, lie := range map[string]func(*issuer.DocumentSignerList){
		"one is left out": func(l *issuer.DocumentSignerList) {
			l.Signers = slices.DeleteFunc(l.Signers, func(s issuer.DocumentSigner) bool { return s.KeyID == o.keyOf(first) })
		},
		"one was public after it had signed": func(l *issuer.DocumentSignerList) {
			for i := range l.Signers {
				l.Signers[i].Published = start.Add(33 * day)
			}
		},
		"one has the name of another": func(l *issuer.DocumentSignerList) {
			l.Signers[0].KeyID, l.Signers[1].KeyID = l.Signers[1].KeyID, l.Signers[0].KeyID
		},
	} {
		changed := list
		changed.Signers = slices.Clone(list.Signers)
		lie(&changed)
		text, err := json.Marshal(changed)
		o.must(err)
		o.must(os.WriteFile(path, text, 0o644))
		if r := look(); r.Violated == 0 {
			t.Errorf("%s: not found: %s", name, r)
		}
	}
	o.must(os.WriteFile(path, whole[:len(whole)/2], 0o644))
	if r := look(); r.Violated == 0 {
		t.Errorf("half a list: %s", r)
	}
}
