package problem

import (
	"errors"
	"fmt"
	"testing"
)

func TestKindAndDetail(t *testing.T) {
	cause := errors.New("row 7 holds a secret")
	err := fmt.Errorf("token: %w", Wrap(InvalidGrant, cause, "the code is used"))
	if got := KindOf(err); got != InvalidGrant {
		t.Errorf("KindOf = %q", got)
	}
	if got := Detail(err); got != "the code is used" {
		t.Errorf("Detail = %q, the cause must not show", got)
	}
	if !errors.Is(err, cause) || !errors.Is(err, &Error{Kind: InvalidGrant}) || errors.Is(err, &Error{Kind: InvalidClient}) {
		t.Error("errors.Is does not follow cause and kind")
	}
	if KindOf(cause) != Internal || Detail(Wrap(Internal, cause, "boom")) != "" {
		t.Error("an unnamed or internal error leaks")
	}
}

func TestKindsAreDistinct(t *testing.T) {
	seen := map[Kind]bool{}
	for _, k := range Kinds() {
		if seen[k] {
			t.Errorf("%s twice", k)
		}
		seen[k] = true
	}
}
