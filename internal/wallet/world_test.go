package wallet_test

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"vidimus/internal/elements"
	"vidimus/internal/fetch"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/trust"
	"vidimus/internal/wallet"
	"vidimus/internal/wallet/wallettest"
)

// world is an issuer on loopback and a wallet with an empty folder, both at the
// instant of the test PKI.
type world struct {
	t      *testing.T
	pki    *pkitest.World
	issuer *wallettest.Issuer
	dir    string
	store  *wallet.Store
	cfg    wallet.Config
	wallet *wallet.Wallet
	said   []string
}

func newWorld(t *testing.T, path string, change ...func(*world)) *world {
	t.Helper()
	w := &world{t: t, pki: pkitest.NewWorld(t), dir: filepath.Join(t.TempDir(), "wallet")}
	var err error
	w.issuer, err = wallettest.New(w.pki, w.pki.Clock, path)
	w.must(err)
	t.Cleanup(w.issuer.Close)
	w.store, err = wallet.OpenStore(w.dir)
	w.must(err)
	t.Cleanup(func() { w.store.Close() })
	web := fetch.New(fetch.Options{AllowInsecureLoopback: true})
	t.Cleanup(web.Close)
	w.cfg = wallet.Config{
		Store: w.store, Clock: w.pki.Clock, Rand: rand.Reader, Web: web, AllowInsecure: true,
		Progress: func(line string) { w.said = append(w.said, line) },
	}
	for _, f := range change {
		f(w)
	}
	w.wallet, err = wallet.New(w.cfg)
	w.must(err)
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// anchors trusts the IACA for the given types.
func (w *world) anchors(docTypes, vcts []string) *trust.Store {
	w.t.Helper()
	purposes := []trust.Purpose{trust.StatusList}
	if docTypes != nil {
		purposes = append(purposes, trust.IssueMdoc)
	}
	if vcts != nil {
		purposes = append(purposes, trust.IssueSDJWT)
	}
	s := &trust.Store{}
	w.must(s.Add(trust.Anchor{Cert: w.pki.IACA.Cert, Source: "test", Scope: trust.Scope{Purposes: purposes, DocTypes: docTypes, VCTs: vcts}}))
	return s
}

func (w *world) allAnchors() *trust.Store {
	return w.anchors([]string{elements.MDLDocType, elements.PIDDocType}, []string{elements.PIDVCT})
}

// accept takes up an offer of configurations.
func (w *world) accept(opt wallet.AcceptOptions, configurations ...string) ([]wallet.Batch, error) {
	w.t.Helper()
	offer, err := w.issuer.Offer("openid-credential-offer", configurations...)
	w.must(err)
	return w.wallet.Accept(w.t.Context(), offer, opt)
}

// holding is a world whose wallet has copies of everything.
func holding(t *testing.T, copies int) *world {
	t.Helper()
	w := newWorld(t, "")
	_, err := w.accept(wallet.AcceptOptions{Copies: copies}, "mdl", "pid-mdoc", "pid-sd-jwt")
	w.must(err)
	return w
}

// checkModes fails for anything below the folder that others may read.
func (w *world) checkModes() {
	w.t.Helper()
	files := 0
	w.must(filepath.WalkDir(w.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := os.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		} else {
			files++
		}
		if info.Mode().Perm() != want {
			return fmt.Errorf("%s has mode %04o", path, info.Mode().Perm())
		}
		return nil
	}))
	if files == 0 {
		w.t.Error("no file")
	}
}
