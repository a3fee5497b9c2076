package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/jose"
)

const office = "https://issuer.example"

var created = time.Date(2026, 6, 15, 10, 0, 0, 0, time.UTC)

// office with a database, two keys and a backup of them.
type world struct {
	t      testing.TB
	id     Identity
	signer *ecdsa.PrivateKey
	plan   Plan
	files  map[string][]byte
}

func newWorld(t testing.TB) *world {
	t.Helper()
	id, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	big := make([]byte, 2*pieceSize+1000)
	for i := range big {
		big[i] = byte(i*7 + i>>13)
	}
	w := &world{t: t, id: id, signer: key, files: map[string][]byte{
		"office.db": big, "secret": []byte("0123"), "audit-keys/2026-06.key": []byte("ab"), "empty": {},
		"exact": big[:pieceSize],
	}}
	w.plan = Plan{
		Manifest:   Manifest{Issuer: office, Created: created, Schema: 3, Audit: audit.Head{Seq: 7, Hash: sha256.Sum256([]byte("x"))}},
		Recipients: []Recipient{id.Recipient()}, Signer: key, Rand: rand.Reader,
	}
	for _, name := range []string{"office.db", "secret", "audit-keys/2026-06.key", "empty", "exact"} {
		w.plan.Parts = append(w.plan.Parts, bytesPart(name, w.files[name]))
	}
	return w
}

func bytesPart(name string, data []byte) Part {
	return Part{Name: name, Write: func(w io.Writer) (int64, error) {
		return io.Copy(w, bytes.NewReader(data))
	}}
}

func (w *world) expect() Expect {
	return Expect{Issuer: office, Schema: 3, Keys: keysOf(w.t, w.signer.Public())}
}

func keysOf(t testing.TB, pub crypto.PublicKey) map[string]crypto.PublicKey {
	t.Helper()
	thumbprint, err := jose.Thumbprint(pub)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]crypto.PublicKey{jose.EncodeBase64URL(thumbprint): pub}
}

func (w *world) write() []byte {
	w.t.Helper()
	var b bytes.Buffer
	if _, err := Write(context.Background(), &b, w.plan); err != nil {
		w.t.Fatal(err)
	}
	return b.Bytes()
}

// live is a folder of an office that runs, and what is in it.
func live(t testing.TB) (string, map[string]string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "state")
	for name, data := range map[string]string{"office.db": "live database", "secret": "live", "published/1.jwt": "list", "audit-checkpoints.jsonl": "signed"} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(data), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return dir, contents(t, dir)
}

// contents are all files and folders below a folder.
func contents(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			out[name] = "folder"
			return nil
		}
		data, err := os.ReadFile(path)
		out[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func same(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if w, ok := b[k]; !ok || v != w {
			return false
		}
	}
	return true
}

