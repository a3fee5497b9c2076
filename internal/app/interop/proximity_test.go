//go:build interop

package interop

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/elements"
	"vidimus/internal/jose"
	"vidimus/internal/mdoc"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/policy"
	"vidimus/internal/proximity"
	"vidimus/internal/statuslist"
	"vidimus/internal/trust"
	"vidimus/internal/verification"
)

const listURI = "https://issuer.example/status/1"

// portrait is a JPEG of one grey pixel.
var portrait = func() []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 1, 1)), nil); err != nil {
		panic(err)
	}
	return b.Bytes()
}()

// roadside is an issuer, a phone and a reader with everything that it needs to
// be green: anchors, revoked signers, a status list.
type roadside struct {
	*office
	pki    *pkitest.World
	device *ecdsa.PrivateKey
	issued []byte
}

func newRoadside(t *testing.T) *roadside {
	t.Helper()
	w, err := pkitest.New(time.Now())
	s := &roadside{office: &office{t: t}, pki: w}
	s.must(err)
	s.device, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.must(err)
	ns := mdoc.NamespaceElements{NameSpace: elements.MDLNameSpace}
	for _, e := range []struct {
		name  string
		value any
	}{
		{"family_name", "Weber"}, {"given_name", "Anouk"}, {"birth_date", "1990-05-02"}, {"issuing_country", pkitest.Country},
		{"issue_date", "2024-01-10"}, {"expiry_date", "2044-01-09"}, {"issuing_authority", "Utopia Roads"}, {"un_distinguishing_sign", "UT"},
		{"driving_privileges", []elements.Privilege{{Category: "B", IssueDate: "2010-06-01"}}}, {"portrait", portrait}, {"age_over_18", true}, {"document_number", "U1234567"},
	} {
		row, _ := elements.MDL.ByIdentifier(e.name)
		value, err := row.Encode(e.value)
		s.must(err)
		ns.Elements = append(ns.Elements, mdoc.Element{Identifier: e.name, Value: value})
	}
	template, err := mdoc.NewTemplate(elements.MDLDocType, ns)
	s.must(err)
	day := w.Now.Truncate(24 * time.Hour)
	prepared, err := template.Prepare(mdoc.Copy{DeviceKey: &s.device.PublicKey, Validity: mdoc.NewValidityInfo(day, day, day.AddDate(0, 0, 14)),
		Status: &mdoc.Status{StatusList: &mdoc.StatusListInfo{Index: 5, URI: listURI}}}, rand.Reader)
	s.must(err)
	s.issued, err = prepared.Sign(w.DocumentSignerMDL.Key, w.DocumentSignerMDL.Chain, rand.Reader)
	s.must(err)
	return s
}

func (s *roadside) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// options are those of a reader that asks for the right to drive.
func (s *roadside) options(r *proximity.Reader, key bool) verification.Options {
	s.t.Helper()
	profile, _ := policy.Default().Profile("right-to-drive")
	anchors := &trust.Store{}
	s.must(anchors.Add(trust.Anchor{Cert: s.pki.IACA.Cert, Source: "test", Scope: trust.Scope{Purposes: []trust.Purpose{trust.IssueMdoc}, DocTypes: []string{elements.MDLDocType}}}))
	list, err := statuslist.New(1, 1<<10)
	s.must(err)
	body, err := statuslist.Build(list)
	s.must(err)
	token, err := body.SignCWT(s.pki.StatusSigner.Key, statuslist.Claims{Subject: listURI, IssuedAt: s.pki.Now, Expires: s.pki.Now.AddDate(0, 0, 7)}, s.pki.StatusSigner.Chain, rand.Reader)
	s.must(err)
	o := verification.Options{Now: time.Now(), Trust: anchors, CRLs: s.pki.CRLs, Lists: func(string) ([]byte, error) { return token, nil }, Transcript: r.Transcript(), Profile: &profile}
	if key {
		o.ReaderKey = r.Key()
	}
	return o
}

