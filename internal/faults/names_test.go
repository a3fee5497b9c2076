package faults

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const root = "../.."

// calls finds every call of faults.Point, Err and Wrong in the program: the
// function and the name, which must be a literal.
func calls(t *testing.T) map[string]map[string][]string {
	t.Helper()
	found := map[string]map[string][]string{"Point": {}, "Err": {}, "Wrong": {}}
	fset := token.NewFileSet()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if n := d.Name(); path != root && (n == "testdata" || n == "node_modules" || n == "tools" || n == "bin" || strings.HasPrefix(n, ".")) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 1 {
				return true
			}
			fun, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || found[fun.Sel.Name] == nil {
				return true
			}
			if room, ok := fun.X.(*ast.Ident); !ok || room.Name != "faults" {
				return true
			}
			literal, ok := call.Args[0].(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				t.Errorf("%s: the name is no literal", fset.Position(call.Pos()))
				return true
			}
			name, _ := strconv.Unquote(literal.Value)
			found[fun.Sel.Name][name] = append(found[fun.Sel.Name][name], fset.Position(call.Pos()).String())
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

var shape = regexp.MustCompile(`^[a-z]+\.[a-z]+(-[a-z]+)*$`)

// TestNames holds the tables and the program together, both ways.
func TestNames(t *testing.T) {
	found := calls(t)
	for _, table := range []struct {
		rows  []Row
		calls []string
	}{{Points(), []string{"Point", "Err"}}, {Wrongs(), []string{"Wrong"}}} {
		seen := map[string]bool{}
		for _, r := range table.rows {
			if !shape.MatchString(r.Name) || len(strings.Fields(r.Sentence)) < 4 || seen[r.Name] {
				t.Errorf("row %q: no good name, no sentence, or twice", r.Name)
			}
			seen[r.Name] = true
			if !slices.ContainsFunc(table.calls, func(c string) bool { return len(found[c][r.Name]) > 0 }) {
				t.Errorf("%q stands nowhere in the program", r.Name)
			}
		}
		for _, c := range table.calls {
			for name, at := range found[c] {
				if !seen[name] {
					t.Errorf("%s: %q is not in the table of package faults", at, name)
				}
			}
		}
	}
}

// TestReleaseHasNone builds the issuer and looks for every name in it; that
// the search finds them, the build with the tag shows.
func TestReleaseHasNone(t *testing.T) {
	used := 0
	for _, names := range calls(t) {
		used += len(names)
	}
	if used == 0 {
		t.Fatal("the program has no points")
	}
	for _, tag := range []string{"nomsgpack", "nomsgpack,faults"} {
		file := filepath.Join(t.TempDir(), "issuer")
		if out, err := exec.Command("go", "build", "-tags", tag, "-o", file, root+"/cmd/issuer").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		program, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		wanted := strings.HasSuffix(tag, "faults")
		for _, word := range append(slices.Concat(Points(), Wrongs()), Row{Name: "VIDIMUS_FAULT"}, Row{Name: "VIDIMUS_WRONG"}) {
			if bytes.Contains(program, []byte(word.Name)) != wanted {
				t.Errorf("tags %s: %q in the program: %v", tag, word.Name, !wanted)
			}
		}
	}
}
