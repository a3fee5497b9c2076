package verification

import (
	"bytes"
	"crypto/ecdh"
	"encoding/json"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/cbor"
	"vidimus/internal/elements"
	"vidimus/internal/mdoc"
	"vidimus/internal/pki"
	"vidimus/internal/policy"
	"vidimus/internal/sdjwt"
	"vidimus/internal/trust"
)

var (
	update     = flag.Bool("update", false, "write testdata/green anew")
	exhaustive = flag.Bool("exhaustive", false, "flip every bit in TestFlippedBits")
)

const seedFile = "testdata/green/green.json"

// seeds are sound presentations and what a reader needs to find them green.
type seeds struct {
	Now        time.Time `json:"now"`
	IACA       []byte    `json:"iaca"`
	Transcript []byte    `json:"transcript"`
	ReaderKey  []byte    `json:"reader_key"`
	Nonce      string    `json:"nonce"`
	Audience   string    `json:"audience"`
	ListCWT    []byte    `json:"list_cwt"`
	ListJWT    []byte    `json:"list_jwt"`
	ListOver   []byte    `json:"list_over"` // a CWT that ended the day before

	Signed  []byte `json:"signed"` // DeviceResponse with deviceSignature
	Maced   []byte `json:"maced"`  // with deviceMac
	Issued  []byte `json:"issued"` // IssuerSigned with every element
	SDJWT   string `json:"sd_jwt"` // with key binding
	options Options
}

func loadSeeds(t testing.TB) *seeds {
	t.Helper()
	s := &seeds{}
	readJSON(t, seedFile, s)
	reader, err := ecdh.P256().NewPrivateKey(s.ReaderKey)
	if err != nil {
		t.Fatal(err)
	}
	iaca, err := pki.ParseCertificate(s.IACA)
	if err != nil {
		t.Fatal(err)
	}
	store := &trust.Store{}
	if err := store.Add(trust.Anchor{Cert: iaca, Source: "test", Scope: trust.Scope{Purposes: []trust.Purpose{trust.IssueMdoc, trust.IssueSDJWT},
		DocTypes: []string{elements.MDLDocType}, VCTs: []string{elements.PIDVCT}}}); err != nil {
		t.Fatal(err)
	}
	p := *policy.Default()
	p.RequireRevocation = false // the keys of this world are gone, and with them its lists
	s.options = Options{Now: s.Now, Policy: &p, Trust: store, Chains: pki.NewCache(16), Transcript: s.Transcript, ReaderKey: reader,
		Nonce: s.Nonce, Audience: s.Audience, Lists: func(string) ([]byte, error) { return s.ListCWT, nil }}
	return s
}

func (s *seeds) sdOptions() Options {
	o := s.options
	o.Lists = func(string) ([]byte, error) { return s.ListJWT, nil }
	return o
}

func TestGreenSeeds(t *testing.T) {
	if *update {
		writeSeeds(t)
	}
	s := loadSeeds(t)
	for name, r := range map[string]*Report{
		"by signature": DeviceResponse(s.Signed, s.options), "by MAC": DeviceResponse(s.Maced, s.options), "SD-JWT": SDJWT(s.SDJWT, s.sdOptions()),
	} {
		sane(t, r)
		if r.Colour != policy.Green {
			t.Errorf("%s: %s %v", name, r.Colour, r.Reasons)
		}
	}
}

func writeSeeds(t *testing.T) {
	f := newForgery(t)
	f.everything()
	s := &seeds{Now: f.Now, IACA: f.IACA.Cert.Raw, Transcript: f.session, ReaderKey: f.reader.Bytes(), Nonce: f.sdOptions().Nonce, Audience: f.sdOptions().Audience}
	s.Signed = f.assemble()
	f.mac = true
	s.Maced, s.Issued, s.SDJWT = f.assemble(), f.licence(), f.bind(f.identity(person()))
	var err error
	s.ListCWT, err = f.lists(f.StatusSigner, f.Now)(listURI)
	f.must(err)
	s.ListOver, err = f.lists(f.StatusSigner, f.Now.AddDate(0, 0, -15))(listURI)
	f.must(err)
	s.ListJWT, err = f.listsJWT(f.StatusSigner, f.Now)(listURI)
	f.must(err)
	data, err := json.MarshalIndent(s, "", "\t")
	f.must(err)
	f.must(os.WriteFile(seedFile, append(data, '\n'), 0o644))
}

// covered are the bytes of mdocs that somebody signed: whatever else differs
// between two green presentations was never read.
type covered struct {
	docTypes, msos, deviceNameSpaces []string
	items                            []string
}

func (c *covered) add(docType string, s *mdoc.IssuerSigned, device *mdoc.DeviceSigned) {
	c.docTypes, c.msos = append(c.docTypes, docType), append(c.msos, string(s.IssuerAuth.ProtectedBytes)+string(s.IssuerAuth.Payload))
	if device != nil {
		c.deviceNameSpaces = append(c.deviceNameSpaces, string(device.NameSpacesBytes))
	}
	for _, ns := range s.NameSpaces {
		for _, item := range ns.Items {
			c.items = append(c.items, ns.Name+string(item.Raw))
		}
	}
}

