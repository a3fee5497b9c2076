//go:build release

package release

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// unit is a service of deploy/systemd: its directives in their order.
type unit struct {
	name string
	text string
	set  map[string][]string
}

// threshold is the exposure that systemd-analyze security may find, in tenths: 0 is
// none, 100 is a service without any restriction.
var threshold = map[string]string{"vidimus-signer": "8", "vidimus-issuer": "16", "vidimus-verifier": "14"}

func units(t *testing.T) (out []unit) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("..", "..", "..", "deploy", "systemd", "*.service"))
	if err != nil || len(paths) != len(threshold) {
		t.Fatalf("%q, %v", paths, err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		u := unit{strings.TrimSuffix(filepath.Base(path), ".service"), string(text), map[string][]string{}}
		for line := range strings.Lines(u.text) {
			if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(key, "#") {
				u.set[key] = append(u.set[key], value)
			}
		}
		out = append(out, u)
	}
	return out
}

// made is where the programs of these tests are, built once.
var made struct {
	sync.Once
	dir string
	err error
}

func TestMain(m *testing.M) {
	code := m.Run()
	os.RemoveAll(made.dir)
	os.Exit(code)
}

// programs builds those that the units start, and release.
func programs(t *testing.T) string {
	t.Helper()
	made.Do(func() {
		if made.dir, made.err = os.MkdirTemp("", "programs"); made.err != nil {
			return
		}
		cmd := exec.Command("go", "build", "-tags", "nomsgpack", "-o", made.dir+"/", "./cmd/issuer", "./cmd/signer", "./cmd/verifier", "./cmd/release")
		cmd.Dir = filepath.Join("..", "..", "..")
		out, err := cmd.CombinedOutput()
		if made.err = errors.Join(err, os.Chmod(made.dir, 0o755)); err != nil {
			made.err = fmt.Errorf("%w: %s", err, out)
		}
	})
	if made.err != nil {
		t.Fatal(made.err)
	}
	return made.dir
}

const installed = "/usr/local/bin/"

// The units are such as systemd reads, open to as little as they say, and start what
// is there with flags that it has.
func TestUnits(t *testing.T) {
	bin := programs(t)
	for _, u := range units(t) {
		t.Run(u.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, u.name+".service")
			if err := os.WriteFile(path, []byte(strings.ReplaceAll(u.text, installed, bin+"/")), 0o644); err != nil {
				t.Fatal(err)
			}
			if said := run(t, dir, nil, "systemd-analyze", "verify", "--man=no", path); strings.Contains(said, u.name) {
				t.Errorf("systemd: %s", said)
			}
			said := run(t, dir, nil, "systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold="+threshold[u.name], path)
			t.Log(regexp.MustCompile(`Overall exposure.*`).FindString(said))

			for _, want := range []struct{ key, value string }{
				{"LimitCORE", "0"}, {"MemorySwapMax", "0"}, {"UMask", "0077"}, {"NoNewPrivileges", "yes"}, {"ProtectSystem", "strict"},
				{"MemoryDenyWriteExecute", "yes"}, {"CapabilityBoundingSet", ""}, {"PrivateTmp", "yes"}, {"LockPersonality", "yes"},
				{"ProtectKernelModules", "yes"}, {"ProtectKernelLogs", "yes"}, {"ProtectKernelTunables", "yes"},
				{"StartLimitIntervalSec", "0"}, {"Restart", "on-failure"}, {"RestartForceExitStatus", "SIGPIPE"},
			} {
				if !slices.Equal(u.set[want.key], []string{want.value}) {
					t.Errorf("%s is %q", want.key, u.set[want.key])
				}
			}
			if u.name == "vidimus-signer" {
				u.keepsTokens(t)
			}
			start := strings.Fields(u.set["ExecStart"][0])
			program, ok := strings.CutPrefix(start[0], installed)
			if !ok || len(u.set["ExecStart"]) != 1 {
				t.Fatalf("it starts %q", u.set["ExecStart"])
			}
			// Flags that it does not know are found before -h is looked at.
			run(t, dir, nil, filepath.Join(bin, program), append(slices.Clone(start[1:]), "-h")...)
			if out, err := exec.Command(filepath.Join(bin, program), append(slices.Clone(start[1:]), "--no-such-flag", "-h")...).CombinedOutput(); err == nil {
				t.Errorf("any flag is taken: %s", out)
			}
		})
	}
}

