package issuer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"syscall"

	"vidimus/internal/bulk"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/problem"
	"vidimus/internal/statuslist"
)

// maxManifestFile bounds a manifest as a file.
const maxManifestFile = bulk.MaxManifest + 1<<10

// bulkSource is a registry whose files are read: the rights are those of its
// events.
func (a *App) bulkSource(name string) (bulk.Source, error) {
	for _, s := range a.sources {
		if s.Name == name || name == "" && len(a.sources) == 1 {
			return bulk.Source{Name: s.Name, Keys: s.Keys, May: s.May}, nil
		}
	}
	return bulk.Source{}, problem.New(problem.NotFound, "no such source: name one of the configuration with --source")
}

// opened is a signed file with its manifest and pictures.
type opened struct {
	source   bulk.Source
	manifest bulk.Manifest
	file     *os.File
	images   *bulk.Folder
}

func (o *opened) Close() {
	o.file.Close()
	if o.images != nil {
		o.images.Close()
	}
}

// pictures is nil, and not a nil folder, when there is none.
func (o *opened) pictures() bulk.Images {
	if o.images == nil {
		return nil
	}
	return o.images
}

func (a *App) openFile(r issuerhttp.FileRequest) (*opened, error) {
	source, err := a.bulkSource(r.Source)
	if err != nil {
		return nil, err
	}
	o := &opened{source: source}
	token, err := readLimited(r.Manifest, maxManifestFile)
	if err != nil {
		return nil, problem.Wrap(problem.InvalidRequest, err, "the manifest cannot be read: %s", fileTrouble(err))
	}
	o.manifest, err = bulk.ReadManifest(strings.TrimSpace(string(token)), source, a.cfg.PublicURL, a.opts.Clock.Now(), 0)
	if err != nil {
		return nil, err
	}
	if r.Images != "" {
		if o.images, err = bulk.OpenFolder(r.Images); err != nil {
			return nil, problem.Wrap(problem.InvalidRequest, err, "the folder of pictures cannot be opened: %s", fileTrouble(err))
		}
	}
	if o.file, err = openRegular(r.File); err != nil {
		return nil, problem.Wrap(problem.InvalidRequest, err, "the file cannot be opened: %s", fileTrouble(err))
	}
	return o, nil
}

// fileTrouble is what of a file error may be told: it is the operator's own
// path.
func fileTrouble(err error) string {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Path + ": " + p.Err.Error()
	}
	return err.Error()
}

