package socket

import (
	"context"
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"io/fs"
	"sync"
	"testing"

	"vidimus/internal/keys"
	"vidimus/internal/problem"
	"vidimus/internal/signer"
)

var elliptic256 = elliptic.P256()

// A key at the other end of a socket is one for every room that signs.
func TestKeys(t *testing.T) {
	w := newWorld(t)
	c := w.client(Options{})
	k := w.key(c)
	w.must(keys.Prove(k, w.DocumentSignerMDL.Cert.Cert, rand.Reader))
	if _, err := k.Sign(rand.Reader, make([]byte, 32), crypto.SHA256); !errors.Is(err, keys.ErrDigest) {
		t.Errorf("a digest was signed: %v", err)
	}
	if _, err := k.SignMessage(rand.Reader, w.proof(), crypto.SHA384); !errors.Is(err, keys.ErrDigest) {
		t.Errorf("with another hash: %v", err)
	}
	prepared := copies(t, w.Now, 20)
	batch := k.Batch(t.Context(), len(prepared))
	var wg sync.WaitGroup
	for _, p := range prepared {
		wg.Go(func() {
			defer batch.Leave()
			if _, err := p.Sign(batch, w.DocumentSignerMDL.Chain, rand.Reader); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if seq := w.audit.Head().Seq; seq != 3 {
		t.Errorf("%d lines for two proofs and a batch", seq)
	}
	for uri, want := range map[string]error{"signer:key=other": fs.ErrNotExist, "soft:path=/x": keys.ErrURI, "signer:key=A": keys.ErrURI, "signer:name=mdl": keys.ErrURI} {
		if k, err := c.Signer(t.Context(), uri); k != nil || !errors.Is(err, want) {
			t.Errorf("%s: %v", uri, err)
		}
	}
	if _, err := c.Create(t.Context(), "signer:key=new", elliptic.P256()); !errors.Is(err, keys.ErrURI) {
		t.Errorf("made a key: %v", err)
	}
	st, err := c.Status(t.Context())
	if err != nil || len(st.Keys) != 1 || st.Keys[0].Messages != 22 || st.Keys[0].Requests != 3 || st.Connected != 1 {
		t.Errorf("%+v, %v", st, err)
	}
}

// TestRefusals is bad input K09 at the socket: what is refused there is refused here,
// and keeps its kind.
func TestRefusals(t *testing.T) {
	w := newWorld(t)
	k := w.key(w.client(Options{}))
	for name, message := range map[string][]byte{
		"K09/raw_digest": make([]byte, 32), "K09/arbitrary": []byte("sign this"), "K08/zero_bytes": {},
		"K09/other_certificate": append([]byte(keys.ProofPrefix), w.IACA.Cert.Raw...),
	} {
		t.Run(name, func(t *testing.T) {
			sig, err := k.Do(t.Context(), [][]byte{message})
			if sig != nil || !errors.Is(err, signer.ErrRefused) || signer.ReasonOf(err) == "" {
				t.Errorf("%v", err)
			}
		})
	}
	if _, err := k.Do(t.Context(), make([][]byte, signer.MaxMessages+1)); signer.ReasonOf(err) != signer.ReasonSize || problem.KindOf(err) != problem.TooLarge {
		t.Errorf("too many: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := k.Do(ctx, [][]byte{w.proof()}); problem.KindOf(err) != problem.Unavailable || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
