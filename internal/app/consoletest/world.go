package consoletest

import (
	"context"
	"crypto"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"vidimus/api/registryclient"
	"vidimus/internal/audit"
	"vidimus/internal/clock"
	"vidimus/internal/consolehttp"
	"vidimus/internal/document"
	"vidimus/internal/issuance"
	"vidimus/internal/officer"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/portrait"
	"vidimus/internal/registry"
	"vidimus/internal/status"
	"vidimus/internal/store/memory"
	"vidimus/internal/webserver"
)

// Names of the world.
const (
	OfficeURL = "https://office.example"
	Source    = "https://registry.example"
	// Person has a licence with copies, an identity document and a portrait,
	// Hostile a name that is markup.
	Person  = "P-1"
	Hostile = "P-2"
	Licence = "DL-1"
	// HostileName must never become an element.
	HostileName = `<img src=x onerror=alert(1)>`
	// Copies of Licence are on a phone.
	Copies = 3
)

// World is the office.
type World struct {
	Clock     *clock.Fake
	Store     *memory.Store
	Inbox     *registry.Inbox
	Publisher *status.Publisher
	Officers  *officer.Service
	// Issuance has the requests of wallets that wait for a word; it signs nothing.
	Issuance *issuance.Service
	// Handler is the console.
	Handler http.Handler

	client *registryclient.Client
	seq    uint64
}

// Officers of the world: anna and anna.2 are one human.
func Officers() []officer.Officer {
	return []officer.Officer{
		{ID: "anna", Name: "Anna Muller", Human: "1", Roles: []officer.Role{officer.Editor}},
		{ID: "anna.2", Name: "Anna Muller (card)", Human: "1", Roles: []officer.Role{officer.Editor}},
		{ID: "ben", Name: "Ben Hoffmann", Human: "2", Roles: []officer.Role{officer.Editor}},
		{ID: "rita", Name: "Rita Klein", Human: "3", Roles: []officer.Role{officer.Reader}},
		{ID: "otto", Name: "Otto Kremer", Human: "4", Roles: []officer.Role{officer.Auditor}},
	}
}

// New makes an office whose console is found at publicURL. change may add to the
// officers; it may be nil.
func New(publicURL string, change func([]officer.Officer) []officer.Officer) (*World, error) {
	pki, err := pkitest.New(pkitest.Now)
	if err != nil {
		return nil, err
	}
	w := &World{Clock: pki.Clock}
	schedule := status.NewSchedule(time.Minute, 0, 0)
	if w.Store, err = memory.New(memory.Options{PublicURL: OfficeURL, Rand: rand.Reader, Schedule: schedule}); err != nil {
		return nil, err
	}
	console := OfficeURL + "/console"
	registryKey, consoleKey := pki.RegistrySource.Key, pki.BundleSigner.Key
	if w.Publisher, err = status.New(status.Config{
		Store: w.Store, Signer: pki.StatusSigner.Key, Chain: pki.StatusSigner.Chain, Clock: w.Clock, Rand: rand.Reader, PublicURL: OfficeURL, Schedule: schedule,
	}); err != nil {
		return nil, err
	}
	if w.Inbox, err = registry.New(registry.Config{
		Issuer: OfficeURL, Store: w.Store, Audit: w.Store, Clock: w.Clock, Table: document.DefaultTable(), HoldFor: -1,
		ReceiptSigner: pki.ReceiptSigner.Key, ReceiptChain: pki.ReceiptSigner.Chain, Rand: rand.Reader,
		Sources: []registry.Source{
			{
				Name: Source, Keys: map[string]crypto.PublicKey{"1": registryKey.Public()}, Events: document.Names(),
				DocumentTypes: []string{"mdl", "pid"}, Kinds: []string{document.KindDriving}, Measures: document.MeasureKinds(),
			},
			{
				Name: console, Keys: map[string]crypto.PublicKey{"console": consoleKey.Public()},
				Events: []string{document.NameMeasureAdded, document.NameMeasureLifted},
				Kinds:  []string{document.KindDriving}, Measures: document.MeasureKinds(),
			},
		},
	}); err != nil {
		return nil, err
	}
	w.client = &registryclient.Client{Source: Source, Audience: OfficeURL, KeyID: "1", Signer: registryKey, Now: w.Clock.Now}
	list := Officers()
	if change != nil {
		list = change(list)
	}
	if w.Officers, err = officer.New(
		officer.Config{Source: console, Audience: OfficeURL, LoginURL: publicURL + consolehttp.LoginPath, Officers: list, Table: document.DefaultTable()},
		officer.Parts{
			Store: w.Store, Records: w.Store, Inbox: consolehttp.Inbox{Events: w.Inbox, Store: w.Store}, Trail: w.Store, Audit: w.Store,
			Key: consoleKey, KeyID: "console", Clock: w.Clock, Rand: rand.Reader,
		},
	); err != nil {
		return nil, err
	}
	if w.Issuance, err = issuing(w); err != nil {
		return nil, err
	}
	engine, err := webserver.New(webserver.Config{Listener: "console", Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Clock: clock.System{}, Rand: rand.Reader})
	if err != nil {
		return nil, err
	}
	w.Handler = engine
	if err := consolehttp.Console(engine, consolehttp.Config{
		Officers: w.Officers, Office: consolehttp.FromStore(w.Store, w.Inbox), PublicURL: publicURL, Territory: "UT", Clock: w.Clock,
		Requests: w.Issuance, Offers: offers{w},
	}); err != nil {
		return nil, err
	}
	return w, w.populate(context.Background())
}