func TestBackAndForth(t *testing.T) {
	w := newWorld(t)
	embassy, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	w.plan.Recipients = append(w.plan.Recipients, embassy.Recipient())
	data := w.write()
	if bytes.Contains(data, []byte("manifest")) || bytes.Contains(data, w.files["office.db"][:64]) {
		t.Error("something is to be read without a key")
	}
	for name, id := range map[string]Identity{"first_recipient": w.id, "second_recipient": embassy} {
		t.Run(name, func(t *testing.T) {
			dir, before := live(t)
			u, err := Unpack(t.Context(), bytes.NewReader(data), []Identity{id}, dir, w.expect())
			if err != nil {
				t.Fatal(err)
			}
			if u.Manifest != w.plan.Manifest {
				t.Errorf("manifest %+v", u.Manifest)
			}
			for name, want := range w.files {
				got, err := os.ReadFile(u.Path(name))
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s has %d bytes, %v", name, len(got), err)
				}
				if info, err := os.Stat(u.Path(name)); err != nil || info.Mode().Perm() != 0o600 {
					t.Errorf("%s: %v, %v", name, info.Mode(), err)
				}
			}
			for name, v := range before {
				if contents(t, dir)[name] != v {
					t.Errorf("%s was touched before Install", name)
				}
			}
			aside, err := u.Install(nil)
			if err != nil {
				t.Fatal(err)
			}
			after := contents(t, dir)
			for name, want := range w.files {
				if after[name] != string(want) {
					t.Errorf("%s was not installed", name)
				}
			}
			if after["published/1.jwt"] != "list" || after["audit-checkpoints.jsonl"] != "signed" {
				t.Error("what is not in the archive did not stay")
			}
			if old := contents(t, aside); old["office.db"] != "live database" || old["secret"] != "live" {
				t.Errorf("kept aside: %v", old)
			}
			if un, err := Unfinished(dir); un || err != nil {
				t.Errorf("unfinished: %v, %v", un, err)
			}
			for name := range after {
				if strings.HasPrefix(name, ".") && name != "." {
					t.Errorf("%s is left", name)
				}
			}
		})
	}
	t.Run("into_a_new_folder", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "new")
		u, err := Unpack(t.Context(), bytes.NewReader(data), []Identity{w.id}, dir, w.expect())
		if err != nil {
			t.Fatal(err)
		}
		if aside, err := u.Install(nil); err != nil || aside != "" {
			t.Fatalf("%q, %v", aside, err)
		}
		if got := contents(t, dir); len(got) != len(w.files)+2 { // and two folders
			t.Errorf("installed %d", len(got))
		}
	})
	t.Run("discarded", func(t *testing.T) {
		dir, before := live(t)
		u, err := Unpack(t.Context(), bytes.NewReader(data), []Identity{w.id}, dir, w.expect())
		if err != nil {
			t.Fatal(err)
		}
		if err := u.Discard(); err != nil || !same(contents(t, dir), before) {
			t.Errorf("left: %v, %v", contents(t, dir), err)
		}
	})
	t.Run("older_schema", func(t *testing.T) {
		want := w.expect()
		want.Schema = 9
		u, err := Unpack(t.Context(), bytes.NewReader(data), []Identity{w.id}, t.TempDir(), want)
		if err != nil || u.Manifest.Schema != 3 {
			t.Errorf("%v", err)
		}
	})
}

