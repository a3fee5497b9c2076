package wallet_test

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vidimus/internal/cbor"
	"vidimus/internal/elements"
	"vidimus/internal/fetch"
	"vidimus/internal/mdoc"
	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/proximity"
	"vidimus/internal/trust"
	"vidimus/internal/verification"
	"vidimus/internal/wallet"
)

// readers trusts the reader CA of the world.
func (w *world) readers() *trust.Store {
	w.t.Helper()
	s := &trust.Store{}
	w.must(s.Add(trust.Anchor{Cert: w.pki.ReaderCA.Cert, Source: "test", Scope: trust.Scope{Purposes: []trust.Purpose{trust.Reader}}}))
	return s
}

func asReader(e pkitest.Entity) *mdoc.Reader { return &mdoc.Reader{Signer: e.Key, Chain: e.Chain} }

// items makes a request for elements of one namespace; those that begin with
// "+" are to be retained.
func items(docType, nameSpace string, identifiers ...string) mdoc.ItemsRequest {
	r := mdoc.ItemsRequest{DocType: docType, NameSpaces: []mdoc.RequestedNameSpace{{Name: nameSpace}}}
	for _, id := range identifiers {
		name, retain := strings.CutPrefix(id, "+")
		r.NameSpaces[0].Elements = append(r.NameSpaces[0].Elements, mdoc.RequestedElement{Identifier: name, IntentToRetain: retain})
	}
	return r
}

func licence(identifiers ...string) mdoc.ItemsRequest {
	return items(elements.MDLDocType, elements.MDLNameSpace, identifiers...)
}

// A whole session as at the roadside: QR, encryption, a signed request, consent,
// the answer, a green report.
func TestSession(t *testing.T) {
	for _, tt := range []struct {
		name string
		mac  bool
		by   *mdoc.Reader
		want wallet.ReaderState
	}{
		{"signature, anonymous reader", false, nil, wallet.ReaderAnonymous},
		{"MAC, known reader", true, &mdoc.Reader{}, wallet.ReaderKnown},
		{"signature, known reader", false, &mdoc.Reader{}, wallet.ReaderKnown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := holding(t, 2)
			by := tt.by
			if by != nil {
				by = asReader(w.pki.Reader)
			}
			engagement, private, err := proximity.NewEngagement(proximity.Options{BLE: &proximity.BLE{CentralClient: true}}, rand.Reader)
			w.must(err)
			holder, err := proximity.NewHolder(engagement, private)
			w.must(err)
			scanned, err := proximity.ParseEngagementURI(engagement.URI())
			w.must(err)
			reader, err := proximity.NewReader(scanned, rand.Reader)
			w.must(err)
			defer reader.Close()

			var asked wallet.Inquiry
			session := wallet.Session{Wallet: w.wallet, Readers: w.readers(), Consent: func(q wallet.Inquiry) func(wallet.AskedDocument, wallet.AskedElement) bool {
				asked = q
				return wallet.AgreeToAll(q)
			}}
			if tt.mac {
				session.ReaderKey = holder.ReaderKey
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			readerEnd, holderEnd := proximity.Pipe()
			done := make(chan error)
			go func() { done <- proximity.RunHolder(ctx, holderEnd, holder, session.Answer) }()
			request, err := mdoc.BuildDeviceRequest([]mdoc.ItemsRequest{licence("portrait", "family_name", "given_name", "driving_privileges")},
				mdoc.RequestOptions{Reader: by, Transcript: reader.Transcript()}, rand.Reader)
			w.must(err)
			response, err := proximity.RunReader(ctx, readerEnd, reader, request)
			w.must(err)
			w.must(<-done)

			opt := w.verifier("right-to-drive", fetch.TypeStatusListCWT)
			opt.Transcript, opt.ReaderKey = reader.Transcript(), reader.Key()
			report := verification.DeviceResponse(response, opt)
			w.green(report)
			id := "da.sig"
			if tt.mac {
				id = "da.mac"
			}
			if !slices.ContainsFunc(report.Documents[0].Checks, func(c verification.Check) bool { return c.ID == id && c.Result == verification.Pass }) {
				t.Errorf("no %s", id)
			}
			if r := asked.Documents[0].Reader; r.State != tt.want || (r.State == wallet.ReaderKnown) != (r.Name != "" && r.Reason == "") {
				t.Errorf("%+v", r)
			}
		})
	}
}

