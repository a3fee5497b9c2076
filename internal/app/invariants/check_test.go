package invariants

import (
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/document"
	"vidimus/internal/issuance"
)

// TestGood: an office that kept its word violates nothing, and everything was
// looked at. A second check that remembers the first agrees.
func TestGood(t *testing.T) {
	w := good(t)
	results, memory := Check(w.ev)
	for _, r := range results {
		if r.Violated > 0 || r.Seen == 0 {
			t.Error(r)
		}
	}
	text, err := memory.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if w.ev.Before, err = ParseMemory(text); err != nil {
		t.Fatal(err)
	}
	again, _ := Check(w.ev)
	// The journal is read again: its first lists are older than what is
	// remembered, which is what a list that goes back looks like.
	if bad := Violated(again); !slices.Equal(bad, []string{"I9", "I10"}) {
		t.Errorf("%v", bad)
	}
	w.ev.Journal = slices.DeleteFunc(w.ev.Journal, func(e Entry) bool { return e.Kind == List })
	again, _ = Check(w.ev)
	if bad := Violated(again); bad != nil {
		t.Errorf("%v", bad)
	}
}

// TestBad seeds one lie for every row and expects it to be found, under its
// own number. Others may be violated by the same lie.
func TestBad(t *testing.T) {
	lastCall := func(w *world, kind Kind) *Entry {
		for i := len(w.ev.Journal) - 1; ; i-- {
			if e := &w.ev.Journal[i]; e.Kind == kind && e.State != Sent {
				return e
			}
		}
	}
	history := func(w *world) *Accepted { return &w.ev.Histories["P"][3] }
	remember := func(w *world, change func(*Memory)) {
		_, m := Check(w.ev)
		change(m)
		w.ev.Before = m
		w.ev.Journal = slices.DeleteFunc(w.ev.Journal, func(e Entry) bool { return e.Kind == List })
	}
	signer := func(w *world) *x509.Certificate { return w.ev.Signers.ByKey[w.keyID].Certificate }
	found := map[string]bool{}
	for _, tt := range []struct {
		number, name string
		lie          func(*world)
	}{
		{"I1", "an acknowledged event is gone", func(w *world) {
			w.ev.Histories["P"] = w.ev.Histories["P"][:3]
			w.ev.Rows[sourceName] = w.ev.Rows[sourceName][:3]
		}},
		{"I1", "it is another", func(w *world) { history(w).Digest[0] ^= 1 }},
		{"I1", "the version went back", func(w *world) { s := w.ev.Subjects["P"]; s.Version = 3; w.ev.Subjects["P"] = s }},
		{"I2", "two rows for one number", func(w *world) { w.ev.Rows[sourceName][2].Outcome.JTI = "e9" }},
		{"I2", "an event twice in a history", func(w *world) { w.ev.Histories["P"] = append(w.ev.Histories["P"], *history(w)) }},
		{"I2", "a gap", func(w *world) { w.ev.LastSeq[sourceName] = 6 }},
		{"I2", "recorded twice", func(w *world) {
			w.line(audit.Event{Action: "registry.accept", Actor: sourceName, Subject: "x", Outcome: audit.Done, Detail: map[string]string{"event": "e1"}})
		}},
		{"I3", "an index for two batches", func(w *world) {
			w.ev.Copies = append(w.ev.Copies, issuance.Copy{Batch: "B3", Document: "E", List: listURI, Index: 4, State: issuance.StateIntended})
		}},
		{"I3", "released and not known", func(w *world) { lastCall(w, Credential).Copies[0].Index = 5 }},
		{"I3", "fewer indices given out than before", func(w *world) {
			remember(w, func(m *Memory) { s := m.Lists[listURI]; s.Allocated = 7; m.Lists[listURI] = s })
		}},
		{"I4", "no intent", func(w *world) {
			w.ev.Copies = append(w.ev.Copies, issuance.Copy{Batch: "B3", Document: "E", State: issuance.StateSigned})
		}},
		{"I4", "signed without a completion", func(w *world) {
			w.line(audit.Event{Action: "credential.sign", Actor: "wallet", Subject: "p:x", Outcome: audit.Intent, Detail: map[string]string{"batch": "B3"}})
			w.ev.Copies = append(w.ev.Copies, issuance.Copy{Batch: "B3", Document: "E", State: issuance.StateSigned})
		}},
		{"I5", "released, and the record does not know it", func(w *world) { lastCall(w, Credential).Batch = "ffff" }},
		{"I5", "released, and burned", func(w *world) { w.ev.Copies[2].State = issuance.StateBurned }},
		{"I6", "a line is changed", func(w *world) { w.ev.Lines[2] = []byte(strings.Replace(string(w.ev.Lines[2]), "e3", "e7", 1)) }},
		{"I6", "the record shrank", func(w *world) { remember(w, func(m *Memory) { m.AuditSize += 2 }) }},
		{"I6", "the record is another", func(w *world) { remember(w, func(m *Memory) { m.AuditHash = "00" }) }},
		{"I6", "a checkpoint of another record", func(w *world) {
			w.ev.Checkpoints = append(w.ev.Checkpoints, []string{w.checkpoint(2, make([]byte, 32))})
		}},
		{"I6", "a checkpoint of more", func(w *world) {
			w.ev.Checkpoints = append(w.ev.Checkpoints, []string{w.checkpoint(99, make([]byte, 32))})
		}},
		{"I6", "a checkpoint signed by somebody else", func(w *world) { w.ev.Operations = good(w.t).ev.Root }},
		{"I7", "a nonce twice", func(w *world) { lastCall(w, Credential).Nonce = "nonce of B1" }},
		{"I7", "a code twice", func(w *world) { w.call(*lastCall(w, Token)) }},
		{"I8", "a wrong code was not counted", func(w *world) { w.ev.Attempts[lastCall(w, Token).Code] = 5 }},
		{"I8", "the count went back", func(w *world) { remember(w, func(m *Memory) { m.Attempts[lastCall(w, Token).Code] = 1 }) }},
		{"I9", "valid again", func(w *world) { w.served(listURI, w.list(listURI, begin.Add(time.Hour), 4)) }},
		{"I9", "covered and not revoked", func(w *world) {
			l := w.ev.Lists[listURI]
			l.Invalid = []uint32{4}
			w.ev.Lists[listURI] = l
			w.ev.Files, w.ev.Journal = nil, w.ev.Journal[:4]
		}},
		{"I9", "not covered at the end", func(w *world) { history(w).Outcome.Covered = time.Time{} }},
		{"I9", "no copies, it says", func(w *world) { history(w).Outcome.Copies = 0 }},
		{"I9", "receipted, and served as valid", func(w *world) {
			w.ev.Journal = w.ev.Journal[:len(w.ev.Journal)-4]
			w.served(listURI, w.list(listURI, begin.Add(time.Minute)))
		}},
		{"I9", "in a file as valid", func(w *world) {
			l := w.ev.Lists[listURI]
			l.Invalid = nil
			w.ev.Lists[listURI] = l
		}},
		{"I9", "a copy after the end of its document", func(w *world) { w.issue("B3", "D", 99) }},
		{"I9", "revoked before, and not now", func(w *world) {
			remember(w, func(m *Memory) { s := m.Lists[listURI]; s.Invalid = append(s.Invalid, 9999); m.Lists[listURI] = s })
		}},
		{"I10", "issued before the last one", func(w *world) { w.served(listURI, w.list(listURI, begin, 4, 9000)) }},
		{"I10", "version went back", func(w *world) {
			remember(w, func(m *Memory) { s := m.Lists[listURI]; s.Version = 3; m.Lists[listURI] = s })
		}},
		{"I10", "a file behind its receipt", func(w *world) { w.ev.Manifest[0].Version = 1 }},
		{"I10", "a file ahead of the database", func(w *world) { w.ev.Manifest[0].Version = 3 }},
		{"I10", "the folder went back", func(w *world) {
			remember(w, func(m *Memory) { s := m.Lists[otherURI]; s.Filed = 2; m.Lists[otherURI] = s })
		}},
		{"I10", "signed by somebody else", func(w *world) { w.served(otherURI, good(w.t).list(otherURI, begin.Add(time.Hour))) }},
		{"I11", "half a file", func(w *world) { w.ev.Files["a.jwt"] = w.ev.Files["a.jwt"][:200] }},
		{"I11", "half a manifest", func(w *world) { w.ev.Torn = errors.New("malformed") }},
		{"I11", "another list", func(w *world) { w.served(otherURI, w.list(listURI, begin.Add(time.Hour), 4, 9000)) }},
		{"I12", "does not verify", func(w *world) { lastCall(w, Credential).Verified = false }},
		{"I12", "by a key that is not published", func(w *world) { clear(w.ev.Signers.ByKey) }},
		{"I12", "by a key that is not published any more", func(w *world) {
			clear(w.ev.Signers.ByKey)
			w.ev.Signers.Issued = w.ev.Copies[0].Expires.Add(-time.Second)
		}},
		{"I12", "it outlives its signer", func(w *world) { signer(w).NotAfter = w.ev.Copies[0].Expires.Add(-time.Second) }},
		{"I12", "it begins before its signer", func(w *world) { signer(w).NotBefore = w.ev.Copies[0].Issued.Add(time.Second) }},
		{"I12", "signed before its signer was published", func(w *world) {
			s := w.ev.Signers.ByKey[w.keyID]
			s.Published = begin.Add(time.Second)
			w.ev.Signers.ByKey[w.keyID] = s
		}},
		{"I12", "the record speaks of another key", func(w *world) { w.ev.Copies[0].SignerKeyID = "another" }},
		{"I12", "a certificate below another root", func(w *world) { w.ev.Root = good(w.t).ev.Root; w.ev.Files = nil }},
		{"I12", "a certificate under the name of another key", func(w *world) {
			s := w.ev.Signers.ByKey[w.keyID]
			s.Listed = "another"
			w.ev.Signers.ByKey[w.keyID] = s
		}},
		{"I12", "no list of document signers", func(w *world) {
			var err error
			if w.ev.Signers, err = readSigners(publishedNothing(w.t)); err != nil {
				w.t.Fatal(err)
			}
		}},
		{"I12", "half a list of document signers", func(w *world) { w.ev.Signers = parseSigners([]byte(`{"issued": "2026`)) }},
		{"I13", "a third state", func(w *world) { lastCall(w, Push).HTTP = 500 }},
		{"I13", "not ready in time", func(w *world) { lastCall(w, Start).Took = 11 * time.Second }},
		{"I13", "ready, and deaf", func(w *world) {
			w.call(Entry{Kind: Ready, HTTP: 200})
			for range maxDeaf {
				w.call(Entry{Kind: Other, URI: "/registry/v1/events", State: Refused, HTTP: 503})
			}
			w.call(Entry{Kind: Receipt, Source: sourceName, JTI: "e1", HTTP: 200}) // reading goes on
			w.call(Entry{Kind: Ready, HTTP: 200})
		}},
		{"I14", "another name", func(w *world) {
			w.ev.Subjects["P"].Person.Attributes["family_name"] = "Miller"
		}},
		{"I14", "a version too many", func(w *world) { s := w.ev.Subjects["P"]; s.Version = 5; w.ev.Subjects["P"] = s }},
		{"I14", "not annulled", func(w *world) { w.ev.Subjects["P"].Documents[0].Annulled = false }},
		{"I14", "a person of no event", func(w *world) { w.ev.Subjects["Q"] = document.Subject{Number: "Q", Version: 1} }},
		{"I14", "a measure of no event", func(w *world) {
			s := w.ev.Subjects["P"]
			s.Measures = []document.Measure{{ID: "M"}}
			w.ev.Subjects["P"] = s
		}},
	} {
		w := good(t)
		tt.lie(w)
		results, _ := Check(w.ev)
		if bad := Violated(results); !slices.Contains(bad, tt.number) {
			t.Errorf("%s, %s: not found; %v", tt.number, tt.name, bad)
			continue
		}
		found[tt.number] = true
	}
	for _, number := range Numbers() {
		if !found[number] {
			t.Errorf("%s: nothing bad was found", number)
		}
	}
}

