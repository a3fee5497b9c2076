package issuer

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"vidimus/internal/strictyaml"
)

// TestConfig holds defaults.yaml against the Config type: every key is there
// with a comment, and no other.
func TestConfig(t *testing.T) {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(DefaultsYAML), &doc); err != nil {
		t.Fatal(err)
	}
	var inFile, inType []string
	keysOf(doc.Content[0], "", &inFile)
	keysOfType(reflect.TypeFor[Config](), "", &inType)
	slices.Sort(inFile)
	slices.Sort(inType)
	inFile, inType = slices.Compact(inFile), slices.Compact(inType)
	if !slices.Equal(inFile, inType) {
		t.Errorf("defaults.yaml has\n%s\nConfig has\n%s", strings.Join(inFile, "\n"), strings.Join(inType, "\n"))
	}
	top := doc.Content[0].Content
	for i := 0; i < len(top); i += 2 {
		// signers shares the comment of curve before it, two roots that of iaca.
		if k := top[i]; k.HeadComment == "" && !slices.Contains([]string{"signers", "operations_ca", "access_ca"}, k.Value) {
			t.Errorf("%s has no comment", k.Value)
		}
	}
	if c := Defaults(); c.StateDir == "" || c.Status.TTL != 5*time.Minute || c.Dev {
		t.Errorf("defaults %+v", c)
	}
}

// keysOf collects the paths of a document; the keys of signers and the items of
// lists are written as *.
func keysOf(n *yaml.Node, at string, out *[]string) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i < len(n.Content); i += 2 {
			name := n.Content[i].Value
			if at == "signers" {
				name = "*"
			}
			if n.Content[i+1].Kind == yaml.MappingNode && len(n.Content[i+1].Content) == 0 {
				*out = append(*out, strings.TrimPrefix(at+"."+name, "."))
				continue
			}
			keysOf(n.Content[i+1], strings.TrimPrefix(at+"."+name, "."), out)
		}
		return
	case yaml.SequenceNode:
		*out = append(*out, at)
		return
	}
	*out = append(*out, at)
}

func keysOfType(t reflect.Type, at string, out *[]string) {
	switch {
	case t.Kind() == reflect.Map && slices.Contains([]string{"notices.appeal", "metadata.names", "metadata.logos"}, at): // empty by default
		*out = append(*out, at)
	case t.Kind() == reflect.Map:
		keysOfType(t.Elem(), at+".*", out)
	case t.Kind() == reflect.Struct:
		for i := range t.NumField() {
			if tag := t.Field(i).Tag.Get("yaml"); tag != "-" {
				keysOfType(t.Field(i).Type, strings.TrimPrefix(at+"."+tag, "."), out)
			}
		}
	default:
		*out = append(*out, at)
	}
}

// The example of a source in the comments is complete and right.
func TestConfigExampleOfSource(t *testing.T) {
	var lines []string
	for line := range strings.Lines(DefaultsYAML) {
		if regexp.MustCompile(`^# (- issuer:|  [a-z_]+:)`).MatchString(line) {
			lines = append(lines, strings.TrimPrefix(line, "# "))
		}
	}
	c := good(t)
	if err := strictyaml.DecodeOver([]byte("sources:\n"+strings.Join(lines, "")), &c); err != nil {
		t.Fatal(err)
	}
	if err := c.Check(); err != nil {
		t.Error(err)
	}
	if len(c.Sources) != 1 {
		t.Fatalf("%d sources", len(c.Sources))
	}
	v := reflect.ValueOf(c.Sources[0])
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("%s is not in the example", v.Type().Field(i).Tag.Get("yaml"))
		}
	}
}

