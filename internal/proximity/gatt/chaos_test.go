package gatt

import (
	"bytes"
	"context"
	"crypto/ecdh"
	crand "crypto/rand"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"vidimus/internal/cbor"
	"vidimus/internal/mdoc"
	"vidimus/internal/proximity"
)

// seeds is how many of the drawn sessions run: TRANSPORT_SEEDS, or a few.
func seeds(t *testing.T) int {
	t.Helper()
	text := os.Getenv("TRANSPORT_SEEDS")
	switch {
	case text == "" && testing.Short():
		return 60
	case text == "":
		return 400
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("TRANSPORT_SEEDS: %q", text)
	}
	return n
}

// meeting is a session between a reader and a holder over a model.
type meeting struct {
	conditions        Conditions
	ble               proximity.BLE
	curve             ecdh.Curve
	request, response []byte
	// find is when the holder finds a reader in mdoc central client mode, air how
	// long a connection takes to come about, and its start.
	find, air time.Duration
}

// outcome is what both sides have of it.
type outcome struct {
	response     []byte
	reader, held error
	asked        [][]byte // requests that the holder answered
}

// hold runs a meeting to its end, with fake time: everything that it began is over
// when it returns, or synctest fails.
func (m *meeting) hold(t *testing.T) (o outcome) {
	t.Helper()
	e, private, err := proximity.NewEngagement(proximity.Options{Curve: m.curve, BLE: &m.ble}, crand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	scanned, err := proximity.ParseEngagementURI(e.URI())
	if err != nil {
		t.Fatal(err)
	}
	r, err := proximity.NewReader(scanned, crand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	h, err := proximity.NewHolder(e, private)
	if err != nil {
		t.Fatal(err)
	}
	run := proximity.Run{Response: proximity.ResponseTime, Request: proximity.RequestTime, Idle: proximity.IdleTime}
	radio := NewModel(m.conditions)
	done := make(chan error)
	go func() {
		done <- func() error {
			tr, err := meetWithin(t, far{radio, map[Mode]time.Duration{CentralClient: m.find}, m.air}, e, Holder)
			if err != nil {
				return err
			}
			return run.Holder(t.Context(), tr, h, func(request []byte, _ mdoc.SessionTranscript) ([]byte, error) {
				o.asked = append(o.asked, bytes.Clone(request))
				return m.response, nil
			})
		}()
	}()
	tr, err := meetWithin(t, far{Radio: radio, air: m.air}, scanned, Reader)
	if err == nil {
		o.response, err = run.Reader(t.Context(), tr, r, m.request)
	}
	o.reader, o.held = err, <-done
	return o
}

func meetWithin(t *testing.T, radio Radio, e *proximity.Engagement, side Side) (*Transport, error) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return Meet(ctx, radio, e, Options{Side: side})
}

// item is a CBOR map of about n bytes.
func item(n int, r *rand.Rand) []byte {
	content := make([]byte, n)
	for i := range content {
		content[i] = byte(r.Uint32())
	}
	return cbor.MustMarshal(map[string]any{"x": content})
}

// draw makes the meeting of a seed. sound says that nothing is wrong with it, so
// that it must succeed; whole that at least the values arrive as they were sent.
func draw(seed uint64) (m meeting, sound, whole bool) {
	r := rand.New(rand.NewPCG(seed, 0))
	m.request, m.response = item(r.IntN(3000), r), item(r.IntN(30_000), r)
	m.conditions = Conditions{Seed: seed, MTU: []int{MinMTU, 27, 100, 185, 512, MaxMTU, 517}[r.IntN(7)], Abrupt: r.IntN(2) == 0}
	values := len(m.response)/(valueSize(m.conditions.MTU)-1) + 1
	if r.IntN(2) == 0 {
		m.conditions.Delay = min(50*time.Millisecond, 20*time.Second/time.Duration(values))
	}
	if r.IntN(2) == 0 {
		m.conditions.BytesPerSecond = 5_000 + r.IntN(100_000)
	}
	switch r.IntN(3) {
	case 0:
		m.ble.CentralClient = true
	case 1:
		m.ble.PeripheralServer = true
	default:
		m.ble.CentralClient, m.ble.PeripheralServer = true, true
	}
	m.curve = []ecdh.Curve{ecdh.P256(), ecdh.X25519(), ecdh.P384()}[min(r.IntN(20), 2)]
	sound, whole = true, true
	if r.IntN(3) == 0 {
		sound = false
		for range 1 + r.IntN(4) {
			reach := 40
			if r.IntN(2) == 0 {
				reach = len(m.request) + len(m.response) + 2000
			}
			m.conditions.Cuts = append(m.conditions.Cuts, r.IntN(reach))
		}
	}
	if r.IntN(2) == 0 {
		p := func() float64 {
			if r.IntN(2) == 0 {
				return 0
			}
			return r.Float64() / float64(1+r.IntN(40))
		}
		m.conditions.Loss, m.conditions.Duplicate, m.conditions.Reorder, m.conditions.Truncate = p(), p(), p(), p()
		if m.conditions.Loss+m.conditions.Duplicate+m.conditions.Reorder+m.conditions.Truncate > 0 {
			sound, whole = false, false
		}
	}
	if m.ble.CentralClient && m.ble.PeripheralServer && r.IntN(4) > 0 {
		// The holder comes in the first mode when the reader begins the other one: in
		// steps, so that it often is the same moment.
		const step = 10 * time.Millisecond
		m.air = time.Duration(r.IntN(3)) * step
		m.find = Patience + time.Duration(r.IntN(7)-3)*step
	}
	return m, sound, whole
}

// named reports whether err is nil or of a class that a caller can tell.
func named(err error) bool {
	var status *proximity.StatusError
	if err == nil || errors.As(err, &status) {
		return true
	}
	for _, class := range []error{
		ErrUnreached, ErrLost, ErrIdent, io.EOF, context.DeadlineExceeded, proximity.ErrTimeout,
		proximity.ErrMalformed, proximity.ErrLimit, proximity.ErrDecrypt, proximity.ErrState,
	} {
		if errors.Is(err, class) {
			return true
		}
	}
	return false
}

// Sessions over radios of every kind: what comes out is the message that the other
// side sent, or an error, and never anything else; what is sound succeeds; nothing
// runs on afterwards.
func TestChaos(t *testing.T) {
	before := runtime.NumGoroutine()
	succeeded, failed := 0, 0
	for seed := range uint64(seeds(t)) {
		m, sound, whole := draw(seed)
		synctest.Test(t, func(t *testing.T) {
			o := m.hold(t)
			fault := ""
			switch {
			case o.reader == nil && !bytes.Equal(o.response, m.response):
				fault = "another response"
			case o.reader != nil && o.response != nil:
				fault = "a response and an error"
			case len(o.asked) > 1 || len(o.asked) == 1 && !bytes.Equal(o.asked[0], m.request):
				fault = "another request"
			case o.reader == nil && len(o.asked) != 1:
				fault = "a response without a request"
			case !named(o.reader) || !named(o.held):
				fault = "an error of no class"
			case sound && (o.reader != nil || o.held != nil):
				fault = "a sound radio fails"
			case whole && (errors.Is(o.reader, proximity.ErrDecrypt) || errors.Is(o.held, proximity.ErrDecrypt)):
				fault = "whole values do not decrypt"
			}
			if fault != "" {
				t.Errorf("seed %d: %s: reader %v; holder %v; %+v", seed, fault, o.reader, o.held, m.conditions)
			}
			if o.reader == nil {
				succeeded++
			} else {
				failed++
			}
		})
		if t.Failed() {
			break
		}
	}
	if succeeded == 0 || failed == 0 {
		t.Errorf("%d sessions succeeded, %d failed: the conditions are no test", succeeded, failed)
	}
	after := runtime.NumGoroutine()
	for range 1000 { // one that has returned may still be counted
		if after <= before {
			break
		}
		time.Sleep(time.Millisecond)
		after = runtime.NumGoroutine()
	}
	if after > before {
		t.Errorf("%d goroutines, %d before", after, before)
	}
	t.Logf("%d sessions succeeded, %d failed", succeeded, failed)
}

// A session that is cut at every byte, in both modes, with the smallest MTU: until
// the response is there it fails and says why, from there on it succeeds.
func TestCutAtEveryByte(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, ble := range []proximity.BLE{{CentralClient: true}, {PeripheralServer: true}} {
		m := meeting{ble: ble, request: item(40, r), response: item(60, r)}
		passed := false
		for at := 0; ; at++ {
			m.conditions = Conditions{MTU: MinMTU, Cuts: []int{at}}
			var o outcome
			synctest.Test(t, func(t *testing.T) { o = m.hold(t) })
			switch {
			case o.reader == nil && !bytes.Equal(o.response, m.response):
				t.Fatalf("cut at %d: another response", at)
			case o.reader == nil:
				passed = true
			case passed:
				t.Fatalf("cut at %d: %v, though earlier cuts do no harm", at, o.reader)
			case o.response != nil || len(o.asked) > 1:
				t.Fatalf("cut at %d: %x, %d requests", at, o.response, len(o.asked))
			}
			if o.reader == nil && o.held == nil && at > 600 {
				break // beyond the last byte
			}
			if at > 2000 {
				t.Fatalf("never succeeds: %v, %v", o.reader, o.held)
			}
		}
		if !passed {
			t.Error("no cut was late enough")
		}
	}
}

// The same seed is the same session.
func TestChaosRepeats(t *testing.T) {
	for _, seed := range []uint64{3, 7, 11} {
		var seen [2]string
		for i := range seen {
			m, _, _ := draw(seed)
			synctest.Test(t, func(t *testing.T) {
				o := m.hold(t)
				seen[i] = fmt.Sprint(o.reader == nil, o.held == nil, len(o.asked), len(o.response))
			})
		}
		if seen[0] != seen[1] {
			t.Errorf("seed %d: %s, then %s", seed, seen[0], seen[1])
		}
	}
}
