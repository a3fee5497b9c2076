package shares

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// custodians makes n identities; some are post-quantum.
func custodians(t testing.TB, n int) ([]Identity, []Recipient) {
	t.Helper()
	var ids []Identity
	var rs []Recipient
	for i := range n {
		secret, r, err := NewIdentity(i%2 == 1)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "identity.txt")
		if err := os.WriteFile(path, []byte("# a custodian\n"+secret+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		id, err := ReadIdentity(path)
		if err != nil {
			t.Fatal(err)
		}
		ids, rs = append(ids, id), append(rs, r)
	}
	return ids, rs
}

// made is a set of 2 of 3 in a folder of its own.
type made struct {
	t   testing.TB
	dir string
	pub *ecdsa.PublicKey
	ids []Identity
	rs  []Recipient
	set *Set
}

func makeSet(t testing.TB, curve elliptic.Curve) *made {
	t.Helper()
	m := &made{t: t, dir: filepath.Join(t.TempDir(), "root")}
	m.ids, m.rs = custodians(t, 3)
	var err error
	if m.pub, m.set, err = Split([]string{m.dir}, curve, 2, m.rs, rand.Reader); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *made) path(share int) string {
	return filepath.Join(m.dir, fmt.Sprintf("share-%d.age", share))
}

// reseal has the custodian of a share decrypt it, change it and encrypt it again.
func (m *made) reseal(n int, change func(*share)) {
	m.t.Helper()
	sealed, err := os.ReadFile(m.path(n))
	if err != nil {
		m.t.Fatal(err)
	}
	plain, err := unseal(sealed, m.ids[n-1:n])
	if err != nil || plain == nil {
		m.t.Fatalf("share %d: %v", n, err)
	}
	s, err := parseShare(plain)
	if err != nil {
		m.t.Fatal(err)
	}
	change(s)
	sealed, err = seal(s, m.rs[n-1])
	if err != nil {
		m.t.Fatal(err)
	}
	m.write(m.path(n), sealed)
}

func (m *made) write(path string, data []byte) {
	m.t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		m.t.Fatal(err)
	}
}

func (m *made) copy(to, from string) {
	m.t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		m.t.Fatal(err)
	}
	m.write(to, data)
}

func TestOpenWithEveryTwo(t *testing.T) {
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384()} {
		m := makeSet(t, curve)
		for _, two := range [][2]int{{0, 1}, {0, 2}, {1, 2}, {2, 0}} {
			key, err := Open(m.dir, nil, []Identity{m.ids[two[0]], m.ids[two[1]]})
			if err != nil {
				t.Fatalf("%s, custodians %v: %v", curve.Params().Name, two, err)
			}
			digest := sha256.Sum256([]byte("a message"))
			sig, err := key.Sign(rand.Reader, digest[:], crypto.SHA256)
			if err != nil || !ecdsa.VerifyASN1(m.pub, digest[:], sig) {
				t.Fatalf("signature: %v", err)
			}
			// bad input K08: nothing but a digest is signed.
			if _, err := key.Sign(rand.Reader, []byte("no digest"), crypto.SHA256); err == nil {
				t.Error("signs what is no digest")
			}
			scalar := key.key
			if err := key.Close(); err != nil {
				t.Fatal(err)
			}
			if raw, err := scalar.Bytes(); err == nil {
				for _, b := range raw {
					if b != 0 {
						t.Fatal("the scalar stays after Close")
					}
				}
			}
			if _, err := key.Sign(rand.Reader, digest[:], crypto.SHA256); err == nil {
				t.Error("signs after Close")
			}
		}
		key, err := Open(m.dir, nil, m.ids)
		if err != nil {
			t.Fatalf("all three: %v", err)
		}
		key.Close()
	}
}

