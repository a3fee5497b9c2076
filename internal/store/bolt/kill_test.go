package bolt

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"vidimus/internal/authserver"
	"vidimus/internal/document"
	"vidimus/internal/issuance"
	"vidimus/internal/registry"
	"vidimus/internal/status"
	"vidimus/internal/store/storetest"
)

// childVariable names the database for the process that is killed.
const childVariable = "VIDIMUS_BOLT_TEST_CHILD"

func TestMain(m *testing.M) {
	if path := os.Getenv(childVariable); path != "" {
		if err := child(path); err != nil {
			fmt.Println("ERROR", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const (
	killSources = 3 // each pushes events about a person of its own
	killCodes   = 400
	killFlows   = 100 // authorization codes
)

// acks are what a child said, one JSON line each, always after the store did.
type ack struct {
	Source  string `json:",omitempty"` // an event was accepted
	Seq     uint64 `json:",omitempty"`
	Version uint64 `json:",omitempty"`

	Code int `json:",omitempty"` // a code was redeemed
	Flow int `json:",omitempty"` // an authorization code was, with a proof

	Batch   string                 `json:",omitempty"` // indices were allocated
	Indices []issuance.StatusIndex `json:",omitempty"`

	Revoked string `json:",omitempty"` // batch whose copies an event revoked
	Covered int    `json:",omitempty"` // outcomes were covered
}

// child works until it is killed: it pushes events, redeems codes and records
// intents, all at the same time.
func child(path string) error {
	s, err := Open(path, options())
	if err != nil {
		return err
	}
	ctx := context.Background()
	var mu sync.Mutex
	say := func(a ack) {
		line, _ := json.Marshal(a)
		mu.Lock()
		defer mu.Unlock()
		fmt.Println(string(line))
	}
	var wg sync.WaitGroup
	failed := make(chan error, 10)
	for i := range killSources {
		source := fmt.Sprint("R", i)
		person := "P" + source
		// It does not know what was accepted last: it asks.
		next := uint64(1)
		if subject, err := s.Subject(ctx, person); err == nil {
			next = subject.Version // the last one again
		}
		wg.Go(func() {
			for seq := next; ; seq++ {
				r := s.ApplyEvents(ctx, []registry.Application{storetest.Event(source, seq, person, storetest.Person(fmt.Sprint("N", seq)))})[0]
				if r.Err != nil || r.Outcome.Version != seq {
					failed <- fmt.Errorf("event %s %d: %+v", source, seq, r)
					return
				}
				say(ack{Source: source, Seq: seq, Version: r.Outcome.Version})
			}
		})
	}
	wg.Go(func() {
		for n := rand.IntN(killCodes); ; n++ {
			code := 1 + n%killCodes
			token := authserver.TokenRecord{Hash: storetest.Digest(rand.Int()), ID: "t", Expires: storetest.Now.Add(time.Hour)}
			switch _, err := s.RedeemPreAuthorizedCode(ctx, storetest.Digest(code), nil, storetest.Now, nil, authserver.Given{Token: token, Issued: storetest.AuditEvent("T")}); {
			case err == nil:
				say(ack{Code: code})
			case !errors.Is(err, authserver.ErrGrantUsed):
				failed <- fmt.Errorf("code %d: %w", code, err)
				return
			}
		}
	})
	wg.Go(func() {
		for n := rand.IntN(killFlows); ; n++ {
			flow := 1 + n%killFlows
			switch err := s.RedeemCode(ctx, flowDigest("code", flow), storetest.Now, []authserver.Once{{Value: flowDigest("jti", flow), Expires: hourLater}}, flowGiven(flow)); {
			case err == nil:
				say(ack{Flow: flow})
			case !errors.Is(err, authserver.ErrReplay): // the proof passed with the code, or not at all
				failed <- fmt.Errorf("authorization code %d: %w", flow, err)
				return
			}
		}
	})
	wg.Go(func() {
		source := fmt.Sprint("wallets-", rand.Uint64())
		for seq := uint64(1); ; {
			in := storetest.Intent(fmt.Sprint("B", rand.Uint64()), "holder", "N", 2, 20)
			in.Wallet.Unit = "unit of " + in.Batch
			given, err := s.RecordIntent(ctx, in, storetest.AuditEvent("batch"))
			if err != nil {
				failed <- err
				return
			}
			say(ack{Batch: in.Batch, Indices: given})
			if rand.IntN(3) > 0 {
				continue
			}
			revoke := []document.Revocation{{Wallet: in.Wallet.Unit, Urgent: rand.IntN(2) == 0}}
			r := s.ApplyEvents(ctx, []registry.Application{storetest.Deciding(source, seq, "holder", document.Change{Revoke: revoke})})[0]
			if r.Err != nil || r.Outcome.Copies != 20 {
				failed <- fmt.Errorf("revoking %s: %+v", in.Batch, r)
				return
			}
			say(ack{Revoked: in.Batch})
			seq++
		}
	})
	wg.Go(func() {
		for {
			n, err := publishOnce(ctx, s)
			if err != nil {
				failed <- err
				return
			}
			if n > 0 {
				say(ack{Covered: n})
			}
		}
	})
	return <-failed
}

var hourLater = storetest.Now.Add(time.Hour)

func flowDigest(what string, n int) authserver.Digest {
	return sha256.Sum256([]byte(fmt.Sprint(what, n)))
}

func flowGiven(n int) authserver.Given {
	return authserver.Given{
		Token:   authserver.TokenRecord{Hash: flowDigest("token", n), ID: "t", Grant: flowDigest("code", n), Expires: hourLater},
		Refresh: &authserver.RefreshRecord{Hash: flowDigest("refresh", n), Grant: flowDigest("code", n), Key: "k", Expires: hourLater},
		Issued:  storetest.AuditEvent("T"),
	}
}

// publishOnce does what the publisher of the office does on a tick.
func publishOnce(ctx context.Context, s *Store) (int, error) {
	now := storetest.Now.Add(2 * time.Hour)
	if _, err := s.Release(ctx, now); err != nil {
		return 0, err
	}
	lists, err := s.Lists(ctx)
	if err != nil {
		return 0, err
	}
	var published []status.Published
	for _, l := range lists {
		published = append(published, status.Published{ID: l.ID, Version: l.Version})
	}
	return s.MarkCovered(ctx, published, now)
}

// TestKill kills the writing process twenty times at a moment of chance. What
// it had said is there, nothing took effect twice, and the audit chain holds
// (invariants I1 to I3, I6 and I7 of the fault plan).
func TestKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v.db")
	if err := Create(path, options()); err != nil {
		t.Fatal(err)
	}
	s := reopened(t, path, options())
	for code := 1; code <= killCodes; code++ {
		g := authserver.GrantRecord{CodeHash: storetest.Digest(code), IdempotencyKey: fmt.Sprint(code), Expires: storetest.Now.Add(time.Hour)}
		if _, _, err := s.CreateGrant(t.Context(), g); err != nil {
			t.Fatal(err)
		}
	}
	for flow := 1; flow <= killFlows; flow++ {
		r := authserver.RequestRecord{Hash: flowDigest("request", flow), Expires: hourLater}
		c := authserver.CodeRecord{Hash: flowDigest("code", flow), Expires: hourLater}
		if err := errors.Join(s.PutRequest(t.Context(), r, nil), s.EndRequest(t.Context(), r.Hash, storetest.Now, &c, storetest.AuditEvent("R"))); err != nil {
			t.Fatal(err)
		}
	}
	for i, p := range []registry.Application{storetest.Event("R", 1, "holder", storetest.Person("A")), storetest.Event("R", 2, "holder", storetest.Licence("N"))} {
		if r := s.ApplyEvents(t.Context(), []registry.Application{p})[0]; r.Err != nil {
			t.Fatal(i, r.Err)
		}
	}
	s.Close()

	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	journal := &journal{last: map[string]uint64{}, codes: map[int]bool{}, flows: map[int]bool{}, indices: map[index]string{}, revoked: map[string]bool{}}
	for round := range 20 {
		killOnce(t, path, 30+random.IntN(170), time.Duration(random.IntN(20))*time.Millisecond, journal)
		s := reopened(t, path, options())
		journal.check(t, round, s)
		s.Close()
	}
	// An idle test proves nothing.
	if journal.events < 100 || len(journal.codes) < 20 || len(journal.flows) < 20 || len(journal.indices) < 400 || len(journal.revoked) < 10 || journal.covered < 5 {
		t.Errorf("too little happened: %d events, %d codes, %d authorization codes, %d indices, %d batches revoked, %d covered", journal.events, len(journal.codes), len(journal.flows), len(journal.indices), len(journal.revoked), journal.covered)
	}
	t.Logf("%d events, %d codes, %d indices, %d batches revoked, %d outcomes covered", journal.events, len(journal.codes), len(journal.indices), len(journal.revoked), journal.covered)
	s = reopened(t, path, options())
	if _, err := publishOnce(t.Context(), s); err != nil {
		t.Error(err)
	}
	journal.public(t, s)
}

// killOnce runs a child, reads what it says, and kills it that long after so
// many words.
func killOnce(t *testing.T, path string, words int, after time.Duration, j *journal) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	said := 0
	for lines.Scan() {
		if said++; said == words {
			time.AfterFunc(after, func() { cmd.Process.Kill() })
		}
		if strings.HasPrefix(lines.Text(), "ERROR") {
			t.Fatal(lines.Text())
		}
		var a ack
		if json.Unmarshal(lines.Bytes(), &a) == nil { // the last line may be cut
			j.take(t, a)
		}
	}
	cmd.Wait()
	if said < words {
		t.Fatalf("the child ended by itself after %d words", said)
	}
}

// index is a place in a list, fit for a key.
type index struct {
	list string
	at   uint64
}

// journal is what the children said, over all their lives.
type journal struct {
	events  int
	last    map[string]uint64
	codes   map[int]bool
	flows   map[int]bool
	indices map[index]string
	revoked map[string]bool // batches
	covered int
}

func (j *journal) take(t *testing.T, a ack) {
	switch {
	case a.Source != "":
		j.events++
		if a.Version != a.Seq {
			t.Errorf("event %s %d at version %d: lost or applied twice", a.Source, a.Seq, a.Version)
		}
		j.last[a.Source] = max(j.last[a.Source], a.Seq)
	case a.Code != 0:
		if j.codes[a.Code] {
			t.Errorf("code %d redeemed twice", a.Code)
		}
		j.codes[a.Code] = true
	case a.Flow != 0:
		if j.flows[a.Flow] {
			t.Errorf("authorization code %d redeemed twice", a.Flow)
		}
		j.flows[a.Flow] = true
	case a.Revoked != "":
		j.revoked[a.Revoked] = true
	case a.Covered != 0:
		j.covered += a.Covered
	case a.Batch != "":
		for _, given := range a.Indices {
			i := index{given.List, given.Index}
			if other, twice := j.indices[i]; twice {
				t.Errorf("index %v for %s and %s", i, other, a.Batch)
			}
			j.indices[i] = a.Batch
		}
	}
}

// public: in the end every copy of every batch that an event revoked is
// INVALID for everybody.
func (j *journal) public(t *testing.T, s *Store) {
	t.Helper()
	copies, err := s.Copies(t.Context(), "N")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range copies {
		if j.revoked[c.Batch] && c.InvalidSince == 0 {
			t.Errorf("%s is revoked and not published", c.Batch)
		}
	}
}

func (j *journal) check(t *testing.T, round int, s *Store) {
	t.Helper()
	for source, seq := range j.last {
		subject, err := s.Subject(t.Context(), "P"+source)
		if err != nil || subject.Version < seq || subject.Version > seq+1 {
			t.Errorf("round %d: %s at version %d, %d was acknowledged; %v", round, source, subject.Version, seq, err)
		}
		if got := subject.Person.Attributes.Text("family_name"); got != fmt.Sprint("N", subject.Version) {
			t.Errorf("round %d: version %d has the name %s", round, subject.Version, got)
		}
		if _, err := s.Outcome(t.Context(), source, fmt.Sprintf("%s-%d", source, seq)); err != nil {
			t.Errorf("round %d: outcome of %s %d: %v", round, source, seq, err)
		}
	}
	for code := range j.codes {
		if g, err := s.Grant(t.Context(), storetest.Digest(code)); err != nil || !g.Used {
			t.Errorf("round %d: code %d: %+v, %v", round, code, g, err)
		}
	}
	for flow := range j.flows {
		c, err := s.AuthorizationCode(t.Context(), flowDigest("code", flow))
		_, lost := s.RefreshToken(t.Context(), flowDigest("refresh", flow))
		if err != nil || !c.Used || lost != nil {
			t.Errorf("round %d: authorization code %d: %+v, %v, %v", round, flow, c, err, lost)
		}
	}
	copies, err := s.Copies(t.Context(), "N")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("round %d: %v", round, err)
	}
	stored := map[index]string{}
	for _, c := range copies {
		at := index{c.List, c.Index}
		if other, twice := stored[at]; twice {
			t.Errorf("round %d: index %v belongs to %s and %s", round, at, other, c.Batch)
		}
		stored[at] = c.Batch
		if j.revoked[c.Batch] && !c.Invalid {
			t.Errorf("round %d: a bit of %s is lost", round, c.Batch)
		}
	}
	for at, batch := range j.indices {
		if stored[at] != batch {
			t.Errorf("round %d: index %v of %s belongs to %q", round, at, batch, stored[at])
		}
	}
	storetest.CheckAudit(t, s)
}
