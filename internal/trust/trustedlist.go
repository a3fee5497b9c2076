package trust

import (
	"bytes"
	"crypto/sha256"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"vidimus/internal/jose"
	"vidimus/internal/pki"
)

// ErrTrustedListPin is for a trusted list that is not the one somebody vouched for.
var ErrTrustedListPin = errors.New("trusted list is not the one that was pinned")

// ParseTrustedList reads a trusted list in the XML form of ETSI TS 119 612 at the
// instant now, as the same kind of list as ParseEntityList gives; Signer is nil.
//
// Its XML signature is NOT verified: exclusive canonicalization over what
// encoding/xml keeps of a document would be a guess, and a signature that is
// verified over something else than what is read vouches for nothing. Whoever
// calls vouches for the very bytes by their SHA-256, from another place.
//
// Refused: a document type declaration, processing instructions behind the first,
// entities of one's own, depth and length beyond limits, what is no list of version
// 5 or 6, one past its next update. A service that does not stand at now, or has a
// critical extension, is refused by itself.
func ParseTrustedList(data []byte, pin [sha256.Size]byte, now time.Time) (*EntityList, error) {
	if len(data) > MaxTrustedList {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrEntityList, len(data), MaxTrustedList)
	}
	if sum := sha256.Sum256(data); sum != pin {
		return nil, fmt.Errorf("%w: its SHA-256 is %x", ErrTrustedListPin, sum)
	}
	if err := plainXML(data); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEntityList, err)
	}
	var w wireTrustedList
	if err := strictXML(data).Decode(&w); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEntityList, err)
	}
	l, err := w.read()
	if err != nil {
		return nil, err
	}
	switch {
	case l.Issued.After(now.Add(entityListSkew)):
		return nil, fmt.Errorf("%w: issued in the future, at %s", ErrEntityList, l.Issued.Format(time.RFC3339))
	case !now.Before(l.NextUpdate):
		return nil, fmt.Errorf("%w: %s", ErrEntityListExpired, l.NextUpdate.Format(time.RFC3339))
	}
	if err := w.services(l, now); err != nil {
		return nil, err
	}
	return l, nil
}

func strictXML(data []byte) *xml.Decoder {
	d := xml.NewDecoder(bytes.NewReader(data))
	d.Strict = true
	d.CharsetReader = func(charset string, _ io.Reader) (io.Reader, error) {
		return nil, fmt.Errorf("character set %.40q, UTF-8 is wanted", charset)
	}
	return d
}

// plainXML walks the document before anything is built of it.
func plainXML(data []byte) error {
	d := strictXML(data)
	depth, tokens, roots := 0, 0, 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			if roots != 1 {
				return errors.New("no document")
			}
			return nil
		}
		if err != nil {
			return err
		}
		if tokens++; tokens > maxXMLTokens {
			return fmt.Errorf("more than %d tokens", maxXMLTokens)
		}
		switch t := token.(type) {
		case xml.Directive:
			return errors.New("a document type declaration")
		case xml.ProcInst:
			if tokens != 1 || t.Target != "xml" {
				return errors.New("a processing instruction")
			}
		case xml.StartElement:
			if depth == 0 {
				roots++
			}
			if depth++; depth > maxXMLDepth {
				return fmt.Errorf("deeper than %d elements", maxXMLDepth)
			}
			if len(t.Attr) > maxXMLAttributes {
				return fmt.Errorf("more than %d attributes", maxXMLAttributes)
			}
		case xml.EndElement:
			depth--
		case xml.CharData:
			if depth == 0 && len(bytes.TrimSpace(t)) > 0 {
				return errors.New("text outside of the document")
			}
		}
	}
}

type wireTrustedList struct {
	XMLName     xml.Name `xml:"http://uri.etsi.org/02231/v2# TrustServiceStatusList"`
	Information []struct {
		Version    string     `xml:"http://uri.etsi.org/02231/v2# TSLVersionIdentifier"`
		Sequence   uint64     `xml:"http://uri.etsi.org/02231/v2# TSLSequenceNumber"`
		Type       string     `xml:"http://uri.etsi.org/02231/v2# TSLType"`
		Operator   []xmlNamed `xml:"http://uri.etsi.org/02231/v2# SchemeOperatorName>Name"`
		Issued     string     `xml:"http://uri.etsi.org/02231/v2# ListIssueDateTime"`
		NextUpdate string     `xml:"http://uri.etsi.org/02231/v2# NextUpdate>dateTime"`
	} `xml:"http://uri.etsi.org/02231/v2# SchemeInformation"`
	Providers []struct {
		Name     []xmlNamed   `xml:"http://uri.etsi.org/02231/v2# TSPInformation>TSPName>Name"`
		Services []xmlService `xml:"http://uri.etsi.org/02231/v2# TSPServices>TSPService>ServiceInformation"`
	} `xml:"http://uri.etsi.org/02231/v2# TrustServiceProviderList>TrustServiceProvider"`
}

type xmlNamed struct {
	Language string `xml:"lang,attr"`
	Value    string `xml:",chardata"`
}

