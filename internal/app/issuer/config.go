package issuer

import (
	_ "embed" // the defaults
	"fmt"
	"os"
	"path/filepath"
	"time"

	"vidimus/internal/strictyaml"
)

// DefaultsYAML is every key of the configuration with its default and what it
// means: what `issuer check-config --defaults` prints.
//
//go:embed defaults.yaml
var DefaultsYAML string

// Config is the configuration file; the keys are documented in defaults.yaml.
// Secrets are paths or URIs, never values. New and Init take only what Check
// lets pass.
type Config struct {
	StateDir       string            `yaml:"state_dir"`
	PublicURL      string            `yaml:"public_url"`
	Authority      Authority         `yaml:"authority"`
	Listen         Listen            `yaml:"listen"`
	TrustedProxies []string          `yaml:"trusted_proxies"`
	RegistryTLS    TLS               `yaml:"registry_tls"`
	Curve          string            `yaml:"curve"`
	SignerSocket   string            `yaml:"signer_socket"`
	Signers        map[string]Signer `yaml:"signers"`
	Rotation       Rotation          `yaml:"rotation"`
	IACA           Root              `yaml:"iaca"`
	OperationsCA   Root              `yaml:"operations_ca"`
	AccessCA       Root              `yaml:"access_ca"`
	ReaderCA       Root              `yaml:"reader_ca"`
	Rollover       Rollover          `yaml:"rollover"`
	Readers        Readers           `yaml:"readers"`
	Catalog        []string          `yaml:"catalog"`
	Effects        string            `yaml:"effects"`
	Sources        []Source          `yaml:"sources"`
	Clients        []string          `yaml:"clients"`
	Wallets        Wallets           `yaml:"wallets"`
	Metadata       Metadata          `yaml:"metadata"`
	Leniency       Leniency          `yaml:"leniency"`
	Login          Login             `yaml:"login"`
	Offers         Offers            `yaml:"offers"`
	Status         Status            `yaml:"status"`
	Notices        Notices           `yaml:"notices"`
	Audit          Audit             `yaml:"audit"`
	Retention      Retention         `yaml:"retention"`
	Console        Console           `yaml:"console"`
	RateLimit      RateLimit         `yaml:"rate_limit"`
	LogLevel       string            `yaml:"log_level"`

	AuthorizationServer AuthorizationServer `yaml:"authorization_server"`

	// Dev is --dev: soft keys, a sample registry, anonymous wallets, http on
	// loopback. It is no key of the file, so that no file turns it on.
	Dev bool `yaml:"-"`
}

// Authority is who issues.
type Authority struct {
	Country      string `yaml:"country"`
	State        string `yaml:"state"`
	Organization string `yaml:"organization"`
}

// Listen is the addresses of the listeners, host:port.
type Listen struct {
	Public   string `yaml:"public"`
	Registry string `yaml:"registry"`
	Office   string `yaml:"office"`
	Console  string `yaml:"console"`
	Metrics  string `yaml:"metrics"`
}

// TLS is paths of PEM files.
type TLS struct {
	Certificate string `yaml:"certificate"`
	Key         string `yaml:"key"`
	ClientCA    string `yaml:"client_ca"`
	CRL         string `yaml:"crl"`
}

// Signer is a key and the certificate chain over it, and further ones that sign
// before or after it.
type Signer struct {
	Key     string       `yaml:"key"`
	Chain   string       `yaml:"chain"`
	Profile string       `yaml:"profile"`
	Next    []Generation `yaml:"next"`
}

// Generation is another key of a signer with its certificate chain.
type Generation struct {
	Key   string `yaml:"key"`
	Chain string `yaml:"chain"`
}

// Rotation is how the keys of signers follow each other.
type Rotation struct {
	Use           time.Duration `yaml:"use"`
	PublishBefore time.Duration `yaml:"publish_before"`
	Longest       time.Duration `yaml:"longest"`
}

// Root is a self-signed certificate and, where this machine holds it, its key.
type Root struct {
	Key         string `yaml:"key"`
	Certificate string `yaml:"certificate"`
}

// Rollover is the change from one IACA to the next.
type Rollover struct {
	CRL   string   `yaml:"crl"`
	Also  []Root   `yaml:"also"`
	Links []string `yaml:"links"`
}

// Readers is what readers get when they are enrolled.
type Readers struct {
	Lifetime  time.Duration `yaml:"lifetime"`
	BundleURL string        `yaml:"bundle_url"`
}

// Source is a registry and what it may say.
type Source struct {
	Issuer        string   `yaml:"issuer"`
	Keys          []string `yaml:"keys"`
	Events        []string `yaml:"events"`
	DocumentTypes []string `yaml:"document_types"`
	Entitlements  []string `yaml:"entitlements"`
	Measures      []string `yaml:"measures"`
	ClientNames   []string `yaml:"client_names"`
	ClientPins    []string `yaml:"client_pins"`
	Webhook       string   `yaml:"webhook"`
	WebhookRoots  string   `yaml:"webhook_roots"`
}

