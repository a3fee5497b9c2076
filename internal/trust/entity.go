package trust

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"vidimus/internal/jose"
	"vidimus/internal/pki"
)

type wireEntity struct {
	Information struct {
		Name []wireNamed `json:"TEName"`
	} `json:"TrustedEntityInformation"`
	Services []json.RawMessage `json:"TrustedEntityServices"`
}

type wireService struct {
	Information struct {
		Type     string `json:"ServiceTypeIdentifier"`
		Status   string `json:"ServiceStatus"`
		Identity struct {
			Certificates []struct {
				Value    string `json:"val"`
				Encoding string `json:"encoding"`
			} `json:"X509Certificates"`
		} `json:"ServiceDigitalIdentity"`
		Extensions []json.RawMessage `json:"ServiceInformationExtensions"`
	} `json:"ServiceInformation"`
}

// standing are the ends of the status URIs that speak for a service. Lists of
// wallet providers have no status at all: who is on them is trusted (Annex E).
var standing = []string{"/granted", "/notified", "/recognisedatnationallevel"}

// readEntity takes the services of an entity. The error is for a list that is
// too large.
func (l *EntityList) readEntity(i int, raw json.RawMessage, certificates *int) error {
	var e wireEntity
	if err := jose.DecodeJSONLimit(raw, &e, MaxEntityList); err != nil {
		l.Refused = append(l.Refused, EntityRefusal{Entity: i, Reason: err.Error()})
		return nil
	}
	if len(e.Services) > maxEntityServices {
		return fmt.Errorf("%w: %d services of one entity, at most %d", ErrEntityList, len(e.Services), maxEntityServices)
	}
	for j, raw := range e.Services {
		service, reason := readService(raw)
		if *certificates += len(service.Certificates); *certificates > MaxEntries {
			return fmt.Errorf("%w: more than %d certificates", ErrEntityList, MaxEntries)
		}
		if reason != "" {
			l.Refused = append(l.Refused, EntityRefusal{Entity: i, Service: j, Reason: reason})
			continue
		}
		service.Entity = name(e.Information.Name)
		l.Services = append(l.Services, service)
	}
	return nil
}

// readService reads what stands for a service, or says why it is not trusted.
func readService(raw json.RawMessage) (EntityService, string) {
	var w wireService
	if err := jose.DecodeJSONLimit(raw, &w, MaxEntityList); err != nil {
		return EntityService{}, err.Error()
	}
	in := w.Information
	s := EntityService{Type: in.Type}
	switch {
	case in.Type == "":
		return s, "no ServiceTypeIdentifier"
	case in.Status != "" && !slices.ContainsFunc(standing, func(end string) bool { return strings.HasSuffix(in.Status, end) }):
		return s, fmt.Sprintf("status %.120q", in.Status)
	case len(in.Identity.Certificates) == 0:
		return s, "no certificate"
	case len(in.Identity.Certificates) > maxServiceCertificates:
		return s, fmt.Sprintf("%d certificates, at most %d", len(in.Identity.Certificates), maxServiceCertificates)
	}
	for _, raw := range in.Extensions {
		if unknownExtension(raw) {
			return s, "a critical extension that is not known here"
		}
	}
	for _, c := range in.Identity.Certificates {
		if c.Encoding != "" && !strings.HasSuffix(c.Encoding, "#DER") {
			return s, fmt.Sprintf("certificate in encoding %.80q", c.Encoding)
		}
		der, err := jose.DecodeBase64(c.Value)
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

// unknownExtension says whether an extension is critical and none of those that
// change nothing for us: a reader that does not know a critical one must not
// trust the service (clause 6.6.9).
func unknownExtension(raw json.RawMessage) bool {
	members, err := jose.Members(raw)
	if err != nil {
		return true
	}
	critical := false
	for name, value := range members {
		switch strings.ToLower(name) {
		case "critical":
			critical = string(value) != "false"
		case "serviceuniqueidentifier":
			return false
		}
	}
	return critical
}
