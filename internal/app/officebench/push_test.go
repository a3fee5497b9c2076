package officebench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	registryroom "vidimus/internal/registry"
)

// serve runs the office in this process until stop.
func (o *office) serve() (at issuer.Addresses, stop func()) {
	o.Helper()
	// As `issuer serve` does it outside development.
	ballast := issuer.Ballast()
	runtime.MemProfileRate = 0
	app, err := issuer.New(o.Context(), o.cfg, issuer.Options{Fatal: func(err error) { o.Errorf("fatal: %v", err) }})
	o.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- app.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		defer runtime.KeepAlive(ballast)
		if err := <-done; err != nil {
			o.Errorf("the office ends with %v", err)
		}
	})
	o.Cleanup(stop)
	return app.Addresses(), stop
}

// pushers is the pushing process.
type pushers struct {
	o   *office
	in  io.Writer
	out *bufio.Scanner
}

func (o *office) pushers(p pushing) *pushers {
	o.Helper()
	arg, err := json.Marshal(p)
	o.must(err)
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), childVariable+"=push", "CHILD_ARGUMENT="+string(arg))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	o.must(err)
	out, err := cmd.StdoutPipe()
	o.must(err)
	o.must(cmd.Start())
	o.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			o.Errorf("the pushing process: %v", err)
		}
	})
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20)
	return &pushers{o, in, lines}
}

// do gives a command and waits for its end.
func (p *pushers) do(word string, n int) pushed {
	p.o.Helper()
	fmt.Fprintln(p.in, word, n)
	if !p.out.Scan() {
		p.o.Fatalf("the pushing process said nothing: %v", p.out.Err())
	}
	var sum pushed
	p.o.must(json.Unmarshal(p.out.Bytes(), &sum))
	if sum.Failed != "" {
		p.o.Fatalf("%s: %s", word, sum.Failed)
	}
	return sum
}

var commitsLine = regexp.MustCompile(`(?m)^vidimus_store_commits (\S+)$`)

