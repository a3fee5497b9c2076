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
					return errors.New("broken")
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
	}}}
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
		{"say two", 2, "", ""},
		{"say", 3, "", "no word given"},
		{"say --nonsense", 3, "", "there is no flag --nonsense; there are --also --loud -o. An argument that begins with - goes after --"},
		{"say --lod a", 3, "", "there is no flag --lod: was --loud meant?"},
		{"say --l a", 3, "", "there is no flag -l: was --loud meant?"},
		{"say --output f", 3, "", "there is no flag --output: was -o meant?"},
		{"say --Loud a", 3, "", "there is no flag --Loud: was --loud meant?"},
		{"say --o f a", 0, "a\n", ""},
		{"help say", 0, "  -o FILE\n", ""},
		{"sing", 3, "", "no command \"sing\""},
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
