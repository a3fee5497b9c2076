package ceremony

import (
	"bytes"
	"context"
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vidimus/internal/pki"
)

// TestEveryAct does each kind of act, from the first root on, and verifies what is
// left behind.
func TestEveryAct(t *testing.T) {
	w := newWorld(t)
	done := map[string]bool{}
	certs := map[string]*pki.Certificate{}
	do := func(name, text string) {
		t.Helper()
		d := w.do(name, text)
		done[d.Transcript.Act.Act] = true
		if c := d.Transcript.Certificate; c != nil {
			certs[name] = c
			if got := w.read(name + ".pem"); got != string(pki.EncodePEM(c)) {
				t.Errorf("%s: the file is another certificate", name)
			}
		}
	}
	do("iaca", w.root("iaca-root", "iaca"))
	do("iaca2", w.root("iaca-root", "iaca2"))
	do("forward", w.link("forward", "iaca", "iaca2"))
	do("back", w.link("back", "iaca2", "iaca"))
	do("mdl", w.leaf("document-signer-mdl", "mdl", "iaca"))
	do("pid", w.leaf("document-signer-pid", "pid", "iaca"))
	do("status", w.leaf("status-signer", "status", "iaca"))
	do("vical", w.leaf("vical-signer", "vical", "iaca"))
	do("readerca", w.root("reader-ca", "readerca"))
	do("operations", w.root("operations-ca", "operations"))
	for _, act := range []string{"bundle-signer", "receipt-signer", "checkpoint-signer", "registry-source"} {
		do(act, w.leaf(act, act, "operations"))
	}
	do("accessca", w.root("access-ca", "accessca"))
	do("access", w.leaf("access", "access", "accessca"))
	do("crl1", w.crl("crl1", "iaca", 1, "revoked: []\n"))
	do("crl2", w.crl("crl2", "iaca", 2, "follows: {file: crl1.crl, sha256: "+w.derHash("crl1.crl")+"}\nrevoked:\n  - {serial: "+certs["mdl"].Serial()+", at: 2026-06-14T12:00:00Z, note: lost}\n"))
	do("readers", w.crl("readers", "readerca", 1, ""))
	for _, k := range Kinds() {
		if !done[k] {
			t.Errorf("no act %s", k)
		}
	}
	if len(Kinds()) != len(kinds) {
		t.Errorf("%d kinds listed, %d known", len(Kinds()), len(kinds))
	}

	for _, pair := range [][3]string{{"iaca", "forward", "iaca2"}, {"iaca2", "back", "iaca"}} {
		if err := pki.VerifyLink(certs[pair[0]], certs[pair[1]], certs[pair[2]], start.AddDate(0, 0, 2)); err != nil {
			t.Errorf("link %v: %v", pair, err)
		}
	}
	list, err := pki.ParseCRL([]byte(w.read("crl2.crl")))
	if err != nil {
		t.Fatal(err)
	}
	if _, revoked := list.RevokedAt(certs["mdl"]); !revoked || list.Len() != 1 {
		t.Error("the list does not revoke")
	}
	pub := []crypto.PublicKey{w.keys["recorder"].Public()}
	chain, err := VerifyChain(w.tokens, pub)
	if err != nil || len(chain) != len(w.tokens) {
		t.Fatalf("%d transcripts: %v", len(chain), err)
	}
	recorded, err := Recorded(filepath.Join(w.dir, "audit.log"))
	if err != nil {
		t.Fatal(err)
	}
	if missing, others := InRecord(chain, recorded); len(missing) != 0 || others != 0 {
		t.Errorf("%d not recorded, %d others", len(missing), others)
	}
	if strings.Contains(w.read("audit.log"), "Ada") {
		t.Error("the audit record names people")
	}
	if sum := sha256.Sum256([]byte(w.read("mdl.jws"))); sum != chain[4].Hash {
		t.Error("the digest of a transcript is not that of its file")
	}
}

