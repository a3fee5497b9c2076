// Package verifier is what the verifier's commands do: read files, verify
// without a network, show a Report or decode without trusting.
//
// Start with Check, which gives a verification.Report, with WriteText, which
// shows it to a person, and with Inspect. Nothing is fetched: anchors come from
// a folder, status lists from files, the instant from the caller. Whatever
// stands in a file reaches the terminal through Clean alone.
package verifier

import (
	"fmt"
	"io"
	"strings"
	"time"

	"vidimus/internal/policy"
	"vidimus/internal/statuslist"
	"vidimus/internal/verification"
)

// Exit codes of check.
const (
	ExitGreen      = 0
	ExitRed        = 1
	ExitCannotTell = 2
)

// CheckConfig is the flags of check. Of all its files one may be "-", standard
// input.
type CheckConfig struct {
	File string

	TrustDir string   // folder of anchors
	DocTypes []string // for anchors that the folder's trust.yaml does not name
	VCTs     []string
	VICAL    string   // file with a list of issuing authorities, beside or instead of the folder
	Roots    string   // PEM file with the roots of VICAL signers
	Lists    []string // files with status lists or identifier lists

	TranscriptFile string // SessionTranscript, tagged or not
	ReaderKeyFile  string // JWK, for a deviceMac and for encrypted responses
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
	f := &files{stdin}
	in, err := f.open(cfg.File)
	if err != nil {
		return nil, err
	}
	opt, err := cfg.options(f)
	if err != nil {
		return nil, err
	}
	lists, err := loadLists(f, cfg.Lists)
	if err != nil {
		return nil, err
	}
	switch in.Kind {
	case KindIssuerSigned:
		opt.Lists = lists.of(statuslist.FormatCWT)
		return verification.IssuerSigned(in.Data, opt), nil
	case KindSDJWT:
		opt.Lists = lists.of(statuslist.FormatJWT)
		return verification.SDJWT(string(in.Data), opt), nil
	case KindDeviceResponse, KindCBOR:
		// Whatever it is, it was handed over as a presentation: say what is wrong
		// with it as one.
		opt.Lists = lists.of(statuslist.FormatCWT)
		return verification.DeviceResponse(in.Data, opt), nil
	}
	return nil, fmt.Errorf("%s is of the kind %q: check takes a DeviceResponse, an IssuerSigned or an SD-JWT; `verifier inspect` decodes the others", cfg.File, in.Kind)
}

func (cfg CheckConfig) options(f *files) (verification.Options, error) {
	opt := verification.Options{Now: cfg.At, Nonce: cfg.Nonce, Audience: cfg.Audience, Policy: policy.Default()}
	if cfg.PolicyFile != "" {
		data, err := f.read(cfg.PolicyFile)
		if err != nil {
			return opt, err
		}
		if opt.Policy, err = policy.Load(policy.File{Name: cfg.PolicyFile, Data: data}); err != nil {
			return opt, err
		}
		opt.PolicyName = cfg.PolicyFile
	}
	if cfg.ProfileID != "" {
		p, ok := opt.Policy.Profile(cfg.ProfileID)
		if !ok {
			return opt, fmt.Errorf("the policy has no profile %q, it has %s", cfg.ProfileID, profiles(opt.Policy))
		}
		opt.Profile = &p
	}
	var err error
	if cfg.TrustDir != "" {
		if opt.Trust, err = LoadTrust(cfg.TrustDir, cfg.DocTypes, cfg.VCTs); err != nil {
			return opt, fmt.Errorf("--trust: %w\nIt is a folder with the roots of issuers alone, as files: copy there the iaca.pem of every office that is trusted", err)
		}
	}
	if cfg.VICAL != "" {
		list, err := f.vical(cfg.VICAL, cfg.Roots, cfg.At)
		if err != nil {
			return opt, err
		}
		anchors := list.Store()
		if opt.Trust != nil {
			anchors.Merge(opt.Trust)
		}
		opt.Trust = anchors
	}
	opt.Transcript, opt.ReaderKey, err = cfg.session(f)
	return opt, err
}

func profiles(p *policy.Policy) string {
	var ids []string
	for _, profile := range p.Profiles {
		ids = append(ids, profile.ID)
	}
	return strings.Join(ids, ", ")
}

// Hints says what the command line could have given besides: for a person who
// wonders why the answer is not green.
func (cfg CheckConfig) Hints(r *verification.Report) []string {
	var hints []string
	hint := func(when bool, text string) {
		if when {
			hints = append(hints, text)
		}
	}
	checked := func(id string, result verification.Result) bool {
		for _, d := range r.Documents {
			for _, c := range d.Checks {
				if c.ID == id && c.Result == result {
					return true
				}
			}
		}
		return false
	}
	token := r.Format == verification.FormatSDJWT
	hint(cfg.TrustDir+cfg.VICAL == "", "no --trust or --vical given: nobody is trusted, so no issuer is known")
	hint(cfg.Lists == nil && (checked("mso.status", verification.NotDone) || checked("sd.status", verification.NotDone)),
		"no --status given: whether the copy was revoked cannot be known")
	hint(token && (cfg.Nonce == "") != (cfg.Audience == ""), "--nonce and --aud prove the holder together, one alone does not")
	hint(token && cfg.TranscriptFile+cfg.ResponseURI+cfg.ReaderKeyFile != "", "--transcript, --response-uri and --reader-key are for mdocs: this is an SD-JWT, which --nonce and --aud tie to its transaction")
	hint(r.Format == verification.FormatDeviceResponse && cfg.TranscriptFile+cfg.ResponseURI == "" && cfg.Nonce+cfg.Audience != "",
		"--nonce and --aud alone are for SD-JWTs: this is an mdoc, give --response-uri with them, or --transcript")
	hint(checked("da.sig", verification.Fail) && cfg.ResponseURI != "" && cfg.ReaderKeyFile == "", "a response that was encrypted is tied to its key: give --reader-key")
	hint(checked("da.mac", verification.NotDone) && cfg.TranscriptFile+cfg.ResponseURI != "" && cfg.ReaderKeyFile == "", "the holder proved itself with a MAC: give --reader-key to check it")
	return hints
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