// good is a configuration outside of development without a mistake.
func good(t *testing.T) Config {
	t.Helper()
	c := Defaults()
	if err := strictyaml.DecodeOver([]byte(goodYAML), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

const goodYAML = `
public_url: https://issuer.example
authority: {country: UT, state: UT-N, organization: Utopia}
registry_tls: {certificate: tls.pem, key: tls.key, client_ca: ca.pem}
clients: [https://wallet.example]
`

func TestGoodConfig(t *testing.T) {
	c := good(t)
	if err := c.Check(); err != nil {
		t.Error(err)
	}
	text, err := c.YAML()
	if err != nil {
		t.Fatal(err)
	}
	var again Config
	if err := strictyaml.DecodeOver([]byte(text), &again); err != nil {
		t.Fatal(err)
	}
	if second, _ := again.YAML(); second != text {
		t.Errorf("written and read again:\n%s\nbefore\n%s", second, text)
	}
	if w := c.Warnings(); len(w) != 2 {
		t.Errorf("warnings %q", w)
	}
	c.TrustedProxies, c.Sources = []string{"127.0.0.1/32"}, []Source{{}}
	if w := c.Warnings(); len(w) != 0 {
		t.Errorf("warnings %q", w)
	}
}

func TestBadConfig(t *testing.T) {
	tests := []struct {
		name, yaml string
		dev        bool
		want       []string // each in the text of the error
	}{
		{"nothing", "", false, []string{"public_url: missing", "authority.country", "authority.organization: missing", "registry_tls: certificate", "clients: empty"}},
		{"unknown key", "state_dirr: x", false, []string{"line 1", "state_dirr"}},
		{"unknown key inside", "public_url: https://a.example\nstatus:\n  tick: 1s\n  tock: 1s", false, []string{"line 4", "tock"}},
		{"dev is no key", "dev: true", false, []string{"line 1", "dev"}},
		{"key twice", "log_level: info\nlog_level: info", false, []string{"line 2", "already defined"}},
		{"two documents", "log_level: info\n---\nlog_level: debug", false, []string{"more than one YAML document"}},
		{"wrong type", "clients: 5", false, []string{"line 1"}},
		{"no duration", "status: {tick: 60}", false, []string{"line 1"}},
		{"no state dir", goodYAML + "state_dir: ''", false, []string{"state_dir: missing"}},
		{"http", strings.Replace(goodYAML, "https:", "http:", 1), false, []string{"public_url:"}},
		{"http beyond loopback", "public_url: http://issuer.example", true, []string{"public_url: http is for --dev on loopback only"}},
		{"slash", strings.Replace(goodYAML, "issuer.example", "issuer.example/", 1), false, []string{"public_url:", "slash"}},
		{"query", strings.Replace(goodYAML, "issuer.example", "issuer.example?x=1", 1), false, []string{"public_url:"}},
		{"user", strings.Replace(goodYAML, "issuer.example", "me@issuer.example", 1), false, []string{"public_url:"}},
		{"no port", "listen: {public: '127.0.0.1:0'}", true, []string{"public_url: names no port"}},
		{"country", strings.Replace(goodYAML, "country: UT", "country: ut", 1), false, []string{"authority.country", `"ut"`, "authority.state"}},
		{"state", strings.Replace(goodYAML, "UT-N", "LU-N", 1), false, []string{"authority.state", "UT-"}},
		{"address", goodYAML + "listen: {public: '8080'}", false, []string{"listen.public", "host:port"}},
		{"same address", goodYAML + "listen: {public: 127.0.0.1:8444}", false, []string{"listen.office", "is taken by listen.public"}},
		{"office for all", goodYAML + "listen: {office: 0.0.0.0:1, metrics: '[::]:2'}", false, []string{"listen.office: is for this machine alone", "listen.metrics"}},
		{"dev for all", "listen: {public: 0.0.0.0:8080, registry: ':8443'}\npublic_url: http://127.0.0.1:8080", true, []string{"listen.public: --dev listens on loopback only", "listen.registry: --dev"}},
		{"proxy", goodYAML + "trusted_proxies: [10.0.0.1]", false, []string{"trusted_proxies[0]", "127.0.0.1/32"}},
		{"half a TLS", strings.Replace(goodYAML, "client_ca: ca.pem", "client_ca: ''", 1), false, []string{"registry_tls"}},
		{"curve", goodYAML + "curve: P-521", false, []string{"curve: P-256 or P-384"}},
		{"secret in key", goodYAML + "iaca: {key: 'pkcs11:object=x;pin-value=1234'}", false, []string{"iaca.key", "PIN"}},
		{"no key", goodYAML + "signers: {mdl: {chain: x.pem}}", false, []string{"signers.mdl.key"}},
		{"no chain", goodYAML + "signers: {status: {key: 'soft:path=x'}}", false, []string{"signers.status: chain is missing"}},
		{"other keys", goodYAML + "signers: {mdl: {key: 'pkcs11:object=mdl', chain: x.pem}}", false, []string{"signers.mdl.key", "opened by the signer process alone"}},
		{"profile", goodYAML + "signers: {mdl: {key: 'soft:path=x', chain: x.pem, profile: iaca}}", false, []string{"signers.mdl.profile", "document-signer-mdl"}},
		{"no root", goodYAML + "operations_ca: {key: '', certificate: ''}", false, []string{"operations_ca: certificate is missing"}},
		{"source", goodYAML + "sources: [{issuer: https://r.example}]", false, []string{"sources[0]: issuer, keys and events"}},
		{"source twice", goodYAML + "sources: [{issuer: r, keys: [a], events: [person-put]}, {issuer: r, keys: [b], events: [person-put]}]", false, []string{"sources[1]: r is there twice"}},
		{"event", goodYAML + "sources: [{issuer: r, keys: [a], events: [person-dies]}]", false, []string{"sources[0].events", "person-dies", "person-put"}},
		{"client", goodYAML + "clients: ['']", false, []string{"clients: an empty client id"}},
		{"offers", goodYAML + "offers: {lifetime: 1s, tx_code_length: 4, tx_code_attempts: 11}", false, []string{"offers.lifetime", "offers.tx_code_length", "offers.tx_code_attempts"}},
		{"status", goodYAML + "status: {ttl: 10m, lifetime: 10m}", false, []string{"status: tick"}},
		{"tick beyond ttl", goodYAML + "status: {tick: 10m}", false, []string{"status: tick"}},
		{"leave", goodYAML + "status: {leave: 100000h}", false, []string{"status.leave: between 0s and 72h"}},
		{"lists in the state folder", goodYAML + "status: {directory: .}", false, []string{"status.directory", "contains the state folder"}},
		{"lists above it", goodYAML + "status: {directory: /}", false, []string{"status.directory", "contains the state folder"}},
		{"lists among secrets", goodYAML + "status: {directory: secrets/x}", false, []string{"status.directory", "must not read"}},
		{"asking again", goodYAML + "wallets: {ask_again: 25h}", false, []string{"wallets.ask_again: between 1s and 24h"}},
		{"asking again at once", goodYAML + "wallets: {ask_again: 0s}", false, []string{"wallets.ask_again"}},
		{"names", goodYAML + "metadata: {names: {english: Utopia, fr: ' ', de: " + strings.Repeat("x", 300) + "}}", false, []string{`metadata.names: a language tag`, `"english"`, "metadata.names.fr: a name", "metadata.names.de: a name"}},
		{"certificates of us", goodYAML + "metadata: {registration_certificates: [a, b, c, d, e, f, g, h, i]}", false, []string{"metadata.registration_certificates: at most 8"}},
		{"status period", goodYAML + "metadata: {client_status_period: 500ms}", false, []string{"metadata.client_status_period: whole seconds"}},
		{"status period ahead", goodYAML + "metadata: {client_status_period: 1000000h}", false, []string{"metadata.client_status_period: whole seconds"}},
		{"readers without a root", goodYAML + "reader_ca: {key: 'soft:path=x', certificate: ''}", false, []string{"reader_ca: a key without a certificate"}},
		{"readers for ever", goodYAML + "readers: {lifetime: 100000h}", false, []string{"readers.lifetime: between 24h and 28488h"}},
		{"readers in no time", goodYAML + "readers: {lifetime: 1h}", false, []string{"readers.lifetime"}},
		{"bundles in the open", goodYAML + "readers: {bundle_url: 'http://readers.example/b'}", false, []string{"readers.bundle_url: an https address"}},
		{"no access root", goodYAML + "access_ca: {key: '', certificate: ''}", false, []string{"access_ca: certificate is missing"}},
		{"leniency", goodYAML + "leniency: {draft13: true}", false, []string{"draft13"}},
		{"checkpoints twice", goodYAML + "audit: {checkpoints: [a, ./a]}", false, []string{"audit.checkpoints[1]"}},
		{"port", goodYAML + "listen: {public: '127.0.0.1:99999'}", false, []string{"listen.public: host:port"}},
		{"port of all", goodYAML + "listen: {public: '127.0.0.1:9443', registry: '0.0.0.0:9443'}", false, []string{"listen.registry", "takes the port of listen.public"}},
		{"port of all before", goodYAML + "listen: {public: ':9443', registry: '127.0.0.1:9443'}", false, []string{"listen.registry", "is taken by listen.public"}},
		{"rate of no number", goodYAML + "rate_limit: {per_second: .nan}", false, []string{"rate_limit"}},
		{"rate without end", goodYAML + "rate_limit: {per_second: .inf}", false, []string{"rate_limit"}},
		{"list without a CA", goodYAML + "console: {public_url: https://c.example, tls: {certificate: a, key: b, crl: c}, officers: [{id: a, name: A, human: '1', roles: [editor]}]}", false, []string{"console.tls.crl"}},
		{"pins without a CA", goodYAML + "console: {public_url: https://c.example, tls: {certificate: a, key: b}, officers: [{id: a, name: A, human: '1', roles: [editor], pins: [" + strings.Repeat("ab", 32) + "]}]}", false, []string{"console.officers[0].pins"}},
		{"auditor and more", goodYAML + "console: {public_url: https://c.example, tls: {certificate: a, key: b}, officers: [{id: a, name: A, human: '1', roles: [editor, auditor]}]}", false, []string{"console.officers", "auditor has no other role"}},
		{"console with a path", goodYAML + "console: {public_url: https://c.example/x, tls: {certificate: a, key: b}, officers: [{id: a, name: A, human: '1', roles: [editor]}]}", false, []string{"console.public_url"}},
		{"mail without a port", goodYAML + "notices: {mail: {server: mail.example, from: a@b.example}}", false, []string{"notices.mail.server: host:port"}},
		{"challenges of nobody", goodYAML + "wallets: {challenges: true}", false, []string{"wallets.challenges"}},
		{"refresh", goodYAML + "wallets: {refresh: 10000h}", false, []string{"wallets.refresh: between 1m and"}},
		{"login without a level", goodYAML + "login: {issuer: https://l.example, client_id: x}", false, []string{"login.acr: missing"}},
		{"login without a name", goodYAML + "login: {issuer: https://l.example, acr: [x]}", false, []string{"login.client_id: missing"}},
		{"login over http", goodYAML + "login: {issuer: http://l.example, client_id: x, acr: [x]}", false, []string{"login.issuer: an https address"}},
		{"login of nobody", goodYAML + "login: {client_id: x}", false, []string{"login.issuer: missing"}},
		{"rate", goodYAML + "rate_limit: {burst: 0}", false, []string{"rate_limit"}},
		{"level", goodYAML + "log_level: loud", false, []string{"log_level: debug, info, warn or error"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "issuer.yaml")
			// A key given again replaces that of goodYAML.
			if err := os.WriteFile(path, []byte(override(tt.yaml)), 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := LoadConfig(path, tt.dev)
			if err == nil {
				err = c.Check()
			}
			if err == nil {
				t.Fatal("it passes")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in: %v", want, err)
				}
			}
		})
	}
	if _, err := LoadConfig(filepath.Join(t.TempDir(), "none.yaml"), false); err == nil {
		t.Error("a file that is not there is no configuration")
	}
}

// override drops a top-level line of goodYAML that is given again after it.
func override(text string) string {
	rest, ok := strings.CutPrefix(text, goodYAML)
	if !ok || rest == "" {
		return text
	}
	key, _, _ := strings.Cut(rest, ":")
	var out strings.Builder
	for line := range strings.Lines(goodYAML) {
		if !strings.HasPrefix(line, key+":") {
			out.WriteString(line)
		}
	}
	return out.String() + rest
}

func TestDevDefaults(t *testing.T) {
	c, err := LoadConfig("", true)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Check(); err != nil {
		t.Error(err)
	}
	if c.PublicURL != "http://127.0.0.1:8080" || c.Authority.Country != "UT" || !c.Dev {
		t.Errorf("%+v", c)
	}
	if c, _ = LoadConfig("", false); c.Check() == nil {
		t.Error("the defaults alone are no office")
	}
}
