package verification

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"vidimus/internal/cbor"
	"vidimus/internal/elements"
	"vidimus/internal/mdoc"
	"vidimus/internal/policy"
	"vidimus/internal/statuslist"
)

// together puts the documents of several responses into one.
func (w *world) together(responses ...[]byte) []byte {
	w.t.Helper()
	var documents []cbor.RawMessage
	for _, b := range responses {
		r, err := mdoc.ParseDeviceResponse(b)
		w.must(err)
		for _, d := range r.Documents {
			documents = append(documents, d.Raw)
		}
	}
	return cbor.MustMarshal(map[string]any{"version": "1.0", "status": 0, "documents": documents})
}

// pid shows an identity of the PID's doctype.
func (w *world) pid(change ...func(*licence)) []byte {
	w.t.Helper()
	l := &licence{world: w, signer: &w.DocumentSignerPID, copy: w.copyOf(5)}
	for _, f := range change {
		f(l)
	}
	values := map[string]any{"family_name": "Weber", "given_name": "Anouk", "birth_date": "1990-05-02", "nationality": []string{"UT"}, "issuing_country": "UT", "portrait": picture}
	ns := mdoc.NamespaceElements{NameSpace: elements.PIDNameSpace}
	var all []string
	for _, name := range []string{"family_name", "given_name", "birth_date", "nationality", "issuing_country", "portrait"} {
		row, ok := elements.PID.ByIdentifier(name)
		if !ok {
			w.t.Fatalf("no row %s", name)
		}
		item, err := row.Encode(values[name])
		w.must(err)
		ns.Elements = append(ns.Elements, mdoc.Element{Identifier: name, Value: item})
		all = append(all, name)
	}
	return w.present(w.sign(l, elements.PIDDocType, ns), map[string][]string{elements.PIDNameSpace: all})
}

var identityOfLicence = map[string][]string{elements.MDLNameSpace: {"portrait", "family_name", "given_name", "birth_date", "document_number", "issuing_country"}}

// Each document is judged by itself, and the report by the worst: nothing of
// one document speaks for another.
func TestSeveralDocuments(t *testing.T) {
	identity, _ := policy.Default().Profile("identity")
	for _, tt := range []struct {
		name    string
		show    func(*world, *Options) []byte
		colours []policy.Colour
		want    policy.Verdict
		reasons string // begins the first
	}{
		{"two alternatives, both good", func(w *world, o *Options) []byte {
			o.Profile = &identity
			return w.together(w.present(w.licence(), identityOfLicence), w.pid())
		}, []policy.Colour{policy.Green, policy.Green}, genuineVerdict, ""},
		{"one alternative alone", func(w *world, o *Options) []byte {
			o.Profile = &identity
			return w.pid()
		}, []policy.Colour{policy.Green}, genuineVerdict, ""},
		{"a good one, and one that was not asked for", func(w *world, o *Options) []byte {
			return w.together(w.present(w.licence(), asked), w.pid())
		}, []policy.Colour{policy.Green, policy.Amber}, with(func(v *policy.Verdict) { v.Entitlement = policy.CannotTell }), "document 2 of 2: entitlement: cannot tell (doc.requested"},
		{"face of one person, right of another", func(w *world, o *Options) []byte {
			return w.together(
				w.present(w.licence(), map[string][]string{elements.MDLNameSpace: {"portrait", "family_name", "given_name"}}),
				w.present(w.licence(), map[string][]string{elements.MDLNameSpace: {"driving_privileges"}}))
		}, []policy.Colour{policy.Amber, policy.Amber}, with(func(v *policy.Verdict) { v.Entitlement = policy.CannotTell }), "document 1 of 2: entitlement: cannot tell (req.satisfied"},
		{"two licences of one type, one revoked", func(w *world, o *Options) []byte {
			w.must(w.list.Set(6, statuslist.Invalid))
			return w.together(w.present(w.licence(), asked), w.present(w.licence(func(l *licence) { l.copy = w.copyOf(6) }), asked))
		}, []policy.Colour{policy.Green, policy.Red}, with(func(v *policy.Verdict) { v.Status = policy.Revoked }), "document 2 of 2: status: revoked (mso.status"},
		{"expired first, forged second: forged is told", func(w *world, o *Options) []byte {
			o.Now = w.Now.AddDate(0, 0, 14)
			o.Lists = w.lists(w.StatusSigner, o.Now)
			good := w.present(w.licence(), asked)
			return w.together(good, bytes.Replace(good, []byte("Weber"), []byte("Wober"), 1))
		}, []policy.Colour{policy.Red, policy.Red}, forgedVerdict, "document 2 of 2: authenticity: forged (mso.digest"},
		{"old list first, unknown issuer second", func(w *world, o *Options) []byte {
			o.Lists = w.lists(w.StatusSigner, w.Now.AddDate(0, 0, -3))
			other := newWorld(w.t)
			return w.together(w.present(w.licence(), asked), other.present(other.licence(), asked))
		}, []policy.Colour{policy.Amber, policy.Amber}, with(func(v *policy.Verdict) { *v = forgedVerdict; v.Authenticity = policy.UnknownIssuer }),
			"document 2 of 2: authenticity: unknown issuer (ia.path"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			o := w.options()
			response := tt.show(w, &o)
			r := DeviceResponse(response, o)
			sane(t, r)
			var colours []policy.Colour
			for _, d := range r.Documents {
				colours = append(colours, d.Colour)
			}
			if !slices.Equal(colours, tt.colours) || r.Verdict != tt.want {
				t.Errorf("%v, %+v\nwant %v, %+v\n%s", colours, r.Verdict, tt.colours, tt.want, strings.Join(r.Reasons, "\n"))
			}
			if tt.reasons != "" && (len(r.Reasons) == 0 || !strings.HasPrefix(r.Reasons[0], tt.reasons)) {
				t.Errorf("reasons %q, want first %q", r.Reasons, tt.reasons)
			}
		})
	}
}