// TestNotDeaf: an office may refuse what it says that it cannot do, and what was
// under way when it noticed.
func TestNotDeaf(t *testing.T) {
	refuse := func(w *world, n int) {
		for range n {
			w.call(Entry{Kind: Other, URI: "/registry/v1/events", State: Refused, HTTP: 503})
		}
	}
	for name, say := range map[string]func(*world){
		"not ready after it": func(w *world) {
			w.call(Entry{Kind: Ready, HTTP: 200})
			refuse(w, 2*maxDeaf)
			w.call(Entry{Kind: Ready, State: Refused, HTTP: 503})
			refuse(w, 2*maxDeaf)
			w.call(Entry{Kind: Ready, HTTP: 200})
		},
		"few": func(w *world) {
			w.call(Entry{Kind: Ready, HTTP: 200})
			refuse(w, maxDeaf-1)
			w.call(Entry{Kind: Ready, HTTP: 200})
		},
		"with good answers between": func(w *world) {
			w.call(Entry{Kind: Ready, HTTP: 200})
			refuse(w, maxDeaf-1)
			w.call(Entry{Kind: Push, Source: sourceName, JTI: "e1", HTTP: 202})
			refuse(w, maxDeaf-1)
			w.call(Entry{Kind: Ready, HTTP: 200})
		},
		"another start": func(w *world) {
			w.call(Entry{Kind: Ready, HTTP: 200})
			refuse(w, 2*maxDeaf)
			w.call(Entry{Kind: Start, Took: time.Second})
			w.call(Entry{Kind: Ready, HTTP: 200})
		},
	} {
		w := good(t)
		say(w)
		results, _ := Check(w.ev)
		if bad := Violated(results); bad != nil {
			t.Errorf("%s: %v", name, bad)
		}
	}
}

