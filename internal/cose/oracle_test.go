package cose

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"errors"
	"slices"
	"testing"

	oracle "github.com/veraison/go-cose"
	"pgregory.net/rapid"

	"vidimus/internal/cbor"
)

// headers draws header parameters with labels and values that both
// implementations read; none of them has a meaning.
func headers(t *rapid.T, name string, labels []int64) map[any]any {
	header := map[any]any{}
	value := rapid.OneOf(
		rapid.Map(rapid.Int64(), func(v int64) any { return v }),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 40), func(v []byte) any { return v }),
		rapid.Map(rapid.StringMatching(`[ -~]{0,40}`), func(v string) any { return v }),
		rapid.Map(rapid.Bool(), func(v bool) any { return v }),
	)
	for _, label := range labels {
		if rapid.Bool().Draw(t, name) {
			header[label] = value.Draw(t, name+" value")
		}
	}
	if rapid.Bool().Draw(t, name+" text label") {
		header[rapid.StringMatching(`[a-z]{1,20}`).Draw(t, name+" label")+name] = value.Draw(t, name+" value")
	}
	return header
}

var (
	protectedLabels   = []int64{100, 300, 70000, -70001}
	unprotectedLabels = []int64{101, 301, 70002, -70003}
)

// Signatures made here verify with go-cose, and the reverse, with the same headers.
func TestOracle(t *testing.T) {
	type parties struct {
		alg      Algorithm
		key      crypto.Signer
		signer   oracle.Signer
		verifier oracle.Verifier
	}
	var all []parties
	for alg, key := range signers(t) {
		theirs := map[Algorithm]oracle.Algorithm{
			ES256: oracle.AlgorithmES256, ES384: oracle.AlgorithmES384, ES512: oracle.AlgorithmES512, EdDSA: oracle.AlgorithmEdDSA,
		}[alg]
		signer, err := oracle.NewSigner(theirs, key)
		if err != nil {
			t.Fatal(err)
		}
		verifier, err := oracle.NewVerifier(theirs, key.Public())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, parties{alg, key, signer, verifier})
	}
	slices.SortFunc(all, func(a, b parties) int { return int(a.alg - b.alg) }) // rapid replays by position
	seen := map[Algorithm]int{}
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SampledFrom(all).Draw(t, "algorithm")
		seen[p.alg]++
		checkOurs(t, p.alg, p.key, p.verifier)
		checkTheirs(t, p.alg, p.key.Public(), p.signer)
	})
	if len(seen) != len(all) {
		t.Errorf("algorithms tried: %v", seen)
	}
}

func checkOurs(t *rapid.T, alg Algorithm, key crypto.Signer, verifier oracle.Verifier) {
	payload := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "payload")
	opt := SignOptions{
		Protected:   headers(t, "p", protectedLabels),
		Unprotected: headers(t, "u", unprotectedLabels),
		Tagged:      true,
		Detached:    rapid.Bool().Draw(t, "detached"),
	}
	data, err := SignSign1(key, payload, opt, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var message oracle.Sign1Message
	if err := message.UnmarshalCBOR(data); err != nil {
		t.Fatalf("%x: %v", data, err)
	}
	if opt.Detached {
		if message.Payload != nil {
			t.Fatalf("payload %x", message.Payload)
		}
		message.Payload = payload
	}
	if err := message.Verify(nil, verifier); err != nil {
		t.Fatalf("%x: %v", data, err)
	}
	if got, err := message.Headers.Protected.Algorithm(); err != nil || int(got) != int(alg) {
		t.Fatalf("alg %v, %v", got, err)
	}
	if len(message.Headers.Protected) != len(opt.Protected)+1 || len(message.Headers.Unprotected) != len(opt.Unprotected) {
		t.Fatalf("headers %v %v", message.Headers.Protected, message.Headers.Unprotected)
	}
	message.Signature[len(message.Signature)-1] ^= 1
	if message.Verify(nil, verifier) == nil {
		t.Fatal("the oracle accepts everything")
	}
}

func checkTheirs(t *rapid.T, alg Algorithm, pub crypto.PublicKey, signer oracle.Signer) {
	payload := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "payload")
	message := oracle.NewSign1Message()
	message.Payload = payload
	message.Headers.Protected = oracle.ProtectedHeader(headers(t, "p", protectedLabels))
	message.Headers.Protected.SetAlgorithm(signer.Algorithm())
	message.Headers.Unprotected = oracle.UnprotectedHeader(headers(t, "u", unprotectedLabels))
	if err := message.Sign(rand.Reader, nil, signer); err != nil {
		t.Fatal(err)
	}
	data, err := message.MarshalCBOR()
	if err != nil {
		t.Fatal(err)
	}
	s, err := ParseSign1(data)
	if err != nil {
		t.Fatalf("%x: %v", data, err)
	}
	if s.Header.Algorithm != alg || !s.Tagged || !bytes.Equal(s.Payload, payload) ||
		len(s.Header.ProtectedByLabel) != len(message.Headers.Protected) || len(s.Header.UnprotectedByLabel) != len(message.Headers.Unprotected) {
		t.Fatalf("parsed %+v", s)
	}
	for label, value := range message.Headers.Unprotected {
		if got := s.Header.UnprotectedByLabel[label]; !bytes.Equal(got, cbor.MustMarshal(value)) {
			t.Fatalf("label %v: %x", label, got)
		}
	}
	if err := s.Verify(pub); err != nil {
		t.Fatalf("%x: %v", data, err)
	}
	s.Signature[0] ^= 1
	if err := s.Verify(pub); !errors.Is(err, ErrSignature) {
		t.Fatalf("altered: %v", err)
	}
}

// Keys written here are read by go-cose, and the reverse.
func TestOracleKeys(t *testing.T) {
	for alg, signer := range signers(t) {
		data, err := MarshalKey(signer.Public())
		if err != nil {
			t.Fatal(err)
		}
		var key oracle.Key
		if err := key.UnmarshalCBOR(data); err != nil {
			t.Fatal(err)
		}
		pub, err := key.PublicKey()
		if err != nil {
			t.Fatal(err)
		}
		if !pub.(interface{ Equal(crypto.PublicKey) bool }).Equal(signer.Public()) {
			t.Errorf("%v: other key", alg)
		}
		theirs, err := oracle.NewKeyFromPublic(signer.Public())
		if err != nil {
			t.Fatal(err)
		}
		if data, err = theirs.MarshalCBOR(); err != nil {
			t.Fatal(err)
		}
		ours, err := ParseKey(data)
		if err != nil {
			t.Fatal(err)
		}
		if !ours.Public.(interface{ Equal(crypto.PublicKey) bool }).Equal(signer.Public()) {
			t.Errorf("%v: other key back", alg)
		}
	}
}
