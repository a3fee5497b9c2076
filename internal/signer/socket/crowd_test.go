package socket

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"vidimus/internal/problem"
	"vidimus/internal/signer"
)

// promise is the head of a frame of n bytes.
func promise(n int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }

// Who begins a frame ends it in time; who says nothing may stay.
func TestHalfFrames(t *testing.T) {
	w := newWorld(t, func(w *world) { w.patience = 50 * time.Millisecond })
	idle := w.client(Options{Timeout: time.Minute})
	k := w.key(idle)
	whole := (&request{id: 1, op: opDescribe, key: "mdl"}).append(nil)
	for name, sent := range map[string][]byte{
		"K09/half_head":        {0, 0, 1},
		"K09/head_alone":       promise(100),
		"K09/head_of_a_bundle": promise(maxFrame),
		"K09/half_body":        append(promise(100), 0xa1, 1),
		"K09/behind_another":   append(whole[:len(whole):len(whole)], 0, 0),
	} {
		t.Run(name, func(t *testing.T) {
			c := w.dial()
			if _, err := c.Write(sent); err != nil {
				t.Fatal(err)
			}
			c.SetReadDeadline(time.Now().Add(time.Minute))
			if _, err := io.ReadAll(c); err != nil {
				t.Errorf("not disconnected: %v", err)
			}
		})
	}
	if _, err := k.Do(t.Context(), [][]byte{w.proof()}); err != nil {
		t.Errorf("one that was idle: %v", err)
	}
	if n := w.server.bytes.taken(); n != 0 {
		t.Errorf("%d bytes were not given back", n)
	}
}

// What is promised takes no room: a large request of another goes through.
func TestPromisesTakeNoRoom(t *testing.T) {
	w := newWorld(t)
	for range 4 {
		if _, err := w.dial().Write(promise(maxFrame)); err != nil {
			t.Fatal(err)
		}
	}
	for until := time.Now().Add(time.Minute); w.server.bytes.taken() != 4<<20; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("%d bytes taken", w.server.bytes.taken())
		}
	}
	k := w.key(w.client(Options{Timeout: time.Minute, LargeTimeout: time.Minute}))
	begin := time.Now()
	_, err := k.Do(t.Context(), [][]byte{make([]byte, 8<<20)})
	if signer.ReasonOf(err) != signer.ReasonSize {
		t.Errorf("%v", err)
	}
	if took := time.Since(begin); took >= frameTime {
		t.Errorf("it waited %s for those who promise", took)
	}
}

// One user takes the half of the room at most, and who has some and gets no more makes
// way.
func TestRoomOfUsers(t *testing.T) {
	w := newWorld(t)
	s := w.server
	join := func(uid uint32) *conn {
		t.Helper()
		c, err := s.join(nil, signer.Caller{UID: uid})
		w.must(err)
		t.Cleanup(func() { s.leave(c) })
		return c
	}
	one, two, other := join(7), join(7), join(8)
	if one.user != two.user || one.user == other.user {
		t.Fatal("users are mixed up")
	}
	if !one.user.large.take(maxUserBytes, 0) || !s.bytes.take(maxUserBytes, 0) {
		t.Fatal("no room")
	}
	if two.user.large.take(1, time.Millisecond) {
		t.Error("one user has more than its half")
	}
	if !other.user.large.take(maxFrame, time.Millisecond) || !s.bytes.take(maxFrame, time.Millisecond) {
		t.Error("another user has no room")
	}
	for _, c := range []*conn{one, other} {
		c.user.large.give(maxFrame)
		s.bytes.give(maxFrame)
	}
}

// A user has so many connections; one more is told why it is turned away, and other
// users are not in its way.
func TestConnectionsOfUser(t *testing.T) {
	w := newWorld(t)
	var open []*net.UnixConn
	for range maxOfUser {
		open = append(open, w.dial())
	}
	connected := func(n int) {
		t.Helper()
		for until := time.Now().Add(time.Minute); w.server.Status().Connected != n; time.Sleep(time.Millisecond) {
			if time.Now().After(until) {
				t.Fatalf("%d connected", w.server.Status().Connected)
			}
		}
	}
	connected(maxOfUser)
	c := w.client(Options{Timeout: time.Minute})
	_, err := c.Signer(t.Context(), "signer:key=mdl")
	if problem.KindOf(err) != problem.Unavailable || !errors.Is(err, errTurned) || !strings.Contains(err.Error(), "connections open") {
		t.Errorf("%v", err)
	}
	another, err := w.server.join(nil, signer.Caller{UID: uint32(os.Getuid()) + 1})
	if err != nil {
		t.Errorf("another user: %v", err)
	} else {
		w.server.leave(another)
	}
	open[0].Close()
	connected(maxOfUser - 1)
	c.mu.Lock()
	c.again = time.Time{}
	c.mu.Unlock()
	w.key(c)
}

// A connection holds so many bytes of small requests that are not answered; the next one
// is not read before there is room.
func TestSmallFramesBounded(t *testing.T) {
	w := newWorld(t)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: w.path + "2", Net: "unix"})
	w.must(err)
	defer l.Close()
	peer, err := net.Dial("unix", w.path+"2")
	w.must(err)
	defer peer.Close()
	nc, err := l.AcceptUnix()
	w.must(err)
	defer nc.Close()
	c, err := w.server.join(nc, signer.Caller{})
	w.must(err)
	defer w.server.leave(c)
	c.small.take(maxSmall, 0) // of those under way
	done := make(chan error, 1)
	go func() { done <- c.serve(t.Context()) }()
	_, err = peer.Write((&request{id: 1, op: opDescribe, key: "mdl"}).append(nil))
	w.must(err)
	peer.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if n, err := peer.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read without room: %d, %v", n, err)
	}
	c.small.give(maxSmall)
	peer.SetReadDeadline(time.Now().Add(time.Minute))
	if n, err := peer.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Errorf("not answered: %v", err)
	}
	peer.Close()
	<-done
	if n := c.small.taken(); n != 0 {
		t.Errorf("%d bytes were not given back", n)
	}
}
