package wallet

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"vidimus/internal/wallet"
)

// Agreement is to whom a wallet shows what is asked.
type Agreement string

// The agreements that a command line names.
const (
	AgreeAsk   Agreement = "ask"   // a person says yes to each request
	AgreeKnown Agreement = "known" // to readers that an authority of --readers vouches for
	AgreeAll   Agreement = "all"   // to everybody, but to those who sign falsely or were revoked
)

// Agreements are their words.
func Agreements() []Agreement { return []Agreement{AgreeAsk, AgreeKnown, AgreeAll} }

// Consent tells the holder who asks for what, as lines on out, and decides by a; in
// gives the answers of AgreeAsk. A reader that signs falsely or was revoked gets
// nothing, whatever the person says: the line says why.
func Consent(a Agreement, in io.Reader, out io.Writer) wallet.Consent {
	lines := bufio.NewReader(in)
	return func(i wallet.Inquiry) func(wallet.AskedDocument, wallet.AskedElement) bool {
		refused := Tell(i, out)
		switch {
		case refused:
			fmt.Fprintln(out, "nothing is shown to this reader")
			return nil
		case a == AgreeAll:
			return wallet.AgreeToAll(i)
		case a == AgreeKnown:
			return wallet.AgreeToKnown(i)
		case a != AgreeAsk:
			return nil
		}
		fmt.Fprint(out, "show that? [y/N] ")
		answer, err := lines.ReadString('\n')
		if err != nil && answer == "" || !yes(answer) {
			fmt.Fprintln(out, "nothing is shown")
			return nil
		}
		return wallet.AgreeToAll(i)
	}
}

func yes(answer string) bool {
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes"
}

// Tell writes who asks for what, a line for each document and each element, and
// reports whether it is somebody to whom nothing must be shown.
func Tell(i wallet.Inquiry, out io.Writer) (refused bool) {
	for _, d := range i.Documents {
		fmt.Fprintf(out, "%s asks for %s\n", clean(d.Reader.String()), clean(d.DocType))
		if refused = refused || d.Reader.Refused(); d.Batch == "" {
			fmt.Fprintln(out, "  which this wallet does not have")
			continue
		}
		for _, e := range d.Elements {
			remark := ""
			switch {
			case e.Shown == "":
				remark = ", which it does not hold"
			case e.Shown != e.Asked:
				remark = ", answered by " + clean(e.Shown)
			}
			if e.Retain {
				remark += ", AND WILL KEEP IT"
			}
			fmt.Fprintf(out, "  %s%s\n", clean(e.Asked), remark)
		}
	}
	return refused
}