// TestRestored: after a restore that is declared the record is shorter, and
// checkpoints given before it speak of lines that are lost. Undeclared, both
// are violations.
func TestRestored(t *testing.T) {
	for _, declared := range []bool{true, false} {
		w := good(t)
		remember := Memory{AuditSize: uint64(len(w.ev.Lines)) + 5, AuditHash: "00", Lists: map[string]Seen{}, Attempts: map[string]int{}}
		w.ev.Before = &remember
		var leaves [][32]byte
		for _, l := range w.ev.Lines {
			leaves = append(leaves, leafHash(l))
		}
		n := len(leaves)
		last := w.checkpoint(n, rootOf(leaves))
		if declared {
			last = w.restored(n, rootOf(leaves), n-1)
		}
		w.ev.Checkpoints = [][]string{{w.checkpoint(3, rootOf(leaves[:3])), w.checkpoint(n+5, make([]byte, 32)), last}}
		results, _ := Check(w.ev)
		if bad := Violated(results); declared && bad != nil || !declared && !slices.Equal(bad, []string{"I6"}) {
			t.Errorf("declared %v: %v", declared, bad)
		}
	}
}

// TestJournal: what is written is read again; a last line that was cut off is
// left out, any other bad line is not.
func TestJournal(t *testing.T) {
	var text strings.Builder
	j := NewJournal(&text, func() time.Time { return begin })
	call := j.Sent(Entry{Kind: Push, Source: "S", JTI: "a"})
	j.Done(call, Entry{Kind: Push, State: Answered, Source: "S", JTI: "a", HTTP: 202})
	j.Sent(Entry{Kind: List, URI: listURI})
	whole := text.String()
	got, err := ReadJournal(strings.NewReader(whole))
	if err != nil || len(got) != 3 || got[1].State != Answered || got[1].Call != call || !got[1].At.Equal(begin) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = ReadJournal(strings.NewReader(whole[:len(whole)-9])); err != nil || len(got) != 2 {
		t.Errorf("cut off: %d, %v", len(got), err)
	}
	for _, bad := range []string{"x\n" + whole, `{"call":1,"kind":"dance"}` + "\n"} {
		if _, err := ReadJournal(strings.NewReader(bad)); err == nil {
			t.Errorf("%.40q is a journal", bad)
		}
	}
	j.Forget()
	if n := len(j.Entries()); n != 2 || j.Err() != nil {
		t.Errorf("%d entries, %v", n, j.Err())
	}
}

