//go:build pkcs11

package pkcs11

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// kitClient passes calls on to a p11-kit server; where Debian has it.
const kitClient = "/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so"

// server is a p11-kit server before SoftHSM, with a child for every connection: a
// process group of its own, so that all of it can be stopped.
type server struct {
	command *exec.Cmd
	socket  string
}

func newServer(t testing.TB, w *world) *server {
	t.Helper()
	s := &server{socket: filepath.Join(w.dir, "p11.sock")}
	// The client reads it when the module is loaded.
	t.Setenv("P11_KIT_SERVER_ADDRESS", "unix:path="+s.socket)
	t.Setenv("XDG_RUNTIME_DIR", w.dir)
	t.Cleanup(func() { s.kill(t) })
	s.start(t)
	return s
}

func (s *server) start(t testing.TB) {
	t.Helper()
	os.Remove(s.socket)
	out := &bytes.Buffer{}
	s.command = exec.Command("p11-kit", "server", "-f", "-n", s.socket, "-p", softHSM, "pkcs11:token=state")
	s.command.Stdout, s.command.Stderr = out, out
	s.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.command.Start(); err != nil {
		t.Fatal(err)
	}
	within(t, 30*time.Second, "the p11-kit server does not listen", func() bool {
		c, err := net.Dial("unix", s.socket)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

func (s *server) signal(t testing.TB, what syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(-s.command.Process.Pid, what); err != nil {
		t.Error(err)
	}
}

func (s *server) kill(t testing.TB) {
	t.Helper()
	if s.command == nil {
		return
	}
	s.signal(t, syscall.SIGKILL)
	s.command.Wait()
	s.command = nil
}

// TestKit is F13 where the way to the token is cut: the p11-kit server is killed,
// stopped, and killed while it is stopped, under load.
func TestKit(t *testing.T) {
	w := newWorld(t)
	s := newServer(t, w)
	m := open(t)
	k := create(t, m, w.uri(kitClient, "ds"))
	l := newRequests(t, k, 16)
	defer l.end()
	cuts, longest := 0, time.Duration(0)
	cut := func(name string, rounds int, fault, end func()) {
		if t.Failed() {
			return
		}
		t.Run(name, func(t *testing.T) {
			for range rounds {
				refused := l.refused.Load()
				fault()
				within(t, 2*backIn, "no request was refused: the harness sees nothing", func() bool { return l.refused.Load() > refused })
				end()
				longest = max(longest, l.back(t, name))
				cuts++
			}
		})
	}
	start := func() { s.start(t) }
	cut("K01/p11_kit_killed", 12, func() { s.kill(t) }, start)
	cut("K01/p11_kit_gone_for_a_while", 2, func() { s.kill(t); time.Sleep(1500 * time.Millisecond) }, start)
	cut("K01/p11_kit_stopped", 3, func() { s.signal(t, syscall.SIGSTOP) }, func() { s.signal(t, syscall.SIGCONT) })
	cut("K01/p11_kit_stopped_for_a_while", 1, func() { s.signal(t, syscall.SIGSTOP); time.Sleep(8 * time.Second) },
		func() { s.signal(t, syscall.SIGCONT) })
	cut("K01/p11_kit_stopped_and_killed", 2, func() { s.signal(t, syscall.SIGSTOP); time.Sleep(2200 * time.Millisecond); s.kill(t) }, start)
	t.Logf("%d cuts: %d signatures released, %d requests refused, %d wrong; back after %v at most, slowest answer %v",
		cuts, l.released.Load(), l.refused.Load(), l.wrong.Load(), longest.Round(time.Millisecond), time.Duration(l.slowest.Load()).Round(time.Millisecond))
	if cuts != 20 || l.wrong.Load() > 0 {
		t.Errorf("%d cuts, expected 20; %d wrong signatures were released", cuts, l.wrong.Load())
	}
}
