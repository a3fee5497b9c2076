package verification

import (
	"slices"
	"testing"
	"time"

	"vidimus/internal/mdoc"
	"vidimus/internal/policy"
	"vidimus/internal/statuslist"
	"vidimus/internal/trust"
)

// Every way in which a licence can fail at the roadside, with the verdict that
// an officer reads: no two of them may look the same.
func TestVerdicts(t *testing.T) {
	day := 24 * time.Hour
	genuine := policy.Verdict{Authenticity: policy.Genuine, Status: policy.Valid, Freshness: policy.WithinPolicy, Entitlement: policy.Yes}
	tests := []struct {
		name   string
		change func(*licence)
		reader func(*world, *Options)
		want   policy.Verdict
		failed []string
	}{
		{name: "genuine", want: genuine},
		{name: "expired", reader: func(w *world, o *Options) {
			o.Now = w.Now.Add(15 * day)
			o.Lists = w.lists(w.StatusSigner, o.Now)
		}, want: policy.Verdict{Authenticity: policy.Genuine, Status: policy.Expired, Freshness: policy.Old, Entitlement: policy.Yes}, failed: []string{"mso.validity"}}, // as the list of the signer
		{name: "not yet valid", reader: func(w *world, o *Options) { o.Now = w.Now.Add(-day) },
			want: policy.Verdict{Authenticity: policy.Genuine, Status: policy.NotYetValid, Freshness: policy.NotKnown, Entitlement: policy.Yes}, failed: []string{"mso.validity", "st.exp"}},
		{name: "revoked", reader: func(w *world, o *Options) { w.must(w.list.Set(5, statuslist.Invalid)) },
			want: policy.Verdict{Authenticity: policy.Genuine, Status: policy.Revoked, Freshness: policy.WithinPolicy, Entitlement: policy.Yes}, failed: []string{"mso.status"}},
		{name: "no list at hand", reader: func(w *world, o *Options) { o.Lists = nil },
			want: policy.Verdict{Authenticity: policy.Genuine, Status: policy.NotChecked, Freshness: policy.NotKnown, Entitlement: policy.Yes}},
		{name: "no network", reader: func(w *world, o *Options) { o.Lists = func(string) ([]byte, error) { return nil, errNoNetwork } },
			want: policy.Verdict{Authenticity: policy.Genuine, Status: policy.Unknown, Freshness: policy.NotKnown, Entitlement: policy.Yes}},
		{name: "old list", reader: func(w *world, o *Options) { o.Lists = w.lists(w.StatusSigner, w.Now.Add(-3*day)) },
			want: policy.Verdict{Authenticity: policy.Genuine, Status: policy.Valid, Freshness: policy.Old, Entitlement: policy.Yes}},
		{name: "list past its exp", reader: func(w *world, o *Options) { o.Lists = w.lists(w.StatusSigner, w.Now.Add(-15*day)) },
			want: policy.Verdict{Authenticity: policy.Genuine, Status: policy.Unknown, Freshness: policy.NotKnown, Entitlement: policy.Yes}, failed: []string{"st.exp"}},
		{name: "list of another authority", reader: func(w *world, o *Options) { o.Lists = w.lists(w.BundleSigner, w.Now) },
			want: policy.Verdict{Authenticity: policy.Genuine, Status: policy.Unknown, Freshness: policy.NotKnown, Entitlement: policy.Yes}, failed: []string{"st.path"}},
		{name: "index beyond the list", change: func(l *licence) { l.copy.Status.StatusList.Index = 1 << 10 },
			want: policy.Verdict{Authenticity: policy.Genuine, Status: policy.Unknown, Freshness: policy.NotKnown, Entitlement: policy.Yes}, failed: []string{"st.index"}},
		{name: "names no list", change: func(l *licence) { l.copy.Status = nil },
			want: policy.Verdict{Authenticity: policy.Genuine, Status: policy.Unknown, Freshness: policy.NotKnown, Entitlement: policy.Yes}},
		{name: "unknown issuer", reader: func(w *world, o *Options) { o.Trust = &trust.Store{} },
			want: policy.Verdict{Authenticity: policy.UnknownIssuer, Status: policy.Unknown, Freshness: policy.NotKnown, Entitlement: policy.CannotTell}, failed: []string{"ia.path"}},
		{name: "holder not proven", reader: func(w *world, o *Options) { o.Transcript = nil },
			want: policy.Verdict{Authenticity: policy.HolderNotProven, Status: policy.Valid, Freshness: policy.WithinPolicy, Entitlement: policy.Yes}},
		{name: "shown in another session", reader: func(w *world, o *Options) {
			other, err := mdoc.OpenID4VPTranscript("x509_hash:abc", "nonce-of-another-session", nil, "https://verifier.example/r")
			w.must(err)
			o.Transcript = other
		}, want: policy.Verdict{Authenticity: policy.Forged, Status: policy.Unknown, Freshness: policy.NotKnown, Entitlement: policy.CannotTell}, failed: []string{"da.sig"}},
		{name: "may not drive this", change: func(l *licence) { delete(l.values, "x") }, reader: func(w *world, o *Options) {
			p := *o.Profile
			p.Question.Driving = "D"
			o.Profile = &p
		}, want: policy.Verdict{Authenticity: policy.Genuine, Status: policy.Valid, Freshness: policy.WithinPolicy, Entitlement: policy.No}, failed: []string{"mdl.driving"}},
		{name: "signer certificate ran out", reader: func(w *world, o *Options) {
			// Trust in the path is judged now, not when the signer signed.
			o.Now = w.DocumentSignerMDL.Cert.NotAfter().Add(day)
		}, want: policy.Verdict{Authenticity: policy.Genuine, Status: policy.Expired, Freshness: policy.NotKnown, Entitlement: policy.Yes}, failed: []string{"ia.path", "mso.validity"}},
	}
	seen := map[policy.Verdict]string{}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			var changes []func(*licence)
			if tt.change != nil {
				changes = append(changes, tt.change)
			}
			response := w.present(w.licence(changes...), asked)
			o := w.options()
			if tt.reader != nil {
				tt.reader(w, &o)
			}
			r := DeviceResponse(response, o)
			sane(t, r)
			if r.Verdict != tt.want {
				t.Errorf("verdict %+v, want %+v\n%v", r.Verdict, tt.want, r.Reasons)
			}
			if got := r.Failed(); !slices.Equal(got, tt.failed) {
				t.Errorf("failed checks %v, want %v", got, tt.failed)
			}
			if (r.Colour == policy.Green) != (tt.name == "genuine") {
				t.Errorf("colour %s", r.Colour)
			}
			if r.Colour != policy.Green && len(r.Reasons) == 0 {
				t.Error("no reason for a verdict that is not green")
			}
			seen[tt.want] = tt.name
		})
	}
	if len(seen) < 9 {
		t.Errorf("only %d verdicts told apart", len(seen))
	}
}

