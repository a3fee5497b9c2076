package wallet_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vidimus/internal/elements"
	"vidimus/internal/wallet"
	"vidimus/internal/wallet/wallettest"
)

// Refreshing puts fresh copies under fresh keys in the place of the old ones.
func TestRefresh(t *testing.T) {
	for name, change := range map[string]func(*world){
		"plain":       func(*world) {},
		"identifiers": func(w *world) { w.issuer.Identifiers, w.issuer.Datasets = true, 1 },
		"nonces":      func(w *world) { w.issuer.DPoPNonces = true },
	} {
		t.Run(name, func(t *testing.T) {
			w := patient(t, 0, change)
			old, err := w.accept(wallet.AcceptOptions{Copies: 2}, "mdl", "pid-sd-jwt")
			w.must(err)
			seen := map[string]bool{}
			for _, b := range old {
				for n := range b.Copies {
					text, err := w.store.Credential(b.ID, n)
					w.must(err)
					for _, own := range w.own(b, text) {
						seen[own] = true
					}
				}
			}
			_, err = w.wallet.PresentMdoc(wallet.MdocPresentation{DocType: elements.MDLDocType, Elements: []string{"family_name"}, Transcript: transcript(t)})
			w.must(err)
			w.pki.Clock.Advance(time.Hour) // the access token is long over
			fresh, err := w.wallet.Refresh(t.Context(), wallet.RefreshOptions{})
			if err != nil || len(fresh) != 2 {
				t.Fatalf("%+v, %v", fresh, err)
			}
			held, err := w.store.List()
			w.must(err)
			if len(held) != 2 {
				t.Fatalf("%+v", held)
			}
			for _, b := range held {
				if len(b.Copies) != 2 || b.Grant != old[0].Grant || b.ID == old[0].ID || b.ID == old[1].ID || b.Copies[0].Used+b.Copies[1].Used != 0 {
					t.Errorf("%+v", b)
				}
				for n := range b.Copies {
					text, err := w.store.Credential(b.ID, n)
					w.must(err)
					for _, own := range w.own(b, text) {
						if seen[own] {
							t.Errorf("%s has %q of before", b.ID, own)
						}
					}
				}
			}
			w.checkModes()
			// One alone, and in another number.
			one, err := w.wallet.Refresh(t.Context(), wallet.RefreshOptions{Batches: []string{held[0].ID}, Copies: 3})
			if err != nil || len(one) != 1 || len(one[0].Copies) != 3 {
				t.Errorf("%+v, %v", one, err)
			}
			// With the last copy goes what they came by.
			held, err = w.store.List()
			w.must(err)
			for _, b := range held {
				w.must(w.store.Remove(b.ID))
			}
			if entries, err := os.ReadDir(w.dir); err != nil || len(entries) > 0 {
				t.Errorf("left: %v, %v", entries, err)
			}
		})
	}
}

// Copies that were promised replace the old ones when they come, and not before.
func TestRefreshWhileWithdrawn(t *testing.T) {
	w := patient(t, 0)
	old, err := w.accept(wallet.AcceptOptions{Copies: 2}, "mdl", "pid-mdoc")
	w.must(err)
	withdrawn := true
	w.issuer.Decide = func(id string) wallettest.Decision {
		if id == "mdl" && withdrawn {
			return wallettest.Later
		}
		return wallettest.Deliver
	}
	fresh, err := w.wallet.Refresh(t.Context(), wallet.RefreshOptions{})
	if !errors.Is(err, wallet.ErrWaiting) || len(fresh) != 1 || fresh[0].Configuration != "pid-mdoc" {
		t.Fatalf("%+v, %v", fresh, err)
	}
	if b, err := w.store.Batch(old[0].ID); err != nil || b.Configuration != "mdl" {
		t.Errorf("the old one: %+v, %v", b, err)
	}
	if list := w.waiting(); len(list) != 1 || list[0].Replaces != old[0].ID {
		t.Fatalf("%+v", list)
	}
	if said := strings.Join(w.said, "\n"); !strings.Contains(said, old[0].ID+" stays until then") {
		t.Error(said)
	}
	// Refreshing again does not ask a second time.
	asked := len(w.issuer.Requests())
	if _, err := w.wallet.Refresh(t.Context(), wallet.RefreshOptions{Batches: []string{old[0].ID}}); !errors.Is(err, wallet.ErrWaiting) || len(w.waiting()) != 1 ||
		strings.Contains(strings.Join(w.issuer.Requests()[asked:], " "), "/credential") {
		t.Errorf("%v, %q", err, w.issuer.Requests()[asked:])
	}
	withdrawn = false
	late, err := w.wallet.Collect(t.Context(), nil, time.Hour)
	if err != nil || len(late) != 1 {
		t.Fatalf("%+v, %v", late, err)
	}
	if _, err := w.store.Batch(old[0].ID); !errors.Is(err, wallet.ErrNotFound) {
		t.Errorf("the old one: %v", err)
	}
}

// What is refused leaves the old copies, and says so.
func TestRefreshRefused(t *testing.T) {
	w := patient(t, 0)
	b, err := w.accept(wallet.AcceptOptions{Copies: 1}, "mdl")
	w.must(err)
	w.issuer.Decide = func(string) wallettest.Decision { return wallettest.Deny }
	_, err = w.wallet.Refresh(t.Context(), wallet.RefreshOptions{})
	var refusal *wallet.Refusal
	if !errors.As(err, &refusal) || refusal.Code != "credential_request_denied" || !strings.Contains(strings.Join(w.said, "\n"), b[0].ID+" stays as it is") {
		t.Errorf("%v, %q", err, w.said)
	}
	w.issuer.EndGrants()
	for range 2 { // the second time without asking
		if _, err = w.wallet.Refresh(t.Context(), wallet.RefreshOptions{}); !errors.Is(err, wallet.ErrNoRefresh) {
			t.Error(err)
		}
	}
	if !strings.Contains(err.Error(), "has ended") {
		t.Error(err)
	}
	if held, err := w.store.List(); err != nil || len(held) != 1 {
		t.Errorf("%+v, %v", held, err)
	}
	if files, err := filepath.Glob(filepath.Join(w.dir, ".grants", "*")); err != nil || len(files) > 0 {
		t.Errorf("%v, %v", files, err)
	}
}

func TestRefreshNothing(t *testing.T) {
	w := holding(t, 1) // without refresh tokens
	list, err := w.store.List()
	w.must(err)
	for _, ids := range [][]string{nil, {list[0].ID}} {
		if _, err := w.wallet.Refresh(t.Context(), wallet.RefreshOptions{Batches: ids}); !errors.Is(err, wallet.ErrNoRefresh) {
			t.Error(err)
		}
	}
	if _, err := w.wallet.Refresh(t.Context(), wallet.RefreshOptions{Batches: []string{"nothing"}}); !errors.Is(err, wallet.ErrNotFound) {
		t.Error(err)
	}
}
