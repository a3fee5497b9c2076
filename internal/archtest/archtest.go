// Package archtest keeps the house standing: its test fails when a package
// imports upwards or sideways, when a second package imports a library that
// belongs to one, or when a pure room learns of the network or of the present.
//
// The tables in floors.go are the rules of ARCHITECTURE.md, each with its
// reason. A new package without a floor fails the test, so that its place is
// decided and not drifted into. Nothing but the test uses this package.
package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

// Module is the import path prefix of our own packages.
const Module = "vidimus"

// Package is one folder of Go files as its source says it: no build, so that
// files behind build tags are seen too.
type Package struct {
	Path    string              // below the module, "internal/mdoc"
	Imports map[string][]string // import path -> files that import it, tests left out
	Calls   map[string][]string // "time.Now" -> positions, tests left out
}

// Load reads every package below root. Test files and testdata are left out:
// tests may import what they please.
func Load(root string) (map[string]*Package, error) {
	pkgs := map[string]*Package{}
	fset := token.NewFileSet()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if path != root && (name == "testdata" || name == "node_modules" || name == "tools" || name == "bin" || strings.HasPrefix(name, ".")) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return fmt.Errorf("parsing %s: %w", path, err)
		}
		rel, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		p := pkgs[rel]
		if p == nil {
			p = &Package{Path: rel, Imports: map[string][]string{}, Calls: map[string][]string{}}
			pkgs[rel] = p
		}
		names := map[string]string{}
		for _, spec := range file.Imports {
			imp, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			p.Imports[imp] = append(p.Imports[imp], path)
			local := imp[strings.LastIndex(imp, "/")+1:]
			if spec.Name != nil {
				local = spec.Name.Name
			}
			names[local] = imp
		}
		ast.Inspect(file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if id, ok := sel.X.(*ast.Ident); ok {
				if imp, ok := names[id.Name]; ok {
					call := imp + "." + sel.Sel.Name
					p.Calls[call] = append(p.Calls[call], fset.Position(sel.Pos()).String())
				}
			}
			return true
		})
		return nil
	})
	return pkgs, err
}

// FloorOf gives the floor of a package path below the module. A folder below
// a room (x/y) stands half a floor above x.
func FloorOf(path string) (float64, bool) {
	best, floor := "", 0.0
	for _, r := range Floors {
		if (path == r.Room || strings.HasPrefix(path, r.Room+"/")) && len(r.Room) > len(best) {
			best, floor = r.Room, r.Floor
		}
	}
	if best == "" {
		return 0, false
	}
	if path != best {
		floor += 0.5
	}
	return floor, true
}

// Reach gives our own packages and the libraries that path links, with one way
// to each.
func Reach(pkgs map[string]*Package, path string) map[string]string {
	via := map[string]string{}
	var walk func(p, trail string)
	walk = func(p, trail string) {
		pkg := pkgs[p]
		if pkg == nil {
			return
		}
		for _, imp := range sorted(pkg.Imports) {
			if _, seen := via[imp]; seen {
				continue
			}
			via[imp] = trail + " > " + imp
			if own, ok := strings.CutPrefix(imp, Module+"/"); ok {
				walk(own, trail+" > "+own)
			}
		}
	}
	walk(path, path)
	return via
}

func sorted(m map[string][]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
