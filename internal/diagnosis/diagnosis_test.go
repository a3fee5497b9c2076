package diagnosis

import "testing"

// TestGravestDecides: a command ends with the gravest finding, in whatever order they came.
func TestGravestDecides(t *testing.T) {
	for _, tt := range []struct {
		grades []Grade
		want   int
	}{{nil, 0}, {[]Grade{Good, Good}, 0}, {[]Grade{Look, Good}, 2}, {[]Grade{Look, Wrong, Good}, 1}, {[]Grade{Wrong, Look}, 1}} {
		var d Diagnosis
		for _, g := range tt.grades {
			d.Add("disk", "/", g, "make room", "%d bytes", 7)
		}
		if got := d.ExitCode(); got != tt.want {
			t.Errorf("%v: %d, want %d", tt.grades, got, tt.want)
		}
	}
}

// TestText: what is all right has no remedy.
func TestText(t *testing.T) {
	var d Diagnosis
	d.Add("disk", "/", Good, "make room", "%d bytes free", 7)
	d.Add("keys", "mdl", Wrong, "put it back", "it is gone")
	want := "ok    disk         /: 7 bytes free\nwrong keys         mdl: it is gone\n                   -> put it back\n"
	if got := d.String(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
