package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"vidimus/internal/app/verifier"
	"vidimus/internal/app/wallet"
	"vidimus/internal/keys/soft"
	"vidimus/internal/pki"
)

// link FILE FROM KEY TO certifies the root TO with the key of the root FROM.
func link(ts *testscript.TestScript, _ bool, args []string) {
	root := func(file string) *pki.Certificate {
		certs, err := pki.ParsePEM([]byte(ts.ReadFile(file)))
		ts.Check(err)
		return certs[0]
	}
	from, to := root(args[1]), root(args[3])
	key, err := soft.New("").Signer(context.Background(), "soft:path="+ts.MkAbs(args[2]))
	ts.Check(err)
	t := pki.Template{
		Profile: pki.ProfileIACALink, Subject: pki.Name{Country: to.Country, Organization: to.Cert.Subject.Organization[0], CommonName: to.Cert.Subject.CommonName},
		NotBefore: to.NotBefore(), NotAfter: to.NotAfter(), Public: to.PublicKey(), IssuerAltName: "https://utopia.example", CRLDistributionPoint: from.Cert.CRLDistributionPoints[0],
	}
	if from.NotBefore().After(t.NotBefore) {
		t.NotBefore = from.NotBefore()
	}
	if from.NotAfter().Before(t.NotAfter) {
		t.NotAfter = from.NotAfter()
	}
	cert, err := pki.Build(t, from, key, rand.Reader)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), pki.EncodePEM(cert), 0o644))
}

// add FILE OTHER puts the other file at the end of the first.
func add(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(ts.ReadFile(args[0])+ts.ReadFile(args[1])), 0o644))
}

// present WALLET TYPE FILE shows the name of a document to a verifier.
func present(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(wallet.Present(wallet.PresentConfig{
		Dir: ts.MkAbs(args[0]), Type: args[1], Elements: []string{"family_name"}, Nonce: "n1", Audience: "verifier.example", ResponseURI: "https://verifier.example/r", OutFile: ts.MkAbs(args[2]),
	}, ts.Stdout()))
}

// judge TRUST FILE [ANCHOR] verifies what present wrote: trust is a folder of anchors, or a
// bundle with the certificate that signs it. Lists and revocation lists are those of
// the folder www. The colour and what is wrong are standard output.
func judge(ts *testscript.TestScript, _ bool, args []string) {
	cfg := verifier.CheckConfig{File: ts.MkAbs(args[1]), Nonce: "n1", Audience: "verifier.example", ResponseURI: "https://verifier.example/r", At: time.Now()}
	if info, err := os.Stat(ts.MkAbs(args[0])); err == nil && info.IsDir() {
		cfg.TrustDir = ts.MkAbs(args[0])
		for into, pattern := range map[*[]string]string{&cfg.Lists: "status/*.cwt", &cfg.CRLs: "crl/iaca*.crl"} {
			var err error
			*into, err = filepath.Glob(filepath.Join(ts.MkAbs("www"), pattern))
			ts.Check(err)
		}
	} else {
		anchor := "state/certs/operations-ca.pem"
		if len(args) > 2 {
			anchor = args[2]
		}
		cfg.Bundle = verifier.BundleSource{File: ts.MkAbs(args[0]), Anchor: ts.MkAbs(anchor)}
	}
	report, err := verifier.Check(cfg, nil)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%s %s\n", report.Colour, strings.Join(report.Reasons, "; "))
	for _, d := range report.Documents {
		for _, c := range d.Checks {
			if c.Result != "pass" {
				fmt.Fprintf(ts.Stdout(), "  %s %s: %s\n", c.Result, c.ID, c.Detail)
			}
		}
	}
}

// follow TRUST LINK ROOT takes a new root into a folder of anchors.
func follow(ts *testscript.TestScript, neg bool, args []string) {
	err := verifier.FollowLink(ts.Stdout(), ts.MkAbs(args[0]), ts.MkAbs(args[1]), ts.MkAbs(args[2]), nil, nil, time.Now())
	if neg && err != nil {
		fmt.Fprintf(ts.Stdout(), "refused: %v\n", err)
	}
	if neg != (err != nil) {
		ts.Fatalf("following the link: %v", err)
	}
}

// vical FILE ROOTS shows a list of issuing authorities as a reader does.
func vical(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(verifier.ShowVICAL(ts.Stdout(), ts.MkAbs(args[0]), ts.MkAbs(args[1]), nil, time.Now()))
}

// gather SOURCES OUT makes a bundle of public lists, signed by a signer in the folder
// publisher, and says what it holds.
func gather(ts *testscript.TestScript, _ bool, args []string) {
	ctx := context.Background()
	_, err := verifier.CreateBundleSigner(ctx, ts.MkAbs("publisher"), "UT", "Readers", time.Now(), rand.Reader)
	ts.Check(err)
	built, err := verifier.BuildBundle(ctx, verifier.BuildConfig{Sources: ts.MkAbs(args[0]), Signer: ts.MkAbs("publisher"), Output: ts.MkAbs(args[1])}, time.Now(), rand.Reader)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%d anchors\n", len(built.Bundle.Trust().All()))
	for _, line := range built.LeftOut {
		fmt.Fprintf(ts.Stdout(), "left out: %s\n", line)
	}
}
