package invariants

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"testing"
	"time"

	"vidimus/api/registryclient"
	"vidimus/internal/audit"
	"vidimus/internal/document"
	"vidimus/internal/issuance"
	"vidimus/internal/jose"
	"vidimus/internal/registry"
	"vidimus/internal/status"
	"vidimus/internal/statuslist"
)

const (
	sourceName = "https://registry.example"
	listURI    = "https://office.example/status/a"
	otherURI   = "https://office.example/status/b"
)

var begin = time.Date(2026, 6, 15, 10, 0, 0, 0, time.UTC)

// world makes evidence of an office that kept its word: a person, two
// documents, one of them annulled, two batches of copies, lists before and
// after, and clients who saw it all.
type world struct {
	t      *testing.T
	ev     *Evidence
	head   audit.Head
	key    *ecdsa.PrivateKey // of the registry
	signer *ecdsa.PrivateKey // of lists and checkpoints
	chain  [][]byte
	keyID  string // of the document signer
	calls  uint64
	seq    uint64
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func newEvidence(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, ev: &Evidence{
		Subjects: map[string]document.Subject{}, Histories: map[string][]Accepted{}, LastSeq: map[string]uint64{},
		Rows: map[string][]registry.ReceiptRow{}, Lists: map[string]Index{}, Attempts: map[string]int{}, Files: map[string][]byte{},
	}}
	w.key, w.signer = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	root := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	w.ev.Root = w.certificate("root", &root.PublicKey, nil, root)
	w.ev.Operations = w.ev.Root
	w.chain = [][]byte{w.certificate("signer", &w.signer.PublicKey, w.ev.Root, root).Raw}
	documents := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	w.keyID = jose.EncodeBase64URL(must(jose.Thumbprint(&documents.PublicKey)))
	w.ev.Signers = parseSigners(must(json.Marshal(map[string]any{"issued": begin, "document_signers": []any{map[string]any{
		"signer": "mdl", "key_id": w.keyID, "state": "current", "published": begin.Add(-time.Minute),
		"certificate": jose.EncodeBase64URL(w.certificate("document signer", &documents.PublicKey, w.ev.Root, root).Raw),
	}}})))
	return w
}

func (w *world) certificate(name string, public *ecdsa.PublicKey, above *x509.Certificate, key *ecdsa.PrivateKey) *x509.Certificate {
	t := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: begin.Add(-time.Hour), NotAfter: begin.AddDate(1, 0, 0),
		IsCA: above == nil, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	if above == nil {
		above = t
	}
	return must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, t, above, public, key))))
}

// line appends to the audit record.
func (w *world) line(e audit.Event) {
	w.t.Helper()
	e.Time = begin
	raw, next, err := w.head.Next(e)
	if err != nil {
		w.t.Fatal(err)
	}
	w.head, w.ev.Lines = next, append(w.ev.Lines, raw)
}

// call is both lines of a call in the journal.
func (w *world) call(e Entry) {
	w.calls++
	e.Call = w.calls
	sent := Entry{Call: e.Call, Kind: e.Kind, State: Sent, Source: e.Source, JTI: e.JTI, Digest: e.Digest, Code: e.Code, Wrong: e.Wrong, Nonce: e.Nonce, URI: e.URI}
	if e.State == "" {
		e.State = Answered
	}
	w.ev.Journal = append(w.ev.Journal, sent, e)
}

// push accepts an event and gives it to the person.
func (w *world) push(person string, payload registryclient.Payload, name, number string, o registry.Outcome) {
	w.seq++
	c := registryclient.Client{Source: sourceName, Audience: "https://office.example", Signer: w.key, KeyID: "k", Now: func() time.Time { return begin }}
	set := must(c.Sign(registryclient.Event{Subject: person, Seq: w.seq, JTI: fmt.Sprint("e", w.seq), Payload: payload}))
	digest := sha256.Sum256([]byte(set.Token))
	o.Source, o.JTI, o.Seq, o.Event = sourceName, set.JTI, w.seq, name
	w.ev.Histories[person] = append(w.ev.Histories[person], Accepted{registry.EventRecord{
		Source: sourceName, JTI: set.JTI, Name: name, Token: set.Token, Digest: digest, Seq: w.seq, Person: person, Document: number, Accepted: begin,
	}, o})
	w.ev.Rows[sourceName] = append(w.ev.Rows[sourceName], registry.ReceiptRow{Number: uint64(len(w.ev.Rows[sourceName]) + 1), Outcome: o})
	w.ev.LastSeq[sourceName] = w.seq
	w.line(audit.Event{Action: "registry.accept", Actor: sourceName, Subject: hex.EncodeToString(digest[:]), Outcome: audit.Done, Detail: map[string]string{"event": set.JTI}})
	w.call(Entry{Kind: Push, Source: sourceName, JTI: set.JTI, Digest: hex.EncodeToString(digest[:]), HTTP: 202})
}

