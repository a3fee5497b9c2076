package audit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestInsider is bad inputs T06 and T07 against whoever can write the database:
// the record must disagree with what was signed of it, both when the office
// next signs and when somebody verifies.
func TestInsider(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(t *testing.T, l *ledger)
		sign  error  // of the next Checkpoint; nil: it does not see it
		is    error  // of VerifyRecord
		says  string // of VerifyRecord
		live  string // of Tree.Verify, where it says more
	}{
		{"T06/tail_truncated", func(t *testing.T, l *ledger) {
			l.shelf.lines = l.shelf.lines[:9]
			l.shelf.head = mustHead(t, l.shelf.bytes())
		}, ErrTruncated, ErrTruncated, "line 9 is the last", ""},
		{"T06/tail_truncated_with_the_tree_and_the_kept_checkpoint", func(t *testing.T, l *ledger) {
			l.shelf.lines = l.shelf.lines[:9]
			l.shelf.head = mustHead(t, l.shelf.bytes())
			l.shelf.size, l.shelf.signed, l.shelf.token = 9, 0, ""
			l.shelf.regrow()
		}, ErrTruncated, ErrTruncated, "line 9 is the last", ""},
		{"T06/line_changed", func(t *testing.T, l *ledger) {
			l.shelf.lines[6] = bytes.Replace(l.shelf.lines[6], []byte("batch-6"), []byte("batch-9"), 1)
		}, nil, ErrChain, "line 8 does not follow", "line 7 was changed"},
		{"T06/line_changed_at_a_checkpoint", func(t *testing.T, l *ledger) {
			l.shelf.lines[4] = bytes.Replace(l.shelf.lines[4], []byte("batch-4"), []byte("batch-9"), 1)
		}, nil, ErrCheckpoint, "lines from 1 to 5", "line 5 was changed"},
		{"T06/last_line_changed", func(t *testing.T, l *ledger) {
			l.shelf.rewrite(t, 12, "other")
		}, ErrCheckpoint, ErrCheckpoint, "lines from 6 to 12", "line 12 was changed"},
		{"T06/fork_of_the_same_size", func(t *testing.T, l *ledger) {
			l.shelf.rewrite(t, 8, "other")
		}, ErrCheckpoint, ErrCheckpoint, "lines from 6 to 12", "line 8 was changed"},
		{"T07/chain_recomputed", func(t *testing.T, l *ledger) {
			l.shelf.rewrite(t, 3, "other")
		}, ErrCheckpoint, ErrCheckpoint, "lines from 1 to 5", "line 3 was changed"},
		{"T07/chain_and_tree_recomputed", func(t *testing.T, l *ledger) {
			l.shelf.rewrite(t, 3, "other")
			l.shelf.regrow()
		}, ErrCheckpoint, ErrCheckpoint, "lines from 1 to 5", ""},
		{"T07/chain_and_tree_recomputed_and_the_kept_checkpoint_deleted", func(t *testing.T, l *ledger) {
			l.shelf.rewrite(t, 3, "other")
			l.shelf.regrow()
			l.shelf.signed, l.shelf.token = 0, ""
		}, ErrCheckpoint, ErrCheckpoint, "lines from 1 to 5", ""},
		{"T07/all_made_anew_and_one_file_of_two", func(t *testing.T, l *ledger) {
			l.shelf.rewrite(t, 3, "other")
			l.shelf.size, l.shelf.hashes, l.shelf.signed, l.shelf.token = 0, nil, 0, ""
			if err := os.Remove(l.files[0]); err != nil {
				t.Fatal(err)
			}
		}, ErrCheckpoint, ErrCheckpoint, "lines from 1 to 5", ""},
		{"T07/lines_added_after_a_rewrite", func(t *testing.T, l *ledger) {
			l.shelf.rewrite(t, 3, "other")
			l.shelf.regrow()
			l.shelf.signed, l.shelf.token = 0, ""
			l.add(5)
		}, ErrCheckpoint, ErrCheckpoint, "lines from 1 to 5", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLedger(t)
			l.add(5)
			l.checkpoint()
			l.add(7)
			l.checkpoint()
			files := [][]Checkpoint{l.seen(l.files[1])} // the copy that the insider cannot write
			tt.spoil(t, l)
			l.restart()
			signed := l.shelf.token
			if _, err := l.tree.Checkpoint(t.Context()); !errors.Is(err, tt.sign) {
				t.Errorf("the next checkpoint: %v, want %v", err, tt.sign)
			} else if err != nil && l.shelf.token != signed {
				t.Error("signed all the same")
			}
			if _, err := VerifyRecord(bytes.NewReader(l.shelf.bytes()), nil, files...); !errors.Is(err, tt.is) || !strings.Contains(fmt.Sprint(err), tt.says) {
				t.Errorf("verified: %v, want %v with %q", err, tt.is, tt.says)
			}
			if _, err := l.tree.Verify(t.Context(), nil, files...); !errors.Is(err, tt.is) || !strings.Contains(fmt.Sprint(err), tt.live) {
				t.Errorf("verified in the store: %v, want %v with %q", err, tt.is, tt.live)
			}
		})
	}
	t.Run("T07/another_key", func(t *testing.T) {
		l := newLedger(t)
		l.add(5)
		l.checkpoint()
		l.shelf.rewrite(t, 3, "other")
		l.shelf.size, l.shelf.hashes, l.shelf.signed, l.shelf.token = 0, nil, 0, ""
		l.cfg.Signer, l.cfg.Outside = newKey(t), nil // of the insider
		l.restart()
		forged := l.checkpoint()
		if _, err := l.keys.Parse(forged.Token); !errors.Is(err, ErrToken) {
			t.Errorf("a forged checkpoint: %v", err)
		}
	})
	t.Run("control_without_anything_outside", func(t *testing.T) {
		// What the files are for: without them the same deed is not seen.
		l := newLedger(t)
		l.cfg.Outside = nil
		l.restart()
		l.add(5)
		l.checkpoint()
		l.shelf.rewrite(t, 3, "other")
		l.shelf.regrow()
		l.shelf.signed, l.shelf.token = 0, ""
		l.restart()
		l.checkpoint()
		if _, err := l.tree.Verify(t.Context(), nil); err != nil {
			t.Errorf("seen without a checkpoint outside: %v", err)
		}
	})
}

