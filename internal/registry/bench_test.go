package registry_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"image"
	"image/jpeg"
	mathrand "math/rand/v2"
	"syscall"
	"testing"
	"time"

	"vidimus/api/registryclient"
	"vidimus/internal/document"
	"vidimus/internal/registry"
)

// null is a store that judges each event over one subject and keeps nothing.
type null struct {
	registry.Store
	subject document.Subject
}

func (n *null) ApplyEvents(_ context.Context, apps []registry.Application) []registry.Result {
	results := make([]registry.Result, len(apps))
	for i, a := range apps {
		_, change, err := a.Decide([]document.Subject{n.subject})
		results[i] = registry.Result{Err: err, Outcome: registry.Outcome{Source: a.Record.Source, JTI: a.Record.JTI, Seq: a.Record.Seq, Revokes: change.Applied}}
	}
	return results
}

// cpu is the processor time that this process has used.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkAccept takes events singly and in batches of 500, over a store that
// keeps nothing; beside each the floor on the same tokens: one P-256
// verification and one SHA-256 of the token. x-floor is their ratio in
// processor time, measured in turns.
func BenchmarkAccept(b *testing.B) {
	var picture bytes.Buffer
	img := image.NewGray(image.Rect(0, 0, 156, 200))
	for i := range img.Pix {
		img.Pix[i] = byte(mathrand.N(64))
	}
	if err := jpeg.Encode(&picture, img, nil); err != nil {
		b.Fatal(err)
	}
	b.Logf("the portrait has %d bytes", picture.Len())
	portrait := facts("A")
	portrait.Attributes["portrait"] = picture.Bytes()
	for _, c := range []struct {
		name   string
		source string
		event  registryclient.Payload
	}{
		{"document", driving, licence("DL-1")},
		{"right", driving, registryclient.EntitlementPut{Kind: "driving", Territory: "UT", Privileges: []registryclient.Privilege{{Category: "B", IssueDate: "2017-02-23", ExpiryDate: "2030-10-20"}}}},
		{"portrait", identity, portrait},
	} {
		w := newWorld(b)
		cfg := w.config()
		cfg.Store = &null{subject: document.Subject{Number: "P-1"}}
		inbox, err := registry.New(cfg)
		if err != nil {
			b.Fatal(err)
		}
		sets := map[string]string{}
		var tokens []string
		for seq := uint64(1); seq <= registry.MaxBatchItems; seq++ {
			set := w.sign(c.source, registryclient.Event{Subject: "P-1", Seq: seq, JTI: fmt.Sprint("J", seq), Payload: c.event})
			sets[set.JTI] = set.Token
			tokens = append(tokens, set.Token)
		}
		digest := sha256.Sum256(nil)
		proof, err := ecdsa.SignASN1(rand.Reader, w.keys[c.source], digest[:])
		if err != nil {
			b.Fatal(err)
		}
		pub := &w.keys[c.source].PublicKey
		floor := func(token string) {
			digest := sha256.Sum256([]byte(token))
			if ecdsa.VerifyASN1(pub, digest[:], proof) {
				b.Fatal("verified")
			}
		}
		run := func(name string, each func(i int), floorEach func(i int), events int) {
			b.Run(name+"/"+c.name, func(b *testing.B) {
				b.ReportAllocs()
				var ours, least time.Duration
				n := 0
				for b.Loop() {
					t0 := cpu(b)
					each(n)
					t1 := cpu(b)
					b.StopTimer()
					floorEach(n)
					ours, least = ours+t1-t0, least+cpu(b)-t1
					b.StartTimer()
					n++
				}
				b.ReportMetric(float64(ours.Nanoseconds())/float64(n*events), "cpu-ns/event")
				b.ReportMetric(float64(least.Nanoseconds())/float64(n*events), "floor-ns/event")
				b.ReportMetric(float64(ours)/float64(least), "x-floor")
			})
		}
		// A hundred at a time: the clock of the processor is coarse.
		run("single", func(int) {
			for _, token := range tokens[:100] {
				if _, err := inbox.Accept(context.Background(), c.source, token); err != nil {
					b.Fatal(err)
				}
			}
		}, func(int) {
			for _, token := range tokens[:100] {
				floor(token)
			}
		}, 100)
		run("batch", func(int) {
			answer, err := inbox.AcceptBatch(context.Background(), c.source, sets)
			if err != nil || len(answer.Acks) != len(sets) {
				b.Fatal(err, len(answer.Acks))
			}
		}, func(int) {
			for _, token := range tokens {
				floor(token)
			}
		}, registry.MaxBatchItems)
	}
}
