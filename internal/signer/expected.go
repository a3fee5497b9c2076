package signer

import (
	"crypto"
	"errors"
	"fmt"
	"io"

	"vidimus/internal/audit"
	"vidimus/internal/bundle"
	"vidimus/internal/cbor"
	"vidimus/internal/cose"
	"vidimus/internal/jose"
	"vidimus/internal/sdjwt"
)

// Types of tokens of rooms beside this one, or that their rooms keep to themselves.
const (
	typeStatusJWT      = "statuslist+jwt"
	typeReceipt        = "vidimus-receipt+jwt"
	typeNotice         = "vidimus-notice+jwt"
	typeReconciliation = "vidimus-reconciliation+jwt"
	typeStatusCWT      = "application/statuslist+cwt"
	typeIdentifierList = "application/identifierlist+cwt"
	typeBackup         = "vidimus-backup+jwt"
	typeEvent          = "secevent+jwt"
	typeMetadata       = "openidvci-issuer-metadata+jwt"
)

// headers makes the protected headers of whatever the key may sign, in the bytes in
// which this product writes them: a message has one of them or is none. So no
// header is ever interpreted here, and comparing costs next to nothing.
func (h *held) headers() (map[Kind][]byte, error) {
	chain := h.x5c()
	jws := map[Kind]map[string]any{
		KindSDJWT:          {"typ": sdjwt.Type, "x5c": h.Chain},
		KindStatusJWT:      {"typ": typeStatusJWT, "x5c": chain},
		KindReceipt:        {"typ": typeReceipt, "kid": h.kid, "x5c": h.Chain},
		KindNotice:         {"typ": typeNotice, "kid": h.kid, "x5c": h.Chain},
		KindReconciliation: {"typ": typeReconciliation, "kid": h.kid, "x5c": h.Chain},
		KindBackup:         {"typ": typeBackup, "kid": h.kid},
		KindCheckpoint:     {"typ": audit.CheckpointType, "kid": h.kid},
		KindEvent:          {"typ": typeEvent, "kid": h.kid},
		KindMetadata:       {"typ": typeMetadata, "x5c": h.Chain},
	}
	sign1 := map[Kind]map[int64]any{
		KindMSO:            {},
		KindVICAL:          {},
		KindStatusCWT:      {cose.LabelType: typeStatusCWT, cose.LabelX5Chain: cose.X5ChainValue(h.Chain)},
		KindIdentifierList: {cose.LabelType: typeIdentifierList, cose.LabelX5Chain: cose.X5ChainValue(h.Chain)},
		KindBundle:         {cose.LabelContentType: bundle.ContentType, cose.LabelX5Chain: cose.X5ChainValue(h.Chain)},
	}
	out := map[Kind][]byte{}
	for _, kind := range h.Policy.Kinds {
		if header, ok := jws[kind]; ok {
			head, err := jwsHeader(h.pub, header)
			if err != nil {
				return nil, fmt.Errorf("header of %s: %w", kind, err)
			}
			out[kind] = head
		}
		if header, ok := sign1[kind]; ok {
			header[cose.LabelAlgorithm] = int64(h.coseAlg)
			head, err := cbor.Marshal(header)
			if err != nil {
				return nil, fmt.Errorf("header of %s: %w", kind, err)
			}
			out[kind] = head
		}
	}
	return out, nil
}

func (h *held) x5c() []string {
	out := make([]string, len(h.Chain))
	for i, der := range h.Chain {
		out[i] = jose.EncodeBase64(der)
	}
	return out
}

// jwsHeader is the first part of a token with its dot, as package jose writes it.
func jwsHeader(pub crypto.PublicKey, header map[string]any) ([]byte, error) {
	listen := &listener{pub: pub}
	s, err := jose.NewSigner(listen, header)
	if err != nil {
		return nil, err
	}
	if _, err := s.Sign(nil, nil); !errors.Is(err, errHeard) {
		return nil, err
	}
	return listen.heard, nil
}

// listener is a key that signs nothing and keeps what it was asked to sign.
type listener struct {
	pub   crypto.PublicKey
	heard []byte
}

var errHeard = errors.New("heard")

func (l *listener) Public() crypto.PublicKey { return l.pub }

func (l *listener) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return nil, errHeard }

func (l *listener) SignMessage(_ io.Reader, message []byte, _ crypto.SignerOpts) ([]byte, error) {
	l.heard = append([]byte(nil), message...)
	return nil, errHeard
}
