package bletest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// Bus is a private dbus-daemon.
type Bus struct {
	Address string // unix:path=...
	cmd     *exec.Cmd
}

// config is that of a system bus where everybody may do everything.
const config = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><listen>unix:path=%s</listen><auth>EXTERNAL</auth><policy context="default">
<allow user="*"/><allow own="*"/><allow send_type="method_call"/><allow send_type="signal"/>
<allow send_requested_reply="true" send_type="method_return"/><allow send_requested_reply="true" send_type="error"/>
<allow receive_type="method_call"/><allow receive_type="method_return"/><allow receive_type="error"/><allow receive_type="signal"/>
</policy></busconfig>
`

// StartBus starts a bus with its socket in dir.
func StartBus(dir string) (*Bus, error) {
	program, err := exec.LookPath("dbus-daemon")
	if err != nil {
		return nil, errors.New("no dbus-daemon on this machine: apt-get install dbus-daemon")
	}
	file := filepath.Join(dir, "bus.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, config, filepath.Join(dir, "bus")), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.Command(program, "--config-file="+file, "--nofork", "--nopidfile", "--nosyslog", "--print-address=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var said bytes.Buffer // of limits that it may not raise, too
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	b := &Bus{cmd: cmd}
	// It says its address once it listens.
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Close()
		return nil, fmt.Errorf("dbus-daemon did not start: %w: %s", err, said.String())
	}
	b.Address, _, _ = strings.Cut(strings.TrimSpace(line), ",guid=")
	return b, nil
}

// Close ends the bus.
func (b *Bus) Close() error {
	_ = b.cmd.Process.Kill()
	_ = b.cmd.Wait()
	return nil
}
