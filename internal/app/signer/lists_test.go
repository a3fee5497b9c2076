package signer

import (
	"crypto/rand"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	"vidimus/internal/diagnosis"
	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/problem"
	"vidimus/internal/signer"
)

// withReaderCA is an office whose signer has a reader CA.
func withReaderCA(t *testing.T) *office {
	o := newOffice(t)
	o.add("reader-ca", pkitest.Entity{Key: o.ReaderCA.Key, Cert: o.ReaderCA.Cert}, Key{})
	o.begin()
	return o
}

// revoke has the reader CA sign a list over the socket.
func (o *office) revoke(number int64, serials ...int64) (*pki.CRL, error) {
	o.Helper()
	key, err := o.client(time.Minute).Signer(o.Context(), "signer:key=reader-ca")
	o.must(err)
	now := time.Now()
	r := pki.Revocations{Number: big.NewInt(number), ThisUpdate: now, NextUpdate: now.AddDate(0, 0, 7)}
	for _, s := range serials {
		r.Revoked = append(r.Revoked, pki.RevokedCertificate{Serial: big.NewInt(s), At: now.Add(-time.Second)})
	}
	return pki.BuildCRL(r, o.ReaderCA.Cert, key, rand.Reader)
}

// A signer that is killed knows which list it signed last.
func TestListsSurvive(t *testing.T) {
	o := withReaderCA(t)
	p := o.spawn()
	if _, err := o.revoke(100, 77); err != nil {
		t.Fatal(err)
	}
	p.kill()
	stop := o.run(Options{})
	for name, sign := range map[string]func() (*pki.CRL, error){
		"K09/killed_number_back":   func() (*pki.CRL, error) { return o.revoke(99, 77) },
		"K09/killed_drops_revoked": func() (*pki.CRL, error) { return o.revoke(101) },
	} {
		t.Run(name, func(t *testing.T) {
			if list, err := sign(); list != nil || signer.ReasonOf(err) != signer.ReasonPolicy {
				t.Errorf("signed: %v", err)
			}
		})
	}
	if _, err := o.revoke(101, 77, 78); err != nil {
		t.Error(err)
	}
	st, err := AskStatus(t.Context(), o.cfg)
	o.must(err)
	if text := StatusText(st); !strings.Contains(text, "last list crl: number 101 ") || !strings.Contains(text, ", 2 revoked") {
		t.Errorf("status:\n%s", text)
	}
	o.must(stop())
	o.must(CheckLists(o.cfg))
}

// grade is that of what the doctor says of lists, and its words.
func (o *office) grade(full bool) (diagnosis.Grade, string) {
	worst, text := diagnosis.Good, ""
	for _, f := range Diagnose(o.Context(), o.cfg, Options{}, full).Findings {
		if f.Area == "lists" {
			text += f.Detail + "\n"
			if f.Grade != diagnosis.Good {
				worst = f.Grade
			}
		}
	}
	return worst, text
}