// face is drawn once.
var face = sync.OnceValues(func() ([]byte, error) { return portrait.Draw(1) })

// populate states the people and puts copies on a phone.
func (w *World) populate(ctx context.Context) error {
	face, err := face()
	if err != nil {
		return err
	}
	people := []registryclient.Event{
		{Subject: Person, Payload: registryclient.PersonPut{Attributes: map[string]any{
			"family_name": "Weber", "given_name": "Marie Louise", "birth_date": "1990-04-01", "birth_place": "Utopia City", "nationality": []string{"UT"},
			"sex": 2, "resident_city": "Utopia City", "portrait": face,
		}}},
		{Subject: Person, Payload: registryclient.EntitlementPut{Kind: document.KindDriving, Territory: "UT", Privileges: []registryclient.Privilege{
			{Category: "B", IssueDate: "2015-05-02", ExpiryDate: "2030-05-01"}, {Category: "A", IssueDate: "2016-05-02", ExpiryDate: "2030-05-01", Codes: []registryclient.Code{{Code: "01.06"}}},
		}}},
		{Subject: Person, Payload: registryclient.DocumentPut{
			Number: Licence, Type: "mdl", IssueDate: "2025-01-01", ExpiryDate: "2030-01-01", IssuingAuthority: "Utopia Roads", IssuingCountry: "UT", UNDistinguishingSign: "UTO",
		}},
		{Subject: Person, Payload: registryclient.DocumentPut{
			Number: "ID-1", Type: "pid", IssueDate: "2025-01-01", ExpiryDate: "2030-01-01", IssuingAuthority: "Utopia Interior", IssuingCountry: "UT",
		}},
		{Subject: Person, Effective: w.Clock.Now().AddDate(0, 2, 0), Decision: "2026/4", Payload: registryclient.MeasureAdded{
			ID: "m-later", Kind: string(document.PointsSuspension), Right: registryclient.Right{Kind: document.KindDriving, Territory: "UT"},
			Orders: registryclient.Orders{Authority: "Ministry of Transport", LegalBasis: "Art. 2bis", Categories: []string{"A"}},
		}},
		{Subject: Hostile, Payload: registryclient.PersonPut{Attributes: map[string]any{
			"family_name": HostileName, "given_name": `"><script>alert(2)</script>`, "birth_date": "1980-01-01", "resident_city": "javascript:alert(3)",
		}}},
	}
	for _, e := range people {
		if err := w.Push(ctx, e); err != nil {
			return err
		}
	}
	if err := w.Issue(ctx, "batch-1"); err != nil {
		return err
	}
	return w.Publisher.Publish(ctx)
}

// Push lets the registry say something.
func (w *World) Push(ctx context.Context, e registryclient.Event) error {
	e.Seq = w.seq + 1
	set, err := w.client.Sign(e)
	if err != nil {
		return err
	}
	if _, err := w.Inbox.Accept(ctx, Source, set.Token); err != nil {
		return fmt.Errorf("event %d: %w", e.Seq, err)
	}
	w.seq++
	return nil
}

// Issue puts Copies copies of the licence on a phone.
func (w *World) Issue(ctx context.Context, batch string) error {
	s, err := w.Store.Subject(ctx, Person)
	if err != nil {
		return err
	}
	now := w.Clock.Now()
	note := func(outcome string) audit.Event {
		return audit.Event{Time: now, Action: "credential.sign", Actor: "issuance", Subject: batch, Outcome: outcome}
	}
	in := issuance.Intent{
		Batch: batch, Person: Person, Document: Licence, Configuration: "mdl", Version: s.Version, Wallet: issuance.Wallet{Unit: "wallet-unit-1"},
		Count: Copies, Status: issuance.StatusList, Issued: now, Expires: now.AddDate(0, 0, 14), SignerKeyID: "key", Recorded: now,
		TokenID: batch, TokenBatches: 1, TokenExpires: now.Add(time.Hour), Granted: now,
	}
	if _, err := w.Store.RecordIntent(ctx, in, note(audit.Intent)); err != nil {
		return err
	}
	return w.Store.MarkSigned(ctx, batch, note(audit.Done))
}

// Link makes a login link and gives its path.
func (w *World) Link(ctx context.Context, id string) (path string, err error) {
	l, err := w.Officers.MintLink(ctx, id, "operator")
	if err != nil {
		return "", err
	}
	return consolehttp.LoginPath + l.URL[strings.LastIndex(l.URL, "/")+1:], nil
}
