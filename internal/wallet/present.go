package wallet

import (
	"crypto/ecdh"
	"errors"
	"fmt"
	"slices"
	"strings"

	"vidimus/internal/jose"
	"vidimus/internal/mdoc"
	"vidimus/internal/oid4vci"
	"vidimus/internal/sdjwt"
)

// MdocPresentation is what the holder wants to show of an mdoc.
type MdocPresentation struct {
	DocType string
	// Elements are identifiers ("family_name"), or namespace and identifier
	// with a slash between where the identifier alone is not enough. An
	// age_over_NN that is not held is answered by the nearest statement.
	Elements   []string
	Transcript mdoc.SessionTranscript
	// ReaderKey is the reader's public key of the session: the proof is then a
	// MAC, else a signature.
	ReaderKey *ecdh.PublicKey
}

// PresentMdoc makes a DeviceResponse with one document, from the newest batch
// and its least used copy.
func (w *Wallet) PresentMdoc(p MdocPresentation) ([]byte, error) {
	if _, err := mdoc.ParseSessionTranscript(p.Transcript); err != nil {
		return nil, err
	}
	proof := proofFor(p.ReaderKey)
	b, err := w.cfg.Store.newest(oid4vci.FormatMdoc, p.DocType, proof, w.cfg.Clock.Now())
	if err != nil {
		return nil, err
	}
	// Every copy holds the same elements: whether they are there is seen before
	// a copy is used.
	signed, err := w.issuerSigned(b, 0)
	if err != nil {
		return nil, err
	}
	want, err := selection(signed, p.Elements)
	if err != nil {
		return nil, err
	}
	document, err := w.showMdoc(b.ID, want, p.Transcript, p.ReaderKey)
	if err != nil {
		return nil, err
	}
	return mdoc.BuildDeviceResponse(document)
}

func proofFor(readerKey *ecdh.PublicKey) Proof {
	if readerKey != nil {
		return ByMAC
	}
	return BySignature
}

// issuerSigned reads one copy of a batch, for looking at.
func (w *Wallet) issuerSigned(b Batch, n int) (*mdoc.IssuerSigned, error) {
	text, err := w.cfg.Store.Credential(b.ID, n)
	if err != nil {
		return nil, err
	}
	return parseIssuerSigned(text)
}

func parseIssuerSigned(text string) (*mdoc.IssuerSigned, error) {
	raw, err := jose.DecodeBase64URL(text)
	if err != nil {
		return nil, fmt.Errorf("reading the credential: %w", err)
	}
	return mdoc.ParseIssuerSigned(raw)
}

// showMdoc uses a copy up for one document.
func (w *Wallet) showMdoc(id string, want map[string][]string, transcript mdoc.SessionTranscript, readerKey *ecdh.PublicKey) (mdoc.ResponseDocument, error) {
	var d mdoc.ResponseDocument
	h, err := w.cfg.Store.take(id, proofFor(readerKey), w.cfg.Clock.Now())
	if err != nil {
		return d, err
	}
	signed, err := parseIssuerSigned(h.text)
	if err != nil {
		return d, err
	}
	d.IssuerSigned = signed.Select(want)
	if readerKey == nil {
		d.DeviceSigned, err = mdoc.SignDevice(h.key, transcript, signed.MSO.DocType, nil, w.cfg.Rand)
		return d, err
	}
	private, err := h.key.ECDH()
	if err != nil {
		return d, err
	}
	d.DeviceSigned, err = mdoc.MACDevice(private, readerKey, transcript, signed.MSO.DocType, nil)
	return d, err
}

// selection finds the elements that names mean.
func selection(signed *mdoc.IssuerSigned, names []string) (map[string][]string, error) {
	if len(names) == 0 {
		return nil, fmt.Errorf("%w: no element is named; it holds %s", ErrElement, strings.Join(elementNames(signed), ", "))
	}
	want := map[string][]string{}
	for _, name := range names {
		nameSpace, identifier := "", name
		if i := strings.LastIndexByte(name, '/'); i >= 0 {
			nameSpace, identifier = name[:i], name[i+1:]
		}
		found := false
		for _, ns := range signed.NameSpaces {
			if nameSpace != "" && ns.Name != nameSpace {
				continue
			}
			shown, ok := answering(signed, ns.Name, identifier)
			if !ok {
				continue
			}
			if found {
				return nil, fmt.Errorf("%w: %.80q is in more than one namespace, name it as NAMESPACE/%s", ErrElement, name, identifier)
			}
			found = true
			want[ns.Name] = append(want[ns.Name], shown)
		}
		if !found {
			return nil, fmt.Errorf("%w: %.80q; it holds %s", ErrElement, name, strings.Join(elementNames(signed), ", "))
		}
	}
	return want, nil
}

func elementNames(signed *mdoc.IssuerSigned) []string {
	var names []string
	for _, ns := range signed.NameSpaces {
		for i := range ns.Items {
			names = append(names, fmt.Sprintf("%.80q", ns.Items[i].ElementIdentifier))
		}
	}
	return names
}

// SDJWTPresentation is what the holder wants to show of an SD-JWT VC.
type SDJWTPresentation struct {
	VCT string
	// Claims are paths of member names with dots between ("address.locality").
	// What lies below a path is shown too; what the issuer left visible always
	// is.
	Claims []string
	// Nonce and Audience are the verifier's, of this transaction.
	Nonce, Audience string
}

// PresentSDJWT makes an SD-JWT+KB from the newest batch and its least used copy
// (RFC 9901, section 7.2).
func (w *Wallet) PresentSDJWT(p SDJWTPresentation) (string, error) {
	if p.Nonce == "" || p.Audience == "" {
		return "", errors.New("an SD-JWT is shown to one verifier, once: nonce and audience are needed")
	}
	now := w.cfg.Clock.Now()
	b, err := w.cfg.Store.newest(oid4vci.FormatSDJWT, p.VCT, BySignature, now)
	if err != nil {
		return "", err
	}
	text, err := w.cfg.Store.Credential(b.ID, 0)
	if err != nil {
		return "", err
	}
	paths, err := claimPaths(text, p.Claims)
	if err != nil {
		return "", err
	}
	h, err := w.cfg.Store.take(b.ID, BySignature, now)
	if err != nil {
		return "", err
	}
	token, err := sdjwt.Parse(h.text)
	if err != nil {
		return "", err
	}
	return token.Present(sdjwt.Selection(paths...), h.key, p.Nonce, p.Audience, now, w.cfg.Rand)
}

// claimPaths holds the names against what the credential has.
func claimPaths(text string, names []string) ([]sdjwt.Path, error) {
	token, err := sdjwt.Parse(text)
	if err != nil {
		return nil, err
	}
	payload, err := token.Process()
	if err != nil {
		return nil, err
	}
	paths := make([]sdjwt.Path, 0, len(names))
	for _, name := range names {
		path := sdjwt.Names(strings.Split(name, ".")...)
		if len(payload.Find(path)) == 0 {
			var held []string
			for _, value := range claims(payload) {
				held = append(held, fmt.Sprintf("%.80q", value.Name))
			}
			return nil, fmt.Errorf("%w: claim %.80q; it holds %s", ErrElement, name, strings.Join(slices.Compact(held), ", "))
		}
		paths = append(paths, path)
	}
	return paths, nil
}
