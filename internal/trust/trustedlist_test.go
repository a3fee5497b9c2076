package trust

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"vidimus/internal/jose"
	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
)

const qualified = "http://uri.etsi.org/TrstSvc/Svctype/CA/QC"

// xmlList is a trusted list in the shape of those of the Member States.
type xmlList struct {
	*pkitest.World
	version, sequence, issued, next, before, after, extension, status, since string
	certs                                                                    []*pki.Certificate
}

func newXMLList(t testing.TB) *xmlList {
	w := pkitest.NewWorld(t)
	at := func(d time.Duration) string { return w.Now.Add(d).Format(time.RFC3339) }
	return &xmlList{World: w, version: "5", sequence: "42", issued: at(-time.Hour), next: at(24 * time.Hour),
		status: "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/granted", since: at(-100 * time.Hour), certs: []*pki.Certificate{w.IACA.Cert}}
}

func (l *xmlList) data() []byte {
	var ids string
	for _, c := range l.certs {
		text := jose.EncodeBase64(c.Raw) // real lists break the lines
		ids += "<DigitalId><X509Certificate>\n" + text[:64] + "\n" + text[64:] + "\n</X509Certificate></DigitalId><DigitalId><X509SubjectName>CN=x</X509SubjectName></DigitalId>"
	}
	return fmt.Appendf(nil, `<?xml version="1.0" encoding="UTF-8"?>%s
<TrustServiceStatusList xmlns="http://uri.etsi.org/02231/v2#" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" TSLTag="http://uri.etsi.org/19612/TSLTag" Id="x">
<SchemeInformation><TSLVersionIdentifier>%s</TSLVersionIdentifier><TSLSequenceNumber>%s</TSLSequenceNumber>
<TSLType>http://uri.etsi.org/TrstSvc/TrustedList/TSLType/EUgeneric</TSLType>
<SchemeOperatorName><Name xml:lang="fr">Utopie</Name><Name xml:lang="en">Utopia</Name></SchemeOperatorName>
<ListIssueDateTime>%s</ListIssueDateTime><NextUpdate><dateTime>%s</dateTime></NextUpdate></SchemeInformation>
<TrustServiceProviderList><TrustServiceProvider><TSPInformation><TSPName><Name xml:lang="en">Signers &amp; Sons</Name></TSPName></TSPInformation>
<TSPServices><TSPService><ServiceInformation><ServiceTypeIdentifier>%s</ServiceTypeIdentifier>
<ServiceDigitalIdentity>%s</ServiceDigitalIdentity><ServiceStatus>%s</ServiceStatus><StatusStartingTime>%s</StatusStartingTime>%s</ServiceInformation></TSPService></TSPServices>
</TrustServiceProvider></TrustServiceProviderList><ds:Signature Id="s"><ds:SignedInfo/></ds:Signature></TrustServiceStatusList>%s`,
		l.before, l.version, l.sequence, l.issued, l.next, qualified, ids, l.status, l.since, l.extension, l.after)
}

func (l *xmlList) parse() (*EntityList, error) {
	return ParseTrustedList(l.data(), sha256.Sum256(l.data()), l.Now)
}

func TestTrustedList(t *testing.T) {
	l := newXMLList(t)
	l.certs = append(l.certs, l.ReaderCA.Cert, l.StatusSigner.Cert)
	l.extension = `<ServiceInformationExtensions><Extension Critical="false"><x/></Extension></ServiceInformationExtensions>`
	got, err := l.parse()
	if err != nil {
		t.Fatal(err)
	}
	if got.Operator != "Utopia" || got.Sequence != 42 || got.Signer != nil || len(got.Refused) != 0 || len(got.Services) != 1 || got.Services[0].Entity != "Signers & Sons" ||
		len(got.Services[0].Certificates) != 3 || !got.Services[0].Certificates[0].Equal(l.IACA.Cert) || !got.NextUpdate.Equal(l.Now.Add(24*time.Hour)) {
		t.Errorf("%+v", got)
	}
	if err := got.Follows(&EntityList{Sequence: 43}); !errors.Is(err, ErrEntityListOlder) {
		t.Errorf("after number 43: %v", err)
	}
	// Its own signature is not looked at: one byte more, and nobody vouches for it.
	if got, err := ParseTrustedList(append(l.data(), '\n'), sha256.Sum256(l.data()), l.Now); got != nil || !errors.Is(err, ErrTrustedListPin) {
		t.Errorf("another byte: %v", err)
	}
}

func TestTrustedListRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*xmlList)
		want   error
	}{
		"version 4":            {func(l *xmlList) { l.version = "4" }, ErrEntityList},
		"no version":           {func(l *xmlList) { l.version = "" }, ErrEntityList},
		"number zero":          {func(l *xmlList) { l.sequence = "0" }, ErrEntityList},
		"number as text":       {func(l *xmlList) { l.sequence = "x" }, ErrEntityList},
		"junk for a date":      {func(l *xmlList) { l.issued = "yesterday" }, ErrEntityList},
		"a closed list":        {func(l *xmlList) { l.next = "" }, ErrEntityList},
		"from the future":      {func(l *xmlList) { l.issued = l.Now.Add(time.Hour).Format(time.RFC3339) }, ErrEntityList},
		"past its next update": {func(l *xmlList) { l.next = l.Now.Format(time.RFC3339) }, ErrEntityListExpired},
		"a document type":      {func(l *xmlList) { l.before = `<!DOCTYPE x [<!ENTITY a "b">]>` }, ErrEntityList},
		"an entity of its own": {func(l *xmlList) { l.status = "&a;" }, ErrEntityList},
		"an instruction":       {func(l *xmlList) { l.before = `<?xml-stylesheet href="x"?>` }, ErrEntityList},
		"two documents":        {func(l *xmlList) { l.after = "<a/>" }, ErrEntityList},
		"text behind":          {func(l *xmlList) { l.after = "x" }, ErrEntityList},
		"cut off":              {func(l *xmlList) { l.since = "<" }, ErrEntityList},
		"deep":                 {func(l *xmlList) { l.extension = strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100) }, ErrEntityList},
		"many attributes":      {func(l *xmlList) { l.extension = "<a" + attributes(40) + "/>" }, ErrEntityList},
		"another name space": {func(l *xmlList) {
			l.after = strings.Repeat(" ", 0)
			l.version = "5</TSLVersionIdentifier></SchemeInformation><SchemeInformation><TSLVersionIdentifier>5"
		}, ErrEntityList},
		"not the root of a list": {func(l *xmlList) { l.before = "<a/>" }, ErrEntityList},
	} {
		l := newXMLList(t)
		c.change(l)
		if got, err := l.parse(); got != nil || !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	big := make([]byte, MaxTrustedList+1)
	if _, err := ParseTrustedList(big, sha256.Sum256(big), pkitest.Now); !errors.Is(err, ErrEntityList) {
		t.Errorf("too large: %v", err)
	}
}

func attributes(n int) (out string) {
	for i := range n {
		out += fmt.Sprintf(` a%d="x"`, i)
	}
	return out
}

// A service that is not trusted takes no other with it.
func TestTrustedServiceRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*xmlList)
		says   string
	}{
		"withdrawn":          {func(l *xmlList) { l.status = "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/withdrawn" }, "withdrawn"},
		"no status":          {func(l *xmlList) { l.status = "" }, "status"},
		"from tomorrow on":   {func(l *xmlList) { l.since = l.Now.Add(24 * time.Hour).Format(time.RFC3339) }, "begins on"},
		"since nobody knows": {func(l *xmlList) { l.since = "long ago" }, "no instant"},
		"no certificate":     {func(l *xmlList) { l.certs = nil }, "no certificate"},
		"a critical extension": {func(l *xmlList) {
			l.extension = `<ServiceInformationExtensions><Extension Critical="true"/></ServiceInformationExtensions>`
		}, "critical"},
		"an extension that does not say": {func(l *xmlList) {
			l.extension = `<ServiceInformationExtensions><Extension/></ServiceInformationExtensions>`
		}, "critical"},
		"two types": {func(l *xmlList) { l.extension = "<ServiceTypeIdentifier>x</ServiceTypeIdentifier>" }, "not one type"},
	} {
		l := newXMLList(t)
		c.change(l)
		got, err := l.parse()
		if err != nil || len(got.Services) != 0 || len(got.Refused) != 1 || !strings.Contains(got.Refused[0].Reason, c.says) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// FuzzParseTrustedList: whatever stands in a list that somebody vouched for, what
// is refused leaves nothing, and who is trusted was read whole.
func FuzzParseTrustedList(f *testing.F) {
	l := newXMLList(f)
	f.Add(l.data())
	l.extension = `<ServiceInformationExtensions><Extension Critical="true"/></ServiceInformationExtensions>`
	f.Add(l.data())
	f.Add([]byte("<TrustServiceStatusList xmlns='http://uri.etsi.org/02231/v2#'/>"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := ParseTrustedList(data, sha256.Sum256(data), l.Now)
		if err != nil {
			if got != nil || !errors.Is(err, ErrEntityList) && !errors.Is(err, ErrEntityListExpired) {
				t.Fatalf("%v, %v", got, err)
			}
			return
		}
		if got.Sequence == 0 || !got.NextUpdate.After(l.Now) || got.Issued.After(l.Now.Add(entityListSkew)) {
			t.Fatalf("%+v", got)
		}
		for _, s := range got.Services {
			if s.Type == "" || len(s.Certificates) == 0 {
				t.Fatalf("%+v", s)
			}
		}
	})
}
