package archtest

import (
	"slices"
	"strings"
	"testing"
)

func load(t *testing.T) map[string]*Package {
	t.Helper()
	pkgs, err := Load("../..")
	if err != nil {
		t.Fatal(err)
	}
	if len(pkgs) < 10 {
		t.Fatalf("only %d packages found: the walk is broken", len(pkgs))
	}
	return pkgs
}

func TestFloors(t *testing.T) {
	for path, p := range load(t) {
		floor, ok := FloorOf(path)
		if !ok {
			t.Errorf("%s has no floor: give it a row in floors.go and in ARCHITECTURE.md", path)
			continue
		}
		for imp := range p.Imports {
			own, ok := strings.CutPrefix(imp, Module+"/")
			if !ok {
				continue
			}
			if strings.HasPrefix(path, "api") {
				t.Errorf("%s imports %s: api imports nothing of ours", path, own)
			}
			below, ok := FloorOf(own)
			if ok && below >= floor && !insideRoom(path, own) {
				t.Errorf("%s (floor %v) imports %s (floor %v): only lower floors", path, floor, own, below)
			}
		}
	}
}

// insideRoom allows cmd/x to use folders below itself.
func insideRoom(path, own string) bool { return strings.HasPrefix(own, path+"/") }

func TestOnlyImporters(t *testing.T) {
	for path, p := range load(t) {
		for imp, files := range p.Imports {
			for _, rule := range OnlyImporter {
				if (imp == rule.Library || strings.HasPrefix(imp, rule.Library+"/")) && !slices.Contains(rule.Rooms, path) {
					t.Errorf("%v imports %s, which only %v may: %s", files, imp, rule.Rooms, rule.Reason)
				}
			}
		}
	}
}

func TestForbiddenImports(t *testing.T) {
	pkgs := load(t)
	for _, rule := range Forbidden {
		for _, room := range rule.Rooms {
			p := pkgs[room]
			if p == nil {
				continue
			}
			for _, imp := range rule.Imports {
				if files := p.Imports[imp]; files != nil {
					t.Errorf("%v import %s: %s", files, imp, rule.Reason)
				}
			}
		}
	}
}

func TestNotLinked(t *testing.T) {
	pkgs := load(t)
	for _, rule := range NotLinked {
		if pkgs[rule.Room] == nil {
			t.Errorf("%s is gone: the rule protects nothing", rule.Room)
		}
		for lib, way := range Reach(pkgs, rule.Room) {
			for _, no := range rule.Libraries {
				if lib == no || strings.HasPrefix(lib, no+"/") {
					t.Errorf("%s links %s by %s", rule.Room, lib, way)
				}
			}
		}
	}
}

func TestForbiddenCalls(t *testing.T) {
	for path, p := range load(t) {
		floor, _ := FloorOf(path)
		for _, rule := range ForbiddenCall {
			if floor >= rule.Below || slices.Contains(rule.Except, path) {
				continue
			}
			if at := p.Calls[rule.Call]; at != nil {
				t.Errorf("%v call %s: %s", at, rule.Call, rule.Reason)
			}
		}
	}
}

// The rules themselves must bite.
func TestRulesBite(t *testing.T) {
	if f, ok := FloorOf("internal/pki/pkitest"); !ok || f != 1.5 {
		t.Errorf("pkitest stands on %v", f)
	}
	if _, ok := FloorOf("internal/helpers"); ok {
		t.Error("an unknown room has a floor")
	}
	pkgs := map[string]*Package{
		"internal/a": {Imports: map[string][]string{Module + "/internal/b": nil}},
		"internal/b": {Imports: map[string][]string{"net/http": nil}},
	}
	if way := Reach(pkgs, "internal/a")["net/http"]; !strings.Contains(way, "internal/b") {
		t.Errorf("Reach lost the way: %q", way)
	}
}
