package wallet

import (
	"errors"
	"os"
	"path/filepath"

	"vidimus/internal/wallet"
)

// DefaultDir is the wallet folder unless --dir names another.
const DefaultDir = ".vidimus-wallet"

// open opens the wallet folder; "" is DefaultDir in the home folder.
func open(dir string) (*wallet.Store, error) {
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, errors.New("there is no home folder to keep the wallet in: name one with --dir")
		}
		dir = filepath.Join(home, DefaultDir)
	}
	return wallet.OpenStore(dir)
}