// TestWarnings: dates that do not fit the clock are said, and are no finding.
func TestWarnings(t *testing.T) {
	w := newWorld(t)
	w.do("iaca", w.root("iaca-root", "iaca"))
	leaf, list := w.plan("mdl", w.leaf("document-signer-mdl", "mdl", "iaca")), w.plan("crl", w.crl("crl", "iaca", 1, ""))
	begin := time.Date(2026, 6, 15, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name string
		plan *Plan
		now  time.Time
		says string
	}{
		{"the instant of its begin", leaf, begin, ""},
		{"a second before", leaf, begin.Add(-time.Second), "it begins in 1 days by this machine's clock (2026-06-14T23:59:59Z)"},
		{"ten days before", leaf, begin.AddDate(0, 0, -10), "it begins in 10 days"},
		{"the instant of its end", leaf, time.Date(2026, 9, 13, 0, 0, 0, 0, time.UTC), ""},
		{"a second after", leaf, time.Date(2026, 9, 13, 0, 0, 1, 0, time.UTC), "it has ended by this machine's clock (2026-09-13T00:00:01Z)"},
		{"a list in force", list, begin, ""},
		{"a list of the future", list, begin.Add(-25 * time.Hour), "it begins in 2 days"},
		{"a list of before", list, time.Date(2026, 9, 2, 0, 0, 0, 0, time.UTC), "it has ended"},
	} {
		got := strings.Join(tt.plan.Warnings(tt.now), "; ")
		if !strings.HasPrefix(got, tt.says) || (tt.says == "") != (got == "") {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.says)
		}
		if len(tt.plan.Draft.Findings) > 0 {
			t.Errorf("%s: %q", tt.name, tt.plan.Draft.Findings)
		}
	}
}

// TestDryRunIsExact: the same file gives the same bytes, which are what is signed;
// no key is touched.
func TestDryRunIsExact(t *testing.T) {
	w := newWorld(t)
	w.do("iaca", w.root("iaca-root", "iaca"))
	w.opened = nil
	first := w.plan("mdl", w.leaf("document-signer-mdl", "mdl", "iaca"))
	second := w.planFile(filepath.Join(w.dir, "mdl.yaml"))
	var a, b bytes.Buffer
	if first.Show(&a) != nil || second.Show(&b) != nil || a.String() != b.String() {
		t.Error("two dry runs differ")
	}
	if len(w.opened) > 0 {
		t.Errorf("a dry run opened %v", w.opened)
	}
	for _, want := range []string{"lint               clean", "CN=Utopia mdl", "usage 1.0.18013.5.1.2", "signs messages", "issuer reached at https://utopia.example/contact", "host issuer.utopia.example", hex.EncodeToString(first.TBSHash[:]), hex.EncodeToString(first.Draft.TBS[:32])} {
		if !strings.Contains(a.String(), want) {
			t.Errorf("the dry run does not say %q:\n%s", want, a.String())
		}
	}
	w.clock.Advance(time.Minute)
	done, err := w.ceremony(line(first)).Run(context.Background(), second, w.approve(first))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(done.Transcript.Certificate.TBS(), first.Draft.TBS) {
		t.Error("another TBS was signed than the dry run said")
	}
	want := []string{"soft:path=recorder", "soft:path=mdl", "soft:path=iaca"}
	if strings.Join(w.opened, " ") != strings.Join(want, " ") {
		t.Errorf("opened %v, want %v", w.opened, want)
	}
}

// TestSerial: a plan without one says a fresh one; drawing puts it into the file once.
func TestSerial(t *testing.T) {
	w := newWorld(t)
	path := w.write("iaca.yaml", strings.TrimSuffix(w.root("iaca-root", "iaca"), "\n"))
	a, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.Plan(rand.Reader)
	var need *NeedSerial
	if !errors.As(err, &need) || !errors.Is(err, ErrAct) || len(need.Fresh) != 32 {
		t.Fatalf("%v", err)
	}
	put, err := Draw(path, rand.Reader)
	if err != nil || len(put) != 1 {
		t.Fatalf("%q, %v", put, err)
	}
	if got := w.planFile(path).Draft.Certificate.Serial(); "serial: "+got != put[0] {
		t.Errorf("serial %s, %s was drawn", got, put[0])
	}
	before := w.read("iaca.yaml")
	if put, err := Draw(path, rand.Reader); err != nil || len(put) > 0 || w.read("iaca.yaml") != before {
		t.Errorf("drawn twice: %q, %v", put, err)
	}
}