// openRegular opens a file to be read; a fifo, a device or a folder, of which
// reading may never end, it refuses.
func openRegular(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &os.PathError{Op: "open", Path: name, Err: errors.New("not a regular file")}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func readLimited(name string, limit int64) ([]byte, error) {
	f, err := openRegular(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s is larger than %d bytes", name, limit)
	}
	return data, err
}

// lines writes JSON lines.
type lines struct{ w io.Writer }

func (l lines) put(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = l.w.Write(append(b, '\n'))
	return err
}

// ImportStep is one line of the answer to an import.
type ImportStep struct {
	Blocks      int    `json:"blocks"`
	BlocksTotal int    `json:"blocks_total"`
	Lines       int    `json:"lines"`
	LinesTotal  int    `json:"lines_total"`
	Applied     int    `json:"applied"`
	Known       int    `json:"known"`
	Refused     int    `json:"refused"`
	Line        int    `json:"line,omitempty"` // of the file, that was refused
	Detail      string `json:"detail,omitempty"`
	Done        bool   `json:"done,omitempty"`
}

// Import implements issuerhttp.Operator.
func (a *App) Import(ctx context.Context, r issuerhttp.FileRequest, w io.Writer) error {
	o, err := a.openFile(r)
	if err != nil {
		return err
	}
	defer o.Close()
	out := lines{w}
	var last ImportStep
	im := &bulk.Importer{
		Store: a.store, Table: a.effects, Source: o.source, Manifest: o.manifest, File: o.file, Images: o.pictures(), Clock: a.opts.Clock,
		Progress: func(p bulk.Progress) {
			last = ImportStep{
				Blocks: p.Blocks, BlocksTotal: p.BlocksTotal, Lines: p.Lines, LinesTotal: p.LinesTotal, Applied: p.Applied, Known: p.Known, Refused: p.Refused,
			}
			_ = out.put(last) // who no longer listens does not stop the load
		},
	}
	if r.KeepGoing {
		im.Refused = func(e *bulk.LineError) error { return out.put(ImportStep{Line: e.Line, Detail: e.Detail()}) }
	}
	// A load goes on when its terminal hangs up; run again it says how far it is.
	done, err := im.Run(context.WithoutCancel(ctx))
	var line *bulk.LineError
	switch {
	case errors.As(err, &line):
		return problem.Wrap(problem.InvalidRequest, err, "line %d: %s; the blocks before are loaded, correct the file and sign it anew, or load it with --keep-going", line.Line, line.Detail())
	case errors.Is(err, bulk.ErrStopped):
		return problem.Wrap(problem.AccessDenied, err, "%s", err)
	case errors.Is(err, bulk.ErrFile), errors.Is(err, bulk.ErrOtherImport):
		return problem.Wrap(problem.InvalidRequest, err, "%s", err)
	case err != nil:
		return problem.Wrap(problem.Unavailable, err, "the load stopped: run it again, it goes on where it was")
	}
	last.Applied, last.Known, last.Done = done.Applied, done.Known, true
	last.Blocks, last.BlocksTotal = done.Blocks, len(o.manifest.Blocks)
	return out.put(last)
}

// ReconcileStep is one line of the answer to a comparison; the last one has
// the signed result.
type ReconcileStep struct {
	Lines    int            `json:"lines"`
	Subjects int            `json:"subjects"`
	Counts   map[string]int `json:"counts,omitempty"`
	Clean    *bool          `json:"clean,omitempty"`
	Result   string         `json:"result,omitempty"` // the signed statement
	Findings string         `json:"findings,omitempty"`
}

// Reconcile implements issuerhttp.Operator.
func (a *App) Reconcile(ctx context.Context, r issuerhttp.FileRequest, w io.Writer) error {
	o, err := a.openFile(r)
	if err != nil {
		return err
	}
	defer o.Close()
	findings, err := os.OpenFile(r.Findings, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return problem.Wrap(problem.InvalidRequest, err, "the file for the findings cannot be made: %s", fileTrouble(err))
	}
	out := lines{w}
	rec := &bulk.Reconciler{
		Store: a.store, Recorded: a.store, Published: served{a}, Table: a.effects, Source: o.source, Manifest: o.manifest,
		File: o.file, Images: o.pictures(), Clock: a.opts.Clock, Leave: a.cfg.Status.Leave, Findings: findings,
		Progress: func(lines, subjects int) { _ = out.put(ReconcileStep{Lines: lines, Subjects: subjects}) },
	}
	result, err := rec.Run(ctx)
	if err = errors.Join(err, findings.Sync(), findings.Close()); err != nil {
		if errors.Is(err, bulk.ErrFile) {
			return problem.Wrap(problem.InvalidRequest, err, "%s", err)
		}
		return problem.Wrap(problem.Unavailable, err, "the comparison stopped: nothing is proven; run it again")
	}
	token, err := result.Sign(a.cfg.PublicURL, a.receipt.key, a.receipt.chain, a.opts.Clock.Now(), a.opts.Rand)
	if err != nil {
		return problem.Wrap(problem.Unavailable, err, "the result cannot be signed now")
	}
	digest := sha256.Sum256([]byte(token))
	clean := result.Clean()
	ev := a.event("registry.reconcile")
	ev.Detail = map[string]string{"source": o.source.Name, "digest": hex.EncodeToString(digest[:]), "count": fmt.Sprint(result.Findings)}
	if err := a.store.Append(ctx, ev); err != nil {
		return problem.Wrap(problem.Unavailable, err, "the comparison cannot be recorded")
	}
	counts := map[string]int{}
	for k, n := range result.Counts {
		counts[string(k)] = n
	}
	return out.put(ReconcileStep{Lines: result.Persons, Subjects: result.Subjects, Counts: counts, Clean: &clean, Result: token, Findings: r.Findings})
}

// served gives lists as anybody gets them from this office, verified.
type served struct{ app *App }

// List implements bulk.Published.
func (s served) List(ctx context.Context, uri string) (bulk.PublishedList, error) {
	id := path.Base(uri)
	if o, err := s.app.publisher.Token(ctx, id, statuslist.FormatJWT); err == nil {
		token, err := statuslist.ParseToken(o.Body)
		if err != nil {
			return nil, err
		}
		if err := s.app.signedStatus(token.Verify); err != nil {
			return nil, err
		}
		list, err := token.List()
		if err != nil {
			return nil, err
		}
		return bulk.StatusList(list, o.Version), nil
	}
	o, err := s.app.publisher.Identifiers(ctx, id)
	if err != nil {
		return nil, err
	}
	list, err := statuslist.ParseIdentifierList(o.Body)
	if err != nil {
		return nil, err
	}
	if err := s.app.signedStatus(list.Verify); err != nil {
		return nil, err
	}
	return bulk.IdentifierList(list.Identifiers(), o.Version), nil
}

var _ issuerhttp.Operator = (*App)(nil)
