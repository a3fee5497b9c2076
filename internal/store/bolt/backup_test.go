package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/authserver"
	"vidimus/internal/issuance"
	"vidimus/internal/officer"
	"vidimus/internal/registry"
	"vidimus/internal/status"
	"vidimus/internal/store/storetest"
)

// backedUp writes a backup to a file of its own.
func backedUp(t *testing.T, s *Store) string {
	t.Helper()
	var b bytes.Buffer
	n, err := s.WriteBackup(t.Context(), &b)
	if err != nil || n != int64(b.Len()) {
		t.Fatal(n, err)
	}
	path := filepath.Join(t.TempDir(), "restored.db")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func restored(t *testing.T, path string, published map[string]PublishedList) (*Store, Report) {
	t.Helper()
	report, err := Restored(path, RestoreOptions{Options: options(), Published: published, Now: storetest.Now})
	if err != nil {
		t.Fatal(err)
	}
	s := reopened(t, path, options())
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, report
}

// A backup is one state, though others write all the time.
func TestBackupIsOneState(t *testing.T) {
	s := fresh(t, options())
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for seq := uint64(1); ; seq++ {
			select {
			case <-stop:
				return
			default:
			}
			// Both persons are always at the same version.
			apps := []registry.Application{storetest.Event("R", 2*seq-1, "P", storetest.Portrayed(fmt.Sprint(seq), 3000)), storetest.Event("R", 2*seq, "Q", storetest.Person(fmt.Sprint(seq)))}
			for _, r := range s.ApplyEvents(context.Background(), apps) {
				if r.Err != nil {
					t.Error(r.Err)
				}
			}
		}
	})
	for range 10 {
		copied := reopened(t, backedUp(t, s), options())
		if err := copied.Check(t.Context()); err != nil {
			t.Error(err)
		}
		storetest.CheckAudit(t, copied)
		p, errP := copied.Subject(t.Context(), "P")
		q, errQ := copied.Subject(t.Context(), "Q")
		if p.Version != q.Version || (errP == nil) != (errQ == nil) {
			t.Errorf("P at %d, Q at %d", p.Version, q.Version)
		}
		copied.Close()
	}
	close(stop)
	wg.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.WriteBackup(ctx, &bytes.Buffer{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func publicState(t *testing.T, s *Store) map[string]PublishedList {
	t.Helper()
	lists, err := s.Lists(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	public := map[string]PublishedList{}
	for _, l := range lists {
		indices, version, err := s.Revoked(t.Context(), l.ID)
		if err != nil {
			t.Fatal(err)
		}
		p := PublishedList{Version: version}
		if l.Kind == status.KindIdentifier {
			p.Identifiers = status.Identifiers(l.Key, indices)
		} else {
			p.Invalid = indices
		}
		public[l.URI] = p
	}
	return public
}

func mustApply(t *testing.T, s *Store, apps ...registry.Application) []registry.Outcome {
	t.Helper()
	var outcomes []registry.Outcome
	for _, r := range s.ApplyEvents(t.Context(), apps) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		outcomes = append(outcomes, r.Outcome)
	}
	return outcomes
}

func mustIntend(t *testing.T, s *Store, in issuance.Intent) []issuance.StatusIndex {
	t.Helper()
	given, err := s.RecordIntent(t.Context(), in, storetest.AuditEvent(in.Batch))
	if err != nil {
		t.Fatal(err)
	}
	return given
}

// After a restore: no list goes back in version or bits, none gives out an
// index again, what was published after the backup stays so, and the outcome
// that waited is covered (bad input T09, invariants I3, I7, I9, I10).
func TestRestored(t *testing.T) {
	ctx := t.Context()
	s := fresh(t, options())
	mustApply(t, s, storetest.Event("R", 1, "P", storetest.Person("A")), storetest.Event("R", 2, "P", storetest.Licence("N")))
	given := mustIntend(t, s, storetest.Intent("B", "P", "N", 2, 40))
	other := storetest.Intent("I", "P", "M", 2, 10)
	other.Status = issuance.StatusIdentifier
	identified := mustIntend(t, s, other)
	mustApply(t, s, storetest.Revoking("R", 3, "P", false, "N"))

	backup := backedUp(t, s)
	// What the backup does not know: the flips are released, an event revokes
	// more, and copies are made in lists old and new.
	if _, err := s.Release(ctx, storetest.Now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	mustApply(t, s, storetest.Revoking("R", 4, "P", true, "M"))
	later := storetest.Intent("C", "P", "NN", 4, 40)
	later.Recorded = storetest.Now.AddDate(0, 0, 91)
	lost := mustIntend(t, s, later)
	mustApply(t, s, storetest.Revoking("R", 5, "P", true, "NN"))
	if _, err := s.Release(ctx, storetest.Now.Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	public := publicState(t, s)

	s, report := restored(t, backup, public)
	if report.Lists != 8 || report.Unseen != 0 || report.United != 50 || report.Adopted != 4 || len(report.Lost) != 0 {
		t.Errorf("%s", report)
	}
	now := publicState(t, s)
	for uri, was := range public {
		is := now[uri]
		if is.Version <= was.Version {
			t.Errorf("%s goes back from %d to %d", uri, was.Version, is.Version)
		}
		for _, i := range was.Invalid {
			if !slices.Contains(is.Invalid, i) {
				t.Errorf("%s takes %d back", uri, i)
			}
		}
		for _, i := range was.Identifiers {
			if !slices.ContainsFunc(is.Identifiers, func(j []byte) bool { return bytes.Equal(i, j) }) {
				t.Errorf("%s takes %x back", uri, i)
			}
		}
	}
	if len(now) != len(public) {
		t.Errorf("%d lists, %d were published", len(now), len(public))
	}
	// The backup's outcome waited: what it waits for is out.
	var published []status.Published
	lists, err := s.Lists(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lists {
		if !l.Closed || l.Waiting != 0 {
			t.Errorf("%+v", l)
		}
		published = append(published, status.Published{ID: l.ID, Version: l.Version})
	}
	if n, err := s.MarkCovered(ctx, published, storetest.Now.Add(3*time.Hour)); err != nil || n != 1 {
		t.Errorf("%d covered, %v", n, err)
	}
	// Nothing is given twice.
	taken := map[string]bool{}
	for _, g := range slices.Concat(given, identified, lost) {
		taken[fmt.Sprint(g.List, g.Index)] = true
	}
	in := storetest.Intent("after", "P", "N", 3, 100)
	for _, g := range mustIntend(t, s, in) {
		if _, old := public[g.List]; old || taken[fmt.Sprint(g.List, g.Index)] {
			t.Errorf("%v is in a list of before", g)
		}
	}
	// The registry sends again what the backup does not have.
	if n, err := s.LastSeq(ctx, "R"); err != nil || n != 3 {
		t.Errorf("%d, %v", n, err)
	}
	mustApply(t, s, storetest.Revoking("R", 4, "P", true, "M"))
	storetest.CheckAudit(t, s)
	var record bytes.Buffer
	if err := s.WriteAudit(ctx, &record); err != nil || !strings.Contains(record.String(), `"action":"issuer.restore"`) {
		t.Errorf("no line about the restore, %v", err)
	}
}

// Without published copies versions leap ahead of what anybody saw; of lists
// whose key is lost the operator is told.
// Noise that was published after the backup stays published, and the restored
// office goes on with other noise: no bit is taken back or counted twice.
func TestRestoredNoise(t *testing.T) {
	ctx := t.Context()
	o := options()
	o.OpenLists = 1
	s := fresh(t, o)
	mustApply(t, s, storetest.Event("R", 1, "P", storetest.Person("A")), storetest.Event("R", 2, "P", storetest.Licence("N")))
	mustIntend(t, s, storetest.Intent("B", "P", "N", 2, 40))
	window := func(s *Store, n uint64) (planned int) {
		begin := storetest.Now.Add(time.Duration(n) * time.Hour)
		planned, err := s.PlanCover(ctx, status.Cover{
			Window: n, Begin: begin, End: begin.Add(time.Hour), Total: 16, Alive: storetest.Now, Due: func() time.Time { return begin },
		})
		if err != nil {
			t.Fatal(err)
		}
		return planned
	}
	window(s, 1)
	backup := backedUp(t, s) // 16 wait
	for n := range uint64(3) {
		window(s, n+2)
	}
	if _, err := s.Release(ctx, storetest.Now.Add(4*time.Hour)); err != nil {
		t.Fatal(err)
	}
	public := publicState(t, s)

	s, report := restored(t, backup, public)
	if report.United != 64 {
		t.Errorf("%s", report)
	}
	for n := range uint64(3) {
		at := storetest.Now.Add(time.Duration(10+n) * time.Hour)
		if planned := window(s, 10+n); planned != 16 {
			t.Errorf("%d flips of noise", planned)
		}
		if _, err := s.Release(ctx, at); err != nil {
			t.Fatal(err)
		}
		now := publicState(t, s)
		for uri, was := range public {
			if is := now[uri]; is.Version <= was.Version || len(is.Invalid) != len(was.Invalid)+16 || slices.ContainsFunc(was.Invalid, func(i uint32) bool { return !slices.Contains(is.Invalid, i) }) {
				t.Errorf("%s: version %d with %d entries, then %d with %d", uri, was.Version, len(was.Invalid), is.Version, len(is.Invalid))
			}
		}
		public = now
		if err := s.Check(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRestoredWithoutCopies(t *testing.T) {
	s := fresh(t, options())
	mustApply(t, s, storetest.Event("R", 1, "P", storetest.Person("A")))
	mustIntend(t, s, storetest.Intent("B", "P", "N", 1, 40))
	gone := status.IdentifierURI(storetest.PublicURL, "gone")
	s, report := restored(t, backedUp(t, s), map[string]PublishedList{gone: {Version: 3, Identifiers: [][]byte{{1}}}, "https://elsewhere.example/status/x": {Version: 9}})
	if report.Lists != 4 || report.Unseen != 4 || len(report.Lost) != 2 || !strings.Contains(report.String(), gone) {
		t.Errorf("%s", report)
	}
	lists, err := s.Lists(t.Context())
	if err != nil || len(lists) != 4 {
		t.Fatal(lists, err)
	}
	for _, l := range lists {
		if l.Version != 1+1<<20 || !l.Closed {
			t.Errorf("%+v", l)
		}
	}
}

// What can be used once is void (T09).
func TestRestoredVoidsSingleUse(t *testing.T) {
	ctx := t.Context()
	s := fresh(t, options())
	hour := storetest.Now.Add(time.Hour)
	grant := authserver.GrantRecord{CodeHash: storetest.Digest(1), IdempotencyKey: "k", Expires: hour}
	_, _, err := s.CreateGrant(ctx, grant)
	session := officer.Session{ID: storetest.Digest(4), Officer: "anna", Used: storetest.Now, Expires: hour}
	proposal := officer.Proposal{ID: "X", Officer: "anna", Human: "Anna", Created: storetest.Now, Expires: hour}
	if err := errors.Join(err,
		s.PutOffer(ctx, issuance.OfferRecord{ID: storetest.Digest(2), Sealed: []byte("x"), Expires: hour}),
		s.SeenJTI(ctx, storetest.Digest(3), hour),
		s.BeginSession(ctx, session, storetest.AuditEvent("x")),
		s.PutLink(ctx, officer.Link{ID: storetest.Digest(5), Officer: "anna", Expires: hour}, storetest.AuditEvent("x")),
		s.PutProposal(ctx, proposal, storetest.AuditEvent("x")),
		s.PutRequest(ctx, authserver.RequestRecord{Hash: storetest.Digest(6), Expires: hour}, nil),
		s.PutRequest(ctx, authserver.RequestRecord{Hash: storetest.Digest(7), Expires: hour}, nil),
		s.EndRequest(ctx, storetest.Digest(7), storetest.Now, &authserver.CodeRecord{Hash: storetest.Digest(8), Expires: hour}, storetest.AuditEvent("R")),
		s.RedeemCode(ctx, storetest.Digest(8), storetest.Now, nil, authserver.Given{
			Token:   authserver.TokenRecord{Hash: storetest.Digest(9), Expires: hour},
			Refresh: &authserver.RefreshRecord{Hash: storetest.Digest(10), Expires: hour},
			Issued:  storetest.AuditEvent("T"),
		}),
	); err != nil {
		t.Fatal(err)
	}
	s, _ = restored(t, backedUp(t, s), nil)
	_, errGrant := s.Grant(ctx, storetest.Digest(1))
	_, errRequest := s.Request(ctx, storetest.Digest(6))
	_, errCode := s.AuthorizationCode(ctx, storetest.Digest(8))
	_, errRefresh := s.RefreshToken(ctx, storetest.Digest(10))
	if !errors.Is(errRequest, authserver.ErrGrantNotFound) || !errors.Is(errCode, authserver.ErrGrantNotFound) || !errors.Is(errRefresh, authserver.ErrTokenNotFound) {
		t.Errorf("%v, %v, %v", errRequest, errCode, errRefresh)
	}
	_, errOffer := s.Offer(ctx, storetest.Digest(2), storetest.Now)
	_, errSession := s.Session(ctx, storetest.Digest(4), storetest.Now, time.Hour)
	_, errLink := s.RedeemLink(ctx, storetest.Digest(5), session, storetest.Now, func(string) audit.Event { return storetest.AuditEvent("x") })
	for want, got := range map[error]error{
		authserver.ErrGrantNotFound: errGrant, issuance.ErrOfferNotFound: errOffer, officer.ErrSessionNotFound: errSession, officer.ErrLinkUsed: errLink,
	} {
		if !errors.Is(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
	if p, err := s.Proposal(ctx, "X"); err != nil || p.Officer != "anna" {
		t.Errorf("a proposal is no secret: %v", err)
	}
	for _, sweep := range []func() (int, error){
		func() (int, error) { return s.SweepExpired(ctx, hour.AddDate(1, 0, 0), 100) },
		func() (int, error) { return s.SweepOfficers(ctx, hour.AddDate(1, 0, 0), 100) },
	} {
		if n, err := sweep(); err != nil || n > 1 {
			t.Errorf("%d left of what is gone, %v", n, err)
		}
	}
}

// A backup that was spoiled is refused before anything is done to it (T08).
func TestRestoredRefuses(t *testing.T) {
	s := fresh(t, options())
	sample(t, s)
	good, err := os.ReadFile(backedUp(t, s))
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(b []byte) []byte{
		"cut short": func(b []byte) []byte { return b[:len(b)/2] },
		"another bit": func(b []byte) []byte { // of every page: some are free
			for at := 2*4096 + 40; at < len(b); at += 4096 {
				b[at] ^= 1
			}
			return b
		},
		"empty": func([]byte) []byte { return nil },
	} {
		path := filepath.Join(t.TempDir(), "spoiled.db")
		spoiled := spoil(slices.Clone(good))
		if err := os.WriteFile(path, spoiled, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Restored(path, RestoreOptions{Options: options(), Now: storetest.Now}); !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrForeign) {
			t.Errorf("%s: %v", name, err)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, spoiled) {
			t.Errorf("%s: it was touched, %v", name, err)
		}
	}
	// A list as published that cannot be ours.
	path := filepath.Join(t.TempDir(), "good.db")
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	lists, err := s.Lists(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	too := map[string]PublishedList{lists[0].URI: {Version: 5, Invalid: []uint32{status.ListSize}}}
	if _, err := Restored(path, RestoreOptions{Options: options(), Published: too, Now: storetest.Now}); err == nil {
		t.Error("an index beyond the list")
	}
	reopened(t, path, options())
}

// publishAll marks everything that is released as published.
func publishAll(t *testing.T, s *Store, at time.Time) {
	t.Helper()
	lists, err := s.Lists(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var published []status.Published
	for _, l := range lists {
		published = append(published, status.Published{ID: l.ID, Version: l.Version})
	}
	if _, err := s.MarkCovered(t.Context(), published, at); err != nil {
		t.Fatal(err)
	}
}
