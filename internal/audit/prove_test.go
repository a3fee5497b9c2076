package audit

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestProve(t *testing.T) {
	l := newLedger(t)
	if _, err := l.tree.Prove(t.Context(), 1); !errors.Is(err, ErrNotSigned) {
		t.Fatalf("an empty record: %v", err)
	}
	l.add(1)
	l.checkpoint()
	for range 3 {
		l.add(6)
		c := l.checkpoint()
		for seq := uint64(1); seq <= c.Size; seq++ {
			p, err := l.tree.Prove(t.Context(), seq)
			if err != nil {
				t.Fatal(err)
			}
			data, err := json.Marshal(p)
			if err != nil {
				t.Fatal(err)
			}
			again, err := ParseProof(data)
			if err != nil {
				t.Fatal(err)
			}
			e, under, err := VerifyProof(again, l.keys)
			if err != nil || e.Subject != event(int(seq-1)).Subject || under.Size != c.Size {
				t.Fatalf("line %d of %d: %+v, %v", seq, c.Size, e, err)
			}
		}
	}
	l.add(1)
	for _, seq := range []uint64{0, uint64(l.n), 1 << 60} {
		if _, err := l.tree.Prove(t.Context(), seq); !errors.Is(err, ErrNotSigned) {
			t.Errorf("line %d: %v", seq, err)
		}
	}
	t.Run("T06/no_proof_of_a_changed_line", func(t *testing.T) {
		l.shelf.rewrite(t, 4, "other")
		if _, err := l.tree.Prove(t.Context(), 4); !errors.Is(err, ErrCheckpoint) {
			t.Errorf("got %v", err)
		}
	})
}

func TestVerifyProofRefuses(t *testing.T) {
	l := newLedger(t)
	l.add(6)
	l.checkpoint()
	good, err := l.tree.Prove(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	other, err := l.tree.Prove(t.Context(), 4)
	if err != nil {
		t.Fatal(err)
	}
	foreign := newLedger(t)
	foreign.add(6)
	tests := []struct {
		name  string
		spoil func(p *Proof)
		is    error
	}{
		{"line_changed", func(p *Proof) { p.Line = strings.Replace(p.Line, "batch-2", "batch-7", 1) }, ErrProof},
		{"line_of_another_number", func(p *Proof) { p.Line = other.Line }, ErrProof},
		{"another_number", func(p *Proof) { p.Seq = 4 }, ErrProof},
		{"number_and_path_of_another", func(p *Proof) { p.Seq, p.Hashes = 4, other.Hashes }, ErrProof},
		{"number_zero", func(p *Proof) { p.Seq = 0 }, ErrProof},
		{"number_beyond_the_checkpoint", func(p *Proof) { p.Seq = 7 }, ErrProof},
		{"number_that_overflows", func(p *Proof) { p.Seq = 1<<64 - 1 }, ErrProof},
		{"hash_missing", func(p *Proof) { p.Hashes = p.Hashes[1:] }, ErrProof},
		{"hash_too_many", func(p *Proof) { p.Hashes = append(p.Hashes[:3:3], p.Hashes[0]) }, ErrProof},
		{"hash_too_short", func(p *Proof) { p.Hashes = []string{"AAAA", p.Hashes[1], p.Hashes[2]} }, ErrProof},
		{"hash_with_loose_bits", func(p *Proof) { p.Hashes = []string{p.Hashes[0] + "=", p.Hashes[1], p.Hashes[2]} }, ErrProof},
		{"a_thousand_hashes", func(p *Proof) { p.Hashes = make([]string, 1000) }, ErrProof},
		{"no_hashes", func(p *Proof) { p.Hashes = nil }, ErrProof},
		{"checkpoint_of_another_key", func(p *Proof) { p.Checkpoint = foreign.checkpoint().Token }, ErrToken},
		{"no_checkpoint", func(p *Proof) { p.Checkpoint = "" }, ErrToken},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := good
			tt.spoil(&p)
			if e, c, err := VerifyProof(p, l.keys); !errors.Is(err, tt.is) || e.Action != "" || c.Size != 0 {
				t.Errorf("%+v, %+v, %v", e, c, err)
			}
		})
	}
	for name, data := range map[string]string{
		"not_json": "x", "member_twice": `{"seq":1,"seq":1}`, "too_long": `{"line":"` + strings.Repeat("x", maxProof) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ParseProof([]byte(data)); !errors.Is(err, ErrProof) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func FuzzVerifyProof(f *testing.F) {
	l := newLedger(f)
	l.add(6)
	l.checkpoint()
	for seq := range uint64(6) {
		p, err := l.tree.Prove(f.Context(), seq+1)
		if err != nil {
			f.Fatal(err)
		}
		data, err := json.Marshal(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ParseProof(data)
		if err != nil {
			return
		}
		_, _, err = VerifyProof(p, l.keys)
		switch {
		case err == nil && p.Line != string(l.shelf.lines[p.Seq-1]):
			t.Fatalf("proved: %q", data)
		case err != nil && !errors.Is(err, ErrProof) && !errors.Is(err, ErrToken):
			t.Fatalf("unnamed: %v", err)
		}
	})
}
