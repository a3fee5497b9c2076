package proximity

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
)

type bytesHex []byte

func (b *bytesHex) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	decoded, err := hex.DecodeString(text)
	*b = decoded
	return err
}

type group struct {
	IVSize  int `json:"ivSize"`
	KeySize int `json:"keySize"`
	TagSize int `json:"tagSize"`
	Tests   []struct {
		ID      int      `json:"tcId"`
		Comment string   `json:"comment"`
		Key     bytesHex `json:"key"`
		IV      bytesHex `json:"iv"`
		AAD     bytesHex `json:"aad"`
		Msg     bytesHex `json:"msg"`
		CT      bytesHex `json:"ct"`
		Tag     bytesHex `json:"tag"`
		IKM     bytesHex `json:"ikm"`
		Salt    bytesHex `json:"salt"`
		Info    bytesHex `json:"info"`
		Size    int      `json:"size"`
		OKM     bytesHex `json:"okm"`
		Result  string   `json:"result"`
	} `json:"tests"`
}

func wycheproof(t *testing.T, name string) []group {
	t.Helper()
	data, err := os.ReadFile("../../testdata/wycheproof/" + name + "_test.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		TestGroups []group `json:"testGroups"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	return file.TestGroups
}

// AES-GCM with the parameters of cipher suite 1; other key lengths are refused.
func TestWycheproofAESGCM(t *testing.T) {
	ran, refused := 0, 0
	for _, g := range wycheproof(t, "aes_gcm") {
		for _, c := range g.Tests {
			aead, err := newAEAD(c.Key)
			if g.KeySize != 256 {
				if refused++; err == nil {
					t.Errorf("%d: key of %d bits accepted", c.ID, g.KeySize)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if g.IVSize != 96 || g.TagSize != 128 {
				continue // IVs are made here, always with 96 bits
			}
			ran++
			got, err := aead.Open(nil, c.IV, append(bytes.Clone(c.CT), c.Tag...), c.AAD)
			if valid := c.Result == "valid"; valid != (err == nil) || valid && !bytes.Equal(got, c.Msg) {
				t.Errorf("%d %s: %x, %v, want %s", c.ID, c.Comment, got, err, c.Result)
			}
			if sealed := aead.Seal(nil, c.IV, c.Msg, c.AAD); c.Result == "valid" && !bytes.Equal(sealed, append(bytes.Clone(c.CT), c.Tag...)) {
				t.Errorf("%d %s: sealed %x", c.ID, c.Comment, sealed)
			}
		}
	}
	if ran != 66 || refused == 0 {
		t.Errorf("%d tests, %d refused keys", ran, refused)
	}
}

func TestWycheproofHKDF(t *testing.T) {
	ran := 0
	for _, g := range wycheproof(t, "hkdf_sha256") {
		for _, c := range g.Tests {
			ran++
			got, err := derive(c.IKM, c.Salt, string(c.Info), c.Size)
			if valid := c.Result == "valid"; valid != (err == nil) || valid && !bytes.Equal(got, c.OKM) {
				t.Errorf("%d %s: %x, %v, want %s", c.ID, c.Comment, got, err, c.Result)
			}
		}
	}
	if ran != 86 {
		t.Errorf("%d tests", ran)
	}
}
