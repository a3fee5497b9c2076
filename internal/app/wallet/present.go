package wallet

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"vidimus/internal/clock"
	"vidimus/internal/elements"
	"vidimus/internal/jose"
	"vidimus/internal/mdoc"
	"vidimus/internal/oid4vci"
	"vidimus/internal/wallet"
)

// PresentConfig is the flags of present.
type PresentConfig struct {
	Dir      string
	Type     string // mdl, pid-mdoc, pid-sd-jwt, a doctype or a vct
	Elements []string

	Nonce, Audience string // of the verifier's request; Audience is its client_id
	ResponseURI     string // makes the OpenID4VP transcript of an mdoc
	TranscriptFile  string // or the SessionTranscript itself

	MAC           bool
	ReaderKeyFile string // JWK of the reader's key, with MAC

	OutFile           string // "-" or "" is standard output
	TranscriptOutFile string
}

// aliases are short names of the built-in types.
var aliases = map[string]struct{ format, typ string }{
	"mdl":        {oid4vci.FormatMdoc, elements.MDLDocType},
	"pid-mdoc":   {oid4vci.FormatMdoc, elements.PIDDocType},
	"pid-sd-jwt": {oid4vci.FormatSDJWT, elements.PIDVCT},
}

// ErrUsage marks a mistake in the flags of present.
var ErrUsage = errors.New("mistake in the flags")

func usage(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrUsage}, args...)...)
}

// Present makes a presentation and writes it: a DeviceResponse, in base64url
// when it goes to standard output, or an SD-JWT+KB.
func Present(cfg PresentConfig, out io.Writer) error {
	store, err := open(cfg.Dir)
	if err != nil {
		return err
	}
	defer store.Close()
	w, err := wallet.New(wallet.Config{Store: store, Clock: clock.System{}, Rand: rand.Reader})
	if err != nil {
		return err
	}
	format, typ, err := resolve(store, cfg.Type)
	if err != nil {
		return hinted(err)
	}
	if format == oid4vci.FormatSDJWT {
		return hinted(cfg.sdjwt(w, typ, out))
	}
	return hinted(cfg.mdoc(w, typ, out))
}

// resolve finds format and type of what is to be shown: by alias, or by the type
// of something that is held.
func resolve(store *wallet.Store, name string) (format, typ string, err error) {
	if a, ok := aliases[name]; ok {
		return a.format, a.typ, nil
	}
	batches, err := store.List()
	if err != nil {
		return "", "", err
	}
	for _, b := range batches {
		if b.Type == name {
			return b.Format, b.Type, nil
		}
	}
	return "", "", fmt.Errorf("%w: type %.120q", wallet.ErrNotFound, name)
}

func (cfg *PresentConfig) sdjwt(w *wallet.Wallet, vct string, out io.Writer) error {
	switch {
	case cfg.MAC || cfg.ReaderKeyFile != "" || cfg.TranscriptFile != "" || cfg.TranscriptOutFile != "" || cfg.ResponseURI != "":
		return usage("an SD-JWT has no transcript and no MAC: --nonce and --aud bind it")
	case cfg.Nonce == "" || cfg.Audience == "":
		return usage("an SD-JWT is shown to one verifier, once: --nonce and --aud are needed")
	}
	compact, err := w.PresentSDJWT(wallet.SDJWTPresentation{VCT: vct, Claims: cfg.Elements, Nonce: cfg.Nonce, Audience: cfg.Audience})
	if err != nil {
		return err
	}
	return cfg.write([]byte(compact+"\n"), []byte(compact+"\n"), out)
}

func (cfg *PresentConfig) mdoc(w *wallet.Wallet, docType string, out io.Writer) error {
	if cfg.MAC != (cfg.ReaderKeyFile != "") {
		return usage("--mac and --reader-key go together")
	}
	var readerKey *ecdsa.PublicKey
	if cfg.MAC {
		var err error
		if readerKey, err = loadReaderKey(cfg.ReaderKeyFile); err != nil {
			return err
		}
	}
	transcript, err := cfg.transcript(readerKey)
	if err != nil {
		return err
	}
	p := wallet.MdocPresentation{DocType: docType, Elements: cfg.Elements, Transcript: transcript}
	if readerKey != nil {
		if p.ReaderKey, err = readerKey.ECDH(); err != nil {
			return fmt.Errorf("%s: %w", cfg.ReaderKeyFile, err)
		}
		if p.ReaderKey.Curve() != ecdh.P256() {
			return fmt.Errorf("%s: the key is not on P-256, the curve of the wallet's keys", cfg.ReaderKeyFile)
		}
	}
	response, err := w.PresentMdoc(p)
	if err != nil {
		return err
	}
	if cfg.TranscriptOutFile != "" {
		if err := writeFile(cfg.TranscriptOutFile, transcript); err != nil {
			return err
		}
	}
	return cfg.write(response, []byte(jose.EncodeBase64URL(response)+"\n"), out)
}

// transcript is the one given, or that of OpenID4VP 1.0, B.2.6.1. There a MAC
// is made with the key that the response is encrypted to, which the transcript
// then names.
func (cfg *PresentConfig) transcript(readerKey *ecdsa.PublicKey) (mdoc.SessionTranscript, error) {
	if cfg.TranscriptFile != "" {
		if cfg.Nonce != "" || cfg.Audience != "" || cfg.ResponseURI != "" {
			return nil, usage("--transcript says it all: leave --nonce, --client-id and --response-uri out")
		}
		data, err := readFile(cfg.TranscriptFile)
		if err != nil {
			return nil, err
		}
		t, err := mdoc.ParseSessionTranscript(binary(data))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", cfg.TranscriptFile, err)
		}
		return t, nil
	}
	if cfg.Nonce == "" || cfg.Audience == "" || cfg.ResponseURI == "" {
		return nil, usage("an mdoc is shown in one session: give --transcript, or --nonce, --client-id and --response-uri of an OpenID4VP request")
	}
	var thumbprint []byte
	if readerKey != nil {
		var err error
		if thumbprint, err = jose.Thumbprint(readerKey); err != nil {
			return nil, err
		}
	}
	return mdoc.OpenID4VPTranscript(cfg.Audience, cfg.Nonce, thumbprint, cfg.ResponseURI)
}

func loadReaderKey(file string) (*ecdsa.PublicKey, error) {
	data, err := readFile(file)
	if err != nil {
		return nil, err
	}
	key, err := jose.ParseKey(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	public, ok := key.Public.(*ecdsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("%s holds no EC key", file)
	}
	return public, nil
}

// write puts the presentation where it is wanted, text on a terminal.
func (cfg *PresentConfig) write(data, text []byte, out io.Writer) error {
	if cfg.OutFile == "" || cfg.OutFile == "-" {
		_, err := out.Write(text)
		return err
	}
	return writeFile(cfg.OutFile, data)
}
