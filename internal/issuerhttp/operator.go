package issuerhttp

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"vidimus/internal/problem"
	"vidimus/internal/webserver"
)

// Paths of what an operator does, on the office's listener.
const (
	RecordsPath   = "/office/v1/records"
	HistoryPath   = "/office/v1/history"
	ListsPath     = "/office/v1/lists"
	DoctorPath    = "/office/v1/doctor"
	BackupPath    = "/office/v1/backup"
	AuditPath     = "/office/v1/audit"
	ProofPath     = "/office/v1/audit/proof"
	ImportPath    = "/office/v1/import"
	ReconcilePath = "/office/v1/reconcile"
	LinksPath     = "/office/v1/officers/links"
	PublishPath   = "/office/v1/publish"
	// RevocationsPath takes notes of certificates that are about to be revoked.
	RevocationsPath = "/office/v1/revocations"
)

// Revocation says which certificates somebody is about to revoke.
type Revocation struct {
	List    string   `json:"list,omitempty"` // "" is that of the IACA
	Serials []string `json:"serials"`        // hexadecimal
	// Unknown says that the office knows none of them.
	Unknown bool `json:"unknown,omitempty"`
}

// LookUp asks for the record of a person, by number or by a document's.
type LookUp struct {
	Person   string
	Document string
	// Purpose and Reference are written into the audit record before anything
	// is answered.
	Purpose, Reference string
	Actor              string
}

// BackupRequest says for whom an archive is encrypted.
type BackupRequest struct {
	Recipients []string `json:"recipients"` // age1...
	// Keys puts soft keys and secrets into it as well.
	Keys bool `json:"keys"`
}

// FileRequest names files on the machine of the office.
type FileRequest struct {
	Source   string `json:"source"` // registry that signed the manifest
	File     string `json:"file"`
	Manifest string `json:"manifest"`
	Images   string `json:"images"` // folder, or ""
	// Findings is where a comparison writes what it found.
	Findings string `json:"findings,omitempty"`
	// KeepGoing loads what is good of a file and names the lines that are not.
	KeepGoing bool `json:"keep_going,omitempty"`
}

// Operator is what an operator does with a running office. Answers are encoded
// as they are. A writer gets lines of JSON, or the octets of an archive; what
// fails after the first of them ends the connection.
type Operator interface {
	Record(ctx context.Context, l LookUp) (any, error)
	History(ctx context.Context, l LookUp) (any, error)
	Lists(ctx context.Context) (any, error)
	// Doctor looks at everything; full reads the whole database too.
	Doctor(ctx context.Context, full bool) (any, error)
	Backup(ctx context.Context, r BackupRequest, w io.Writer) error
	Audit(ctx context.Context, w io.Writer) error
	// Prove proves that a line is in the record: line seq, or, when that is 0,
	// the last one about a registry event.
	Prove(ctx context.Context, seq uint64, source, jti string) (any, error)
	Import(ctx context.Context, r FileRequest, w io.Writer) error
	Reconcile(ctx context.Context, r FileRequest, w io.Writer) error
	// Publish writes the lists as they are served into a folder of this
	// machine.
	Publish(ctx context.Context, directory string) (any, error)
	// NoteRevocation writes into the audit record what is about to be revoked.
	NoteRevocation(ctx context.Context, r Revocation, actor string) error
	// Link makes a login link for an officer.
	Link(ctx context.Context, officer string) (any, error)
}

