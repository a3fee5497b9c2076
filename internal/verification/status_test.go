package verification

import (
	"crypto/rand"
	"slices"
	"testing"
	"time"

	"vidimus/internal/cose"
	"vidimus/internal/elements"
	"vidimus/internal/mdoc"
	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/policy"
	"vidimus/internal/statuslist"
	"vidimus/internal/trust"
)

const identifiersURI = "https://issuer.example/identifiers/1"

// identifiers publishes an identifier list beside the status list.
func (w *world) identifiers(o *Options, at time.Time, revoked ...string) {
	lists := o.Lists
	o.Lists = func(uri string) ([]byte, error) {
		if uri != identifiersURI {
			return lists(uri)
		}
		ids := [][]byte{[]byte("other")}
		for _, id := range revoked {
			ids = append(ids, []byte(id))
		}
		return statuslist.SignIdentifierList(ids, w.StatusSigner.Key, statuslist.Claims{Subject: uri, IssuedAt: at, Expires: at.AddDate(0, 0, 14)}, w.StatusSigner.Chain, rand.Reader)
	}
}

func both(l *licence) {
	l.copy.Status = &mdoc.Status{
		StatusList:     &mdoc.StatusListInfo{Index: 5, URI: listURI},
		IdentifierList: &mdoc.IdentifierListInfo{ID: []byte("copy-5"), URI: identifiersURI},
	}
}

// statusSigner is one more signer of lists.
func (w *world) statusSigner(issuer *pkitest.Entity) *pkitest.Entity {
	w.t.Helper()
	return w.MustIssue(w.t, pki.Template{Profile: pki.ProfileStatusSigner, Subject: pki.Name{Country: "UT", CommonName: "another status signer"}}, issuer)
}

