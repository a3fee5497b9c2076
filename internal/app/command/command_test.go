package command

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"testing"
)

func program() Program {
	return Program{Name: "p", Intro: "p does things.", Commands: []Command{{
		Name: "say", Args: "WORD...", Short: "says words", Setup: func(fs *flag.FlagSet) Run {
			fs.String("o", "", "`FILE` for nothing")
			loud := fs.Bool("loud", false, "in capitals")
			var also Strings
			fs.Var(&also, "also", "one more `WORD`")
			return func(_ context.Context, env Env, args []string) error {
				if len(args) == 0 {
					return Usagef("no word given")
				}
				if args[0] == "fail" {
					return errors.New("broken" + strings.Join(args[1:], "\x1b[2J\n\u202e"))
				}
				if args[0] == "two" {
					return &Exit{Code: 2}
				}
				out := strings.Join(append(args, also...), " ")
				if *loud {
					out = strings.ToUpper(out)
				}
				fmt.Fprintln(env.Stdout, out)
				return nil
			}
		},
	}, {
		Name: "sing", Args: "[loud | verse N]", Short: "sings", Long: "Sings a song.",
		Deeds: []Deed{
			{Short: "sings all of it", Flags: []string{"pitch"}, Example: "p sing --pitch a"},
			{Word: "loud", Short: "sings it in capitals"},
			{Word: "verse", Args: "N", Short: "sings one verse", Flags: []string{"pitch", "twice"}, Example: "p sing verse 3\np sing verse 4 --twice"},
		},
		Setup: func(fs *flag.FlagSet) Run {
			fs.Bool("json", false, "for machines")
			fs.String("pitch", "", "`TONE` to begin with")
			fs.Bool("twice", false, "once more")
			return func(_ context.Context, env Env, args []string) error {
				if len(args) == 1 && args[0] == "verse" {
					return Usagef("which verse")
				}
				fmt.Fprintln(env.Stdout, "la", strings.Join(args, " "))
				return nil
			}
		},
	}}}
}

// Each deed of a command has its own help, with its flags and those of all.
func TestHelpOfDeeds(t *testing.T) {
	verse := "sings one verse\n\nusage: p sing verse [flags] N\n\nflags:\n  --json \n        for machines\n  --pitch TONE\n        TONE to begin with\n" +
		"  --twice \n        once more\n\nfor example:\n  p sing verse 3\n  p sing verse 4 --twice\n"
	group := "sings\n\nusage: p sing [flags] [loud | verse N]\n\nSings a song.\n\n  sing          sings all of it\n  sing loud     sings it in capitals\n  sing verse N  sings one verse\n" +
		"\np help sing WORD tells more of each.\n\nflags:\n  --json \n        for machines\n  --pitch TONE\n        TONE to begin with\n\nfor example:\n  p sing --pitch a\n"
	for args, want := range map[string]string{
		"help sing": group, "sing -h": group, "sing --help verse": group, "sing nonsense -h": group,
		"help sing verse": verse, "sing verse --help": verse, "sing --json verse 3 -h": verse,
		"help sing loud": "sings it in capitals\n\nusage: p sing loud [flags]\n\nflags:\n  --json \n        for machines\n",
	} {
		var out, errs bytes.Buffer
		if code := program().Run(context.Background(), Env{nil, &out, &errs}, strings.Fields(args)); code != 0 || out.String() != want || errs.Len() > 0 {
			t.Errorf("%s: exit %d\n%q\nwant\n%q", args, code, out.String(), want)
		}
	}
}

func TestRun(t *testing.T) {
	tests := []struct {
		args           string
		code           int
		stdout, stderr string
	}{
		{"say a --loud b --also c --also d", 0, "A B C D\n", ""},
		{"say -- --loud", 0, "--loud\n", ""},
		{"say fail", 1, "", "p say: broken"},
		{"say fail a b", 1, "", "p say: brokena\\u001b[2J\n\\u202eb\n"},
		{"say two", 2, "", ""},
		{"say", 3, "", "no word given"},
		{"say --nonsense", 3, "", "there is no flag --nonsense; there are --also --loud -o. An argument that begins with - goes after --"},
		{"say --lod a", 3, "", "there is no flag --lod: was --loud meant?"},
		{"say --l a", 3, "", "there is no flag -l: was --loud meant?"},
		{"say --output f", 3, "", "there is no flag --output: was -o meant?"},
		{"say --Loud a", 3, "", "there is no flag --Loud: was --loud meant?"},
		{"say --o f a", 0, "a\n", ""},
		{"help say", 0, "  -o FILE\n", ""},
		{"whistle", 3, "", "no command \"whistle\""},
		{"sing", 0, "la \n", ""},
		{"sing verse 3 --twice --json", 0, "la verse 3\n", ""},
		{"sing --twice", 3, "", "--twice does nothing here: it goes with sing verse\nusage: p sing [flags] [loud | verse N]\nsee p help sing\n"},
		{"sing loud --pitch a", 3, "", "--pitch does nothing here: it goes with sing, sing verse\nusage: p sing loud [flags]\nsee p help sing loud\n"},
		{"sing verse", 3, "", "which verse\nusage: p sing verse [flags] N\nsee p help sing verse\n"},
		{"", 3, "", "usage: p COMMAND"},
		{"help", 0, "says words", ""},
		{"help say", 0, "--also WORD", ""},
		{"say -h", 0, "in capitals", ""},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := program().Run(context.Background(), Env{nil, &out, &errs}, strings.Fields(tt.args))
			if code != tt.code || !strings.Contains(out.String(), tt.stdout) || !strings.Contains(errs.String(), tt.stderr) {
				t.Errorf("exit %d\nstdout %q\nstderr %q", code, out.String(), errs.String())
			}
			if tt.stderr == "" && errs.Len() > 0 {
				t.Errorf("stderr %q", errs.String())
			}
		})
	}
}
