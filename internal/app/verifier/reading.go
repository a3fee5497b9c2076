package verifier

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"vidimus/internal/clock"
	"vidimus/internal/mdoc"
	"vidimus/internal/policy"
	"vidimus/internal/proximity"
	"vidimus/internal/verification"
)

// Link reaches the holder of an engagement: Bluetooth, or a model of it. ctx is for
// reaching it alone; the transport carries one session and is closed by Read.
type Link func(ctx context.Context, e *proximity.Engagement) (proximity.Transport, error)

// ReadOptions is what one reading needs. Engagement, Link and Profile are
// required.
type ReadOptions struct {
	Engagement *proximity.Engagement
	Link       Link
	// Profile is what to ask. Its mdocs are asked for one after the other, in its
	// order, until the holder shows one: what comes first is what tells the least.
	Profile policy.Profile
	// Verify is what the reader knows: trust, lists, policy and its name. Read
	// fills in the instant, the session and the profile.
	Verify verification.Options
	// Reader signs the requests; nil asks without a name.
	Reader *mdoc.Reader
	// Connect and Answer bound how long Link may take, and the holder for each
	// answer; zero is DefaultConnect and DefaultAnswer.
	Connect, Answer time.Duration

	Clock clock.Clock // nil is the system's
	Rand  io.Reader   // nil is crypto/rand

	begin func() error // called when the session begins; an error keeps it from that
}

// Reading is the answer to one question, and the memory that holds it. Who has
// shown it calls Wipe.
type Reading struct {
	Report *verification.Report
	// Asked are the doctypes that were asked for, in order; the Report speaks of
	// the last one.
	Asked []string
	// Signed says that the requests bore the reader's name.
	Signed bool
	// Took is the time from the start to the verdict, Waited the part of it that
	// the holder took: connecting, consent and transfer.
	Took, Waited time.Duration
}

// ErrRead is in the chain of every error of Read: there is no verdict, and
// nothing was shown that counts.
var ErrRead = errors.New("nothing was read")

// Read asks a holder for the documents of a profile over one session (ISO/IEC
// 18013-5, 8 and 9.1.1) and verifies what it shows. progress is called for each
// step in its order, from this goroutine; nil is for nobody. Its steps hold no
// value of an element.
//
// An error is for a session that gave no answer: an engagement or a link that
// does not work, a holder that left, time that ran out. Whatever is wrong with an
// answer is in the Report. Nothing is stored, and session keys and what was
// decrypted are wiped before Read returns; what the Report holds goes with Wipe.
func Read(ctx context.Context, o ReadOptions, progress func(Step)) (*Reading, error) {
	r := &reading{ReadOptions: o, progress: progress}
	out, err := r.read(ctx)
	if err != nil {
		r.step(StepFailed, "%v", err)
		return nil, fmt.Errorf("%w: %w", ErrRead, err)
	}
	return out, nil
}

// reading is a Read under way.
type reading struct {
	ReadOptions
	progress func(Step)
	session  *proximity.Reader
	begun    bool // the session is established
	waited   time.Duration
}

func (r *reading) read(ctx context.Context) (*Reading, error) {
	if err := r.fill(); err != nil {
		return nil, err
	}
	started := r.Clock.Now()
	requests := r.documents()
	if len(requests) == 0 {
		return nil, fmt.Errorf("the profile %q asks for no document that a phone shows in person (%s)", r.Profile.ID, policy.FormatMDoc)
	}
	var err error
	if r.session, err = proximity.NewReader(r.Engagement, r.Rand); err != nil {
		return nil, err
	}
	defer r.session.Close()
	r.step(StepEngaged, "the code of the holder reads, version %s", r.Engagement.Version)
	transport, err := r.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer transport.Close()
	// However it ends, the holder's screen need not wait.
	defer func() { r.end(context.WithoutCancel(ctx), transport) }()

	out := &Reading{Signed: r.Reader != nil}
	for i, d := range requests {
		response, err := r.ask(ctx, transport, d)
		if err != nil {
			return nil, err
		}
		out.Asked = append(out.Asked, d.Type)
		if i+1 < len(requests) && !r.session.Ended() && nothingShown(response) {
			clear(response)
			r.step(StepNotShown, "no %s was shown", d.Type)
			continue
		}
		r.step(StepVerifying, "%d bytes came", len(response))
		out.Report = r.verify(response)
		clear(response)
		break
	}
	r.end(context.WithoutCancel(ctx), transport)
	out.Took, out.Waited = r.Clock.Now().Sub(started), r.waited
	r.step(StepDone, "%s", out.Report.Colour)
	return out, nil
}

