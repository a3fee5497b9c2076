package issuance

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"vidimus/internal/jose"
	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
)

// requestKeys are the keys that requests are encrypted for. They follow from
// the secret of the office and from the period in which they are announced, so
// that every node has them, and after a restart too; whoever has the secret can
// read the requests of all periods.
type requestKeys struct {
	secret   []byte
	rotation time.Duration

	mu    sync.Mutex
	known map[int64]*jose.Key
}

func (k *requestKeys) period(now time.Time) int64 { return now.Unix() / int64(k.rotation/time.Second) }

// begin is when a period does.
func (k *requestKeys) begin(period int64) time.Time {
	return time.Unix(period*int64(k.rotation/time.Second), 0).UTC()
}

// of gives the key of a period.
func (k *requestKeys) of(period int64) (*jose.Key, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if key := k.known[period]; key != nil {
		return key, nil
	}
	key, err := k.derive(period)
	if err != nil {
		return nil, fmt.Errorf("deriving a key for requests: %w", err)
	}
	if len(k.known) > 2 || k.known == nil {
		k.known = map[int64]*jose.Key{}
	}
	k.known[period] = key
	return key, nil
}

// derive draws candidates until one is a scalar of P-256: the first is, but
// with a chance of 2^-32.
func (k *requestKeys) derive(period int64) (*jose.Key, error) {
	for try := 0; ; try++ {
		raw, err := hkdf.Key(sha256.New, k.secret, nil, fmt.Sprintf("period %d of %d s, try %d", period, int64(k.rotation/time.Second), try), 32)
		if err != nil {
			return nil, err
		}
		private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), raw)
		if err != nil && try < 4 {
			continue
		}
		if err != nil {
			return nil, err
		}
		thumbprint, err := jose.Thumbprint(private.Public())
		if err != nil {
			return nil, err
		}
		return &jose.Key{Public: private.Public(), Private: private, KeyID: jose.EncodeBase64URL(thumbprint[:12]), Algorithm: oid4vci.AlgECDHES, Use: "enc"}, nil
	}
}

// find gives the key of a kid: the present one, which "" means too, or for a
// while the one before.
func (k *requestKeys) find(kid string, now time.Time) (*jose.Key, error) {
	period := k.period(now)
	last := period
	if now.Before(k.begin(period).Add(min(keyGrace, k.rotation))) {
		last--
	}
	for ; period >= last; period-- {
		key, err := k.of(period)
		if err != nil || kid == "" || key.KeyID == kid {
			return key, err
		}
	}
	return nil, nil
}

// EncryptionKeys is the JWK Set of the metadata, nil when requests may not be
// encrypted. It changes at EncryptionRotates.
func (s *Service) EncryptionKeys() json.RawMessage {
	if !s.cfg.Encrypt {
		return nil
	}
	key, err := s.keys.of(s.keys.period(s.p.Clock.Now()))
	if err != nil {
		panic("issuance: " + err.Error()) // the standard library refused HKDF
	}
	text, err := jose.MarshalPublicKey(key.Public)
	if err != nil {
		panic("issuance: a key of ours cannot be written: " + err.Error())
	}
	members, err := jose.Members(text)
	if err != nil {
		panic("issuance: a key of ours cannot be read: " + err.Error())
	}
	for name, value := range map[string]string{"kid": key.KeyID, "alg": key.Algorithm, "use": key.Use} {
		members[name] = json.RawMessage(`"` + value + `"`)
	}
	set, err := json.Marshal(map[string]any{"keys": []any{members}})
	if err != nil {
		panic("issuance: a key of ours cannot be written: " + err.Error())
	}
	return set
}

// EncryptionRotates is when EncryptionKeys changes next.
func (s *Service) EncryptionRotates() time.Time {
	return s.keys.begin(s.keys.period(s.p.Clock.Now()) + 1)
}

// Encryption is what the metadata say of it, nil when it is not offered.
func (s *Service) Encryption() (*oid4vci.RequestEncryption, *oid4vci.ResponseEncryption) {
	if !s.cfg.Encrypt {
		return nil, nil
	}
	return oid4vci.NewRequestEncryption(s.EncryptionKeys(), s.cfg.RequireRequestEncrypted), oid4vci.NewResponseEncryption(s.cfg.RequireAnswerEncrypted)
}

// DecryptRequest opens an application/jwt body (OpenID4VCI 1.0, section 10).
// Refusals are problem.InvalidEncryptionParameters.
func (s *Service) DecryptRequest(_ context.Context, body []byte) ([]byte, error) {
	if !s.cfg.Encrypt {
		return nil, problem.New(problem.InvalidEncryptionParameters, "encrypted requests are not offered")
	}
	var failed error
	text, err := oid4vci.DecryptRequest(string(body), func(kid string) (key *jose.Key) {
		key, failed = s.keys.find(kid, s.p.Clock.Now())
		return key
	})
	if failed != nil {
		return nil, unavailable(failed)
	}
	return text, err
}

// EncryptResponse makes the application/jwt form of an answer, with status 200
// or 202. Refusals are never encrypted.
func (s *Service) EncryptResponse(p *oid4vci.ResponseEncryptionParameters, body []byte) (string, error) {
	return p.Encrypt(body, s.p.Rand)
}

// ReadRequest reads the body of the credential endpoint; encrypted tells that
// it came as application/jwt.
func (s *Service) ReadRequest(ctx context.Context, body []byte, encrypted bool) (*oid4vci.CredentialRequest, error) {
	body, err := s.clear(ctx, body, encrypted)
	if err != nil {
		return nil, err
	}
	parse := oid4vci.ParseCredentialRequest
	if s.cfg.Draft15 {
		parse = oid4vci.ParseDraft15Request
	}
	r, err := parse(body)
	if err != nil {
		return nil, err
	}
	r.Encrypted = encrypted
	return r, nil
}

// ReadDeferred reads the body of the deferred endpoint likewise.
func (s *Service) ReadDeferred(ctx context.Context, body []byte, encrypted bool) (*oid4vci.DeferredRequest, error) {
	body, err := s.clear(ctx, body, encrypted)
	if err != nil {
		return nil, err
	}
	r, err := oid4vci.ParseDeferredRequest(body)
	if err != nil {
		return nil, err
	}
	r.Encrypted = encrypted
	return r, nil
}

func (s *Service) clear(ctx context.Context, body []byte, encrypted bool) ([]byte, error) {
	if !encrypted {
		return body, nil
	}
	return s.DecryptRequest(ctx, body)
}

// checkEncryption judges how a request came and what it asks.
func (s *Service) checkEncryption(p *oid4vci.ResponseEncryptionParameters, encrypted bool) error {
	if p != nil && !s.cfg.Encrypt {
		return problem.New(problem.InvalidEncryptionParameters, "encrypted responses are not offered")
	}
	return oid4vci.CheckEncryption(p, encrypted, s.cfg.RequireRequestEncrypted, s.cfg.RequireAnswerEncrypted)
}