// keepsTokens: a PIN that was refused is not tried again by starts without end, and
// calls that hang in a module find a thread each.
func (u unit) keepsTokens(t *testing.T) {
	t.Helper()
	const refused = "4" // exitPIN of cmd/signer
	if got := u.set["RestartPreventExitStatus"]; !slices.Equal(got, []string{refused}) {
		t.Errorf("RestartPreventExitStatus is %q: a wrong PIN is tried until the token locks itself", got)
	}
	// maxStuck and maxParallel of internal/keys/pkcs11, and 256 for everything else.
	const least = 1024 + 64 + 256
	tasks := u.set["TasksMax"]
	if len(tasks) != 1 {
		t.Fatalf("TasksMax is %q", tasks)
	}
	if n, err := strconv.Atoi(tasks[0]); err != nil || n < least {
		t.Errorf("TasksMax is %q, expected %d at least", tasks[0], least)
	}
}

// The signer has no network, not even that of its own machine.
func TestSignerHasNoNetwork(t *testing.T) {
	for _, u := range units(t) {
		if alone := slices.Equal(u.set["PrivateNetwork"], []string{"yes"}) && slices.Equal(u.set["RestrictAddressFamilies"], []string{"AF_UNIX"}); alone != (u.name == "vidimus-signer") {
			t.Errorf("%s: network %q, families %q", u.name, u.set["PrivateNetwork"], u.set["RestrictAddressFamilies"])
		}
	}
}

// allowed is what SystemCallFilter= of a unit lets through, and known what this systemd
// knows: what it does not, it answers as an old kernel would (ENOSYS).
func (u unit) allowed(t *testing.T) (allowed, known map[string]bool) {
	t.Helper()
	groups, name := map[string][]string{}, ""
	for line := range strings.Lines(run(t, ".", nil, "systemd-analyze", "syscall-filter", "--no-pager")) {
		// Colours where it believes in a terminal; a group, then what is in it.
		line = strings.TrimRight(regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(line, ""), "\n")
		switch word := strings.TrimSpace(line); {
		case strings.HasPrefix(line, "@"):
			name = word
		case word == "":
			name = ""
		case name != "" && !strings.HasPrefix(word, "#"):
			groups[name] = append(groups[name], word)
		}
	}
	if len(groups["@system-service"]) < 20 {
		t.Fatalf("%d groups of system calls", len(groups))
	}
	allowed, known = map[string]bool{}, map[string]bool{}
	var set func(name string, to bool)
	set = func(name string, to bool) {
		if !strings.HasPrefix(name, "@") {
			allowed[name] = to
			return
		}
		for _, member := range groups[name] {
			set(member, to)
		}
	}
	set("@default", true)
	for _, line := range u.set["SystemCallFilter"] {
		line, not := strings.CutPrefix(line, "~")
		for _, name := range strings.Fields(line) {
			set(name, !not)
		}
	}
	for _, name := range groups["@known"] {
		known[name] = true
	}
	if len(known) < 300 {
		t.Fatalf("%d system calls known", len(known))
	}
	return allowed, known
}

var (
	called   = regexp.MustCompile(`(?m)^\d+ +([a-z0-9_]+)\(`)
	families = regexp.MustCompile(`socket\((AF_[A-Z0-9]+)`)
	// writable is memory that could be written and run, which MemoryDenyWriteExecute= refuses,
	// as it does to make any runnable later.
	writable = regexp.MustCompile(`(?m)^.*(?:mmap\(.*PROT_WRITE\|PROT_EXEC|mprotect\(.*PROT_EXEC).*$`)
)

// obeys holds what strace saw of a program against its unit.
func (u unit) obeys(t *testing.T, trace string) {
	t.Helper()
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	allowed, known := u.allowed(t)
	for _, m := range called.FindAllStringSubmatch(string(text), -1) {
		seen[m[1]] = true
	}
	if len(seen) < 20 {
		t.Errorf("%s: only %d system calls seen", u.name, len(seen))
	}
	for name := range seen {
		if known[name] && !allowed[name] {
			t.Errorf("%s calls %s, which its SystemCallFilter= refuses", u.name, name)
		}
	}
	for _, m := range families.FindAllStringSubmatch(string(text), -1) {
		if !slices.Contains(strings.Fields(u.set["RestrictAddressFamilies"][0]), m[1]) {
			t.Errorf("%s opens a socket of %s", u.name, m[1])
		}
	}
	if at := writable.Find(text); at != nil {
		t.Errorf("%s: MemoryDenyWriteExecute= refuses %s", u.name, at)
	}
}