func (r *reading) fill() error {
	if r.Engagement == nil || r.Link == nil {
		return errors.New("an engagement and a link are wanted")
	}
	if r.Clock == nil {
		r.Clock = clock.System{}
	}
	if r.Rand == nil {
		r.Rand = rand.Reader
	}
	if r.Connect == 0 {
		r.Connect = DefaultConnect
	}
	if r.Answer == 0 {
		r.Answer = DefaultAnswer
	}
	return nil
}

// documents are the parts of the profile that can be asked for in person.
func (r *reading) documents() (list []policy.DocumentRequest) {
	for _, d := range r.Profile.Documents {
		if d.Format == policy.FormatMDoc {
			list = append(list, d)
		}
	}
	return list
}

func (r *reading) connect(ctx context.Context) (proximity.Transport, error) {
	r.step(StepConnecting, "looking for the phone")
	ctx, cancel := context.WithTimeoutCause(ctx, r.Connect, fmt.Errorf("the phone was not reached within %s", r.Connect))
	defer cancel()
	began := r.Clock.Now()
	t, err := r.Link(ctx, r.Engagement)
	r.waited += r.Clock.Now().Sub(began)
	if err != nil {
		return nil, because(ctx, err) // a link says itself what it did
	}
	r.step(StepConnected, "connected")
	return t, nil
}

// because puts the reason of a context that ended in the place of "deadline
// exceeded", which tells a person nothing.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("%w (%v)", cause, err)
	}
	return err
}

// ask sends one request and gives what the answer decrypts to.
func (r *reading) ask(ctx context.Context, t proximity.Transport, d policy.DocumentRequest) ([]byte, error) {
	request, err := r.request(d)
	if err != nil {
		return nil, fmt.Errorf("making the request: %w", err)
	}
	message, err := r.seal(request)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, r.Answer, fmt.Errorf("no answer came within %s", r.Answer))
	defer cancel()
	began := r.Clock.Now()
	defer func() { r.waited += r.Clock.Now().Sub(began) }()
	if err := t.Send(ctx, message); err != nil {
		return nil, because(ctx, fmt.Errorf("sending the request: %w", err))
	}
	r.step(StepAsked, "asked for %d elements of %s; the holder decides", len(d.Elements), d.Type)
	answer, err := t.Recv(ctx)
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the holder left without an answer")
	}
	if err != nil {
		return nil, because(ctx, fmt.Errorf("waiting for the answer: %w", err))
	}
	response, status, err := r.session.OpenInPlace(answer)
	if err != nil {
		// The peer is told if it still listens; the reason is the error.
		_ = t.Send(ctx, proximity.StatusMessage(proximity.StatusFor(err)))
		return nil, fmt.Errorf("the answer does not open: %w", err)
	}
	if response == nil {
		return nil, &proximity.StatusError{Status: *status}
	}
	return response, nil
}

// seal encrypts a request, the first one with the reader's key beside it.
func (r *reading) seal(request []byte) ([]byte, error) {
	if r.begun {
		return r.session.Request(request)
	}
	if r.begin != nil {
		if err := r.begin(); err != nil {
			return nil, err
		}
	}
	r.begun = true
	return r.session.Establish(request)
}

// verify judges an answer over this session.
func (r *reading) verify(response []byte) *verification.Report {
	o := r.Verify
	o.Now, o.Profile = r.Clock.Now(), &r.Profile
	o.Transcript, o.ReaderKey = r.session.Transcript(), r.session.Key()
	return verification.DeviceResponse(response, o)
}

// end tells the holder that the session is over. One that has left has done its
// part (ISO/IEC 18013-5, 9.1.1.4).
func (r *reading) end(ctx context.Context, t proximity.Transport) {
	if !r.begun || r.session.Ended() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	_ = t.Send(ctx, r.session.Terminate())
}

// nothingShown reports a sound answer without a document. One that cannot be read
// is not asked again: it is the verdict.
func nothingShown(response []byte) bool {
	parsed, err := mdoc.ParseDeviceResponse(response)
	return err == nil && parsed.Status == mdoc.StatusOK && len(parsed.Documents) == 0
}
