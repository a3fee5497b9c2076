// Package interop runs the office and the reference wallet against programs
// made of other people's libraries (testdata/interop): an OpenID4VCI wallet, an
// offline verifier and a status list reader. It has tests only, behind the
// build tag interop; `./t.sh interop` installs what they need and runs them.
package interop
