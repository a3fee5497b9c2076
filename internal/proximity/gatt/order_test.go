package gatt

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	mathrand "math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"vidimus/internal/mdoc"
	"vidimus/internal/proximity"
)

// A response whose values come in another order, twice or not all (bad input Q06):
// the session finds it, and says so to the holder.
func TestDisorder(t *testing.T) {
	r := mathrand.New(mathrand.NewPCG(2, 2))
	request, response := item(50, r), item(400, r)
	for name, change := range map[string]func(values [][]byte) [][]byte{
		"Q06/good":       func(v [][]byte) [][]byte { return v },
		"Q06/swapped":    func(v [][]byte) [][]byte { v[1], v[2] = v[2], v[1]; return v },
		"Q06/twice":      func(v [][]byte) [][]byte { return slices.Insert(v, 1, v[1]) },
		"Q06/missing":    func(v [][]byte) [][]byte { return slices.Delete(v, 1, 2) },
		"Q06/last_first": func(v [][]byte) [][]byte { return append(v[len(v)-1:], v[:len(v)-1]...) },
		"Q06/cut_short":  func(v [][]byte) [][]byte { v[1] = v[1][:len(v[1])-2]; return v },
		"Q06/all_twice":  func(v [][]byte) [][]byte { return append(v, v...) },
	} {
		for _, mode := range []Mode{CentralClient, PeripheralServer} {
			t.Run(name+"/"+mode.String(), func(t *testing.T) {
				e, private, err := proximity.NewEngagement(proximity.Options{BLE: &proximity.BLE{CentralClient: true}}, rand.Reader)
				if err != nil {
					t.Fatal(err)
				}
				h, err := proximity.NewHolder(e, private)
				if err != nil {
					t.Fatal(err)
				}
				reader, err := proximity.NewReader(e, rand.Reader)
				if err != nil {
					t.Fatal(err)
				}
				synctest.Test(t, func(t *testing.T) {
					tr, raw := scripted(t, Conditions{MTU: 100}, mode, Reader)
					go func() {
						var in assembly
						var first []byte
						for first == nil {
							_, value, err := raw.Read(t.Context())
							if err != nil {
								t.Error(err)
								return
							}
							if first, err = in.add(value); err != nil {
								t.Error(err)
							}
						}
						if _, err := h.Accept(first); err != nil {
							t.Error(err)
						}
						message, err := h.Respond(response)
						if err != nil {
							t.Error(err)
						}
						var values [][]byte
						for value := range chunks(message, valueSize(100)) {
							values = append(values, bytes.Clone(value))
						}
						for _, value := range change(values) {
							_ = raw.Write(t.Context(), mode.Role(Holder).out(), value)
						}
						raw.Close()
					}()
					got, err := proximity.Run{Response: proximity.ResponseTime}.Reader(t.Context(), tr, reader, request)
					switch name {
					case "Q06/good", "Q06/all_twice": // the second one is never asked for
						if err != nil || !bytes.Equal(got, response) {
							t.Errorf("%x, %v", got, err)
						}
					default:
						if got != nil || !errors.Is(err, proximity.ErrDecrypt) && !errors.Is(err, proximity.ErrMalformed) {
							t.Errorf("%x, %v", got, err)
						}
					}
					synctest.Wait()
				})
			})
		}
	}
}

// Two holders at one reader (bad input Q06): one gets in, the other one finds
// nobody, and nothing of it is mixed in.
func TestTwoHolders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		radio := NewModel(Conditions{MTU: MinMTU})
		offer := Offer{Mode: CentralClient, Service: service}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		type end struct {
			name byte
			err  error
		}
		ended := make(chan end)
		for _, name := range []byte("ab") {
			go func() {
				tr, err := Open(ctx, radio.Scan(offer), Options{Mode: CentralClient, Side: Holder})
				if err == nil {
					err = tr.Send(ctx, bytes.Repeat([]byte{name}, 1000))
					tr.Close()
				}
				ended <- end{name, err}
			}()
		}
		tr, err := Open(ctx, radio.Advertise(offer, ident), Options{Mode: CentralClient, Side: Reader})
		if err != nil {
			t.Fatal(err)
		}
		message, err := tr.Recv(ctx)
		if err != nil || len(message) != 1000 || !bytes.Equal(message, bytes.Repeat(message[:1], 1000)) {
			t.Errorf("%d bytes, %v", len(message), err)
		}
		tr.Close()
		for range 2 {
			e := <-ended
			if in := e.name == message[0]; in != (e.err == nil) || !in && !errors.Is(e.err, context.DeadlineExceeded) {
				t.Errorf("holder %c: %v", e.name, e.err)
			}
		}
	})
}

// A session that broke is not taken up again (bad input Q07): not with the same
// keys over a new connection, from neither side.
func TestBrokenSessionStaysBroken(t *testing.T) {
	r := mathrand.New(mathrand.NewPCG(3, 3))
	request, response := item(50, r), item(4000, r)
	e, private, err := proximity.NewEngagement(proximity.Options{BLE: &proximity.BLE{PeripheralServer: true}}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	h, err := proximity.NewHolder(e, private)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := proximity.NewReader(e, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		radio := NewModel(Conditions{Cuts: []int{2000}})
		for i, want := range []error{ErrLost, proximity.ErrState} {
			done := make(chan error)
			go func() {
				tr, err := meetWithin(t, radio, e, Holder)
				if err == nil {
					err = proximity.RunHolder(t.Context(), tr, h, func([]byte, mdoc.SessionTranscript) ([]byte, error) { return response, nil })
				}
				done <- err
			}()
			tr, err := meetWithin(t, radio, e, Reader)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := proximity.RunReader(t.Context(), tr, reader, request); !errors.Is(err, want) || got != nil {
				t.Errorf("%d: %x, %v, want %v", i, got, err, want)
			}
			if err := <-done; i == 0 && err == nil {
				t.Error("the holder has not noticed")
			}
		}
		if _, err := h.Accept(proximity.StatusMessage(20)); !errors.Is(err, proximity.ErrState) {
			t.Errorf("the holder goes on: %v", err)
		}
	})
}

// A whole session on every curve.
func TestCurves(t *testing.T) {
	r := mathrand.New(mathrand.NewPCG(4, 4))
	for _, curve := range []ecdh.Curve{ecdh.P256(), ecdh.P384(), ecdh.P521(), ecdh.X25519()} {
		m := meeting{curve: curve, ble: proximity.BLE{CentralClient: true, PeripheralServer: true}, request: item(700, r), response: item(3500, r)}
		synctest.Test(t, func(t *testing.T) {
			if o := m.hold(t); o.reader != nil || o.held != nil || !bytes.Equal(o.response, m.response) {
				t.Errorf("%v: %v, %v", curve, o.reader, o.held)
			}
		})
	}
}
