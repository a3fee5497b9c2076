package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"vidimus/internal/app/command"
	"vidimus/internal/cose"
	"vidimus/internal/jose"
)

func TestMain(m *testing.M) {
	// Nobody but root may search the memory of a process that is Secret.
	program.Secret = os.Geteuid() == 0
	testscript.Main(m, map[string]func(){"verifier": func() { os.Exit(start()) }, "holder": holder})
}

// The scripts run the program as a user does: on the worked example of ISO/IEC
// 18013-5 Annex D, on presentations of the test world, on real VICALs.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script", Setup: func(env *testscript.Env) error { return fill(env.WorkDir) }})
}

// fill writes the files that the scripts and tests name.
func fill(dir string) error {
	all := map[string][]byte{}
	for _, of := range []func() (map[string][]byte, error){annexD, green, vical} {
		files, err := of()
		if err != nil {
			return err
		}
		maps.Copy(all, files)
	}
	for name, content := range all {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func readJSON(v any, path ...string) error {
	data, err := os.ReadFile(filepath.Join(append([]string{"..", ".."}, path...)...))
	if err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}

func certificate(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func annexD() (map[string][]byte, error) {
	var v struct {
		Vectors map[string]struct{ Hex string }
	}
	if err := readJSON(&v, "testdata", "annex-d", "annex-d.json"); err != nil {
		return nil, err
	}
	der, err := hex.DecodeString(v.Vectors["iaca_certificate"].Hex)
	if err != nil {
		return nil, err
	}
	d, err := hex.DecodeString(v.Vectors["ephemeral_reader_key_d"].Hex)
	if err != nil {
		return nil, err
	}
	jwk, err := privateJWK(d)
	if err != nil {
		return nil, err
	}
	response := v.Vectors["device_response"].Hex
	raw, err := hex.DecodeString(response)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{
		"anchors/iaca.pem":  certificate(der),
		"response.hex":      []byte(response + "\n"),
		"response.cbor":     raw,
		"response.b64u":     []byte(jose.EncodeBase64URL(raw)),
		"response.b64":      []byte(inLines(jose.EncodeBase64(raw), 76)),
		"response.xxd":      []byte(inLines(response, 60)),
		"transcript.hex":    []byte(v.Vectors["session_transcript_bytes"].Hex),
		"request.hex":       []byte(v.Vectors["device_request"].Hex),
		"reader.jwk":        jwk,
		"engagement.hex":    []byte(v.Vectors["device_engagement_qr"].Hex),
		"issuer-auth.hex":   []byte(v.Vectors["issuer_auth"].Hex),
		"forged.hex":        []byte(response[:1400] + flip(response[1400:1402]) + response[1402:]),
		"truncated.hex":     []byte(response[:2000]),
		"no-status.yaml":    []byte("status: {required: false}\nrequire_revocation: false\n"),
		"wrong-policy.yaml": []byte("statuss: {}\n"),
		"empty":             nil,
		"9mib":              bytes.Repeat([]byte{0xa0}, 9<<20),
		"over-9mib":         bytes.Repeat([]byte{0xa0}, 9<<20+1),
	}, nil
}

// green is the presentations of the test world, and its lists.
func green() (map[string][]byte, error) {
	var v struct {
		IACA       []byte `json:"iaca"`
		Transcript []byte `json:"transcript"`
		ReaderKey  []byte `json:"reader_key"`
		ListCWT    []byte `json:"list_cwt"`
		ListJWT    []byte `json:"list_jwt"`
		ListOver   []byte `json:"list_over"`
		Signed     []byte `json:"signed"`
		Maced      []byte `json:"maced"`
		Issued     []byte `json:"issued"`
		SDJWT      string `json:"sd_jwt"`
	}
	if err := readJSON(&v, "internal", "verification", "testdata", "green", "green.json"); err != nil {
		return nil, err
	}
	jwk, err := privateJWK(v.ReaderKey)
	if err != nil {
		return nil, err
	}
	const scope = "anchors:\n  iaca.pem: {purposes: [issue-mdoc], doctypes: [org.iso.18013.5.1.mDL]}\n"
	return map[string][]byte{
		"ut/anchors/iaca.pem":      certificate(v.IACA),
		"ut/scoped/iaca.pem":       certificate(v.IACA),
		"ut/scoped/trust.yaml":     []byte("as_of: 2026-06-01T00:00:00Z\n" + scope),
		"ut/forgotten/iaca.pem":    certificate(v.IACA),
		"ut/forgotten/dropped.pem": certificate(v.IACA),
		"ut/forgotten/trust.yaml":  []byte(scope),
		"ut/wrong/iaca.pem":        certificate(v.IACA),
		"ut/wrong/trust.yaml":      []byte("anchors: {iaca.pem: {purpose: all}}\n"),
		"ut/signers.yaml":          []byte("require_revocation: false\n"), // the key of this authority is gone
		"ut/list.cwt":              v.ListCWT,
		"ut/list.jwt":              v.ListJWT,
		"ut/list-over.cwt":         v.ListOver,
		"ut/transcript.cbor":       v.Transcript,
		"ut/reader.jwk":            jwk,
		"ut/signed.cbor":           v.Signed,
		"ut/maced.cbor":            v.Maced,
		"ut/issued.cbor":           v.Issued,
		"ut/pid.txt":               []byte(v.SDJWT + "\n"),
	}, nil
}

func vical() (map[string][]byte, error) {
	var v struct {
		VICALs []struct{ Hex string } `json:"vicals"`
	}
	if err := readJSON(&v, "internal", "trust", "testdata", "vical", "lists.json"); err != nil {
		return nil, err
	}
	raw, err := hex.DecodeString(v.VICALs[0].Hex)
	if err != nil {
		return nil, err
	}
	list, err := cose.ParseSign1(raw)
	if err != nil {
		return nil, err
	}
	// Real lists carry their own root: here it stands for the one that an
	// operator has got by another way.
	chain := list.Header.X5Chain
	root := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: chain[len(chain)-1]})
	return map[string][]byte{"vical.hex": []byte(v.VICALs[0].Hex), "vical-2.hex": []byte(v.VICALs[1].Hex), "vical-root.pem": root}, nil
}

func inLines(s string, width int) string {
	var b strings.Builder
	for len(s) > width {
		b.WriteString(s[:width] + "\n")
		s = s[width:]
	}
	return b.String() + s + "\n"
}

func privateJWK(d []byte) ([]byte, error) {
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d)
	if err != nil {
		return nil, err
	}
	return jose.MarshalPrivateKey(key)
}

