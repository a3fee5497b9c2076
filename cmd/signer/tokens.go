//go:build pkcs11

package main

const tokens = "This build serves keys in tokens (PKCS #11) and in files."
