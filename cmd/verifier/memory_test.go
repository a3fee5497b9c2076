package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"html"
	"io"
	"io/fs"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"vidimus/internal/app/verifier"
	"vidimus/internal/ble/bletest"
	"vidimus/internal/jose"
)

// station is a machine with Bluetooth on which the program runs as a terminal, in
// a process of its own; phones are other processes.
type station struct {
	t    *testing.T
	dir  string // what the reader knows, and the wallets
	here string // where it runs, with its HOME and temporary files
	env  []string

	daemon *bletest.Daemon
	phones int // that have shown a code

	serve *exec.Cmd
	said  bytes.Buffer // its standard error, to be read when it has ended
	web   *http.Client
	url   string
}

func newStation(t *testing.T, opt bletest.Options) *station {
	t.Helper()
	s := &station{t: t, dir: t.TempDir(), here: t.TempDir()}
	r, err := newRoadside(s.dir)
	s.must(err)
	t.Cleanup(r.server.Close)
	socket, err := os.MkdirTemp("", "bus") // the path of a socket is short
	s.must(err)
	bus, err := bletest.StartBus(socket)
	s.must(err)
	s.daemon, err = bletest.Start(bus.Address, opt)
	s.must(err)
	t.Cleanup(func() {
		s.daemon.Close()
		bus.Close()
		os.RemoveAll(socket)
	})
	s.env = append(os.Environ(), "DBUS_SYSTEM_BUS_ADDRESS="+bus.Address, "HOME="+s.here, "TMPDIR="+s.here, "XDG_CACHE_HOME="+s.here)
	return s
}

func (s *station) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *station) at(name string) string { return filepath.Join(s.dir, name) }

// start runs the terminal, from a shell that lets its crashes be dumped.
func (s *station) start() {
	s.t.Helper()
	s.serve = exec.Command("sh", "-c", `ulimit -c unlimited; exec verifier "$@"`, "verifier", "serve", "--ble", "--adapter", "hci0", "--anonymous",
		"--trust", s.at("anchors"), "--status", s.at("list.cwt"), "--crl", s.at("iaca.crl"), "--listen", "127.0.0.1:0")
	s.serve.Env, s.serve.Dir, s.serve.Stderr = append(s.env, "GOTRACEBACK=crash"), s.here, &s.said
	out, err := s.serve.StdoutPipe()
	s.must(err)
	s.must(s.serve.Start())
	s.t.Cleanup(func() { _ = s.serve.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	s.must(err)
	s.url = strings.TrimSpace(strings.TrimPrefix(line, "the reader is at "))
	jar, err := cookiejar.New(nil)
	s.must(err)
	s.web = &http.Client{Jar: jar}
	s.t.Cleanup(s.web.CloseIdleConnections)
}

func (s *station) body(res *http.Response, err error) string {
	s.t.Helper()
	s.must(err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	s.must(err)
	return string(b)
}

// read lets the terminal read a phone, and gives the page of the verdict.
func (s *station) read(code string) string {
	s.t.Helper()
	phone := exec.Command("holder", s.at("wallet"), s.at(code), "central", s.at("readers"), "all")
	phone.Env = s.env
	s.must(phone.Start())
	defer func() {
		_ = phone.Process.Kill()
		_ = phone.Wait()
	}()
	var text string
	for deadline := time.Now().Add(time.Minute); text == "" && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if e, err := verifier.ReadEngagement(s.at(code), nil); err == nil {
			text = e.URI()
		}
	}
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	s.must(errors.Join(w.WriteField("code", text), w.WriteField("profile", "identity"), w.Close()))
	s.body(s.web.Post(s.url+"read", w.FormDataContentType(), &b))
	for !strings.Contains(s.body(s.web.Get(s.url+"progress")), `"running":false`) {
		time.Sleep(100 * time.Millisecond) // within the limit of requests
	}
	// Over a connection of its own, as a browser has several.
	other := &http.Client{Jar: s.web.Jar, Transport: &http.Transport{}}
	s.t.Cleanup(other.CloseIdleConnections)
	page := s.body(other.Get(s.url + "reading"))
	if !strings.Contains(page, "Anouk Weber") {
		s.t.Fatalf("no verdict: %s", page)
	}
	return page
}

// canaries are what a page shows and nobody may find afterwards.
func (s *station) canaries(page string) map[string][]byte {
	s.t.Helper()
	_, rest, _ := strings.Cut(page, "data:image/jpeg;base64,")
	text, _, _ := strings.Cut(rest, `"`)
	face, err := jose.DecodeBase64(html.UnescapeString(text))
	s.must(err)
	// Out of the middle: all pictures begin and end alike.
	middle := len(face) / 2
	return map[string][]byte{"family name": []byte("Weber"), "given name": []byte("Anouk"), "birth date": []byte("1990-05-02"),
		"birth date as shown": []byte("2 May 1990"), "portrait": face[middle : middle+24], "portrait as text": []byte(text[len(text)/2 : len(text)/2+32])}
}

// inMemory finds canaries in what a process can write to: all of its memory but
// the files that it maps, which hold the same before anything was read.
func inMemory(pid int, canaries map[string][]byte) (map[string]int, error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return nil, err
	}
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return nil, err
	}
	defer memory.Close()
	const step, overlap = 1 << 20, 64
	buf := make([]byte, overlap+step)
	found, total := map[string]int{}, 0
	for line := range strings.Lines(string(maps)) {
		var from, to int64
		var mode string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode); err != nil || !strings.HasPrefix(mode, "rw") {
			continue
		}
		clear(buf[:overlap]) // what is cut in two by a step is found with the next
		for at := from; at < to; at += step {
			n, err := memory.ReadAt(buf[overlap:overlap+min(step, int(to-at))], at)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", line, err)
			}
			total += n
			for name, c := range canaries {
				found[name] += bytes.Count(buf[:overlap+n], c)
			}
			copy(buf, buf[n:n+overlap])
		}
	}
	if total < 1<<20 {
		return nil, fmt.Errorf("only %d bytes can be read", total)
	}
	for name, n := range found {
		if n == 0 {
			delete(found, name)
		}
	}
	return found, nil
}

