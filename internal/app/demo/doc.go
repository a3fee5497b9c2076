// Package demo tells the whole story in one run: a registry states a person,
// the office makes an offer, a wallet fetches a driving licence and an identity
// credential in both formats, a reader gets a verdict over an encrypted session;
// then the licence is annulled and the verdict turns.
//
// Start with Run. Nothing in it is a stand-in: the office is package app/issuer
// with its store and its four listeners, events and credentials travel over
// HTTP, the session is that of ISO/IEC 18013-5 with a pipe in memory where a
// phone has Bluetooth, and the verdicts are those of package verification. A
// step whose verdict is not the one that the story tells ends it with an error.
//
// With Options.Keep the office stays up, beside a page to try by hand.
//
// It refuses a folder that holds something already, and serves on loopback
// alone. Keys, people and portraits are made up in every run: nothing that it
// makes is to be trusted, and its first line says so.
package demo
