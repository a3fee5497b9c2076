package wallet

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"vidimus/internal/elements"
	"vidimus/internal/wallet"
)

// List shows what is held, a line for each batch, the newest first, and what is
// still waited for.
func List(dir string, now time.Time, out io.Writer) error {
	store, err := open(dir)
	if err != nil {
		return err
	}
	defer store.Close()
	batches, err := store.List()
	if err != nil {
		return err
	}
	later, err := store.Waiting()
	if err != nil {
		return err
	}
	defer printWaiting(out, later)
	if len(batches) == 0 {
		if len(later) == 0 {
			fmt.Fprintln(out, "the wallet is empty: `wallet accept OFFER` fetches credentials")
		}
		return nil
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tTYPE\tFORMAT\tCOPIES\tVALID UNTIL\tNAME\tISSUER")
	for _, b := range batches {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", b.ID, clean(b.Type), clean(b.Format), copiesText(b, now), until(b), clean(b.Name), clean(b.Issuer))
	}
	return table.Flush()
}

// copiesText says how many copies there are, and how many of these were never
// shown or cannot be any more.
func copiesText(b wallet.Batch, now time.Time) string {
	unused, over := 0, 0
	for _, c := range b.Copies {
		switch {
		case !c.Valid(now):
			over++
		case c.Used == 0:
			unused++
		}
	}
	s := fmt.Sprintf("%d, %d unused", len(b.Copies), unused)
	if over > 0 {
		s += fmt.Sprintf(", %d not valid", over)
	}
	return s
}

func until(b wallet.Batch) string {
	end := b.Copies[0].ValidUntil
	for _, c := range b.Copies {
		if c.ValidUntil.After(end) {
			end = c.ValidUntil
		}
	}
	if end.IsZero() {
		return "no end"
	}
	return end.UTC().Format(time.RFC3339)
}

// Show decodes the values of a batch. Pictures are not spelled out; with
// portraitFile the holder's goes there.
func Show(dir, id, portraitFile string, now time.Time, out io.Writer) error {
	store, err := open(dir)
	if err != nil {
		return err
	}
	defer store.Close()
	b, values, err := store.Contents(id)
	if err != nil {
		return hinted(err)
	}
	fmt.Fprintf(out, "%s\n  type      %s (%s)\n  issuer    %s\n  received  %s\n  until     %s\n  copies    %s\n",
		clean(b.Name), clean(b.Type), clean(b.Format), clean(b.Issuer), b.Received.UTC().Format(time.RFC3339), until(b), copiesText(b, now))
	for n, c := range b.Copies {
		if c.Used > 0 {
			fmt.Fprintf(out, "            copy %d shown %d times, by %s\n", n, c.Used, c.Proof)
		}
	}
	above := ""
	for _, v := range values {
		if v.NameSpace != above {
			above = v.NameSpace
			fmt.Fprintf(out, "%s\n", clean(above))
		} else if above == "" && v.Name == values[0].Name {
			fmt.Fprintln(out, "claims")
		}
		if len(v.Bytes) > 0 {
			fmt.Fprintf(out, "  %s: %s\n", clean(v.Name), bytesText(v.Bytes))
		} else {
			fmt.Fprintf(out, "  %s: %s\n", clean(v.Name), valueText(v.JSON))
		}
	}
	if portraitFile == "" {
		return nil
	}
	for _, v := range values {
		if (v.Name == "portrait" || v.Name == "picture") && len(v.Bytes) > 0 {
			return writeFile(portraitFile, v.Bytes)
		}
	}
	return fmt.Errorf("%s holds no portrait", id)
}

func bytesText(b []byte) string {
	if p, err := elements.InspectPicture(b); err == nil {
		return fmt.Sprintf("picture, %s, %d x %d, %d bytes (--portrait FILE writes it)", p.Format, p.Width, p.Height, len(b))
	}
	return fmt.Sprintf("%d bytes", len(b))
}

// Remove deletes a batch with its keys.
func Remove(dir, id string, out io.Writer) error {
	store, err := open(dir)
	if err != nil {
		return err
	}
	defer store.Close()
	if err := store.Remove(id); err != nil {
		return hinted(err)
	}
	fmt.Fprintf(out, "removed %s and its keys\n", id)
	return nil
}
