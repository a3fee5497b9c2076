package signer

import (
	"bytes"

	"vidimus/internal/jose"
)

// readJWS takes a signing input (RFC 7515, 5.1) apart: a header that is one of those
// that the key's messages have, a dot, and the payload.
func (h *held) readJWS(m []byte, now instant) (Kind, error) {
	dot := bytes.IndexByte(m, '.')
	if dot < 0 {
		return "", badForm("JWS: no dot")
	}
	head, body := m[:dot+1], m[dot+1:]
	var kind Kind
	for _, k := range h.Policy.Kinds {
		if bytes.Equal(head, h.expected[k]) {
			kind = k
			break
		}
	}
	if kind == "" && h.Policy.signs(KindEntityList) {
		ours, err := h.entityListHead(head, now)
		if err != nil {
			return "", err
		}
		if ours {
			kind = KindEntityList
		}
	}
	if kind == "" {
		return "", refuse(ReasonKind, "a JWS header that no message of this key has: another algorithm, type, kid or certificate")
	}
	payload, err := jose.DecodeBase64URL(string(body))
	if err != nil {
		return "", badForm("JWS: payload: %v", err)
	}
	if len(payload) == 0 || payload[0] != '{' || payload[len(payload)-1] != '}' {
		return "", badForm("JWS: payload: something before or behind the claims")
	}
	return kind, claimReaders[kind](h, payload, now)
}

// claimReaders read the payload of each kind of token.
var claimReaders = map[Kind]func(h *held, payload []byte, now instant) error{
	KindSDJWT:          (*held).readSDJWT,
	KindStatusJWT:      (*held).readStatusJWT,
	KindReceipt:        (*held).readReceipt,
	KindNotice:         (*held).readNotice,
	KindReconciliation: (*held).readReconciliation,
	KindBackup:         (*held).readBackup,
	KindCheckpoint:     (*held).readCheckpoint,
	KindEvent:          (*held).readEvent,
	KindMetadata:       (*held).readMetadata,
	KindEntityList:     (*held).readEntityList,
}
