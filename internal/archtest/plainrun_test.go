package archtest

import (
	"go/build/constraint"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// otherWords are files that the plain run leaves out, by the begin of their path,
// and the words of t.sh that run them.
var otherWords = map[string]string{
	"internal/ble/":               "ble",            // a guest without KVM takes minutes
	"internal/app/issuancebench/": "bench-issuance", // measures
	"internal/app/interop/more":   "interop-more",   // registries beside those of Go and npm
}

// testFile is a file with tests: what it asks of the build, and their names.
type testFile struct {
	path  string // below the module
	wants constraint.Expr
	tests []string
}

func (f testFile) room() string {
	return strings.TrimSuffix(f.path[:strings.LastIndex(f.path, "/")+1], "/")
}

// built says whether the file is there under tags, on the machines that t.sh is for.
func (f testFile) built(tags ...string) bool {
	tags = append(tags, "nomsgpack", "linux", "unix")
	return f.wants == nil || f.wants.Eval(func(tag string) bool { return slices.Contains(tags, tag) })
}

var testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Example)\w*)\(`)

func testFiles(t *testing.T) (out []testFile) {
	t.Helper()
	root := os.DirFS("../..")
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == "testdata" || d.Name() == "bin") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		src, err := fs.ReadFile(root, path)
		if err != nil {
			return err
		}
		f := testFile{path: path}
		for _, m := range testFunc.FindAllStringSubmatch(string(src), -1) {
			f.tests = append(f.tests, m[1])
		}
		if line, _, _ := strings.Cut(string(src), "\n"); constraint.IsGoBuild(line) {
			f.wants, err = constraint.Parse(line)
		}
		out = append(out, f)
		return err
	})
	if err != nil || len(out) < 100 {
		t.Fatalf("%d files with tests: %v", len(out), err)
	}
	return out
}

// words are the functions of t.sh with their text.
func words(t *testing.T) map[string]string {
	t.Helper()
	script, err := os.ReadFile("../../t.sh")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{"": string(script)}
	for _, m := range regexp.MustCompile(`(?ms)^([a-z0-9_-]+)\(\) \{(.*?)(?: \}|^\})$`).FindAllStringSubmatch(string(script), -1) {
		out[m[1]] = m[2]
	}
	return out
}

// alternatives reads NAME='...(a|b)...' of t.sh.
func alternatives(t *testing.T, script, name string) []string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^` + name + `='/?(?:\((.*)\))\$?'$`).FindStringSubmatch(script)
	if m == nil {
		t.Fatalf("t.sh has no %s", name)
	}
	return strings.Split(strings.NewReplacer("internal/(", "", ")", "").Replace(m[1]), "|")
}

// The plain run of t.sh runs every test: those without a build tag in race, or in
// rest, which takes exactly what race skips; the others by the words for their tags.
func TestPlainRunReachesEveryTest(t *testing.T) {
	all := words(t)
	for word, texts := range map[string][]string{
		"race":  {`-skip "$SKIP" $(go list ./... | grep -vE "$ALONE")`},
		"rest":  {`$(go list ./... | grep -E "$ALONE")`, `-run "$SKIP|`, `^func ($LONG|TestStore|`},
		"plain": {"\tlint\n", "\trest\n", "\trace\n", "\tfuzz\n", "\trelease\n", "\thsm ", "interop e2e faults"},
	} {
		for _, text := range texts {
			if !strings.Contains(all[word], text) {
				t.Errorf("%s of t.sh has no %q", word, text)
			}
		}
	}
	if strings.Contains(all["race"], "-short") {
		t.Error("race makes tests smaller, and rest does not run them whole")
	}
	files := testFiles(t)
	line := regexp.MustCompile(`(?m)^.*go test .*-tags[= ](\S+) .*$`)
	for _, f := range files {
		if f.built() || len(f.tests) == 0 {
			continue
		}
		var by []string
		for word, text := range all {
			for _, m := range line.FindAllStringSubmatch(text, -1) {
				if word != "" && f.built(strings.Split(m[1], ",")...) && slices.Contains(strings.Fields(m[0]), "./"+f.room()) {
					by = append(by, word)
				}
			}
		}
		if slices.ContainsFunc(by, func(word string) bool {
			return slices.Contains([]string{"interop", "e2e", "hsm", "faults", "release"}, word)
		}) {
			continue
		}
		known := false
		for begin, word := range otherWords {
			known = known || strings.HasPrefix(f.path, begin) && slices.Contains(by, word)
		}
		if !known {
			t.Errorf("%s has tests that the plain run does not run (%v do)", f.path, by)
		}
	}
}

// What t.sh leaves out of race is there, or it says something that is not so.
func TestWhatRaceLeavesOutIsThere(t *testing.T) {
	script := words(t)[""]
	var names, rooms []string
	for _, f := range testFiles(t) {
		if f.built() {
			names = append(names, f.tests...)
		}
		rooms = append(rooms, f.room())
	}
	for _, name := range alternatives(t, script, "LONG") {
		whole := regexp.MustCompile("^" + name + "$")
		if !slices.ContainsFunc(names, whole.MatchString) {
			t.Errorf("LONG has %s, which no test is called", name)
		}
	}
	for _, room := range alternatives(t, script, "ALONE") {
		whole := regexp.MustCompile("^(internal/)?" + room + "$")
		if !slices.ContainsFunc(rooms, whole.MatchString) {
			t.Errorf("ALONE has %s, which has no tests", room)
		}
	}
}
