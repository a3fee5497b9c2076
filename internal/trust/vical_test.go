package trust

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/cbor"
	"vidimus/internal/cose"
	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
)

type realList struct {
	ID   string
	Date time.Time
	Hex  string
}

func realLists(t testing.TB) (lists []realList, raw [][]byte) {
	t.Helper()
	data, err := os.ReadFile("testdata/vical/lists.json")
	if err != nil {
		t.Fatal(err)
	}
	var in struct {
		VICALs []realList `json:"vicals"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		t.Fatal(err)
	}
	for _, l := range in.VICALs {
		b, err := hex.DecodeString(l.Hex)
		if err != nil {
			t.Fatal(err)
		}
		raw = append(raw, b)
	}
	return in.VICALs, raw
}

// rootOf takes the root that the AAMVA sends along, as if it had been
// configured.
func rootOf(t testing.TB, raw []byte) *pki.Certificate {
	t.Helper()
	msg, err := cose.ParseSign1(raw)
	if err != nil {
		t.Fatal(err)
	}
	chain := msg.Header.X5Chain
	root, err := pki.ParseCertificate(chain[len(chain)-1])
	if err != nil || !root.SelfSigned() {
		t.Fatalf("no root at the end of the chain: %v", err)
	}
	return root
}

func TestRealVICALs(t *testing.T) {
	lists, raws := realLists(t)
	if len(lists) != 2 {
		t.Fatalf("%d lists", len(lists))
	}
	var held *VICALList
	for i, in := range lists {
		t.Run(in.ID, func(t *testing.T) {
			raw := raws[i]
			root := rootOf(t, raw)
			l, err := ParseVICAL(raw, []*pki.Certificate{root}, in.Date.Add(time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			if l.Provider != "AAMVA" || !l.Date.Equal(in.Date) || !l.NextUpdate.Equal(in.Date.AddDate(0, 0, 1)) || l.IssueID == 0 || !l.StaleSince.IsZero() {
				t.Errorf("%+v", l)
			}
			if len(l.Entries) != 14 || len(l.Refused) != 0 {
				t.Errorf("%d entries, refused %v", len(l.Entries), l.Refused)
			}
			if l.Signer.Leaf.Cert.Subject.CommonName != "AAMVA Prod Vical-Signer-01" || len(l.Signer.Chain) != 3 {
				t.Errorf("signer %v", l.Signer.Chain)
			}
			s := l.Store()
			if got := s.Anchors(IssueMdoc, mdlType); len(got) != 14 {
				t.Errorf("%d anchors for mDL", len(got))
			}
			if got := s.Anchors(IssueMdoc, pidType); got != nil {
				t.Errorf("anchors for PID: %v", got)
			}
			same := 0
			for _, e := range l.Entries {
				if strings.Contains(e.Authority, "cn=MVMProdCA") {
					same++
				}
				if e.Cert.Cert.Subject.CommonName == "VA mID IACA-A" && !slices.Equal(e.Profiles, []string{"https://dmv.virginia.gov"}) {
					t.Errorf("profiles %q", e.Profiles)
				}
			}
			if same != 3 {
				t.Errorf("%d anchors of one name, expected 3", same)
			}
			if !s.AsOf().Equal(in.Date) {
				t.Errorf("as of %v", s.AsOf())
			}
			if err := l.Follows(held); err != nil {
				t.Error(err)
			}
			if held != nil {
				if err := held.Follows(l); !errors.Is(err, ErrVICALOlder) {
					t.Errorf("went back: %v", err)
				}
			}
			held = l

			stale, err := ParseVICAL(raw, []*pki.Certificate{root}, in.Date.AddDate(0, 0, 3))
			if err != nil || !stale.StaleSince.Equal(l.NextUpdate) {
				t.Errorf("three days later: %v", err)
			}
			// The root that travels along is not trusted.
			w := pkitest.NewWorld(t)
			if _, err := ParseVICAL(raw, []*pki.Certificate{w.VICALRoot.Cert}, in.Date); !errors.Is(err, pki.ErrUntrusted) {
				t.Errorf("trusted its own root: %v", err)
			}
			if _, err := ParseVICAL(raw, nil, in.Date); !errors.Is(err, pki.ErrUntrusted) {
				t.Errorf("trusted without roots: %v", err)
			}
			changed := bytes.Clone(raw)
			for _, at := range []int{len(changed) - 1, len(changed) - 65, len(changed) / 2} {
				changed[at] ^= 1
				if l, err := ParseVICAL(changed, []*pki.Certificate{root}, in.Date); err == nil || l != nil {
					t.Errorf("octet %d changed: accepted", at)
				}
				changed[at] ^= 1
			}
		})
	}
}

// list is a VICAL to be made; zero members are left out.
type list struct {
	payload map[string]any
	signer  *pkitest.Entity
	options cose.SignOptions
}

func entryOf(c *pki.Certificate, docTypes ...string) map[string]any {
	return map[string]any{
		"certificate": c.Raw, "serialNumber": cbor.Tag{Number: 2, Content: c.Cert.SerialNumber.Bytes()}, "ski": c.SubjectKeyID(),
		"docType": docTypes, "issuer": c.RawIssuer, "subject": c.RawSubject, "issuingCountry": c.Country,
	}
}

func listOf(w *pkitest.World, entries ...map[string]any) *list {
	return &list{
		payload: map[string]any{
			"version": "1.0", "vicalProvider": "Utopia", "date": cbor.NewDateTime(w.Now.Add(-time.Hour)), "vicalIssueID": 7,
			"nextUpdate": cbor.NewDateTime(w.Now.Add(time.Hour)), "certificateInfos": entries,
		},
		signer: &w.VICALSigner,
	}
}

func (l *list) sign(t testing.TB) []byte {
	t.Helper()
	opt := l.options
	if opt.Unprotected == nil && opt.Protected == nil {
		opt.Unprotected = map[any]any{cose.LabelX5Chain: cose.X5ChainValue(l.signer.Chain)}
	}
	raw, err := cose.SignSign1(l.signer.Key, cbor.MustMarshal(l.payload), opt, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestParseVICAL(t *testing.T) {
	w := pkitest.NewWorld(t)
	roots := []*pki.Certificate{w.VICALRoot.Cert}
	good := func() *list { return listOf(w, entryOf(w.IACA.Cert, mdlType), entryOf(w.ReaderCA.Cert, pidType)) }
	l, err := ParseVICAL(good().sign(t), roots, w.Now)
	if err != nil || len(l.Entries) != 2 || len(l.Warnings) != 0 || !l.StaleSince.IsZero() || l.IssueID != 7 {
		t.Fatalf("%+v, %v", l, err)
	}
	if got := l.Store().Anchors(IssueMdoc, mdlType); len(got) != 1 || !got[0].Equal(w.IACA.Cert) {
		t.Errorf("anchors for mDL: %v", got)
	}

	change := func(f func(*list)) []byte { l := good(); f(l); return l.sign(t) }
	set := func(key string, v any) []byte { return change(func(l *list) { l.payload[key] = v }) }
	for _, tt := range []struct {
		name string
		data []byte
		want error
	}{
		{"not CBOR", []byte("hello"), ErrVICAL},
		{"too large", make([]byte, MaxVICAL+1), ErrVICAL},
		{"detached", change(func(l *list) { l.options.Detached = true }), ErrVICAL},
		{"trailing bytes", append(good().sign(t), 0), ErrVICAL},
		{"no x5chain", change(func(l *list) { l.options.Unprotected = map[any]any{} }), pki.ErrMalformed},
		{"signed by a document signer", change(func(l *list) { l.signer = &w.DocumentSignerMDL }), pki.ErrUntrusted},
		{"signed below the root by another", change(func(l *list) {
			l.signer = w.MustIssue(t, pki.Template{Profile: pki.ProfileBundleSigner, Subject: pki.Name{CommonName: "x"}}, &w.VICALRoot)
		}), pki.ErrProfile},
		{"signed by the root itself", change(func(l *list) {
			l.signer = &pkitest.Entity{Key: w.VICALRoot.Key, Chain: [][]byte{w.VICALRoot.Cert.Raw}}
		}), pki.ErrUntrusted},
		{"signed with another key", change(func(l *list) {
			l.signer = &pkitest.Entity{Key: w.Reader.Key, Chain: w.VICALSigner.Chain}
		}), ErrVICALSignature},
		{"signer expired", change(func(l *list) {
			l.signer = w.MustIssue(t, pki.Template{Profile: pki.ProfileVICALSigner, Subject: pki.Name{Country: "UT", Organization: "O", CommonName: "old"},
				NotBefore: w.Now.AddDate(0, -2, 0), NotAfter: w.Now.AddDate(0, -1, 0)}, &w.VICALRoot)
		}), pki.ErrExpired},
		{"version 2.0", set("version", "2.0"), ErrVICAL},
		{"no version", change(func(l *list) { delete(l.payload, "version") }), ErrVICAL},
		{"no date", change(func(l *list) { delete(l.payload, "date") }), ErrVICAL},
		{"date as text", set("date", "2026-06-15T10:00:00Z"), ErrVICAL},
		{"no certificates", set("certificateInfos", []any{}), ErrVICAL},
		{"certificates missing", change(func(l *list) { delete(l.payload, "certificateInfos") }), ErrVICAL},
		{"negative issue", set("vicalIssueID", -1), ErrVICAL},
		{"past notAfter", set("notAfter", cbor.NewDateTime(w.Now.Add(-time.Second))), ErrVICALExpired},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if l, err := ParseVICAL(tt.data, roots, w.Now); !errors.Is(err, tt.want) || l != nil {
				t.Errorf("%v, %v", l, err)
			}
		})
	}
	for _, tt := range []struct {
		name, warning string
		data          []byte
	}{
		{"tagged", "COSE_Sign1 is tagged", change(func(l *list) { l.options.Tagged = true })},
		{"x5chain protected", "x5chain is in the protected header", change(func(l *list) {
			l.options.Protected = map[any]any{cose.LabelX5Chain: cose.X5ChainValue(l.signer.Chain)}
		})},
		{"from the future", "date lies in the future", set("date", cbor.NewDateTime(w.Now.Add(time.Hour)))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if l, err := ParseVICAL(tt.data, roots, w.Now); err != nil || !slices.Equal(l.Warnings, []string{tt.warning}) {
				t.Errorf("%+v, %v", l, err)
			}
		})
	}
	t.Run("future notAfter, no nextUpdate, members unknown", func(t *testing.T) {
		l, err := ParseVICAL(change(func(l *list) {
			delete(l.payload, "nextUpdate")
			l.payload["notAfter"], l.payload["vicalURL"] = cbor.NewDateTime(w.Now.Add(time.Hour)), "https://utopia.example/vical"
			l.payload["Extensions"], l.payload["new"] = map[string]any{}, 5
		}), roots, w.Now.AddDate(0, 0, 0))
		if err != nil || !l.StaleSince.IsZero() || l.URL == "" || l.NotAfter.IsZero() {
			t.Errorf("%+v, %v", l, err)
		}
	})
}

// TestVICALEntries: an entry that describes another certificate than it holds
// is refused by itself.
func TestVICALEntries(t *testing.T) {
	w := pkitest.NewWorld(t)
	roots := []*pki.Certificate{w.VICALRoot.Cert}
	serial := w.IACA.Cert.Cert.SerialNumber.Bytes()
	change := func(key string, v any) map[string]any {
		e := entryOf(w.IACA.Cert, mdlType)
		if e[key] = v; v == nil {
			delete(e, key)
		}
		return e
	}
	for _, tt := range []struct {
		name, reason string
		entry        map[string]any
	}{
		{"serial of another", "serial number is not", change("serialNumber", cbor.Tag{Number: 2, Content: []byte{1, 2}})},
		{"serial missing", "serial number: missing", change("serialNumber", nil)},
		{"serial as text", "serial number", change("serialNumber", "7")},
		{"serial negative", "tag 3", change("serialNumber", cbor.Tag{Number: 3, Content: serial})},
		{"ski of another", "ski is not", change("ski", w.ReaderCA.Cert.SubjectKeyID())},
		{"ski missing", "ski is not", change("ski", nil)},
		{"issuer of another", "issuer is not", change("issuer", w.ReaderCA.Cert.RawIssuer)},
		{"subject of another", "subject is not", change("subject", w.ReaderCA.Cert.RawSubject)},
		{"no docType", "without doctypes", change("docType", nil)},
		{"empty docType", "empty doctype", change("docType", []string{""})},
		{"docType as text", "cbor", change("docType", mdlType)},
		{"no certificate", "malformed certificate", change("certificate", nil)},
		{"certificate of another", "serial number is not", change("certificate", w.ReaderCA.Cert.Raw)},
		{"X02 document signer", "not a ca", entryOf(w.DocumentSignerMDL.Cert, mdlType)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, err := ParseVICAL(listOf(w, tt.entry, entryOf(w.ReaderCA.Cert, pidType)).sign(t), roots, w.Now)
			if err != nil {
				t.Fatal(err)
			}
			if len(l.Entries) != 1 || len(l.Refused) != 1 || l.Refused[0].Index != 0 || !strings.Contains(strings.ToLower(l.Refused[0].Reason), tt.reason) {
				t.Errorf("entries %d, refused %v", len(l.Entries), l.Refused)
			}
			if got := l.Store().Anchors(IssueMdoc, mdlType); got != nil {
				t.Errorf("trusted: %v", got)
			}
		})
	}
	for _, tt := range []struct {
		name    string
		entry   map[string]any
		warning []string
	}{
		{"serial with zero octet", change("serialNumber", cbor.Tag{Number: 2, Content: append([]byte{0}, serial...)}), nil},
		{"ski as OCTET STRING", change("ski", append([]byte{4, 20}, w.IACA.Cert.SubjectKeyID()...)), nil},
		{"ski as extension", change("ski", append([]byte{4, 22, 4, 20}, w.IACA.Cert.SubjectKeyID()...)), nil},
		{"no issuer", change("issuer", nil), nil},
		{"other country", change("issuingCountry", "ZZ"), []string{"country or state of an entry is not the certificate's"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, err := ParseVICAL(listOf(w, tt.entry).sign(t), roots, w.Now)
			if err != nil || len(l.Entries) != 1 || !slices.Equal(l.Warnings, tt.warning) {
				t.Errorf("%+v, %v", l, err)
			}
		})
	}
}

func TestVICALFollows(t *testing.T) {
	day := func(d int) time.Time { return time.Date(2026, 6, d, 0, 0, 0, 0, time.UTC) }
	held := &VICALList{Provider: "A", IssueID: 7, Date: day(10)}
	for _, tt := range []struct {
		name string
		next VICALList
		ok   bool
	}{
		{"the same", VICALList{Provider: "A", IssueID: 7, Date: day(10)}, true},
		{"next", VICALList{Provider: "A", IssueID: 8, Date: day(11)}, true},
		{"number goes back", VICALList{Provider: "A", IssueID: 6, Date: day(11)}, false},
		{"date goes back", VICALList{Provider: "A", IssueID: 8, Date: day(9)}, false},
		{"another provider", VICALList{Provider: "B", IssueID: 8, Date: day(11)}, false},
	} {
		if err := tt.next.Follows(held); (err == nil) != tt.ok || err != nil && !errors.Is(err, ErrVICALOlder) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// FuzzParseVICAL: nothing but what the signer's key signed becomes an anchor;
// the payload parser sees bytes of the fuzzer behind a good signature too.
func FuzzParseVICAL(f *testing.F) {
	w, err := pkitest.New(pkitest.Now)
	if err != nil {
		f.Fatal(err)
	}
	roots := []*pki.Certificate{w.VICALRoot.Cert}
	_, raws := realLists(f)
	f.Add(raws[0], false)
	good := listOf(w, entryOf(w.IACA.Cert, mdlType))
	f.Add(good.sign(f), false)
	f.Add(cbor.MustMarshal(good.payload), true)
	f.Fuzz(func(t *testing.T, data []byte, sign bool) {
		signed := data
		if sign {
			opt := cose.SignOptions{Unprotected: map[any]any{cose.LabelX5Chain: cose.X5ChainValue(w.VICALSigner.Chain)}}
			if signed, err = cose.SignSign1(w.VICALSigner.Key, data, opt, rand.Reader); err != nil {
				return
			}
		}
		l, err := ParseVICAL(signed, roots, w.Now)
		if err != nil {
			if l != nil {
				t.Fatal("a list beside an error")
			}
			return
		}
		if !l.Signer.Leaf.Equal(w.VICALSigner.Cert) {
			t.Fatalf("signed by %s", l.Signer.Leaf)
		}
		for _, e := range l.Entries {
			if e.Cert.Anchor() != nil || len(e.DocTypes) == 0 {
				t.Fatalf("entry %v", e)
			}
		}
		roots := slices.DeleteFunc(slices.Clone(l.Entries), VICALEntry.Link)
		if got := l.Store().All(); len(got) != len(roots) {
			t.Fatal("entries and anchors differ in number")
		}
	})
}

func BenchmarkParseVICAL(b *testing.B) {
	lists, raws := realLists(b)
	roots := []*pki.Certificate{rootOf(b, raws[0])}
	for b.Loop() {
		if _, err := ParseVICAL(raws[0], roots, lists[0].Date); err != nil {
			b.Fatal(err)
		}
	}
}
