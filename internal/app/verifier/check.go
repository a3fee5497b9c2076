// Package verifier is what the verifier's commands do: read files, verify
// without a network, show a Report or decode without trusting.
//
// Start with Check, which gives a verification.Report, with WriteText, which
// shows it to a person, and with Inspect. Nothing is fetched: anchors come from
// a folder, status lists from files, the instant from the caller.
package verifier

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"io"
	"time"

	"vidimus/internal/jose"
	"vidimus/internal/mdoc"
	"vidimus/internal/policy"
	"vidimus/internal/statuslist"
	"vidimus/internal/trust"
	"vidimus/internal/verification"
)

// Exit codes of check (docs/OPERATIONS.md).
const (
	ExitGreen      = 0
	ExitRed        = 1
	ExitCannotTell = 2
)

// CheckConfig is the flags of check.
type CheckConfig struct {
	File string // "-" is standard input

	TrustDir string   // folder of anchors
	DocTypes []string // for anchors that the folder's trust.yaml does not name
	VCTs     []string
	Lists    []string // files with status lists or identifier lists

	TranscriptFile string // SessionTranscript, tagged or not
	ReaderKeyFile  string // JWK, for a deviceMac
	Nonce          string
	Audience       string // also the client_id of an mdoc over OpenID4VP
	ResponseURI    string // makes the OpenID4VP transcript with Nonce and Audience
	ProfileID      string
	PolicyFile     string

	At time.Time
}

// Check verifies one file. The error is for what concerns the command itself:
// files that cannot be read, a policy that is wrong. Whatever is wrong with the
// presentation is in the Report.
func Check(cfg CheckConfig, stdin io.Reader) (*verification.Report, error) {
	data, err := ReadFile(cfg.File, stdin)
	if err != nil {
		return nil, err
	}
	in, err := Detect(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cfg.File, err)
	}
	opt, err := cfg.options(stdin)
	if err != nil {
		return nil, err
	}
	switch in.Kind {
	case KindDeviceResponse:
		return verification.DeviceResponse(in.Data, opt), nil
	case KindIssuerSigned:
		return verification.IssuerSigned(in.Data, opt), nil
	case KindSDJWT:
		return verification.SDJWT(string(in.Data), opt), nil
	case KindCBOR:
		// Whatever it is, it was handed over as a presentation: say what is wrong
		// with it as one.
		return verification.DeviceResponse(in.Data, opt), nil
	}
	return nil, fmt.Errorf("%s is a %s: check takes a DeviceResponse, an IssuerSigned or an SD-JWT; `verifier inspect` decodes the others", cfg.File, in.Kind)
}

func (cfg CheckConfig) options(stdin io.Reader) (verification.Options, error) {
	opt := verification.Options{Now: cfg.At, Nonce: cfg.Nonce, Audience: cfg.Audience}
	var err error
	if cfg.PolicyFile != "" {
		data, err := ReadFile(cfg.PolicyFile, stdin)
		if err != nil {
			return opt, err
		}
		if opt.Policy, err = policy.Load(policy.File{Name: cfg.PolicyFile, Data: data}); err != nil {
			return opt, err
		}
		opt.PolicyName = cfg.PolicyFile
	} else {
		opt.Policy = policy.Default()
	}
	if cfg.ProfileID != "" {
		p, ok := opt.Policy.Profile(cfg.ProfileID)
		if !ok {
			return opt, fmt.Errorf("the policy has no profile %q", cfg.ProfileID)
		}
		opt.Profile = &p
	}
	if cfg.TrustDir != "" {
		if opt.Trust, err = LoadTrust(cfg.TrustDir, cfg.DocTypes, cfg.VCTs); err != nil {
			return opt, err
		}
	}
	if opt.Lists, err = loadLists(cfg.Lists); err != nil {
		return opt, err
	}
	if opt.Transcript, err = cfg.transcript(stdin); err != nil {
		return opt, err
	}
	if cfg.ReaderKeyFile != "" {
		opt.ReaderKey, err = loadReaderKey(cfg.ReaderKeyFile)
	}
	return opt, err
}

// LoadTrust reads a folder of anchors. Those that its trust.yaml does not name
// count for the doctypes and vcts given; without any that is an error.
func LoadTrust(dir string, docTypes, vcts []string) (*trust.Store, error) {
	var fallback trust.Scope
	if len(docTypes) > 0 {
		fallback.Purposes = append(fallback.Purposes, trust.IssueMdoc)
	}
	if len(vcts) > 0 {
		fallback.Purposes = append(fallback.Purposes, trust.IssueSDJWT)
	}
	fallback.DocTypes, fallback.VCTs = docTypes, vcts
	return trust.LoadDir(dir, fallback)
}

// loadLists reads status list tokens and finds each by the subject that it
// claims; whether it may, verification finds out.
func loadLists(files []string) (func(string) ([]byte, error), error) {
	if len(files) == 0 {
		return nil, nil
	}
	lists := map[string][]byte{}
	for _, file := range files {
		data, err := ReadFile(file, nil)
		if err != nil {
			return nil, err
		}
		in, err := Detect(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		subject, err := listSubject(in.Data)
		if err != nil {
			return nil, fmt.Errorf("%s is no status list: %w", file, err)
		}
		if _, twice := lists[subject]; twice {
			return nil, fmt.Errorf("%s: a second list for %s", file, subject)
		}
		lists[subject] = in.Data
	}
	return func(uri string) ([]byte, error) {
		if data, ok := lists[uri]; ok {
			return data, nil
		}
		return nil, errors.New("it is not among the files given with --status")
	}, nil
}

func listSubject(data []byte) (string, error) {
	token, err := statuslist.ParseToken(data)
	if err == nil {
		return token.Subject, nil
	}
	if list, other := statuslist.ParseIdentifierList(data); other == nil {
		return list.Subject, nil
	}
	return "", err
}

func (cfg CheckConfig) transcript(stdin io.Reader) (mdoc.SessionTranscript, error) {
	switch {
	case cfg.TranscriptFile != "":
		data, err := ReadFile(cfg.TranscriptFile, stdin)
		if err != nil {
			return nil, err
		}
		in, err := Detect(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", cfg.TranscriptFile, err)
		}
		t, err := mdoc.ParseSessionTranscript(in.Data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", cfg.TranscriptFile, err)
		}
		return t, nil
	case cfg.ResponseURI != "":
		return mdoc.OpenID4VPTranscript(cfg.Audience, cfg.Nonce, nil, cfg.ResponseURI)
	}
	return nil, nil
}

func loadReaderKey(file string) (*ecdh.PrivateKey, error) {
	data, err := ReadFile(file, nil)
	if err != nil {
		return nil, err
	}
	key, err := jose.ParseKey(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	private, ok := key.Private.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s holds no private EC key", file)
	}
	return private.ECDH()
}

// ExitCode is what a script reads: green, red, or cannot tell.
func ExitCode(r *verification.Report) int {
	switch r.Colour {
	case policy.Green:
		return ExitGreen
	case policy.Red:
		return ExitRed
	}
	return ExitCannotTell
}