// request is what the profile asks for, as a DeviceRequest signed by the reader.
func (s *roadside) request(t mdoc.SessionTranscript) []byte {
	s.t.Helper()
	profile, _ := policy.Default().Profile("right-to-drive")
	d, _ := profile.Document(policy.FormatMDoc, elements.MDLDocType)
	items := mdoc.ItemsRequest{DocType: elements.MDLDocType, NameSpaces: []mdoc.RequestedNameSpace{{Name: elements.MDLNameSpace}}}
	for _, e := range d.Elements {
		items.NameSpaces[0].Elements = append(items.NameSpaces[0].Elements, mdoc.RequestedElement{Identifier: e.Path[1], IntentToRetain: e.Retain})
	}
	out, err := mdoc.BuildDeviceRequest([]mdoc.ItemsRequest{items}, mdoc.RequestOptions{Reader: &mdoc.Reader{Signer: s.pki.Reader.Key, Chain: s.pki.Reader.Chain}, Transcript: t}, rand.Reader)
	s.must(err)
	return out
}

// call runs the foreign program on one JSON object.
func (s *roadside) call(command string, in map[string]any) ([]byte, error) {
	dir := s.t.TempDir()
	text, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	from, to := filepath.Join(dir, "in.json"), filepath.Join(dir, "out")
	if err := os.WriteFile(from, text, 0o600); err != nil {
		return nil, err
	}
	args := []string{command, from}
	if command == "hold" || command == "ask" {
		args = append(args, to)
	}
	if out, err := s.tryNode("node", "proximity.mjs", args...); err != nil {
		return nil, fmt.Errorf("%w: %s", err, tail(out))
	}
	if len(args) < 3 {
		return nil, nil
	}
	out, err := os.ReadFile(to)
	if err != nil {
		return nil, err
	}
	return jose.DecodeBase64URL(string(out))
}

func (s *roadside) jwk(key any) json.RawMessage {
	s.t.Helper()
	var out []byte
	var err error
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		out, err = jose.MarshalPrivateKey(key)
	default:
		out, err = jose.MarshalPublicKey(key)
	}
	s.must(err)
	return out
}

// session opens an encrypted session by QR, in which hold answers the request.
func (s *roadside) session(hold func(request []byte, h *proximity.Holder, t mdoc.SessionTranscript) ([]byte, error)) (*proximity.Reader, []byte) {
	s.t.Helper()
	e, private, err := proximity.NewEngagement(proximity.Options{BLE: &proximity.BLE{CentralClient: true}}, rand.Reader)
	s.must(err)
	scanned, err := proximity.ParseEngagementURI(e.URI())
	s.must(err)
	r, err := proximity.NewReader(scanned, rand.Reader)
	s.must(err)
	h, err := proximity.NewHolder(e, private)
	s.must(err)
	rt, ht := proximity.Pipe()
	ctx, cancel := context.WithTimeout(s.t.Context(), 3*time.Minute)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		done <- proximity.RunHolder(ctx, ht, h, func(request []byte, t mdoc.SessionTranscript) ([]byte, error) { return hold(request, h, t) })
	}()
	response, err := proximity.RunReader(ctx, rt, r, s.request(r.Transcript()))
	if err = errors.Join(err, <-done); err != nil {
		s.t.Fatal(err)
	}
	return r, response
}

var libraries = []string{"owf", "animo", "auth0"}