// bad input K11: shares that are too few, wrong, of another ceremony, twice or
// edited.
func TestOpenRefuses(t *testing.T) {
	tests := []struct {
		name string
		do   func(m *made) []Identity
		want error
		says string
	}{
		{"K11/one of two", func(m *made) []Identity { return m.ids[:1] }, ErrTooFew, "none of the identities given is for share-2.age, share-3.age"},
		{"K11/none", func(m *made) []Identity { return nil }, ErrTooFew, "0 of 2"},
		{"K11/only one share is here", func(m *made) []Identity {
			os.Remove(m.path(1))
			os.Remove(m.path(3))
			return m.ids[1:2]
		}, ErrTooFew, "the other shares are not here"},
		{"no shares at all", func(m *made) []Identity {
			for i := range 3 {
				os.Remove(m.path(i + 1))
			}
			return m.ids
		}, ErrTooFew, "--shares"},
		{"K11/wrong share: identity of a stranger", func(m *made) []Identity {
			ids, _ := custodians(m.t, 1)
			return []Identity{m.ids[0], ids[0]}
		}, ErrTooFew, "share-2.age"},
		{"K11/share of another ceremony", func(m *made) []Identity {
			other := filepath.Join(m.t.TempDir(), "other")
			if _, _, err := Split([]string{other}, elliptic.P256(), 2, m.rs, rand.Reader); err != nil {
				m.t.Fatal(err)
			}
			m.copy(m.path(2), filepath.Join(other, "share-2.age"))
			return m.ids[:2]
		}, ErrForeign, "share-2.age"},
		{"K11/share of another ceremony beside enough", func(m *made) []Identity {
			other := filepath.Join(m.t.TempDir(), "other")
			if _, _, err := Split([]string{other}, elliptic.P256(), 2, m.rs, rand.Reader); err != nil {
				m.t.Fatal(err)
			}
			m.copy(filepath.Join(m.dir, "share-9.age"), filepath.Join(other, "share-1.age"))
			return m.ids
		}, ErrForeign, "share-9.age"},
		{"K11/the same share twice", func(m *made) []Identity {
			m.copy(m.path(3), m.path(1))
			return m.ids[:1]
		}, ErrTwice, "share 1 is in"},
		{"K11/the share of one given again under another's number", func(m *made) []Identity {
			m.reseal(1, func(s *share) { s.index = 2 })
			return []Identity{m.ids[0], m.ids[2]}
		}, ErrEdited, "share-1.age"},
		{"K11/edited share: value", func(m *made) []Identity {
			m.reseal(2, func(s *share) { s.value[5] ^= 1 })
			return m.ids[:2]
		}, ErrEdited, "share 2 does not open its commitment"},
		{"K11/edited share: salt", func(m *made) []Identity {
			m.reseal(2, func(s *share) { s.salt[0] ^= 1 })
			return m.ids[:2]
		}, ErrEdited, "share-2.age"},
		{"K11/edited share: threshold", func(m *made) []Identity {
			m.reseal(2, func(s *share) { s.threshold = 3 })
			return m.ids[:2]
		}, ErrEdited, "threshold 3"},
		{"K11/edited share: set", func(m *made) []Identity {
			m.reseal(2, func(s *share) { s.set[0] ^= 1 })
			return m.ids[:2]
		}, ErrForeign, "share-2.age"},
		{"K11/edited share: shorter", func(m *made) []Identity {
			m.reseal(2, func(s *share) { s.value = s.value[:31] })
			return m.ids[:2]
		}, ErrDamaged, "share-2.age"},
		{"K11/edited file: a bit of the ciphertext", func(m *made) []Identity {
			text, _ := os.ReadFile(m.path(2))
			lines := strings.Split(string(text), "\n")
			last := lines[len(lines)-3]
			swap := "A"
			if strings.HasPrefix(last, "A") {
				swap = "B"
			}
			lines[len(lines)-3] = swap + last[1:]
			m.write(m.path(2), []byte(strings.Join(lines, "\n")))
			return m.ids[:2]
		}, ErrDamaged, "share-2.age"},
		{"K11/edited file: cut short", func(m *made) []Identity {
			text, _ := os.ReadFile(m.path(2))
			m.write(m.path(2), text[:len(text)/2])
			return m.ids[:2]
		}, ErrDamaged, "share-2.age"},
		{"K11/edited file: another text", func(m *made) []Identity {
			m.write(m.path(2), []byte("no share"))
			return m.ids[:2]
		}, ErrDamaged, "share-2.age"},
		{"K11/edited set", func(m *made) []Identity {
			m.edit(SetFile, `"version": 1`, `"version":  1`)
			return m.ids[:2]
		}, ErrSet, "set.json is not the one that share 1"},
		{"set of another key", func(m *made) []Identity {
			m.edit(SetFile, m.set.PublicKey, strings.Repeat("ab", 32))
			return m.ids[:2]
		}, ErrSet, "public.pem is not the key of set.json"},
		{"public key of another", func(m *made) []Identity {
			other := makeSet(m.t, elliptic.P256())
			m.copy(filepath.Join(m.dir, PublicFile), filepath.Join(other.dir, PublicFile))
			return m.ids[:2]
		}, ErrSet, "public.pem"},
		{"no set", func(m *made) []Identity {
			os.Remove(filepath.Join(m.dir, SetFile))
			return m.ids[:2]
		}, fs.ErrNotExist, "set.json"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := makeSet(t, elliptic.P256())
			ids := tt.do(m)
			key, err := Open(m.dir, nil, ids)
			if key != nil || !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, want %v with %q", err, tt.want, tt.says)
			}
		})
	}
}

func (m *made) edit(name, old, text string) {
	m.t.Helper()
	path := filepath.Join(m.dir, name)
	data, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(data), old) {
		m.t.Fatalf("%s has no %q: %v", name, old, err)
	}
	m.write(path, []byte(strings.Replace(string(data), old, text, 1)))
}

