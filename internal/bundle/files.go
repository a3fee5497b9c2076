package bundle

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"path"
)

// ReadLists reads one token, or every token (.jwt, .cwt) below a folder as
// `issuer status publish` writes it, for Contents.Lists. None at all is an empty
// answer: an office may have issued nothing yet.
func ReadLists(fsys fs.FS, name string) ([][]byte, error) {
	var out [][]byte
	err := fs.WalkDir(fsys, name, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if ext := path.Ext(file); file != name && ext != ".jwt" && ext != ".cwt" {
			return nil
		}
		if len(out) == 2*MaxLists {
			return fmt.Errorf("%s: more than %d lists", name, 2*MaxLists)
		}
		f, err := fsys.Open(file)
		if err != nil {
			return err
		}
		defer f.Close()
		data, err := io.ReadAll(io.LimitReader(f, MaxToken+1))
		if err != nil {
			return err
		}
		if len(data) > MaxToken {
			return fmt.Errorf("%s: larger than %d bytes", file, MaxToken)
		}
		if len(data) > 0 && data[0] < 0x80 { // a JWT, maybe with a line end
			data = bytes.TrimSpace(data)
		}
		out = append(out, data)
		return nil
	})
	return out, err
}

// DER takes the PEM off a revocation list, if there is any.
func DER(data []byte) []byte {
	if block, _ := pem.Decode(data); block != nil && block.Type == "X509 CRL" {
		return block.Bytes
	}
	return data
}
