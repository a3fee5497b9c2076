package faulttest

import (
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"os"
	"strconv"
	"sync"
	"time"

	"vidimus/api/registryclient"
)

// seed is that of all choices of this run.
var seed = sync.OnceValue(func() uint64 {
	if n, err := strconv.ParseUint(os.Getenv("FAULTS_SEED"), 10, 64); err == nil {
		return n
	}
	return uint64(time.Now().UnixNano())
})

func isTryAgain(err error) bool { return errors.Is(err, registryclient.ErrTryAgain) }

func publicKey(c *x509.Certificate) *ecdsa.PublicKey { return c.PublicKey.(*ecdsa.PublicKey) }
