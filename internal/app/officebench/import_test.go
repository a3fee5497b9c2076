package officebench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/bulk"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/portrait"
	"vidimus/internal/store/bolt"
)

// report is what a loading process tells after each block.
type report struct {
	issuer.ImportStep
	Took   time.Duration
	CPU    time.Duration
	RSS    int
	Peak   int
	Octets int64 // of the database, in MiB
	Failed string
}

// importFile is the child: it loads the file as `issuer registry import` does
// when no office runs.
func importFile(state string, r issuerhttp.FileRequest) error {
	ctx := context.Background()
	cfg, err := issuer.LoadConfig(filepath.Join(state, "config.yaml"), true)
	if err != nil {
		return err
	}
	began := time.Now()
	desk, err := issuer.OpenOffice(ctx, &cfg, issuer.Options{})
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	err = desk.Lines(ctx, http.MethodPost, issuerhttp.ImportPath, r, func(line []byte) error {
		now := report{Took: time.Since(began), CPU: cpu(), Octets: megabytes(cfg.Path("issuer.db"))}
		now.RSS, now.Peak = memory()
		if err := json.Unmarshal(line, &now.ImportStep); err != nil {
			return err
		}
		return out.Encode(now)
	})
	if err != nil {
		return err
	}
	return desk.Close()
}

// people writes a file of n lines with its manifest, and the pictures that they
// name.
func people(t *testing.T, o *office, n, portraits, blockLines int) issuerhttp.FileRequest {
	t.Helper()
	r := issuerhttp.FileRequest{Source: o.sources[0].name, File: filepath.Join(o.dir, "people.jsonl"), Manifest: filepath.Join(o.dir, "people.jws")}
	g := bulk.Generator{Random: mathrand.NewChaCha8([32]byte{1})}
	if portraits > 0 {
		r.Images = o.dir
		images, err := bulk.OpenFolder(o.dir)
		o.must(err)
		defer images.Close()
		for i := range portraits {
			face, err := portrait.Draw(i)
			o.must(err)
			digest, err := images.Put(face)
			o.must(err)
			g.Portraits = append(g.Portraits, digest)
		}
	}
	file, err := os.Create(r.File)
	o.must(err)
	to := bufio.NewWriterSize(file, 1<<20)
	w := bulk.NewWriter(to, blockLines)
	o.must(g.Generate(w, 0, n))
	o.must(to.Flush())
	o.must(file.Close())
	m := bulk.Manifest{Source: r.Source, Audience: o.cfg.PublicURL, ID: "load-1", Issued: time.Now(), Blocks: w.Blocks()}
	token, err := m.Sign(o.sources[0].key, o.sources[0].kid, rand.Reader)
	o.must(err)
	o.must(os.WriteFile(r.Manifest, []byte(token), 0o600))
	return r
}

// loading is a child that loads; kill ends it when so many lines are loaded.
func (o *office) loading(r issuerhttp.FileRequest, kill int, each func(report)) (last report, err error) {
	arg, err := json.Marshal(r)
	o.must(err)
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), childVariable+"=import", "CHILD_STATE="+o.cfg.StateDir, "CHILD_ARGUMENT="+string(arg))
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	o.must(err)
	o.must(cmd.Start())
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var now report
		o.must(json.Unmarshal(lines.Bytes(), &now))
		last = now
		each(now)
		if kill > 0 && now.Lines >= kill {
			o.must(cmd.Process.Kill())
			break
		}
	}
	if err := cmd.Wait(); err != nil && kill == 0 {
		return last, fmt.Errorf("%w: %s", err, said.Bytes())
	}
	return last, nil
}

// TestImport loads a whole registry from one signed file into a fresh office,
// and is killed in the middle of it.
func TestImport(t *testing.T) {
	n := size(t, "OFFICEBENCH_RECORDS", 1_400_000, 1_200)
	blockLines := 0
	if n < 20_000 {
		blockLines = n / 12
	}
	o := newOffice(t, false)
	began := time.Now()
	r := people(t, o, n, size(t, "OFFICEBENCH_PORTRAITS", 1, 2)-1, blockLines)
	t.Logf("%d lines of %d octets, %d MiB, written in %v", n, int(megabytes(r.File)<<20)/n, megabytes(r.File), time.Since(began).Round(time.Second))
	one := newFloor(t).slice(500, 3000)

	var before report // of the last tenth
	mark := n / 10
	tell := func(now report) {
		if now.Lines < mark || now.Done {
			return
		}
		mark += n / 10
		lines := max(1, now.Lines-before.Lines)
		t.Logf("%8d lines, %6.0f records/s, %4.0f us cpu/record, database %5d MiB, RSS %4d MiB, load %s", now.Lines,
			float64(lines)/(now.Took-before.Took).Seconds(), float64((now.CPU-before.CPU).Microseconds())/float64(lines), now.Octets, now.RSS, load())
		before = now
	}
	first, err := o.loading(r, n/2, tell)
	if err != nil || first.Lines < n/2 || first.Lines == n {
		t.Fatalf("%+v, %v", first, err)
	}
	t.Logf("killed at %d lines", first.Lines)
	resumed := report{}
	before = report{}
	second, err := o.loading(r, 0, func(now report) {
		if resumed.Lines == 0 {
			resumed = now
			before.Lines = first.Lines
		}
		tell(now)
	})
	if err != nil || !second.Done || second.Applied != n || second.Known != 0 || second.Refused != 0 {
		t.Fatalf("%+v, %v", second, err)
	}
	if resumed.Lines <= first.Lines {
		t.Errorf("it began again at %d lines, %d were loaded", resumed.Lines, first.Lines)
	}
	took, used := first.Took+second.Took, first.CPU+second.CPU
	t.Logf("%d records in %v: %.0f/s, %.0f us cpu/record (a P-256 verification with its SHA-256: %d us), database %d MiB, peak RSS %d MiB, resumed within %v, load %s",
		n, took.Round(time.Second), float64(n)/took.Seconds(), float64(used.Microseconds())/float64(n), one.Microseconds(),
		second.Octets, max(first.Peak, second.Peak), resumed.Took.Round(time.Millisecond), load())
	promise(t, took <= 15*time.Minute*time.Duration(n)/1_400_000, "1.4 million records in 15 minutes: %v for %d", took.Round(time.Second), n)

	store, err := bolt.Open(o.cfg.Path("issuer.db"), bolt.Options{PublicURL: o.cfg.PublicURL, Rand: rand.Reader, Dev: true})
	o.must(err)
	defer store.Close()
	for _, i := range []int{0, n / 2, n - 1} {
		person := fmt.Sprintf("P-%09d", i)
		subject, err := store.Subject(t.Context(), person)
		if err != nil || subject.Version != 1 || len(subject.Documents) != 2 {
			t.Errorf("%s: %d documents, version %d, %v", person, len(subject.Documents), subject.Version, err)
		}
	}
}
