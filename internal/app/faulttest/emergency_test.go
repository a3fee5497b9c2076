//go:build faults

package faulttest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/audit"
	"vidimus/internal/document"
	"vidimus/internal/issuance"
	"vidimus/internal/jose"
	"vidimus/internal/pki"
	"vidimus/internal/store/bolt"
)

// TestEmergencyKilled revokes everything that a key has signed, and kills the
// program in the middle of it: the operator's at its points and at moments of
// chance, and the office, which goes on by itself when it starts. In the end
// every copy of the key is revoked, no other is, each step is recorded once, and
// the invariants hold.
func TestEmergencyKilled(t *testing.T) {
	o := worked(t, t.TempDir())
	key, apart, err := o.issueMore(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	officers := map[string]string{}
	for i, id := range []string{"eva", "max"} {
		file, pin, err := o.officerKey(id)
		if err != nil {
			t.Fatal(err)
		}
		officers[id] = file
		o.cfg.Console.Officers = append(o.cfg.Console.Officers, issuer.Officer{ID: id, Name: id, Human: fmt.Sprint("e", i), Roles: []string{"editor"}, Pins: []string{pin}})
	}
	text, err := o.cfg.YAML()
	if err == nil {
		err = os.WriteFile(o.config, []byte(text), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	out, err := o.operate(t.Context(), "emergency", "propose", "--key", key, "--reference", "2026/17", "--officer", "eva", "--officer-key", officers["eva"])
	id, hash := regexp.MustCompile(`emergency approve (\S+)`).FindStringSubmatch(out), regexp.MustCompile(`(?m)^hash ([0-9a-f]{64})$`).FindStringSubmatch(out)
	if err != nil || id == nil || hash == nil {
		t.Fatalf("%v: %s", err, out)
	}
	approve := []string{"emergency", "approve", id[1], "--officer", "max", "--officer-key", officers["max"]}
	if out, err = o.operate(t.Context(), approve...); err != nil || !strings.Contains(out, hash[1]) || !strings.Contains(out, "nothing was approved") {
		t.Fatalf("approved unseen: %v: %s", err, out)
	}
	if out, err = o.operate(t.Context(), append(approve, "--hash", hash[1])...); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	run := []string{"emergency", "run", id[1]}
	if _, err := o.killedAt(t.Context(), "emergency.begun", 1, run...); err != nil {
		t.Fatal(err)
	}
	// An office that starts goes on by itself, and is killed after its first step.
	p, err := o.start([]string{"VIDIMUS_FAULT=emergency.stepped:kill:1"})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.ended:
	case <-time.After(pointPatience * pointTries):
		t.Error("the office does not go on by itself")
	}
	p.kill()
	before, err := o.invalidOf(t.Context(), apart) // time may have done something to others meanwhile
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.killedAt(t.Context(), "emergency.stepped", 1, run...); err != nil {
		t.Fatal(err)
	}
	random := mathrand.New(mathrand.NewPCG(seed(), 9))
	killed := 0
	for n := 0; n < times(20, 2) || killed == 0 && n < 40; n++ {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(20+random.IntN(200))*time.Millisecond)
		if _, err := o.operate(ctx, run...); err != nil && ctx.Err() != nil {
			killed++
		}
		cancel()
	}
	if t.Logf("%d kills at moments of chance", killed); killed == 0 {
		t.Error("nothing was killed at a moment of chance")
	}
	if _, err := o.killedAt(t.Context(), "emergency.ended", 1, run...); err != nil {
		t.Fatal(err)
	}
	if out, err = o.operate(t.Context(), run...); err != nil || !strings.Contains(out, "covered; ") {
		t.Fatalf("%v: %s", err, out)
	}
	again, err := o.operate(t.Context(), run...)
	if err != nil {
		t.Fatalf("%v: %s", err, again)
	}
	o.revokedOf(t, key, id[1])
	if after, err := o.invalidOf(t.Context(), apart); err != nil || after != before {
		t.Errorf("%d copies under another key are revoked, %d were: %v", after, before, err)
	}
	if err := o.check(t.Context(), false); err != nil {
		t.Error(err)
	}
}

// officerKey makes the key of an officer, and its pin.
func (o *office) officerKey(id string) (file, pin string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", "", err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	sum := sha256.Sum256(public)
	file = filepath.Join(o.dir, id+".key")
	return file, hex.EncodeToString(sum[:]), errors.Join(err, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
}

// store opens the database of an office that does not run.
func (o *office) store() (*bolt.Store, error) {
	names, err := audit.OpenPeriodKeys(o.cfg.Path("audit-keys"), rand.Reader)
	if err != nil {
		return nil, err
	}
	return bolt.Open(o.cfg.Path("issuer.db"), bolt.Options{PublicURL: o.cfg.PublicURL, Rand: rand.Reader, Dev: o.cfg.Dev, Pseudonyms: names})
}

// issueMore records batches of documents that have copies, under the key of one of
// these and, each tenth, under that of another, and names the latter.
func (o *office) issueMore(ctx context.Context, batches int) (string, map[string]bool, error) {
	s, err := o.store()
	if err != nil {
		return "", nil, err
	}
	defer s.Close()
	var with []issuance.Copy // one of each
	versions := map[string]uint64{}
	err = s.EachSubject(ctx, "", 1_000_000, func(p document.Subject) error {
		versions[p.Number] = p.Version
		for _, d := range p.Documents {
			copies, err := s.Copies(ctx, d.Number)
			if err != nil {
				return err
			}
			if len(copies) > 0 && copies[0].Person == p.Number && copies[0].List != "" && copies[0].Identifier == nil && !d.Annulled && !d.Surrendered {
				with = append(with, copies[0])
			}
		}
		return nil
	})
	if err != nil || len(with) == 0 {
		return "", nil, fmt.Errorf("no document has copies: %v", err)
	}
	key, other := with[0].SignerKeyID, ""
	for _, name := range []string{"mdl", "pid"} {
		text, err := os.ReadFile(o.cfg.Path(o.cfg.Signers[name].Chain))
		if err != nil {
			return "", nil, err
		}
		certs, err := pki.ParsePEM(text)
		if err != nil {
			return "", nil, err
		}
		thumbprint, err := jose.Thumbprint(certs[0].PublicKey())
		if err != nil {
			return "", nil, err
		}
		if id := jose.EncodeBase64URL(thumbprint); id != key {
			other = id
		}
	}
	apart := map[string]bool{}
	errs := make([]error, batches)
	var wg sync.WaitGroup
	for n := range batches {
		id, by := token()[:22], key
		if n%10 == 0 {
			by, apart[id] = other, true
		}
		wg.Go(func() {
			of := with[n%len(with)]
			in := issuance.Intent{
				Batch: id, Person: of.Person, Document: of.Document, Configuration: of.Configuration, Version: versions[of.Person],
				TokenID: token(), TokenBatches: 1, TokenExpires: time.Now(), Granted: time.Now(), Count: 3, Status: issuance.StatusList,
				Issued: of.Issued, Expires: of.Expires, SignerKeyID: by, Recorded: time.Now(),
			}
			said := audit.Event{
				Time: time.Now(), Action: "credential.sign", Person: in.Person, Actor: "wallet", Outcome: audit.Intent,
				Detail: map[string]string{"batch": in.Batch, "configuration": in.Configuration, "count": strconv.Itoa(in.Count), "key": in.SignerKeyID, "session": in.TokenID},
			}
			if _, errs[n] = s.RecordIntent(ctx, in, said); errs[n] == nil {
				said.Outcome = audit.Done
				errs[n] = s.MarkSigned(ctx, in.Batch, said)
			}
		})
	}
	wg.Wait()
	return key, apart, errors.Join(errs...)
}

// invalidOf counts the copies of batches that are revoked.
func (o *office) invalidOf(ctx context.Context, batches map[string]bool) (n int, err error) {
	s, err := o.store()
	if err != nil {
		return 0, err
	}
	defer s.Close()
	err = s.EachSubject(ctx, "", 1_000_000, func(subject document.Subject) error {
		for _, d := range subject.Documents {
			copies, err := s.Copies(ctx, d.Number)
			if err != nil {
				return err
			}
			for _, c := range copies {
				if batches[c.Batch] && c.Invalid {
					n++
				}
			}
		}
		return nil
	})
	return n, err
}

// revokedOf says that all copies of a key are revoked, that the plan revoked no
// others, and that the record has each of its steps once.
func (o *office) revokedOf(t *testing.T, key, plan string) {
	t.Helper()
	s, err := o.store()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p, err := s.Plan(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	of, others := 0, 0
	err = s.EachSubject(t.Context(), "", 1_000_000, func(subject document.Subject) error {
		for _, d := range subject.Documents {
			copies, err := s.Copies(t.Context(), d.Number)
			if err != nil {
				return err
			}
			for _, c := range copies {
				switch {
				case c.State == issuance.StateBurned || c.List == "":
				case c.SignerKeyID == key && !c.Invalid:
					t.Errorf("a copy of %s is not revoked", c.Batch)
				case c.SignerKeyID == key:
					of++
				default:
					others++
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	steps, counted := map[string]int{}, 0
	err = s.AuditLines(t.Context(), 1, 1<<30, func(_ uint64, line []byte) error {
		e, err := audit.ParseLine(line)
		if err == nil && e.Action == "emergency.step" && e.Subject == plan {
			n, _ := strconv.Atoi(e.Detail["count"])
			counted += n
			steps[e.Detail["seq"]]++
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	for seq, n := range steps {
		if n != 1 {
			t.Errorf("step %s is recorded %d times", seq, n)
		}
	}
	if len(steps) != p.Steps || p.Steps < 3 || len(p.ByKey) != 1 || p.ByKey[key] != p.Revoked || counted != p.Revoked || p.Revoked > of || p.Revoked < 1000 {
		t.Errorf("%d steps in the record with %d copies, the plan has %d with %d; %d copies of the key, %d others", len(steps), counted, p.Steps, p.Revoked, of, others)
	}
	t.Logf("%d copies revoked in %d steps, %d others left alone", p.Revoked, p.Steps, others)
}
