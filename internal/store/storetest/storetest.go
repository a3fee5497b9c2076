// Package storetest is what every store must pass.
//
// Start with Run, which takes a function that opens an empty store, and
// RunDurable for a store that outlives its process; Compare plays the same
// history of chance on two stores, Draws one on two that draw from the same
// octets. They say what the comments of
// registry.Store, issuance.Store, authserver.Store, status.Store, notice.Store,
// bulk.Store, officer.Store, citizen.Store, fleet.Store, emergency.Store
// and audit.TreeStore promise: one step at a time, a
// refusal without a trace, one-time things once among any number of
// goroutines, every copy found, records copied in and out.
package storetest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/authserver"
	"vidimus/internal/bulk"
	"vidimus/internal/citizen"
	"vidimus/internal/emergency"
	"vidimus/internal/fleet"
	"vidimus/internal/issuance"
	"vidimus/internal/notice"
	"vidimus/internal/officer"
	"vidimus/internal/registry"
	"vidimus/internal/status"
)

// Store is everything that a backend implements.
type Store interface {
	registry.Store
	registry.Records
	issuance.Store
	authserver.Store
	status.Store
	notice.Store
	bulk.Store
	officer.Store
	citizen.Store
	fleet.Store
	emergency.Store
	audit.Writer
	audit.TreeStore
	Copies(ctx context.Context, document string) ([]issuance.Copy, error)
	WalletCopies(ctx context.Context, unit string) ([]issuance.Copy, error)
	Wallet(ctx context.Context, unit string) (issuance.Wallet, time.Time, error)
	WriteAudit(ctx context.Context, w io.Writer) error
	Close() error
}

// Options are what a store under test is opened with.
type Options struct {
	PublicURL  string
	Rand       io.Reader
	Schedule   status.Schedule
	OpenLists  int
	Rotate     time.Duration
	Pseudonyms audit.Pseudonyms
}

// PublicURL is the one that the stores under test are opened with.
const PublicURL = "https://issuer.example"

// Now is the instant of these tests.
var Now = time.Date(2026, 6, 15, 10, 0, 0, 0, time.UTC)

// Usual are the options of a test that does not ask for others: what is not
// urgent is due an hour later, what expires within a day is left alone.
func Usual() Options {
	return Options{PublicURL: PublicURL, Rand: rand.Reader, Schedule: Hourly{}, OpenLists: 4, Rotate: 90 * 24 * time.Hour, Pseudonyms: Pseudonyms{}}
}

// Hourly is a schedule without chance.
type Hourly struct{}

// Due implements status.Schedule.
func (Hourly) Due(now time.Time, urgent bool, expires time.Time, _ io.Reader) (time.Time, bool, error) {
	if urgent {
		return now, false, nil
	}
	return now.Add(time.Hour), !expires.After(now.Add(24 * time.Hour)), nil
}

// Pseudonyms are such that a test knows them.
type Pseudonyms struct{}

// Pseudonym implements audit.Pseudonyms.
func (Pseudonyms) Pseudonym(person string, at time.Time) (string, error) {
	return "p:" + at.Format("2006-01") + ":" + fmt.Sprintf("%x", sha256.Sum256([]byte(person)))[:8], nil
}

// Run runs the suite. open gives an empty store, and sees to its end.
func Run(t *testing.T, open func(t *testing.T, o Options) Store) {
	for _, group := range []struct {
		name  string
		tests []test
	}{
		{"Registry", registryTests}, {"History", historyTests}, {"Time", timeTests}, {"Covering", coveringTests}, {"Receipts", receiptTests},
		{"Issuance", issuanceTests}, {"Transaction", transactionTests}, {"Wallet", walletTests}, {"Mark", markTests}, {"Lists", listTests}, {"Cover", coverTests}, {"Race", raceTests},
		{"Notice", noticeTests}, {"Bulk", bulkTests}, {"Officer", officerTests}, {"Citizen", citizenTests}, {"Fleet", fleetTests}, {"Emergency", emergencyTests},
		{"Authserver", authserverTests}, {"Authorization", authorizationTests}, {"Audit", auditTests}, {"Tree", treeTests},
	} {
		for _, tt := range group.tests {
			t.Run(group.name+"/"+tt.name, func(t *testing.T) {
				o := Usual()
				if tt.with != nil {
					tt.with(&o)
				}
				s := open(t, o)
				tt.run(t, s)
				CheckAudit(t, s)
			})
		}
	}
}

type test struct {
	name string
	run  func(*testing.T, Store)
	with func(*Options)
}

// Digest is a digest that differs with n.
func Digest(n int) [32]byte { return sha256.Sum256([]byte(fmt.Sprint("digest ", n))) }

// together runs do in n goroutines that start at the same time.
func together(n int, do func(i int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			do(i)
		})
	}
	close(start)
	wg.Wait()
}

func cancelled(t *testing.T) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx, cancel
}
