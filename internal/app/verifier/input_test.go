package verifier

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDetect(t *testing.T) {
	for _, tt := range []struct {
		in   string
		kind Kind
		size int
	}{
		{"\xa2\x67version\x63\x31.0\x66status\x0a", KindDeviceResponse, 21},
		{"A26776657273696F6E63312E306673746174757300", KindDeviceResponse, 21},
		{"a267 7665 7273 696f\n6e63 312e 3066\n7374 6174 7573 00\n", KindDeviceResponse, 21},
		{"omd2ZXJzaW9uYzEuMGZzdGF0dXMA", KindDeviceResponse, 21},
		{"omd2ZXJzaW9uYzEuMGZz\r\ndGF0dXMA\r\n", KindDeviceResponse, 21},
		{"\xa1\x6aissuerAuth\x80", KindIssuerSigned, 13},
		{"oWppc3N1ZXJBdXRogA==", KindIssuerSigned, 13},
		{"\xa1\x6bdocRequests\x80", KindDeviceRequest, 14},
		{"\xd2\x84", KindCOSE, 2},
		{"eyJhbGciOiJFUzI1NiJ9.e30.AA~", KindSDJWT, 28},
		{"eyAiYWxnIjoiRVMyNTYifQ.e30.AA~\n", KindSDJWT, 30},
		{" eyJhbGciOiJFUzI1NiJ9.e30.AA ", KindJWT, 27},
		{"mdoc:owBj", KindEngagement, 9},
		{"MDOC:owBj", KindEngagement, 9},
		{`{"payload":""}`, KindJSON, 14},
		{"hello, world", KindCBOR, 12},
		{"\x00", KindCBOR, 1},
		{"~", KindSDJWT, 1},
	} {
		in, err := Detect([]byte(tt.in))
		if err != nil || in.Kind != tt.kind || len(in.Data) != tt.size {
			t.Errorf("%q: %s of %d bytes, %v", tt.in, in.Kind, len(in.Data), err)
		}
	}
	for _, empty := range []string{"", " \n\t"} {
		if _, err := Detect([]byte(empty)); err == nil {
			t.Errorf("%q is taken for something", empty)
		}
	}
}

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	for name, size := range map[string]int{"max": MaxFile, "over": MaxFile + 1} {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := ReadFile(filepath.Join(dir, "max"), nil); err != nil || len(b) != MaxFile {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	for name, want := range map[string]string{filepath.Join(dir, "over"): "larger than", dir: "is a folder", filepath.Join(dir, "none"): "no such file", "-": "for one file alone", "": "no such file"} {
		if b, err := ReadFile(name, nil); err == nil || b != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", name, err, want)
		}
	}
	// Without end, and bounded all the same.
	if _, err := ReadFile("/dev/zero", nil); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("/dev/zero: %v", err)
	}
	f := &files{strings.NewReader("once")}
	if b, err := f.read("-"); err != nil || string(b) != "once" {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := f.read("-"); err == nil {
		t.Error("standard input read twice")
	}
}