// TestRefused is bad input T08, and what an enemy who knows the recipient may
// write: each refusal has its name, and the office is as it was.
func TestRefused(t *testing.T) {
	w := newWorld(t)
	good := w.write()
	stranger, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	changed := func(at int) []byte {
		data := bytes.Clone(good)
		data[(at+len(data))%len(data)] ^= 1
		return data
	}
	other := newWorld(t)
	tests := []struct {
		name string
		data []byte
		ids  []Identity
		want func(e *Expect)
		is   []error // any of these
	}{
		{"T08/empty", nil, nil, nil, []error{ErrNotArchive}},
		{"T08/truncated_in_the_first_line", good[:9], nil, nil, []error{ErrNotArchive}},
		{"T08/truncated_in_the_header", good[:100], nil, nil, []error{ErrDamaged}},
		{"T08/truncated_in_the_manifest", good[:500], nil, nil, []error{ErrDamaged}},
		{"T08/truncated_in_the_middle", good[:len(good)/2], nil, nil, []error{ErrDamaged}},
		{"T08/truncated_at_a_chunk", good[:len(good)-(len(good)-216)%(64<<10+16)], nil, nil, []error{ErrDamaged}},
		{"T08/last_byte_missing", good[:len(good)-1], nil, nil, []error{ErrDamaged}},
		{"T08/one_byte_changed_in_the_recipient", changed(40), nil, nil, []error{ErrRecipient, ErrDamaged}},
		{"T08/one_byte_changed_in_the_header_MAC", changed(150), nil, nil, []error{ErrRecipient, ErrDamaged}},
		{"T08/one_byte_changed_at_the_beginning", changed(400), nil, nil, []error{ErrDamaged}},
		{"T08/one_byte_changed_in_the_middle", changed(len(good) / 2), nil, nil, []error{ErrDamaged}},
		{"T08/last_byte_changed", changed(-1), nil, nil, []error{ErrDamaged}},
		{"T08/one_byte_added", append(bytes.Clone(good), 0), nil, nil, []error{ErrDamaged}},
		{"T08/wrong_recipient", good, []Identity{stranger}, nil, []error{ErrRecipient}},
		{"T08/newer_schema", good, nil, func(e *Expect) { e.Schema = 2 }, []error{ErrSchema}},
		{"T08/other_issuer", good, nil, func(e *Expect) { e.Issuer = "https://other.example" }, []error{ErrIssuer}},
		{"T08/other_signer", other.write(), []Identity{other.id}, nil, []error{ErrSignature}},
		{"T08/not_a_backup", []byte("SQLite format 3\x00 and more that is nothing of ours"), nil, nil, []error{ErrNotArchive}},
		{"more_bytes_than_allowed", good, nil, func(e *Expect) { e.MaxBytes = pieceSize }, []error{ErrContents}},

		{"forged/nothing_inside", w.forge(), nil, nil, []error{ErrDamaged}},
		{"forged/no_digests", w.forge(w.manifest(), reg("state/office.db", "x")), nil, nil, []error{ErrDamaged}},
		{"forged/digests_first", w.forge(w.digests(), w.manifest()), nil, nil, []error{ErrNotArchive}},
		{"forged/unsigned_digests", w.forge(w.manifest(), reg("state/office.db", "x"), reg(digestsName, "{}")), nil, nil, []error{ErrNotArchive}},
		{"forged/digests_of_another_type", w.forge(w.manifest(), w.signedAs("JWT")), nil, nil, []error{ErrNotArchive}},
		{"forged/file_missing", w.forge(w.manifest(), w.digests("office.db", "x")), nil, nil, []error{ErrDamaged}},
		{"forged/file_too_many", w.forge(w.manifest(), reg("state/office.db", "x"), w.digests()), nil, nil, []error{ErrDamaged}},
		{"forged/file_changed", w.forge(w.manifest(), reg("state/office.db", "y"), w.digests("office.db", "x")), nil, nil, []error{ErrDamaged}},
		{"forged/file_renamed", w.forge(w.manifest(), reg("state/office.db", "x"), w.digests("secret", "x")), nil, nil, []error{ErrDamaged}},
		{"forged/manifest_changed", w.forge(reg(manifestName, w.manifestText(`"schema":1`)), w.digests()), nil, nil, []error{ErrDamaged}},
		{"forged/something_after_the_digests", w.forge(w.manifest(), w.digests(), reg("state/late", "x")), nil, nil, []error{ErrContents}},
		{"forged/later_format", w.forge(reg(manifestName, `{"format":2,"new":true}`)), nil, nil, []error{ErrFormat}},
		{"forged/no_format", w.forge(reg(manifestName, `{}`)), nil, nil, []error{ErrNotArchive}},
		{"forged/manifest_no_JSON", w.forge(reg(manifestName, `x`)), nil, nil, []error{ErrNotArchive}},
		{"forged/manifest_member_twice", w.forge(reg(manifestName, `{"format":1,"format":1}`)), nil, nil, []error{ErrNotArchive}},
		{"forged/manifest_too_long", w.forge(reg(manifestName, strings.Repeat(" ", maxManifest+1))), nil, nil, []error{ErrContents}},
		{"forged/parent", w.forge(w.manifest(), reg("state/../office.db", "x")), nil, nil, []error{ErrContents}},
		{"forged/parent_deeper", w.forge(w.manifest(), reg("state/a/../../b", "x")), nil, nil, []error{ErrContents}},
		{"forged/absolute", w.forge(w.manifest(), reg("/tmp/office.db", "x")), nil, nil, []error{ErrContents}},
		{"forged/absolute_below_state", w.forge(w.manifest(), reg("state//tmp/x", "x")), nil, nil, []error{ErrContents}},
		{"forged/backslash", w.forge(w.manifest(), reg(`state/..\x`, "x")), nil, nil, []error{ErrContents}},
		{"forged/hidden", w.forge(w.manifest(), reg("state/.ssh/authorized_keys", "x")), nil, nil, []error{ErrContents}},
		{"forged/elsewhere", w.forge(w.manifest(), reg("office.db", "x")), nil, nil, []error{ErrContents}},
		{"forged/mark_of_install", w.forge(w.manifest(), reg("state/"+unfinished, "x")), nil, nil, []error{ErrContents}},
		{"forged/kept_aside", w.forge(w.manifest(), reg("state/"+asideFolder+"/x", "x")), nil, nil, []error{ErrContents}},
		{"forged/symbolic_link", w.forge(w.manifest(), &entry{tar.Header{Typeflag: tar.TypeSymlink, Name: "state/a", Linkname: "/etc"}, ""}), nil, nil, []error{ErrContents}},
		{"forged/hard_link", w.forge(w.manifest(), &entry{tar.Header{Typeflag: tar.TypeLink, Name: "state/a", Linkname: "/etc/passwd"}, ""}), nil, nil, []error{ErrContents}},
		{"forged/folder", w.forge(w.manifest(), &entry{tar.Header{Typeflag: tar.TypeDir, Name: "state/a/"}, ""}), nil, nil, []error{ErrContents}},
		{"forged/device", w.forge(w.manifest(), &entry{tar.Header{Typeflag: tar.TypeChar, Name: "state/a"}, ""}), nil, nil, []error{ErrContents}},
		{"forged/name_twice", w.forge(w.manifest(), reg("state/a", "x"), reg("state/b", "x"), reg("state/a", "y")), nil, nil, []error{ErrContents}},
		{"forged/file_as_folder", w.forge(w.manifest(), reg("state/a", "x"), reg("state/a/b", "y")), nil, nil, []error{ErrContents}},
		{"forged/piece_without_a_beginning", w.forge(w.manifest(), reg("state/a.part-000002", "x")), nil, nil, []error{ErrContents}},
		{"forged/piece_left_out", w.forge(w.manifest(), reg("state/a", "x"), reg("state/a.part-000003", "x")), nil, nil, []error{ErrContents}},
		{"forged/long_name", w.forge(w.manifest(), reg("state/"+strings.Repeat("a", maxName+1), "x")), nil, nil, []error{ErrContents}},
		{"forged/large_entry", w.forge(w.manifest(), reg("state/a", strings.Repeat("a", pieceSize+1))), nil, nil, []error{ErrContents}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir, before := live(t)
			want, ids := w.expect(), tt.ids
			if tt.want != nil {
				tt.want(&want)
			}
			if ids == nil {
				ids = []Identity{w.id}
			}
			u, err := Unpack(t.Context(), bytes.NewReader(tt.data), ids, dir, want)
			named := false
			for _, is := range tt.is {
				named = named || errors.Is(err, is)
			}
			if !named || u != nil {
				t.Errorf("got %v, want %v", err, tt.is)
			}
			if after := contents(t, dir); !same(after, before) {
				t.Errorf("the office was touched: %v", after)
			}
			fresh := filepath.Join(t.TempDir(), "new")
			if _, err := Unpack(t.Context(), bytes.NewReader(tt.data), ids, fresh, want); err == nil {
				t.Error("unpacked into a new folder")
			}
			if _, err := os.Stat(fresh); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a new folder is left: %v", err)
			}
		})
	}
	t.Run("control_forged_and_good", func(t *testing.T) {
		data := w.forge(w.manifest(), reg("state/office.db", "x"), w.digests("office.db", "x"))
		if _, err := Unpack(t.Context(), bytes.NewReader(data), []Identity{w.id}, t.TempDir(), w.expect()); err != nil {
			t.Error(err) // else the rows above prove nothing
		}
	})
}

