package pki

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// forgeCRL writes revocation lists that no library would.
type forgeCRL struct {
	version []byte
	inner   []byte
	outer   []byte
	issuer  []byte
	this    []byte
	next    []byte
	entries []byte // whole element, nil leaves it out
	exts    [][]byte
	rest    []byte
	by      crypto.Signer
	signed  func([]byte) []byte
}

func utc(s string) []byte { return element(tagUTCTime, []byte(s)) }

func entryCRL(serial []byte, at string, exts ...[]byte) []byte {
	parts := [][]byte{element(tagInteger, serial), utc(at)}
	if exts != nil {
		parts = append(parts, element(tagSequence, exts...))
	}
	return element(tagSequence, parts...)
}

func extNumber(critical bool, n ...byte) []byte {
	return ext(oidCRLNumber, critical, element(tagInteger, n))
}

// crlOf is a list of r that names nobody, a day old at forgeNow.
func crlOf(r *forge, n byte) *forgeCRL {
	return &forgeCRL{version: []byte{2, 1, 1}, inner: algSHA256, issuer: r.subject, by: r.key,
		this: utc("260614100000Z"), next: utc("260714100000Z"), exts: [][]byte{extAKI(r.key.Public()), extNumber(false, n)}}
}

func (f *forgeCRL) naming(l *forge) *forgeCRL {
	f.entries = element(tagSequence, entryCRL(l.serial, "260610000000Z"))
	return f
}

func (f *forgeCRL) der(t testing.TB) []byte {
	t.Helper()
	parts := [][]byte{f.version, f.inner, f.issuer, f.this, f.next, f.entries}
	if f.exts != nil {
		parts = append(parts, element(tagContext0, element(tagSequence, f.exts...)))
	}
	body := element(tagSequence, append(parts, f.rest)...)
	sum := sha256.Sum256(body)
	sig, err := f.by.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	if f.signed != nil {
		sig = f.signed(sig)
	}
	outer := f.outer
	if outer == nil {
		outer = f.inner
	}
	return element(tagSequence, body, outer, element(tagBitString, []byte{0}, sig))
}

