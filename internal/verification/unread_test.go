package verification

import (
	"crypto/elliptic"
	"math/big"
	"slices"
	"testing"

	"vidimus/internal/elements"
	"vidimus/internal/policy"
)

// What the standards leave unread or let a sender choose stays green, and what
// is believed is the same signed bytes: the classes of change that the fuzz
// targets may meet under green.
func TestUnread(t *testing.T) {
	otherForm := func(signature []byte) []byte { // (r, n - s) signs what (r, s) signs
		s := new(big.Int).SetBytes(signature[32:])
		s.Sub(elliptic.P256().Params().N, s).FillBytes(signature[32:])
		return signature
	}
	for name, change := range map[string]func(*forgery){
		"member reserved for future use": func(f *forgery) { f.response = func(r map[string]any) { r["later"] = 1 } },
		"in the document too":            func(f *forgery) { f.document = func(d map[string]any) { d["later"] = []any{1} } },
		"header that nobody signs":       func(f *forgery) { f.unprotected[-70000] = "x" },
		"excuse of the holder": func(f *forgery) {
			f.response = func(r map[string]any) { r["documentErrors"] = []any{map[string]any{"org.example": 0}} }
		},
		"excuse for an element": func(f *forgery) {
			f.document = func(d map[string]any) { d["errors"] = map[string]any{elements.MDLNameSpace: map[string]any{"sex": 0}} }
		},
		"items in another order":               func(f *forgery) { slices.Reverse(f.items[elements.MDLNameSpace]) },
		"an item withheld":                     func(f *forgery) { delete(f.items, domestic) },
		"other form of the issuer's signature": func(f *forgery) { f.signature = otherForm },
		"other form of the device's signature": func(f *forgery) {
			f.deviceAuth = func(payload []byte) map[string]any {
				return deviceSignature(otherForm(f.p1363(f.device, deviceProtected, payload)), nil)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newForgery(t)
			f.everything()
			all := coveredBy(t, f.assemble())
			change(f)
			changed := f.assemble()
			r := DeviceResponse(changed, f.options)
			sane(t, r)
			if r.Colour != policy.Green || !coveredBy(t, changed).within(all) {
				t.Errorf("%s %v", r.Colour, r.Reasons)
			}
		})
	}
	// The proof of the fuzz targets tells: another presentation is not within.
	f, g := newForgery(t), newForgery(t)
	if coveredBy(t, f.assemble()).within(coveredBy(t, g.assemble())) {
		t.Error("another presentation passes for the same")
	}
}