// TestColludingCustodians: two who make shares that fit each other and a set.json
// for them still have not the key of public.pem.
func TestColludingCustodians(t *testing.T) {
	m := makeSet(t, elliptic.P256())
	set := *m.set
	var both []share
	for n := 1; n <= 2; n++ {
		s := share{index: byte(n), threshold: 2, value: make([]byte, 32)}
		id, _ := hex.DecodeString(set.ID)
		copy(s.set[:], id)
		s.value[31] = byte(n)
		c := s.commitment()
		set.Commitments[n-1] = hex.EncodeToString(c[:])
		both = append(both, s)
	}
	statement, err := set.encode()
	if err != nil {
		t.Fatal(err)
	}
	m.write(filepath.Join(m.dir, SetFile), statement)
	for i := range both {
		both[i].statement = sha256.Sum256(statement)
		sealed, err := seal(&both[i], m.rs[i])
		if err != nil {
			t.Fatal(err)
		}
		m.write(m.path(i+1), sealed)
	}
	if _, err := Open(m.dir, nil, m.ids[:2]); !errors.Is(err, ErrSet) || !strings.Contains(err.Error(), "not those of the key in public.pem") {
		t.Errorf("%v", err)
	}
}

// TestFolderForEach: every custodian takes a medium home.
func TestFolderForEach(t *testing.T) {
	ids, rs := custodians(t, 3)
	base := t.TempDir()
	dirs := []string{filepath.Join(base, "a"), filepath.Join(base, "b [1]"), filepath.Join(base, "c")}
	pub, _, err := Split(dirs, elliptic.P384(), 2, rs, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := Open(dirs[2], []string{dirs[1], dirs[1], dirs[2]}, ids)
	if err != nil {
		t.Fatal(err)
	}
	defer key.Close()
	if !pub.Equal(key.Public()) {
		t.Error("another key")
	}
	if _, err := Open(dirs[0], nil, ids); !errors.Is(err, ErrTooFew) {
		t.Errorf("one medium alone: %v", err)
	}
}

func TestSplitRefuses(t *testing.T) {
	_, rs := custodians(t, 3)
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "share-3.age"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name      string
		dirs      []string
		curve     elliptic.Curve
		threshold int
		rs        []Recipient
		says      string
	}{
		{"one of three", []string{t.TempDir()}, elliptic.P384(), 1, rs, "threshold"},
		{"four of three", []string{t.TempDir()}, elliptic.P384(), 4, rs, "threshold"},
		{"recipient twice", []string{t.TempDir()}, elliptic.P384(), 2, []Recipient{rs[0], rs[1], rs[0]}, "two shares"},
		{"curve", []string{t.TempDir()}, elliptic.P521(), 2, rs, "P-256 or P-384"},
		{"two folders", []string{t.TempDir(), t.TempDir()}, elliptic.P384(), 2, rs, "2 folders"},
		{"a folder with a share", []string{full}, elliptic.P384(), 2, rs, "there already"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := Split(tt.dirs, tt.curve, tt.threshold, tt.rs, rand.Reader)
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, want %q", err, tt.says)
			}
			for _, dir := range tt.dirs {
				if left, _ := filepath.Glob(filepath.Join(dir, "*")); dir != full && len(left) > 0 {
					t.Errorf("left behind: %v", left)
				}
			}
		})
	}
}

// bad input K13, K10: neither an identity nor a key is in what is printed; an
// identity that others may read, or that is encrypted, is refused.
func TestIdentities(t *testing.T) {
	secret, _, err := NewIdentity(false)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	id, err := ReadIdentity(file("good", secret+"\n", 0o600))
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if text := fmt.Sprintf(verb, id) + fmt.Sprintf(verb, &id) + fmt.Sprintf(verb, []Identity{id}); strings.Contains(strings.ToUpper(text), secret[:20]) {
			t.Errorf("%s shows the identity", verb)
		}
	}
	for _, tt := range []struct{ name, path, says string }{
		{"K10/mode", file("open", secret, 0o644), "chmod 600"},
		{"encrypted", file("encrypted", "-----BEGIN AGE ENCRYPTED FILE-----\n", 0o600), "age -d"},
		{"broken", file("broken", secret[:30], 0o600), "line 1"},
		{"two", file("two", secret+"\n"+secret, 0o600), "2 identities"},
		{"none", file("none", "# nothing\n", 0o600), "0 identities"},
		{"missing", filepath.Join(dir, "missing"), "no such file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ReadIdentity(tt.path)
			if !errors.Is(err, ErrIdentity) || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), secret[:25]) {
				t.Errorf("%v, want %q", err, tt.says)
			}
		})
	}
	m := makeSet(t, elliptic.P256())
	key, err := Open(m.dir, nil, m.ids[:2])
	if err != nil {
		t.Fatal(err)
	}
	defer key.Close()
	for _, verb := range []string{"%v", "%+v", "%#v", "%d", "%x"} {
		if text := fmt.Sprintf(verb, key); !strings.HasPrefix(text, "key in shares") {
			t.Errorf("%s gives %.80s", verb, text)
		}
	}
}
