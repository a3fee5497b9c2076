package trust_test

import (
	"crypto/rand"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"

	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/trust"
)

// A folder of readers' authorities: certificates count for readers, lists are lists.
func TestLoadReaders(t *testing.T) {
	w := pkitest.NewWorld(t)
	list, err := pki.BuildCRL(pki.Revocations{Number: big.NewInt(1), ThisUpdate: w.Now, NextUpdate: w.Now.AddDate(0, 0, 30)}, w.ReaderCA.Cert, w.ReaderCA.Key, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	put := func(dir, name string, data []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	put(dir, "police.pem", pki.EncodePEM(w.ReaderCA.Cert))
	store, revoked, err := trust.LoadReaders(dir)
	if err != nil || revoked != nil || len(store.Anchors(trust.Reader, "")) != 1 || len(store.Anchors(trust.IssueMdoc, "org.iso.18013.5.1.mDL")) != 0 {
		t.Fatalf("%v, %v, %v", store, revoked, err)
	}
	put(dir, "a.crl", list.Raw)
	put(dir, "b.crl", pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: list.Raw}))
	if _, revoked, err = trust.LoadReaders(dir); err != nil || len(revoked.All()) != 2 {
		t.Fatalf("%v, %v", revoked, err)
	}
	put(dir, "c.crl", []byte("no list"))
	if _, _, err = trust.LoadReaders(dir); err == nil {
		t.Error("a file that is no list")
	}
	put(dir, "c.crl", make([]byte, 2*pki.MaxCRLBytes+1))
	if _, _, err = trust.LoadReaders(dir); err == nil {
		t.Error("a list that is too large")
	}
	for name, bad := range map[string]string{"no folder": filepath.Join(dir, "none"), "no certificate": t.TempDir()} {
		if _, _, err := trust.LoadReaders(bad); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
