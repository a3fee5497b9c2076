package soft

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"sync"
	"testing"
	"testing/cryptotest"
)

// ofNonce gives a digest of r of a signature, which is the nonce's alone.
func ofNonce(t *testing.T, der []byte) [32]byte {
	t.Helper()
	r, err := readNonce(der)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func readNonce(der []byte) ([32]byte, error) {
	var sig struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(der, &sig); err != nil || len(rest) > 0 {
		return [32]byte{}, fmt.Errorf("%x: %v", der, err)
	}
	return sha256.Sum256(sig.R.Bytes()), nil
}

func digestOf(n uint64) []byte {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, n))
	return sum[:]
}

// failing is a random source that fails, after so many bytes.
type failing int

func (f *failing) Read(p []byte) (int, error) {
	n := min(len(p), int(*f))
	*f -= failing(n)
	if n < len(p) {
		return n, errors.New("no randomness")
	}
	return n, nil
}

type repeating byte

func (r repeating) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r)
	}
	return len(p), nil
}

// A source that does not work leads to no signature, or to one whose nonce no other
// message has: what is handed in counts (cryptocustomrand), or is not looked at.
func TestRandomSources(t *testing.T) {
	for _, setting := range []string{"cryptocustomrand=0", "cryptocustomrand=1"} {
		t.Setenv("GODEBUG", setting)
		for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384()} {
			s, err := New(t.TempDir()).Create(t.Context(), "soft:path=k.key", curve)
			if err != nil {
				t.Fatal(err)
			}
			none, few := failing(0), failing(7)
			for name, source := range map[string]io.Reader{
				"K06/error": &none, "K06/error_after_seven_bytes": &few, "K06/all_zero": repeating(0), "K06/all_one": repeating(0xff), "K06/none": nil,
			} {
				t.Run(setting+"/"+curve.Params().Name+"/"+name, func(t *testing.T) {
					seen := map[[32]byte]bool{}
					for n := range uint64(50) {
						sig, err := s.Sign(source, digestOf(n), crypto.SHA256)
						if err != nil {
							if sig != nil {
								t.Fatalf("a signature beside the error %v", err)
							}
							continue
						}
						if !ecdsa.VerifyASN1(s.Public().(*ecdsa.PublicKey), digestOf(n), sig) {
							t.Fatal("it does not verify")
						}
						if r := ofNonce(t, sig); seen[r] {
							t.Fatalf("signature %d repeats a nonce", n)
						} else {
							seen[r] = true
						}
					}
				})
			}
		}
	}
}

// Two copies of a process that go on from one instant, as after a fork or a snapshot
// of a virtual machine, draw the same: each seed is an instant. For two messages they
// have two nonces; for one message one nonce is one signature, which tells nothing.
func TestClones(t *testing.T) {
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384()} {
		t.Run("K07/"+curve.Params().Name, func(t *testing.T) {
			s, err := New(t.TempDir()).Create(t.Context(), "soft:path=k.key", curve)
			if err != nil {
				t.Fatal(err)
			}
			sign := func(instant, message uint64) []byte {
				cryptotest.SetGlobalRandom(t, instant)
				sig, err := s.Sign(rand.Reader, digestOf(message), crypto.SHA256)
				if err != nil {
					t.Fatal(err)
				}
				return sig
			}
			seen := map[[32]byte]bool{}
			for instant := range uint64(50) {
				for message := range uint64(10) {
					a, b := sign(instant, message), sign(instant, message)
					if r := ofNonce(t, a); r == ofNonce(t, b) != bytes.Equal(a, b) {
						t.Fatal("one nonce, two signatures of one message")
					} else if seen[r] {
						t.Fatalf("the nonce of instant %d, message %d was there before", instant, message)
					} else {
						seen[r] = true
					}
				}
			}
		})
	}
}

// distinct signs n messages with one key in parallel and fails for an r that was there.
func distinct(t *testing.T, n uint64) {
	t.Helper()
	s, err := New(t.TempDir()).Create(t.Context(), "soft:path=k.key", elliptic.P256())
	if err != nil {
		t.Fatal(err)
	}
	const workers = 4
	rs := make([]map[[32]byte]bool, workers)
	var wg sync.WaitGroup
	for w := range rs {
		rs[w] = map[[32]byte]bool{}
		wg.Go(func() {
			for i := uint64(w); i < n; i += workers {
				der, err := s.Sign(rand.Reader, digestOf(i%(n/2)), crypto.SHA256) // every message twice
				if err != nil {
					t.Error(err)
					return
				}
				r, err := readNonce(der)
				if err != nil || rs[w][r] {
					t.Errorf("signature %d repeats a nonce: %v", i, err)
				}
				rs[w][r] = true
			}
		})
	}
	wg.Wait()
	all := rs[0]
	for _, more := range rs[1:] {
		for r := range more {
			if all[r] {
				t.Error("two goroutines had one nonce")
			}
			all[r] = true
		}
	}
	if uint64(len(all)) != n {
		t.Errorf("%d nonces for %d signatures", len(all), n)
	}
}

// Bad input K06, in small; the word release of t.sh counts a million.
func TestNoNonceTwice(t *testing.T) { distinct(t, 20_000) }
