package faulttest

import (
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"vidimus/internal/app/invariants"
	"vidimus/internal/app/issuer"
)

// office is an issuer on this machine with its clients and their journal.
type office struct {
	dir    string // of everything
	cfg    issuer.Config
	config string // file
	binary string // program

	patience time.Duration // with its start

	journal *invariants.Journal
	memory  *invariants.Memory
	load    *load
}

// inProcess is an office of 64 clients whose state this process makes itself.
func inProcess(t *testing.T) (*office, error) {
	o, err := configure(t.TempDir(), "", sixtyFour/2, sixtyFour/2, nil)
	if err != nil {
		return nil, err
	}
	if _, err := issuer.Init(t.Context(), o.cfg, time.Now(), rand.Reader); err != nil {
		return nil, err
	}
	return o, o.load.open(&o.cfg)
}

// configure writes the configuration. Paths in it start at the state folder, so
// that the whole can be moved.
func configure(dir, binary string, sources, holders int, to io.Writer) (*office, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	journal := invariants.NewJournal(to, time.Now)
	cfg, err := issuer.DevOnFreePorts(filepath.Join(dir, "state"))
	if err != nil {
		return nil, err
	}
	cfg.RateLimit = issuer.RateLimit{PerSecond: 1e5, Burst: 1e5}
	cfg.Status.Tick, cfg.Status.Mix, cfg.Status.Cover, cfg.Status.OpenLists = time.Second, time.Second, 2, 2
	cfg.Audit.Interval = time.Second
	cfg.LogLevel = "warn"
	o := &office{dir: dir, config: filepath.Join(dir, "config.yaml"), binary: binary, patience: readyWithin, journal: journal}
	if o.load, err = newLoad(dir, &cfg, sources, holders, journal); err != nil {
		return nil, err
	}
	o.cfg = cfg
	text, err := cfg.YAML()
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(o.config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return o, nil
}

var errEnded = errors.New("the office ended by itself")

// readyWithin is above what I13 allows, so that the journal says by how much.
const readyWithin = 20 * time.Second

// wait asks until the office is ready; ended tells that it is no more.
func (o *office) wait(ended <-chan struct{}) error {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for began := time.Now(); time.Since(began) < o.patience; {
		res, err := client.Get("http://" + o.cfg.Listen.Metrics + "/readyz")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ended:
			return errEnded
		case <-time.After(2 * time.Millisecond):
		}
	}
	return errors.New("the office is not ready")
}

// token makes a random word.
func token() string { return rand.Text() }
