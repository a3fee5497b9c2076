package gatt

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vidimus/internal/proximity"
)

// far is a radio as one side sees it: peers are found late, by the mode; a connection
// takes its time to set up, and as long again its first value, the start, and its end.
type far struct {
	Radio
	find map[Mode]time.Duration
	air  time.Duration
}

func (f far) over(connect Connect) Connect {
	return func(ctx context.Context) (Link, error) {
		link, err := connect(ctx)
		if err != nil {
			return nil, err
		}
		return &farLink{Link: link, air: f.air, wait: f.air}, nil
	}
}

func (f far) Advertise(offer Offer, ident []byte) Connect {
	return f.over(f.Radio.Advertise(offer, ident))
}

func (f far) Scan(offer Offer) Connect {
	return f.over(func(ctx context.Context) (Link, error) {
		if err := pause(ctx, f.find[offer.Mode]); err != nil {
			return nil, err
		}
		link, err := f.Radio.Scan(offer)(ctx)
		if err != nil {
			return nil, err
		}
		if err := pause(ctx, f.air); err != nil {
			link.Close()
			return nil, err
		}
		return link, nil
	})
}

type farLink struct {
	Link
	air   time.Duration
	wait  time.Duration // for the first value, 0 after it
	ready *sentValue
}

func (l *farLink) Close() error {
	time.Sleep(l.air)
	return l.Link.Close()
}

func (l *farLink) Read(ctx context.Context) (Characteristic, []byte, error) {
	if l.wait == 0 && l.ready == nil {
		return l.Link.Read(ctx)
	}
	if l.ready == nil {
		c, v, err := l.Link.Read(ctx)
		if err != nil {
			return 0, nil, err
		}
		l.ready = &sentValue{c, v}
	}
	if err := pause(ctx, l.wait); err != nil {
		return 0, nil, err
	}
	v := l.ready
	l.wait, l.ready = 0, nil
	return v.c, v.value, nil
}

// A reader and a holder that begin one mode each at the same moment agree on one,
// which the reader chose, whoever is a little earlier.
func TestBothAtOnce(t *testing.T) {
	const air = 10 * time.Millisecond
	e := engagement(t, proximity.BLE{CentralClient: true, PeripheralServer: true})
	seen := map[Mode]int{}
	for early := -2 * air; early <= 2*air; early += air / 4 {
		synctest.Test(t, func(t *testing.T) {
			model := NewModel(Conditions{Abrupt: true})
			type met struct {
				*Transport
				err error
			}
			done := make(chan met)
			go func() {
				radio := far{Radio: model, find: map[Mode]time.Duration{CentralClient: Patience + early}, air: air}
				tr, err := meetWithin(t, radio, e, Holder)
				done <- met{tr, err}
			}()
			reader, err := meetWithin(t, far{Radio: model, air: air}, e, Reader)
			if err != nil {
				t.Fatal(err)
			}
			if err := reader.Send(t.Context(), []byte("request")); err != nil {
				t.Error(err)
			}
			holder := <-done
			if holder.err != nil || holder.opt.Mode != reader.opt.Mode {
				t.Fatalf("%v early: the reader is in %v; holder %+v", early, reader.opt.Mode, holder)
			}
			if got, err := holder.Recv(t.Context()); err != nil || string(got) != "request" {
				t.Errorf("%v early: got %q, %v", early, got, err)
			}
			go func() { _ = holder.Send(t.Context(), []byte("response")) }()
			if got, err := reader.Recv(t.Context()); err != nil || string(got) != "response" {
				t.Errorf("%v early: got %q, %v", early, got, err)
			}
			seen[reader.opt.Mode]++
			reader.Close()
			holder.Close()
			if len(model.adverts) != 0 {
				t.Errorf("%v early: something is still advertised", early)
			}
		})
	}
	if len(seen) != 2 {
		t.Errorf("%v: one mode always wins, this is no test", seen)
	}
}

// script is a reader that has started both modes with one holder.
type script struct {
	links map[Mode]Link
	met   chan error // of the holder
	tr    *Transport
}