// issue is a signed batch that a client has.
func (w *world) issue(batch, number string, indices ...uint64) {
	detail := func() map[string]string { return map[string]string{"batch": batch} }
	w.line(audit.Event{Action: "credential.sign", Actor: "wallet", Subject: "p:x", Outcome: audit.Intent, Detail: detail()})
	done := detail()
	done["key"] = w.keyID
	done["digest"] = hex.EncodeToString(fmt.Appendf(nil, "digest of %s", batch))
	w.line(audit.Event{Action: "credential.sign", Actor: "wallet", Subject: "p:x", Outcome: audit.Done, Detail: done})
	e := Entry{Kind: Credential, Nonce: "nonce of " + batch, Batch: done["digest"], Verified: true, HTTP: 200}
	for _, i := range indices {
		w.ev.Copies = append(w.ev.Copies, issuance.Copy{Batch: batch, Person: "P", Document: number, List: listURI, Index: i, State: issuance.StateSigned,
			Issued: begin.Add(-time.Hour), Expires: begin.AddDate(0, 0, 14), SignerKeyID: w.keyID})
		e.Copies = append(e.Copies, Copy{URI: listURI, Index: i})
	}
	w.call(e)
}

// list is a token with these indices revoked.
func (w *world) list(uri string, issued time.Time, invalid ...uint64) []byte {
	l := must(statuslist.New(1, 1<<16))
	for _, i := range invalid {
		if err := l.Set(i, statuslist.Invalid); err != nil {
			w.t.Fatal(err)
		}
	}
	body := must(statuslist.Build(l))
	return []byte(must(body.SignJWT(w.signer, statuslist.Claims{Subject: uri, IssuedAt: issued, Expires: issued.AddDate(0, 0, 14), TTL: time.Hour}, w.chain, rand.Reader)))
}

func (w *world) served(uri string, body []byte) {
	w.call(Entry{Kind: List, URI: uri, Body: jose.EncodeBase64URL(body), HTTP: 200})
}

func (w *world) checkpoint(size int, root []byte) string {
	claims := must(json.Marshal(map[string]any{"size": size, "root": jose.EncodeBase64URL(root)}))
	return must(jose.Sign(w.signer, map[string]any{"typ": "vidimus-checkpoint+jwt", "x5c": w.chain}, claims, rand.Reader))
}

// restored is a checkpoint that declares a restore.
func (w *world) restored(size int, root []byte, kept int) string {
	claims := must(json.Marshal(map[string]any{"size": size, "root": jose.EncodeBase64URL(root), "restored": kept}))
	return must(jose.Sign(w.signer, map[string]any{"typ": "vidimus-checkpoint+jwt", "x5c": w.chain}, claims, rand.Reader))
}

// good is the evidence of an office that kept its word.
func good(t *testing.T) *world {
	w := newEvidence(t)
	attributes := map[string]any{"family_name": "Müller", "given_name": "E", "birth_date": "1984-01-26"}
	w.call(Entry{Kind: Start, Took: time.Second})
	put := func(version uint64) registry.Outcome { return registry.Outcome{Version: version} }
	w.push("P", registryclient.PersonPut{Attributes: attributes}, document.NamePersonPut, "", put(1))
	w.push("P", registryclient.DocumentPut{Number: "D", Type: "mdl", IssueDate: "2025-01-01", IssuingAuthority: "A", IssuingCountry: "UT"}, document.NameDocumentPut, "D", put(2))
	w.push("P", registryclient.DocumentPut{Number: "E", Type: "pid", IssueDate: "2025-01-01", IssuingAuthority: "A", IssuingCountry: "UT"}, document.NameDocumentPut, "E", put(3))
	w.call(Entry{Kind: Token, Code: hex.EncodeToString(make([]byte, 32)), Wrong: true, State: Refused, HTTP: 400})
	w.call(Entry{Kind: Token, Code: hex.EncodeToString(make([]byte, 32)), HTTP: 200})
	w.ev.Attempts[hex.EncodeToString(make([]byte, 32))], w.ev.Tries = 3, 5
	w.issue("B1", "D", 4, 9000)
	w.issue("B2", "E", 70)
	w.served(listURI, w.list(listURI, begin))
	w.push("P", registryclient.DocumentAnnulled{Number: "D"}, document.NameDocumentAnnulled, "D", registry.Outcome{
		Version: 4, Revokes: true, Copies: 2, Covered: begin.Add(time.Minute), Lists: []registry.ListVersion{{URI: listURI, Version: 2}},
	})
	w.call(Entry{Kind: Receipt, Source: sourceName, JTI: "e4", Version: 4, Outcome: "covered", HTTP: 200})
	w.served(listURI, w.list(listURI, begin.Add(time.Minute), 4, 9000))
	w.served(otherURI, w.list(otherURI, begin))
	w.ev.Files["a.jwt"] = w.list(listURI, begin.Add(time.Minute), 4, 9000)
	w.ev.Manifest = []Filed{{listURI, 2}, {otherURI, 1}}
	w.ev.Lists[listURI] = Index{status.List{ID: "a", URI: listURI, Version: 2, Allocated: 3}, []uint32{4, 9000}}
	w.ev.Lists[otherURI] = Index{status.List{ID: "b", URI: otherURI, Version: 1}, nil}
	doc := func(number, kind string, annulled bool) document.Document {
		return document.Document{Number: number, Type: kind, IssueDate: "2025-01-01", IssuingAuthority: "A", IssuingCountry: "UT", Annulled: annulled}
	}
	w.ev.Subjects["P"] = document.Subject{
		Number: "P", Version: 4, Person: &document.Person{Attributes: attributes}, Documents: []document.Document{doc("D", "mdl", true), doc("E", "pid", false)},
	}
	var leaves [][32]byte
	for _, l := range w.ev.Lines {
		leaves = append(leaves, leafHash(l))
	}
	w.ev.Checkpoints = [][]string{{w.checkpoint(3, rootOf(leaves[:3])), w.checkpoint(len(leaves), rootOf(leaves))}}
	w.ev.Settled = true
	return w
}
