package signer

import (
	_ "embed" // the defaults
	"fmt"
	"os"
	"path/filepath"
	"time"

	"vidimus/internal/strictyaml"
)

// DefaultsYAML is every key of the configuration with its default and what it
// means: what `signer check-config --defaults` prints.
//
//go:embed defaults.yaml
var DefaultsYAML string

// Config is the configuration file; the keys are documented in defaults.yaml. New
// takes only what Check lets pass.
type Config struct {
	StateDir     string `yaml:"state_dir"`
	Socket       string `yaml:"socket"`
	Group        string `yaml:"group"`
	Peers        Peers  `yaml:"peers"`
	Audit        string `yaml:"audit"`
	Mark         string `yaml:"mark"`
	Lists        string `yaml:"lists"`
	PublicURL    string `yaml:"public_url"`
	StatusPrefix string `yaml:"status_prefix"`

	AuthorizationServer string `yaml:"authorization_server"`

	Rate     Rate           `yaml:"rate"`
	Keys     map[string]Key `yaml:"keys"`
	LogLevel string         `yaml:"log_level"`

	file string // from which it was read
}

// Peers are users and groups, by name or number.
type Peers struct {
	Users  []string `yaml:"users"`
	Groups []string `yaml:"groups"`
}

// Rate bounds the signatures of a key.
type Rate struct {
	PerSecond float64 `yaml:"per_second"`
	Burst     int     `yaml:"burst"`
}

// Key is a key, its certificate, and what it may sign.
type Key struct {
	Key           string        `yaml:"key"`
	Chain         string        `yaml:"chain"`
	Profile       string        `yaml:"profile"`
	DocTypes      []string      `yaml:"doctypes"`
	VCTs          []string      `yaml:"vcts"`
	Claims        []string      `yaml:"claims"`
	MaxValidity   time.Duration `yaml:"max_validity"`
	WithoutStatus bool          `yaml:"without_status"`
	Rate          *Rate         `yaml:"rate,omitempty"`
}

// Defaults is the configuration of defaults.yaml.
func Defaults() Config {
	var c Config
	if err := strictyaml.DecodeOver([]byte(DefaultsYAML), &c); err != nil {
		panic("defaults.yaml: " + err.Error()) // a build of ours is broken
	}
	return c
}

// LoadConfig reads a file over the defaults; unknown keys are refused with their
// line. path "" gives the defaults alone. The result is not checked yet.
func LoadConfig(path string) (Config, error) {
	c := Defaults()
	if path == "" {
		return c, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("reading the configuration: %w", err)
	}
	if err := strictyaml.DecodeOver(data, &c); err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	c.file = path
	if whole, err := filepath.Abs(path); err == nil {
		c.file = whole
	}
	return c, nil
}

// YAML writes the configuration as it is used.
func (c *Config) YAML() (string, error) { return strictyaml.Encode(c) }

// Path is a path of the configuration, from state_dir if it is relative.
func (c *Config) Path(name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(c.StateDir, name)
}

// HasState says whether the state folder is there.
func HasState(c Config) bool { return exists(c.StateDir) }
