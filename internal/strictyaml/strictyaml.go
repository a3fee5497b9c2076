// Package strictyaml reads the files that people write: one YAML document, in which
// every key is known.
//
// Start with Decode. It has no limit of its own: whoever reads a file bounds it.
package strictyaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
)

// Decode reads data over what stands in into, a pointer to a struct or a map. Unknown
// keys are refused with their line, and so is a second document. A text without a
// document is io.EOF: what that means the caller knows.
func Decode(data []byte, into any) error {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(into); err != nil {
		return err
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return errors.New("more than one YAML document")
	}
	return nil
}

// DecodeOver is Decode for a file that may say nothing: what stands in into stays.
func DecodeOver(data []byte, into any) error {
	if err := Decode(data, into); !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// Encode writes a value as people would, indented by two.
func Encode(v any) (string, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := errors.Join(enc.Encode(v), enc.Close()); err != nil {
		return "", fmt.Errorf("writing YAML: %w", err)
	}
	return b.String(), nil
}