func (f *forgeCRL) list(t testing.TB) *CRL {
	t.Helper()
	c, err := ParseCRL(f.der(t))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestBadCRLs is X11, each way in which a list is no list of the profile.
func TestBadCRLs(t *testing.T) {
	r := root("utopia iaca")
	l := leaf("utopia ds", r)
	for name, tt := range map[string]struct {
		change func(f *forgeCRL)
		says   string // "" for a list that is read
	}{
		"X11/sound":              {func(f *forgeCRL) {}, ""},
		"X11/sound_with_entry":   {func(f *forgeCRL) { f.naming(l) }, ""},
		"X11/no_next_update":     {func(f *forgeCRL) { f.next = nil }, "no next update"},
		"X11/empty_revoked_list": {func(f *forgeCRL) { f.entries = element(tagSequence) }, "empty list"},
		"X11/indirect":           {func(f *forgeCRL) { f.point(element(0x84, []byte{0xff})) }, "partial or indirect"},
		"X11/only_some_reasons":  {func(f *forgeCRL) { f.point(element(0x83, []byte{1, 0x40})) }, "partial or indirect"},
		"X11/empty_bit_string":   {func(f *forgeCRL) { f.point(element(0x83)) }, "partial or indirect"}, // RUSTSEC-2026-0104
		"X11/point_not_critical": {func(f *forgeCRL) { f.exts = append(f.exts, ext(oidIssuingPoint, false, []byte{0x30, 0})) }, "partial or indirect"},
		"X11/delta":              {func(f *forgeCRL) { f.exts = append(f.exts, ext(oidDeltaCRL, true, []byte{2, 1, 1})) }, "delta"},
		"X11/delta_not_critical": {func(f *forgeCRL) { f.exts = append(f.exts, ext(oidDeltaCRL, false, []byte{2, 1, 1})) }, "delta"},
		"X11/unknown_critical":   {func(f *forgeCRL) { f.exts = append(f.exts, ext(asn1.ObjectIdentifier{1, 2, 3}, true, []byte{5, 0})) }, "critical extension 1.2.3"},
		"X11/unknown":            {func(f *forgeCRL) { f.exts = append(f.exts, ext(asn1.ObjectIdentifier{1, 2, 3}, false, []byte{5, 0})) }, ""},
		"X11/no_number":          {func(f *forgeCRL) { f.exts = f.exts[:1] }, "no number"},
		"X11/number_critical":    {func(f *forgeCRL) { f.exts[1] = extNumber(true, 1) }, "critical extension 2.5.29.20"},
		"X11/number_negative":    {func(f *forgeCRL) { f.exts[1] = extNumber(false, 0x80) }, "number of the list"},
		"X11/number_21_octets":   {func(f *forgeCRL) { f.exts[1] = extNumber(false, append([]byte{1}, make([]byte, 20)...)...) }, "number of the list"},
		"X11/no_key_identifier":  {func(f *forgeCRL) { f.exts = f.exts[1:] }, "no authority key identifier"},
		"X11/extension_twice":    {func(f *forgeCRL) { f.exts = append(f.exts, f.exts[0]) }, "twice"},
		"X11/no_extensions":      {func(f *forgeCRL) { f.exts = nil }, "no extensions"},
		"X11/version_1":          {func(f *forgeCRL) { f.version = nil }, "version is not 2"},
		"X11/version_3":          {func(f *forgeCRL) { f.version = []byte{2, 1, 2} }, "version is not 2"},
		"X11/other_algorithm": {func(f *forgeCRL) {
			f.outer = element(tagSequence, mustOID(asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}))
		}, "inside and outside"},
		"X11/sha1":                 {func(f *forgeCRL) { f.inner = algSHA1 }, "signature algorithm 1.2.840.10045.4.1"},
		"X11/no_issuer":            {func(f *forgeCRL) { f.issuer = element(tagSequence) }, "no issuer"},
		"X11/ends_before":          {func(f *forgeCRL) { f.next = f.this }, "not after"},
		"X11/local_time":           {func(f *forgeCRL) { f.this = utc("260614100000+0200") }, "form of RFC 5280"},
		"X11/time_no_seconds":      {func(f *forgeCRL) { f.this = utc("2606141000Z") }, "form of RFC 5280"},
		"X11/trailing_in_tbs":      {func(f *forgeCRL) { f.rest = []byte{5, 0} }, "structure"},
		"X11/entry_of_another_CA":  {func(f *forgeCRL) { f.entry(l, ext(oidCertificateIssuer, true, []byte{0x30, 0})) }, "extension 2.5.29.29"},
		"X11/entry_critical":       {func(f *forgeCRL) { f.entry(l, ext(asn1.ObjectIdentifier{1, 2, 3}, true, []byte{5, 0})) }, "extension 1.2.3"},
		"X11/entry_with_reason":    {func(f *forgeCRL) { f.entry(l, ext(asn1.ObjectIdentifier{2, 5, 29, 21}, false, []byte{10, 1, 1})) }, ""},
		"X11/entry_without_serial": {func(f *forgeCRL) { f.entries = element(tagSequence, element(tagSequence, utc("260610000000Z"))) }, "serial number"},
		"X11/entry_without_date": {func(f *forgeCRL) {
			f.entries = element(tagSequence, element(tagSequence, element(tagInteger, l.serial)))
		}, "structure"},
		"X11/serial_twice": {func(f *forgeCRL) {
			e := entryCRL(l.serial, "260610000000Z")
			f.entries = element(tagSequence, e, e)
		}, "twice"},
	} {
		t.Run(name, func(t *testing.T) {
			f := crlOf(r, 1)
			tt.change(f)
			c, err := ParseCRL(f.der(t))
			if tt.says == "" {
				if err != nil || c.Verify(r.cert(t), false) != nil {
					t.Errorf("%v, %v", c, err)
				}
				return
			}
			if c != nil || !errors.Is(err, ErrCRL) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, want %q", err, tt.says)
			}
		})
	}
	t.Run("X11/50_MB", func(t *testing.T) {
		if c, err := ParseCRL(make([]byte, 50<<20)); c != nil || !errors.Is(err, ErrCRL) {
			t.Errorf("%v", err)
		}
	})
	t.Run("X11/too_many_entries", func(t *testing.T) {
		var list []byte
		for i := range MaxCRLEntries + 1 {
			list = append(list, entryCRL([]byte{1, byte(i >> 16), byte(i >> 8), byte(i)}, "260610000000Z")...)
		}
		f := crlOf(r, 1)
		f.entries = element(tagSequence, list)
		raw := f.der(t)
		if c, err := ParseCRL(raw); len(raw) > MaxCRLBytes || c != nil || !errors.Is(err, ErrCRL) || !strings.Contains(err.Error(), "entries") {
			t.Errorf("%d bytes: %v", len(raw), err)
		}
	})
}

