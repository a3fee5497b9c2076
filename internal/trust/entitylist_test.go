package trust

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/jose"
	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
)

type object = map[string]any

// operator publishes a list in the shape of that of the Commission.
type operator struct {
	*pkitest.World
	header   object
	info     object
	entities []any
}

func newOperator(t testing.TB) *operator {
	w := pkitest.NewWorld(t)
	o := &operator{World: w, header: object{"alg": "ES256", "typ": "JOSE", "x5c": chainOf(w.BundleSigner)}}
	o.info = object{
		"LoTEVersionIdentifier": 1, "LoTESequenceNumber": 7, "LoTEType": WalletProviders, "SchemeTerritory": "EU",
		"SchemeOperatorName":          []any{object{"lang": "fr", "value": "Utopie"}, object{"lang": "en", "value": "Utopia"}},
		"StatusDeterminationApproach": "http://uri.etsi.org/19602/WalletProvidersList/StatusDetn/EU",
		"ListIssueDateTime":           w.Now.Add(-time.Hour).Format(time.RFC3339),
		"NextUpdate":                  w.Now.Add(24 * time.Hour).Format(time.RFC3339),
	}
	o.entities = []any{entity("Wallets Ltd", service(WalletIssuance, w.AccessCA.Cert), service(WalletRevocation, w.StatusSigner.Cert))}
	return o
}

func chainOf(e pkitest.Entity) []string {
	var x5c []string
	for _, der := range e.Chain {
		x5c = append(x5c, jose.EncodeBase64(der))
	}
	return x5c
}

func entity(name string, services ...any) object {
	return object{"TrustedEntityInformation": object{"TEName": []any{object{"lang": "en", "value": name}}}, "TrustedEntityServices": services}
}

func service(typ string, certs ...*pki.Certificate) object {
	var list []any
	for _, c := range certs {
		list = append(list, object{"val": jose.EncodeBase64(c.Cert.Raw)})
	}
	return object{"ServiceInformation": object{
		"ServiceTypeIdentifier": typ, "ServiceDigitalIdentity": object{"X509Certificates": list},
		"ServiceInformationExtensions": []any{object{"ServiceUniqueIdentifier": "urn:x"}},
	}}
}

// with gives a service with other members.
func with(s object, members object) object {
	info := maps.Clone(s["ServiceInformation"].(object))
	maps.Copy(info, members)
	return object{"ServiceInformation": info}
}

func (o *operator) list() []byte {
	return o.sign(object{"LoTE": object{"ListAndSchemeInformation": o.info, "TrustedEntitiesList": o.entities}}, o.BundleSigner.Key)
}

// sign signs as it is told: jose would sign no crit.
func (o *operator) sign(payload any, key *ecdsa.PrivateKey) []byte {
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			panic(err) // a fuzz target has no helpers
		}
		return jose.EncodeBase64URL(b)
	}
	input := part(o.header) + "." + part(payload)
	digest := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		panic(err) // a fuzz target has no helpers
	}
	var raw [64]byte
	r.FillBytes(raw[:32])
	s.FillBytes(raw[32:])
	return []byte(input + "." + jose.EncodeBase64URL(raw[:]))
}

func (o *operator) parse() (*EntityList, error) {
	return ParseEntityList(o.list(), []*pki.Certificate{o.OperationsCA.Cert}, o.Now)
}

