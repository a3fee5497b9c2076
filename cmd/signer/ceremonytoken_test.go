//go:build pkcs11

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"vidimus/internal/pki"
)

// TestCeremonyInToken does two acts with every key in a token: the root, and a signer
// whose key shows that it is there.
func TestCeremonyInToken(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "tokens"), 0o700); err != nil {
		t.Fatal(err)
	}
	put("softhsm2.conf", "directories.tokendir = "+dir+"/tokens\nobjectstore.backend = file\n")
	put("pin.txt", "1234")
	uri := "pkcs11:token=state;module-path=/usr/lib/softhsm/libsofthsm2.so;pin-source=" + dir + "/pin.txt;object="
	for _, name := range []string{"iaca-root.yaml", "document-signer-mdl.yaml"} {
		text, err := os.ReadFile(filepath.Join(acts, name))
		if err != nil {
			t.Fatal(err)
		}
		put(name, strings.NewReplacer("offline: true", "offline: false", "shares:folder=iaca", uri+"iaca", "soft:path=recorder.key", uri+"recorder",
			"iaca/public.pem", "iaca.pub", "{file: document-signer-mdl.pub}", `{file: document-signer-mdl.pub, uri: "`+uri+`document-signer-mdl"}`).Replace(string(text)))
	}
	sh := exec.Command("sh", "-eux")
	sh.Dir = dir
	sh.Env = append(os.Environ(), "SOFTHSM2_CONF="+dir+"/softhsm2.conf", "U="+uri)
	sh.Stdin = strings.NewReader(`
softhsm2-util --init-token --free --label state --pin 1234 --so-pin 12345678
for name in ada grace recorder; do signer key create --public $name.pub "$U$name"; done
for name in iaca document-signer-mdl; do signer key create --curve P-384 --public $name.pub "$U$name"; done
signer key show --public again.pub "${U}iaca"
cmp again.pub iaca.pub
for act in iaca-root document-signer-mdl; do
	signer ceremony draw $act.yaml
	signer ceremony --dry-run --tbs tbs $act.yaml
	signer ceremony approve --as "Ada Lovelace" --key "${U}ada" $act.yaml
	signer ceremony approve --as "Grace Hopper" --key "${U}grace" $act.yaml
	echo "$(openssl dgst -sha256 -r tbs | cut -c1-8) both screens say the same" | signer ceremony $act.yaml
done
signer ceremony verify --signed-by recorder.pub --audit ceremony.log iaca-root.jws document-signer-mdl.jws
openssl verify -no_check_time -CAfile iaca-root.pem document-signer-mdl.pem
`)
	if out, err := sh.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(dir, "document-signer-mdl.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pki.ParsePEM(text); err != nil {
		t.Error(err)
	}
}