func (f *forgeCRL) point(content ...[]byte) {
	f.exts = append(f.exts, ext(oidIssuingPoint, true, element(tagSequence, content...)))
}

func (f *forgeCRL) entry(l *forge, exts ...[]byte) {
	f.entries = element(tagSequence, entryCRL(l.serial, "260610000000Z", exts...))
}

// TestRevocation is M07 and the cases of limbo about revocation lists: the four
// answers are told apart, and no list of somebody else counts.
func TestRevocation(t *testing.T) {
	r := root("utopia iaca")
	l := leaf("utopia ds", r)
	stranger := root("utopia iaca").with(func(f *forge) { f.key, f.by = keyOf("stranger"), keyOf("stranger") })
	at := func(d time.Duration) time.Time { return forgeNow.Add(d) }
	for name, tt := range map[string]struct {
		lists []*forgeCRL
		now   time.Time
		want  RevocationState
		says  string
	}{
		"M07/no_list":                     {nil, forgeNow, RevocationNotChecked, "no revocation list"},
		"M07/not_on_it":                   {[]*forgeCRL{crlOf(r, 1)}, forgeNow, NotRevoked, "list 1"},
		"M07/revoked":                     {[]*forgeCRL{crlOf(r, 1).naming(l)}, forgeNow, Revoked, "was revoked on 2026-06-10"},
		"M07/list_ended":                  {[]*forgeCRL{crlOf(r, 1)}, at(30 * day), RevocationUnknown, "ended on 2026-07-14"},
		"M07/list_ended_and_names_it":     {[]*forgeCRL{crlOf(r, 1).naming(l)}, at(30 * day), Revoked, "was revoked"},
		"M07/last_second":                 {[]*forgeCRL{crlOf(r, 1)}, time.Date(2026, 7, 14, 9, 59, 59, 0, time.UTC), NotRevoked, ""},
		"M07/from_the_future":             {[]*forgeCRL{crlOf(r, 1)}, at(-2 * day), RevocationUnknown, "from the future"},
		"M07/signed_by_other":             {[]*forgeCRL{crlOf(r, 1).with(func(f *forgeCRL) { f.by = keyOf("stranger") })}, forgeNow, RevocationUnknown, "refused"},
		"M07/signed_by_other_and_names":   {[]*forgeCRL{crlOf(r, 1).naming(l).with(func(f *forgeCRL) { f.by = keyOf("stranger") })}, forgeNow, RevocationUnknown, "refused"},
		"M07/other_key_of_the_name":       {[]*forgeCRL{crlOf(stranger, 1).naming(l)}, forgeNow, RevocationNotChecked, "no revocation list"},
		"M07/other_issuer_same_serial":    {[]*forgeCRL{crlOf(r, 1), crlOf(root("elsewhere"), 1).naming(l)}, forgeNow, NotRevoked, ""},
		"M07/older_number_beside_newer":   {[]*forgeCRL{crlOf(r, 7), crlOf(r, 6)}, forgeNow, NotRevoked, "list 7"},
		"M07/newer_ended":                 {[]*forgeCRL{crlOf(r, 7).with(func(f *forgeCRL) { f.next = utc("260615000000Z") }), crlOf(r, 6)}, forgeNow, RevocationUnknown, "ended"},
		"M07/revoked_in_the_older_alone":  {[]*forgeCRL{crlOf(r, 7), crlOf(r, 6).naming(l)}, forgeNow, Revoked, "list 6"},
		"M07/the_anchor_names_itself":     {[]*forgeCRL{crlOf(r, 1).naming(r)}, forgeNow, Revoked, "was revoked"},
		"limbo/issuer_not_in_the_list":    {[]*forgeCRL{crlOf(r, 1).naming(leaf("x", r).with(func(f *forge) { f.serial = []byte{1} }))}, forgeNow, NotRevoked, ""},
		"limbo/signature_of_another_form": {[]*forgeCRL{crlOf(r, 1).with(func(f *forgeCRL) { f.signed = respell(true, false) })}, forgeNow, RevocationUnknown, "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := trial{[]*forge{r}, []*forge{l}, PathOptions{Now: forgeNow, Purposes: mdl.Purposes}}.run(t)
			if err != nil {
				t.Fatal(err)
			}
			var lists []*CRL
			for _, f := range tt.lists {
				lists = append(lists, f.list(t))
			}
			set, err := NewCRLs(lists...)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second time from what was verified before
				got := set.Of(p, tt.now, 0, false)
				if got.State != tt.want || !strings.Contains(got.Detail, tt.says) || (got.State == NotRevoked) != (got.Certificate == nil) {
					t.Errorf("%+v, want %s: %q", got, tt.want, tt.says)
				}
			}
		})
	}
	t.Run("M07/older_is_a_step_back", func(t *testing.T) {
		old, next := crlOf(r, 6).list(t), crlOf(r, 7).list(t)
		same := crlOf(r, 7).naming(l).list(t)
		if next.Supersedes(old) != nil || next.Supersedes(next) != nil {
			t.Error("the next list is refused")
		}
		for _, err := range []error{old.Supersedes(next), same.Supersedes(next), crlOf(stranger, 9).list(t).Supersedes(old)} {
			if !errors.Is(err, ErrCRL) {
				t.Errorf("%v", err)
			}
		}
	})
	var none *CRLs
	p, err := trial{[]*forge{r}, []*forge{l}, mdl}.run(t)
	if err != nil {
		t.Fatal(err)
	}
	if got := none.Of(p, forgeNow, 0, false); got.State != RevocationNotChecked || none.All() != nil {
		t.Errorf("%+v", got)
	}
}