func TestGenuineReport(t *testing.T) {
	w := newWorld(t)
	want := map[string][]string{"org.iso.18013.5.1": {"portrait", "family_name", "given_name", "driving_privileges", "document_number"}}
	r := DeviceResponse(w.present(w.licence(), want), w.options())
	if r.Err() != nil || len(r.Documents) != 1 {
		t.Fatal(r.Err())
	}
	d := r.Documents[0]
	if len(d.IssuerSigned) != 4 || !slices.Equal(d.Dropped, []string{"org.iso.18013.5.1 document_number"}) {
		t.Errorf("shown %d, dropped %v: what was not asked for must not be shown", len(d.IssuerSigned), d.Dropped)
	}
	if len(d.Driving) != 1 || d.Driving[0].Category != "B" || d.Driving[0].Answer != "yes" {
		t.Errorf("driving %+v", d.Driving)
	}
	if d.Trust.Anchor == "" || d.Trust.Signer == "" || d.Status.AsOf.IsZero() || d.Validity.Until.IsZero() {
		t.Errorf("not told on what it rests: %+v", d)
	}
	ids := map[string]bool{}
	for _, c := range d.Checks {
		if c.Clause == "" || c.Axis == "" {
			t.Errorf("check %s has no clause or axis", c.ID)
		}
		ids[c.ID] = true
	}
	for _, id := range []string{"doc.requested", "ia.path", "ia.eku", "ia.country", "ia.sig", "ia.header", "mso.format", "mso.doctype", "mso.digest", "mso.dup", "mso.validity", "mso.signed", "mso.outlives", "mso.tdate", "mso.status", "ds.revocation", "da.keyauth", "da.sig", "mdl.country", "req.satisfied", "cbor.strict", "cbor.canonical", "st.path", "st.sig", "st.sub", "st.exp", "st.index", "st.inflate"} {
		if !ids[id] {
			t.Errorf("check %s is missing from the report", id)
		}
	}
}

