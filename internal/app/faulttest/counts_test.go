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

// full takes the counts of a release.
func full() bool { return os.Getenv("FAULTS") == "full" }

// times chooses a count.
func times(release, commit int) int {
	if full() {
		return release
	}
	return commit
}

// seed is that of all choices of this run.
var seed = sync.OnceValue(func() uint64 {
	if n, err := strconv.ParseUint(os.Getenv("FAULTS_SEED"), 10, 64); err == nil {
		return n
	}
	return uint64(time.Now().UnixNano())
})

func isTryAgain(err error) bool { return errors.Is(err, registryclient.ErrTryAgain) }

func publicKey(c *x509.Certificate) *ecdsa.PublicKey { return c.PublicKey.(*ecdsa.PublicKey) }
