package issuer_test

import (
	"bytes"
	"crypto/rand"
	"io"
	"math/big"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/pki"
)

// crls is what readers know of revoked signers.
func (o *office) crls() *pki.CRLs {
	o.t.Helper()
	list, err := issuer.RevokeSigners(o.t.Context(), &o.cfg, "", nil, o.clock.Now(), rand.Reader)
	o.must(err)
	set, err := pki.NewCRLs(list)
	o.must(err)
	return set
}

// published is the list at the address that stands in the certificates.
func (o *office) published() *pki.CRL {
	o.t.Helper()
	res, err := http.Get(o.cfg.PublicURL + issuerhttp.SignerCRLPath)
	o.must(err)
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, pki.MaxCRLBytes))
	o.must(err)
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/pkix-crl" {
		o.t.Fatalf("%s, %s", res.Status, res.Header.Get("Content-Type"))
	}
	list, err := pki.ParseCRL(raw)
	o.must(err)
	return list
}

// The office publishes who of its signers is revoked, renews the list by itself
// and never takes a revocation back, whoever else writes at the same time.
func TestRevokedSigners(t *testing.T) {
	o := newOffice(t).serve()
	first := o.published()
	if err := first.Verify(o.iaca()[0], false); err != nil || first.Len() != 0 {
		t.Fatalf("%d revoked, %v", first.Len(), err)
	}
	if again := o.published(); !bytes.Equal(again.Raw, first.Raw) {
		t.Error("another list within the day")
	}
	serials := make([]*big.Int, 8)
	var wait sync.WaitGroup
	for i := range serials {
		serials[i] = big.NewInt(int64(1000 + i))
		wait.Go(func() {
			_, err := issuer.RevokeSigners(t.Context(), &o.cfg, "", serials[i:i+1], o.clock.Now(), rand.Reader)
			if err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	second := o.published()
	if err := second.Supersedes(first); err != nil || second.Len() != len(serials) {
		t.Errorf("%d revoked, %v", second.Len(), err)
	}
	o.clock.Advance(25 * time.Hour)
	third := o.published()
	if err := third.Supersedes(second); err != nil || third.Len() != len(serials) || !third.ThisUpdate.After(second.ThisUpdate) {
		t.Errorf("%d revoked, %v", third.Len(), err)
	}
	if kept, err := filepath.Glob(filepath.Join(o.cfg.StateDir, "certs", "iaca-*.crl")); err != nil || len(kept) > 5 {
		t.Errorf("%d lists are kept, %v", len(kept), err)
	}
	elsewhere := o.cfg
	elsewhere.IACA.Key = ""
	if _, err := issuer.RevokeSigners(t.Context(), &elsewhere, "", nil, o.clock.Now(), rand.Reader); err == nil {
		t.Error("signed without a key")
	}
}

// Lists are read while others are written and the oldest removed: nobody who asks hears
// that there are none.
func TestListsAreReadMeanwhile(t *testing.T) {
	t.Parallel()
	o := newOffice(t).serve()
	o.list(issuerhttp.SignerCRLPath)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 60 {
			if _, err := issuer.RevokeSigners(t.Context(), &o.cfg, "", nil, o.clock.Now(), rand.Reader); err != nil {
				t.Error(err)
			}
		}
	}()
	var last *pki.CRL
	for writing := true; writing; {
		select {
		case <-done:
			writing = false
		default:
		}
		lists, err := issuer.RevokedSigners(&o.cfg)
		if err != nil {
			<-done
			t.Fatal(err)
		}
		if last != nil && lists[0].Number.Cmp(last.Number) < 0 {
			t.Errorf("list %s after %s", lists[0].Number, last.Number)
		}
		last = lists[0]
	}
}