// TestEveryByte: a small archive with any one byte changed, or cut anywhere, is
// refused. Of what is encrypted every 17th byte is taken: they are all alike.
func TestEveryByte(t *testing.T) {
	w := newWorld(t)
	w.plan.Parts = []Part{bytesPart("office.db", []byte("x"))}
	good, dir := w.write(), t.TempDir()
	named := func(err error) bool {
		return errors.Is(err, ErrDamaged) || errors.Is(err, ErrNotArchive) || errors.Is(err, ErrRecipient)
	}
	for i := range good {
		if i > 300 && i%17 != 0 {
			continue
		}
		data := bytes.Clone(good)
		data[i] ^= 0x20
		if _, err := Unpack(t.Context(), bytes.NewReader(data), []Identity{w.id}, dir, w.expect()); !named(err) {
			t.Fatalf("byte %d of %d changed: %v", i, len(good), err)
		}
		if _, err := Unpack(t.Context(), bytes.NewReader(good[:i]), []Identity{w.id}, dir, w.expect()); !named(err) {
			t.Fatalf("cut at %d of %d: %v", i, len(good), err)
		}
	}
}

// TestInstallInterrupted: between any two renames the folder says that it is
// not to be used, and a second restore repairs it.
func TestInstallInterrupted(t *testing.T) {
	w := newWorld(t)
	data := w.write()
	dir, _ := live(t)
	u, err := Unpack(t.Context(), bytes.NewReader(data), []Identity{w.id}, dir, w.expect())
	if err != nil {
		t.Fatal(err)
	}
	// The second file cannot be put in its place.
	blocked := filepath.Join(u.dir, "secret")
	if err := os.Remove(blocked); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "secret")); err != nil {
		t.Fatal(err)
	}
	if _, err := u.Install(nil); err == nil {
		t.Fatal("installed without the file")
	}
	if un, err := Unfinished(dir); !un || err != nil {
		t.Fatalf("unfinished: %v, %v", un, err)
	}
	if u, err = Unpack(t.Context(), bytes.NewReader(data), []Identity{w.id}, dir, w.expect()); err != nil {
		t.Fatal(err)
	}
	if _, err := u.Install(nil); err != nil {
		t.Fatal(err)
	}
	if un, err := Unfinished(dir); un || err != nil {
		t.Errorf("unfinished: %v, %v", un, err)
	}
	if got := contents(t, dir); got["secret"] != "0123" || got["office.db"] != string(w.files["office.db"]) {
		t.Error("not installed")
	}
}

