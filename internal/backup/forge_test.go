package backup

import (
	"archive/tar"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"io"
	"strings"

	"filippo.io/age"

	"vidimus/internal/jose"
)

func reg(name, data string) *entry {
	return &entry{tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o600, Size: int64(len(data))}, data}
}

func (w *world) manifestText(change string) string {
	data, err := w.plan.Manifest.encode()
	if err != nil {
		w.t.Fatal(err)
	}
	if change == "" {
		return string(data)
	}
	return strings.Replace(string(data), `"schema":3`, change, 1)
}

func (w *world) manifest() *entry { return reg(manifestName, w.manifestText("")) }

// digests are those of name, contents, name, contents.
func (w *world) digests(files ...string) *entry {
	a := &archive{}
	for i := 0; i < len(files); i += 2 {
		a.files = append(a.files, File{Name: files[i], Size: int64(len(files[i+1])), SHA256: sha256.Sum256([]byte(files[i+1]))})
	}
	token, err := a.sign(w.plan, []byte(w.manifestText("")))
	if err != nil {
		w.t.Fatal(err)
	}
	return reg(digestsName, token)
}

func (w *world) signedAs(typ string) *entry {
	token, err := jose.Sign(w.signer, map[string]any{"typ": typ}, []byte("{}"), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	return reg(digestsName, token)
}

func (w *world) tar(entries ...*entry) []byte {
	var b bytes.Buffer
	out := tar.NewWriter(&b)
	for _, e := range entries {
		if err := out.WriteHeader(&e.header); err != nil {
			w.t.Fatal(err)
		}
		if _, err := io.WriteString(out, e.data); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		w.t.Fatal(err)
	}
	return b.Bytes()
}

func (w *world) forge(entries ...*entry) []byte {
	return w.seal(w.tar(entries...))
}

func (w *world) seal(data []byte) []byte {
	var b bytes.Buffer
	out, err := age.Encrypt(&b, w.id.age.Recipient())
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := out.Write(data); err != nil {
		w.t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		w.t.Fatal(err)
	}
	return b.Bytes()
}