// scripts starts the modes over a model; the holder's Meet is under way then.
func scripts(t *testing.T, modes ...Mode) *script {
	t.Helper()
	e := engagement(t, proximity.BLE{CentralClient: true, PeripheralServer: true})
	b, err := e.BLE()
	if err != nil {
		t.Fatal(err)
	}
	id, err := e.Ident()
	if err != nil {
		t.Fatal(err)
	}
	model := NewModel(Conditions{})
	s := &script{links: map[Mode]Link{}, met: make(chan error, 1)}
	go func() {
		var err error
		s.tr, err = meetWithin(t, model, e, Holder)
		s.met <- err
	}()
	for _, offer := range Offers(b) {
		if !slices.Contains(modes, offer.Mode) {
			continue
		}
		connect := model.Scan(offer)
		if offer.Mode == CentralClient {
			connect = model.Advertise(offer, id)
		}
		tr, err := Open(t.Context(), connect, Options{Mode: offer.Mode, Side: Reader})
		if err != nil {
			t.Fatal(err)
		}
		s.links[offer.Mode] = tr.link
	}
	synctest.Wait()
	return s
}

func (s *script) say(t *testing.T, m Mode, value ...byte) {
	t.Helper()
	if err := s.links[m].Write(t.Context(), m.Role(Reader).out(), value); err != nil {
		t.Error(err)
	}
}

// A holder in whom both modes have started goes on in the one over which the first
// whole message comes, and leaves the other.
func TestHolderFollows(t *testing.T) {
	for _, mode := range []Mode{CentralClient, PeripheralServer} {
		other := CentralClient + PeripheralServer - mode
		for name, c := range map[string]func(t *testing.T, s *script){
			"the other stays": func(t *testing.T, s *script) {},
			"the other left":  func(t *testing.T, s *script) { s.links[other].Close() },
			"the other left long ago": func(t *testing.T, s *script) {
				s.links[other].Close()
				time.Sleep(regret - time.Millisecond)
			},
			"the other left, this one is slow": func(t *testing.T, s *script) {
				s.links[other].Close()
				time.Sleep(3 * regret)
			},
			"the other has begun a message": func(t *testing.T, s *script) { s.say(t, other, prefixMore, 'x') },
			"the other says nonsense":       func(t *testing.T, s *script) { s.say(t, other, 7) },
			"the other ends": func(t *testing.T, s *script) {
				if err := s.links[other].Write(t.Context(), State, []byte{stateEnd}); err != nil {
					t.Error(err)
				}
			},
		} {
			t.Run(mode.String()+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := scripts(t, CentralClient, PeripheralServer)
					c(t, s)
					s.say(t, mode, prefixMore, 'h')
					synctest.Wait()
					select {
					case err := <-s.met:
						t.Fatalf("decided before the message is whole: %v", err)
					default:
					}
					s.say(t, mode, prefixLast, 'i')
					if err := <-s.met; err != nil {
						t.Fatal(err)
					}
					if got, err := s.tr.Recv(t.Context()); s.tr.opt.Mode != mode || string(got) != "hi" || err != nil {
						t.Errorf("in %v: %q, %v", s.tr.opt.Mode, got, err)
					}
					if !s.links[other].(*modelLink).wire.isDown() || s.links[mode].(*modelLink).wire.isDown() {
						t.Error("the wrong connection is open")
					}
					s.tr.Close()
				})
			})
		}
	}
}