func TestSDJWTVerdicts(t *testing.T) {
	genuine := policy.Verdict{Authenticity: policy.Genuine, Status: policy.Valid, Freshness: policy.WithinPolicy, Entitlement: policy.NotAsked}
	tests := []struct {
		name   string
		reader func(*world, *Options)
		want   policy.Verdict
		failed []string
	}{
		{name: "genuine", want: genuine},
		{name: "revoked", reader: func(w *world, o *Options) { w.must(w.list.Set(7, statuslist.Invalid)) },
			want: policy.Verdict{Authenticity: policy.Genuine, Status: policy.Revoked, Freshness: policy.WithinPolicy, Entitlement: policy.NotAsked}, failed: []string{"sd.status"}},
		{name: "other nonce", reader: func(w *world, o *Options) { o.Nonce = "another" },
			want: policy.Verdict{Authenticity: policy.Forged, Status: policy.Unknown, Freshness: policy.NotKnown, Entitlement: policy.CannotTell}, failed: []string{"sd.nonce"}},
		{name: "other audience", reader: func(w *world, o *Options) { o.Audience = "x509_hash:zzz" },
			want: policy.Verdict{Authenticity: policy.Forged, Status: policy.Unknown, Freshness: policy.NotKnown, Entitlement: policy.CannotTell}, failed: []string{"sd.aud"}},
		{name: "looked at later", reader: func(w *world, o *Options) { o.Nonce, o.Audience = "", "" },
			want: policy.Verdict{Authenticity: policy.HolderNotProven, Status: policy.Valid, Freshness: policy.WithinPolicy, Entitlement: policy.NotAsked}},
		{name: "unknown issuer", reader: func(w *world, o *Options) { o.Trust = nil },
			want: policy.Verdict{Authenticity: policy.UnknownIssuer, Status: policy.Unknown, Freshness: policy.NotKnown, Entitlement: policy.CannotTell}, failed: []string{"sd.path"}},
		{name: "expired", reader: func(w *world, o *Options) { o.Now = w.Now.AddDate(0, 0, 14); o.Nonce, o.Audience = "", "" },
			want: policy.Verdict{Authenticity: policy.HolderNotProven, Status: policy.Expired, Freshness: policy.NotKnown, Entitlement: policy.NotAsked}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			shown := w.bind(w.identity(person()))
			o := w.sdOptions()
			if tt.reader != nil {
				tt.reader(w, &o)
			}
			r := SDJWT(shown, o)
			sane(t, r)
			if r.Verdict.Authenticity != tt.want.Authenticity || r.Verdict.Status != tt.want.Status {
				t.Errorf("verdict %+v, want %+v\n%v", r.Verdict, tt.want, r.Reasons)
			}
			for _, id := range tt.failed {
				if !slices.Contains(r.Failed(), id) {
					t.Errorf("failed checks %v, want %s", r.Failed(), id)
				}
			}
			if (r.Colour == policy.Green) != (tt.name == "genuine") {
				t.Errorf("colour %s: %v", r.Colour, r.Reasons)
			}
		})
	}
}
