package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"vidimus/internal/app/issuer"
	"vidimus/internal/app/wallet"
	"vidimus/internal/audit"
	archives "vidimus/internal/backup"
	"vidimus/internal/clock"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/jose"
	"vidimus/internal/keys/soft"
	"vidimus/internal/pki"
)

// commands are what the scripts can do beside running the program.
var commands = map[string]func(*testscript.TestScript, bool, []string){
	"ready": ready, "mode": mode, "extract": extract, "expand": expand, "exit": exit, "until": until, "edit": edit, "instant": instant,
	"accept": accept, "identity": identity, "init-ago": initAgo, "look-in": lookIn, "rechain": rechain, "drop": drop, "cut": cut,
	"verified": verified, "approval": approval, "many": many, "nginx": nginx,
	"collect": collect, "refresh": refresh,
	"enrol": enrol, "take": take, "crl": crl, "roadside": roadside,
	"link": link, "add": add, "present": present, "judge": judge, "follow": follow, "vical": vical, "gather": gather, "officer-key": officerKey, "serial": serial,
}

// serial VAR FILE puts the serial number of a certificate into a variable, as openssl
// x509 prints it after serial=.
func serial(ts *testscript.TestScript, _ bool, args []string) {
	certs, err := pki.ParsePEM([]byte(ts.ReadFile(args[1])))
	ts.Check(err)
	ts.Setenv(args[0], fmt.Sprintf("%X", certs[0].Cert.SerialNumber))
}

// approval ID FILE writes a built-in credential configuration as a file, with the
// rule that a person approves each request.
func approval(ts *testscript.TestScript, _ bool, args []string) {
	data, err := os.ReadFile(filepath.Join(builtin, args[0]+".yaml"))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), append([]byte("approval: true\n"), data...), 0o600))
}

// builtin is the folder of the built-in configurations, from anywhere.
var builtin, _ = filepath.Abs(filepath.Join("..", "..", "internal", "catalog", "builtin"))

// exit CODE COMMAND... runs a command and wants that exit code.
func exit(ts *testscript.TestScript, neg bool, args []string) {
	code := 0
	var failed *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &failed) {
		code = failed.ExitCode()
	} else {
		ts.Check(err)
	}
	if neg || strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// until REGEXP COMMAND... repeats a command until its standard output matches.
func until(ts *testscript.TestScript, neg bool, args []string) {
	wanted := regexp.MustCompile("(?m)" + args[0])
	// Another process works: there is nothing to wait on but what it says.
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		_ = ts.Exec(args[1], args[2:]...)
		if !neg && wanted.MatchString(ts.ReadFile("stdout")) {
			return
		}
	}
	ts.Fatalf("%s is never said", args[0])
}

// edit FILE REGEXP TEXT replaces what matches; something must.
func edit(ts *testscript.TestScript, neg bool, args []string) {
	old := ts.ReadFile(args[0])
	text := regexp.MustCompile("(?m)"+args[1]).ReplaceAllString(old, args[2])
	if neg || text == old {
		ts.Fatalf("nothing in %s matches %s", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// drop FILE NUMBER takes a line out of a file; a negative number counts from
// the end.
func drop(ts *testscript.TestScript, _ bool, args []string) {
	lines := strings.SplitAfter(strings.TrimSuffix(ts.ReadFile(args[0]), "\n"), "\n")
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	if n < 0 {
		n += len(lines) + 1
	}
	text := strings.Join(append(lines[:n-1:n-1], lines[n:]...), "")
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.TrimSuffix(text, "\n")+"\n"), 0o600))
}

// cut FILE takes the last octets of a file away.
func cut(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text[:len(text)-100]), 0o600))
}

// instant VAR DURATION puts the instant that is so far from now into a
// variable.
func instant(ts *testscript.TestScript, _ bool, args []string) {
	d, err := time.ParseDuration(args[1])
	ts.Check(err)
	ts.Setenv(args[0], time.Now().Add(d).UTC().Truncate(time.Second).Format(time.RFC3339))
}

// accept FOLDER LINK CODE CONFIGURATION takes up an offer with a wallet of its
// own, two copies.
func accept(ts *testscript.TestScript, neg bool, args []string) {
	var said bytes.Buffer
	err := wallet.Accept(context.Background(), wallet.AcceptConfig{
		Connection: wallet.Connection{Dir: ts.MkAbs(args[0]), InsecureLoopback: true}, Offer: args[1], TxCode: args[2], Configurations: args[3:], Copies: 2,
	}, &said, &said)
	ts.Logf("%s%v", said.String(), err)
	if neg != (err != nil) {
		ts.Fatalf("the wallet: %v", err)
	}
}