// ask answers a request outside a session, and gives what was asked and what
// came back.
func (w *world) ask(s wallet.Session, opt mdoc.RequestOptions, requests ...mdoc.ItemsRequest) (wallet.Inquiry, *mdoc.DeviceResponse) {
	w.t.Helper()
	if opt.Transcript == nil {
		opt.Transcript = transcript(w.t)
	}
	request, err := mdoc.BuildDeviceRequest(requests, opt, rand.Reader)
	w.must(err)
	var asked wallet.Inquiry
	consent := s.Consent
	s.Wallet, s.Consent = w.wallet, func(q wallet.Inquiry) func(wallet.AskedDocument, wallet.AskedElement) bool {
		asked = q
		if consent == nil {
			return nil
		}
		return consent(q)
	}
	response, err := s.Answer(request, transcript(w.t))
	w.must(err)
	r, err := mdoc.ParseDeviceResponse(response)
	w.must(err)
	if f := r.Verify(); mdoc.Failed(f) {
		w.t.Errorf("%+v", f)
	}
	return asked, r
}

// shown lists the elements of a response as "docType identifier", and its errors
// as "docType" or "docType -identifier".
func shown(r *mdoc.DeviceResponse) (got, errs []string) {
	for _, d := range r.Documents {
		for _, ns := range d.IssuerSigned.NameSpaces {
			for _, item := range ns.Items {
				got = append(got, d.DocType+" "+item.ElementIdentifier)
			}
		}
		for _, e := range d.Errors {
			errs = append(errs, d.DocType+" -"+e.Identifier)
		}
	}
	for _, e := range r.DocumentErrors {
		errs = append(errs, e.DocType)
	}
	slices.Sort(got)
	slices.Sort(errs)
	return got, errs
}

// Only what was asked for and agreed to comes back, errors for the rest.
func TestAnswer(t *testing.T) {
	const mdl, pid = elements.MDLDocType, elements.PIDDocType
	refusing := func(names ...string) wallet.Consent {
		return func(wallet.Inquiry) func(wallet.AskedDocument, wallet.AskedElement) bool {
			return func(_ wallet.AskedDocument, e wallet.AskedElement) bool { return !slices.Contains(names, e.Asked) }
		}
	}
	for _, tt := range []struct {
		name     string
		consent  wallet.Consent
		requests []mdoc.ItemsRequest
		want     []string
		errs     []string
	}{
		{"all agreed", wallet.AgreeToAll, []mdoc.ItemsRequest{licence("family_name", "birth_date")}, []string{mdl + " birth_date", mdl + " family_name"}, nil},
		{"one withheld", refusing("birth_date"), []mdoc.ItemsRequest{licence("family_name", "birth_date")}, []string{mdl + " family_name"}, []string{mdl + " -birth_date"}},
		{"all withheld", refusing("family_name"), []mdoc.ItemsRequest{licence("family_name")}, nil, []string{mdl}},
		{"no consent", nil, []mdoc.ItemsRequest{licence("family_name")}, nil, []string{mdl}},
		{"not held element", wallet.AgreeToAll, []mdoc.ItemsRequest{licence("family_name", "shoe_size")}, []string{mdl + " family_name"}, []string{mdl + " -shoe_size"}},
		{"nothing of it held", wallet.AgreeToAll, []mdoc.ItemsRequest{licence("shoe_size")}, nil, []string{mdl}},
		{"other namespace", wallet.AgreeToAll, []mdoc.ItemsRequest{items(mdl, "org.example", "family_name")}, nil, []string{mdl}},
		{"not held document", wallet.AgreeToAll, []mdoc.ItemsRequest{items("org.example.fishing", "org.example", "rods"), licence("family_name")}, []string{mdl + " family_name"}, []string{"org.example.fishing"}},
		{"two documents", wallet.AgreeToAll, []mdoc.ItemsRequest{items(pid, elements.PIDNameSpace, "family_name"), licence("portrait")}, []string{pid + " family_name", mdl + " portrait"}, nil},
		{"one of two documents", refusing("portrait"), []mdoc.ItemsRequest{items(pid, elements.PIDNameSpace, "family_name"), licence("portrait")}, []string{pid + " family_name"}, []string{mdl}},
		{"one document twice", wallet.AgreeToAll, []mdoc.ItemsRequest{licence("portrait"), licence("family_name")}, []string{mdl + " family_name", mdl + " portrait"}, nil},
		{"one document twice, one refused", refusing("portrait"), []mdoc.ItemsRequest{licence("portrait"), licence("family_name")}, []string{mdl + " family_name"}, nil},
		{"the same twice, not held", wallet.AgreeToAll, []mdoc.ItemsRequest{items("x", "x", "x"), items("x", "x", "x")}, nil, []string{"x"}},
		{"nearest age", wallet.AgreeToAll, []mdoc.ItemsRequest{licence("age_over_19")}, []string{mdl + " age_over_21"}, nil},
		{"age refused", refusing("age_over_19"), []mdoc.ItemsRequest{licence("age_over_19", "portrait")}, []string{mdl + " portrait"}, []string{mdl + " -age_over_19"}},
		{"one age for two", wallet.AgreeToAll, []mdoc.ItemsRequest{licence("age_over_19", "age_over_20")}, []string{mdl + " age_over_21"}, nil},
		{"one age refused and shown for another", refusing("age_over_21"), []mdoc.ItemsRequest{licence("age_over_21", "age_over_20")}, []string{mdl + " age_over_21"}, nil},
		{"two ages of two requests, no more", wallet.AgreeToAll, []mdoc.ItemsRequest{licence("age_over_18", "age_over_60"), licence("age_over_65", "portrait")},
			[]string{mdl + " age_over_18", mdl + " age_over_60", mdl + " portrait"}, []string{mdl + " -age_over_65"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := holding(t, 2)
			_, r := w.ask(wallet.Session{Consent: tt.consent}, mdoc.RequestOptions{}, tt.requests...)
			got, errs := shown(r)
			slices.Sort(tt.want)
			slices.Sort(tt.errs)
			if d := cmp.Diff(tt.want, got) + cmp.Diff(tt.errs, errs); d != "" {
				t.Error(d)
			}
			w.usesAre(len(r.Documents))
		})
	}
}