// What a status list must be before it says anything of an mdoc.
func TestStatusOfMdoc(t *testing.T) {
	day := 24 * time.Hour
	unknown := with(func(v *policy.Verdict) { v.Status, v.Freshness = policy.Unknown, policy.NotKnown })
	revoked := with(func(v *policy.Verdict) { v.Status = policy.Revoked })
	for _, tt := range []struct {
		name   string
		change func(*licence)
		reader func(*world, *Options)
		failed []string
		want   policy.Verdict
	}{
		{name: "as published", want: genuineVerdict},
		{name: "in a JWT", reader: func(w *world, o *Options) { o.Lists = w.listsJWT(w.StatusSigner, w.Now) }, failed: []string{"st.sig"}, want: unknown},
		{name: "two bits an entry", reader: func(w *world, o *Options) {
			var err error
			w.list, err = statuslist.New(2, 1<<10)
			w.must(err)
		}, failed: []string{"st.index"}, want: unknown},
		{name: "without exp", reader: func(w *world, o *Options) {
			o.Lists = w.publish(w.Now, func(body *statuslist.Body, c statuslist.Claims) ([]byte, error) {
				c.Expires = time.Time{}
				return body.SignCWT(w.StatusSigner.Key, c, w.StatusSigner.Chain, rand.Reader)
			})
		}, failed: []string{"st.exp"}, want: unknown},
		{name: "chain not signed", reader: func(w *world, o *Options) {
			signed := o.Lists
			o.Lists = func(uri string) ([]byte, error) {
				data, err := signed(uri)
				w.must(err)
				msg, err := cose.ParseSign1(data)
				w.must(err)
				return cose.SignSign1(w.StatusSigner.Key, msg.Payload, cose.SignOptions{
					Protected:   map[any]any{cose.LabelType: "application/statuslist+cwt"},
					Unprotected: map[any]any{cose.LabelX5Chain: cose.X5ChainValue(w.StatusSigner.Chain)}, Tagged: true}, rand.Reader)
			}
		}, failed: []string{"st.sig"}, want: unknown},
		{name: "signed by the document signer", reader: func(w *world, o *Options) { o.Lists = w.lists(w.DocumentSignerMDL, w.Now) }, want: genuineVerdict},
		{name: "signed by a signer of other documents", reader: func(w *world, o *Options) { o.Lists = w.lists(w.DocumentSignerPID, w.Now) }, failed: []string{"st.path"}, want: unknown},
		{name: "signed below another anchor that is trusted for lists", reader: func(w *world, o *Options) {
			other := pkitest.NewWorld(w.t)
			w.must(o.Trust.Add(trust.Anchor{Cert: other.IACA.Cert, Source: "test", Scope: trust.Scope{
				Purposes: []trust.Purpose{trust.IssueMdoc, trust.StatusList}, DocTypes: []string{elements.MDLDocType}}}))
			o.Lists = w.lists(other.StatusSigner, w.Now)
		}, failed: []string{"st.path"}, want: unknown},
		{name: "signed by a holder", reader: func(w *world, o *Options) {
			o.Lists = w.lists(pkitest.Entity{Key: w.device}, w.Now)
		}, failed: []string{"st.path"}, want: unknown},
		{name: "an old list and a new list of identifiers", change: both, reader: func(w *world, o *Options) {
			o.Lists = w.lists(w.StatusSigner, w.Now.Add(-3*day))
			w.identifiers(o, w.Now)
		}, want: with(func(v *policy.Verdict) { v.Freshness = policy.Old })},
		{name: "a new list and an old list of identifiers", change: both, reader: func(w *world, o *Options) { w.identifiers(o, w.Now.Add(-3*day)) },
			want: with(func(v *policy.Verdict) { v.Freshness = policy.Old })},
		{name: "both new", change: both, reader: func(w *world, o *Options) { w.identifiers(o, w.Now) }, want: genuineVerdict},
		{name: "revoked by the identifier alone", change: both, reader: func(w *world, o *Options) { w.identifiers(o, w.Now, "copy-5") }, failed: []string{"mso.status"}, want: revoked},
		{name: "revoked by the index alone", change: both, reader: func(w *world, o *Options) {
			w.must(w.list.Set(5, statuslist.Invalid))
			w.identifiers(o, w.Now)
		}, failed: []string{"mso.status"}, want: revoked},
		{name: "the second list cannot be had", change: both, want: with(func(v *policy.Verdict) { v.Status, v.Freshness = policy.Unknown, policy.NotKnown })},
		{name: "the first list cannot be had", change: both, reader: func(w *world, o *Options) {
			w.identifiers(o, w.Now)
			lists := o.Lists
			o.Lists = func(uri string) ([]byte, error) {
				if uri == listURI {
					return nil, errNoNetwork
				}
				return lists(uri)
			}
		}, want: with(func(v *policy.Verdict) { v.Status, v.Freshness = policy.Unknown, policy.NotKnown })},
		{name: "revoked and expired", reader: func(w *world, o *Options) {
			w.must(w.list.Set(5, statuslist.Invalid))
			o.Now = w.Now.AddDate(0, 0, 14)
			o.Lists = w.lists(w.StatusSigner, o.Now)
		}, failed: []string{"mso.status", "mso.validity"}, want: with(func(v *policy.Verdict) { *v = revoked; v.Freshness = policy.Old })}, // the list of the signer is
		{name: "trust point in the reference", change: func(l *licence) { l.copy.Status.StatusList.Certificate = listCA(l.world).Cert.Raw },
			reader: func(w *world, o *Options) { o.Lists = w.lists(*w.statusSigner(listCA(w)), w.Now) }, want: genuineVerdict},
		{name: "trust point in the reference, list below the IACA", change: func(l *licence) { l.copy.Status.StatusList.Certificate = listCA(l.world).Cert.Raw },
			failed: []string{"st.path"}, want: unknown},
		{name: "list below a stranger, no trust point in the reference", reader: func(w *world, o *Options) { o.Lists = w.lists(*w.statusSigner(listCA(w)), w.Now) },
			failed: []string{"st.path"}, want: unknown},
		{name: "trust point in the reference is the list's signer", change: func(l *licence) { l.copy.Status.StatusList.Certificate = l.world.StatusSigner.Cert.Raw },
			failed: []string{"st.path"}, want: unknown},
		{name: "trust point in the reference is no certificate", change: func(l *licence) { l.copy.Status.StatusList.Certificate = []byte{0x30, 0} },
			failed: []string{"st.path"}, want: unknown},
		{name: "nothing but garbage", reader: func(w *world, o *Options) {
			o.Lists = func(string) ([]byte, error) { return []byte{0xd2, 0x84, 0x40, 0xa0, 0x40, 0x40}, nil }
		}, failed: []string{"st.sig"}, want: unknown},
		{name: "no bytes", reader: func(w *world, o *Options) { o.Lists = func(string) ([]byte, error) { return nil, nil } }, failed: []string{"st.sig"}, want: unknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			change := tt.change
			if change == nil {
				change = func(*licence) {}
			}
			response := w.present(w.licence(change), asked)
			o := w.options()
			if tt.reader != nil {
				tt.reader(w, &o)
			}
			r := alike(t, o, func(o Options) *Report { return DeviceResponse(response, o) })
			sane(t, r)
			failed := r.Failed()
			slices.Sort(failed)
			if !slices.Equal(failed, tt.failed) || r.Verdict != tt.want {
				t.Errorf("failed %v, verdict %+v\nwant %v, %+v\n%v", failed, r.Verdict, tt.failed, tt.want, r.Reasons)
			}
		})
	}
}

