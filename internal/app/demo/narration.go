package demo

import (
	"fmt"
	"io"
	"strings"
	"time"

	"vidimus/internal/clock"
	"vidimus/internal/qr"
)

// narration writes the story: one line for each step, with the time since the
// beginning, and between the lines what there is to see.
type narration struct {
	out     io.Writer
	colours bool
	qr      bool
	clock   clock.Clock
	began   time.Time
	number  int
}

func newNarration(o *Options, c clock.Clock) *narration {
	return &narration{out: o.Out, colours: o.Colours, qr: !o.NoQR, clock: c, began: c.Now()}
}

func (n *narration) elapsed() time.Duration { return n.clock.Now().Sub(n.began) }

// Actors of the story, and the colours of their names.
const (
	office   = "OFFICE"
	registry = "REGISTRY"
	holder   = "WALLET"
	police   = "READER"
	portal   = "PORTAL"
)

var hues = map[string]string{office: "34", registry: "35", holder: "36", police: "33", portal: "32"}

// step tells a step that is done: who did what, and where that is written.
func (n *narration) step(who, what, standard string) {
	fmt.Fprintf(n.out, "%2d  %5.2f s  %s  %s  %s\n", n.number, n.elapsed().Seconds(), n.paint(hues[who], fmt.Sprintf("%-8s", who)), what, n.paint("2", "["+standard+"]"))
}

// aside shows something that belongs to the last step.
func (n *narration) aside(text string) {
	for line := range strings.Lines(strings.TrimRight(text, "\n")) {
		fmt.Fprintf(n.out, "%s%s\n", margin, strings.TrimRight(line, "\n"))
	}
}

// margin puts asides below the texts of the steps.
const margin = "             "

// line writes text that is no step.
func (n *narration) line(format string, args ...any) { fmt.Fprintf(n.out, format+"\n", args...) }

// code shows a QR code. Without colours it is drawn in those of the paper.
func (n *narration) code(c *qr.Code) {
	if !n.qr {
		return
	}
	drawn := c.Terminal()
	if !n.colours {
		drawn = strings.NewReplacer("\x1b[30;107m", "", "\x1b[0m", "").Replace(drawn)
	}
	n.aside(drawn)
}

func (n *narration) paint(code, text string) string {
	if !n.colours {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
