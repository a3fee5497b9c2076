package issuer

import (
	"fmt"
	"os"

	"go.yaml.in/yaml/v3"

	"vidimus/internal/document"
)

// table reads what facts do to copies: the file of effects, or the built-in
// table.
func (c *Config) table() (document.Table, error) {
	if c.Effects == "" {
		return document.DefaultTable(), nil
	}
	data, err := os.ReadFile(c.Path(c.Effects))
	if err != nil {
		return nil, fmt.Errorf("effects: %w", err)
	}
	t, err := document.ParseTable(data)
	if err != nil {
		return nil, fmt.Errorf("effects: %s: %w", c.Path(c.Effects), err)
	}
	return t, nil
}

// EffectsText is the table in force as YAML or, with builtIn, the built-in one
// with its comments.
func (c *Config) EffectsText(builtIn bool) (string, error) {
	if builtIn || c.Effects == "" {
		return document.DefaultTableYAML(), nil
	}
	t, err := c.table()
	if err != nil {
		return "", err
	}
	text, err := yaml.Marshal(t)
	return string(text), err
}