// A reader that starts and asks nothing: how long a holder waits, and what it says.
func TestHolderIsNotAsked(t *testing.T) {
	leave := func(t *testing.T, s *script) {
		for _, link := range s.links {
			link.Close()
		}
	}
	both := []Mode{CentralClient, PeripheralServer}
	for name, c := range map[string]struct {
		modes []Mode
		do    func(t *testing.T, s *script)
		after time.Duration
		want  error
	}{
		"one leaves, one is silent": {both, func(t *testing.T, s *script) { s.links[both[0]].Close() }, proximity.RequestTime, proximity.ErrTimeout},
		"both leave":                {both, leave, 0, io.EOF},
		"one of one leaves":         {both[:1], leave, regret, io.EOF},
		"the other of one leaves":   {both[1:], leave, regret, io.EOF},
		"both are silent":           {both, func(*testing.T, *script) {}, proximity.RequestTime, proximity.ErrTimeout},
		"one of one is silent":      {both[:1], func(*testing.T, *script) {}, proximity.RequestTime + regret, proximity.ErrTimeout},
		"one says nonsense":         {both[:1], func(t *testing.T, s *script) { s.say(t, both[0], 7) }, regret, proximity.ErrMalformed},
		"one leaves in the message": {both[:1], func(t *testing.T, s *script) { s.say(t, both[0], 1, 'x'); leave(t, s) }, regret, ErrLost},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := scripts(t, c.modes...)
				begin := time.Now()
				c.do(t, s)
				err := <-s.met
				if !errors.Is(err, c.want) || s.tr != nil || time.Since(begin) != c.after {
					t.Errorf("%v after %v, want %v after %v", err, time.Since(begin), c.want, c.after)
				}
				for mode, link := range s.links {
					if !link.(*modelLink).wire.isDown() {
						t.Errorf("%v is open", mode)
					}
				}
			})
		})
	}
}

// eager is a radio whose connections come about at the same instant, whatever
// becomes of the context; whoever is in mdoc central client mode has started.
type eager struct {
	mu    sync.Mutex
	links []*modelLink // that it gave out
	peers []*modelLink // their other ends
}

type stubborn struct{ *modelLink }

func (l stubborn) Write(ctx context.Context, c Characteristic, value []byte) error {
	return l.modelLink.Write(context.WithoutCancel(ctx), c, value)
}

func (l stubborn) Read(ctx context.Context) (Characteristic, []byte, error) {
	return l.modelLink.Read(context.WithoutCancel(ctx))
}

func (e *eager) give(link, peer *modelLink, at time.Duration) Connect {
	e.mu.Lock()
	e.links, e.peers = append(e.links, link), append(e.peers, peer)
	e.mu.Unlock()
	return func(context.Context) (Link, error) {
		time.Sleep(at)
		return stubborn{link}, nil
	}
}

func (e *eager) Advertise(Offer, []byte) Connect {
	client, server := NewModel(Conditions{}).connect(nil)
	_ = client.Write(context.Background(), State, []byte{stateStart})
	return e.give(server, client, Patience+time.Second)
}

func (e *eager) Scan(Offer) Connect {
	client, server := NewModel(Conditions{}).connect(ident)
	return e.give(client, server, time.Second)
}

// Of two modes that could start at once a reader starts one: in the other it neither
// says so nor stays.
func TestReaderDecides(t *testing.T) {
	for range 50 { // the order is up to the scheduler
		synctest.Test(t, func(t *testing.T) {
			radio := &eager{}
			offers := []Offer{{Mode: CentralClient, Service: service}, {Mode: PeripheralServer, Service: service}}
			won, err := race(t.Context(), radio, offers, Options{Side: Reader})
			if err != nil {
				t.Fatal(err)
			}
			open := 0
			for _, link := range radio.links {
				if !link.isClosed() {
					open++
				}
			}
			if open != 1 || len(radio.links) != 2 || won.link.(stubborn).isClosed() {
				t.Errorf("%d of %d are open", open, len(radio.links))
			}
			asServer := slices.IndexFunc(radio.links, func(l *modelLink) bool { return l.role == Client })
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, _, err = radio.peers[asServer].Read(ctx)
			if started := err == nil; started != (won.opt.Mode == PeripheralServer) {
				t.Errorf("in %v: the other mode was started: %t", won.opt.Mode, started)
			}
			won.Close()
		})
	}
}

// A start that does not get out leaves the turn to the other mode.
func TestReaderCannotStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := NewModel(Conditions{}).connect(nil)
		client.wire.disconnect()
		turn := make(chan struct{}, 1)
		if _, err := Start(t.Context(), client, Options{Mode: PeripheralServer, Side: Reader, turn: turn}); !errors.Is(err, ErrLost) {
			t.Error(err)
		}
		if len(turn) != 0 {
			t.Error("the turn is taken")
		}
	})
}
