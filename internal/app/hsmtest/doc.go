// Package hsmtest runs a real signer process over a token that is cut off under
// load. Its tests have the build tag pkcs11.
package hsmtest