// publishedNothing is a published folder with a manifest and no list of signers.
func publishedNothing(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, manifestFile), []byte(`{"files":[]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestNothingPublished: an office that was restored and has not started again has no
// published folder yet, and nobody can say which signers it has published.
func TestNothingPublished(t *testing.T) {
	w := good(t)
	var err error
	if w.ev.Signers, err = readSigners(t.TempDir()); err != nil || w.ev.Signers != nil {
		t.Fatal(w.ev.Signers, err)
	}
	r := Result{}
	(&examination{Evidence: w.ev}).verified(&r)
	if r.Violated != 0 {
		t.Errorf("%v", r.Violations)
	}
}

// TestUnsettledSigners: the folder may lack the list for as long as its disk failed; an
// office that has settled has it.
func TestUnsettledSigners(t *testing.T) {
	for settled, violated := range map[bool]bool{false: false, true: true} {
		w := good(t)
		var err error
		if w.ev.Signers, err = readSigners(publishedNothing(t)); err != nil {
			t.Fatal(err)
		}
		w.ev.Settled = settled
		r := Result{}
		(&examination{Evidence: w.ev}).verified(&r)
		if r.Violated > 0 != violated {
			t.Errorf("settled %v: %v", settled, r.Violations)
		}
	}
}

// TestNothingSigned: an office that has signed nothing need not have published anything.
func TestNothingSigned(t *testing.T) {
	w := good(t)
	signers, err := readSigners(publishedNothing(t))
	if err != nil || signers == nil {
		t.Fatal(signers, err)
	}
	ev := &Evidence{Signers: signers, Copies: []issuance.Copy{{State: issuance.StateIntended, Issued: begin, Expires: w.ev.Copies[0].Expires}}}
	r := Result{}
	(&examination{Evidence: ev}).verified(&r)
	if r.Violated != 0 {
		t.Errorf("%v", r.Violations)
	}
}

// TestEndedSigner: what has expired may have lost the certificate of its signer.
func TestEndedSigner(t *testing.T) {
	w := good(t)
	clear(w.ev.Signers.ByKey)
	w.ev.Signers.Issued = w.ev.Copies[0].Expires
	results, _ := Check(w.ev)
	if bad := Violated(results); bad != nil {
		t.Errorf("%v", bad)
	}
}
