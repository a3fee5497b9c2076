package issuancebench

import (
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"vidimus/internal/signer"
)

// Batches of 20 copies of an office whose keys are in the signer process, beside one
// that signs by itself, round by round: processor time of both processes for a copy.
func TestIssuanceSigner(t *testing.T) {
	inside := newBatches(t, openOffice(t).underTest(), "signs by itself")
	outside := newBatches(t, openOffice(t, apart).underTest(), "with a signer process")
	var r ratios
	for range inside.rounds {
		alone, both := inside.used, outside.used
		inside.round()
		outside.round()
		r = append(r, float64(outside.used-both)/float64(inside.used-alone))
	}
	inside.result()
	outside.result()
	promise(t, r.within(1.15), "batch of %d mDL30 signed over the socket: at most 1.15 times the cpu of an office that signs by itself: %v", copiesPerBatch, r)
}

// apart moves the keys of an office into a signer process.
func apart(o *office) {
	o.Helper()
	run, err := os.MkdirTemp("", "signer") // short: a socket lies in it
	o.must(err)
	o.Cleanup(func() { os.RemoveAll(run) })
	o.cfg.SignerSocket = filepath.Join(run, "s")
	var y strings.Builder
	fmt.Fprintf(&y, "state_dir: %s\nsocket: %s\npublic_url: %s\nrate: {per_second: 1000000, burst: 1000000}\nlog_level: warn\nkeys:\n", filepath.Join(run, "state"), o.cfg.SignerSocket, o.cfg.PublicURL)
	for _, name := range slices.Sorted(maps.Keys(o.cfg.Signers)) {
		s := o.cfg.Signers[name]
		more := ""
		switch name {
		case "mdl":
			more = ", doctypes: [org.iso.18013.5.1.mDL]"
		case "pid":
			more = `, profile: document-signer-pid, doctypes: [eu.europa.ec.eudi.pid.1], vcts: ["urn:eudi:pid:1"]`
		}
		fmt.Fprintf(&y, "  %s: {key: %q, chain: %s%s}\n", name, "soft:path="+o.cfg.Path(strings.TrimPrefix(s.Key, "soft:path=")), o.cfg.Path(s.Chain), more)
		s.Key = signer.URI(name)
		o.cfg.Signers[name] = s
	}
	config := filepath.Join(run, "signer.yaml")
	o.must(os.WriteFile(config, []byte(y.String()), 0o600))
	path, err := signerProgram()
	o.must(err)
	if out, err := exec.Command(path, "init", "--config", config).CombinedOutput(); err != nil {
		o.Fatalf("signer init: %v\n%s", err, out)
	}
	notify := filepath.Join(run, "n")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: notify, Net: "unixgram"})
	o.must(err)
	defer c.Close()
	cmd := exec.Command(path, "serve", "--config", config)
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+notify)
	cmd.Stdout, cmd.Stderr = o.log, o.log
	o.must(cmd.Start())
	o.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			o.Errorf("the signer ended with %v:\n%s", err, o.log)
		}
	})
	said := make([]byte, 64)
	o.must(c.SetReadDeadline(time.Now().Add(2 * time.Minute)))
	if n, err := c.Read(said); err != nil || string(said[:n]) != "READY=1" {
		o.Fatalf("the signer said %q: %v\n%s", said[:n], err, o.log)
	}
	o.signer = process(cmd.Process.Pid)
}