func TestWriteFails(t *testing.T) {
	w := newWorld(t)
	boom := errors.New("disk error")
	tests := []struct {
		name  string
		spoil func(p *Plan)
	}{
		{"no_recipient", func(p *Plan) { p.Recipients = nil }},
		{"no_signer", func(p *Plan) { p.Signer = nil }},
		{"no_issuer", func(p *Plan) { p.Manifest.Issuer = "" }},
		{"a_part_fails", func(p *Plan) {
			p.Parts = append(p.Parts, Part{"x", func(io.Writer) (int64, error) { return 0, boom }})
		}},
		{"a_part_lies", func(p *Plan) {
			p.Parts = append(p.Parts, Part{"x", func(io.Writer) (int64, error) { return 3, nil }})
		}},
		{"a_file_is_not_there", func(p *Plan) { p.Parts = append(p.Parts, FilePart("x", filepath.Join(t.TempDir(), "x"))) }},
		{"a_folder", func(p *Plan) { p.Parts = append(p.Parts, FilePart("x", t.TempDir())) }},
		{"a_name_twice", func(p *Plan) { p.Parts = append(p.Parts, p.Parts[0]) }},
		{"a_name_that_leads_elsewhere", func(p *Plan) { p.Parts = append(p.Parts, bytesPart("../x", nil)) }},
		{"a_name_of_a_piece", func(p *Plan) { p.Parts = append(p.Parts, bytesPart("x.part-000002", nil)) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			plan := w.plan
			plan.Parts = append([]Part(nil), plan.Parts...)
			tt.spoil(&plan)
			var b bytes.Buffer
			if _, err := Write(t.Context(), &b, plan); err == nil {
				t.Fatal("written")
			}
			if _, err := Unpack(t.Context(), &b, []Identity{w.id}, t.TempDir(), w.expect()); err == nil {
				t.Error("what was written can be unpacked")
			}
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := Write(ctx, io.Discard, w.plan); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if _, err := Unpack(ctx, bytes.NewReader(w.write()), []Identity{w.id}, t.TempDir(), w.expect()); !errors.Is(err, context.Canceled) && err == nil {
			t.Errorf("got %v", err)
		}
	})
}

// TestMemoryIsFlat: what is held does not grow with the database.
func TestMemoryIsFlat(t *testing.T) {
	w := newWorld(t)
	held := func(pieces int) (peak uint64) {
		chunk := make([]byte, pieceSize)
		plan := w.plan
		plan.Parts = []Part{{"office.db", func(w io.Writer) (n int64, err error) {
			for range pieces {
				m, err := w.Write(chunk)
				if n += int64(m); err != nil {
					return n, err
				}
				var now runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&now)
				peak = max(peak, now.HeapAlloc)
			}
			return n, nil
		}}}
		r, out := io.Pipe()
		go func() {
			_, err := Write(t.Context(), out, plan)
			out.CloseWithError(err)
		}()
		u, err := Unpack(t.Context(), r, []Identity{w.id}, t.TempDir(), w.expect())
		if err != nil {
			t.Fatal(err)
		}
		if u.Files[0].Size != int64(pieces)*pieceSize {
			t.Errorf("%d bytes", u.Files[0].Size)
		}
		return peak
	}
	small := held(1)
	if large := held(12); large > small+4<<20 {
		t.Errorf("%d bytes held for 4 MiB, %d for 48", small, large)
	}
}