func TestEntityList(t *testing.T) {
	o := newOperator(t)
	l, err := o.parse()
	if err != nil {
		t.Fatal(err)
	}
	if l.Type != WalletProviders || l.Operator != "Utopia" || l.Sequence != 7 || l.Source() != "Utopia 7" || !l.NextUpdate.Equal(o.Now.Add(24*time.Hour)) ||
		!l.Signer.Leaf.Equal(o.BundleSigner.Cert) || len(l.Refused) != 0 || len(l.Services) != 2 || l.Services[0].Entity != "Wallets Ltd" {
		t.Errorf("%+v", l)
	}
	if got := certificates(l, WalletIssuance); len(got) != 1 || !got[0].Equal(o.AccessCA.Cert) {
		t.Errorf("who attests: %v", got)
	}
	if got := certificates(l, WalletIssuance, WalletRevocation); len(got) != 2 {
		t.Errorf("both: %v", got)
	}
	// The signer itself is what is configured; what signers mark as critical.
	o.header["sigT"], o.header["crit"], o.header["typ"] = o.Now.Format(time.RFC3339), []string{"sigT"}, "jose"
	if l, err = ParseEntityList(append(o.list(), '\n'), []*pki.Certificate{o.BundleSigner.Cert}, o.Now); err != nil || !l.Signer.Anchor.Equal(o.BundleSigner.Cert) {
		t.Errorf("pinned: %v", err)
	}
	// A list without end ends after six months.
	o.info["NextUpdate"] = o.Now.AddDate(10, 0, 0).Format(time.RFC3339)
	if l, err = o.parse(); err != nil || l.NextUpdate.After(o.Now.AddDate(0, 6, 10)) {
		t.Errorf("until %v, %v", l.NextUpdate, err)
	}
	o.entities = []any{}
	if l, err = o.parse(); err != nil || certificates(l, WalletIssuance) != nil {
		t.Errorf("nobody is listed: %v", err)
	}
}

