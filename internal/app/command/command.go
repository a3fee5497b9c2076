// Package command is the frame of our programs: a table of subcommands, flags
// of the standard library, help texts, and what becomes of an error.
//
// Start with Program and its Main. Flags may stand before or after arguments.
// An error without an exit code of its own ends with 1, a mistake in the
// command line with 3, so that scripts can tell them from a verdict.
package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"vidimus/internal/legible"
)

// ExitUsage is the exit code of a mistake in the command line.
const ExitUsage = 3

// Program is a name, what it is for, and what it can do.
type Program struct {
	Name     string
	Intro    string // a few lines for the top of the help
	Commands []Command
	// Secret is for programs that hold keys: Main makes their process Private.
	Secret bool
}

// Command is one subcommand.
type Command struct {
	Name  string
	Args  string // "FILE", for the usage line
	Short string // one line for the table
	Long  string // the rest of the help; may be empty
	// Deeds are what it does by the word after its name, where that is several things.
	Deeds []Deed
	// Setup declares flags and gives what runs once they are parsed.
	Setup func(*flag.FlagSet) Run
}

// Run does the work with the arguments that are no flags.
type Run func(ctx context.Context, env Env, args []string) error

// Env is where a command reads and writes.
type Env struct {
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
}

// Exit is an error with an exit code. Err may be nil when everything was said.
type Exit struct {
	Code int
	Err  error
	// Usage shows the usage line beside the error.
	Usage bool
}

func (e *Exit) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit %d", e.Code)
	}
	return e.Err.Error()
}

// Unwrap gives the cause.
func (e *Exit) Unwrap() error { return e.Err }

// Usagef is a mistake in the command line.
func Usagef(format string, args ...any) error {
	return &Exit{Code: ExitUsage, Err: fmt.Errorf(format, args...), Usage: true}
}

// Main runs the program with the arguments and streams of the process, stops
// it on interrupt, and gives the exit code.
func (p Program) Main() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if p.Secret {
		if err := Private(); err != nil {
			fmt.Fprintf(os.Stderr, "note: %v\n", err)
		}
	}
	return p.Run(ctx, Env{os.Stdin, os.Stdout, os.Stderr}, os.Args[1:])
}

// Run runs one command and gives the exit code.
func (p Program) Run(ctx context.Context, env Env, args []string) int {
	if len(args) == 0 {
		fmt.Fprint(env.Stderr, p.help())
		return ExitUsage
	}
	name, rest := args[0], args[1:]
	if name == "help" && len(rest) > 0 {
		name, rest = rest[0], append(slices.Clone(rest[1:]), "-h")
	}
	if name == "help" || name == "-h" || name == "--help" || name == "-help" {
		fmt.Fprint(env.Stdout, p.help())
		return 0
	}
	for _, c := range p.Commands {
		if c.Name == name {
			return p.run(ctx, env, c, rest)
		}
	}
	fmt.Fprintf(env.Stderr, "%s: no command %q; see %s help\n", p.Name, name, p.Name)
	return ExitUsage
}

func (p Program) run(ctx context.Context, env Env, c Command, args []string) int {
	fs := flag.NewFlagSet(c.Name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	run := c.Setup(fs)
	positional, err := parse(fs, args)
	deed := c.deed(positional)
	if errors.Is(err, flag.ErrHelp) {
		if len(positional) == 0 || deed != nil && deed.Word == "" {
			deed = nil // of the whole
		}
		fmt.Fprint(env.Stdout, p.commandHelp(c, deed, fs))
		return 0
	}
	if err != nil {
		err = Usagef("%w", err)
	} else if err = c.fitting(fs, deed); err == nil {
		err = run(ctx, env, positional)
	}
	if err == nil {
		return 0
	}
	code := 1
	var exit *Exit
	if errors.As(err, &exit) {
		code = exit.Code
		if exit.Err == nil {
			return code
		}
	}
	fmt.Fprintf(env.Stderr, "%s %s: %s\n", p.Name, c.Name, legible.Lines(err.Error())) // it may quote a file of a stranger
	if exit != nil && exit.Usage {
		name := c.Name
		if deed != nil && deed.Word != "" {
			name += " " + deed.Word
		} else {
			deed = nil
		}
		fmt.Fprintf(env.Stderr, "usage: %s\nsee %s help %s\n", p.usage(c, deed), p.Name, name)
	}
	return code
}

// parse takes flags wherever they stand; "--" ends them. With an error come the
// arguments before it.
func parse(fs *flag.FlagSet, args []string) ([]string, error) {
	var positional []string
	for {
		if err := fs.Parse(args); err != nil {
			if name, ok := strings.CutPrefix(err.Error(), "flag provided but not defined: -"); ok {
				err = unknownFlag(fs, name)
			}
			return positional, err
		}
		rest := fs.Args()
		if len(rest) == 0 {
			return positional, nil
		}
		if used := len(args) - len(rest); used > 0 && args[used-1] == "--" {
			return append(positional, rest...), nil
		}
		positional, args = append(positional, rest[0]), rest[1:]
	}
}

func (p Program) help() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\nusage: %s COMMAND [flags] [arguments]\n\n", strings.TrimSpace(p.Intro), p.Name)
	width := 0
	for _, c := range p.Commands {
		width = max(width, len(c.Name))
	}
	for _, c := range p.Commands {
		fmt.Fprintf(&b, "  %-*s  %s\n", width, c.Name, c.Short)
	}
	fmt.Fprintf(&b, "\n%s help COMMAND tells more.\n", p.Name)
	return b.String()
}

// commandHelp is the help of a deed, or of a command: with what it does, and the
// flags of that which it does without a word.
func (p Program) commandHelp(c Command, d *Deed, fs *flag.FlagSet) string {
	var b strings.Builder
	short, long, example := c.Short, strings.TrimSpace(c.Long), ""
	if d != nil {
		short, long, example = d.Short, "", d.Example
	}
	fmt.Fprintf(&b, "%s\n\nusage: %s\n", short, p.usage(c, d))
	if long != "" {
		fmt.Fprintf(&b, "\n%s\n", long)
	}
	if d == nil && len(c.Deeds) > 0 {
		b.WriteString(p.table(c))
		if d = c.deed(nil); d != nil {
			example = d.Example
		}
	}
	first := true
	fs.VisitAll(func(f *flag.Flag) {
		if !c.takes(d, f.Name) {
			return
		}
		if first {
			b.WriteString("\nflags:\n")
			first = false
		}
		kind, usage := flag.UnquoteUsage(f)
		fmt.Fprintf(&b, "  %s %s\n        %s", dashed(f.Name), kind, usage)
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" {
			fmt.Fprintf(&b, " (default %s)", f.DefValue)
		}
		b.WriteString("\n")
	})
	if example != "" {
		fmt.Fprintf(&b, "\nfor example:\n  %s\n", strings.ReplaceAll(strings.TrimSpace(example), "\n", "\n  "))
	}
	return b.String()
}

// Strings is a flag that may be given several times.
type Strings []string

func (s *Strings) String() string { return strings.Join(*s, ",") }

// Set adds a value.
func (s *Strings) Set(v string) error {
	*s = append(*s, v)
	return nil
}
