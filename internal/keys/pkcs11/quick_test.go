package pkcs11

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"math/big"
	"testing"
)

func newECDSA(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// rawOf signs and gives r and s side by side, as a token does.
func rawOf(t testing.TB, k *ecdsa.PrivateKey, digest []byte) []byte {
	t.Helper()
	der, err := ecdsa.SignASN1(rand.Reader, k, digest)
	if err != nil {
		t.Fatal(err)
	}
	var sig struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &sig); err != nil {
		t.Fatal(err)
	}
	raw := make([]byte, 64)
	sig.R.FillBytes(raw[:32])
	sig.S.FillBytes(raw[32:])
	return raw
}

// agree compares with crypto/ecdsa: what one proves the other accepts, and here the
// other way round too.
func agree(t testing.TB, q *quick, pub *ecdsa.PublicKey, digest, raw []byte, want bool) {
	t.Helper()
	got, std := q.proves(digest, raw), ecdsa.VerifyASN1(pub, digest, derSignature(raw, 32))
	if got != want || std != want {
		t.Fatalf("proved %t, crypto/ecdsa %t, expected %t: digest %x, signature %x", got, std, want, digest, raw)
	}
}

func TestQuick(t *testing.T) {
	for range 2 {
		k, other := newECDSA(t), newECDSA(t)
		q := newQuick(&k.PublicKey)
		for i := range 120 {
			digest := sha256.Sum256([]byte{byte(i), byte(i >> 8)})
			raw := rawOf(t, k, digest[:])
			agree(t, q, &k.PublicKey, digest[:], raw, true)
			agree(t, q, &k.PublicKey, append(digest[:], 1, 2, 3), raw, true) // a longer hash is cut
			for _, at := range []int{i % 64, (i + 31) % 64} {
				bad := bytes.Clone(raw)
				bad[at] ^= 1 << (i % 8)
				agree(t, q, &k.PublicKey, digest[:], bad, false)
			}
			bad := digest
			bad[i%32] ^= 1 << (i % 8)
			agree(t, q, &k.PublicKey, bad[:], raw, false)
			agree(t, q, &k.PublicKey, digest[:], rawOf(t, other, digest[:]), false)
		}
	}
}

// TestQuickAtTheEdges is where the numbers are small, large or equal.
func TestQuickAtTheEdges(t *testing.T) {
	n := elliptic.P256().Params().N
	small := func(x int64) *big.Int {
		if x < 0 {
			return new(big.Int).Add(n, big.NewInt(x))
		}
		return big.NewInt(x)
	}
	// A private key of 1 makes both tables the same: every sum meets its own summands.
	for _, d := range []int64{1, 2, 3, 255, 256, 257, -1, -2} {
		k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), small(d).FillBytes(make([]byte, 32)))
		if err != nil {
			t.Fatal(err)
		}
		q := newQuick(&k.PublicKey)
		for i := range 64 {
			digest := sha256.Sum256([]byte{byte(i), byte(d)})
			switch i {
			case 0:
				digest = [32]byte{}
			case 1:
				digest = [32]byte(bytes.Repeat([]byte{0xff}, 32))
			case 2:
				digest = [32]byte(n.FillBytes(make([]byte, 32)))
			}
			raw := rawOf(t, k, digest[:])
			if got, std := q.proves(digest[:], raw), ecdsa.VerifyASN1(&k.PublicKey, digest[:], derSignature(raw, 32)); got && !std {
				t.Fatalf("d = %d: proved what is none", d)
			}
			for _, r := range []int64{0, 1, 2, -1, -2} {
				for _, s := range []int64{0, 1, 2, -1, -2} {
					raw := append(small(r).FillBytes(make([]byte, 32)), small(s).FillBytes(make([]byte, 32))...)
					if got, std := q.proves(digest[:], raw), ecdsa.VerifyASN1(&k.PublicKey, digest[:], derSignature(raw, 32)); got && !std {
						t.Fatalf("d = %d, r = %d, s = %d: proved what is none", d, r, s)
					}
				}
			}
		}
	}
	k := newECDSA(t)
	q := newQuick(&k.PublicKey)
	digest := sha256.Sum256([]byte("x"))
	raw := rawOf(t, k, digest[:])
	over := append(n.FillBytes(make([]byte, 32)), raw[32:]...)
	for _, bad := range [][]byte{nil, raw[:63], append(bytes.Clone(raw), 0), over, append(bytes.Clone(raw[:32]), n.FillBytes(make([]byte, 32))...)} {
		if q.proves(digest[:], bad) {
			t.Errorf("proved %x", bad)
		}
	}
	if q.proves(digest[:31], raw) {
		t.Error("proved for half a digest")
	}
	wide, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if newQuick(&wide.PublicKey) != nil {
		t.Error("tables for P-384")
	}
}

