//go:build pkcs11

package hsmtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"io"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"vidimus/internal/mdoc"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/problem"
	"vidimus/internal/signer"
	"vidimus/internal/signer/socket"
)

const docType = "org.iso.18013.5.1.mDL"

// backIn is how soon after the end of a fault signatures must come again (F13).
const backIn = 5 * time.Second

// watched is a key whose every answer is looked at before anybody else sees it.
type watched struct {
	crypto.Signer
	t                        *testing.T
	pub                      *ecdsa.PublicKey
	released, refused, wrong atomic.Int64
}

func (w *watched) SignMessage(rand io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	sig, err := w.Signer.(crypto.MessageSigner).SignMessage(rand, message, opts)
	digest := sha256.Sum256(message)
	switch {
	case err == nil && ecdsa.VerifyASN1(w.pub, digest[:], sig):
		w.released.Add(1)
	case err == nil || sig != nil:
		w.wrong.Add(1)
	default:
		w.refused.Add(1)
		if kind := problem.KindOf(err); kind != problem.Unavailable {
			w.t.Errorf("an error of kind %s: %v", kind, err)
		}
	}
	return sig, err
}

// TestCuts is F13 by the whole path: wallets' copies are signed over the socket while
// the way from the signer to the token is cut. Nothing comes out that does not verify,
// what cannot be signed is unavailable, and the service is back within 5 s of the
// fault's end, without anybody's doing.
func TestCuts(t *testing.T) {
	o := openOffice(t)
	client, err := socket.Dial(t.Context(), o.socket, socket.Options{})
	must(t, err)
	defer client.Close()
	key, err := client.Signer(t.Context(), signer.URI("mdl"))
	must(t, err)
	w := &watched{Signer: key, t: t, pub: o.leaf.Cert.PublicKey().(*ecdsa.PublicKey)}
	template, err := mdoc.NewTemplate(docType, mdoc.NamespaceElements{NameSpace: "org.iso.18013.5.1",
		Elements: []mdoc.Element{{Identifier: "family_name", Value: "Mustermann"}}})
	must(t, err)
	day := o.Now.Truncate(24 * time.Hour)
	holder, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(stop)
	for range 16 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				p, err := template.Prepare(mdoc.Copy{DeviceKey: holder.Public(), Validity: mdoc.NewValidityInfo(day, day, day.AddDate(0, 0, 14)),
					Status: &mdoc.Status{StatusList: &mdoc.StatusListInfo{Index: 7, URI: pkitest.IssuerURL + "/status/7"}}}, rand.Reader)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := p.Sign(w, o.leaf.Chain, rand.Reader); err != nil {
					time.Sleep(5 * time.Millisecond)
				}
			}
		})
	}
	var cuts int
	var longest time.Duration
	for _, tt := range []struct {
		name       string
		rounds     int
		fault, end func()
	}{
		{"K01/p11_kit_killed", 8, func() { o.killKit(t) }, func() { o.startKit(t) }},
		{"K01/p11_kit_stopped", 2, func() { o.signalKit(t, syscall.SIGSTOP) }, func() { o.signalKit(t, syscall.SIGCONT) }},
		{"K01/p11_kit_gone_for_a_while", 1, func() { o.killKit(t); time.Sleep(4 * time.Second) }, func() { o.startKit(t) }},
		{"K01/p11_kit_stopped_and_killed", 1, func() { o.signalKit(t, syscall.SIGSTOP); time.Sleep(3 * time.Second); o.killKit(t) }, func() { o.startKit(t) }},
	} {
		for range tt.rounds {
			released := w.released.Load()
			within(t, backIn, tt.name+": nothing is signed", func() bool { return w.released.Load() > released })
			refused := w.refused.Load()
			tt.fault()
			within(t, 2*backIn, tt.name+": no request was refused: the harness sees nothing", func() bool { return w.refused.Load() > refused })
			tt.end()
			start := time.Now()
			released = w.released.Load()
			within(t, backIn, tt.name+": no service 5 s after the end of the fault", func() bool { return w.released.Load() > released+20 })
			longest = max(longest, time.Since(start))
			cuts++
		}
	}
	t.Logf("%d cuts: %d signatures released, %d requests refused, %d wrong; back after %v at most",
		cuts, w.released.Load(), w.refused.Load(), w.wrong.Load(), longest.Round(time.Millisecond))
	if n := w.wrong.Load(); n > 0 {
		t.Errorf("%d wrong signatures were released", n)
	}
}
