package verifier

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/cbor"
	"vidimus/internal/elements"
	"vidimus/internal/fetch"
	"vidimus/internal/mdoc"
	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/policy"
	"vidimus/internal/proximity"
	"vidimus/internal/statuslist"
	"vidimus/internal/trust"
	"vidimus/internal/verification"
	"vidimus/internal/wallet"
	"vidimus/internal/wallet/wallettest"
)

// meeting is a holder with a licence and a PID, and a reader that knows their
// issuer and is known itself.
type meeting struct {
	*pkitest.World
	t      *testing.T
	wallet string
	verify verification.Options
	reader *mdoc.Reader
	known  *trust.Store // readers, for the wallet
	steps  []Step
	told   []string
}

func revocationsOf(t testing.TB, ca pkitest.Entity, written time.Time, revoked ...*pki.Certificate) *pki.CRLs {
	t.Helper()
	r := pki.Revocations{Number: big.NewInt(1), ThisUpdate: written, NextUpdate: written.AddDate(0, 0, 30)}
	for _, c := range revoked {
		r.Revoked = append(r.Revoked, pki.RevokedCertificate{Serial: c.Cert.SerialNumber, At: written})
	}
	list, err := pki.BuildCRL(r, ca.Cert, ca.Key, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set, err := pki.NewCRLs(list)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func newMeeting(t *testing.T) *meeting {
	t.Helper()
	m := &meeting{World: pkitest.NewWorld(t), t: t, wallet: filepath.Join(t.TempDir(), "wallet"), known: &trust.Store{}}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	issuer, err := wallettest.New(m.World, m.Clock, "")
	must(err)
	defer issuer.Close()
	store, err := wallet.OpenStore(m.wallet)
	must(err)
	defer store.Close()
	web := fetch.New(fetch.Options{AllowInsecureLoopback: true})
	defer web.Close()
	w, err := wallet.New(wallet.Config{Store: store, Clock: m.Clock, Rand: rand.Reader, Web: web, AllowInsecure: true})
	must(err)
	offer, err := issuer.Offer("openid-credential-offer", "mdl", "pid-mdoc")
	must(err)
	_, err = w.Accept(t.Context(), offer, wallet.AcceptOptions{Copies: 3})
	must(err)
	list, err := issuer.StatusList(statuslist.FormatCWT)
	must(err)
	uri := issuer.ListURI()

	anchors := &trust.Store{}
	must(anchors.Add(trust.Anchor{Cert: m.IACA.Cert, Source: "test", Scope: trust.Scope{
		Purposes: []trust.Purpose{trust.IssueMdoc, trust.StatusList}, DocTypes: []string{elements.MDLDocType, elements.PIDDocType},
	}}))
	must(m.known.Add(trust.Anchor{Cert: m.ReaderCA.Cert, Source: "test", Scope: trust.Scope{Purposes: []trust.Purpose{trust.Reader}}}))
	m.verify = verification.Options{
		Trust: anchors, AnchorsAsOf: m.Now, CRLs: revocationsOf(t, m.IACA, m.Now),
		Lists: func(asked string) ([]byte, error) {
			if asked != uri {
				return nil, verification.ErrNotAtHand
			}
			return list, nil
		},
	}
	m.reader = &mdoc.Reader{Signer: m.Reader.Key, Chain: m.Reader.Chain}
	return m
}

func (m *meeting) profile(id, category string) policy.Profile {
	m.t.Helper()
	p, err := ChooseProfile(policy.Default(), id, category)
	if err != nil {
		m.t.Fatal(err)
	}
	return p
}

// read lets the reader meet the wallet over the model of Bluetooth.
func (m *meeting) read(profile policy.Profile, s Simulation) (*Reading, error) {
	m.t.Helper()
	ctx, cancel := context.WithCancel(m.t.Context())
	m.steps, m.told = nil, nil
	s.Wallet, s.Clock, s.Told = m.wallet, m.Clock, func(line string) { m.told = append(m.told, line) }
	if s.Readers == nil {
		s.Readers = m.known
	}
	e, link, err := s.Begin(ctx)
	if err != nil {
		m.t.Fatal(err)
	}
	out, err := Read(ctx, ReadOptions{Engagement: e, Link: link, Profile: profile, Verify: m.verify, Reader: m.reader, Clock: m.Clock, Rand: rand.Reader},
		func(s Step) { m.steps = append(m.steps, s) })
	if ended := s.End(cancel); ended != nil && err == nil {
		m.t.Error(ended)
	}
	return out, err
}

// What each profile asks, in which order, and what is said to it.
func TestRead(t *testing.T) {
	m := newMeeting(t)
	for _, tt := range []struct {
		profile, category string
		asked             []string
		colour            policy.Colour
		entitlement       policy.Entitlement
	}{
		{"right-to-drive", "", []string{elements.MDLDocType}, policy.Green, policy.Yes},
		{"right-to-drive", "C", []string{elements.MDLDocType}, policy.Red, policy.No},
		{"identity", "", []string{elements.MDLDocType}, policy.Green, policy.Yes},
		// The licence, which tells most, is not asked for.
		{"age-over-18", "", []string{"eu.europa.ec.av.1", elements.PIDDocType}, policy.Green, policy.Yes},
	} {
		out, err := m.read(m.profile(tt.profile, tt.category), Simulation{})
		if err != nil {
			t.Fatalf("%s: %v", tt.profile, err)
		}
		r := out.Report
		if r.Colour != tt.colour || r.Verdict.Entitlement != tt.entitlement || !slices.Equal(out.Asked, tt.asked) || !out.Signed {
			t.Errorf("%s %s: %s %+v %v, asked %v", tt.profile, tt.category, r.Colour, r.Verdict, r.Reasons, out.Asked)
		}
		if !strings.Contains(strings.Join(m.told, "\n"), "by Utopia (Utopia Police Reader 1), vouched for by Utopia") {
			t.Errorf("%s: the holder was told %q", tt.profile, m.told)
		}
		kinds := make([]StepKind, 0, len(m.steps))
		for _, s := range m.steps {
			kinds = append(kinds, s.Kind)
			if strings.Contains(s.Text, "Weber") || strings.Contains(s.Text, "Anouk") || !s.At.Equal(m.Now) {
				t.Errorf("%s: step %+v", tt.profile, s)
			}
		}
		want := []StepKind{StepEngaged, StepConnecting, StepConnected}
		for range tt.asked[1:] {
			want = append(want, StepAsked, StepNotShown)
		}
		if want = append(want, StepAsked, StepVerifying, StepDone); !slices.Equal(kinds, want) {
			t.Errorf("%s: steps %v", tt.profile, kinds)
		}
	}
}

// Nothing beyond the profile is in the report, and what is in it goes with Wipe:
// the slices are overwritten, the rest is let go.
func TestWipe(t *testing.T) {
	m := newMeeting(t)
	out, err := m.read(m.profile("right-to-drive", ""), Simulation{})
	if err != nil {
		t.Fatal(err)
	}
	asked := m.profile("right-to-drive", "").Documents[0]
	for _, e := range out.Report.Documents[0].IssuerSigned {
		if !slices.ContainsFunc(asked.Elements, func(r policy.ElementRequest) bool { return r.Path[1] == e.Name }) {
			t.Errorf("%s was not asked for", e.Name)
		}
	}
	portrait := Portrait(out.Report)
	text := func() string {
		b, err := json.Marshal(out.Report)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if len(portrait) < 500 || !bytes.HasPrefix(portrait, []byte{0xff, 0xd8}) || !strings.Contains(text(), "Weber") {
		t.Fatalf("a portrait of %d bytes; %s", len(portrait), text())
	}
	WithoutPictures(out.Report)
	if strings.Contains(text(), "_9j_") { // a JPEG in base64url
		t.Error("the picture is in the report")
	}
	colour := out.Report.Colour
	out.Wipe()
	if slices.ContainsFunc(portrait, func(b byte) bool { return b != 0 }) {
		t.Error("the portrait is in memory")
	}
	for _, canary := range []string{"Weber", "Anouk", "2034-01-09"} {
		if strings.Contains(text(), canary) {
			t.Errorf("%s is in the report", canary)
		}
	}
	if Portrait(out.Report) != nil || out.Report.Colour != colour || len(out.Report.Documents[0].Checks) == 0 {
		t.Error("wiped too much or too little")
	}
	out.Wipe()
	(*Reading)(nil).Wipe()
}

// Readers without a certificate, of a stranger, and one that was revoked, before
// wallets of different minds.
func TestReaders(t *testing.T) {
	m := newMeeting(t)
	other := pkitest.NewWorld(t)
	strangers := &mdoc.Reader{Signer: other.Reader.Key, Chain: other.Reader.Chain}
	stolen := &mdoc.Reader{Signer: other.Reader.Key, Chain: m.Reader.Chain} // a certificate without its key
	revoked := revocationsOf(t, m.ReaderCA, m.Now, m.Reader.Cert)
	for _, tt := range []struct {
		name    string
		reader  *mdoc.Reader
		revoked *pki.CRLs
		consent wallet.Consent
		shown   bool
		says    string // to the holder
		fails   string
	}{
		{"known", m.reader, revocationsOf(t, m.ReaderCA, m.Now), wallet.AgreeToKnown, true, "not revoked", ""},
		{"revoked", m.reader, revoked, wallet.AgreeToAll, false, "REVOKED", ""},
		{"foreign, careful holder", strangers, nil, wallet.AgreeToKnown, false, "nobody vouches", ""},
		{"foreign, careless holder", strangers, nil, wallet.AgreeToAll, true, "nobody vouches", ""},
		{"nobody, careful holder", nil, nil, wallet.AgreeToKnown, false, "does not say who", ""},
		{"nobody, careless holder", nil, nil, wallet.AgreeToAll, true, "does not say who", ""},
		{"somebody else's certificate", stolen, nil, wallet.AgreeToAll, false, "", "ra.sig"},
	} {
		m.reader = tt.reader
		out, err := m.read(m.profile("right-to-drive", ""), Simulation{Revoked: tt.revoked, Consent: tt.consent})
		if tt.fails != "" {
			if !errors.Is(err, ErrRead) || !strings.Contains(err.Error(), tt.fails) {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if shown := len(out.Report.Documents) == 1; shown != tt.shown || !strings.Contains(strings.Join(m.told, "\n"), tt.says) {
			t.Errorf("%s: shown %v, told %q", tt.name, shown, m.told)
		}
		if want := map[bool]policy.Colour{true: policy.Green, false: policy.Amber}[tt.shown]; out.Report.Colour != want {
			t.Errorf("%s: %s", tt.name, out.Report.Colour)
		}
	}
}

// holder is the other end of a link, as a test has it.
type holder func(ctx context.Context, t proximity.Transport, h *proximity.Holder) error

// against lets the reader meet a holder over a pipe.
func (m *meeting) against(options proximity.Options, do holder, change func(*ReadOptions)) (*Reading, error) {
	m.t.Helper()
	if options.BLE == nil {
		options.BLE = &proximity.BLE{CentralClient: true}
	}
	shown, private, err := proximity.NewEngagement(options, rand.Reader)
	if err != nil {
		m.t.Fatal(err)
	}
	h, err := proximity.NewHolder(shown, private)
	if err != nil {
		m.t.Fatal(err)
	}
	ended := make(chan error, 1)
	o := ReadOptions{Engagement: shown, Profile: m.profile("right-to-drive", ""), Verify: m.verify, Reader: m.reader, Clock: m.Clock, Rand: rand.Reader}
	o.Link = func(context.Context, *proximity.Engagement) (proximity.Transport, error) {
		ours, theirs := proximity.Pipe()
		go func() {
			defer theirs.Close()
			ended <- do(m.t.Context(), theirs, h)
		}()
		return ours, nil
	}
	if change != nil {
		change(&o)
	}
	m.steps = nil
	out, err := Read(m.t.Context(), o, func(s Step) { m.steps = append(m.steps, s) })
	select {
	case herr := <-ended:
		if herr != nil {
			m.t.Error("holder: ", herr)
		}
	case <-time.After(time.Minute):
		m.t.Error("the holder is left hanging")
	}
	return out, err
}

// readerAuthAll goes to holders who announce that they read it, and to no other.
func TestSignsTheWhole(t *testing.T) {
	m := newMeeting(t)
	for _, tt := range []struct {
		name    string
		options proximity.Options
		version string
		all     int
	}{
		{"first edition", proximity.Options{}, "1.0", 0},
		{"second edition without", proximity.Options{Capabilities: &proximity.Capabilities{ExtendedRequest: true}}, "1.0", 0},
		{"second edition", proximity.Options{Capabilities: wallet.Capabilities()}, "1.1", 1},
	} {
		var request *mdoc.DeviceRequest
		out, err := m.against(tt.options, func(ctx context.Context, tr proximity.Transport, h *proximity.Holder) error {
			message, err := tr.Recv(ctx)
			if err != nil {
				return err
			}
			raw, err := h.Accept(message)
			if err != nil {
				return err
			}
			if request, err = mdoc.ParseDeviceRequest(raw); err != nil {
				return err
			}
			for i := range request.DocRequests {
				if f := request.VerifyReaderAuth(i, h.Transcript(), m.Reader.Cert.PublicKey()); mdoc.Failed(f) {
					return fmt.Errorf("%+v", f)
				}
			}
			for j := range request.ReaderAuthAll {
				if f := request.VerifyReaderAuthAll(j, h.Transcript(), m.Reader.Cert.PublicKey()); mdoc.Failed(f) {
					return fmt.Errorf("%+v", f)
				}
			}
			return answer(ctx, tr, h, mdoc.Response{})
		}, nil)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if request.Version != tt.version || len(request.ReaderAuthAll) != tt.all || request.DocRequests[0].ReaderAuth == nil || out.Report.Colour != policy.Amber {
			t.Errorf("%s: version %s, %d signatures, %s", tt.name, request.Version, len(request.ReaderAuthAll), out.Report.Colour)
		}
		for _, ns := range request.DocRequests[0].ItemsRequest.NameSpaces {
			for _, e := range ns.Elements {
				if e.IntentToRetain {
					t.Errorf("%s: %s is to be retained", tt.name, e.Identifier)
				}
			}
		}
	}
}

func answer(ctx context.Context, tr proximity.Transport, h *proximity.Holder, r mdoc.Response) error {
	raw, err := r.Encode()
	if err != nil {
		return err
	}
	message, err := h.Respond(raw)
	if err != nil {
		return err
	}
	return tr.Send(ctx, message)
}

// Holders that give no answer that counts: there is no verdict, or one that is not
// green, and nothing hangs.
func TestHoldersThatFail(t *testing.T) {
	m := newMeeting(t)
	accept := func(ctx context.Context, tr proximity.Transport, h *proximity.Holder) error {
		message, err := tr.Recv(ctx)
		if err == nil {
			_, err = h.Accept(message)
		}
		return err
	}
	// What the wallet showed to another reader, in another session.
	var replayed []byte
	if _, err := m.against(proximity.Options{}, func(ctx context.Context, tr proximity.Transport, h *proximity.Holder) error {
		store, err := wallet.OpenStore(m.wallet)
		if err != nil {
			return err
		}
		defer store.Close()
		w, err := wallet.New(wallet.Config{Store: store, Clock: m.Clock, Rand: rand.Reader})
		if err != nil {
			return err
		}
		s := wallet.Session{Wallet: w, Consent: wallet.AgreeToAll}
		return proximity.RunHolder(ctx, tr, h, func(request []byte, transcript mdoc.SessionTranscript) ([]byte, error) {
			response, err := s.Answer(request, transcript)
			replayed = bytes.Clone(response)
			return response, err
		})
	}, nil); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		holder holder
		change func(*ReadOptions)
		says   string
		colour policy.Colour // "" for no verdict
	}{
		{"leaves at once", func(context.Context, proximity.Transport, *proximity.Holder) error { return nil }, nil, "", ""}, // before or after the request went
		{"leaves after the request", accept, nil, "the holder left", ""},
		{"says that keys do not fit", func(ctx context.Context, tr proximity.Transport, h *proximity.Holder) error {
			return errors.Join(accept(ctx, tr, h), tr.Send(ctx, proximity.StatusMessage(proximity.StatusEncryption)))
		}, nil, "status 10", ""},
		{"sends garbage", func(ctx context.Context, tr proximity.Transport, h *proximity.Holder) error {
			return errors.Join(accept(ctx, tr, h), tr.Send(ctx, []byte("hello")))
		}, nil, "does not open", ""},
		{"sends the reader's own message back", func(ctx context.Context, tr proximity.Transport, h *proximity.Holder) error {
			message, err := tr.Recv(ctx)
			if err != nil {
				return err
			}
			var parts map[string]cbor.RawMessage
			return errors.Join(cbor.Unmarshal(message, &parts), tr.Send(ctx, cbor.MustMarshal(map[string]cbor.RawMessage{"data": parts["data"]})))
		}, nil, "does not open", ""},
		{"does not answer", func(ctx context.Context, tr proximity.Transport, h *proximity.Holder) error {
			if err := accept(ctx, tr, h); err != nil {
				return err
			}
			message, err := tr.Recv(m.t.Context()) // the end of the session, for its screen
			if err != nil {
				return err
			}
			if _, status, err := h.Open(message); err != nil || status == nil || *status != proximity.StatusTermination {
				return fmt.Errorf("ended with %v, %v", status, err)
			}
			return nil
		}, func(o *ReadOptions) {
			o.Answer = time.Millisecond
			link := o.Link
			o.Link = func(ctx context.Context, e *proximity.Engagement) (proximity.Transport, error) {
				tr, err := link(ctx, e)
				return delivering{tr}, err
			}
		}, "no answer came within 1ms", ""},
		{"an answer of another session", func(ctx context.Context, tr proximity.Transport, h *proximity.Holder) error {
			if err := accept(ctx, tr, h); err != nil {
				return err
			}
			message, err := h.Respond(replayed)
			return errors.Join(err, tr.Send(ctx, message))
		}, nil, "da.sig", policy.Red},
		{"no map at all", func(ctx context.Context, tr proximity.Transport, h *proximity.Holder) error {
			if err := accept(ctx, tr, h); err != nil {
				return err
			}
			message, err := h.Respond([]byte{0xa1, 0x61, 0x78, 0x01})
			return errors.Join(err, tr.Send(ctx, message))
		}, nil, "cbor.strict", policy.Red},
		{"a general error", func(ctx context.Context, tr proximity.Transport, h *proximity.Holder) error {
			return errors.Join(accept(ctx, tr, h), answer(ctx, tr, h, mdoc.Response{Status: mdoc.StatusGeneralError}))
		}, nil, "resp.status", policy.Amber},
	} {
		out, err := m.against(proximity.Options{}, tt.holder, tt.change)
		last := m.steps[len(m.steps)-1]
		switch {
		case tt.colour == "":
			if !errors.Is(err, ErrRead) || !strings.Contains(err.Error(), tt.says) || out != nil || last.Kind != StepFailed {
				t.Errorf("%s: %v, %+v, last %+v", tt.name, out, err, last)
			}
		case err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case out.Report.Colour != tt.colour || !slices.Contains(out.Report.Failed(), tt.says) || last.Kind != StepDone:
			t.Errorf("%s: %s %v", tt.name, out.Report.Colour, out.Report.Failed())
		}
	}
}

// delivering sends also when the time is over: what is tested is the answer.
type delivering struct{ proximity.Transport }

func (d delivering) Send(ctx context.Context, msg []byte) error {
	return d.Transport.Send(context.WithoutCancel(ctx), msg)
}

// A link that fails, an engagement that cannot be used and options that are missing.
func TestReadRefuses(t *testing.T) {
	m := newMeeting(t)
	e, _, err := proximity.NewEngagement(proximity.Options{BLE: &proximity.BLE{CentralClient: true}}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	drive := m.profile("right-to-drive", "")
	online := drive
	online.Documents = []policy.DocumentRequest{{Format: policy.FormatSDJWT, Type: elements.PIDVCT}}
	broken := func(context.Context, *proximity.Engagement) (proximity.Transport, error) {
		return nil, errors.New("the radio is off")
	}
	stuck := func(ctx context.Context, _ *proximity.Engagement) (proximity.Transport, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	for _, tt := range []struct {
		name string
		o    ReadOptions
		says string
	}{
		{"nothing", ReadOptions{}, "an engagement and a link"},
		{"no link", ReadOptions{Engagement: e, Profile: drive}, "an engagement and a link"},
		{"nothing that is shown in person", ReadOptions{Engagement: e, Link: broken, Profile: online}, "asks for no document"},
		{"radio", ReadOptions{Engagement: e, Link: broken, Profile: drive}, "the radio is off"},
		{"nobody comes", ReadOptions{Engagement: e, Link: stuck, Profile: drive, Connect: time.Millisecond}, "not reached within 1ms"},
	} {
		if out, err := Read(t.Context(), tt.o, nil); out != nil || !errors.Is(err, ErrRead) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if _, err := Read(stopped, ReadOptions{Engagement: e, Link: stuck, Profile: drive}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}