// TestDraw: what follows from files beside the act is put in, and what people
// wrote stays, comments too.
func TestDraw(t *testing.T) {
	w := newWorld(t)
	w.do("iaca", w.root("iaca-root", "iaca"))
	full := w.leaf("document-signer-mdl", "mdl", "iaca")
	bare := full
	for _, digest := range []string{w.derHash("iaca.pem"), w.derHash("mdl.pub")} {
		bare = strings.Replace(bare, ", sha256: "+digest, "", 1)
	}
	for _, name := range []string{"ada", "grace", "recorder"} {
		bare = strings.Replace(bare, "|\n"+indent(w.read(name+".pub")), name+".pub # of "+name+"\n", 1)
	}
	bare = "# The signer of summer.\n" + strings.Replace(bare, "  previous: "+w.previous+"\n", "", 1)
	path := w.write("mdl.yaml", bare)
	put, err := Draw(path, rand.Reader)
	if err != nil || len(put) != 7 {
		t.Fatalf("%q, %v", put, err)
	}
	text := w.read("mdl.yaml")
	for _, want := range []string{"# The signer of summer.", "# of grace", w.derHash("iaca.pem"), w.derHash("mdl.pub"), w.previous, "BEGIN PUBLIC KEY"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	w.clock.Advance(time.Minute)
	p := w.planFile(path)
	if _, err := w.ceremony(line(p)).Run(context.Background(), p, w.approve(p)); err != nil {
		t.Error(err)
	}
	for name, text := range map[string]string{
		"no mapping": "- act", "no YAML": "{", "a file that is gone": strings.Replace(bare, "ada.pub", "gone.pub", 1),
		"a key that is none": strings.Replace(bare, "ada.pub", "iaca.pem", 1), "a key that is unknown": "porpoise: x\n" + bare,
	} {
		w.write("bad.yaml", text)
		if _, err := Draw(filepath.Join(w.dir, "bad.yaml"), rand.Reader); !errors.Is(err, ErrAct) || strings.Count(err.Error(), ErrAct.Error()) != 1 {
			t.Errorf("%s: %v", name, err)
		}
		if w.read("bad.yaml") != text {
			t.Errorf("%s: the file was changed", name)
		}
	}
}

func TestRunRefuses(t *testing.T) {
	tests := []struct {
		name string
		// do changes the world, the plan, the approvals or what witnesses write.
		do   func(w *world, p *Plan, approvals *[]string, in *string)
		want error
		says string
	}{
		{"no approval", func(_ *world, _ *Plan, a *[]string, _ *string) { *a = nil }, ErrApproval, "Ada Lovelace, Grace Hopper is missing"},
		{"one approval", func(w *world, p *Plan, a *[]string, _ *string) {
			token, _ := p.Approve("Ada Lovelace", w.keys["ada"], start, rand.Reader)
			*a = []string{token}
		}, ErrApproval, "Grace Hopper is missing"},
		{"one approves for both", func(w *world, p *Plan, a *[]string, _ *string) {
			token, _ := p.Approve("Ada Lovelace", w.keys["ada"], start, rand.Reader)
			*a = []string{token, token}
		}, ErrApproval, "two approvals"},
		{"an approval that another key signed", func(w *world, p *Plan, a *[]string, _ *string) {
			other, _ := signToken(w.keys["recorder"], ApprovalType, []byte(`{"name":"Grace Hopper","act_sha256":"","tbs_sha256":"","iat":1}`), rand.Reader)
			(*a)[0] = other
		}, ErrApproval, "Grace Hopper"},
		{"an approval of the file before it was edited", func(w *world, p *Plan, _ *[]string, _ *string) {
			path := w.write("leaf.yaml", strings.Replace(w.read("leaf.yaml"), "A signer for tests", "A signer for trials", 1))
			*p = *w.planFile(path)
		}, ErrApproval, "approved another file"},
		{"a transcript for an approval", func(w *world, _ *Plan, a *[]string, _ *string) { (*a)[0] = w.tokens[0] }, ErrApproval, ""},
		{"lint", func(w *world, p *Plan, _ *[]string, _ *string) {
			path := w.write("leaf.yaml", strings.Replace(w.read("leaf.yaml"), "2026-09-13", "2028-09-13", 1))
			*p = *w.planFile(path)
		}, ErrFindings, "longer than 457 days"},
		{"a witness who did not compare", func(_ *world, _ *Plan, _ *[]string, in *string) { *in = "00000000 looks good\n" }, ErrWitness, "first 8 digits"},
		{"a witness without a line of their own", func(_ *world, p *Plan, _ *[]string, in *string) {
			*in = hex.EncodeToString(p.TBSHash[:4]) + "\n"
		}, ErrWitness, "line of a witness"},
		{"no witness", func(_ *world, _ *Plan, _ *[]string, in *string) { *in = "" }, ErrWitness, "wrote nothing"},
		{"the key of another", func(w *world, _ *Plan, _ *[]string, _ *string) { w.keys["iaca"] = w.keys["ada"] }, ErrKey, "signing_key"},
		{"the key of another recorder", func(w *world, _ *Plan, _ *[]string, _ *string) { w.keys["recorder"] = w.keys["ada"] }, ErrKey, "transcript.key"},
		{"the key of another subject", func(w *world, _ *Plan, _ *[]string, _ *string) { w.keys["leaf"] = w.keys["ada"] }, ErrKey, "subject_key.uri"},
		{"a network", func(w *world, p *Plan, a *[]string, _ *string) {
			p.Act.Offline = true
			w.up = []net.Interface{{Name: "lo", Flags: net.FlagUp | net.FlagLoopback}, {Name: "wlan0", Flags: net.FlagUp}, {Name: "eth0"}}
		}, ErrNetwork, "wlan0 is up"},
		{"the certificate is there", func(w *world, _ *Plan, _ *[]string, _ *string) { w.write("leaf.pem", "") }, ErrAct, "leaf.pem is there already"},
		{"the transcript is there", func(w *world, _ *Plan, _ *[]string, _ *string) { w.write("leaf.jws", "") }, ErrAct, "leaf.jws is there already"},
		{"the audit record is gone", func(w *world, _ *Plan, _ *[]string, _ *string) { os.Remove(filepath.Join(w.dir, "audit.log")) }, ErrPrevious, "last act of the audit record is none"},
		{"another act came between", func(w *world, _ *Plan, _ *[]string, _ *string) {
			w.do("other", w.root("reader-ca", "other"))
		}, ErrPrevious, "the last act"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.do("iaca", w.root("iaca-root", "iaca"))
			p := w.plan("leaf", w.leaf("document-signer-mdl", "leaf", "iaca"))
			approvals, in := w.approve(p), line(p)
			w.opened = nil
			tt.do(w, p, &approvals, &in)
			w.opened = nil
			_, err := w.ceremony(in).Run(context.Background(), p, approvals)
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("%v, want %v with %q", err, tt.want, tt.says)
			}
			if !errors.Is(err, ErrKey) && len(w.opened) > 0 {
				t.Errorf("keys were opened: %v", w.opened)
			}
			for _, name := range []string{"leaf.pem", "leaf.jws"} {
				if data, err := os.ReadFile(filepath.Join(w.dir, name)); err == nil && len(data) > 0 {
					t.Errorf("%s was written", name)
				}
			}
		})
	}
}