type xmlService struct {
	Type         []string `xml:"http://uri.etsi.org/02231/v2# ServiceTypeIdentifier"`
	Status       []string `xml:"http://uri.etsi.org/02231/v2# ServiceStatus"`
	Since        []string `xml:"http://uri.etsi.org/02231/v2# StatusStartingTime"`
	Certificates []string `xml:"http://uri.etsi.org/02231/v2# ServiceDigitalIdentity>DigitalId>X509Certificate"`
	Extensions   []struct {
		Critical string `xml:"Critical,attr"`
	} `xml:"http://uri.etsi.org/02231/v2# ServiceInformationExtensions>Extension"`
}

func nameXML(list []xmlNamed) string {
	named := make([]wireNamed, len(list))
	for i, n := range list {
		named[i] = wireNamed{n.Language, strings.TrimSpace(n.Value)}
	}
	return name(named)
}

func (w *wireTrustedList) read() (*EntityList, error) {
	if len(w.Information) != 1 {
		return nil, fmt.Errorf("%w: %d SchemeInformation", ErrEntityList, len(w.Information))
	}
	in := w.Information[0]
	issued, err := time.Parse(time.RFC3339, strings.TrimSpace(in.Issued))
	if err != nil {
		return nil, fmt.Errorf("%w: ListIssueDateTime: %w", ErrEntityList, err)
	}
	next, err := time.Parse(time.RFC3339, strings.TrimSpace(in.NextUpdate))
	if err != nil {
		return nil, fmt.Errorf("%w: NextUpdate: %w", ErrEntityList, err)
	}
	version := strings.TrimSpace(in.Version)
	switch {
	case version != "5" && version != "6":
		return nil, fmt.Errorf("%w: TSLVersionIdentifier %.16q is neither 5 nor 6", ErrEntityList, version)
	case in.Sequence == 0 || in.Sequence > math.MaxInt64:
		return nil, fmt.Errorf("%w: TSLSequenceNumber is missing or out of bounds", ErrEntityList)
	case !next.After(issued):
		return nil, fmt.Errorf("%w: NextUpdate is not after ListIssueDateTime", ErrEntityList)
	case len(w.Providers) > MaxEntries:
		return nil, fmt.Errorf("%w: %d providers, at most %d", ErrEntityList, len(w.Providers), MaxEntries)
	}
	l := &EntityList{Type: strings.TrimSpace(in.Type), Operator: nameXML(in.Operator), Sequence: in.Sequence, Issued: issued.UTC(), NextUpdate: next.UTC()}
	if latest := l.Issued.Add(maxEntityListAge); l.NextUpdate.After(latest) {
		l.NextUpdate = latest
	}
	return l, nil
}

func (w *wireTrustedList) services(l *EntityList, now time.Time) error {
	certificates := 0
	for i, p := range w.Providers {
		if len(p.Services) > maxTrustedServices {
			return fmt.Errorf("%w: %d services of one provider, at most %d", ErrEntityList, len(p.Services), maxTrustedServices)
		}
		for j, s := range p.Services {
			service, reason := s.read(now)
			if certificates += len(service.Certificates); certificates > MaxEntries {
				return fmt.Errorf("%w: more than %d certificates", ErrEntityList, MaxEntries)
			}
			if reason != "" {
				l.Refused = append(l.Refused, EntityRefusal{Entity: i, Service: j, Reason: reason})
				continue
			}
			service.Entity = nameXML(p.Name)
			l.Services = append(l.Services, service)
		}
	}
	return nil
}

// read reads what stands for a service, or says why it is not trusted. Unlike in
// the lists of TS 119 602, a status is mandatory (TS 119 612, 5.5.4).
func (w xmlService) read(now time.Time) (EntityService, string) {
	var s EntityService
	if len(w.Type) != 1 || len(w.Status) != 1 || len(w.Since) != 1 {
		return s, "not one type, one status and one day since when it holds"
	}
	s.Type = strings.TrimSpace(w.Type[0])
	status := strings.TrimSpace(w.Status[0])
	since, err := time.Parse(time.RFC3339, strings.TrimSpace(w.Since[0]))
	switch {
	case s.Type == "":
		return s, "no ServiceTypeIdentifier"
	case err != nil:
		return s, "StatusStartingTime is no instant"
	case !slices.ContainsFunc(standing, func(end string) bool { return strings.HasSuffix(status, end) }):
		return s, fmt.Sprintf("status %.120q", status)
	case since.After(now):
		return s, "its status begins on " + since.UTC().Format(time.RFC3339)
	case len(w.Certificates) == 0:
		return s, "no certificate"
	case len(w.Certificates) > maxServiceCertificates:
		return s, fmt.Sprintf("%d certificates, at most %d", len(w.Certificates), maxServiceCertificates)
	}
	for _, e := range w.Extensions {
		if e.Critical != "false" && e.Critical != "0" {
			return s, "a critical extension that is not known here"
		}
	}
	for _, text := range w.Certificates {
		der, err := jose.DecodeBase64(strings.Join(strings.Fields(text), ""))
		if err != nil {
			return s, err.Error()
		}
		cert, err := pki.ParseCertificate(der)
		if err != nil {
			return s, err.Error()
		}
		if cert.IsCA() {
			if err := cert.Anchor(); err != nil {
				return s, fmt.Sprintf("%s: %v", cert, err)
			}
		}
		s.Certificates = append(s.Certificates, cert)
	}
	return s, ""
}
