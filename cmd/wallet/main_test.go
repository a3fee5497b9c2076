package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"vidimus/internal/app/verifier"
	"vidimus/internal/clock"
	"vidimus/internal/elements"
	"vidimus/internal/jose"
	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/statuslist"
	"vidimus/internal/wallet/wallettest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"wallet": func() { os.Exit(program.Main()) }})
}

// The scripts run the program as a user does, against an issuer of their own.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", Setup: issuer,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"verify": verify, "setenv": setenv, "decide": decide, "bluetooth": bluetooth, "read": read},
	})
}

// office is the issuer of a script, and what it decides now.
type office struct {
	issuer   *wallettest.Issuer
	decision atomic.Int64
}

type officeKey struct{}

// decide WORD says what becomes of requests from now on: deliver, later, deny;
// or end, which ends all grants.
func decide(ts *testscript.TestScript, neg bool, args []string) {
	o, _ := ts.Value(officeKey{}).(*office)
	decision, known := map[string]wallettest.Decision{"deliver": wallettest.Deliver, "later": wallettest.Later, "deny": wallettest.Deny}[strings.Join(args, " ")]
	switch {
	case !neg && known:
		o.decision.Store(int64(decision))
	case !neg && strings.Join(args, " ") == "end":
		o.issuer.EndGrants()
	default:
		ts.Fatalf("usage: decide deliver|later|deny|end")
	}
}

// issuer starts one on loopback and puts into the environment of the script:
// ISSUER, its URL; OFFER (all three configurations, wants the transaction code
// TXCODE); and the files reference.txt (the same offer by reference), anchors/,
// others/, iaca.crl, list.cwt, list.jwt, reader.jwk, reader-public.jwk.
func issuer(env *testscript.Env) error {
	world, err := pkitest.New(clock.System{}.Now())
	if err != nil {
		return err
	}
	i, err := wallettest.New(world, clock.System{}, "/office")
	if err != nil {
		return err
	}
	env.Defer(i.Close)
	i.TxCode, i.Refreshes, i.Interval = "493536", true, time.Second
	office := &office{issuer: i}
	i.Decide = func(string) wallettest.Decision { return wallettest.Decision(office.decision.Load()) }
	env.Values[officeKey{}] = office
	offer, err := i.Offer("openid-credential-offer", "mdl", "pid-mdoc", "pid-sd-jwt")
	if err != nil {
		return err
	}
	reference, err := i.OfferByReference("haip-vci", "mdl", "pid-mdoc", "pid-sd-jwt")
	if err != nil {
		return err
	}
	env.Setenv("ISSUER", i.URL)
	env.Setenv("OFFER", offer)
	env.Setenv("TXCODE", i.TxCode)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	files := map[string][]byte{
		"reference.txt":    []byte(reference + "\n"),
		"anchors/iaca.pem": pki.EncodePEM(world.IACA.Cert),
		"others/iaca.pem":  pki.EncodePEM(world.OperationsCA.Cert),
	}
	if files["reader.jwk"], err = jose.MarshalPrivateKey(key); err != nil {
		return err
	}
	if files["reader-public.jwk"], err = jose.MarshalPublicKey(key.Public()); err != nil {
		return err
	}
	if files["list.cwt"], err = i.StatusList(statuslist.FormatCWT); err != nil {
		return err
	}
	if files["list.jwt"], err = i.StatusList(statuslist.FormatJWT); err != nil {
		return err
	}
	list, err := world.CRL(world.IACA, 1)
	if err != nil {
		return err
	}
	files["iaca.crl"] = list.Raw
	for name, content := range files {
		path := filepath.Join(env.WorkDir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// setenv NAME FILE puts the first word of a file into the environment: the id of
// a batch.
func setenv(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: setenv NAME FILE")
	}
	var word string
	if _, err := fmt.Sscan(ts.ReadFile(args[1]), &word); err != nil {
		ts.Fatalf("%s: %v", args[1], err)
	}
	ts.Setenv(args[0], word)
}

// verify FILE LIST [transcript=F] [nonce=N] [aud=A] [uri=U] [reader=F]
// [profile=P] checks a presentation as the verifier does: green, or not.
func verify(ts *testscript.TestScript, neg bool, args []string) {
	cfg := verifier.CheckConfig{
		File: ts.MkAbs(args[0]), Lists: []string{ts.MkAbs(args[1])}, TrustDir: ts.MkAbs("anchors"), CRLs: []string{ts.MkAbs("iaca.crl")}, At: clock.System{}.Now(),
		DocTypes: []string{elements.MDLDocType, elements.PIDDocType}, VCTs: []string{elements.PIDVCT},
	}
	for _, arg := range args[2:] {
		name, value, _ := strings.Cut(arg, "=")
		switch name {
		case "transcript":
			cfg.TranscriptFile = ts.MkAbs(value)
		case "nonce":
			cfg.Nonce = value
		case "aud":
			cfg.Audience = value
		case "uri":
			cfg.ResponseURI = value
		case "reader":
			cfg.ReaderKeyFile = ts.MkAbs(value)
		case "profile":
			cfg.ProfileID = value
		default:
			ts.Fatalf("verify: %s", arg)
		}
	}
	report, err := verifier.Check(cfg, nil)
	ts.Check(err)
	if green := verifier.ExitCode(report) == verifier.ExitGreen; green == neg {
		ts.Fatalf("verify: %s: %v, %v", report.Colour, report.Reasons, report.Err())
	}
}
