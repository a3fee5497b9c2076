package archtest

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// readmeCommands are the commands of README.md and the test that runs each. A
// command that is added there needs a test, and its line here.
var readmeCommands = map[string]string{
	"go run ./cmd/demo": "cmd/demo/main_test.go",
	"./t.sh":            ".ci/run",
}

func TestREADMECommandsAreRun(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) == 0 {
		t.Fatal("README.md has no commands: the search is broken")
	}
	for _, b := range blocks {
		for line := range strings.Lines(b[1]) {
			command := strings.TrimSpace(line)
			if command == "" || strings.HasPrefix(command, "#") {
				continue
			}
			test, ok := readmeCommands[command]
			if !ok {
				t.Errorf("README.md says %q, which no test is known to run", command)
				continue
			}
			if _, err := os.Stat("../../" + test); err != nil {
				t.Errorf("%q is to be run by %s: %v", command, test, err)
			}
		}
	}
	for _, doc := range regexp.MustCompile(`\]\(([^):#]+)[^):]*\)`).FindAllStringSubmatch(string(text), -1) {
		if _, err := os.Stat("../../" + doc[1]); err != nil {
			t.Errorf("README.md links to %s: %v", doc[1], err)
		}
	}
}
