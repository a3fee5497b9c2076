package wallet

import (
	"bytes"
	"strings"
	"testing"

	"vidimus/internal/pki"
	"vidimus/internal/wallet"
)

func inquiry(reader wallet.ReaderIdentity) wallet.Inquiry {
	return wallet.Inquiry{Documents: []wallet.AskedDocument{
		{DocType: "org.iso.18013.5.1.mDL", Batch: "b", Reader: reader, Elements: []wallet.AskedElement{
			{Asked: "family_name", Shown: "family_name", Retain: true}, {Asked: "age_over_19", Shown: "age_over_21"}, {Asked: "shoe_size"},
		}},
		{DocType: "org.example.fishing\x1b[2J", Reader: reader},
	}}
}

// Who asks, for what, and what the holder's word does.
func TestConsent(t *testing.T) {
	known := wallet.ReaderIdentity{State: wallet.ReaderKnown, Name: "Utopia Police", Device: "Patrol 7", Authority: "Utopia", Revocation: pki.NotRevoked}
	unsure := known
	unsure.Revocation = pki.RevocationNotChecked
	revoked := known
	revoked.State = wallet.ReaderRevoked
	stranger := wallet.ReaderIdentity{State: wallet.ReaderUnknown, Name: "Utopia Police\u202e"}
	false_ := wallet.ReaderIdentity{State: wallet.ReaderInvalid, Reason: "ra.sig: wrong"}
	for _, tt := range []struct {
		name   string
		a      Agreement
		answer string
		reader wallet.ReaderIdentity
		shown  bool
		says   string
	}{
		{"known, yes", AgreeAsk, "y\n", known, true, "Utopia Police (Patrol 7), vouched for by Utopia, not revoked asks for org.iso.18013.5.1.mDL"},
		{"known, YES without an end", AgreeAsk, " YES", known, true, ""},
		{"known, no", AgreeAsk, "n\n", known, false, "nothing is shown"},
		{"known, nobody answers", AgreeAsk, "", known, false, "nothing is shown"},
		{"known, something else", AgreeAsk, "sure\n", known, false, "nothing is shown"},
		{"known, unsure", AgreeKnown, "", unsure, true, "whether it was revoked is not known"},
		{"a stranger, yes", AgreeAsk, "y\n", stranger, true, "whom nobody vouches for"},
		{"a stranger, careful", AgreeKnown, "", stranger, false, ""},
		{"a stranger, careless", AgreeAll, "", stranger, true, ""},
		{"nobody, careful", AgreeKnown, "", wallet.ReaderIdentity{State: wallet.ReaderAnonymous}, false, "somebody who does not say who"},
		{"revoked, yes", AgreeAsk, "y\n", revoked, false, "REVOKED: Utopia Police (Patrol 7) of Utopia"},
		{"revoked, careless", AgreeAll, "", revoked, false, "nothing is shown to this reader"},
		{"false, yes", AgreeAsk, "y\n", false_, false, "FALSE"},
		{"no such agreement", "perhaps", "y\n", known, false, ""},
	} {
		var out bytes.Buffer
		i := inquiry(tt.reader)
		agreed := Consent(tt.a, strings.NewReader(tt.answer), &out)(i)
		if shown := agreed != nil && agreed(i.Documents[0], i.Documents[0].Elements[0]); shown != tt.shown || !strings.Contains(out.String(), tt.says) {
			t.Errorf("%s: shown %v\n%s", tt.name, shown, out.String())
		}
		for _, want := range []string{"family_name, AND WILL KEEP IT\n", "age_over_19, answered by age_over_21\n", "shoe_size, which it does not hold\n", "which this wallet does not have\n"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: it does not say %q", tt.name, want)
			}
		}
		if strings.ContainsAny(out.String(), "\x1b\u202e") {
			t.Errorf("%s: a stranger paints the screen", tt.name)
		}
	}
}
