package bulk

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"

	"vidimus/internal/audit"
	"vidimus/internal/clock"
	"vidimus/internal/document"
	"vidimus/internal/faults"
)

// Importer loads one file.
type Importer struct {
	Store    Store
	Table    document.Table
	Source   Source
	Manifest Manifest // from ReadManifest
	File     io.Reader
	// Images is the folder of the pictures that lines name by their digest; nil
	// when they name none.
	Images Images
	Clock  clock.Clock

	// Refused, when not nil, is told of each bad line, in order, before the
	// block is applied without it. Its error stops the load. A load that was
	// interrupted may tell of the lines of one block twice. When nil, the first
	// bad line stops the load before its block.
	Refused func(*LineError) error
	// Progress, when not nil, is told after each block.
	Progress func(Progress)
}

// Progress is how far a load came.
type Progress struct {
	Blocks, BlocksTotal int
	Lines, LinesTotal   int
	// Applied and Known are those of Import; Refused counts bad lines of this
	// run.
	Applied, Known, Refused int
}

// Run loads what is not loaded yet, block by block. Every block that it has
// reported is durable; called again with the same file it goes on behind the
// last one. Refusals: a *LineError, ErrFile, ErrOtherImport.
func (im *Importer) Run(ctx context.Context) (Import, error) {
	state, err := im.Store.BeginImport(ctx, Import{
		Source: im.Manifest.Source, ID: im.Manifest.ID, Digest: im.Manifest.Digest, Begun: im.Clock.Now(),
	})
	if err != nil {
		return state, err
	}
	faults.Point("bulk.begun")
	blocks := im.Manifest.Blocks
	if state.Blocks >= len(blocks) {
		return state, im.same()
	}
	if err := skipBlocks(im.File, blocks, state.Blocks); err != nil {
		return state, err
	}
	progress := Progress{BlocksTotal: len(blocks), LinesTotal: im.Manifest.Count(), Blocks: state.Blocks, Applied: state.Applied, Known: state.Known}
	for _, b := range blocks[:state.Blocks] {
		progress.Lines += b.Lines
	}
	err = im.stream().each(ctx, state.Blocks, func(w *work) error {
		for _, r := range w.refused {
			if im.Refused == nil {
				return r
			}
			if err := im.Refused(r); err != nil {
				return fmt.Errorf("telling of line %d: %w", r.Line, err)
			}
		}
		state, err = im.Store.ImportBlock(ctx, state, w.block, w.block == len(blocks)-1, w.subjects(), im.entry(w))
		if err != nil {
			return fmt.Errorf("applying block %d: %w", w.block, err)
		}
		faults.Point("bulk.block-applied")
		progress.Blocks, progress.Applied, progress.Known = state.Blocks, state.Applied, state.Known
		progress.Lines += len(w.lines)
		progress.Refused += len(w.refused)
		if im.Progress != nil {
			im.Progress(progress)
		}
		return nil
	})
	return state, err
}

// same refuses a file that is not that of the manifest, of which everything is
// loaded already: who names another one by mistake must not read that it is.
func (im *Importer) same() error {
	for i := range im.Manifest.Blocks {
		if _, err := readBlock(im.File, im.Manifest.Blocks, i); err != nil {
			return err
		}
	}
	return nil
}

// Check reads the whole file as Run does and changes nothing. It tells Refused
// of every bad line; the count of them is in the Progress that it gives.
func (im *Importer) Check(ctx context.Context) (Progress, error) {
	progress := Progress{BlocksTotal: len(im.Manifest.Blocks), LinesTotal: im.Manifest.Count()}
	err := im.stream().each(ctx, 0, func(w *work) error {
		for _, r := range w.refused {
			if im.Refused != nil {
				if err := im.Refused(r); err != nil {
					return err
				}
			}
		}
		progress.Blocks++
		progress.Lines += len(w.lines)
		progress.Refused += len(w.refused)
		if im.Progress != nil {
			im.Progress(progress)
		}
		return nil
	})
	return progress, err
}

func (im *Importer) stream() *stream {
	images := im.Images
	if images == nil {
		images = noImages{}
	}
	return &stream{manifest: im.Manifest, file: im.File, clock: im.Clock, parser: parser{
		table: im.Table, may: im.Source.May, images: images,
		id: document.EventID{Source: im.Manifest.Source, JTI: im.Manifest.ID},
	}}
}

// entry is the audit entry of a block.
func (im *Importer) entry(w *work) audit.Event {
	b := im.Manifest.Blocks[w.block]
	return audit.Event{
		Time: im.Clock.Now(), Action: "registry.import", Actor: im.Manifest.Source, Subject: hex.EncodeToString(im.Manifest.Digest[:]), Outcome: audit.Done,
		Detail: map[string]string{
			"event": im.Manifest.ID, "seq": strconv.Itoa(w.block), "digest": hex.EncodeToString(b.Digest[:]),
			"count": strconv.Itoa(len(w.parsed)),
		},
	}
}
