package demo

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"vidimus/internal/verification"
)

// Options are what whoever runs the demo decides.
type Options struct {
	Out io.Writer // the story
	Log io.Writer // what the office logs: errors, with Verbose everything

	// Dir is a new or empty folder for all that is made; it stays. Without it
	// that is a temporary folder, which stays only with Keep.
	Dir string
	// Keep leaves the office up, with a page to try by hand, until the context
	// ends.
	Keep bool

	Colours bool // the output is a terminal
	NoQR    bool
	// Verbose shows every check, the wallet's steps and the office's log.
	Verbose bool

	// Ready is told the address of the page, once it is served. It may be nil.
	Ready func(page string)

	// verdict is told of every report; for tests.
	verdict func(of string, r *verification.Report)
}

func (o *Options) fill() {
	if o.Out == nil {
		o.Out = io.Discard
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	if o.Ready == nil {
		o.Ready = func(string) {}
	}
	if o.verdict == nil {
		o.verdict = func(string, *verification.Report) {}
	}
}

func (o *Options) logger() *slog.Logger {
	level := slog.LevelError
	if o.Verbose {
		level = slog.LevelInfo
	}
	return slog.New(slog.NewTextHandler(o.Log, &slog.HandlerOptions{Level: level}))
}

// folder makes the folder of the demo. passing says that it goes at the end.
func (o *Options) folder() (dir string, passing bool, err error) {
	if o.Dir == "" {
		dir, err = os.MkdirTemp("", "vidimus-demo-")
		if err != nil {
			return "", false, fmt.Errorf("making a temporary folder: %w", err)
		}
		return dir, !o.Keep, nil
	}
	if dir, err = filepath.Abs(o.Dir); err != nil {
		return "", false, err
	}
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = os.MkdirAll(dir, 0o700)
	case err == nil && len(entries) > 0:
		err = fmt.Errorf("the folder %s is not empty: every run needs a new one", dir)
	}
	return dir, false, err
}
