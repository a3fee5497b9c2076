package gatt

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"vidimus/internal/proximity"
)

// The last message of a side that closes arrives, though the stack throws away
// what is not read when it disconnects: Close waits for the peer.
func TestCloseLosesNothing(t *testing.T) {
	for _, mode := range []Mode{CentralClient, PeripheralServer} {
		synctest.Test(t, func(t *testing.T) {
			reader, holder := opened(t, Conditions{Abrupt: true, MTU: 185}, mode)
			message := bytes.Repeat([]byte{1}, 1000)
			go func() {
				if err := reader.Send(t.Context(), message); err != nil {
					t.Error(err)
				}
				reader.Close()
			}()
			time.Sleep(50 * time.Millisecond) // the holder is busy
			got, err := holder.Recv(t.Context())
			if err != nil || !bytes.Equal(got, message) {
				t.Errorf("%v: %d bytes, %v", mode, len(got), err)
			}
			if _, err := holder.Recv(t.Context()); !errors.Is(err, io.EOF) {
				t.Errorf("%v: %v", mode, err)
			}
			holder.Close()
		})
	}
}

// How long Close waits, and whether it says the end.
func TestClose(t *testing.T) {
	for name, c := range map[string]struct {
		linger time.Duration
		send   bool
		peer   func(t *testing.T, raw Link)
		took   time.Duration
		said   bool
	}{
		"nothing was sent":     {0, false, nil, 0, true},
		"the peer stays":       {0, true, nil, DefaultLinger, true},
		"the peer stays, long": {time.Second, true, nil, time.Second, true},
		"the peer leaves": {0, true, func(t *testing.T, raw Link) {
			time.Sleep(100 * time.Millisecond)
			raw.Close()
		}, 100 * time.Millisecond, false},
		"the peer ends": {0, true, func(t *testing.T, raw Link) {
			time.Sleep(100 * time.Millisecond)
			put(t, raw, value{ServerClient, []byte{0, 1}}, value{State, []byte{stateEnd}})
		}, 100 * time.Millisecond, false},
		"the peer has answered": {0, true, func(t *testing.T, raw Link) {
			put(t, raw, value{ServerClient, []byte{prefixLast, 'y'}})
		}, 0, true},
		"without waiting": {-1, true, nil, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr, raw := scripted(t, Conditions{}, PeripheralServer, Reader)
				if c.linger != 0 {
					tr.opt.Linger = c.linger
				}
				if c.send {
					if err := tr.Send(t.Context(), []byte("x")); err != nil {
						t.Fatal(err)
					}
				}
				if c.peer != nil {
					go c.peer(t, raw)
				}
				if name == "the peer has answered" {
					if _, err := tr.Recv(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				begin := time.Now()
				if err := tr.Close(); err != nil {
					t.Error(err)
				}
				if took := time.Since(begin); took != c.took {
					t.Errorf("took %v, want %v", took, c.took)
				}
				said := false
				for {
					ch, b, err := raw.Read(t.Context())
					if err != nil {
						break
					}
					said = said || ch == State && bytes.Equal(b, []byte{stateEnd})
				}
				if said != c.said {
					t.Errorf("said the end: %t", said)
				}
				if err := tr.Close(); err != nil {
					t.Errorf("closed twice: %v", err)
				}
				synctest.Wait()
			})
		})
	}
}

// A server that ends leaves it to the client to disconnect.
func TestServerEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader, holder := opened(t, Conditions{Abrupt: true}, CentralClient)
		go func() {
			if _, err := holder.Recv(t.Context()); err != nil {
				t.Error(err)
			}
			time.Sleep(DefaultLinger + 100*time.Millisecond)
			if _, err := holder.Recv(t.Context()); !errors.Is(err, io.EOF) {
				t.Error(err)
			}
			holder.Close()
		}()
		if err := reader.Send(t.Context(), []byte("x")); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		reader.Close()
		if took := time.Since(begin); took != DefaultLinger+100*time.Millisecond {
			t.Errorf("took %v", took)
		}
	})
}

// Close ends a Recv and a Send that wait.
func TestCloseEndsCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, _ := scripted(t, Conditions{}, CentralClient, Reader)
		done := make(chan error)
		go func() {
			_, err := tr.Recv(t.Context())
			done <- err
		}()
		go func() { done <- tr.Send(t.Context(), make([]byte, 1<<20)) }() // nobody reads
		synctest.Wait()
		tr.Close()
		for range 2 {
			if err := <-done; err == nil {
				t.Error("no error")
			}
		}
	})
}

// A context that ends: between two messages nothing is lost, within one all is.
func TestContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, raw := scripted(t, Conditions{MTU: MinMTU}, CentralClient, Reader)
		over, cancel := context.WithCancel(t.Context())
		cancel()
		for range 2 {
			if _, err := tr.Recv(over); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			if err := tr.Send(over, []byte("x")); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
		put(t, raw, value{ClientServer, []byte{prefixLast, 'a'}})
		if m, err := tr.Recv(t.Context()); err != nil || string(m) != "a" {
			t.Errorf("%q, %v", m, err)
		}
		put(t, raw, value{ClientServer, []byte{prefixMore, 'a'}})
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := tr.Recv(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		put(t, raw, value{ClientServer, []byte{prefixLast, 'b'}})
		if m, err := tr.Recv(t.Context()); !errors.Is(err, context.DeadlineExceeded) || m != nil {
			t.Errorf("half a message: %q, %v", m, err)
		}
		tr.Close()
	})
	synctest.Test(t, func(t *testing.T) {
		tr, raw := scripted(t, Conditions{MTU: MinMTU}, CentralClient, Reader)
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := tr.Send(short, make([]byte, 1000)); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if err := tr.Send(t.Context(), []byte("x")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after half a message: %v", err)
		}
		go tr.Close()
		for {
			c, b, err := raw.Read(t.Context())
			if err != nil {
				break
			}
			if c == State {
				t.Errorf("an end within a message: %x", b)
			}
		}
		synctest.Wait()
	})
}

// Too large to send is refused before anything goes out.
func TestSendLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, _ := scripted(t, Conditions{}, CentralClient, Reader)
		if err := tr.Send(t.Context(), make([]byte, proximity.MaxMessage+1)); !errors.Is(err, proximity.ErrLimit) {
			t.Error(err)
		}
		if err := tr.Send(t.Context(), []byte("x")); err != nil {
			t.Errorf("a small one afterwards: %v", err)
		}
		tr.Close()
	})
}
