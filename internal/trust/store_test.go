package trust

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
)

const (
	mdlType = "org.iso.18013.5.1.mDL"
	pidType = "eu.europa.ec.eudi.pid.1"
	pidVCT  = "urn:eudi:pid:1"
)

func TestAnchorsByPurposeAndType(t *testing.T) {
	w := pkitest.NewWorld(t)
	june, may := w.Now, w.Now.AddDate(0, -1, 0)
	var s Store
	for _, a := range []Anchor{
		{w.IACA.Cert, Scope{[]Purpose{IssueMdoc, StatusList}, []string{mdlType}, nil}, "a", june},
		{w.IACA.Cert, Scope{[]Purpose{IssueMdoc, IssueSDJWT}, []string{pidType}, []string{pidVCT}}, "b", may},
		{w.ReaderCA.Cert, Scope{Purposes: []Purpose{Reader}}, "c", time.Time{}},
		{w.VICALRoot.Cert, Scope{Purposes: []Purpose{VICAL, StatusList}}, "d", time.Time{}},
	} {
		if err := s.Add(a); err != nil {
			t.Fatal(err)
		}
	}
	iaca, readers, lists := w.IACA.Cert, w.ReaderCA.Cert, w.VICALRoot.Cert
	for _, tt := range []struct {
		p    Purpose
		typ  string
		want []*pki.Certificate
	}{
		{IssueMdoc, mdlType, []*pki.Certificate{iaca}},
		{IssueMdoc, pidType, []*pki.Certificate{iaca}},
		{IssueMdoc, pidVCT, nil},
		{IssueMdoc, "", nil},
		{IssueMdoc, "org.iso.18013.5.1", nil},
		{IssueMdoc, strings.ToLower(mdlType), nil},
		{IssueMdoc, mdlType + " ", nil},
		{IssueSDJWT, pidVCT, []*pki.Certificate{iaca}},
		{IssueSDJWT, pidType, nil},
		{IssueSDJWT, mdlType, nil},
		{StatusList, mdlType, []*pki.Certificate{iaca, lists}},
		{StatusList, pidVCT, []*pki.Certificate{lists}},
		{StatusList, "", []*pki.Certificate{iaca, lists}},
		{Reader, "", []*pki.Certificate{readers}},
		{Reader, mdlType, []*pki.Certificate{readers}},
		{VICAL, "", []*pki.Certificate{lists}},
		{Bundle, "", nil},
	} {
		if got := s.Anchors(tt.p, tt.typ); !slices.Equal(got, tt.want) {
			t.Errorf("%s %q: %v", tt.p, tt.typ, got)
		}
	}
	if !s.AsOf().Equal(may) {
		t.Errorf("as of %v", s.AsOf())
	}
	var other Store
	other.Merge(&s)
	all := other.All()
	all[0].DocTypes[0] = "changed"
	if len(all) != 4 || len(other.Anchors(IssueMdoc, mdlType)) != 1 || len(s.Anchors(IssueMdoc, mdlType)) != 1 {
		t.Error("Merge or All share what they should copy")
	}
	var none *Store
	if none.Anchors(IssueMdoc, mdlType) != nil || none.All() != nil || !none.AsOf().IsZero() {
		t.Error("a nil store knows something")
	}
}

