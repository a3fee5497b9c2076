package command

import (
	"flag"
	"fmt"
	"slices"
	"strings"
)

// Deed is one of several things that a command does, by the word after its name.
type Deed struct {
	Word    string // "" is what the command does without one
	Args    string // "FILE", for the usage line
	Short   string // one line for the table
	Example string // command lines that work
	// Flags are the names of those that it takes, beside the flags that no deed has.
	Flags []string
}

// deed finds what is asked for, nil when the command does one thing only, or nothing
// of this name.
func (c Command) deed(args []string) *Deed {
	word := ""
	if len(args) > 0 {
		word = args[0]
	}
	for _, w := range []string{word, ""} {
		if i := slices.IndexFunc(c.Deeds, func(d Deed) bool { return d.Word == w }); i >= 0 {
			return &c.Deeds[i]
		}
	}
	return nil
}

// takes says whether a flag goes with a deed, nil being one that there is not.
func (c Command) takes(d *Deed, name string) bool {
	return len(c.having(name)) == 0 || d != nil && slices.Contains(d.Flags, name)
}

// having are the deeds with a flag, as one writes them.
func (c Command) having(name string) (out []string) {
	for _, d := range c.Deeds {
		if slices.Contains(d.Flags, name) {
			out = append(out, strings.TrimSpace(c.Name+" "+d.Word))
		}
	}
	return out
}

// fitting refuses flags that would do nothing: whoever gives one believes that it does.
func (c Command) fitting(fs *flag.FlagSet, d *Deed) (err error) {
	fs.Visit(func(f *flag.Flag) {
		if d != nil && !c.takes(d, f.Name) && err == nil {
			err = Usagef("%s does nothing here: it goes with %s", dashed(f.Name), strings.Join(c.having(f.Name), ", "))
		}
	})
	return err
}

// usage is the usage line of a deed, or of a command.
func (p Program) usage(c Command, d *Deed) string {
	name, args := c.Name, c.Args
	if d != nil {
		name, args = strings.TrimSpace(c.Name+" "+d.Word), d.Args
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s [flags] %s", p.Name, name, args))
}

// table lists what a command does.
func (p Program) table(c Command) string {
	var b strings.Builder
	width := 0
	names := make([]string, len(c.Deeds))
	for i, d := range c.Deeds {
		names[i] = strings.TrimSpace(strings.TrimSpace(c.Name+" "+d.Word) + " " + d.Args)
		width = max(width, len(names[i]))
	}
	b.WriteString("\n")
	for i, d := range c.Deeds {
		fmt.Fprintf(&b, "  %-*s  %s\n", width, names[i], d.Short)
	}
	fmt.Fprintf(&b, "\n%s help %s WORD tells more of each.\n", p.Name, c.Name)
	return b.String()
}
