package signer_test

import (
	"crypto"
	"crypto/rand"
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"vidimus/internal/keys"
	"vidimus/internal/pki"
	"vidimus/internal/problem"
	. "vidimus/internal/signer"
	"vidimus/internal/trust"
)

// revocations is a list of a root with a number, an instant and whom it names.
func (w *world) revocations(name string, number int64, at time.Time, revoked ...pki.RevokedCertificate) []byte {
	w.t.Helper()
	return w.spoken(name, func(key crypto.Signer, _ [][]byte) error {
		_, err := pki.BuildCRL(pki.Revocations{Number: big.NewInt(number), ThisUpdate: at, NextUpdate: at.AddDate(0, 0, 7), Revoked: revoked},
			w.entities[name].Cert, key, rand.Reader)
		return err
	})
}

func gone(serial int64, at time.Time) pki.RevokedCertificate {
	return pki.RevokedCertificate{Serial: big.NewInt(serial), At: at}
}

// TestListsGoOn is bad input K09: a front end that was taken over has a list signed that
// goes behind the last one.
func TestListsGoOn(t *testing.T) {
	w := newWorld(t)
	hour := w.Now.Add(-time.Hour)
	for _, root := range []string{"iaca", "reader-ca"} {
		first := w.revocations(root, 100, w.Now, gone(77, hour))
		sign := func(message []byte) {
			t.Helper()
			signatures, err := w.sign(root, message)
			if err != nil {
				t.Fatal(err)
			}
			w.verify(root, message, signatures[0])
		}
		sign(first)
		sign(first) // the same once more
		later := w.Now.Add(time.Minute)
		for name, message := range map[string][]byte{
			"K09/crl_drops_all":         w.revocations(root, 101, later),
			"K09/crl_drops_one":         w.revocations(root, 101, later, gone(78, hour)),
			"K09/crl_number_back":       w.revocations(root, 99, later, gone(77, hour)),
			"K09/crl_number_again":      w.revocations(root, 100, later, gone(77, hour)),
			"K09/crl_instant_back":      w.revocations(root, 101, w.Now.Add(-time.Minute), gone(77, hour)),
			"K09/crl_revocation_back":   w.revocations(root, 101, later, gone(77, hour.AddDate(-4, 0, 0))),
			"K09/crl_uses_numbers_up":   w.revocations(root, 1<<62, later, gone(77, hour)),
			"K09/crl_behind_everything": w.revocations(root, 1, w.Now.Add(-10*time.Minute)),
		} {
			t.Run(root+"/"+name, func(t *testing.T) { w.refused(t, root, message, ReasonPolicy) })
		}
		sign(w.revocations(root, 101, later, gone(77, hour), gone(78, w.Now)))
		t.Run(root+"/K09/crl_of_before", func(t *testing.T) { w.refused(t, root, first, ReasonPolicy) })
		sign(w.revocations(root, w.Now.UnixMicro(), later, gone(77, hour), gone(78, w.Now))) // an instant, as a fleet numbers
	}
	for _, k := range w.service.Status() {
		if k.Name == "iaca" && (len(k.Lists) != 1 || k.Lists[0].Number != uint64(w.Now.UnixMicro()) || k.Lists[0].Revoked != 2) {
			t.Errorf("status: %+v", k.Lists)
		}
	}
}

// Below a reader CA every certificate of the time before has ended at last; below an
// IACA nobody can say.
func TestRevokedForHowLong(t *testing.T) {
	w := newWorld(t)
	old := w.Now.Add(-pki.ProfileReader.LongestLife() + time.Hour)
	for _, root := range []string{"iaca", "reader-ca"} {
		if _, err := w.sign(root, w.revocations(root, 100, w.Now, gone(77, old), gone(78, w.Now))); err != nil {
			t.Fatal(err)
		}
		w.refused(t, root, w.revocations(root, 101, w.Now, gone(78, w.Now)), ReasonPolicy)
	}
	w.Clock.Advance(2 * time.Hour)
	for root, want := range map[string]Reason{"iaca": ReasonPolicy, "reader-ca": ""} {
		_, err := w.sign(root, w.revocations(root, 101, w.Clock.Now(), gone(78, w.Now)))
		if ReasonOf(err) != want {
			t.Errorf("%s: %v", root, err)
		}
		if want != "" && !strings.Contains(err.Error(), "lacks 4d") {
			t.Errorf("who is missing is not named: %v", err)
		}
	}
}

