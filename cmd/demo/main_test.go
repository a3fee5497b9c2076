package main

import (
	"bufio"
	"errors"
	"html"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"vidimus/internal/app/command"
)

const root = "../.."

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"demo": func() { os.Exit(run()) }})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script"})
}

// shell runs a command line at the root of the repository.
func shell(t *testing.T, line string) (string, error) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "sh", "-c", line)
	c.Dir = root
	out, err := c.CombinedOutput()
	return string(out), err
}

// The command line of README.md, to the letter.
func TestREADME(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	first := regexp.MustCompile("(?s)```sh\n(.*?)\n```").FindStringSubmatch(string(text))
	if first == nil || first[1] != "go run ./cmd/demo" {
		t.Fatalf("the first command of README.md is %q", first)
	}
	out, err := shell(t, first[1])
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !regexp.MustCompile(`(?s)^Nothing here is to be trusted.*GREEN.*status valid.*RED.*status revoked.*The end, after`).MatchString(out) {
		t.Errorf("told:\n%s", out)
	}
}

func TestExitCodes(t *testing.T) {
	for want, args := range map[int][]string{command.ExitUsage: {"--nonsense"}, 1: {"--dir", "/dev/null"}, 0: {"--help"}} {
		err := exec.Command("demo", args...).Run()
		if code := exitCode(err); code != want {
			t.Errorf("%q: exit code %d, want %d", args, code, want)
		}
	}
}

func exitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	if err != nil {
		return -1
	}
	return 0
}

// started is the program as a process of its own.
type started struct {
	*exec.Cmd
	lines  *bufio.Scanner
	stderr strings.Builder
}

func start(t *testing.T, args ...string) *started {
	t.Helper()
	s := &started{Cmd: exec.CommandContext(t.Context(), "demo", args...)}
	s.Stderr = &s.stderr
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.lines = bufio.NewScanner(out)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	return s
}

// until reads lines up to one that fits.
func (s *started) until(t *testing.T, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for s.lines.Scan() {
		if m := re.FindStringSubmatch(s.lines.Text()); m != nil {
			return m
		}
	}
	t.Fatalf("it ended without %q: %v\n%s", pattern, s.Wait(), s.stderr.String())
	return nil
}

// interrupt is Ctrl-C; it gives the rest of the output and the exit code.
func (s *started) interrupt(t *testing.T) (string, int) {
	t.Helper()
	if err := s.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	var rest strings.Builder
	for s.lines.Scan() {
		rest.WriteString(s.lines.Text() + "\n")
	}
	return rest.String(), exitCode(s.Wait())
}

func TestInterruptedStory(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	s := start(t, "--no-qr")
	s.until(t, "^ 3 ")
	if rest, code := s.interrupt(t); code != exitInterrupted || !strings.Contains(s.stderr.String(), "demo: stopped: step ") {
		t.Errorf("exit code %d\n%s\n%s", code, rest, s.stderr.String())
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// The page of --keep by hand: every command that it and the terminal print does
// what is said of it, and Ctrl-C ends it all.
func TestKeep(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "by hand")
	s := start(t, "--keep", "--no-qr", "--dir", dir)
	var checks []string
	for range 3 {
		checks = append(checks, s.until(t, "^  (go run ./cmd/verifier check .*)$")[1])
	}
	page := s.until(t, "(http://127.0.0.1:[0-9]+/)$")[1]

	people := get(t, page)
	for _, line := range checks {
		if !slices.Contains(commands(people), line) {
			t.Errorf("the page does not have\n%s\nbut\n%s", line, strings.Join(commands(people), "\n"))
		}
	}
	for i, want := range []string{"GREEN", "RED", "GREEN"} {
		if out, _ := shell(t, checks[i]); !strings.Contains(out, want) {
			t.Errorf("%s\n%s", checks[i], out)
		}
	}
	if out, err := shell(t, commands(people)[0]); err != nil || !strings.Contains(out, "org.iso.18013.5.1.mDL") {
		t.Errorf("%s\n%s", commands(people)[0], out)
	}

	tries := commands(post(t, page+"offers", "person", "P-2"))
	if len(tries) != 5 || !curl.MatchString(tries[3]) {
		t.Fatalf("the page says\n%s", strings.Join(tries, "\n"))
	}
	for _, line := range tries {
		if out, err := try(t, line); err != nil {
			t.Fatalf("%s\n%s\n%v", line, out, err)
		}
	}
	post(t, page+"annulments", "document", "DL-2")
	for _, line := range tries[len(tries)-2:] {
		out, err := try(t, line)
		if strings.HasPrefix(line, "curl ") == (err != nil) || err != nil && !strings.Contains(out, "status revoked") {
			t.Errorf("after the annulment: %s\n%s\n%v", line, out, err)
		}
	}
	rest, code := s.interrupt(t)
	if code != 0 || !strings.Contains(rest, "Stopped.") || s.stderr.Len() > 0 {
		t.Errorf("exit code %d\n%s\n%s", code, rest, s.stderr.String())
	}
}

// commands are the command lines of a page, each in one line.
func commands(page string) []string {
	var out []string
	for _, m := range regexp.MustCompile(`(?s)<pre><code>(.*?)</code></pre>`).FindAllStringSubmatch(page, -1) {
		out = append(out, strings.ReplaceAll(html.UnescapeString(m[1]), " \\\n  ", " "))
	}
	return out
}

// curl does what the one command does that is not ours: not every machine that
// runs tests has it.
var curl = regexp.MustCompile(`^curl -s -H 'Accept: ([^']+)' -o '?([^']+?)'? (http://\S+)$`)

func try(t *testing.T, line string) (string, error) {
	t.Helper()
	m := curl.FindStringSubmatch(line)
	if m == nil {
		return shell(t, line)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, m[3], nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", m[1])
	return "", os.WriteFile(m[2], []byte(answer(t, r)), 0o600)
}

func get(t *testing.T, address string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	return answer(t, r)
}

func post(t *testing.T, address, name, value string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(url.Values{name: {value}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return answer(t, r)
}

func answer(t *testing.T, r *http.Request) string {
	t.Helper()
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %s %v\n%s", r.Method, r.URL, res.Status, err, body)
	}
	return string(body)
}