// What is forgotten stays unsigned until somebody says what was last, also when the
// record was put away meanwhile; the other keys go on.
func TestListsForgotten(t *testing.T) {
	o := withReaderCA(t)
	stop := o.run(Options{})
	first, err := o.revoke(100, 77)
	o.must(err)
	_, keyID, err := o.cfg.leaf("reader-ca")
	o.must(err)
	path := listFolder(o.cfg.Path(o.cfg.Lists)).path(keyID, "crl")
	old, err := os.ReadFile(path)
	o.must(err)
	second, err := o.revoke(101, 77, 78)
	o.must(err)
	if g, text := o.grade(true); g != diagnosis.Good || !strings.Contains(text, "number 101 ") {
		t.Errorf("%s: %s", g, text)
	}
	o.must(stop())

	// One that was put back is older than what the record has.
	o.must(os.WriteFile(path, old, 0o600))
	if err := CheckLists(o.cfg); err == nil || !strings.Contains(err.Error(), "was followed by another one") {
		t.Errorf("put back: %v", err)
	}
	if g, _ := o.grade(true); g != diagnosis.Wrong {
		t.Errorf("doctor: %s", g)
	}
	_, err = CutRecord(o.cfg, o.cfg.Path("old.jsonl"), Options{})
	o.must(err)
	o.must(os.RemoveAll(o.cfg.Path(o.cfg.Lists)))

	stop = o.run(Options{})
	if list, err := o.revoke(102, 77, 78); list != nil || problem.KindOf(err) != problem.Unavailable {
		t.Errorf("signed: %v", err)
	}
	if g, text := o.grade(false); g != diagnosis.Wrong || !strings.Contains(text, "is not known") {
		t.Errorf("doctor: %s %s", g, text)
	}
	k, err := o.client(time.Minute).Signer(t.Context(), "signer:key=mdl")
	o.must(err)
	if k == nil {
		t.Error("another key does not sign")
	}
	if _, _, err := TakeList(o.cfg, "reader-ca", second.Raw, Options{}); err == nil || !strings.Contains(err.Error(), "answers at") {
		t.Errorf("beside a signer that runs: %v", err)
	}
	o.must(stop())

	if _, _, err := TakeList(o.cfg, "mdl", second.Raw, Options{}); err == nil {
		t.Error("the list of another key")
	}
	other, err := pki.BuildCRL(pki.Revocations{Number: big.NewInt(900), ThisUpdate: time.Now(), NextUpdate: time.Now().AddDate(0, 0, 7)}, o.IACA.Cert, o.IACA.Key, rand.Reader)
	o.must(err)
	if _, _, err := TakeList(o.cfg, "reader-ca", other.Raw, Options{}); err == nil {
		t.Error("the list of another root")
	}
	taken, note, err := TakeList(o.cfg, "reader-ca", second.Raw, Options{})
	if err != nil || taken.Series.Number != 101 || note != "it is the last one in the record" {
		t.Errorf("%d: %s, %v", taken.Series.Number, note, err)
	}
	if _, _, err := TakeList(o.cfg, "reader-ca", first.Raw, Options{}); err == nil {
		t.Error("a list that goes behind the one that is known")
	}
	again := o.cfg
	again.Lists = "elsewhere"
	if _, note, err := TakeList(again, "reader-ca", first.Raw, Options{}); err != nil || note != "the record does not have it" {
		t.Errorf("%s, %v", note, err)
	}
	if _, note, err := TakeList(o.cfg, "reader-ca", second.Raw, Options{}); err != nil || !strings.Contains(note, "has another one after it, in line ") {
		t.Errorf("%s, %v", note, err)
	}
	stop = o.run(Options{})
	if _, err := o.revoke(102, 77); signer.ReasonOf(err) != signer.ReasonPolicy {
		t.Errorf("dropped: %v", err)
	}
	if _, err := o.revoke(102, 77, 78); err != nil {
		t.Error(err)
	}
	o.must(stop())
	if _, err := VerifyRecord(o.cfg); err != nil {
		t.Error(err)
	}
}

// A list is forgotten alone, and one that never was can be told too.
func TestListsNone(t *testing.T) {
	o := withReaderCA(t)
	stop := o.run(Options{})
	_, err := o.revoke(100, 77)
	o.must(err)
	if err := NoList(o.cfg, "reader-ca", "crl", Options{}); err == nil || !strings.Contains(err.Error(), "answers at") {
		t.Errorf("beside a signer that runs: %v", err)
	}
	o.must(stop())
	for name, key := range map[string][2]string{"no key": {"nobody", "crl"}, "no series": {"reader-ca", "vical"}, "no list": {"mdl", "crl"}, "known": {"reader-ca", "crl"}} {
		if err := NoList(o.cfg, key[0], key[1], Options{}); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	o.must(os.RemoveAll(o.cfg.Path(o.cfg.Lists)))
	o.must(NoList(o.cfg, "reader-ca", "crl", Options{}))
	stop = o.run(Options{})
	if _, err := o.revoke(1); err != nil {
		t.Error(err)
	}
	o.must(stop())
	o.must(CheckLists(o.cfg))
}

// What a line of the record may speak of.
func TestSeriesIn(t *testing.T) {
	for _, tt := range []struct {
		detail map[string]string
		want   int
	}{
		{map[string]string{"kind": "mso"}, 0},
		{map[string]string{"kind": string(signer.KindCRL)}, 1},
		{map[string]string{"kind": string(signer.KindEntityList), "series": "pid-providers"}, 1},
		{map[string]string{"kind": string(signer.KindEntityList)}, 2},
		{map[string]string{"kind": several}, 4},
	} {
		if got := seriesIn(tt.detail); len(got) != tt.want {
			t.Errorf("%v: %q", tt.detail, got)
		}
	}
}