func (f *forgeCRL) with(change func(*forgeCRL)) *forgeCRL { change(f); return f }

// An intermediate authority is looked up in the list of the root, the leaf in
// that of the intermediate: the worst answer stands for the path.
func TestRevocationOfAChain(t *testing.T) {
	r := root("utopia root").set(extCA(true, true, -1))
	i := authority("utopia sub", r, 0)
	l := leaf("utopia ds", i)
	o := mdl
	o.MaxIntermediates = 1
	p, err := trial{[]*forge{r}, []*forge{l, i}, o}.run(t)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		lists []*forgeCRL
		want  RevocationState
	}{
		"both":             {[]*forgeCRL{crlOf(r, 1), crlOf(i, 1)}, NotRevoked},
		"root_alone":       {[]*forgeCRL{crlOf(r, 1)}, RevocationNotChecked},
		"sub_alone":        {[]*forgeCRL{crlOf(i, 1)}, RevocationNotChecked},
		"sub_revoked":      {[]*forgeCRL{crlOf(r, 1).naming(i), crlOf(i, 1)}, Revoked},
		"sub_revoked_only": {[]*forgeCRL{crlOf(r, 1).naming(i)}, Revoked},
		"leaf_revoked":     {[]*forgeCRL{crlOf(r, 1), crlOf(i, 1).naming(l)}, Revoked},
	} {
		var lists []*CRL
		for _, f := range tt.lists {
			lists = append(lists, f.list(t))
		}
		set, err := NewCRLs(lists...)
		if err != nil {
			t.Fatal(err)
		}
		if got := set.Of(p, forgeNow, 0, false); got.State != tt.want {
			t.Errorf("%s: %+v, want %s", name, got, tt.want)
		}
	}
}