// TestTrustListsGoOn is bad input K09, for lists of who issues.
func TestTrustListsGoOn(t *testing.T) {
	w := newWorld(t)
	vical := func(number uint64, at time.Time) []byte {
		return w.spoken("vical", func(key crypto.Signer, chain [][]byte) error {
			_, err := trust.BuildVICAL(trust.VICALContents{Provider: "Utopia", IssueID: number, Date: at, NextUpdate: at.AddDate(0, 0, 30),
				Entries: []trust.VICALEntry{{Cert: w.IACA.Cert, DocTypes: []string{mdl}}}}, key, chain, []*pki.Certificate{w.OperationsCA.Cert}, rand.Reader)
			return err
		})
	}
	entities := func(kind string, number uint64, at time.Time) []byte {
		service := trust.PIDIssuance
		if kind == trust.PubEAAProviders {
			service = trust.PubEAAIssuance
		}
		return w.spoken("vical", func(key crypto.Signer, chain [][]byte) error {
			_, err := trust.BuildEntityList(trust.EntityListContents{
				Type: kind, Operator: "Utopia", Territory: "UT", Sequence: number, Issued: at, NextUpdate: at.AddDate(0, 0, 30),
				Entities: []trust.ListedEntity{{Name: "Utopia", Contact: issuerURL, Services: []trust.ListedService{{Type: service, Name: "PID", Certificates: []*pki.Certificate{w.IACA.Cert}}}}},
			}, key, chain, []*pki.Certificate{w.OperationsCA.Cert}, rand.Reader)
			return err
		})
	}
	good := [][]byte{vical(7, w.Now), entities(trust.PIDProviders, 9, w.Now), entities(trust.PubEAAProviders, 3, w.Now), vical(8, w.Now), entities(trust.PIDProviders, 10, w.Now.Add(time.Second))}
	for i, message := range good {
		if _, err := w.sign("vical", message); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
	}
	for name, message := range map[string][]byte{
		"K09/vical_number_back":        vical(7, w.Now.Add(time.Minute)),
		"K09/vical_number_again":       vical(8, w.Now.Add(time.Minute)),
		"K09/vical_instant_back":       vical(9, w.Now.Add(-time.Minute)),
		"K09/entities_number_back":     entities(trust.PIDProviders, 9, w.Now.Add(time.Minute)),
		"K09/entities_instant_back":    entities(trust.PIDProviders, 11, w.Now),
		"K09/entities_number_of_other": entities(trust.PubEAAProviders, 2, w.Now.Add(time.Minute)),
	} {
		t.Run(name, func(t *testing.T) { w.refused(t, "vical", message, ReasonPolicy) })
	}
}

// broken is a memory that fails.
type broken struct{ last, keep error }

func (b broken) Last(string, string) ([]byte, error) { return nil, b.last }
func (b broken) Keep(string, string, []byte) error   { return b.keep }