// Below one anchor there may be authorities of several issuers: only the one
// that signed the document's signer speaks for its copies.
func TestListBelowAnotherAuthority(t *testing.T) {
	f := newForgery(t)
	root := f.authority(nil, []string{"UT"})
	roads, others := f.authorityOf(root, "roads"), f.authorityOf(root, "others")
	noCRLs(&f.options)
	f.options.Trust = f.trusting(root)
	signer := f.leafOf(roads, pki.OIDMdlDS)
	f.signer, f.unprotected[33] = signer.Key, cose.X5ChainValue(signer.Chain)
	response := f.assemble()
	for name, by := range map[string]*pkitest.Entity{"same": roads, "another": others, "the root": root} {
		f.options.Lists = f.lists(*f.leafOf(by, pki.OIDStatusSigner), f.Now)
		r := DeviceResponse(response, f.options)
		sane(t, r)
		want := policy.Amber
		if name == "same" {
			want = policy.Green
		}
		if r.Colour != want {
			t.Errorf("%s authority: %s %v", name, r.Colour, r.Reasons)
		}
	}
	// Without the authority's own certificate beside it, too.
	list := f.leafOf(roads, pki.OIDStatusSigner)
	list.Chain = list.Chain[:1]
	f.options.Lists = f.lists(*list, f.Now)
	if r := DeviceResponse(response, f.options); r.Colour != policy.Green {
		t.Errorf("%s %v", r.Colour, r.Reasons)
	}
}

// listCA is an authority for lists alone, of the issuer's choice.
func listCA(w *world) *pkitest.Entity {
	if w.listAuthority == nil {
		w.listAuthority = w.MustIssue(w.t, pki.Template{Profile: pki.ProfileIACA, Subject: pki.Name{Country: "UT", CommonName: "list authority"}}, nil)
	}
	return w.listAuthority
}

