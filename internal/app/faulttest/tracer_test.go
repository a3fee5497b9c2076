//go:build faults

package faulttest

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unsafe"
)

// The variables of a tracer: this test program, started again, runs a command
// under ptrace and lets one of its system calls fail. strace -e inject counts
// the calls of each thread by itself, and the threads of a Go program change
// from run to run: here the calls of all are counted together, and only those
// that concern files below one folder.
const (
	tracerVariable = "VIDIMUS_TRACER"     // number:errno; number 0 lets all pass
	tracerFolder   = "VIDIMUS_TRACER_DIR" // of the files
	tracerLog      = "VIDIMUS_TRACER_LOG" // a line for every call that counts
)

// writing are the system calls that change files, by their number on amd64.
var writing = map[uint64]string{
	1: "write", 18: "pwrite64", 20: "writev", 74: "fsync", 75: "fdatasync", 77: "ftruncate", 82: "rename", 83: "mkdir", 86: "link", 87: "unlink",
	257: "openat", 258: "mkdirat", 263: "unlinkat", 264: "renameat", 265: "linkat", 277: "sync_file_range", 285: "fallocate", 296: "pwritev", 316: "renameat2",
}

// byPath are those of which an argument is a path: which one.
var byPath = map[string]int{"rename": 0, "mkdir": 0, "link": 1, "unlink": 0, "openat": 1, "mkdirat": 1, "unlinkat": 1, "renameat": 1, "linkat": 3, "renameat2": 1}

const (
	ptraceGetSyscallInfo = 0x420e
	syscallEntry         = 1
	syscallExit          = 2
	exitKill             = 0x100000 // PTRACE_O_EXITKILL
)

// syscallInfo is the begin of struct ptrace_syscall_info.
type syscallInfo struct {
	op    uint8
	_     [3]uint8
	_     uint32
	_, _  uint64
	nr    uint64
	args  [6]uint64
	spare [4]uint64
}

// tracer runs a command, and is as it ends.
func tracer(command []string) int {
	runtime.LockOSThread() // ptrace is between threads
	number, errno, _ := strings.Cut(os.Getenv(tracerVariable), ":")
	t := tracing{dir: os.Getenv(tracerFolder), hit: map[int]bool{}, known: map[int]bool{}}
	t.at, _ = strconv.Atoi(number)
	e, _ := strconv.Atoi(errno)
	t.errno = syscall.Errno(e)
	log, err := os.OpenFile(os.Getenv(tracerLog), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return t.failed(err)
	}
	t.log = log
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return t.failed(err)
	}
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM)
	go func() {
		<-asked
		_ = syscall.Kill(cmd.Process.Pid, syscall.SIGTERM)
	}()
	code, err := t.follow(cmd.Process.Pid)
	if err != nil {
		return t.failed(err)
	}
	return code
}

type tracing struct {
	dir   string
	at    int
	errno syscall.Errno
	log   *os.File
	count int
	hit   map[int]bool // threads whose call is to fail when it comes back
	known map[int]bool // threads
}

func (t *tracing) failed(err error) int {
	fmt.Fprintln(os.Stderr, "tracer:", err)
	return 9
}

func (t *tracing) follow(main int) (int, error) {
	var ws syscall.WaitStatus
	if _, err := syscall.Wait4(main, &ws, 0, nil); err != nil {
		return 0, err
	}
	t.known[main] = true
	if err := syscall.PtraceSetOptions(main, syscall.PTRACE_O_TRACESYSGOOD|syscall.PTRACE_O_TRACECLONE|exitKill); err != nil {
		return 0, err
	}
	if err := syscall.PtraceSyscall(main, 0); err != nil {
		return 0, err
	}
	for {
		tid, err := syscall.Wait4(-1, &ws, syscall.WALL, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return 0, err
		}
		if ws.Exited() || ws.Signaled() {
			if tid != main {
				continue
			}
			if ws.Signaled() {
				return 128 + int(ws.Signal()), nil
			}
			return ws.ExitStatus(), nil
		}
		pass := 0
		switch s := ws.StopSignal(); {
		case s == syscall.SIGTRAP|0x80:
			if err := t.call(tid); err != nil && err != syscall.ESRCH {
				return 0, err
			}
		case s == syscall.SIGTRAP: // a thread was made
		case s == syscall.SIGSTOP && !t.known[tid]: // and this is it
			t.known[tid] = true
		default:
			pass = int(s)
		}
		if err := syscall.PtraceSyscall(tid, pass); err != nil && err != syscall.ESRCH {
			return 0, err
		}
	}
}

// call looks at a system call that begins or ends.
func (t *tracing) call(tid int) error {
	var info syscallInfo
	if _, _, e := syscall.RawSyscall6(syscall.SYS_PTRACE, ptraceGetSyscallInfo, uintptr(tid), unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0); e != 0 {
		return e
	}
	var regs syscall.PtraceRegs
	switch {
	case info.op == syscallExit && t.hit[tid]:
		delete(t.hit, tid)
		if err := syscall.PtraceGetRegs(tid, &regs); err != nil {
			return err
		}
		regs.Rax = uint64(-int64(t.errno))
		return syscall.PtraceSetRegs(tid, &regs)
	case info.op != syscallEntry:
		return nil
	}
	name := writing[info.nr]
	if name == "" || name == "openat" && info.args[2]&(syscall.O_CREAT|syscall.O_TRUNC) == 0 {
		return nil
	}
	path := t.path(tid, name, info.args)
	if !strings.HasPrefix(path, t.dir) {
		return nil
	}
	t.count++
	injected := ""
	if t.count == t.at {
		injected = " fails: " + t.errno.Error()
		t.hit[tid] = true
		if err := syscall.PtraceGetRegs(tid, &regs); err != nil {
			return err
		}
		regs.Orig_rax = ^uint64(0) // no such call: nothing is done
		if err := syscall.PtraceSetRegs(tid, &regs); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(t.log, "%d %s %s%s\n", t.count, name, strings.TrimPrefix(path, t.dir), injected)
	return err
}

// path is that of the file which a call is about.
func (t *tracing) path(tid int, name string, args [6]uint64) string {
	of := func(fd uint64) string {
		link, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", tid, int32(fd)))
		if err != nil {
			return ""
		}
		return link
	}
	arg, named := byPath[name]
	if !named {
		return of(args[0])
	}
	buf := make([]byte, 512)
	n, err := syscall.PtracePeekData(tid, uintptr(args[arg]), buf)
	if err != nil && n == 0 {
		return ""
	}
	path, _, _ := strings.Cut(string(buf[:n]), "\x00")
	if !filepath.IsAbs(path) && arg > 0 {
		path = filepath.Join(of(args[arg-1]), path)
	}
	return path
}