// Offers is the life of offers and transaction codes.
type Offers struct {
	Lifetime       time.Duration `yaml:"lifetime"`
	TxCodeLength   int           `yaml:"tx_code_length"`
	TxCodeAttempts int           `yaml:"tx_code_attempts"`
}

// Status is the timing of the published lists.
type Status struct {
	Tick     time.Duration `yaml:"tick"`
	TTL      time.Duration `yaml:"ttl"`
	Lifetime time.Duration `yaml:"lifetime"`

	Mix       time.Duration `yaml:"mix"`
	Cover     int           `yaml:"cover"`
	Leave     time.Duration `yaml:"leave"`
	OpenLists int           `yaml:"open_lists"`
	Rotate    time.Duration `yaml:"rotate"`
	Directory string        `yaml:"directory"`
}

// Notices is how holders are told.
type Notices struct {
	Language string            `yaml:"language"`
	Webhook  string            `yaml:"webhook"`
	Roots    string            `yaml:"webhook_roots"`
	Mail     Mail              `yaml:"mail"`
	Appeal   map[string]Appeal `yaml:"appeal"`
}

// Mail is the SMTP server that takes our messages.
type Mail struct {
	Server       string `yaml:"server"`
	From         string `yaml:"from"`
	User         string `yaml:"user"`
	PasswordFile string `yaml:"password_file"`
	Roots        string `yaml:"roots"`
}

// Appeal is what holders read about their rights, in one language.
type Appeal struct {
	Text string `yaml:"text"`
	URL  string `yaml:"url"`
}

// Audit is the keeping of the audit record.
type Audit struct {
	Checkpoints []string      `yaml:"checkpoints"`
	Interval    time.Duration `yaml:"interval"`
	Earlier     []string      `yaml:"earlier"`
}

// Retention is how long what was kept for a purpose stays; docs/DATA.md says
// of each field which of these is its own.
type Retention struct {
	Tokens    time.Duration `yaml:"tokens"`
	Outcomes  time.Duration `yaml:"outcomes"`
	Copies    time.Duration `yaml:"copies"`
	History   time.Duration `yaml:"history"`
	Notices   time.Duration `yaml:"notices"`
	Wallets   time.Duration `yaml:"wallets"`
	AuditKeys time.Duration `yaml:"audit_keys"`
}

// Console is who works at the console, and its TLS.
type Console struct {
	PublicURL string    `yaml:"public_url"`
	TimeZone  string    `yaml:"time_zone"`
	TLS       TLS       `yaml:"tls"`
	Officers  []Officer `yaml:"officers"`
}

// Officer is one named account. Human names the person behind it: two accounts
// of one human never count as two.
type Officer struct {
	ID       string   `yaml:"id"`
	Name     string   `yaml:"name"`
	Human    string   `yaml:"human"`
	Roles    []string `yaml:"roles"`
	Pins     []string `yaml:"pins"`
	Disabled bool     `yaml:"disabled"`
}

// RateLimit bounds one client address.
type RateLimit struct {
	PerSecond float64 `yaml:"per_second"`
	Burst     int     `yaml:"burst"`
}

// Defaults is the configuration of defaults.yaml.
func Defaults() Config {
	var c Config
	if err := strictyaml.DecodeOver([]byte(DefaultsYAML), &c); err != nil {
		panic("defaults.yaml: " + err.Error()) // a build of ours is broken
	}
	return c
}

// LoadConfig reads a file over the defaults. Keys of the file win; signers are
// joined by name, lists are replaced; unknown keys are refused with their
// line. path "" gives the defaults alone. dev fills in what development leaves
// to us. The result is not checked yet.
func LoadConfig(path string, dev bool) (Config, error) {
	c := Defaults()
	if path != "" {
		data, err := os.ReadFile(path)
		if err != nil {
			return Config{}, fmt.Errorf("reading the configuration: %w", err)
		}
		if err := strictyaml.DecodeOver(data, &c); err != nil {
			return Config{}, fmt.Errorf("%s: %w", path, err)
		}
	}
	if dev {
		c.Dev = true
		c.fillDev()
	}
	return c, nil
}

// fillDev completes what a configuration for development need not say.
func (c *Config) fillDev() {
	if c.PublicURL == "" {
		c.PublicURL = "http://" + c.Listen.Public
	}
	if c.Authority == (Authority{}) {
		c.Authority = Authority{Country: "UT", Organization: "Utopia"}
	}
}

// YAML writes the configuration as it is used.
func (c *Config) YAML() (string, error) { return strictyaml.Encode(c) }

// Path resolves a path of the configuration: relative ones start at StateDir.
func (c *Config) Path(p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(c.StateDir, p)
}
