//go:build !faults

package faults

import "testing"

func TestNothing(t *testing.T) {
	t.Setenv("VIDIMUS_FAULT", "store.before-commit:kill:1")
	t.Setenv("VIDIMUS_WRONG", "store.no-sync")
	Point("store.before-commit")
	if Enabled || Err("store.before-commit") != nil || Wrong("store.no-sync") {
		t.Error("a release build can be made to fail")
	}
}
