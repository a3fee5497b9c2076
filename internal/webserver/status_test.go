package webserver

import (
	"testing"

	"vidimus/internal/problem"
)

func TestEveryKindHasOneStatus(t *testing.T) {
	for _, k := range problem.Kinds() {
		row, ok := statuses[k]
		if !ok || row.general < 400 || row.general > 599 {
			t.Errorf("%s has no status", k)
		}
	}
	if len(statuses) != len(problem.Kinds()) {
		t.Errorf("%d rows for %d kinds", len(statuses), len(problem.Kinds()))
	}
}

func TestStatusOf(t *testing.T) {
	for _, c := range []struct {
		style Style
		kind  problem.Kind
		want  int
	}{
		{StyleOAuth, problem.InvalidDPoPProof, 400},
		{StyleResource, problem.InvalidDPoPProof, 401},
		{StyleOAuth, problem.UseDPoPNonce, 400},
		{StyleResource, problem.UseDPoPNonce, 401},
		{StyleResource, problem.InvalidNonce, 400},
		{StyleEvent, problem.AccessDenied, 400},
		{StyleAPI, problem.AccessDenied, 403},
		{StyleEvent, problem.TooLarge, 413},
		{StyleAPI, problem.Kind("unheard of"), 500},
	} {
		if got := StatusOf(c.style, c.kind); got != c.want {
			t.Errorf("StatusOf(%d, %s) = %d, want %d", c.style, c.kind, got, c.want)
		}
	}
}
