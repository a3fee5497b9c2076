//go:build interop

package interop

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"vidimus/internal/app/issuer"
)

// A wallet of other people's libraries fetches everything, in batches of 20,
// with a transaction code and DPoP, and checks what it gets with three mdoc
// libraries, an SD-JWT library and the status list.
func TestForeignWallet(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	for _, lib := range []string{"0.5.0", "0.4.6"} {
		t.Run("openid4vc-ts "+lib, func(t *testing.T) {
			o.t = t
			offer := o.offer("P-1", "mdl", "pid-mdoc", "pid-sd-jwt")
			out := t.TempDir()
			args := []string{"--offer", offer.URI, "--tx-code", offer.TxCode, "--batch", "20", "--trust", o.iaca(), "--status", "--out", out}
			if lib == "0.4.6" {
				args = append(args, "--lib", lib)
			}
			printed := o.node("node", "wallet.mjs", args...)
			if !strings.HasSuffix(strings.TrimSpace(printed), "RESULT ok") {
				t.Fatalf("not RESULT ok:\n%s", tail(printed))
			}
			files, err := filepath.Glob(filepath.Join(out, "*.json"))
			if err != nil || len(files) != 60 {
				t.Errorf("%d credentials, want 60, %v", len(files), err)
			}
			t.Logf("%d credentials, %s", len(files), "RESULT ok")
		})
	}
}

// The offer is good once, and only with its transaction code.
func TestForeignWalletRefused(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	offer := o.offer("P-2", "mdl")
	wrong := "000000"
	if offer.TxCode == wrong {
		wrong = "111111"
	}
	if out, err := o.tryNode("node", "wallet.mjs", "--offer", offer.URI, "--tx-code", wrong); err == nil || !strings.Contains(out, "invalid_grant") {
		t.Errorf("a wrong transaction code: %v\n%s", err, tail(out))
	}
	o.node("node", "wallet.mjs", "--offer", offer.URI, "--tx-code", offer.TxCode, "--trust", o.iaca())
	if out, err := o.tryNode("node", "wallet.mjs", "--offer", offer.URI, "--tx-code", offer.TxCode); err == nil || !strings.Contains(out, "invalid_grant") {
		t.Errorf("the same offer again: %v\n%s", err, tail(out))
	}
}

// credential is what wallet.mjs writes for one copy.
type credential struct {
	ID         string          `json:"id"`
	Credential string          `json:"credential"`
	HolderKey  json.RawMessage `json:"holderKey"`
}

func (o *office) fetchForeign(person, configuration string) credential {
	o.t.Helper()
	offer := o.offer(person, configuration)
	dir := o.t.TempDir()
	o.node("node", "wallet.mjs", "--offer", offer.URI, "--tx-code", offer.TxCode, "--trust", o.iaca(), "--out", dir)
	data, err := os.ReadFile(filepath.Join(dir, configuration+"-0.json"))
	if err != nil {
		o.t.Fatal(err)
	}
	var c credential
	if err := json.Unmarshal(data, &c); err != nil {
		o.t.Fatal(err)
	}
	return c
}

// What the office issues and publishes is accepted by an offline verifier and
// by two readers of status lists, and refused once it is revoked.
func TestForeignVerifier(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	mdl, pid := o.fetchForeign("P-1", "mdl"), o.fetchForeign("P-1", "pid-sd-jwt")
	write := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	o.node("node", "verify.mjs", "--issuer-signed", write("mdl.b64u", mdl.Credential), "--doctype", "org.iso.18013.5.1.mDL", "--trust", o.iaca())
	sd := write("pid.sdjwt", pid.Credential)
	o.node("node", "verify.mjs", "--sd-jwt", sd, "--trust", o.iaca(), "--status")

	uri, index := statusOf(t, pid.Credential)
	printed := o.node("node", "verify.mjs", "--status-list", uri, "--idx", index, "--trust", o.iaca())
	if !strings.Contains(printed, `"value": 0`) {
		t.Errorf("the JWT list: %s", tail(printed))
	}
	printed = o.node("tsl", "tsl.mjs", "check", uri, "--idx", index)
	if !strings.Contains(printed, `"sigOk": true`) || !strings.Contains(printed, `"value": 0`) || !strings.Contains(printed, "content-type application/statuslist+cwt") {
		t.Errorf("the CWT list: %s", tail(printed))
	}

	o.push(issuer.Annulment("ID-1"))
	if out, err := o.tryNode("node", "verify.mjs", "--sd-jwt", sd, "--trust", o.iaca(), "--status"); err == nil || !strings.Contains(out, "status is 1") {
		t.Errorf("revoked, and still accepted: %v\n%s", err, tail(out))
	}
	if printed := o.node("tsl", "tsl.mjs", "check", uri, "--idx", index); !strings.Contains(printed, `"value": 1`) {
		t.Errorf("the CWT list after the revocation: %s", tail(printed))
	}
}

// statusOf reads the status reference of an SD-JWT as the peers print it.
func statusOf(t *testing.T, compact string) (uri, index string) {
	t.Helper()
	payload := decodePayload(t, compact)
	m := regexp.MustCompile(`"idx":(\d+),"uri":"([^"]+)"`).FindStringSubmatch(payload)
	if m == nil {
		t.Fatalf("no status in %s", payload)
	}
	if _, err := strconv.Atoi(m[1]); err != nil {
		t.Fatal(err)
	}
	return m[2], m[1]
}

func tail(s string) string {
	if len(s) > 3000 {
		return "…" + s[len(s)-3000:]
	}
	return s
}
