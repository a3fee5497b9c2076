package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// condition is a check of the conformance suite: a condition that a module
// applies.
type condition struct{ suite, module, name string }

// conditions reads the list of the suite's checks.
func conditions(t *testing.T) (out []condition) {
	t.Helper()
	text, err := os.ReadFile("testdata/conformance/checks.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		fields := strings.Split(line, "\t")
		if len(fields) != 5 {
			t.Fatalf("line %d has %d fields", i+1, len(fields))
		}
		if i > 0 {
			out = append(out, condition{fields[0], fields[1], fields[2]})
		}
	}
	return out
}

var (
	heading  = regexp.MustCompile(`^## .*: (\S+)$`)
	tableRow = regexp.MustCompile(`^\| (\w+) \| ([\w, ]+|-) \| (.+) \|$`)
	testName = regexp.MustCompile("`([a-z0-9/]+) (Test[A-Za-z0-9_]*)(?:/([^`]+))?`")
)

// Every check of the suite is in docs/CONFORMANCE.md, with a test that exists or
// a reason why there is none.
func TestConformanceIsWhole(t *testing.T) {
	text, err := os.ReadFile("../../docs/CONFORMANCE.md")
	if err != nil {
		t.Fatal(err)
	}
	all := conditions(t)
	known := map[condition]bool{}
	for _, c := range all {
		known[c] = true
	}
	listed, sources := map[condition]bool{}, map[string][]string{}
	suite, tests := "", 0
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if m := heading.FindStringSubmatch(line); m != nil {
			suite = m[1]
		}
		m := tableRow.FindStringSubmatch(line)
		if m == nil {
			if strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "| condition |") && !strings.HasPrefix(line, "| module |") {
				t.Errorf("a row that cannot be read: %s", line)
			}
			continue
		}
		if m[1] == "condition" {
			continue
		}
		for module := range strings.SplitSeq(m[2], ", ") {
			if module == "-" && suite == "modules" { // a module whose name says it all
				continue
			}
			c := condition{suite, module, m[1]}
			if !known[c] {
				t.Errorf("the suite has no %+v", c)
			}
			listed[c] = true
		}
		named := testName.FindAllStringSubmatch(m[3], -1)
		if strings.Count(m[3], "`")%2 != 0 || len(named) == 0 && len(m[3]) < 20 {
			t.Errorf("%s: neither a test nor a reason: %s", m[1], m[3])
		}
		for _, n := range named {
			tests++
			if why := exists(t, sources, n[1], n[2], n[3]); why != "" {
				t.Errorf("%s: %s: %s", m[1], n[0], why)
			}
		}
	}
	for _, c := range all {
		if !listed[c] {
			t.Errorf("docs/CONFORMANCE.md lacks %+v", c)
		}
	}
	if len(all) != 381 || tests < 250 {
		t.Errorf("%d checks, %d tests named: the search is broken", len(all), tests)
	}
}

// exists says why a package has no such test, or the test no such case; "" when
// it has.
func exists(t *testing.T, sources map[string][]string, room, test, name string) string {
	t.Helper()
	if sources[room] == nil {
		files, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(room), "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			src, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			sources[room] = append(sources[room], string(src))
		}
	}
	i := slices.IndexFunc(sources[room], func(src string) bool { return strings.Contains(src, "\nfunc "+test+"(t *testing.T) {") })
	if i < 0 {
		return "there is no such test"
	}
	_, body, _ := strings.Cut(sources[room][i], "\nfunc "+test+"(")
	body, _, _ = strings.Cut(body, "\n}\n")
	if name == "" || strings.Contains(body, `"`+name+`"`) {
		return ""
	}
	for part := range strings.SplitSeq(name, "/") {
		if !strings.Contains(body, `"`+part+`"`) {
			return "the test has no such case"
		}
	}
	return ""
}

// The TLS that wallets meet is the proxy's, and the example for it in
// docs/OPERATIONS.md allows what BCP 195 recommends and nothing else.
func TestProxySpeaksModernTLS(t *testing.T) {
	text, err := os.ReadFile("../../docs/OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	directive := func(name string) []string {
		m := regexp.MustCompile(`(?m)^ *`+name+` ([^;]+);$`).FindAllStringSubmatch(string(text), -1)
		if len(m) != 1 {
			t.Fatalf("%d directives %s in the example", len(m), name)
		}
		return strings.FieldsFunc(m[0][1], func(r rune) bool { return r == ' ' || r == ':' })
	}
	if got := directive("ssl_protocols"); !slices.Equal(got, []string{"TLSv1.2", "TLSv1.3"}) {
		t.Errorf("protocols %v", got)
	}
	// RFC 9325, section 4.2, and FAPI 2.0, section 5.2.2.
	recommended := []string{"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384"}
	got := directive("ssl_ciphers")
	for _, c := range got {
		if !slices.Contains(recommended, c) {
			t.Errorf("cipher %s is not recommended", c)
		}
	}
	if len(got) == 0 {
		t.Error("no ciphers")
	}
}