func TestIdentities(t *testing.T) {
	id, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(id.String(), "SECRET") {
		t.Error("an identity prints its secret")
	}
	got, err := ParseIdentities(strings.NewReader("# created: today\n# public key: " + id.Recipient().String() + "\n\n" + id.Secret() + "\n"))
	if err != nil || len(got) != 1 || got[0].Recipient().String() != id.Recipient().String() {
		t.Errorf("%v, %v", got, err)
	}
	if r, err := ParseRecipient(id.Recipient().String()); err != nil || r.String() != id.Recipient().String() {
		t.Errorf("%v, %v", r, err)
	}
	for name, text := range map[string]string{
		"none": "# nothing\n", "another_kind": "-----BEGIN OPENSSH PRIVATE KEY-----\n", "broken": id.Secret()[:30] + "\n", "endless": strings.Repeat("#\n", maxIdentities),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ParseIdentities(strings.NewReader(text)); err == nil || strings.Contains(err.Error(), "AGE-SECRET") {
				t.Errorf("got %v", err)
			}
		})
	}
	for _, text := range []string{"", "age1", "ssh-ed25519 AAAA", id.Secret()} {
		if _, err := ParseRecipient(text); err == nil {
			t.Errorf("%.12s is no recipient", text)
		}
	}
}

// FuzzUnpack: whatever is inside the encryption, nothing leaves the folder.
func FuzzUnpack(f *testing.F) {
	w := newWorld(f)
	for _, entries := range [][]*entry{
		{w.manifest(), reg("state/office.db", "x"), w.digests("office.db", "x")},
		{w.manifest(), reg("state/../x", "x")},
	} {
		f.Add(w.tar(entries...))
	}
	dir, want := f.TempDir(), w.expect()
	f.Fuzz(func(t *testing.T, data []byte) {
		target := filepath.Join(dir, "state")
		u, err := Unpack(t.Context(), bytes.NewReader(w.seal(data)), []Identity{w.id}, target, want)
		if err == nil {
			if len(u.Files) > 1 || len(u.Files) == 1 && u.Files[0].Name != "office.db" {
				t.Fatalf("unpacked %+v", u.Files)
			}
			if err := errors.Join(u.Discard(), os.Remove(target)); err != nil {
				t.Fatal(err)
			}
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
			t.Fatalf("left %v, %v", left, err)
		}
	})
}

// entry is one of a forged archive.
type entry struct {
	header tar.Header
	data   string
}
