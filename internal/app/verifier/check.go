// Package verifier is what the verifier's commands do: read files, verify
// without a network, show a Report or decode without trusting.
//
// Start with Check, which gives a verification.Report, with WriteText, which
// shows it to a person, and with Inspect; with Prepare and Ready.Read for a phone in
// person, over the Link of a radio (Over) or a Simulation, with Terminal for the same
// behind pages, and with Enrolment for a reader that says who it is. What a reader knows comes from a signed
// bundle (BundleSource) and the folder in which it keeps how far it got (State), or
// from folders and files. Nothing is fetched but by FetchBundle, BuildBundle and
// Enrolment; the instant comes from the caller. Whatever stands in a file, or comes
// from a phone, reaches the terminal through Clean alone, and of what a phone showed
// nothing is stored.
package verifier

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"vidimus/internal/bundle"
	"vidimus/internal/pki"
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
	CRLs     []string // files with certificate revocation lists, PEM or DER
	Bundle   BundleSource

	TranscriptFile string // SessionTranscript, tagged or not
	ReaderKeyFile  string // JWK, for a deviceMac and for encrypted responses
	Nonce          string
	Audience       string // also the client_id of an mdoc over OpenID4VP
	ResponseURI    string // makes the OpenID4VP transcript with Nonce and Audience
	ProfileID      string
	PolicyFile     string

	At time.Time
	// Notes takes what concerns no document, such as a state folder that cannot be
	// written; nil says nothing.
	Notes io.Writer
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
	knows, err := cfg.knowledge(f)
	if err != nil {
		return nil, err
	}
	opt, err := cfg.options(f, knows)
	if err != nil {
		return nil, err
	}
	lists, err := loadLists(f, cfg.Lists)
	if err != nil {
		return nil, err
	}
	var report *verification.Report
	switch in.Kind {
	case KindIssuerSigned:
		lists.into(&opt, knows, statuslist.FormatCWT)
		report = verification.IssuerSigned(in.Data, opt)
	case KindSDJWT:
		lists.into(&opt, knows, statuslist.FormatJWT)
		report = verification.SDJWT(string(in.Data), opt)
	case KindDeviceResponse, KindCBOR:
		// Whatever it is, it was handed over as a presentation: say what is wrong
		// with it as one.
		lists.into(&opt, knows, statuslist.FormatCWT)
		report = verification.DeviceResponse(in.Data, opt)
	default:
		return nil, fmt.Errorf("%s is of the kind %q: check takes a DeviceResponse, an IssuerSigned or an SD-JWT; `verifier inspect` decodes the others", cfg.File, in.Kind)
	}
	if err := knows.Saw(report); err != nil && cfg.Notes != nil {
		fmt.Fprintf(cfg.Notes, "note: %s\n", CleanLines(err.Error()))
	}
	return report, nil
}

// knowledge opens the bundle, nil when none is given.
func (cfg CheckConfig) knowledge(f *files) (*Knowledge, error) {
	if !cfg.Bundle.Given() {
		return nil, nil
	}
	k, err := cfg.Bundle.open(f, cfg.At)
	if err != nil {
		return nil, err
	}
	if cfg.Notes != nil && cfg.Bundle.State == "" {
		fmt.Fprintln(cfg.Notes, "note: no --state given: an older bundle, or a clock that was put back, would pass")
	}
	if cfg.Notes != nil && k.Ended(cfg.At) {
		fmt.Fprintf(cfg.Notes, "note: %s ended at %s: none of its lists says that a document is valid\n", detail(k.Source()), k.Expires.Format(time.RFC3339))
	}
	return k, nil
}

func (cfg CheckConfig) options(f *files, knows *Knowledge) (verification.Options, error) {
	opt := verification.Options{Now: cfg.At, Nonce: cfg.Nonce, Audience: cfg.Audience}
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
	if knows != nil {
		knows.Fill(&opt)
	}
	if opt.Policy == nil {
		opt.Policy = policy.Default()
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
		anchors, err := LoadTrust(cfg.TrustDir, cfg.DocTypes, cfg.VCTs)
		if err != nil {
			return opt, fmt.Errorf("--trust: %w\nIt is a folder with the roots of issuers alone, as files: copy there the iaca.pem of every office that is trusted", err)
		}
		anchors.Merge(opt.Trust)
		opt.Trust = anchors
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
	if err := cfg.revocation(f, &opt); err != nil {
		return opt, err
	}
	opt.Transcript, opt.ReaderKey, err = cfg.session(f)
	return opt, err
}

// revocation puts the revocation lists of files beside those of the bundle.
func (cfg CheckConfig) revocation(f *files, opt *verification.Options) error {
	if len(cfg.CRLs) == 0 {
		return nil
	}
	lists := opt.CRLs.All()
	for _, name := range cfg.CRLs {
		data, err := f.read(name)
		if err != nil {
			return err
		}
		list, err := pki.ParseCRL(bundle.DER(data))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		lists = append(slices.Clip(lists), list)
	}
	var err error
	opt.CRLs, err = pki.NewCRLs(lists...)
	return err
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
	hint(cfg.TrustDir+cfg.VICAL == "" && !cfg.Bundle.Given(), "no --trust, --vical or --bundle given: nobody is trusted, so no issuer is known")
	hint(cfg.Lists == nil && !cfg.Bundle.Given() && (checked("mso.status", verification.NotDone) || checked("sd.status", verification.NotDone)),
		"no --status given: whether the copy was revoked cannot be known")
	hint(cfg.CRLs == nil && !cfg.Bundle.Given() && cfg.TrustDir+cfg.VICAL != "" && checked("ds.revocation", verification.NotDone),
		"no --crl given: whether the certificate of the signer was revoked cannot be known")
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
