package main

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/clock"
)

// ceremonyOffice starts an office with what the first ceremony of docs/CEREMONY.md made, its
// roots elsewhere, and holds the list of revoked signers for it.
func ceremonyOffice(t *testing.T, dir string) {
	t.Helper()
	now := time.Date(2026, 6, 20, 10, 0, 0, 0, time.UTC)
	cfg, err := issuer.DevOnFreePorts(filepath.Join(t.TempDir(), "state"))
	if err != nil {
		t.Fatal(err)
	}
	cfg.PublicURL = "https://id.utopia.example"
	copyTo := func(from, to string) {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(dir, from))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(cfg.Path(to)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(cfg.Path(to), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, from := range map[string]string{
		"mdl": "document-signer-mdl", "pid": "document-signer-pid", "status": "status-signer", "receipt": "receipt-signer", "checkpoint": "checkpoint-signer",
		"console": "registry-source", "access": "access", "bundle": "bundle-signer",
	} {
		copyTo(from+".pem", cfg.Signers[name].Chain)
		copyTo(from+".key", "keys/"+from+".key")
		s := cfg.Signers[name]
		s.Key = "soft:path=keys/" + from + ".key"
		cfg.Signers[name] = s
	}
	for from, root := range map[string]*issuer.Root{"iaca-root": &cfg.IACA, "operations-ca": &cfg.OperationsCA, "access-ca": &cfg.AccessCA} {
		copyTo(from+".pem", root.Certificate)
		root.Key = ""
	}
	copyTo("reader-ca.pem", cfg.ReaderCA.Certificate)
	copyTo("reader-ca.key", "keys/reader-ca.key")
	if err := cfg.Check(); err != nil {
		t.Fatal(err)
	}
	made, err := issuer.Init(context.Background(), cfg, now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if len(made.Missing) > 0 {
		t.Errorf("the ceremony left out %v", made.Missing)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "crl-iaca-1.crl"))
	if err != nil {
		t.Fatal(err)
	}
	if list, name, err := issuer.ImportCRL(t.Context(), &cfg, raw, now); err != nil || name != "iaca" || list.Len() != 0 {
		t.Fatalf("importing the list: %q, %v", name, err)
	}
	desk, err := issuer.OpenOffice(context.Background(), &cfg, issuer.Options{Clock: clock.NewFake(now)})
	if err != nil {
		t.Fatal(err)
	}
	defer desk.Close()
}