// A document that cannot be read fails the whole, whatever stands beside it.
func TestMalformedBesideGood(t *testing.T) {
	w := newWorld(t)
	good := w.present(w.licence(), asked)
	parsed, err := mdoc.ParseDeviceResponse(good)
	w.must(err)
	r := DeviceResponse(cbor.MustMarshal(map[string]any{"version": "1.0", "status": 0, "documents": []any{cbor.RawMessage(parsed.Documents[0].Raw), map[string]any{"docType": elements.MDLDocType}}}), w.options())
	sane(t, r)
	if r.Verdict.Authenticity != policy.Forged || !slices.Equal(r.Failed(), []string{"cbor.strict"}) || len(r.Documents) != 1 || r.Documents[0].Colour != policy.Green {
		t.Errorf("%+v %v", r.Verdict, r.Reasons)
	}
	// Excuses of the holder are no evidence and change nothing.
	r = DeviceResponse(cbor.MustMarshal(map[string]any{"version": "1.0", "status": 0, "documents": []any{cbor.RawMessage(parsed.Documents[0].Raw)},
		"documentErrors": []any{map[string]any{elements.PIDDocType: 0}}}), w.options())
	sane(t, r)
	if r.Colour != policy.Green || len(r.Errors) != 1 {
		t.Errorf("%+v %v", r.Verdict, r.Reasons)
	}
	// A status other than 0 takes its documents along.
	r = DeviceResponse(cbor.MustMarshal(map[string]any{"version": "1.0", "status": 10, "documents": []any{cbor.RawMessage(parsed.Documents[0].Raw)}}), w.options())
	sane(t, r)
	if r.Colour != policy.Amber || len(r.Documents) > 0 || !slices.Equal(r.Failed(), []string{"resp.status"}) {
		t.Errorf("%+v %v", r.Verdict, r.Reasons)
	}
}

func TestIssuerSigned(t *testing.T) {
	w := newWorld(t)
	o := w.options()
	o.Profile = nil
	r := IssuerSigned(w.licence(), o)
	sane(t, r)
	want := with(func(v *policy.Verdict) { v.Authenticity, v.Entitlement = policy.HolderNotProven, policy.NotAsked })
	if r.Verdict != want || r.Err() != nil || len(r.Documents[0].IssuerSigned) != 13 {
		t.Errorf("%+v, %d elements, %v", r.Verdict, len(r.Documents[0].IssuerSigned), r.Err())
	}
	for _, b := range [][]byte{nil, {0xa0}, w.present(w.licence(), asked)} {
		r := IssuerSigned(b, o)
		sane(t, r)
		if r.Verdict.Authenticity != policy.Forged || r.Err() == nil {
			t.Errorf("%x: %+v", b[:min(len(b), 8)], r.Verdict)
		}
	}
}
