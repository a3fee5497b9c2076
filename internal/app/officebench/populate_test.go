package officebench

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/audit"
	"vidimus/internal/issuance"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/store/bolt"
)

// digestNames are pseudonyms for the measured database: they hide nothing.
type digestNames struct{}

func (digestNames) Pseudonym(person string, at time.Time) (string, error) {
	sum := sha256.Sum256([]byte(person))
	return "p:" + at.UTC().Format("2006-01") + ":" + base64.RawURLEncoding.EncodeToString(sum[:16]), nil
}

// open opens the database of an office that does not run.
func (o *office) open() *bolt.Store {
	o.Helper()
	store, err := bolt.Open(o.cfg.Path("issuer.db"), bolt.Options{PublicURL: o.cfg.PublicURL, Rand: rand.Reader, Dev: o.cfg.Dev, Pseudonyms: digestNames{}})
	o.must(err)
	return store
}

// populate loads people, and gives the first of them 20 copies of their licence
// each.
func (o *office) populate(people, copied int) {
	o.Helper()
	o.load(people)
	store := o.open()
	o.copies(store, 0, copied, 1)
	o.must(store.Close())
}

// load loads people from a file.
func (o *office) load(n int) {
	o.Helper()
	desk, err := issuer.OpenOffice(o.Context(), &o.cfg, issuer.Options{})
	o.must(err)
	var last issuer.ImportStep
	o.must(desk.Lines(o.Context(), http.MethodPost, issuerhttp.ImportPath, people(o.T, o, n, 9, 0), func(line []byte) error {
		return json.Unmarshal(line, &last)
	}))
	o.must(desk.Close())
	if last.Applied != n {
		o.Fatalf("%+v", last)
	}
}

// copies records batches of 20 copies of the licences of people, from the one
// numbered from on, rounds of them.
func (o *office) copies(store *bolt.Store, from, people, rounds int) {
	o.Helper()
	now := time.Now()
	work := make(chan int)
	var wg sync.WaitGroup
	for range 256 { // as many share a transaction
		wg.Go(func() {
			for n := range work {
				in := intent(from+n%people, n, now)
				if _, err := store.RecordIntent(o.Context(), in, audit.Event{
					Time: now, Action: "credential.intend", Actor: "wallet", Person: in.Person, Outcome: audit.Done,
				}); err != nil {
					o.Errorf("batch %d: %v", n, err)
				}
			}
		})
	}
	for n := range people * rounds {
		work <- n
	}
	close(work)
	wg.Wait()
	if o.Failed() {
		o.FailNow()
	}
}

// intent is a batch of 20 copies of the licence of a person.
func intent(person, n int, now time.Time) issuance.Intent {
	in := issuance.Intent{
		Batch: rand.Text()[:22], Person: fmt.Sprintf("P-%09d", person), Document: fmt.Sprintf("L-%09d", person), Configuration: "mdl",
		Version: 1, TokenID: fmt.Sprint("t", n), TokenBatches: 1, TokenExpires: now.Add(time.Hour), Granted: now, Count: 20, Status: issuance.StatusList,
		Issued: now.Truncate(24 * time.Hour), Expires: now.Truncate(24*time.Hour).AddDate(0, 0, 14), SignerKeyID: "signer-1", Recorded: now,
	}
	return in
}
