//go:build faults

package faulttest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"vidimus/internal/backup"
)

// killedAt runs a command of the operator that is killed at a point, and gives
// what it said. A point that was not reached is an error.
func (o *office) killedAt(ctx context.Context, point string, nth int, args ...string) (string, error) {
	cmd := o.command(ctx, args...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("VIDIMUS_FAULT=%s:kill:%d", point, nth))
	out, err := cmd.CombinedOutput()
	if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !ws.Signaled() || ws.Signal() != syscall.SIGKILL {
		return string(out), fmt.Errorf("%v was not killed at %s: %v: %s", args, point, err, out)
	}
	return string(out), nil
}

// operate runs a command of the operator.
func (o *office) operate(ctx context.Context, args ...string) (string, error) {
	out, err := o.command(ctx, args...).CombinedOutput()
	return string(out), err
}

// worked is an office with a past: it has served, was stopped and is settled.
func worked(t *testing.T, dir string) *office {
	t.Helper()
	o, err := newOffice(dir, faultyProgram, sources)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.work(t.Context()); err != nil {
		t.Fatal(err)
	}
	return o
}

// work loads the office for a while, lets it settle and checks.
func (o *office) work(ctx context.Context) error {
	p, err := o.start(nil)
	if err != nil {
		return err
	}
	defer p.kill()
	if err := o.ready(p, true); err != nil {
		return err
	}
	before := o.load.Issued.Load()
	loading, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	go func() {
		began := time.Now()
		for loading.Err() == nil && (o.load.Issued.Load() < before+5 || time.Since(began) < time.Second) {
			pause(loading, 20*time.Millisecond)
		}
		cancel()
	}()
	if err := o.load.run(loading); err != nil {
		return o.judge(ctx, err)
	}
	if o.load.Issued.Load() == before {
		return fmt.Errorf("nothing was issued: %s", p.said())
	}
	if err := p.stop(); err != nil {
		return err
	}
	if err := o.settle(); err != nil {
		return o.judge(ctx, err)
	}
	return o.check(ctx, true)
}

// archiver makes archives of one office.
type archiver struct {
	office              *office
	recipient, identity string // age public key; file with the secret one
}

