//go:build interop

package issuancebench

import (
	"bufio"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"vidimus/internal/oid4vci"
)

// An issuer of other people's libraries and this one, in turns under
// the same wallets: copies for each second of processor time. The other one keeps
// everything in memory and this one on the disk; both verify and sign alike.
func TestIssuancePeer(t *testing.T) {
	other := newBatches(t, openPeer(t), "issuer of @openid4vc and @owf on Node")
	own := newBatches(t, openOffice(t).underTest(), "issuer")
	for range own.rounds {
		other.round()
		own.round()
	}
	theirs, ours := other.result(), own.result()
	times := float64(theirs) / float64(ours)
	t.Logf("copies for a second of processor time: %.0f, the other issuer %.0f; load %s", 1/ours.Seconds(), 1/theirs.Seconds(), load())
	promise(t, times >= 10, "at least 10 times the copies of the other issuer for each second of processor time: %.1f times", times)
}

// openPeer runs testdata/interop/node/issuer.mjs.
func openPeer(t *testing.T) *issuerUnderTest {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", "..", "..", "testdata", "interop", "node"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err != nil {
		t.Fatalf("%s has no node_modules: run ./t.sh bench-issuance, which installs them", dir)
	}
	env := append(os.Environ(), "INTEROP_PKI="+filepath.Join(t.TempDir(), "pki"))
	node := func(args ...string) *exec.Cmd {
		cmd := exec.Command("node", args...)
		cmd.Dir, cmd.Env, cmd.Stderr = dir, env, os.Stderr
		return cmd
	}
	if err := node("pki.mjs").Run(); err != nil {
		t.Fatal(err)
	}
	// A port that was free a moment ago: the program takes no 0.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	listener.Close()
	cmd := node("issuer.mjs", "--quiet", "--port", fmt.Sprint(port))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	ready := bufio.NewScanner(out)
	if !ready.Scan() {
		t.Fatalf("the other issuer said nothing: %v", ready.Err())
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	base := fmt.Sprintf("http://127.0.0.1:%d", port)
	return &issuerUnderTest{
		process: process(cmd.Process.Pid), base: base, draws: 100, slow: 10,
		grant: func(key *ecdsa.PrivateKey) (string, error) { return offeredByPeer(base, key) },
	}
}

// offeredByPeer gets a token for an offer of the other issuer.
func offeredByPeer(base string, key *ecdsa.PrivateKey) (string, error) {
	var offer struct {
		Offer struct {
			Grants map[string]struct {
				Code string `json:"pre-authorized_code"`
			} `json:"grants"`
		} `json:"offer"`
	}
	header := http.Header{"Content-Type": {"application/json"}}
	if _, err := ask(http.StatusOK, http.MethodPost, base+"/admin/offer", header, `{"configs":["mdl"],"grant":"pre"}`, &offer); err != nil {
		return "", err
	}
	code := offer.Offer.Grants[oid4vci.GrantPreAuthorized].Code
	if code == "" {
		return "", errors.New("the other issuer offers nothing")
	}
	got, err := token(base, key, nil, url.Values{"grant_type": {oid4vci.GrantPreAuthorized}, "pre-authorized_code": {code}})
	if err == nil && strings.Count(got, ".") != 2 {
		err = errors.New("the other issuer gives no JWT: its work is not the same any more")
	}
	return got, err
}
