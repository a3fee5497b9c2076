//go:build !pkcs11

package pkcs11

// New fails with ErrAbsent: PKCS #11 needs C, which the other programs do without.
func New(Options) (Manager, error) { return nil, ErrAbsent }