// Who may not sign lists signs none.
func TestCRLIssuer(t *testing.T) {
	for name, change := range map[string]func(*forge){
		"no_crl_sign":  func(r *forge) { r.set(extKeyUsage(true, x509.KeyUsageCertSign)) },
		"no_authority": func(r *forge) { r.set(extCA(true, false, -1)) },
		"other_name":   func(r *forge) { r.issuer, r.subject = dn("other"), dn("other") },
		"other_key":    func(r *forge) { r.key, r.by = keyOf("other"), keyOf("other"); r.set(extSKI(r.key.Public())) },
		"p224":         func(r *forge) { k := keyOn(elliptic.P224(), "ca"); r.key, r.by = k, k; r.drop(oidSubjectKeyID) },
	} {
		r := root("utopia iaca")
		list := crlOf(r, 1).list(t)
		change(r)
		if err := list.Verify(r.cert(t), false); !errors.Is(err, ErrCRL) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// limbo: crl::issuer-no-keyusage-extension is OK.
	r := root("utopia iaca").drop(oidKeyUsage)
	if err := crlOf(r, 1).list(t).Verify(r.cert(t), false); err != nil {
		t.Error(err)
	}
}

func TestNewCRLsIsBounded(t *testing.T) {
	list := crlOf(root("utopia iaca"), 1).list(t)
	if s, err := NewCRLs(slices.Repeat([]*CRL{list}, MaxCRLs+1)...); s != nil || !errors.Is(err, ErrCRL) {
		t.Errorf("%v", err)
	}
}

func TestBuildCRL(t *testing.T) {
	ca := root("utopia iaca")
	r, key := ca.cert(t), keyOf("utopia iaca")
	ds := leaf("utopia ds", ca).cert(t)
	of := func(n int64, revoked ...RevokedCertificate) Revocations {
		return Revocations{Number: big.NewInt(n), ThisUpdate: forgeNow, NextUpdate: forgeNow.AddDate(0, 0, 30), Revoked: revoked}
	}
	empty, err := BuildCRL(of(1), r, key, rand.Reader)
	if err != nil || empty.Len() != 0 || empty.Warnings != nil {
		t.Fatalf("%+v, %v", empty, err)
	}
	full, err := BuildCRL(of(2, RevokedCertificate{ds.Cert.SerialNumber, forgeNow.Add(-time.Hour)}), r, key, rand.Reader)
	if err != nil || full.Supersedes(empty) != nil || full.Warnings != nil {
		t.Fatalf("%+v, %v", full, err)
	}
	if at, ok := full.RevokedAt(ds); !ok || !at.Equal(forgeNow.Add(-time.Hour)) {
		t.Errorf("%s, %v", at, ok)
	}
	// Another reader of lists reads the same.
	std, err := x509.ParseRevocationList(full.Raw)
	if err != nil || std.CheckSignatureFrom(r.Cert) != nil || len(std.RevokedCertificateEntries) != 1 || std.Number.Cmp(full.Number) != 0 {
		t.Errorf("crypto/x509: %+v, %v", std, err)
	}
	long := of(3)
	long.NextUpdate = forgeNow.AddDate(0, 0, 91)
	for name, bad := range map[string]Revocations{"no number": {ThisUpdate: forgeNow, NextUpdate: forgeNow.Add(time.Hour)}, "91 days": long,
		"ends at once": {Number: big.NewInt(1), ThisUpdate: forgeNow, NextUpdate: forgeNow}, "negative": of(-1),
		"no serial": of(1, RevokedCertificate{At: forgeNow}), "to come": of(1, RevokedCertificate{big.NewInt(5), forgeNow.Add(time.Second)})} {
		if c, err := BuildCRL(bad, r, key, rand.Reader); c != nil || !errors.Is(err, ErrProfile) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := BuildCRL(of(1), r, keyOf("other"), rand.Reader); err == nil {
		t.Error("signed with another key")
	}
}

// What is in a list is revoked and nothing else is, whatever the numbers.
func TestCRLHoldsExactlyItsEntries(t *testing.T) {
	ca := root("utopia iaca")
	r, key := ca.cert(t), keyOf("utopia iaca")
	rapid.Check(t, func(t *rapid.T) {
		serials := rapid.SliceOfNDistinct(rapid.Uint64Range(1, 1<<63), 0, 20, rapid.ID[uint64]).Draw(t, "serials")
		in := Revocations{Number: big.NewInt(1), ThisUpdate: forgeNow, NextUpdate: forgeNow.Add(time.Hour)}
		for _, n := range serials {
			in.Revoked = append(in.Revoked, RevokedCertificate{new(big.Int).SetUint64(n), forgeNow})
		}
		list, err := BuildCRL(in, r, key, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		var held []uint64
		for _, e := range list.Entries() {
			held = append(held, e.Serial.Uint64())
		}
		if slices.Sort(serials); !slices.Equal(held, serials) {
			t.Fatalf("holds %v, want %v", held, serials)
		}
		asked := rapid.Uint64Range(1, 1<<63).Draw(t, "asked")
		serial, err := asn1.Marshal(new(big.Int).SetUint64(asked))
		if err != nil {
			t.Fatal(err)
		}
		c := &Certificate{serial: serial[2:]}
		if _, ok := list.RevokedAt(c); ok != slices.Contains(serials, asked) || list.Len() != len(serials) {
			t.Fatalf("%d in %v: %v", asked, serials, ok)
		}
	})
}

// FuzzParseCRL: what fails gives nothing; what is read, crypto/x509 reads alike,
// and nobody signed it but the root whose list it grew from.
func FuzzParseCRL(f *testing.F) {
	r := root("utopia iaca")
	ca := r.cert(f)
	f.Add(crlOf(r, 1).der(f))
	f.Add(crlOf(r, 1).naming(leaf("utopia ds", r)).der(f))
	long := crlOf(r, 1)
	long.entry(leaf("utopia ds", r), ext(asn1.ObjectIdentifier{2, 5, 29, 21}, false, []byte{10, 1, 1}))
	f.Add(long.der(f))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := ParseCRL(raw)
		if err != nil {
			if c != nil || !errors.Is(err, ErrCRL) {
				t.Fatalf("%v, %v", c, err)
			}
			return
		}
		if !bytes.Equal(c.Raw, raw) || !bytes.Contains(raw, c.RawIssuer) || c.Number == nil || !c.NextUpdate.After(c.ThisUpdate) || c.Len() > MaxCRLEntries {
			t.Fatal("not the received list")
		}
		std, err := x509.ParseRevocationList(raw)
		if err != nil {
			return // names and extension contents that nothing here reads
		}
		if std.Number == nil || std.Number.Cmp(c.Number) != 0 || !std.ThisUpdate.Equal(c.ThisUpdate) || len(std.RevokedCertificateEntries) != c.Len() {
			t.Fatal("reads otherwise in crypto/x509")
		}
		if c.Verify(ca, false) == nil && std.CheckSignatureFrom(ca.Cert) != nil {
			t.Fatal("verifies here alone")
		}
	})
}

func TestNextNumber(t *testing.T) {
	now := time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)
	micro := now.UnixMicro()
	for _, tt := range []struct {
		name       string
		last, want int64
		age        time.Duration
	}{
		{"first", -1, micro, 0},
		{"of seconds", now.Unix(), micro, 0},
		{"of microseconds", micro - 1, micro, 0},
		{"same instant", micro, micro + 1, 0},
		{"above every clock", micro + 5, micro + 6 + 60, time.Minute},
		{"clock set back", micro + 5, micro + 6, -time.Minute},
	} {
		var last *CRL
		if tt.last >= 0 {
			last = &CRL{Number: big.NewInt(tt.last), ThisUpdate: now.Add(-tt.age)}
		}
		if got := NextNumber(last, now); got.Int64() != tt.want {
			t.Errorf("%s: %s, expected %d", tt.name, got, tt.want)
		}
		if last != nil && last.Number.Int64() != tt.last {
			t.Errorf("%s: the last one was changed", tt.name)
		}
	}
}
