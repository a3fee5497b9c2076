package ceremony

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"vidimus/internal/audit"
	"vidimus/internal/pki"
)

// Draw completes the file of an act with what is missing in it and follows from
// other files, so that nobody copies digits by hand: a fresh serial number, the
// SHA-256 of the files that it names, the public keys of which it has only the name
// of a file, and the digest of the last transcript in its audit record. What stands
// there is never changed. It gives what was put in, nothing when nothing was missing.
// People look at the file after it, not before. Errors match ErrAct.
func Draw(path string, rand io.Reader) ([]string, error) {
	out, err := draw(path, rand)
	switch {
	case errors.Is(err, ErrAct): // of Parse
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrAct, err)
	}
	return out, nil
}

func draw(path string, rand io.Reader) ([]string, error) {
	data, err := readFile(path, MaxAct)
	if err != nil {
		return nil, err
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("the file of an act is a mapping")
	}
	d := &drawing{dir: filepath.Dir(path), top: doc.Content[0], rand: rand}
	for _, step := range []func() error{d.serial, d.digests, d.publicKeys, d.previous} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	if len(d.put) == 0 {
		_, err := Parse(data)
		return nil, err
	}
	var text bytes.Buffer
	enc := yaml.NewEncoder(&text)
	enc.SetIndent(2)
	if err := enc.Encode(&doc); err != nil {
		return nil, err
	}
	if _, err := Parse(text.Bytes()); err != nil {
		return nil, err
	}
	if err := writeNew(path+".new", text.Bytes()); err != nil {
		return nil, err
	}
	return d.put, os.Rename(path+".new", path)
}

// drawing is an act that is being completed.
type drawing struct {
	dir  string
	top  *yaml.Node
	rand io.Reader
	put  []string
}

func (d *drawing) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(d.dir, name)
}

// under gives the value of a key, nil when there is none.
func under(m *yaml.Node, key string) *yaml.Node {
	if m == nil || m.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			return m.Content[i+1]
		}
	}
	return nil
}

func word(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return ""
	}
	return n.Value
}

// set puts a value where there is none.
func (d *drawing) set(m *yaml.Node, field, key, value string, style yaml.Style) {
	d.put = append(d.put, field+": "+value)
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value, Style: style}
	if old := under(m, key); old != nil {
		n.HeadComment, n.LineComment, n.FootComment = old.HeadComment, old.LineComment, old.FootComment
		*old = *n
		return
	}
	m.Content = append(m.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}, n)
}

func (d *drawing) serial() error {
	if word(under(d.top, "act")) == ActCRL || word(under(d.top, "serial")) != "" {
		return nil
	}
	n, err := pki.NewSerial(d.rand)
	if err != nil {
		return err
	}
	d.set(d.top, "serial", "serial", hex.EncodeToString(n.FillBytes(make([]byte, 16))), 0)
	return nil
}

func (d *drawing) digests() error {
	for _, field := range []string{fieldIssuer, fieldCertifies, fieldSubjectKey, fieldFollows} {
		m := under(d.top, field)
		name := word(under(m, "file"))
		if name == "" || word(under(m, "sha256")) != "" {
			continue
		}
		max := maxInput
		if field == fieldFollows {
			max = pki.MaxCRLBytes
		}
		data, err := readFile(d.path(name), max)
		if err != nil {
			return fmt.Errorf("%s: %w", field, err)
		}
		if field != fieldFollows {
			block, rest := pem.Decode(data)
			if block == nil || len(bytes.TrimSpace(rest)) > 0 {
				return fmt.Errorf("%s: %s: one PEM block is wanted", field, name)
			}
			data = block.Bytes
		}
		sum := sha256.Sum256(data)
		d.set(m, field+".sha256", "sha256", hex.EncodeToString(sum[:]), 0)
	}
	return nil
}

// publicKeys puts the keys themselves where there are names of files.
func (d *drawing) publicKeys() error {
	list := []*yaml.Node{under(d.top, "transcript")}
	if o := under(d.top, "operators"); o != nil && o.Kind == yaml.SequenceNode {
		list = append(list, o.Content...)
	}
	for _, m := range list {
		name := word(under(m, "public_key"))
		if name == "" || strings.Contains(name, "\n") {
			continue
		}
		data, err := readFile(d.path(name), maxInput)
		if err != nil {
			return fmt.Errorf("public_key: %w", err)
		}
		pub, _, err := publicKey(data)
		if err != nil {
			return fmt.Errorf("public_key: %s: %w", name, err)
		}
		d.set(m, "public_key", "public_key", strings.TrimSpace(string(data))+"\n", yaml.LiteralStyle)
		d.put[len(d.put)-1] = fmt.Sprintf("public_key: that of %s, SHA-256 %s", name, spkiHash(pub))
	}
	return nil
}

func (d *drawing) previous() error {
	m, record := under(d.top, "transcript"), word(under(d.top, "audit"))
	if m == nil || m.Kind != yaml.MappingNode || record == "" || word(under(m, "previous")) != "" {
		return nil
	}
	done, err := Recorded(d.path(record))
	if err != nil && !errors.Is(err, audit.ErrTorn) { // a torn line is the end
		return err
	}
	last := "none"
	if len(done) > 0 {
		last = done[len(done)-1]
	}
	d.set(m, "transcript.previous", "previous", last, 0)
	return nil
}
