package audit

import (
	"errors"
	"strings"
	"testing"
)

func TestParseLine(t *testing.T) {
	raw, _, err := Head{Seq: 41}.Next(event(3))
	if err != nil {
		t.Fatal(err)
	}
	e, err := ParseLine(raw)
	if err != nil || e.Subject != "batch-3" || e.Outcome != Intent || e.Detail["count"] != "20" {
		t.Errorf("%+v, %v", e, err)
	}
	for name, line := range map[string]string{
		"empty": "", "no_time": `{"seq":1}`, "member_twice": `{"seq":1,"seq":1}`, "endless": strings.Repeat(" ", MaxLine+1),
	} {
		t.Run(name, func(t *testing.T) {
			if e, err := ParseLine([]byte(line)); !errors.Is(err, ErrChain) || e.Action != "" {
				t.Errorf("%+v, %v", e, err)
			}
		})
	}
}
