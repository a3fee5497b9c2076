package main

import (
	"bytes"
	"errors"
	"fmt"
	"mime/multipart"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"vidimus/internal/app/verifier"
	"vidimus/internal/ble/bletest"
)

// phone runs a phone of the station until the test ends, which shows what it agrees
// to (all, known, ask), and returns its code. A person who is asked says nothing.
func (s *station) phone(mode, agree string) (code string) {
	s.t.Helper()
	s.phones++
	picture := s.at(fmt.Sprintf("code%d.png", s.phones))
	phone := exec.Command("holder", s.at("wallet"), picture, mode, s.at("readers"), agree)
	phone.Env = s.env
	person, err := phone.StdinPipe()
	s.must(err)
	s.must(phone.Start())
	s.t.Cleanup(func() {
		person.Close()
		_ = phone.Process.Kill()
		_ = phone.Wait()
	})
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if e, err := verifier.ReadEngagement(picture, nil); err == nil {
			return e.URI()
		}
	}
	s.t.Fatal("the phone shows no code")
	return ""
}

// ask begins a reading on the page.
func (s *station) ask(code string) {
	s.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	s.must(errors.Join(w.WriteField("code", code), w.WriteField("profile", "identity"), w.Close()))
	s.body(s.web.Post(s.url+"read", w.FormDataContentType(), &b))
}

// until follows the reading to a step, or to its end.
func (s *station) until(step string) {
	s.t.Helper()
	for {
		said := s.body(s.web.Get(s.url + "progress"))
		if strings.Contains(said, step) {
			return
		}
		if !strings.Contains(said, `"running":true`) {
			s.t.Fatalf("it ended before %q: %s", step, said)
		}
		time.Sleep(100 * time.Millisecond) // who asks more often is refused
	}
}

func (s *station) says(what string, words ...string) {
	s.t.Helper()
	page := s.body(s.web.Get(s.url + "reading"))
	for strings.Contains(page, `data-running="true"`) { // the last step is said just before the end
		time.Sleep(100 * time.Millisecond)
		page = s.body(s.web.Get(s.url + "reading"))
	}
	for _, word := range words {
		if !strings.Contains(page, word) {
			s.t.Errorf("%s: no %q: %s", what, word, page)
		}
	}
	if slices.Contains(words, "Nothing was read") && strings.Contains(page, "Weber") {
		s.t.Errorf("%s: a name without a verdict: %s", what, page)
	}
}

// The page of verifier serve --ble over the bus of BlueZ: phones in each mode, one
// after the other; a connection that breaks is named on the page, and the next
// reading works.
func TestTerminalOverBluetooth(t *testing.T) {
	// The fourth connection breaks within the answer, of some 20 values.
	s := newStation(t, bletest.Options{MTU: 185, Cuts: []int{-1, -1, -1, 10}})
	s.start()
	for _, mode := range []string{"central", "peripheral", "both"} {
		s.ask(s.phone(mode, "all"))
		s.until("There is a verdict")
		s.says(mode, "Anouk Weber")
	}

	s.ask(s.phone("central", "all"))
	s.until("There is no verdict")
	s.says("cut within the answer", "Nothing was read", "waiting for the answer: connection lost: within a message, after ")

	s.ask(s.phone("both", "ask"))
	s.until("the holder decides")
	s.daemon.Disconnect()
	s.until("There is no verdict")
	s.says("disconnected", "Nothing was read", "the holder left without an answer")

	s.daemon.SetPowered("hci0", false)
	s.ask(s.phone("peripheral", "known"))
	s.until("There is no verdict")
	s.says("switched off", "Nothing was read", "switched off: switch it on")
	s.daemon.SetPowered("hci0", true)

	s.ask(s.phone("peripheral", "all"))
	s.until("There is a verdict")
	s.says("again", "Anouk Weber")
	for range 500 { // the phone is another process, which puts its things away by itself
		if len(s.daemon.Residue()) == 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if left := s.daemon.Residue(); slices.ContainsFunc(left, func(l string) bool { return strings.Contains(l, "hci0") }) {
		t.Errorf("left behind: %v", left)
	}
	s.must(s.serve.Process.Signal(syscall.SIGTERM))
	if err := s.serve.Wait(); err != nil {
		t.Errorf("%v: %s", err, s.said.String())
	}
	if strings.Contains(s.said.String(), "Weber") {
		t.Errorf("a name among what it said: %s", s.said.String())
	}
}
