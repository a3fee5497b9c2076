package bolt

import (
	"context"
	"slices"

	"vidimus/internal/document"
	"vidimus/internal/emergency"
	"vidimus/internal/issuance"
)

func stopKey(kind emergency.Kind, value string) []byte { return pair(string(kind), []byte(value)) }

func (t *tx) stopped(kind emergency.Kind, value string) bool {
	return value != "" && t.has(stopBucket, stopKey(kind, value))
}

// stopsOf gives the stops of a kind.
func (t *tx) stopsOf(kind emergency.Kind) (stops []emergency.Stop, err error) {
	err = t.scan(stopBucket, pair(string(kind), nil), func(_, value []byte) error {
		var stop emergency.Stop
		if err := decode(value, &stop); err != nil {
			return err
		}
		stops = append(stops, stop)
		return nil
	})
	return stops, err
}

// mayGoOn refuses an intent that an emergency stopped.
func (t *tx) mayGoOn(in issuance.Intent) error {
	if t.stopped(emergency.OfKey, in.SignerKeyID) {
		return issuance.ErrStopped
	}
	attested := in.Wallet.Attestations
	if in.Wallet.Unit != "" {
		w, err := t.wallet(in.Wallet.Unit)
		if err != nil {
			return err
		}
		attested = append(slices.Clip(attested), w.last.Attestations...)
	}
	for _, a := range attested {
		if t.stopped(emergency.OfWalletProvider, a.Provider) {
			return issuance.ErrStopped
		}
	}
	sources, err := t.stopsOf(emergency.OfRegistry)
	if err != nil {
		return err
	}
	for _, stop := range sources {
		of, err := t.ofSource(emergency.Scope{Kind: stop.Kind, Value: stop.Value, Types: stop.Types}, in.Person, in.Document)
		if err != nil {
			return err
		}
		if of {
			return issuance.ErrStopped
		}
	}
	return nil
}

// ofSource says whether facts of a source are in a document of a person, or of
// who has it now.
func (t *tx) ofSource(scope emergency.Scope, person, number string) (bool, error) {
	people := []string{person}
	if holder := string(t.get(holderBucket, []byte(number))); holder != "" && holder != person {
		people = append(people, holder)
	}
	put, kind := false, ""
	for _, p := range people {
		head, err := t.head(p)
		if err != nil {
			return false, err
		}
		records, err := t.historyOf(p, head.last)
		if err != nil {
			return false, err
		}
		for _, r := range records {
			if r.source == scope.Value {
				return true, nil
			}
			put = put || r.name == document.NameDocumentPut && r.document == number
		}
		k, err := t.subjectFor(p, false)
		if err != nil {
			return false, err
		}
		if d := k.subject.Document(number); d != nil {
			kind = d.Type
		}
	}
	return !put && slices.Contains(scope.Types, kind), nil
}

// told is who sent an event, its name and the document that it is about.
type told struct{ source, name, document string }

func (t *tx) historyOf(person string, last uint64) ([]told, error) {
	records, err := t.history(thread{person, last}, document.EventID{}, maxHistory)
	if err != nil {
		return nil, err
	}
	out := make([]told, len(records))
	for i, r := range records {
		out[i] = told{r.Source, r.Name, r.Document}
	}
	return out, nil
}

// maxHistory bounds how many events of one person are looked through: more than
// a life has.
const maxHistory = 100_000

// Stops implements emergency.Store.
func (s *Store) Stops(ctx context.Context) (stops []emergency.Stop, err error) {
	err = s.view(ctx, func(t *tx) error {
		return t.scan(stopBucket, nil, func(_, value []byte) error {
			var stop emergency.Stop
			if err := decode(value, &stop); err != nil {
				return err
			}
			stops = append(stops, stop)
			return nil
		})
	})
	return stops, err
}
