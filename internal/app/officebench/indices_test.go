package officebench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/audit"
	"vidimus/internal/document"
	registryroom "vidimus/internal/registry"
)

// started is what a starting process tells.
type started struct {
	Open      time.Duration // until everything is joined and the listeners bound
	Ready     time.Duration // until the office says that it is: the lists are there
	CPU       time.Duration
	RSS, Peak int // MiB
}

// startOffice is the child: it starts an office and waits until that is ready.
func startOffice(state string) error {
	cfg, err := issuer.LoadConfig(filepath.Join(state, "config.yaml"), true)
	if err != nil {
		return err
	}
	began := time.Now()
	app, err := issuer.New(context.Background(), cfg, issuer.Options{})
	if err != nil {
		return err
	}
	ballast := issuer.Ballast() // as `issuer serve` has it
	s := started{Open: time.Since(began)}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- app.Run(ctx) }()
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for s.Ready == 0 {
		if res, err := client.Get("http://" + app.Addresses().Metrics + "/readyz"); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				s.Ready = time.Since(began)
			}
		}
		if time.Since(began) > 5*time.Minute {
			return errors.New("never ready")
		}
		time.Sleep(2 * time.Millisecond) // another process: there is only its port to ask
	}
	s.CPU = cpu()
	s.RSS, s.Peak = memory()
	runtime.KeepAlive(ballast)
	if err := json.NewEncoder(os.Stdout).Encode(s); err != nil {
		return err
	}
	cancel()
	return <-ended
}

// TestIndices starts an office that has given out millions of indices, of which
// one in a hundred is revoked.
func TestIndices(t *testing.T) {
	batches := size(t, "OFFICEBENCH_BATCHES", 2_000_000, 500)
	people := max(100, batches/100)
	o := newOffice(t, false, func(c *issuer.Config) { c.Status.Mix, c.Status.Cover = 0, 0 })
	o.load(people)
	store := o.open()
	began, used := time.Now(), cpu()
	o.copies(store, 0, people, batches/people)
	t.Logf("%d batches of 20 recorded in %v, %d us cpu each; database %d MiB; load %s", batches, time.Since(began).Round(time.Second),
		((cpu() - used) / time.Duration(batches)).Microseconds(), megabytes(o.cfg.Path("issuer.db")), load())
	began = time.Now()
	for n := range people / 100 {
		rec := registryroom.EventRecord{
			Source: o.sources[0].name, JTI: fmt.Sprint("end-", n), Name: document.NameDocumentAnnulled, Seq: uint64(n + 1), Person: fmt.Sprintf("P-%09d", n*97),
			Document: fmt.Sprintf("L-%09d", n*97), Token: "-", Effective: time.Now(), Accepted: time.Now(),
		}
		rec.Audit = audit.Event{Time: rec.Accepted, Action: "registry.accept", Actor: rec.Source, Person: rec.Person, Outcome: audit.Done}
		r := store.ApplyEvents(t.Context(), []registryroom.Application{{Record: rec, Decide: func(s []document.Subject) ([]document.Subject, document.Change, error) {
			return document.DefaultTable().Apply(s, document.Event{
				ID: document.EventID{Source: rec.Source, JTI: rec.JTI}, Effective: rec.Effective, Received: rec.Accepted,
				Payload: document.DocumentAnnulled{Number: rec.Document},
			})
		}}})[0]
		if o.must(r.Err); r.Outcome.Copies != batches/people*20 {
			t.Fatalf("%d copies revoked", r.Outcome.Copies)
		}
	}
	t.Logf("%d documents annulled, %d copies each, in %v", people/100, batches/people*20, time.Since(began).Round(time.Millisecond))
	o.must(store.Close())

	// The first start catches up on the audit record, whose lines were written here
	// without an office that builds its tree; the others are those of an office.
	var best started
	for range 4 {
		cmd := exec.Command(os.Args[0], "-test.run=^$")
		cmd.Env = append(os.Environ(), childVariable+"=start", "CHILD_STATE="+o.cfg.StateDir)
		var out, said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &said
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v: %s", err, said.Bytes())
		}
		var s started
		o.must(json.Unmarshal(out.Bytes(), &s))
		t.Logf("joined and bound after %v, ready after %v; %v cpu; RSS %d MiB, peak %d; load %s", s.Open.Round(time.Millisecond), s.Ready.Round(time.Millisecond),
			s.CPU.Round(time.Millisecond), s.RSS, s.Peak, load())
		if best.Ready == 0 || s.Ready < best.Ready {
			best = s
		}
	}
	promise(t, best.Ready < 2*time.Second, "ready within 2 s over %d indices: %v at best of 4", batches*20, best.Ready.Round(time.Millisecond))
}