func TestBadInputs(t *testing.T) {
	w := pkitest.NewWorld(t)
	mdl := Scope{Purposes: []Purpose{IssueMdoc}, DocTypes: []string{mdlType}}
	for _, tt := range []struct {
		name, text string
		anchor     Anchor
	}{
		{"X02/document_signer_as_anchor", "not a CA", Anchor{Cert: w.DocumentSignerMDL.Cert, Scope: mdl}},
		{"X02/reader_as_anchor", "not a CA", Anchor{Cert: w.Reader.Cert, Scope: Scope{Purposes: []Purpose{Reader}}}},
		{"X02/status_signer_as_anchor", "not a CA", Anchor{Cert: w.StatusSigner.Cert, Scope: Scope{Purposes: []Purpose{StatusList}}}},
		{"X02/no_certificate", "no certificate", Anchor{Scope: mdl}},
		{"X02/no_purpose", "no purpose", Anchor{Cert: w.IACA.Cert}},
		{"X02/unknown_purpose", "unknown purpose", Anchor{Cert: w.IACA.Cert, Scope: Scope{Purposes: []Purpose{"issue"}, DocTypes: []string{mdlType}}}},
		{"X02/trusted_for_every_doctype", "without doctypes", Anchor{Cert: w.IACA.Cert, Scope: Scope{Purposes: []Purpose{IssueMdoc}}}},
		{"X02/trusted_for_every_vct", "without vcts", Anchor{Cert: w.IACA.Cert, Scope: Scope{Purposes: []Purpose{IssueSDJWT}, DocTypes: []string{mdlType}}}},
		{"X02/empty_doctype", "empty doctype", Anchor{Cert: w.IACA.Cert, Scope: Scope{Purposes: []Purpose{IssueMdoc}, DocTypes: []string{""}}}},
		{"X02/too_many_types", "more than", Anchor{Cert: w.IACA.Cert, Scope: Scope{Purposes: []Purpose{IssueMdoc}, DocTypes: slices.Repeat([]string{"x"}, maxTypes+1)}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var s Store
			if err := s.Add(tt.anchor); !errors.Is(err, ErrAnchor) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("added: %v", err)
			}
			if len(s.All()) != 0 {
				t.Error("something was added")
			}
		})
	}
	t.Run("X02/leaf_in_the_folder", func(t *testing.T) {
		s, err := LoadFS(fstest.MapFS{
			"iaca.pem": {Data: pki.EncodePEM(w.IACA.Cert)}, "ds.pem": {Data: pki.EncodePEM(w.DocumentSignerMDL.Cert)},
			"pid.pem": {Data: pki.EncodePEM(w.DocumentSignerPID.Cert)},
		}, mdl)
		if s != nil || !errors.Is(err, ErrAnchor) || !strings.Contains(err.Error(), "ds.pem") || !strings.Contains(err.Error(), "pid.pem") ||
			!strings.Contains(err.Error(), "not a CA") {
			t.Errorf("loaded: %v", err)
		}
	})
	t.Run("M06/state_of_A_signs_for_B", func(t *testing.T) { // an IACA of driving licences signs no identities
		var s Store
		if err := s.Add(Anchor{Cert: w.IACA.Cert, Scope: mdl}); err != nil {
			t.Fatal(err)
		}
		_, err := pki.Validate(w.DocumentSignerPID.Chain, s.Anchors(IssueMdoc, pidType), pki.PathOptions{Now: w.Now})
		if !errors.Is(err, pki.ErrUntrusted) {
			t.Errorf("trusted: %v", err)
		}
	})
}

