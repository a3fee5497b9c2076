// Package wallet is what the commands of the reference wallet do: open the
// folder, fetch from an issuer, show what is held, make presentations.
//
// Start with Accept and Present. The rules of the protocols are in
// internal/wallet, the network in internal/fetch; here they are joined, errors
// get the hint that helps, and text of strangers is cleaned before it reaches a
// terminal.
package wallet
