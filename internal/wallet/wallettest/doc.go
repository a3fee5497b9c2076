// Package wallettest is a credential issuer for tests of wallets: one loopback
// server that is issuer, authorization server and publisher of a status list,
// strict where OpenID4VCI 1.0 is, and able to misbehave on demand.
//
// Start with New, which takes a PKI of pkitest; Issuer.Offer gives what a wallet
// accepts. It issues the built-in configurations for one invented person. Its
// keys are those of the test PKI: nothing of it may ever be trusted.
package wallettest