// What cannot be remembered is not signed, and neither is what may go behind a list that
// is not known; the key goes on with the rest.
func TestMemoryFails(t *testing.T) {
	for name, memory := range map[string]broken{"keep": {keep: errors.New("disk full")}, "forgotten": {last: ErrForgotten}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(c *Config) { c.Memory = memory })
			signatures, err := w.sign("reader-ca", w.crl("reader-ca"))
			if signatures != nil || problem.KindOf(err) != problem.Unavailable {
				t.Errorf("signed: %v", err)
			}
			for _, e := range w.events() {
				t.Errorf("recorded: %+v", e)
			}
			if _, err := w.sign("reader-ca", speakers[KindReaderCertificate].speak(w)); err != nil {
				t.Error(err)
			}
			for _, k := range w.service.Status() {
				for _, l := range k.Lists {
					if l.Forgotten != (memory.last != nil) {
						t.Errorf("%s: %+v", k.Name, l)
					}
				}
			}
		})
	}
}

// What is read of a published list is what the key of the certificate has signed.
func FuzzReadListed(f *testing.F) {
	w := newWorld(f)
	list, err := pki.BuildCRL(pki.Revocations{Number: big.NewInt(7), ThisUpdate: w.Now, NextUpdate: w.Now.AddDate(0, 0, 7)}, w.ReaderCA.Cert, w.ReaderCA.Key, rand.Reader)
	w.must(err)
	f.Add(list.Raw)
	f.Add([]byte("eyJhbGciOiJFUzI1NiJ9.e30.AAAA"))
	f.Add([]byte{0x84, 0x40, 0xa0, 0x40, 0x40})
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := ReadListed(data, w.ReaderCA.Cert)
		if err != nil {
			return
		}
		if l.Series.Name != "crl" || string(l.Message) != string(list.TBS()) || l.Series.Number != 7 || l.Follows(l.Message) != nil {
			t.Errorf("%+v", l.Series)
		}
	})
}

// TestListAlone is bad input K09: a list among other messages would have no line of the
// record for itself, and be forgotten with the folder of lists.
func TestListAlone(t *testing.T) {
	w := newWorld(t)
	list := w.revocations("iaca", 100, w.Now)
	proof := append([]byte(keys.ProofPrefix), w.entities["iaca"].Cert.Raw...)
	for name, messages := range map[string][][]byte{
		"K09/list_after_proof":  {proof, list},
		"K09/list_before_proof": {list, proof},
		"K09/two_lists":         {list, w.revocations("iaca", 101, w.Now)},
	} {
		t.Run(name, func(t *testing.T) {
			if signatures, err := w.sign("iaca", messages...); signatures != nil || ReasonOf(err) != ReasonKind {
				t.Errorf("signed: %v", err)
			}
		})
	}
	if _, err := w.sign("iaca", proof, proof); err != nil {
		t.Error(err)
	}
	if _, err := w.sign("iaca", list); err != nil {
		t.Error(err)
	}
}

// TestFirstList is bad input K09: a front end has a first list signed after whose number
// there is none.
func TestFirstList(t *testing.T) {
	w := newWorld(t)
	w.refused(t, "iaca", w.revocations("iaca", math.MaxInt64, w.Now), ReasonPolicy)
	w.refused(t, "iaca", w.revocations("iaca", w.Now.Add(time.Hour).UnixMicro(), w.Now), ReasonPolicy)
	if _, err := w.sign("iaca", w.revocations("iaca", w.Now.UnixMicro(), w.Now)); err != nil {
		t.Error(err)
	}
}

// An office that never got its list has the next one signed a second later, whatever
// the number of the last that it has.
func TestListLost(t *testing.T) {
	w := newWorld(t)
	for _, kept := range []int64{100, w.Now.UnixMicro() + 1000} {
		last := &pki.CRL{Number: big.NewInt(kept), ThisUpdate: w.Now}
		if _, err := w.sign("iaca", w.revocations("iaca", kept, w.Now)); err != nil {
			t.Fatal(err)
		}
		for after := range 3 { // each is lost
			at := w.Now.Add(time.Duration(after+1) * time.Second)
			if _, err := w.sign("iaca", w.revocations("iaca", pki.NextNumber(last, at).Int64(), at)); err != nil {
				t.Errorf("after %d: %v", kept, err)
			}
		}
		w = newWorld(t)
	}
}
