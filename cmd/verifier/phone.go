package main

import (
	"flag"

	"vidimus/internal/app/command"
	"vidimus/internal/app/verifier"
)

// phone is how a phone is reached, for every command that reads one.
type phone struct {
	radio                      bool
	adapter, simulate, readers string
}

func phoneFlags(fs *flag.FlagSet) *phone {
	p := &phone{}
	fs.BoolVar(&p.radio, "ble", false, "over the Bluetooth of this machine (BlueZ)")
	fs.StringVar(&p.adapter, "adapter", "", "`NAME` of the Bluetooth adapter, such as hci0 (default: the first that is switched on)")
	fs.StringVar(&p.simulate, "simulate", "", "`FOLDER` of a reference wallet to read over a model of Bluetooth")
	fs.StringVar(&p.readers, "simulate-readers", "", "`FOLDER` of whom the wallet of --simulate knows as readers: certificates of reader authorities, their lists in *.crl (default: nobody)")
	return p
}

// readerFlags are what a reader knows and who it is, likewise.
func readerFlags(fs *flag.FlagSet, cfg *verifier.ReaderConfig) {
	c := &cfg.Check
	fs.StringVar(&c.Bundle.State, "state", "", "`FOLDER` of this reader: who it is, whom it believes, its bundle")
	fs.StringVar(&c.Bundle.File, "bundle", "", "`FILE` with a signed bundle (default: the one of --state)")
	fs.StringVar(&c.Bundle.Anchor, "bundle-anchor", "", "`FILE` in PEM: who signs bundles, or the authority over them (default: whom --state has pinned)")
	fs.StringVar(&c.TrustDir, "trust", "", "`FOLDER` of trust anchors; its trust.yaml says what each may sign")
	fs.Var((*command.Strings)(&c.Lists), "status", "`FILE` with a status list or identifier list token; repeatable")
	fs.Var((*command.Strings)(&c.CRLs), "crl", "`FILE` with a certificate revocation list of an authority, PEM or DER; repeatable")
	fs.StringVar(&c.PolicyFile, "policy", "", "`FILE` with a policy in YAML, laid over the built-in one")
	fs.StringVar(&cfg.Reader, "reader", "", "`FOLDER` of an enrolled reader that asks (default: that of --state)")
	fs.BoolVar(&cfg.Anonymous, "anonymous", false, "ask without a name, also where this reader is enrolled")
	fs.DurationVar(&cfg.Connect, "connect", verifier.DefaultConnect, "`DURATION` until the phone must be reached")
	fs.DurationVar(&cfg.Answer, "answer", verifier.DefaultAnswer, "`DURATION` that the holder has for each answer")
}