// collect FOLDER has the wallet of a folder ask for what waits.
func collect(ts *testscript.TestScript, neg bool, args []string) {
	err := wallet.Collect(context.Background(), wallet.CollectConfig{
		Connection: wallet.Connection{Dir: ts.MkAbs(args[0]), InsecureLoopback: true}, Wait: 30 * time.Second,
	}, ts.Stdout(), ts.Stderr())
	held(ts, neg, err)
}

// refresh FOLDER has it fetch fresh copies of everything.
func refresh(ts *testscript.TestScript, neg bool, args []string) {
	err := wallet.Refresh(context.Background(), wallet.RefreshConfig{
		Connection: wallet.Connection{Dir: ts.MkAbs(args[0]), InsecureLoopback: true},
	}, ts.Stdout(), ts.Stderr())
	held(ts, neg, err)
}

func held(ts *testscript.TestScript, neg bool, err error) {
	if err != nil {
		fmt.Fprintln(ts.Stderr(), err)
	}
	if neg != (err != nil) {
		ts.Fatalf("the wallet: %v", err)
	}
}

// identity FILE makes an age key pair: the secret half in FILE, the public one
// in RECIPIENT.
func identity(ts *testscript.TestScript, _ bool, args []string) {
	id, err := archives.NewIdentity()
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(id.Secret()+"\n"), 0o600))
	ts.Setenv("RECIPIENT", id.Recipient().String())
}

// officer-key FILE VAR makes the key of an officer, and puts its pin into a
// variable.
func officerKey(ts *testscript.TestScript, _ bool, args []string) {
	km := soft.New(filepath.Dir(ts.MkAbs(args[0])))
	key, err := km.Create(context.Background(), "soft:path="+filepath.Base(args[0]), elliptic.P256())
	ts.Check(err)
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	ts.Check(err)
	pin := sha256.Sum256(der)
	ts.Setenv(args[1], hex.EncodeToString(pin[:]))
}

func config(ts *testscript.TestScript, file string) issuer.Config {
	cfg, err := issuer.LoadConfig(ts.MkAbs(file), true)
	ts.Check(err)
	cfg.StateDir = ts.MkAbs(cfg.StateDir)
	return cfg
}

// init-ago CONFIG DURATION is issuer init as it was so long ago.
func initAgo(ts *testscript.TestScript, _ bool, args []string) {
	d, err := time.ParseDuration(args[1])
	ts.Check(err)
	_, err = issuer.Init(context.Background(), config(ts, args[0]), time.Now().Add(-d), rand.Reader)
	ts.Check(err)
}

// look-in CONFIG DURATION looks for somebody whom nobody knows, by a clock that
// is so far ahead.
func lookIn(ts *testscript.TestScript, _ bool, args []string) {
	d, err := time.ParseDuration(args[1])
	ts.Check(err)
	cfg := config(ts, args[0])
	desk, err := issuer.OpenOffice(context.Background(), &cfg, issuer.Options{Clock: clock.NewFake(time.Now().Add(d))})
	ts.Check(err)
	query := url.Values{"person": {"P-1"}, "purpose": {"fault"}}
	if err := desk.Read(context.Background(), issuerhttp.RecordsPath, query, &issuer.RecordView{}); err == nil {
		ts.Fatalf("somebody is known")
	}
	ts.Check(desk.Close())
}

// verified FILE CERTIFICATE verifies a JWS and gives its claims as standard
// output.
func verified(ts *testscript.TestScript, neg bool, args []string) {
	certs, err := pki.ParsePEM([]byte(ts.ReadFile(args[1])))
	ts.Check(err)
	signed, err := jose.Parse(strings.TrimSpace(ts.ReadFile(args[0])))
	ts.Check(err)
	if err := signed.Verify(certs[0].PublicKey()); neg || err != nil {
		ts.Fatalf("%s does not verify: %v", args[0], err)
	}
	fmt.Fprintf(ts.Stdout(), "%s\n", signed.Payload)
}

// many FILE COUNT writes so many records of persons.
func many(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	var text bytes.Buffer
	for i := range n {
		fmt.Fprintf(&text, `{"person": "M-%d", "attributes": {"family_name": "Many", "given_name": "N", "birth_date": "1990-03-02"}}`+"\n", i)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), text.Bytes(), 0o600))
}

// rechain FILE joins the lines of an audit record anew, as an insider would
// who changed one: every hash fits.
func rechain(ts *testscript.TestScript, _ bool, args []string) {
	var out bytes.Buffer
	var head audit.Head
	for in := bufio.NewScanner(strings.NewReader(ts.ReadFile(args[0]))); in.Scan(); {
		e, err := audit.ParseLine(in.Bytes())
		ts.Check(err)
		line, next, err := head.Next(e)
		ts.Check(err)
		head = next
		fmt.Fprintf(&out, "%s\n", bytes.TrimSuffix(line, []byte("\n")))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), out.Bytes(), 0o600))
}
