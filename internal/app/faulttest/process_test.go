//go:build faults

package faulttest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"vidimus/internal/app/invariants"
)

// journalName is the journal of an office on this machine, beside its state.
const journalName = "journal.jsonl"

// holdersPerOffice fetch at the same time.
const holdersPerOffice = 3

// newOffice creates the state folder with sources registries, by the program
// itself.
func newOffice(dir, binary string, sources int) (*office, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, journalName), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	return createOffice(dir, binary, sources, f)
}

// createOffice is newOffice with a journal elsewhere.
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

// ready waits until the office says that it is. It goes into the journal when
// wanted: after a fault it must not take long.
func (o *office) ready(p *process, note bool) error {
	began := time.Now()
	var call uint64
	if note {
		call = o.journal.Sent(invariants.Entry{Kind: invariants.Start})
	}
	err := o.wait(p.ended)
	if errors.Is(err, errEnded) {
		return fmt.Errorf("%w: %s: %s", err, p.cmd.ProcessState, p.said())
	}
	if note {
		state := invariants.Answered
		if err != nil {
			state = invariants.Refused
		}
		o.journal.Done(call, invariants.Entry{Kind: invariants.Start, State: state, Took: time.Since(began)})
	}
	if err != nil {
		return fmt.Errorf("%w: %s", err, p.said())
	}
	return nil
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

// checkApart does the same with the program, from files.
func (o *office) checkApart(ctx context.Context, program string, settled bool) error {
	p := o.paths()
	args := []string{
		"check", "--database", p.Database, "--public-url", p.PublicURL, "--dev", "--root", p.Root, "--operations-root", p.Operations, "--checkpoint-certificate", p.Checkpointer,
		"--journal", filepath.Join(o.dir, journalName), "--tries", fmt.Sprint(o.cfg.Offers.TxCodeAttempts), fmt.Sprintf("--settled=%v", settled),
	}
	if p.Lists != "" {
		args = append(args, "--lists", p.Lists)
	}
	for _, file := range p.Checkpoints {
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		args = append(args, "--checkpoints", file)
	}
	out, err := run(ctx, program, args...)
	if _, names, found := strings.Cut(out, "invariants check: violated: "); err != nil && found {
		names, _, _ = strings.Cut(names, "\n")
		return &violation{strings.Fields(names), out}
	}
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}
