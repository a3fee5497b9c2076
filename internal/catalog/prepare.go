package catalog

import (
	"crypto"
	"io"

	"vidimus/internal/mdoc"
	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
	"vidimus/internal/sdjwt"
)

// Copy is what one copy has for itself.
type Copy struct {
	Key     crypto.PublicKey // of the wallet
	ListURI string           // of the list; empty when the configuration has no status
	Index   uint64           // in a status list
	// Identifier in an identifier list, else nil.
	Identifier []byte
}

// Prepared is one copy, its exact bytes built and checked, ready to be signed
// once.
type Prepared interface {
	// Sign gives the credential as OpenID4VCI 1.0 transports it: base64url of
	// IssuerSigned (appendix A.2.4) or the compact SD-JWT (A.3.4). chain is DER,
	// leaf first, without the anchor. A second call is refused.
	Sign(signer crypto.Signer, chain [][]byte, rand io.Reader) (oid4vci.Credential, error)
	// Payload is what is signed, which every other octet of the copy hangs on by a
	// digest: 24(<<MSO>>), or the claims. It must not be changed.
	Payload() []byte
}

// Prepare builds one copy, with salts and digest identifiers of its own. Nothing
// in it tells that it belongs to the batch but the values and the validity, which
// are those of the day.
func (b *Batch) Prepare(c Copy, rand io.Reader) (Prepared, error) {
	if (c.ListURI != "") != (b.cfg.Status != StatusNone) || (len(c.Identifier) > 0) != (b.cfg.Status == StatusIdentifier) {
		return nil, problem.New(problem.Internal, "copy with another status entry than the configuration has")
	}
	if c.Key == nil {
		return nil, problem.New(problem.Internal, "copy without a key of the wallet")
	}
	if b.mdoc != nil {
		parts := mdoc.Copy{DeviceKey: c.Key, Validity: mdoc.NewValidityInfo(b.from, b.from, b.until)}
		switch b.cfg.Status {
		case StatusList:
			parts.Status = &mdoc.Status{StatusList: &mdoc.StatusListInfo{Index: c.Index, URI: c.ListURI}}
		case StatusIdentifier:
			parts.Status = &mdoc.Status{IdentifierList: &mdoc.IdentifierListInfo{ID: c.Identifier, URI: c.ListURI}}
		}
		prepared, err := b.mdoc.Prepare(parts, rand)
		if err != nil {
			return nil, err
		}
		return preparedMDoc{prepared}, nil
	}
	// iat is as coarse as nbf.
	parts := sdjwt.Copy{Issuer: b.terms.Issuer, IssuedAt: b.from, NotBefore: b.from, Expires: b.until, Confirmation: c.Key}
	if c.ListURI != "" {
		parts.Status = &sdjwt.StatusReference{Index: c.Index, URI: c.ListURI}
	}
	prepared, err := b.sdjwt.Prepare(parts, rand)
	if err != nil {
		return nil, err
	}
	return preparedSDJWT{prepared}, nil
}

// preparedMDoc encodes what an mdoc signs.
type preparedMDoc struct{ *mdoc.Prepared }

func (p preparedMDoc) Sign(signer crypto.Signer, chain [][]byte, rand io.Reader) (oid4vci.Credential, error) {
	issuerSigned, err := p.Prepared.Sign(signer, chain, rand)
	if err != nil {
		return oid4vci.Credential{}, err
	}
	return oid4vci.OctetCredential(issuerSigned), nil
}

// preparedSDJWT is text as it is.
type preparedSDJWT struct{ *sdjwt.Prepared }

func (p preparedSDJWT) Sign(signer crypto.Signer, chain [][]byte, rand io.Reader) (oid4vci.Credential, error) {
	compact, err := p.Prepared.Sign(signer, chain, rand)
	return oid4vci.Credential{Credential: compact}, err
}