func TestEntityListRefused(t *testing.T) {
	at := func(o *operator, d time.Duration) string { return o.Now.Add(d).Format(time.RFC3339) }
	for name, c := range map[string]struct {
		change func(*operator)
		want   error
	}{
		"no number":           {func(o *operator) { delete(o.info, "LoTESequenceNumber") }, ErrEntityList},
		"number zero":         {func(o *operator) { o.info["LoTESequenceNumber"] = 0 }, ErrEntityList},
		"negative number":     {func(o *operator) { o.info["LoTESequenceNumber"] = -1 }, ErrEntityList},
		"number as text":      {func(o *operator) { o.info["LoTESequenceNumber"] = "7" }, ErrEntityList},
		"another version":     {func(o *operator) { o.info["LoTEVersionIdentifier"] = 2 }, ErrEntityList},
		"no version":          {func(o *operator) { delete(o.info, "LoTEVersionIdentifier") }, ErrEntityList},
		"no next update":      {func(o *operator) { delete(o.info, "NextUpdate") }, ErrEntityList},
		"next update null":    {func(o *operator) { o.info["NextUpdate"] = nil }, ErrEntityList},
		"no date":             {func(o *operator) { delete(o.info, "ListIssueDateTime") }, ErrEntityList},
		"junk for a date":     {func(o *operator) { o.info["ListIssueDateTime"] = "yesterday" }, ErrEntityList},
		"ends before it was":  {func(o *operator) { o.info["NextUpdate"] = at(o, -2*time.Hour) }, ErrEntityList},
		"of the future":       {func(o *operator) { o.info["ListIssueDateTime"] = at(o, time.Hour) }, ErrEntityList},
		"expired":             {func(o *operator) { o.info["NextUpdate"] = at(o, 0) }, ErrEntityListExpired},
		"entities an object":  {func(o *operator) { o.entities = nil; o.info = object{"TrustedEntitiesList": object{}} }, ErrEntityList},
		"no x5c":              {func(o *operator) { delete(o.header, "x5c") }, ErrEntityList},
		"of another signer":   {func(o *operator) { o.header["x5c"] = chainOf(o.Access) }, pki.ErrUntrusted},
		"a stranger's chain":  {func(o *operator) { o.header["x5c"] = append(chainOf(o.Access), chainOf(o.BundleSigner)...) }, pki.ErrUntrusted},
		"by another key":      {func(o *operator) { o.header["x5c"] = chainOf(o.ReceiptSigner) }, ErrEntityListSignature},
		"typ of a token":      {func(o *operator) { o.header["typ"] = "at+jwt" }, ErrEntityList},
		"typ of a status":     {func(o *operator) { o.header["typ"] = "statuslist+jwt" }, ErrEntityList},
		"detached":            {func(o *operator) { o.header["sigD"] = object{} }, ErrEntityList},
		"critical, unknown":   {func(o *operator) { o.header["b64"], o.header["crit"] = false, []string{"b64"} }, ErrEntityList},
		"signed in future":    {func(o *operator) { o.header["sigT"] = at(o, time.Hour) }, ErrEntityList},
		"sigT is junk":        {func(o *operator) { o.header["sigT"] = 7 }, ErrEntityList},
		"alg none":            {func(o *operator) { o.header["alg"] = "none" }, ErrEntityList},
		"alg of another key":  {func(o *operator) { o.header["alg"] = "ES384" }, ErrEntityListSignature},
		"too many entities":   {func(o *operator) { o.entities = make([]any, MaxEntries+1) }, ErrEntityList},
		"too many of one":     {func(o *operator) { o.entities = []any{entity("x", make([]any, maxEntityServices+1)...)} }, ErrEntityList},
		"too large":           {func(o *operator) { o.info["SchemeName"] = strings.Repeat("x", MaxEntityList) }, ErrEntityList},
		"two names of a case": {func(o *operator) { o.info["lotesequencenumber"] = 9 }, ErrEntityList},
	} {
		o := newOperator(t)
		c.change(o)
		if l, err := o.parse(); !errors.Is(err, c.want) || l != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	o := newOperator(t)
	anchors := []*pki.Certificate{o.OperationsCA.Cert}
	for name, token := range map[string][]byte{
		"nothing": nil, "junk": []byte("a.b.c"), "JSON": []byte(`{"LoTE":{}}`),
		"another shape": o.sign(object{"ListAndSchemeInformation": o.info}, o.BundleSigner.Key),
		"not an object": o.sign([]any{}, o.BundleSigner.Key),
		"changed":       []byte(strings.Replace(string(o.list()), ".", ".e", 1)),
	} {
		if l, err := ParseEntityList(token, anchors, o.Now); err == nil || l != nil {
			t.Errorf("%s: read", name)
		}
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseEntityList(o.sign(object{}, other), anchors, o.Now); !errors.Is(err, ErrEntityListSignature) {
		t.Errorf("another key: %v", err)
	}
	if _, err := ParseEntityList(o.list(), nil, o.Now); !errors.Is(err, pki.ErrUntrusted) {
		t.Errorf("without signers: %v", err)
	}
	if _, err := ParseEntityList(o.list(), anchors, o.BundleSigner.Cert.NotAfter().Add(time.Hour)); !errors.Is(err, pki.ErrExpired) {
		t.Errorf("of an expired signer: %v", err)
	}
}

// What is wrong with one service is no matter of the others.
func TestEntityServicesRefused(t *testing.T) {
	o := newOperator(t)
	good := service(WalletIssuance, o.AccessCA.Cert)
	junk := object{"ServiceDigitalIdentity": object{"X509Certificates": []any{object{"val": "MIIB"}}}}
	bad := []any{
		with(good, object{"ServiceStatus": "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/withdrawn"}),
		with(good, object{"ServiceInformationExtensions": []any{object{"critical": true, "x": 1}}}),
		with(good, object{"ServiceInformationExtensions": []any{7}}),
		with(good, object{"ServiceTypeIdentifier": ""}),
		with(good, object{"ServiceTypeIdentifier": 7}),
		with(good, junk),
		with(good, object{"ServiceDigitalIdentity": object{"X509Certificates": []any{object{"val": jose.EncodeBase64URL(o.AccessCA.Cert.Cert.Raw) + "_"}}}}),
		with(good, object{"ServiceDigitalIdentity": object{"X509Certificates": []any{object{"val": jose.EncodeBase64(o.AccessCA.Cert.Cert.Raw), "encoding": "urn:pem"}}}}),
		service(WalletIssuance),
		service(WalletIssuance, make21(o.AccessCA.Cert)...),
		7,
	}
	fine := []any{
		good, with(good, object{"ServiceStatus": "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/granted"}),
		with(good, object{"ServiceInformationExtensions": []any{object{"critical": false, "x": 1}}}), service(WalletIssuance, o.Access.Cert),
	}
	o.entities = []any{7, entity("bad", bad...), entity("good", fine...)}
	l, err := o.parse()
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Services) != len(fine) || len(l.Refused) != len(bad)+1 {
		t.Errorf("%d services, refused %+v", len(l.Services), l.Refused)
	}
	for _, r := range l.Refused {
		if r.Reason == "" || r.Entity > 1 {
			t.Errorf("%+v", r)
		}
	}
	if got := certificates(l, WalletIssuance); len(got) != 2 {
		t.Errorf("%v", got)
	}
}

func make21(c *pki.Certificate) (out []*pki.Certificate) {
	for range maxServiceCertificates + 1 {
		out = append(out, c)
	}
	return out
}

func TestEntityListFollows(t *testing.T) {
	o := newOperator(t)
	next := func(number int, age time.Duration) *EntityList {
		o.info["LoTESequenceNumber"], o.info["ListIssueDateTime"] = number, o.Now.Add(-age).Format(time.RFC3339)
		l, err := o.parse()
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	held := next(7, time.Hour)
	for name, c := range map[string]struct {
		list *EntityList
		ok   bool
	}{
		"the same": {next(7, time.Hour), true}, "the next": {next(8, time.Minute), true}, "of the same time": {next(8, time.Hour), true},
		"a lower number": {next(6, time.Minute), false}, "an earlier date": {next(8, 2*time.Hour), false},
	} {
		if err := c.list.Follows(held); (err == nil) != c.ok || err != nil && !errors.Is(err, ErrEntityListOlder) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := held.Follows(nil); err != nil {
		t.Error(err)
	}
}

// FuzzParseEntityList: what is read from any header and payload was signed by
// whom we trust, and every certificate of it may be what it is there for.
func FuzzParseEntityList(f *testing.F) {
	o := newOperator(f)
	key := o.BundleSigner.Key
	payload, err := json.Marshal(object{"LoTE": object{"ListAndSchemeInformation": o.info, "TrustedEntitiesList": o.entities}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(payload, true)
	f.Add([]byte(`{"LoTE":{"ListAndSchemeInformation":{}}}`), true)
	f.Add(o.list(), false)
	f.Fuzz(func(t *testing.T, data []byte, sign bool) {
		if sign {
			if !json.Valid(data) {
				return
			}
			data = o.sign(json.RawMessage(data), key)
		}
		l, err := ParseEntityList(data, []*pki.Certificate{o.OperationsCA.Cert}, o.Now)
		if err != nil {
			if l != nil {
				t.Fatal("a list and an error")
			}
			return
		}
		if !o.Now.Before(l.NextUpdate) || l.Sequence == 0 || !l.Signer.Leaf.Equal(o.BundleSigner.Cert) {
			t.Fatalf("%+v", l)
		}
		for _, s := range l.Services {
			for _, c := range s.Certificates {
				if c.IsCA() && c.Anchor() != nil {
					t.Fatalf("%s", c)
				}
			}
		}
	})
}

// certificates are those of the services of these types, each once.
func certificates(l *EntityList, types ...string) (out []*pki.Certificate) {
	for _, s := range l.Services {
		for _, c := range s.Certificates {
			if slices.Contains(types, s.Type) && !slices.ContainsFunc(out, c.Equal) {
				out = append(out, c)
			}
		}
	}
	return out
}
