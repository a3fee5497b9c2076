package issuance_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/document"
	"vidimus/internal/issuance"
	"vidimus/internal/jose"
	"vidimus/internal/mdoc"
	"vidimus/internal/oid4vci"
	"vidimus/internal/registry"
	"vidimus/internal/store/storetest"
)

// meter writes down what is counted.
type meter struct {
	mu   sync.Mutex
	what []string
}

func (m *meter) add(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.what = append(m.what, fmt.Sprintf(format, args...))
}

func (m *meter) Issued(configuration string, copies int) {
	m.add("issued %s %d", configuration, copies)
}
func (m *meter) Deferred(configuration string) { m.add("deferred %s", configuration) }
func (m *meter) Denied(configuration string)   { m.add("denied %s", configuration) }
func (m *meter) Notified(event string)         { m.add("notified %s", event) }
func (m *meter) String() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Join(m.what, ", ")
}

func (s *store) Defer(ctx context.Context, in issuance.Intent, t issuance.Transaction, since time.Time, did audit.Event) error {
	s.calls.Add(1)
	err := s.Store.Defer(ctx, in, t, since, did)
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.events = append(s.events, did)
		s.waiting = append(s.waiting, t)
	}
	return err
}

// deferred gives what was kept of requests that wait, said what was written of
// them into the record.
func (s *store) deferred() []issuance.Transaction {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting
}

func (s *store) said() []audit.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.events
}

// lines counts what is in the record.
func (w *world) lines() int {
	w.t.Helper()
	var b bytes.Buffer
	if err := w.store.WriteAudit(context.Background(), &b); err != nil {
		w.t.Fatal(err)
	}
	return bytes.Count(b.Bytes(), []byte("\n")) + len(w.audit.Events())
}

// fresh is the access of a grant that is a moment old.
func (w *world) fresh() issuance.Access {
	a := w.access()
	a.Granted = w.clock.Now()
	return a
}

// voided ends the grants for the licence now.
func voided(w *world, seq uint64) registry.Application {
	app := storetest.Deciding("void", seq, "P1", document.Change{Applied: true, Void: []string{"DL-1"}})
	app.Record.Accepted, app.Record.Effective = w.clock.Now(), w.clock.Now()
	return app
}

// without makes the records forget a document, as when it went to another
// person.
func (r *records) without(number string) { r.gone.Store(&number) }

func deviceKeys(t *testing.T, copies []oid4vci.Credential) (keys []string) {
	t.Helper()
	for _, c := range copies {
		raw, err := jose.DecodeBase64URL(c.Text())
		if err != nil {
			t.Fatal(err)
		}
		is, err := mdoc.ParseIssuerSigned(raw)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, thumbprint(t, is.MSO.DeviceKey.Public))
	}
	return keys
}

func proofKeys(t *testing.T, proofs []string) (keys []string) {
	t.Helper()
	for _, p := range proofs {
		s, err := jose.Parse(p)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, thumbprint(t, s.Header.JWK.Public))
	}
	return keys
}

func thumbprint(t *testing.T, key any) string {
	t.Helper()
	tp, err := jose.Thumbprint(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(tp)
}
