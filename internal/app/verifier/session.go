package verifier

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"fmt"

	"vidimus/internal/jose"
	"vidimus/internal/mdoc"
)

// session gives what ties an mdoc to one session: its transcript, from a file
// or made of an OpenID4VP transaction, and the reader's key.
//
// A key makes the transcript of an encrypted response, whose handover names the
// key (OpenID4VP 1.0, B.2.6.1): a deviceMac needs the encryption key in any case.
func (cfg CheckConfig) session(f *files) (mdoc.SessionTranscript, *ecdh.PrivateKey, error) {
	var key *ecdh.PrivateKey
	var thumbprint []byte
	if cfg.ReaderKeyFile != "" {
		var err error
		if key, thumbprint, err = readReaderKey(f, cfg.ReaderKeyFile); err != nil {
			return nil, nil, err
		}
	}
	switch {
	case cfg.TranscriptFile != "":
		in, err := f.open(cfg.TranscriptFile)
		if err != nil {
			return nil, nil, err
		}
		t, err := mdoc.ParseSessionTranscript(in.Data)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", cfg.TranscriptFile, err)
		}
		return t, key, nil
	case cfg.ResponseURI != "":
		t, err := mdoc.OpenID4VPTranscript(cfg.Audience, cfg.Nonce, thumbprint, cfg.ResponseURI)
		return t, key, err
	}
	return nil, key, nil
}

// readReaderKey reads a private EC JWK, and gives its thumbprint too.
func readReaderKey(f *files, file string) (*ecdh.PrivateKey, []byte, error) {
	data, err := f.read(file)
	if err != nil {
		return nil, nil, err
	}
	key, err := jose.ParseKey(data)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	private, ok := key.Private.(*ecdsa.PrivateKey)
	if !ok {
		return nil, nil, fmt.Errorf("%s holds no private EC key", file)
	}
	thumbprint, err := jose.Thumbprint(key.Public)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	agreed, err := private.ECDH()
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	return agreed, thumbprint, nil
}
