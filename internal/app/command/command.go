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
	"strings"
	"syscall"
)

// ExitUsage is the exit code of a mistake in the command line.
const ExitUsage = 3

// Program is a name, what it is for, and what it can do.
type Program struct {
	Name     string
	Intro    string // a few lines for the top of the help
	Commands []Command
}

// Command is one subcommand.
type Command struct {
	Name  string
	Args  string // "FILE", for the usage line
	Short string // one line for the table
	Long  string // the rest of the help; may be empty
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
		name, rest = rest[0], []string{"-h"}
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
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(env.Stdout, p.commandHelp(c, fs))
		return 0
	}
	if err == nil {
		err = run(ctx, env, positional)
	} else {
		err = Usagef("%w", err)
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
	fmt.Fprintf(env.Stderr, "%s %s: %v\n", p.Name, c.Name, err)
	if exit != nil && exit.Usage {
		fmt.Fprintf(env.Stderr, "usage: %s\nsee %s help %s\n", p.usage(c), p.Name, c.Name)
	}
	return code
}

// parse takes flags wherever they stand; "--" ends them.
func parse(fs *flag.FlagSet, args []string) ([]string, error) {
	var positional []string
	for {
		if err := fs.Parse(args); err != nil {
			if name, ok := strings.CutPrefix(err.Error(), "flag provided but not defined: -"); ok {
				err = unknownFlag(fs, name)
			}
			return nil, err
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

func (p Program) usage(c Command) string {
	return strings.TrimSpace(fmt.Sprintf("%s %s [flags] %s", p.Name, c.Name, c.Args))
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

func (p Program) commandHelp(c Command, fs *flag.FlagSet) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\nusage: %s\n", c.Short, p.usage(c))
	if long := strings.TrimSpace(c.Long); long != "" {
		fmt.Fprintf(&b, "\n%s\n", long)
	}
	first := true
	fs.VisitAll(func(f *flag.Flag) {
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