// commits are the transactions made durable since the start.
func (o *office) commits(metrics string) float64 {
	o.Helper()
	res, err := http.Get("http://" + metrics + "/metrics")
	o.must(err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	o.must(err)
	m := commitsLine.FindSubmatch(text)
	if m == nil {
		o.Fatal("the metrics do not tell of commits")
	}
	n, err := strconv.ParseFloat(string(m[1]), 64)
	o.must(err)
	return n
}

// fsyncsPerCommit: bbolt syncs the pages and then the page that names them.
const fsyncsPerCommit = 2

func TestPush(t *testing.T) {
	for _, tls := range []bool{false, true} {
		t.Run(map[bool]string{false: "plain", true: "mTLS"}[tls], func(t *testing.T) { push(t, tls) })
	}
}

// push lets registries push sustained batches into an office with people,
// copies and a publisher at work, then single events, and looks at how long
// after its acceptance each revocation was published.
func push(t *testing.T, tls bool) {
	tick := 5 * time.Second
	if !full() {
		tick = time.Second
	}
	o := newOffice(t, tls, func(c *issuer.Config) {
		c.Authority = issuer.Authority{Country: "LU", Organization: "Luxembourg"}
		c.Status.Tick, c.Status.Mix, c.Status.Cover = tick, 0, 0
	})
	people := size(t, "OFFICEBENCH_PEOPLE", 20_000, 300)
	o.populate(people, people/10)
	at, stop := o.serve()
	p := pushing{Endpoint: "http://" + at.Registry, Audience: o.cfg.PublicURL, People: people}
	for _, s := range o.sources {
		one := pushingSource{Name: s.name, KeyID: s.kid, Key: s.file}
		if tls {
			p.Endpoint, p.Roots = "https://"+at.Registry, filepath.Join(o.dir, "ca.pem")
			one.Certificate, one.TLSKey = filepath.Join(o.dir, s.host()+".pem"), filepath.Join(o.dir, s.host()+".key")
		}
		p.Sources = append(p.Sources, one)
	}
	pusher := o.pushers(p)
	pusher.do("batches", 1) // connections, caches, lists

	if path := os.Getenv("OFFICEBENCH_PROFILE"); path != "" {
		var profile bytes.Buffer
		o.must(pprof.StartCPUProfile(&profile))
		defer func() { pprof.StopCPUProfile(); o.must(os.WriteFile(path, profile.Bytes(), 0o600)) }()
	}
	rounds := 10
	if !full() {
		rounds = 2
	}
	perRound := max(1, size(t, "OFFICEBENCH_EVENTS", 100_000, 2_000)/rounds/len(o.sources)/500)
	f := newFloor(t)
	var sum pushed
	var floors, ratios []time.Duration
	var pusherCPU, wall time.Duration
	commits, before := o.commits(at.Metrics), cpu()
	for range rounds {
		from, floorFrom := cpu(), f.used
		r := pusher.do("batches", perRound)
		floors = append(floors, f.slice(200, r.Octets/r.Events))
		own := cpu() - from - (f.used - floorFrom)
		ratios = append(ratios, time.Duration(float64(own)/float64(r.Events)*1000/float64(floors[len(floors)-1])))
		pusherCPU, wall = pusherCPU+r.CPU, wall+r.Took
		sum.add(r)
	}
	used := cpu() - before - f.used
	commits = o.commits(at.Metrics) - commits
	now, peak := memory()
	events := float64(sum.Events)
	each, least := time.Duration(float64(used)/events), median(floors)
	t.Logf("%d events of %d octets in %v: %.0f/s; office %d us cpu/event, floor %d us, ratio %.2f (median of rounds %.2f, least %.2f); pusher %d us/event; database %d MiB, RSS %d MiB, peak %d; load %s",
		sum.Events, sum.Octets/sum.Events, wall.Round(time.Millisecond), events/wall.Seconds(), each.Microseconds(), least.Microseconds(), float64(each)/float64(least),
		float64(median(ratios))/1000, float64(slices.Min(ratios))/1000, time.Duration(float64(pusherCPU)/events).Microseconds(), megabytes(o.cfg.Path("issuer.db")), now, peak, load())
	promise(t, events/wall.Seconds() >= 2000, "2,000 events/s with the pusher: %.0f", events/wall.Seconds())
	promise(t, min(median(ratios), slices.Min(ratios)) <= 3000, "3 times the floor: median %.2f, least %.2f", float64(median(ratios))/1000, float64(slices.Min(ratios))/1000)
	// Some commits come with the events, others with the clock: what is allowed
	// is that of the promised rate, whatever others leave of the machine.
	promise(t, commits*fsyncsPerCommit <= max(events, 2000*wall.Seconds())/50, "one fsync per 50 events, at 2,000 events/s: one per %.0f, %.0f a second",
		events/(commits*fsyncsPerCommit), commits*fsyncsPerCommit/wall.Seconds())

	beside := pusher.do("beside", size(t, "OFFICEBENCH_SINGLES", 300, 10))
	slices.Sort(beside.Waits)
	alone := pusher.do("single", size(t, "OFFICEBENCH_SINGLES", 300, 10))
	slices.Sort(alone.Waits)
	t.Logf("single events: alone p50 %v p99 %v; beside batches p50 %v p99 %v", at50(alone), at99(alone), at50(beside), at99(beside))
	promise(t, at99(alone) <= 50*time.Millisecond, "single p99 50 ms: %v", at99(alone))

	time.Sleep(2 * tick) // what is due is published
	stop()
	o.published(tick)
}

func at50(p pushed) time.Duration { return at(p.Waits, 0.5).Round(10 * time.Microsecond) }
func at99(p pushed) time.Duration { return at(p.Waits, 0.99).Round(10 * time.Microsecond) }

// published looks at every revocation in the database of an office that has
// ended: how long it took from acceptance to publication.
func (o *office) published(tick time.Duration) {
	o.Helper()
	store := o.open()
	defer store.Close()
	var urgent, others []time.Duration
	waiting := 0
	for _, s := range o.sources {
		open := map[string]time.Time{}
		for after := uint64(0); ; {
			rows, err := store.Receipts(o.Context(), s.name, after, 1000)
			o.must(err)
			if len(rows) == 0 {
				break
			}
			for _, row := range rows {
				after = row.Number
				out := row.Outcome
				switch {
				case out.State() == registryroom.StateApplied && out.Revokes:
					open[out.JTI] = row.At
				case out.State() == registryroom.StateCovered && out.Expiring == 0 && out.Urgent:
					urgent = append(urgent, out.Covered.Sub(open[out.JTI]))
					delete(open, out.JTI)
				case out.State() == registryroom.StateCovered && out.Expiring == 0:
					others = append(others, out.Covered.Sub(open[out.JTI]))
					delete(open, out.JTI)
				}
			}
		}
		waiting += len(open)
	}
	slices.Sort(urgent)
	slices.Sort(others)
	if len(urgent) == 0 || len(others) == 0 {
		o.Errorf("%d urgent revocations and %d others: nothing was measured", len(urgent), len(others))
		return
	}
	o.Logf("event to published: %d urgent p50 %v p99 %v max %v; %d others p50 %v p99 %v max %v (tick %v); %d wait still", len(urgent),
		at(urgent, 0.5).Round(time.Millisecond), at(urgent, 0.99).Round(time.Millisecond), urgent[len(urgent)-1].Round(time.Millisecond), len(others),
		at(others, 0.5).Round(time.Millisecond), at(others, 0.99).Round(time.Millisecond), others[len(others)-1].Round(time.Millisecond), tick, waiting)
	promise(o.T, waiting == 0, "every revocation published: %d wait", waiting)
	promise(o.T, at(urgent, 0.99) < 2*time.Second, "urgent p99 under 2 s: %v", at(urgent, 0.99).Round(time.Millisecond))
	promise(o.T, at(others, 0.99) <= tick+time.Second, "others within a tick of %v and a second: p99 %v", tick, at(others, 0.99).Round(time.Millisecond))
}