func newArchiver(t *testing.T, o *office) *archiver {
	t.Helper()
	id, err := backup.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	a := &archiver{office: o, recipient: id.Recipient().String(), identity: filepath.Join(o.dir, "age.key")}
	if err := os.WriteFile(a.identity, []byte(id.Secret()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *archiver) write(file string) []string {
	return []string{"backup", "--keys", "--recipient", a.recipient, "-o", file}
}

// restore is the command that makes the office again from an archive, with the
// lists as they were published by the one that was lost.
func (a *archiver) restore(file, lost string) []string {
	return []string{"restore", "--identity", a.identity, "--published", filepath.Join(lost, a.office.cfg.Status.Directory), file}
}

// lose moves the state folder away. What remains is what lies elsewhere: the
// file of checkpoints.
func (o *office) lose(to string) error {
	if err := os.Rename(o.cfg.StateDir, to); err != nil {
		return err
	}
	return o.begin(to)
}

// begin makes the state folder of a machine on which nothing was restored yet.
func (o *office) begin(lost string) error {
	if err := os.RemoveAll(o.cfg.StateDir); err != nil {
		return err
	}
	if err := os.Mkdir(o.cfg.StateDir, 0o700); err != nil {
		return err
	}
	for _, name := range o.cfg.Audit.Checkpoints {
		data, err := os.ReadFile(filepath.Join(lost, name))
		if err == nil {
			err = os.WriteFile(o.cfg.Path(name), data, 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// databaseName is that in a state folder.
const databaseName = "issuer.db"

// comesToItsEnd does what the program says after a restore was killed. As long
// as what is there is of two times nobody serves from it, and the same command
// makes it whole; after that only the declaration is missing.
func (a *archiver) comesToItsEnd(ctx context.Context, archive, lost string) error {
	o := a.office
	if o.whole() {
		if out, err := o.operate(ctx, "audit", "declare-restore"); err != nil {
			return fmt.Errorf("declaring the restore: %w: %s", err, out)
		}
		return nil
	}
	if err := o.refusesToServe(); err != nil {
		return err
	}
	if out, err := o.operate(ctx, a.restore(archive, lost)...); err != nil {
		return fmt.Errorf("restoring again: %w: %s", err, out)
	}
	if !o.whole() {
		return errors.New("a restore that went well left its mark")
	}
	return nil
}

// whole says whether a restore put everything in its place: the database is
// there, and the mark of a restore that is at work is gone.
func (o *office) whole() bool {
	_, err := os.Lstat(o.cfg.Path(databaseName))
	unfinished, markErr := backup.Unfinished(o.cfg.StateDir)
	return err == nil && markErr == nil && !unfinished
}

// refusesToServe starts serve on what a restore left half done: it must end by
// itself and not touch it.
func (o *office) refusesToServe() error {
	p, err := o.start(nil)
	if err != nil {
		return err
	}
	defer p.kill()
	select {
	case <-p.ended:
	case <-time.After(readyWithin):
		return fmt.Errorf("it serves from half a restore: %s", p.said())
	}
	if p.cmd.ProcessState.Success() {
		return fmt.Errorf("it ended well over half a restore: %s", p.said())
	}
	return nil
}

// TestBackupKilled kills `issuer backup`, and the office that it asks, while an
// archive is written: no file has its name then. Written again it is whole.
func TestBackupKilled(t *testing.T) {
	o := worked(t, t.TempDir())
	a := newArchiver(t, o)
	archive := filepath.Join(o.dir, "office.age")
	absent := func(what string) {
		t.Helper()
		if _, err := os.Lstat(archive); !os.IsNotExist(err) {
			t.Fatalf("%s: there is an archive: %v", what, err)
		}
	}
	for _, k := range []struct {
		point string
		nth   int
	}{{"backup.part-written", 1}, {"backup.part-written", 4}, {"backup.signed", 1}} {
		if _, err := o.killedAt(t.Context(), k.point, k.nth, a.write(archive)...); err != nil {
			t.Fatal(err)
		}
		absent(k.point)
		p, err := o.start([]string{fmt.Sprintf("VIDIMUS_FAULT=%s:kill:%d", k.point, k.nth)})
		if err != nil {
			t.Fatal(err)
		}
		if err := o.ready(p, true); err != nil {
			t.Fatal(err)
		}
		if out, err := o.operate(t.Context(), a.write(archive)...); err == nil {
			t.Fatalf("%s in the office: the backup is said to be good: %s", k.point, out)
		}
		select {
		case <-p.ended:
		case <-time.After(readyWithin):
			p.kill()
			t.Fatalf("%s was not reached in the office: %s", k.point, p.said())
		}
		absent(k.point + " in the office")
	}
	if out, err := o.operate(t.Context(), a.write(archive)...); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	lost := o.cfg.StateDir + ".lost"
	if err := o.lose(lost); err != nil {
		t.Fatal(err)
	}
	if out, err := o.operate(t.Context(), a.restore(archive, lost)...); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := o.goesOn(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// goesOn lets a restored office work, and holds it against all that was known
// before.
func (o *office) goesOn(ctx context.Context) error {
	if err := o.check(ctx, false); err != nil {
		return fmt.Errorf("before its first start: %w", err)
	}
	if err := o.load.open(&o.cfg); err != nil {
		return err
	}
	return o.work(ctx)
}

// TestRestoreKilled kills `issuer restore` at every step, on a machine that has
// nothing but the archive, the published lists and the checkpoints. What is
// left is not served from as long as it is of two times, and the restore comes
// to its end when it is run again: nothing is lost, and nothing given twice.
func TestRestoreKilled(t *testing.T) {
	o := worked(t, t.TempDir())
	a := newArchiver(t, o)
	archive, lost := filepath.Join(o.dir, "office.age"), o.cfg.StateDir+".lost"
	if out, err := o.operate(t.Context(), a.write(archive)...); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := o.lose(lost); err != nil {
		t.Fatal(err)
	}
	memory := o.memory
	for _, k := range []struct {
		point string
		nth   int
	}{
		{"backup.unpacked", 1}, {"issuer.database-reopened", 1}, {"backup.install-begun", 1}, {"backup.file-installed", 1},
		{"backup.file-installed", 2}, {"backup.file-installed", 7}, {"issuer.secrets-renewed", 1}, {"backup.installed", 1},
	} {
		if err := o.begin(lost); err != nil {
			t.Fatal(err)
		}
		o.memory = memory // what the restore before this one did was never public
		if _, err := o.killedAt(t.Context(), k.point, k.nth, a.restore(archive, lost)...); err != nil {
			t.Fatal(err)
		}
		if err := a.comesToItsEnd(t.Context(), archive, lost); err != nil {
			t.Fatalf("%s, hit %d: %v", k.point, k.nth, err)
		}
		if err := o.tidy(); err != nil {
			t.Fatalf("%s, hit %d: %v", k.point, k.nth, err)
		}
		if err := o.check(t.Context(), false); err != nil {
			t.Fatalf("%s, hit %d: %v", k.point, k.nth, err)
		}
	}
	o.memory = memory
	if err := o.goesOn(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestDatabaseRestoreKilled is the same for an old database in the place of an
// archive, beside keys and certificates that were not lost.
func TestDatabaseRestoreKilled(t *testing.T) {
	o := worked(t, t.TempDir())
	db, old := o.cfg.Path(databaseName), filepath.Join(o.dir, "old.db")
	if err := os.Rename(db, old); err != nil {
		t.Fatal(err)
	}
	restore := []string{"restore", "--database", old, "--published", o.cfg.Path(o.cfg.Status.Directory)}
	if _, err := o.killedAt(t.Context(), "issuer.database-reopened", 1, restore...); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(db); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a database is in place: %v", err)
	}
	if err := o.refusesToServe(); err != nil {
		t.Fatal(err)
	}
	if out, err := o.operate(t.Context(), restore...); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := o.goesOn(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// tidy says whether a restore left something behind that is not encrypted and
// that nobody looks for.
func (o *office) tidy() error {
	return filepath.WalkDir(o.cfg.StateDir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(d.Name(), ".restore-") {
			err = fmt.Errorf("%s is left", path)
		}
		return err
	})
}