// What three other libraries show over a session with our reader is accepted by
// it, with a signature and with a MAC, and in that session alone.
func TestForeignHolders(t *testing.T) {
	for _, library := range libraries {
		for _, mac := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/mac=%v", library, mac), func(t *testing.T) {
				s := newRoadside(t)
				r, response := s.session(func(request []byte, h *proximity.Holder, transcript mdoc.SessionTranscript) ([]byte, error) {
					public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), h.ReaderKey().Bytes())
					if err != nil {
						return nil, err
					}
					return s.call("hold", map[string]any{
						"library": library, "doctype": elements.MDLDocType, "issuerSigned": jose.EncodeBase64URL(s.issued), "request": jose.EncodeBase64URL(request),
						"transcript": jose.EncodeBase64URL(transcript), "deviceKey": s.jwk(s.device), "mac": mac, "readerKey": s.jwk(public),
					})
				})
				report := verification.DeviceResponse(response, s.options(r, true))
				d := report.Documents
				if report.Colour != policy.Green || len(d) != 1 || len(d[0].IssuerSigned) < 4 || len(d[0].Missing)+len(d[0].Dropped) > 0 || report.Verdict.Entitlement != policy.Yes {
					t.Fatalf("%s %+v: %v, %v", report.Colour, report.Verdict, report.Reasons, report.Err())
				}
				proof := map[bool]string{false: "da.sig", true: "da.mac"}[mac]
				if !slices.ContainsFunc(d[0].Checks, func(c verification.Check) bool { return c.ID == proof && c.Result == verification.Pass }) {
					t.Errorf("%s did not pass", proof)
				}
				other, _ := s.session(func([]byte, *proximity.Holder, mdoc.SessionTranscript) ([]byte, error) { return response, nil })
				if again := verification.DeviceResponse(response, s.options(other, true)); again.Colour != policy.Red || !slices.Contains(again.Failed(), proof) {
					t.Errorf("in another session: %s, %v", again.Colour, again.Failed())
				}
			})
		}
	}
}

// What our holder shows is accepted by the three, and not over another session.
func TestOurHolderByForeignVerifiers(t *testing.T) {
	for _, mac := range []bool{false, true} {
		s := newRoadside(t)
		r, response := s.session(func(request []byte, h *proximity.Holder, transcript mdoc.SessionTranscript) ([]byte, error) {
			asked, err := mdoc.ParseDeviceRequest(request)
			if err != nil {
				return nil, err
			}
			want := map[string][]string{}
			for _, ns := range asked.DocRequests[0].ItemsRequest.NameSpaces {
				for _, e := range ns.Elements {
					want[ns.Name] = append(want[ns.Name], e.Identifier)
				}
			}
			signed, err := mdoc.ParseIssuerSigned(s.issued)
			if err != nil {
				return nil, err
			}
			device, err := mdoc.SignDevice(s.device, transcript, elements.MDLDocType, nil, rand.Reader)
			if private, e := s.device.ECDH(); mac && e == nil {
				device, err = mdoc.MACDevice(private, h.ReaderKey(), transcript, elements.MDLDocType, nil)
			}
			if err != nil {
				return nil, err
			}
			return mdoc.BuildDeviceResponse(mdoc.ResponseDocument{IssuerSigned: signed.Select(want), DeviceSigned: device})
		})
		if report := verification.DeviceResponse(response, s.options(r, true)); report.Colour != policy.Green {
			t.Fatalf("%s %v", report.Colour, report.Reasons)
		}
		key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), r.Key().Bytes())
		s.must(err)
		other, err := proximity.NewReader(engagement(t), rand.Reader)
		s.must(err)
		for _, library := range libraries {
			t.Run(fmt.Sprintf("%s/mac=%v", library, mac), func(t *testing.T) {
				s.t = t
				in := map[string]any{"library": library, "response": jose.EncodeBase64URL(response), "transcript": jose.EncodeBase64URL(r.Transcript()),
					"anchors": []string{jose.EncodeBase64URL(s.pki.IACA.Cert.Raw)}, "readerKey": s.jwk(key)}
				_, err := s.call("verify", in)
				if mac && library == "owf" && err != nil && strings.Contains(err.Error(), owfRefusesMACs) {
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				in["transcript"] = jose.EncodeBase64URL(other.Transcript())
				if _, err := s.call("verify", in); err == nil || !strings.Contains(err.Error(), "FAIL") {
					t.Errorf("accepted in another session: %v", err)
				}
			})
		}
	}
}

// owfRefusesMACs is what @owf/mdoc 0.6.0 says of every MAC: it compares the name of
// the algorithm with its number, and looks no further.
const owfRefusesMACs = "Device MAC must use alg 5"

func engagement(t *testing.T) *proximity.Engagement {
	t.Helper()
	e, _, err := proximity.NewEngagement(proximity.Options{}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return e
}
