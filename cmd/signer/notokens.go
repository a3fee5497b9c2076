//go:build !pkcs11

package main

const tokens = "This build serves keys in files, and none in tokens: -tags pkcs11 makes one that does."
