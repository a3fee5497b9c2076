package bulk

import (
	"bytes"
	"context"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"vidimus/internal/document"
)

func TestImport(t *testing.T) {
	w := newWorld(t)
	text := generated(t, 95)
	im := w.importer(text, 20)
	var seen []Progress
	im.Progress = func(p Progress) { seen = append(seen, p) }
	state, err := im.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if state.Applied != 95 || state.Known != 0 || state.Blocks != 5 || state.Done.IsZero() || len(w.store.subjects) != 95 {
		t.Errorf("%+v", state)
	}
	if len(seen) != 5 || seen[4] != (Progress{Blocks: 5, BlocksTotal: 5, Lines: 95, LinesTotal: 95, Applied: 95}) {
		t.Errorf("%+v", seen)
	}
	for _, s := range w.store.subjects {
		if s.Version != 1 || s.Person == nil || len(s.Documents) != 2 || len(s.Entitlements) != 1 {
			t.Fatalf("%+v", s)
		}
	}
	if len(w.store.audit) != 5 || w.store.audit[4].Detail["count"] != "15" {
		t.Errorf("%+v", w.store.audit)
	}
	// Again: nothing happens.
	im.File = bytes.NewReader(text)
	if again, err := im.Run(t.Context()); err != nil || again.Applied != 95 || w.store.blocks != 5 {
		t.Errorf("%+v, %v", again, err)
	}
	// Another file beside the manifest of what is loaded is not said to be loaded.
	for name, other := range map[string][]byte{"changed": bytes.ToUpper(text), "shorter": text[:len(text)-9], "longer": append(bytes.Clone(text), '\n')} {
		im.File = bytes.NewReader(other)
		if _, err := im.Run(t.Context()); !errors.Is(err, ErrFile) || w.store.blocks != 5 {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Another file under the same jti.
	if _, err := w.importer(generated(t, 10), 20).Run(t.Context()); !errors.Is(err, ErrOtherImport) {
		t.Errorf("%v", err)
	}
}

// Stopped at any block, by whatever, the load goes on where it was and makes
// the same subjects. The file need not be able to seek.
func TestImportResumes(t *testing.T) {
	text := generated(t, 50)
	whole := newWorld(t)
	if _, err := whole.importer(text, 10).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for stop := range 5 {
		for _, seek := range []bool{true, false} {
			w := newWorld(t)
			w.key, w.source = whole.key, whole.source
			im := w.importer(text, 10)
			im.Progress = func(p Progress) {
				if p.Blocks == stop {
					w.store.fail = errors.New("no more power")
				}
			}
			if stop == 0 {
				w.store.fail = errors.New("no more power")
			}
			state, err := im.Run(t.Context())
			if err == nil {
				t.Fatalf("%d: the trouble was not seen", stop)
			}
			if len(w.store.subjects) != 10*stop {
				t.Fatalf("%d: %d subjects, %+v", stop, len(w.store.subjects), state)
			}
			im.Progress = nil
			im.File = bytes.NewReader(text)
			if !seek {
				im.File = io.MultiReader(im.File)
			}
			if state, err = im.Run(t.Context()); err != nil || state.Applied != 50 {
				t.Fatalf("%d: %+v, %v", stop, state, err)
			}
			for number, s := range whole.store.subjects {
				if got := w.store.subjects[number]; !reflect.DeepEqual(got, s) {
					t.Fatalf("%d: %+v", stop, got)
				}
			}
		}
	}
}

// A bad line stops before its block; those before it are loaded.
func TestImportStopsAtABadLine(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(string(generated(t, 40))), "\n")
	lines[25] = `{"person":"P","attributes":{"family_name":"SECRET"}}`
	text := file(lines...)
	w := newWorld(t)
	_, err := w.importer(text, 10).Run(t.Context())
	var bad *LineError
	if !errors.As(err, &bad) || bad.Line != 26 || !strings.Contains(bad.Detail(), "given_name is missing") || strings.Contains(err.Error(), "SECRET") {
		t.Errorf("%v", err)
	}
	if len(w.store.subjects) != 20 {
		t.Errorf("%d subjects", len(w.store.subjects))
	}

	// Told to go on, it leaves the line out.
	lines[26] = lines[24] // and a person twice in a block
	lines[35] = lines[2]  // twice in the file: known already
	text = file(lines...)
	w = newWorld(t)
	im := w.importer(text, 10)
	var told []string
	im.Refused = func(e *LineError) error { told = append(told, e.Error()); return nil }
	progress, err := im.Check(t.Context())
	if err != nil || progress.Refused != 2 || len(told) != 2 || len(w.store.subjects) != 0 || w.store.blocks != 0 {
		t.Errorf("checking: %+v, %v, %q", progress, err, told)
	}
	checked := slices.Clone(told)
	im.File, told = bytes.NewReader(text), nil
	state, err := im.Run(t.Context())
	if err != nil || state.Applied != 37 || state.Known != 1 || !slices.Equal(told, checked) || !strings.HasPrefix(told[1], "line 27:") {
		t.Errorf("%+v, %v, %q", state, err, told)
	}

	im = newWorld(t).importer(text, 10)
	full := errors.New("disk full")
	im.Refused = func(*LineError) error { return full }
	if state, err := im.Run(t.Context()); !errors.Is(err, full) || state.Blocks != 2 {
		t.Errorf("%+v, %v", state, err)
	}
}

// A file that is not the one of its manifest loads up to the first block that
// differs.
func TestImportOfAnotherFile(t *testing.T) {
	text := generated(t, 30)
	half := bytes.IndexByte(text[len(text)/2:], '\n') + len(text)/2
	changed := bytes.Clone(text)
	changed[half-20] ^= 1
	swapped := bytes.Clone(text)
	swapped[half] = ' '
	for _, test := range []struct {
		name    string
		file    []byte
		applied int
	}{
		{"a bit changed", changed, 10},
		{"a newline changed", swapped, 10},
		{"cut within a block", text[:half], 10},
		{"empty", nil, 0},
		{"longer", append(bytes.Clone(text), "{}\n"...), 20},
		{"one octet longer", append(bytes.Clone(text), '\n'), 20},
	} {
		w := newWorld(t)
		im := w.importer(text, 10)
		im.File = bytes.NewReader(test.file)
		_, err := im.Run(t.Context())
		if !errors.Is(err, ErrFile) || len(w.store.subjects) != test.applied {
			t.Errorf("%s: %d subjects, %v", test.name, len(w.store.subjects), err)
		}
	}
	// A manifest whose lines and octets do not agree.
	w := newWorld(t)
	im := w.importer(text, 10)
	im.Manifest.Blocks[0].Lines++
	if _, err := im.Run(t.Context()); !errors.Is(err, ErrFile) || len(w.store.subjects) != 0 {
		t.Errorf("%v", err)
	}
}

func TestImportEnds(t *testing.T) {
	w := newWorld(t)
	im := w.importer(generated(t, 50), 10)
	ctx, cancel := context.WithCancel(t.Context())
	im.Progress = func(p Progress) {
		if p.Blocks == 2 {
			cancel()
		}
	}
	if _, err := im.Run(ctx); !errors.Is(err, context.Canceled) || len(w.store.subjects) != 20 {
		t.Errorf("%d subjects, %v", len(w.store.subjects), err)
	}
}

func TestImportWithoutFolder(t *testing.T) {
	w := newWorld(t)
	im := w.importer(file(`{"person":"P","attributes":{"family_name":"A","given_name":"B","birth_date":"1984-01-26","portrait":{"sha-256":"`+strings.Repeat("ab", 32)+`"}}}`), 0)
	im.Images = nil
	if _, err := im.Run(t.Context()); !errors.As(err, new(*LineError)) {
		t.Errorf("%v", err)
	}
}

func TestAppendSubjectMerged(t *testing.T) {
	if line, err := AppendSubject(nil, document.Subject{Number: "P", MergedInto: "Q"}, nil); !errors.Is(err, ErrMerged) || line != nil {
		t.Errorf("%s, %v", line, err)
	}
}
