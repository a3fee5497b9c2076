package wallet

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"vidimus/internal/jose"
)

// maxInput bounds the files that are read: transcripts and keys.
const maxInput = 1 << 20

// writeFile writes personal data for the user alone, over what was there.
func writeFile(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxInput+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxInput {
		return nil, fmt.Errorf("%s is larger than %d bytes", name, maxInput)
	}
	return data, nil
}

// binary frees data of hexadecimal or base64url, with white space around it.
func binary(data []byte) []byte {
	text := strings.TrimSpace(string(data))
	if raw, err := hex.DecodeString(text); err == nil {
		return raw
	}
	if raw, err := jose.DecodeBase64URL(text); err == nil {
		return raw
	}
	return data
}