// A reference is followed only when a trusted issuer has signed it: another
// would learn who reads here.
func TestStrangersReferenceIsNotFollowed(t *testing.T) {
	for name, try := range map[string]func(*forgery){
		"signature of a stranger, certificate of a signer": func(f *forgery) { f.signer = f.device },
		"unknown issuer":            func(f *forgery) { f.options.Trust = nil },
		"value changed":             func(f *forgery) { f.edit(elements.MDLNameSpace, 0, func(i map[string]any) { i["elementValue"] = "x" }) },
		"shown in another session":  func(f *forgery) { f.options.Transcript = f.world.transcript() },
		"signer that has run out":   func(f *forgery) { f.options.Now = f.DocumentSignerMDL.Cert.NotAfter().Add(time.Hour) },
		"a MAC with a wrong secret": func(f *forgery) { f.mac = true; f.reader = otherKey(f) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newForgery(t)
			try(f)
			asked := ""
			f.options.Lists = func(uri string) ([]byte, error) { asked = uri; return nil, errNoNetwork }
			r := f.report()
			sane(t, r)
			if asked != "" {
				t.Errorf("%s was asked: %v", asked, r.Reasons)
			}
			if r.Colour == policy.Green {
				t.Error("green")
			}
		})
	}
}

// Every date is compared to the second, with the same tolerance of 60 s at
// both ends, and none for certificates.
func TestClockEdges(t *testing.T) {
	f := newForgery(t)
	response := f.assemble()
	skew := time.Minute
	from, until := f.validity["validFrom"].(interface{ Unix() int64 }), f.validity["validUntil"].(interface{ Unix() int64 })
	mdocAt := func(now time.Time) policy.Status {
		o := f.options
		noCRLs(&o) // they have edges of their own
		o.Now, o.Lists = now, f.lists(f.StatusSigner, now)
		return DeviceResponse(response, o).Verdict.Status
	}
	listAt := func(issued time.Duration) func(time.Time) policy.Status {
		return func(now time.Time) policy.Status {
			o := f.options
			o.Lists = f.lists(f.StatusSigner, now.Add(-issued))
			o.Now = f.Now
			return DeviceResponse(response, o).Verdict.Status
		}
	}
	compact := f.identity(person())
	// Without a transaction the proof of the holder has no age.
	sdLater := func(now time.Time) policy.Status {
		o := f.sdOptions()
		noCRLs(&o)
		o.Now, o.Lists, o.Nonce, o.Audience = now, f.listsJWT(f.StatusSigner, now), "", ""
		return SDJWT(compact, o).Documents[0].Verdict.Status
	}
	at := func(v interface{ Unix() int64 }) time.Time { return time.Unix(v.Unix(), 0).UTC() }
	expires := at(until) // of the SD-JWT too
	for _, edge := range []struct {
		name       string
		status     func(time.Time) policy.Status
		at         time.Time
		before, on policy.Status
		after      policy.Status
	}{
		{"validFrom less the skew", mdocAt, at(from).Add(-skew), policy.NotYetValid, policy.Valid, policy.Valid},
		{"validUntil and the skew", mdocAt, at(until).Add(skew), policy.Valid, policy.Valid, policy.Expired},
		{"nbf less the skew", sdLater, at(from).Add(-skew), policy.NotYetValid, policy.Valid, policy.Valid},
		{"exp and the skew", sdLater, expires.Add(skew), policy.Valid, policy.Expired, policy.Expired},
		{"exp of the list and the skew", listAt(14*24*time.Hour + skew), f.Now, policy.Unknown, policy.Unknown, policy.Valid},
		{"iat of the list less the skew", listAt(-skew), f.Now, policy.Valid, policy.Valid, policy.Unknown},
	} {
		for i, want := range []policy.Status{edge.before, edge.on, edge.after} {
			if got := edge.status(edge.at.Add(time.Duration(i-1) * time.Second)); got != want {
				t.Errorf("%s %+d s: %s, want %s", edge.name, i-1, got, want)
			}
		}
	}
	ds := f.DocumentSignerMDL.Cert.NotAfter()
	for i, want := range []Result{Pass, Pass, Fail} {
		o := f.options
		o.Now = ds.Add(time.Duration(i-1) * time.Second)
		if got := check(DeviceResponse(response, o), "ia.path"); got.Result != want {
			t.Errorf("end of the document signer %+d s: %s, want %s", i-1, got.Result, want)
		}
	}
}
