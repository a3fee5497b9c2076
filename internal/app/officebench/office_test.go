package officebench

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/document"
	"vidimus/internal/issuerhttp"
)

// childVariable names what a copy of this program does in the place of tests.
const childVariable = "OFFICEBENCH_CHILD"

func TestMain(m *testing.M) {
	var err error
	switch os.Getenv(childVariable) {
	case "":
		os.Exit(m.Run())
	case "import":
		var r issuerhttp.FileRequest
		if err = json.Unmarshal([]byte(os.Getenv("CHILD_ARGUMENT")), &r); err == nil {
			err = importFile(os.Getenv("CHILD_STATE"), r)
		}
	case "push":
		var p pushing
		if err = json.Unmarshal([]byte(os.Getenv("CHILD_ARGUMENT")), &p); err == nil {
			err = pushEvents(p)
		}
	case "start":
		err = startOffice(os.Getenv("CHILD_STATE"))
	default:
		err = fmt.Errorf("no such child")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// office is an issuer in a folder, with registries that may say everything.
type office struct {
	*testing.T
	dir     string
	cfg     issuer.Config
	sources []registry
}

// registry is a source.
type registry struct {
	name, kid string
	key       *ecdsa.PrivateKey
	file      string // of its key
}

func (o *office) must(err error) {
	o.Helper()
	if err != nil {
		o.Fatal(err)
	}
}

// newOffice makes the state folder. With tls its registry listener asks for
// client certificates.
func newOffice(t *testing.T, tls bool, change ...func(*issuer.Config)) *office {
	t.Helper()
	o := &office{T: t, dir: folder(t)}
	cfg, err := issuer.DevOnFreePorts(filepath.Join(o.dir, "state"))
	o.must(err)
	cfg.RateLimit = issuer.RateLimit{PerSecond: 1e5, Burst: 1e5}
	for _, name := range []string{"registry", "licences", "aliens"} {
		s := registry{name: "https://" + name + ".example", kid: name + "-1", file: filepath.Join(o.dir, name+"-1.key")}
		s.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		o.must(err)
		public := filepath.Join(o.dir, s.kid+".pem")
		der, err := x509.MarshalPKIXPublicKey(s.key.Public())
		o.must(err)
		o.writePEM(public, "PUBLIC KEY", der)
		der, err = x509.MarshalPKCS8PrivateKey(s.key)
		o.must(err)
		o.writePEM(s.file, "PRIVATE KEY", der)
		entry := issuer.Source{Issuer: s.name, Keys: []string{public}, Events: document.Names(), DocumentTypes: []string{"mdl", "pid"}, Entitlements: []string{document.KindDriving}}
		for _, m := range document.MeasureKinds() {
			entry.Measures = append(entry.Measures, string(m))
		}
		cfg.Sources = append(cfg.Sources, entry)
		o.sources = append(o.sources, s)
	}
	for _, f := range change {
		f(&cfg)
	}
	o.cfg = cfg
	if tls {
		o.certify()
	}
	_, err = issuer.Init(t.Context(), o.cfg, time.Now(), rand.Reader)
	o.must(err)
	text, err := o.cfg.YAML()
	o.must(err)
	o.must(os.WriteFile(o.cfg.Path("config.yaml"), []byte(text), 0o600))
	return o
}

func (o *office) writePEM(path, kind string, der []byte) {
	o.Helper()
	o.must(os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}
