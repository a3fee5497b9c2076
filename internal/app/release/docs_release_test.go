//go:build release

package release

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Commands of the pages for operators are there with their flags, units of systemd by
// the names that deploy/systemd has, and what the pages link to is there.
func TestDocumentedCommands(t *testing.T) {
	for page, least := range map[string]int{"KEYS.md": 6, "OPERATIONS.md": 60, "CEREMONY.md": 20} {
		t.Run(page, func(t *testing.T) { commandsAreThere(t, page, least) })
	}
}

func commandsAreThere(t *testing.T, page string, least int) {
	top := filepath.Join("..", "..", "..")
	text, err := os.ReadFile(filepath.Join(top, "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	bin := programs(t)
	held := 0
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		for line := range strings.Lines(strings.ReplaceAll(block[1], "\\\n", "")) {
			words := strings.Fields(line)
			for len(words) > 1 && (words[0] == "sudo" || strings.Contains(words[0], "=")) {
				if words = words[1:]; words[0] == "-u" {
					words = words[2:]
				}
			}
			if len(words) == 0 {
				continue
			}
			switch words[0] {
			case "issuer", "signer", "verifier":
				// Flags stand before -h, which ends the reading; words are not looked at.
				if out, err := exec.Command(filepath.Join(bin, words[0]), append(slices.Clone(words[1:]), "-h")...).CombinedOutput(); err != nil {
					t.Errorf("%s: %v: %s", strings.TrimSpace(line), err, out)
				}
				held++
			case "./build.sh", "./t.sh":
				if _, err := os.Stat(filepath.Join(top, words[0])); err != nil {
					t.Error(err)
				}
			}
		}
	}
	if held < least {
		t.Errorf("only %d commands found", held)
	}
	for _, name := range unitsNamed(string(text)) {
		if _, ok := threshold[name]; !ok {
			t.Errorf("no unit of deploy/systemd is named %q", name)
		}
	}
	for _, m := range regexp.MustCompile(`\]\(([^)#:]*)(?:#([^)]*))?\)`).FindAllStringSubmatch(string(text), -1) {
		target, err := text, error(nil)
		if m[1] != "" && m[2] == "" {
			_, err = os.Stat(filepath.Join(top, "docs", m[1]))
		} else if m[1] != "" {
			target, err = os.ReadFile(filepath.Join(top, "docs", m[1]))
		}
		if err == nil && m[2] != "" && !anchored(string(target), m[2]) {
			err = errors.New("no such heading")
		}
		if err != nil {
			t.Errorf("%s: %v", m[0], err)
		}
	}
	for _, file := range regexp.MustCompile(`deploy/[a-z/-]+\.(?:yaml|service)`).FindAllString(string(text), -1) {
		if _, err := os.Stat(filepath.Join(top, file)); err != nil {
			t.Error(err)
		}
	}
}

// unitsNamed are the units that a page names to systemctl and journalctl, and by the
// folders of drop-ins.
func unitsNamed(page string) (names []string) {
	for _, m := range regexp.MustCompile("(?:systemctl|journalctl -u) ([^`\n;|]*)|/([a-z-]+)\\.service\\.d/").FindAllStringSubmatch(page, -1) {
		for i, word := range strings.Fields(m[1]) {
			verb := i == 0 && strings.HasPrefix(m[0], "systemctl")
			if !verb && !strings.HasPrefix(word, "-") {
				names = append(names, strings.TrimSuffix(word, ".service"))
			}
		}
		if m[2] != "" {
			names = append(names, m[2])
		}
	}
	return names
}

// The names of units are read as people write them.
func TestUnitsNamed(t *testing.T) {
	const page = "`sudo systemctl daemon-reload`\nsudo systemctl enable --now vidimus-a b.service\n`journalctl -u c` /etc/systemd/system/d.service.d/x.conf"
	if got := unitsNamed(page); !slices.Equal(got, []string{"vidimus-a", "b", "c", "d"}) {
		t.Errorf("%q", got)
	}
}

// anchored says whether a page has a heading of that anchor.
func anchored(page, anchor string) bool {
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(page, -1) {
		name := regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(m[1]), "")
		if strings.ReplaceAll(name, " ", "-") == anchor {
			return true
		}
	}
	return false
}