// TestRestore: a backup put back is no secret. Without the word of the key it
// is an alarm; with it the lost lines are named, and all else verifies.
func TestRestore(t *testing.T) {
	l := newLedger(t)
	l.add(5)
	l.checkpoint()
	backup := l.shelf.copy()
	backup.lines = backup.lines[:5]
	l.add(7)
	l.checkpoint()
	l.shelf = backup
	l.restart()
	if _, err := l.tree.Checkpoint(t.Context()); !errors.Is(err, ErrTruncated) {
		t.Fatalf("rolled back, and yet: %v", err)
	}
	if _, err := l.tree.DeclareRestore(t.Context(), 5); !errors.Is(err, ErrCheckpoint) {
		t.Fatalf("declared without a line: %v", err)
	}
	if err := l.shelf.Append(t.Context(), event(100)); err != nil { // issuer.restore
		t.Fatal(err)
	}
	c, err := l.tree.DeclareRestore(t.Context(), 5)
	if err != nil || !c.Restored || c.Kept != 5 || c.Size != 6 {
		t.Fatalf("%+v, %v", c, err)
	}
	if again, err := l.tree.DeclareRestore(t.Context(), 5); err != nil || again.Token != c.Token {
		t.Errorf("repeated: %v", err)
	}
	l.add(20)
	l.restart()
	l.checkpoint()
	for _, path := range l.files {
		v, err := VerifyRecord(bytes.NewReader(l.shelf.bytes()), nil, l.seen(path))
		if err != nil || len(v.Lost) != 1 || v.Lost[0].Size != 12 || v.Signed != 26 || v.Checkpoints != 3 {
			t.Errorf("%s: %+v, %v", path, v, err)
		}
	}
	t.Run("lines_before_the_backup_still_count", func(t *testing.T) {
		evil := l.shelf.copy()
		evil.rewrite(t, 2, "other")
		if _, err := VerifyRecord(bytes.NewReader(evil.bytes()), nil, l.seen(l.files[0])); !errors.Is(err, ErrCheckpoint) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("declared_by_nobody", func(t *testing.T) {
		cps := l.seen(l.files[0])
		for i := range cps {
			cps[i].Restored = false
		}
		if _, err := VerifyRecord(bytes.NewReader(l.shelf.bytes()), nil, cps); !errors.Is(err, ErrCheckpoint) {
			t.Errorf("got %v", err)
		}
	})
}

func TestCheckpointsContradict(t *testing.T) {
	l := newLedger(t)
	l.add(5)
	l.checkpoint()
	l.add(2)
	l.checkpoint()
	good := l.seen(l.files[0])
	with := func(change func(c []Checkpoint) []Checkpoint) []Checkpoint {
		return change(append([]Checkpoint(nil), good...))
	}
	tests := []struct {
		name  string
		files [][]Checkpoint
	}{
		{"two_roots_of_one_size", [][]Checkpoint{with(func(c []Checkpoint) []Checkpoint { d := c[1]; d.Root[0]++; return append(c, d) })}},
		{"two_roots_in_two_files", [][]Checkpoint{good, with(func(c []Checkpoint) []Checkpoint { c[0].Root[0]++; return c })}},
		{"backwards", [][]Checkpoint{{good[1], good[0]}}},
		{"two_offices", [][]Checkpoint{good, with(func(c []Checkpoint) []Checkpoint { c[0].Issuer = "https://other.example"; return c })}},
		{"two_offices_in_one_file", [][]Checkpoint{with(func(c []Checkpoint) []Checkpoint { c[1].Issuer = "https://other.example"; return c })}},
		{"head_of_another_line", [][]Checkpoint{with(func(c []Checkpoint) []Checkpoint { c[0].Head[0]++; return c })}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := VerifyRecord(bytes.NewReader(l.shelf.bytes()), nil, tt.files...); !errors.Is(err, ErrCheckpoint) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// FuzzVerifyRecord: under a checkpoint over everything, only the very record
// verifies, whatever it is made into.
func FuzzVerifyRecord(f *testing.F) {
	l := newLedger(f)
	l.add(4)
	l.checkpoint()
	checkpoints, good := l.seen(l.files[0]), l.shelf.bytes()
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add(append(good[:len(good):len(good)], '\n'))
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := VerifyRecord(bytes.NewReader(data), nil, checkpoints)
		switch {
		case err == nil && (v.Signed != 4 || !bytes.HasPrefix(data, good)):
			t.Fatalf("verified: %q", data)
		case err != nil && !errors.Is(err, ErrChain) && !errors.Is(err, ErrCheckpoint) && !errors.Is(err, ErrTruncated):
			t.Fatalf("unnamed: %v", err)
		}
	})
}

// FuzzCheckpoint: nothing but our own tokens are checkpoints.
func FuzzCheckpoint(f *testing.F) {
	l := newLedger(f)
	l.add(1)
	token := l.checkpoint().Token
	f.Add(token)
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := l.keys.Parse(text)
		if err == nil && (c.Size != 1 || c.Issuer != office) || err != nil && !errors.Is(err, ErrToken) {
			t.Fatalf("%+v, %v", c, err)
		}
	})
}