func (w *world) usesAre(want int) {
	w.t.Helper()
	list, err := w.store.List()
	w.must(err)
	uses := 0
	for _, b := range list {
		for _, c := range b.Copies {
			uses += c.Used
		}
	}
	if uses != want {
		w.t.Errorf("%d uses, want %d", uses, want)
	}
}

// What the holder is told before agreeing.
func TestInquiry(t *testing.T) {
	w := holding(t, 1)
	asked, _ := w.ask(wallet.Session{}, mdoc.RequestOptions{}, licence("+family_name", "age_over_19", "shoe_size"), items("org.example", "n", "e"))
	list, err := w.store.List()
	w.must(err)
	mdl := list[slices.IndexFunc(list, func(b wallet.Batch) bool { return b.Configuration == "mdl" })]
	nobody := wallet.ReaderIdentity{State: wallet.ReaderAnonymous, Reason: "the reader does not say who it is"}
	ns := elements.MDLNameSpace
	want := wallet.Inquiry{Documents: []wallet.AskedDocument{
		{DocType: elements.MDLDocType, Reader: nobody, Batch: mdl.ID, Name: mdl.Name, Elements: []wallet.AskedElement{
			{NameSpace: ns, Asked: "shoe_size"}, {NameSpace: ns, Asked: "age_over_19", Shown: "age_over_21"},
			{NameSpace: ns, Asked: "family_name", Shown: "family_name", Retain: true},
		}},
		{DocType: "org.example", Reader: nobody, Elements: []wallet.AskedElement{{NameSpace: "n", Asked: "e"}}},
	}}
	if d := cmp.Diff(want, asked); d != "" {
		t.Error(d)
	}
	w.usesAre(0)
}

