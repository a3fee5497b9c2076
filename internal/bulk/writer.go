package bulk

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"vidimus/internal/document"
)

// Writer writes a file line by line and makes the blocks of its manifest.
type Writer struct {
	w      io.Writer
	hash   hash.Hash
	lines  int
	block  Block
	blocks []Block
	err    error
}

// NewWriter makes blocks of so many lines (0: DefaultBlockLines).
func NewWriter(w io.Writer, lines int) *Writer {
	if lines <= 0 {
		lines = DefaultBlockLines
	}
	return &Writer{w: w, hash: sha256.New(), lines: min(lines, MaxBlockLines)}
}

// Line writes one line, given without its newline.
func (w *Writer) Line(line []byte) error {
	if w.err != nil {
		return w.err
	}
	if len(line) > MaxLine {
		return fmt.Errorf("a line has more than %d octets", MaxLine)
	}
	if w.block.Lines == w.lines || w.block.Bytes+int64(len(line))+1 > MaxBlock {
		w.end()
	}
	for _, part := range [][]byte{line, {'\n'}} {
		if _, err := w.w.Write(part); err != nil {
			w.err = fmt.Errorf("writing the file: %w", err)
			return w.err
		}
		w.hash.Write(part)
	}
	w.block.Lines++
	w.block.Bytes += int64(len(line)) + 1
	return nil
}

func (w *Writer) end() {
	if w.block.Lines > 0 {
		w.block.Digest = [32]byte(w.hash.Sum(nil))
		w.blocks = append(w.blocks, w.block)
		w.block = Block{}
		w.hash.Reset()
	}
}

// Blocks ends the last block and gives all, for the manifest.
func (w *Writer) Blocks() []Block {
	w.end()
	return w.blocks
}

type wireLine struct {
	Person       string            `json:"person"`
	Died         string            `json:"died,omitempty"`
	Attributes   map[string]any    `json:"attributes,omitempty"`
	Entitlements []wireEntitlement `json:"entitlements,omitempty"`
	Documents    []wireDocument    `json:"documents,omitempty"`
	Measures     []wireMeasure     `json:"measures,omitempty"`
}

type wireEntitlement struct {
	Kind       string               `json:"kind"`
	Territory  string               `json:"territory"`
	Privileges []document.Privilege `json:"privileges"`
}

type wireDocument struct {
	Number               string         `json:"number"`
	Type                 string         `json:"type"`
	IssueDate            string         `json:"issue_date"`
	ExpiryDate           string         `json:"expiry_date,omitempty"`
	IssuingAuthority     string         `json:"issuing_authority"`
	IssuingCountry       string         `json:"issuing_country"`
	IssuingJurisdiction  string         `json:"issuing_jurisdiction,omitempty"`
	UNDistinguishingSign string         `json:"un_distinguishing_sign,omitempty"`
	Attributes           map[string]any `json:"attributes,omitempty"`
	Annulled             *wireEnd       `json:"annulled,omitempty"`
	Surrendered          *wireEnd       `json:"surrendered,omitempty"`
}

type wireEnd struct {
	At     string `json:"at"`
	Reason string `json:"reason,omitempty"`
}

type wireMeasure struct {
	ID     string               `json:"id"`
	Kind   document.MeasureKind `json:"kind"`
	Right  document.Right       `json:"right"`
	Orders document.Orders      `json:"orders"`
	From   string               `json:"from"`
	Lifted *wireEnd             `json:"lifted,omitempty"`
}

// ErrMerged: the record belongs to another person now.
var ErrMerged = errors.New("record was merged into another")

// AppendSubject appends the line of a subject, without a newline. put keeps a
// picture and gives its digest; when it is nil, pictures stand in the line. It
// leaves out measures that were never lawful. ErrMerged.
func AppendSubject(dst []byte, s document.Subject, put func([]byte) ([32]byte, error)) ([]byte, error) {
	if s.MergedInto != "" {
		return dst, ErrMerged
	}
	line := wireLine{Person: s.Number}
	var err error
	if s.Person != nil {
		if line.Attributes, err = wireAttributes(s.Person.Attributes, put); err != nil {
			return dst, err
		}
		if s.Person.Deceased {
			line.Died = wireInstant(s.Person.DeceasedAt)
		}
	}
	for _, e := range s.Entitlements {
		privileges := e.Privileges
		if privileges == nil {
			privileges = []document.Privilege{}
		}
		line.Entitlements = append(line.Entitlements, wireEntitlement{e.Kind, e.Territory, privileges})
	}
	for _, d := range s.Documents {
		w := wireDocument{
			Number: d.Number, Type: d.Type, IssueDate: d.IssueDate, ExpiryDate: d.ExpiryDate, IssuingAuthority: d.IssuingAuthority,
			IssuingCountry: d.IssuingCountry, IssuingJurisdiction: d.IssuingJurisdiction, UNDistinguishingSign: d.UNDistinguishingSign,
		}
		if w.Attributes, err = wireAttributes(d.Attributes, put); err != nil {
			return dst, err
		}
		if d.Annulled {
			w.Annulled = &wireEnd{wireInstant(d.AnnulledAt), d.AnnulledReason}
		}
		if d.Surrendered {
			w.Surrendered = &wireEnd{wireInstant(d.SurrenderedAt), d.SurrenderedReason}
		}
		line.Documents = append(line.Documents, w)
	}
	for _, m := range s.Measures {
		last := m.Latest()
		if last.Void {
			continue
		}
		w := wireMeasure{ID: m.ID, Kind: m.Kind, Right: m.Right, Orders: last.Orders, From: wireInstant(last.From)}
		if !last.Lifted.IsZero() {
			w.Lifted = &wireEnd{wireInstant(last.Lifted), last.Reason}
		}
		line.Measures = append(line.Measures, w)
	}
	text, err := json.Marshal(line)
	if err != nil {
		return dst, fmt.Errorf("encoding a line: %w", err)
	}
	return append(dst, text...), nil
}

// wireAttributes gives attributes as they stand in a line. []byte is padded
// base64 in encoding/json, as in events.
func wireAttributes(a document.Attributes, put func([]byte) ([32]byte, error)) (map[string]any, error) {
	if put == nil || len(a) == 0 {
		return a, nil
	}
	out := make(map[string]any, len(a))
	for name, v := range a {
		out[name] = v
	}
	for _, name := range pictures {
		if b, ok := a[name].([]byte); ok && len(b) > 0 {
			digest, err := put(b)
			if err != nil {
				return nil, err
			}
			out[name] = map[string]string{"sha-256": fmt.Sprintf("%x", digest)}
		}
	}
	return out, nil
}

func wireInstant(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