func coveredBy(t testing.TB, responses ...[]byte) *covered {
	t.Helper()
	c := &covered{}
	for _, b := range responses {
		r, err := mdoc.ParseDeviceResponse(b)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range r.Documents {
			c.add(d.DocType, d.IssuerSigned, d.DeviceSigned)
		}
	}
	return c
}

func (c *covered) within(all *covered) bool {
	in := func(some, of []string) bool {
		return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(of, s) })
	}
	return in(c.docTypes, all.docTypes) && in(c.msos, all.msos) && in(c.deviceNameSpaces, all.deviceNameSpaces) && in(c.items, all.items)
}

// FuzzDeviceResponse: a report always comes back and is sane; it is green only
// for what issuer and device of the seeds have signed, byte for byte.
func FuzzDeviceResponse(f *testing.F) {
	s := loadSeeds(f)
	all := coveredBy(f, s.Signed, s.Maced)
	for _, b := range [][]byte{s.Signed, s.Maced, s.Issued, nil, {0xa0}, cbor.MustMarshal(map[string]any{"version": "1.0", "status": 10})} {
		f.Add(b)
	}
	annex, _, _ := annexD(f)
	f.Add(annex)
	f.Fuzz(func(t *testing.T, data []byte) {
		r := DeviceResponse(data, s.options)
		sane(t, r)
		if r.Colour == policy.Green && !coveredBy(t, data).within(all) {
			t.Errorf("green for what nobody signed: %x", data)
		}
	})
}

// FuzzIssuerSigned: nothing that is only issued is ever green, and what counts
// as the issuer's is the issuer's.
func FuzzIssuerSigned(f *testing.F) {
	s := loadSeeds(f)
	parsed, err := mdoc.ParseIssuerSigned(s.Issued)
	if err != nil {
		f.Fatal(err)
	}
	all := &covered{}
	all.add(elements.MDLDocType, parsed, nil)
	f.Add(s.Issued)
	f.Add(s.Signed)
	f.Add([]byte{0xa0})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := IssuerSigned(data, s.options)
		sane(t, r)
		if r.Colour == policy.Green {
			t.Error("green, and nobody shows it")
		}
		if r.Verdict.Authenticity != policy.HolderNotProven || len(r.Documents) == 0 {
			return
		}
		signed, err := mdoc.ParseIssuerSigned(data)
		if err != nil {
			t.Fatal(err)
		}
		c := &covered{}
		if c.add(r.Documents[0].Type, signed, nil); !c.within(all) {
			t.Errorf("the issuer's, and it did not sign that: %x", data)
		}
	})
}

// FuzzSDJWT: green only for the bytes that the holder has bound and signed. The
// holder's own signature may take its other form, s or n - s.
func FuzzSDJWT(f *testing.F) {
	s := loadSeeds(f)
	seed, err := sdjwt.Parse(s.SDJWT)
	if err != nil {
		f.Fatal(err)
	}
	o := s.sdOptions()
	bound := s.SDJWT[:strings.LastIndexByte(s.SDJWT, '~')+1]
	f.Add(s.SDJWT)
	f.Add(bound)
	f.Add("~")
	f.Add("eyJhbGciOiJub25lIn0.e30.~")
	f.Fuzz(func(t *testing.T, compact string) {
		r := SDJWT(compact, o)
		sane(t, r)
		if r.Colour != policy.Green {
			return
		}
		got, err := sdjwt.Parse(compact)
		if err != nil || !strings.HasPrefix(compact, bound) || got.KeyBinding.SigningInput != seed.KeyBinding.SigningInput {
			t.Errorf("green for what nobody signed: %s", compact)
		}
	})
}

// No bit of a presentation may be flipped under green, but those that turn the
// minor number of its version into another: a reader of version 1 reads every
// 1.x, and says that it did (ISO/IEC 18013-5, 8.3.2.1.2.2).
func TestFlippedBits(t *testing.T) {
	s := loadSeeds(t)
	step := 1
	if testing.Short() {
		step = 7
	}
	// A quarter of the bits, another for each byte, unless all are wanted.
	skip := func(i, bit int) bool { return !*exhaustive && (bit+i)%4 != 0 }
	for kind, seed := range map[string][]byte{"by signature": s.Signed, "by MAC": s.Maced} {
		minor := bytes.Index(seed, []byte("gversionc1.0")) + len("gversionc1.0") - 1
		for i := 0; i < len(seed); i += step {
			for bit := range 8 {
				if skip(i, bit) {
					continue
				}
				changed := bytes.Clone(seed)
				changed[i] ^= 1 << bit
				r := DeviceResponse(changed, s.options)
				sane(t, r)
				unread := i == minor && '0' <= changed[i] && changed[i] <= '9' && check(r, "resp.status").Result == Warn
				if r.Colour == policy.Green && !unread {
					t.Errorf("%s: bit %d of byte %d of %d flipped, still green", kind, bit, i, len(seed))
				}
			}
		}
	}
	o := s.sdOptions()
	for i := 0; i < len(s.SDJWT); i += step {
		for bit := range 8 {
			if skip(i, bit) {
				continue
			}
			changed := []byte(s.SDJWT)
			changed[i] ^= 1 << bit
			r := SDJWT(string(changed), o)
			sane(t, r)
			if r.Colour == policy.Green {
				t.Errorf("SD-JWT: bit %d of byte %d of %d flipped, still green", bit, i, len(s.SDJWT))
			}
		}
	}
}