// operate puts the operator's endpoints on the office's engine.
func (cfg OfficeConfig) operate(e *webserver.Engine) {
	read := func(path string, answer func(*gin.Context, string) (any, error)) {
		e.Handle(webserver.Route{Method: http.MethodGet, Path: path, SameOrigin: true, Handler: func(c *gin.Context) error {
			actor, err := cfg.Actor(c.Request)
			if err != nil {
				return err
			}
			a, err := answer(c, actor)
			if err != nil {
				return err
			}
			ok(c, a)
			return nil
		}})
	}
	lookUp := func(c *gin.Context, actor string) LookUp {
		return LookUp{
			Person: c.Query("person"), Document: c.Query("document"), Purpose: c.Query("purpose"), Reference: c.Query("reference"), Actor: actor,
		}
	}
	o := cfg.Operator
	read(RecordsPath, func(c *gin.Context, actor string) (any, error) {
		return o.Record(c.Request.Context(), lookUp(c, actor))
	})
	read(HistoryPath, func(c *gin.Context, actor string) (any, error) {
		return o.History(c.Request.Context(), lookUp(c, actor))
	})
	read(ListsPath, func(c *gin.Context, _ string) (any, error) { return o.Lists(c.Request.Context()) })
	read(DoctorPath, func(c *gin.Context, _ string) (any, error) {
		full := c.Query("full") == "true"
		if full {
			late := time.Now().Add(fullPatience)
			if err := http.NewResponseController(c.Writer).SetWriteDeadline(late); err != nil && !errors.Is(err, http.ErrNotSupported) {
				return nil, err
			}
		}
		return o.Doctor(c.Request.Context(), full)
	})
	read(ProofPath, func(c *gin.Context, _ string) (any, error) {
		seq, err := strconv.ParseUint(c.DefaultQuery("seq", "0"), 10, 63)
		if err != nil {
			return nil, problem.New(problem.InvalidRequest, "seq is not a number")
		}
		return o.Prove(c.Request.Context(), seq, c.Query("source"), c.Query("event"))
	})
	e.Handle(webserver.Route{Method: http.MethodGet, Path: AuditPath, SameOrigin: true, Handler: func(c *gin.Context) error {
		if _, err := cfg.Actor(c.Request); err != nil {
			return err
		}
		return stream(c, "application/jsonl", o.Audit)
	}})
	operation(cfg, e, BackupPath, func(c *gin.Context, in BackupRequest) error {
		return stream(c, "application/octet-stream", func(ctx context.Context, w io.Writer) error { return o.Backup(ctx, in, w) })
	})
	for path, do := range map[string]func(context.Context, FileRequest, io.Writer) error{ImportPath: o.Import, ReconcilePath: o.Reconcile} {
		operation(cfg, e, path, func(c *gin.Context, in FileRequest) error {
			return stream(c, "application/jsonl", func(ctx context.Context, w io.Writer) error { return do(ctx, in, w) })
		})
	}
	operation(cfg, e, LinksPath, func(c *gin.Context, in struct {
		Officer string `json:"officer"`
	}) error {
		link, err := o.Link(c.Request.Context(), in.Officer)
		if err == nil {
			ok(c, link)
		}
		return err
	})
	operation(cfg, e, PublishPath, func(c *gin.Context, in struct {
		Directory string `json:"directory"`
	}) error {
		done, err := o.Publish(c.Request.Context(), in.Directory)
		if err == nil {
			ok(c, done)
		}
		return err
	})
	readerDeed(cfg, e, RevocationsPath, func(ctx context.Context, r Revocation, actor string) (struct{}, error) {
		return struct{}{}, o.NoteRevocation(ctx, r, actor)
	})
}

// operation puts one thing to do on the engine, with its request in JSON.
func operation[R any](cfg OfficeConfig, e *webserver.Engine, path string, do func(*gin.Context, R) error) {
	e.Handle(webserver.Route{Method: http.MethodPost, Path: path, Body: officeBody, SameOrigin: true, Handler: func(c *gin.Context) error {
		var in R
		if _, err := cfg.read(c, &in); err != nil {
			return err
		}
		return do(c, in)
	}})
}

// Failure is the last line of a stream of JSON lines that did not end well.
type Failure struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// stream lets do write for as long as it takes. An error before the first
// octet is an ordinary refusal; one after it is the last line of JSON lines,
// and cuts off everything else.
func stream(c *gin.Context, mediaType string, do func(context.Context, io.Writer) error) error {
	w := &streaming{c: c, mediaType: mediaType, deadline: http.NewResponseController(c.Writer)}
	err := do(c.Request.Context(), w)
	switch {
	case err == nil && !w.begun:
		_, err = w.Write(nil)
		return err
	case err == nil || !w.begun:
		return err
	case mediaType != "application/jsonl":
		_ = c.Error(err)
		panic(http.ErrAbortHandler)
	}
	kind := problem.KindOf(err)
	line, jsonErr := json.Marshal(Failure{Error: string(kind), Description: problem.Detail(err)})
	_, writeErr := w.Write(append(line, '\n'))
	return errors.Join(jsonErr, writeErr)
}

// fullPatience is how long reading a whole database may take: a second for
// 300 MB on a quiet machine.
const fullPatience = 30 * time.Minute

// streamPatience is how long one write of a stream may take.
const streamPatience = time.Minute

type streaming struct {
	c         *gin.Context
	mediaType string
	deadline  *http.ResponseController
	begun     bool
}

func (s *streaming) Write(p []byte) (int, error) {
	// A handler that runs in this process without a connection has no deadline.
	if err := s.deadline.SetWriteDeadline(time.Now().Add(streamPatience)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	if !s.begun {
		s.begun = true
		s.c.Header("Content-Type", s.mediaType)
		s.c.Status(http.StatusOK)
	}
	n, err := s.c.Writer.Write(p)
	if err == nil && s.mediaType == "application/jsonl" {
		s.c.Writer.Flush()
	}
	return n, err
}
