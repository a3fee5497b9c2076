package faulttest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
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
	binary string

	journal     *invariants.Journal
	journalFile string
	memory      *invariants.Memory
	load        *load
}

// newOffice creates the state folder with sources registries, by the program
// itself.
func newOffice(dir, binary string, sources int) (*office, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "journal.jsonl")
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	o, err := createOffice(dir, binary, sources, f)
	if o != nil {
		o.journalFile = file
	}
	return o, err
}

// createOffice is newOffice with a journal elsewhere. Paths in the
// configuration start at the state folder, so that the whole can be moved.
func createOffice(dir, binary string, sources int, to io.Writer) (*office, error) {
	o, err := configure(dir, binary, sources, holdersPerOffice, to)
	if err != nil {
		return nil, err
	}
	if out, err := o.command(context.Background(), "init").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("init: %w: %s", err, out)
	}
	return o, o.load.open(&o.cfg)
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

// configure writes the configuration.
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
	o := &office{dir: dir, config: filepath.Join(dir, "config.yaml"), binary: binary, journal: journal}
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

// run runs a program to its end.
func run(ctx context.Context, program string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	return string(out), err
}

func (o *office) command(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, o.binary, append(args, "--dev", "--config", o.config)...)
}

// process is a running serve.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
	mu    sync.Mutex
	log   strings.Builder
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.log.Len() < 64<<10 {
		p.log.Write(b)
	}
	return len(b), nil
}

func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// start runs serve, with variables added to the environment; wrap may put
// another program before it.
func (o *office) start(env []string, wrap ...string) (*process, error) {
	cmd := o.command(context.Background(), "serve")
	if len(wrap) > 0 {
		args := append(append([]string(nil), wrap...), cmd.Args...)
		cmd = exec.Command(args[0], args[1:]...)
	}
	p := &process{cmd: cmd, ended: make(chan struct{})}
	cmd.Stderr, cmd.Stdout = p, p
	cmd.Env = append(os.Environ(), env...)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

var errEnded = errors.New("the office ended by itself")

// ready waits until the office says that it is. It goes into the journal when
// wanted: after a fault it must not take long.
func (o *office) ready(p *process, note bool) error {
	began := time.Now()
	var call uint64
	if note {
		call = o.journal.Sent(invariants.Entry{Kind: invariants.Start})
	}
	err := o.wait(p)
	if note && !errors.Is(err, errEnded) {
		state := invariants.Answered
		if err != nil {
			state = invariants.Refused
		}
		o.journal.Done(call, invariants.Entry{Kind: invariants.Start, State: state, Took: time.Since(began)})
	}
	return err
}

// readyWithin is above what I13 allows, so that the journal says by how much.
const readyWithin = 20 * time.Second

func (o *office) wait(p *process) error {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for began := time.Now(); time.Since(began) < readyWithin; {
		res, err := client.Get("http://" + o.cfg.Listen.Metrics + "/readyz")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%w: %s: %s", errEnded, p.cmd.ProcessState, p.said())
		case <-time.After(2 * time.Millisecond):
		}
	}
	return fmt.Errorf("not ready: %s", p.said())
}

// kill ends the process as a crash does.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// stop ends it as an operator does.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(15 * time.Second):
		p.kill()
		return fmt.Errorf("serve does not stop: %s", p.said())
	}
	if !p.cmd.ProcessState.Success() {
		return fmt.Errorf("serve: %s: %s", p.cmd.ProcessState, p.said())
	}
	return nil
}

// settle lets the office run undisturbed until every event of the load is
// acknowledged and every ended document covered, and stops it.
func (o *office) settle() error {
	p, err := o.start(nil)
	if err != nil {
		return err
	}
	if err := o.ready(p, true); err != nil {
		p.kill()
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	err = o.load.settle(ctx)
	return errors.Join(err, p.stop())
}

// token makes a random word.
func token() string { return rand.Text() }