// inFiles finds canaries below a folder, but for that of the phone.
func inFiles(dir string, canaries map[string][]byte) (found []string, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.Name() == "wallet" {
			return fs.SkipDir
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		for name, c := range canaries {
			if bytes.Contains(data, c) {
				found = append(found, name+" in "+path)
			}
		}
		return err
	})
	return found, err
}

// What was shown is in the memory of a terminal until it is left (bad input Q17), and then
// nowhere in it, however it is left.
func TestNothingIsLeftInMemory(t *testing.T) {
	s := newStation(t, bletest.Options{})
	s.start()
	for i, leave := range []func() string{
		func() string {
			return s.body(s.web.Post(s.url+"close", "application/x-www-form-urlencoded", nil))
		},
		func() string { return s.body(s.web.Get(s.url)) },
	} {
		canaries := s.canaries(s.read(fmt.Sprintf("code-%d.png", i)))
		shown, err := inMemory(s.serve.Process.Pid, canaries)
		s.must(err)
		for name := range canaries {
			if shown[name] == 0 && name != "portrait as text" && name != "birth date as shown" { // the page may be gone
				t.Errorf("%s is not found while it is shown: the search is broken", name)
			}
		}
		leave()
		var left map[string]int
		for range 100 { // ten seconds: the collector runs beside, at once and two seconds later
			if left, err = inMemory(s.serve.Process.Pid, canaries); err != nil || len(left) == 0 {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		if err != nil || len(left) > 0 {
			t.Errorf("reading %d: left in memory: %v, %v", i, left, err)
		}
	}
	s.must(s.serve.Process.Signal(os.Interrupt))
	if err := s.serve.Wait(); err != nil {
		t.Errorf("%v: %s", err, s.said.String())
	}
}

// A terminal that crashes while it shows a verdict, or whose battery
// dies (bad inputs Q15 and Q17), leaves nothing of it: no dump, nothing in the trace,
// in no file.
func TestNothingIsLeftByACrash(t *testing.T) {
	for name, end := range map[string]syscall.Signal{"crash": syscall.SIGABRT, "battery": syscall.SIGKILL} {
		t.Run(name, func(t *testing.T) {
			s := newStation(t, bletest.Options{})
			s.start()
			canaries := s.canaries(s.read("code.png"))
			limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", s.serve.Process.Pid))
			s.must(err)
			if !slices.ContainsFunc(strings.Split(string(limits), "\n"), func(line string) bool {
				f := strings.Fields(line)
				return strings.HasPrefix(line, "Max core file size") && slices.Equal(f[4:6], []string{"1", "1"})
			}) {
				t.Errorf("it may be dumped: %s", limits)
			}
			s.must(s.serve.Process.Signal(end))
			if err := s.serve.Wait(); err == nil {
				t.Error("it ended well")
			}
			if end == syscall.SIGABRT && !strings.Contains(s.said.String(), "SIGABRT") {
				t.Errorf("no trace: %s", s.said.String())
			}
			for name, c := range canaries {
				if bytes.Contains(s.said.Bytes(), c) {
					t.Errorf("%s is in the trace", name)
				}
			}
			entries, err := os.ReadDir(s.here)
			if err != nil || len(entries) > 0 {
				t.Errorf("files were left: %v, %v", entries, err)
			}
			if found, err := inFiles(s.dir, canaries); err != nil || len(found) > 0 {
				t.Errorf("%v, %v", found, err)
			}
		})
	}
}