func flip(two string) string {
	if two == "00" {
		return "01"
	}
	return "00"
}

// The exit code is the verdict for scripts; every colour and every mistake has
// its own, and text, JSON and code say the same.
func TestExitCodes(t *testing.T) {
	dir := t.TempDir()
	if err := fill(dir); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	const (
		at   = "--at=2026-06-15T10:00:00Z"
		mdoc = "--trust=ut/anchors --policy=ut/signers.yaml --status=ut/list.cwt --transcript=ut/transcript.cbor " + at + " "
		sd   = "--trust=ut/anchors --policy=ut/signers.yaml --status=ut/list.jwt " + at + " "
	)
	for _, tt := range []struct {
		args   string
		code   int
		colour string // "" for none: nothing was checked
		says   string // on either stream
	}{
		{mdoc + "ut/signed.cbor", 0, "green", "authenticity genuine"},
		{mdoc + "--profile=right-to-drive ut/signed.cbor", 0, "green", "entitlement yes"},
		{mdoc + "--reader-key=ut/reader.jwk ut/maced.cbor", 0, "green", "authenticity genuine"},
		{sd + "--nonce=n-1234567890 --aud=x509_hash:abc ut/pid.txt", 0, "green", "authenticity genuine"},

		{mdoc + "--profile=age-over-18 ut/signed.cbor", 2, "amber", "entitlement cannot tell"},
		{mdoc + "ut/maced.cbor", 2, "amber", "give --reader-key"},
		{"--trust=ut/anchors " + at + " ut/signed.cbor", 2, "amber", "no --status given"},
		{"--trust=ut/anchors --status=ut/list.cwt --transcript=ut/transcript.cbor " + at + " ut/signed.cbor", 2, "amber", "no --crl given"},
		{at + " ut/signed.cbor", 2, "amber", "no --trust, --vical or --bundle given"},
		{mdoc + "ut/issued.cbor", 2, "amber", "holder not proven"},
		{sd + "ut/pid.txt", 2, "amber", "holder not proven"},
		{sd + "--nonce=n-1234567890 ut/pid.txt", 2, "amber", "one alone does not"},
		{"--trust=ut/anchors --status=ut/list.cwt " + at + " --nonce=n-1234567890 --aud=x509_hash:abc ut/pid.txt", 2, "amber", "has it as cwt, and this credential needs a jwt"},
		{"--trust=ut/anchors --status=ut/list.jwt --transcript=ut/transcript.cbor " + at + " ut/signed.cbor", 2, "amber", "has it as jwt, and this credential needs a cwt"},
		{"--trust=ut/anchors --nonce=n --aud=a " + at + " ut/signed.cbor", 2, "amber", "this is an mdoc, give --response-uri"},
		{"--trust=ut/anchors --transcript=ut/transcript.cbor " + at + " ut/pid.txt", 2, "amber", "this is an SD-JWT"},
		{"--trust=ut/scoped --status=ut/list.cwt --transcript=ut/transcript.cbor " + at + " ut/pid.txt", 2, "amber", "0 anchors are trusted for urn:eudi:pid:1"},
		{"--trust=ut/anchors --status=ut/list-over.cwt --transcript=ut/transcript.cbor " + at + " ut/signed.cbor", 2, "amber", "list expired at 2026-06-14T10:00:00Z"},

		{mdoc + "--at=2026-06-29T10:00:01Z ut/signed.cbor", 1, "red", "status expired"},
		{sd + "--nonce=other --aud=x509_hash:abc ut/pid.txt", 1, "red", "sd.nonce"},
		{"--trust=ut/anchors --status=ut/list.cwt --transcript=transcript.hex " + at + " ut/signed.cbor", 1, "red", "da.sig"},
		{at + " 9mib", 1, "red", "at most 4194304"},
		{at + " truncated.hex", 1, "red", "cbor.strict"},

		{"", 3, "", "one FILE is wanted"},
		{"a b", 3, "", "got 2"},
		{"ut", 3, "", "is a folder"},
		{"over-9mib", 3, "", "larger than"},
		{"nowhere", 3, "", "no such file"},
		{"empty", 3, "", "is empty"},
		{"--trust=nowhere ut/signed.cbor", 3, "", "--trust: there is no folder nowhere"},
		{"--trust=nowhere ut/signed.cbor", 3, "", "no such file"},
		{"--trust=ut/pid.txt ut/signed.cbor", 3, "", "a folder of certificates is wanted"},
		{"--trust=ut ut/signed.cbor", 3, "", "copy there the iaca.pem of every office that is trusted"},
		{"--trust=ut/forgotten ut/signed.cbor", 3, "", "dropped.pem: not named in trust.yaml"},
		{"--trust=ut/wrong ut/signed.cbor", 3, "", "purpose"},
		{"--status=ut/pid.txt ut/signed.cbor", 3, "", "no status list"},
		{"--status=ut/list.cwt --status=ut/list.cwt ut/signed.cbor", 3, "", "a second cwt list"},
		{"--transcript=ut/signed.cbor ut/signed.cbor", 3, "", "no array of three"},
		{"--transcript=ut/transcript.cbor --response-uri=u --nonce=n --aud=a ut/signed.cbor", 3, "", "which?"},
		{"--reader-key=ut/pid.txt ut/signed.cbor", 3, "", "pid.txt"},
		{"--color=sometimes ut/signed.cbor", 3, "", "none of auto, always, never"},
		{"--profile=speed ut/signed.cbor", 3, "", "it has right-to-drive, identity, "},
		{"--crl=ut/pid.txt ut/signed.cbor", 3, "", "revocation list refused"},
		{"--transcript=- -", 3, "", "for one file alone"},
		{"ut/list.jwt", 3, "", `of the kind "JWT"`},
	} {
		run := func(more ...string) (int, string, string) {
			var out, errs bytes.Buffer
			args := append(append([]string{"check"}, more...), strings.Fields(tt.args)...)
			code := program.Run(context.Background(), command.Env{Stdin: strings.NewReader("stdin"), Stdout: &out, Stderr: &errs}, args)
			return code, out.String(), errs.String()
		}
		t.Run(tt.args, func(t *testing.T) {
			code, out, errs := run()
			if code != tt.code || !strings.Contains(out+errs, tt.says) {
				t.Errorf("exit %d, want %d and %q\n%s%s", code, tt.code, tt.says, out, errs)
			}
			if tt.colour == "" {
				if out != "" {
					t.Errorf("nothing was checked, and yet: %s", out)
				}
				return
			}
			if !strings.Contains(strings.SplitN(out, "\n", 2)[0], strings.ToUpper(tt.colour)) {
				t.Errorf("first line: %s", out)
			}
			code, out, _ = run("--json")
			var report struct{ Colour string }
			if err := json.Unmarshal([]byte(out), &report); err != nil || code != tt.code || report.Colour != tt.colour {
				t.Errorf("JSON: exit %d, %q, %v", code, report.Colour, err)
			}
		})
	}
}

// Whatever is not a verdict ends with 3, never with the 1 of red.
func TestErrorsAreNoVerdict(t *testing.T) {
	dir := t.TempDir()
	if err := fill(dir); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for _, args := range []string{"inspect nowhere", "inspect empty", "inspect ut", "inspect over-9mib", "inspect -- -x", "trust list nowhere", "trust list empty", "trust list ut/wrong",
		"trust vical nowhere --roots anchors/iaca.pem", "trust vical vical.hex --roots anchors/iaca.pem", "trust vical vical.hex", "trust sell x", "trust list", "trust follow anchors", "trust follow anchors --link anchors/iaca.pem", "trust follow anchors --link anchors/iaca.pem --root anchors/iaca.pem", "trust follow nowhere --link a --root b", "nonsense", ""} {
		var out, errs bytes.Buffer
		if code := program.Run(context.Background(), command.Env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs}, strings.Fields(args)); code != command.ExitUsage || errs.Len() == 0 {
			t.Errorf("%s: exit %d, %q", args, code, errs.String())
		}
	}
}