// Who asks: the states of a reader, and that one whose signature is wrong gets
// nothing from AgreeToAll.
func TestReaders(t *testing.T) {
	w := holding(t, 1)
	other := newWorld(t, "")
	wrongEKU := w.pki.MustIssue(t, pki.Template{Profile: pki.ProfileDocumentSignerMDL, Subject: pki.Name{Country: pkitest.Country, CommonName: "no reader"}}, &w.pki.IACA)
	expired := w.pki.MustIssue(t, pki.Template{Profile: pki.ProfileReader, Subject: pki.Name{Country: pkitest.Country, CommonName: "old reader"},
		NotBefore: w.pki.Now.AddDate(0, -3, 0), NotAfter: w.pki.Now.AddDate(0, 0, -1)}, &w.pki.ReaderCA)
	elsewhere, err := mdoc.OpenID4VPTranscript(clientID, "another nonce of another session", nil, responseURI)
	w.must(err)
	iaca := &trust.Store{}
	w.must(iaca.Add(trust.Anchor{Cert: w.pki.IACA.Cert, Source: "test", Scope: trust.Scope{Purposes: []trust.Purpose{trust.Reader}}}))
	for _, tt := range []struct {
		name    string
		by      *mdoc.Reader
		session mdoc.SessionTranscript // signed for another one
		anchors *trust.Store
		want    wallet.ReaderState
		reason  string
	}{
		{"nobody", nil, nil, w.readers(), wallet.ReaderAnonymous, "does not say"},
		{"known", asReader(w.pki.Reader), nil, w.readers(), wallet.ReaderKnown, ""},
		{"of another world", asReader(other.pki.Reader), nil, w.readers(), wallet.ReaderUnknown, "no-anchor"},
		{"no anchors", asReader(w.pki.Reader), nil, nil, wallet.ReaderUnknown, "no-anchor"},
		{"not a reader", asReader(*wrongEKU), nil, iaca, wallet.ReaderInvalid, "eku"},
		{"expired", asReader(*expired), nil, w.readers(), wallet.ReaderInvalid, "expired"},
		{"of another session", asReader(w.pki.Reader), elsewhere, w.readers(), wallet.ReaderInvalid, "ra.sig"},
		{"somebody else's certificate", &mdoc.Reader{Signer: other.pki.Reader.Key, Chain: other.pki.Reader.Chain}, elsewhere, w.readers(), wallet.ReaderInvalid, "ra.sig"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asked, r := w.ask(wallet.Session{Readers: tt.anchors, Consent: wallet.AgreeToAll}, mdoc.RequestOptions{Reader: tt.by, Transcript: tt.session}, licence("family_name"))
			id := asked.Documents[0].Reader
			if id.State != tt.want || !strings.Contains(id.Reason, tt.reason) || (id.Reason == "") != (id.State == wallet.ReaderKnown) {
				t.Errorf("%+v", id)
			}
			if answered := len(r.Documents) == 1; answered != (tt.want != wallet.ReaderInvalid) {
				t.Errorf("%d documents", len(r.Documents))
			}
		})
	}
}

// Requests that cannot be read get their status and nothing else.
func TestUnreadableRequests(t *testing.T) {
	w := holding(t, 1)
	session := wallet.Session{Wallet: w.wallet, Consent: wallet.AgreeToAll}
	good, err := mdoc.BuildDeviceRequest([]mdoc.ItemsRequest{licence("family_name")}, mdoc.RequestOptions{}, rand.Reader)
	w.must(err)
	for name, tt := range map[string]struct {
		request []byte
		status  uint64
	}{
		"empty":         {nil, mdoc.StatusCBORDecodingError},
		"rubbish":       {[]byte("hello"), mdoc.StatusCBORDecodingError},
		"cut off":       {good[:len(good)-3], mdoc.StatusCBORDecodingError},
		"and more":      {append(slices.Clone(good), 0), mdoc.StatusCBORDecodingError},
		"empty map":     {[]byte{0xa0}, mdoc.StatusCBORValidationError},
		"other version": {cbor.MustMarshal(map[string]any{"version": "2.0", "docRequests": []any{}}), mdoc.StatusCBORValidationError},
	} {
		response, err := session.Answer(tt.request, transcript(t))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		r, err := mdoc.ParseDeviceResponse(response)
		if err != nil || r.Status != tt.status || len(r.Documents) > 0 {
			t.Errorf("%s: %+v %v", name, r, err)
		}
	}
	w.usesAre(0)
	if _, err := (&wallet.Session{}).Answer(good, transcript(t)); err == nil {
		t.Error("a session without a wallet answers")
	}
}

// A session on another curve than the device key's is answered by signature.
func TestOtherCurve(t *testing.T) {
	w := holding(t, 1)
	engagement, private, err := proximity.NewEngagement(proximity.Options{Curve: ecdh.P384(), BLE: &proximity.BLE{CentralClient: true}}, rand.Reader)
	w.must(err)
	holder, err := proximity.NewHolder(engagement, private)
	w.must(err)
	reader, err := proximity.NewReader(engagement, rand.Reader)
	w.must(err)
	request, err := mdoc.BuildDeviceRequest([]mdoc.ItemsRequest{licence("family_name")}, mdoc.RequestOptions{}, rand.Reader)
	w.must(err)
	message, err := reader.Establish(request)
	w.must(err)
	received, err := holder.Accept(message)
	w.must(err)
	session := wallet.Session{Wallet: w.wallet, Consent: wallet.AgreeToAll, ReaderKey: holder.ReaderKey}
	response, err := session.Answer(received, holder.Transcript())
	w.must(err)
	r, err := mdoc.ParseDeviceResponse(response)
	w.must(err)
	f := r.Documents[0].VerifyDeviceAuth(mdoc.DeviceAuthOptions{Transcript: reader.Transcript()})
	if r.Documents[0].DeviceSigned.Signature == nil || mdoc.Failed(f) {
		t.Errorf("%+v", f)
	}
}