// lying shows one public key and signs with another.
type lying struct {
	public crypto.PublicKey
	crypto.Signer
}

func (l lying) Public() crypto.PublicKey { return l.public }

// TestSignatureOfAnotherKey: bad input K02. A key that answers with what does not
// verify leaves an intent and a failure in the record, and no certificate.
func TestSignatureOfAnotherKey(t *testing.T) {
	w := newWorld(t)
	p := w.plan("iaca", w.root("iaca-root", "iaca"))
	c := w.ceremony(line(p))
	open := c.Open
	other := w.key("other", elliptic.P384())
	c.Open = func(ctx context.Context, uri, dir string) (crypto.Signer, io.Closer, error) {
		k, closer, err := open(ctx, uri, dir)
		if strings.HasSuffix(uri, "iaca") {
			return lying{k.Public(), other}, closer, err
		}
		return k, closer, err
	}
	if _, err := c.Run(context.Background(), p, w.approve(p)); err == nil {
		t.Fatal("done")
	}
	record := w.read("audit.log")
	if !strings.Contains(record, `"intent"`) || !strings.Contains(record, `"failed"`) || strings.Contains(record, `"done"`) {
		t.Errorf("record:\n%s", record)
	}
	if _, err := os.Stat(filepath.Join(w.dir, "iaca.pem")); err == nil {
		t.Error("a certificate was written")
	}
	// The act can be done once the key is right again.
	w.clock.Advance(time.Minute)
	if _, err := w.ceremony(line(p)).Run(context.Background(), p, w.approve(p)); err != nil {
		t.Error(err)
	}
}

// TestTwoAtOnce: of two acts that follow the same one, one is done.
func TestTwoAtOnce(t *testing.T) {
	w := newWorld(t)
	w.do("iaca", w.root("iaca-root", "iaca"))
	plans := []*Plan{w.plan("a", w.root("reader-ca", "a")), w.plan("b", w.root("access-ca", "b")), w.plan("c", w.root("operations-ca", "c"))}
	var runs []func() error
	for _, p := range plans {
		c, approvals := w.ceremony(line(p)), w.approve(p)
		c.Open = func(_ context.Context, uri, _ string) (crypto.Signer, io.Closer, error) {
			return w.keys[strings.TrimPrefix(uri, "soft:path=")], nothing{}, nil
		}
		runs = append(runs, func() error {
			_, err := c.Run(context.Background(), p, approvals)
			return err
		})
	}
	errs := make(chan error, len(runs))
	for _, run := range runs {
		go func() { errs <- run() }()
	}
	done := 0
	for range runs {
		if err := <-errs; err == nil {
			done++
		} else if !errors.Is(err, ErrPrevious) {
			t.Error(err)
		}
	}
	recorded, err := Recorded(filepath.Join(w.dir, "audit.log"))
	if done != 1 || err != nil || len(recorded) != 2 {
		t.Errorf("%d done, %d in the record, %v", done, len(recorded), err)
	}
}