func TestLoadFolder(t *testing.T) {
	w := pkitest.NewWorld(t)
	yes := fstest.MapFS{
		"trust.yaml": {Data: []byte(`as_of: 2026-06-01T00:00:00Z
anchors:
  iaca-ut.pem: {purposes: [issue-mdoc, status-list], doctypes: [org.iso.18013.5.1.mDL]}
  "pid/*.crt": {purposes: [issue-mdoc, issue-sd-jwt], doctypes: [eu.europa.ec.eudi.pid.1], vcts: ["urn:eudi:pid:1"]}
  "pid/named.crt": {purposes: [issue-sd-jwt], vcts: ["urn:example:1"]}
`)},
		"iaca-ut.pem":     {Data: pki.EncodePEM(w.IACA.Cert)},
		"pid/a.crt":       {Data: pki.EncodePEM(w.IACA.Cert, w.AccessCA.Cert)},
		"pid/named.crt":   {Data: pki.EncodePEM(w.IACA.Cert)},
		"other/rest.der":  {Data: w.ReaderCA.Cert.Raw},
		"README.md":       {Data: []byte("anchors of Utopia")},
		".hidden/old.pem": {Data: []byte("not looked at")},
		".DS_Store":       {Data: []byte("not looked at")},
	}
	s, err := LoadFS(yes, Scope{Purposes: []Purpose{Reader}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range s.All() {
		got = append(got, a.Source+" "+string(a.Purposes[0])+" "+a.Cert.Cert.Subject.CommonName)
	}
	want := []string{
		"iaca-ut.pem issue-mdoc Utopia IACA", "other/rest.der reader Utopia Reader CA", "pid/a.crt issue-mdoc Utopia IACA",
		"pid/a.crt issue-mdoc Utopia Access CA", "pid/named.crt issue-sd-jwt Utopia IACA",
	}
	if !slices.Equal(got, want) {
		t.Errorf("anchors\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if !s.AsOf().Equal(time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("as of %v", s.AsOf())
	}

	good := pki.EncodePEM(w.IACA.Cert)
	with := func(table string, files ...string) fstest.MapFS {
		m := fstest.MapFS{}
		if table != "" {
			m["trust.yaml"] = &fstest.MapFile{Data: []byte(table)}
		}
		for _, f := range files {
			m[f] = &fstest.MapFile{Data: good}
		}
		return m
	}
	const one = "anchors:\n  iaca.pem: {purposes: [reader]}\n"
	for name, tt := range map[string]struct {
		fs   fstest.MapFS
		text string
	}{
		"empty folder":        {fstest.MapFS{}, "no certificate file"},
		"not named":           {with(one, "iaca.pem", "second.pem"), "second.pem: not named in trust.yaml"},
		"no table":            {with("", "iaca.pem"), "iaca.pem: not named"},
		"names nothing":       {with(one+"  gone.pem: {purposes: [reader]}\n", "iaca.pem"), `"gone.pem", which fits no`},
		"two patterns":        {with("anchors:\n  \"i*.pem\": {purposes: [reader]}\n  \"*a.pem\": {purposes: [vical]}\n", "iaca.pem"), "fits both"},
		"unknown key":         {with("anchors:\n  iaca.pem: {purpose: [reader]}\n", "iaca.pem"), "purpose not found"},
		"key twice":           {with(one+"  iaca.pem: {purposes: [vical]}\n", "iaca.pem"), "already defined"},
		"unknown purpose":     {with("anchors:\n  iaca.pem: {purposes: [everything]}\n", "iaca.pem"), "unknown purpose"},
		"all doctypes":        {with("anchors:\n  iaca.pem: {purposes: [issue-mdoc]}\n", "iaca.pem"), "without doctypes"},
		"bad pattern":         {with("anchors:\n  \"[.pem\": {purposes: [reader]}\n", "iaca.pem"), "no pattern"},
		"two documents":       {with(one+"---\n"+one, "iaca.pem"), "more than one YAML document"},
		"not YAML":            {with("anchors: [", "iaca.pem"), "trust.yaml"},
		"foreign file":        {with(one, "iaca.pem", "iaca.pem.bak"), "iaca.pem.bak: neither"},
		"key in the folder":   {fstest.MapFS{"trust.yaml": {Data: []byte(one)}, "iaca.pem": {Data: append(slices.Clone(good), "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"...)}}, "PRIVATE KEY"},
		"not a certificate":   {fstest.MapFS{"trust.yaml": {Data: []byte(one)}, "iaca.pem": {Data: []byte("hello")}}, "no PEM certificate"},
		"DER that is PEM":     {fstest.MapFS{"trust.yaml": {Data: []byte(strings.ReplaceAll(one, ".pem", ".der"))}, "iaca.der": {Data: good}}, "iaca.der"},
		"too large":           {fstest.MapFS{"trust.yaml": {Data: []byte(one)}, "iaca.pem": {Data: make([]byte, maxFileBytes+1)}}, "larger than"},
		"too deep":            {with("", "a/b/c/d/iaca.pem"), "deeper than"},
		"table in sub-folder": {with(one, "iaca.pem", "sub/trust.yaml"), "sub/trust.yaml: neither"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := LoadFS(tt.fs, Scope{})
			if s != nil || err == nil || !(errors.Is(err, ErrFolder) || errors.Is(err, ErrAnchor)) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("%v", err)
			}
		})
	}
	if s, err := LoadDir(t.TempDir()+"/missing", Scope{}); s != nil || err == nil {
		t.Errorf("a missing folder: %v", err)
	}
}

// Answers are remembered, and forgotten when an anchor comes.
func TestAnchorsAfterAdd(t *testing.T) {
	w := pkitest.NewWorld(t)
	s := &Store{}
	scope := Scope{Purposes: []Purpose{IssueMdoc}, DocTypes: []string{"a"}}
	add := func(a Anchor) {
		t.Helper()
		if err := s.Add(a); err != nil {
			t.Fatal(err)
		}
	}
	if s.Anchors(IssueMdoc, "a") != nil {
		t.Error("of an empty store")
	}
	add(Anchor{Cert: w.IACA.Cert, Scope: scope, Source: "one"})
	add(Anchor{Cert: w.IACA.Cert, Scope: scope, Source: "two"})
	if got := s.Anchors(IssueMdoc, "a"); len(got) != 1 || cap(got) != 1 {
		t.Errorf("%d anchors", len(got))
	}
	add(Anchor{Cert: w.ReaderCA.Cert, Scope: scope, Source: "three"})
	if got := s.Anchors(IssueMdoc, "a"); len(got) != 2 {
		t.Errorf("%d anchors after one came", len(got))
	}
	var other Store
	other.Merge(s)
	s.Merge(&other)
	if got := s.Anchors(IssueMdoc, "a"); len(got) != 2 {
		t.Errorf("%d anchors after a merge", len(got))
	}
	if a, ok := s.Find(w.IACA.Cert, IssueMdoc, "a"); !ok || a.Source != "one" {
		t.Errorf("%+v", a)
	}
	if _, ok := s.Find(w.IACA.Cert, IssueMdoc, "b"); ok {
		t.Error("found for another type")
	}
	if _, ok := (*Store)(nil).Find(w.IACA.Cert, IssueMdoc, "a"); ok {
		t.Error("found in no store")
	}
}