// The x of a point may be above n, and r then is what is left of it: no signature by
// chance has that, so it is made from its point, and the key from it.
func TestQuickAboveN(t *testing.T) {
	curve := elliptic.P256()
	params := curve.Params()
	digest := sha256.Sum256([]byte("x"))
	made := 0
	for k := int64(1); made < 5; k++ {
		r := big.NewInt(k)
		x := new(big.Int).Add(params.N, r)
		if x.Cmp(params.P) >= 0 {
			t.Fatal("no point is above n")
		}
		y := new(big.Int).Exp(x, big.NewInt(3), params.P) // x^3 - 3x + b
		y.Sub(y, new(big.Int).Mul(x, big.NewInt(3))).Add(y, params.B).Mod(y, params.P)
		if y.ModSqrt(y, params.P) == nil {
			continue
		}
		made++
		// Q = (R - eG) / r, so that with s = 1 the point is eG + rQ = R.
		e := new(big.Int).SetBytes(digest[:])
		//lint:ignore SA1019 the sum of two points is wanted
		ex, ey := curve.ScalarBaseMult(e.Sub(params.N, e.Mod(e, params.N)).Bytes())
		//lint:ignore SA1019 the sum of two points is wanted
		qx, qy := curve.Add(x, y, ex, ey)
		//lint:ignore SA1019 the sum of two points is wanted
		qx, qy = curve.ScalarMult(qx, qy, new(big.Int).ModInverse(r, params.N).Bytes())
		pub, err := ecdsa.ParseUncompressedPublicKey(curve, append(append([]byte{4}, qx.FillBytes(make([]byte, 32))...), qy.FillBytes(make([]byte, 32))...))
		if err != nil {
			t.Fatal(err)
		}
		raw := append(r.FillBytes(make([]byte, 32)), big.NewInt(1).FillBytes(make([]byte, 32))...)
		agree(t, newQuick(pub), pub, digest[:], raw, true)
		raw[63] = 2
		agree(t, newQuick(pub), pub, digest[:], raw, false)
	}
}

// Every row of a table is what crypto/ecdh makes of the same numbers.
func TestTable(t *testing.T) {
	k := newECDSA(t)
	q := newQuick(&k.PublicKey)
	pub, err := k.PublicKey.ECDH()
	if err != nil {
		t.Fatal(err)
	}
	for i := range q.multiples {
		for _, j := range []int{1, 2, 3, row / 2, row - 2, row - 1} {
			x := new(big.Int).Lsh(big.NewInt(int64(j)), uint(i*window))
			if x.BitLen() > 256 {
				continue
			}
			number := x.FillBytes(make([]byte, 32))
			secret, err := ecdh.P256().NewPrivateKey(number)
			if err != nil {
				continue // above n: no signature has it
			}
			want, err := secret.ECDH(pub)
			if err != nil {
				t.Fatal(err)
			}
			got := q.multiples[i][j-1].x
			got.mul(&got, &element{1}) // out of the domain
			if got := got.integer().FillBytes(make([]byte, 32)); !bytes.Equal(got, want) {
				t.Fatalf("%d * 2^%d: %x, expected %x", j, window*i, got, want)
			}
		}
	}
}

// The field against math/big.
func FuzzElement(f *testing.F) {
	f.Add(make([]byte, 64))
	f.Add(bytes.Repeat([]byte{0xff}, 64))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) != 64 {
			return
		}
		a, c := new(big.Int).SetBytes(b[:32]), new(big.Int).SetBytes(b[32:])
		a.Mod(a, modulusP)
		c.Mod(c, modulusP)
		var x, y, z element
		x.enter(a.FillBytes(make([]byte, 32)))
		y.enter(c.FillBytes(make([]byte, 32)))
		is := func(what string, want *big.Int) {
			z.mul(&z, &element{1})
			if want.Mod(want, modulusP); z.integer().Cmp(want) != 0 {
				t.Fatalf("%x %s %x: %x, expected %x", a, what, c, z.integer(), want)
			}
		}
		z.mul(&x, &y)
		is("*", new(big.Int).Mul(a, c))
		z.add(&x, &y)
		is("+", new(big.Int).Add(a, c))
		z.sub(&x, &y)
		is("-", new(big.Int).Sub(a, c))
		if a.Sign() != 0 {
			z.invert(&x)
			is("inverted", new(big.Int).ModInverse(a, modulusP))
		}
	})
}

// What quick proves crypto/ecdsa accepts, and a signature that was made it proves.
func FuzzQuick(f *testing.F) {
	k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{7}, 32))
	if err != nil {
		f.Fatal(err)
	}
	q := newQuick(&k.PublicKey)
	f.Add([]byte("message"), []byte{}, uint8(0))
	f.Add(make([]byte, 32), make([]byte, 64), uint8(1))
	f.Fuzz(func(t *testing.T, message, change []byte, at uint8) {
		digest := sha256.Sum256(message)
		raw := rawOf(t, k, digest[:])
		agree(t, q, &k.PublicKey, digest[:], raw, true)
		for i, c := range change {
			raw[(int(at)+i)%64] ^= c
		}
		if q.proves(digest[:], raw) && !ecdsa.VerifyASN1(&k.PublicKey, digest[:], derSignature(raw, 32)) {
			t.Fatalf("proved what is none: %x", raw)
		}
	})
}

func BenchmarkQuick(b *testing.B) {
	k := newECDSA(b)
	q := newQuick(&k.PublicKey)
	digest := sha256.Sum256([]byte("x"))
	raw := rawOf(b, k, digest[:])
	der := derSignature(raw, 32)
	b.Run("quick", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if !q.proves(digest[:], raw) {
				b.Fatal()
			}
		}
	})
	b.Run("crypto", func(b *testing.B) {
		for b.Loop() {
			if !ecdsa.VerifyASN1(&k.PublicKey, digest[:], der) {
				b.Fatal()
			}
		}
	})
	b.Run("table", func(b *testing.B) {
		for b.Loop() {
			newQuick(&k.PublicKey)
		}
	})
}
