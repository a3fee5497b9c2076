package verifier

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"vidimus/internal/cbor"
	"vidimus/internal/cose"
	"vidimus/internal/proximity"
	"vidimus/internal/proximity/gatt"
)

// A connection that is cut within the answer (bad input Q07), wherever: the page
// says that nothing was read, in so many words, and shows nothing of what came.
func TestTerminalAndALostConnection(t *testing.T) {
	m := newMeeting(t)
	for _, cut := range []int{1200, 2500, 4000} {
		s := serve(t, TerminalConfig{Zone: time.UTC, Simulation: &Simulation{Wallet: m.wallet, Radio: gatt.NewModel(gatt.Conditions{MTU: 185, Cuts: []int{cut}})},
			Reader: ReaderConfig{Clock: m.Clock, Check: CheckConfig{TrustDir: m.files()}}})
		text := s.ask(s.Standing(t.Context()).Code, "identity")
		if !strings.Contains(text, "Nothing was read") || !strings.Contains(text, "connection") {
			t.Errorf("cut after %d bytes: %s", cut, text)
		}
		for _, value := range []string{"Weber", "Anouk", "2 May 1990", "Forged", "In order"} {
			if strings.Contains(text, value) || strings.Contains(s.log.String(), value) {
				t.Errorf("cut after %d bytes: %s is shown: %s", cut, value, text)
			}
		}
	}
}

// Phones that offer ways which are not taken here, and no other (bad input Q14).
func TestOtherRadios(t *testing.T) {
	m := newMeeting(t)
	nfc, wifi := []any{1, 1, map[int]any{0: 65535, 1: 65536}}, []any{3, 1, map[int]any{3: []byte{4}}}
	_, private, err := proximity.NewEngagement(proximity.Options{}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := cose.MarshalKey(private.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	for name, methods := range map[string][]any{"Q14/NFC": {nfc}, "Q14/Wi-Fi Aware": {wifi}, "Q14/both": {nfc, wifi}} {
		e, err := proximity.ParseEngagement(cbor.MustMarshal(map[int]any{0: "1.0", 1: []any{1, cbor.WrapEncoded(key)}, 2: methods}))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out, err := Read(context.Background(), ReadOptions{Engagement: e, Link: Over(gatt.NewModel(gatt.Conditions{})), Profile: m.profile("identity", ""), Verify: m.verify, Clock: m.Clock}, nil)
		if err == nil || out != nil || !strings.Contains(err.Error(), "this phone offers no Bluetooth, and NFC and Wi-Fi Aware are not supported here") {
			t.Errorf("%s: %+v, %v", name, out, err)
		}
	}
}
