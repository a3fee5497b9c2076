package issuer

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"vidimus/internal/issuerhttp"
	"vidimus/internal/jose"
)

// Read gets one of the office's answers as JSON.
func (d *Desk) Read(ctx context.Context, path string, query url.Values, into any) error {
	return d.do(ctx, http.MethodGet, path+"?"+query.Encode(), nil, into)
}

// Link asks for a login link of an officer.
func (d *Desk) Link(ctx context.Context, officer string) (*LoginLink, error) {
	var l LoginLink
	return &l, d.do(ctx, http.MethodPost, issuerhttp.LinksPath, map[string]string{"officer": officer}, &l)
}

// Publish has the lists written into a folder of the office's machine.
func (d *Desk) Publish(ctx context.Context, folder string) (*PublishedFiles, error) {
	var done PublishedFiles
	return &done, d.do(ctx, http.MethodPost, issuerhttp.PublishPath, map[string]string{"directory": folder}, &done)
}

// Backup writes an archive of the office.
func (d *Desk) Backup(ctx context.Context, r issuerhttp.BackupRequest, w io.Writer) (int64, error) {
	res, err := d.send(ctx, http.MethodPost, issuerhttp.BackupPath, r)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	n, err := io.Copy(w, res.Body)
	if err != nil {
		return n, fmt.Errorf("the office broke off after %d octets, its log says why: %w", n, err)
	}
	return n, nil
}

// Audit writes the audit record.
func (d *Desk) Audit(ctx context.Context, w io.Writer) error {
	return d.Lines(ctx, http.MethodGet, issuerhttp.AuditPath, nil, func(line []byte) error {
		_, err := w.Write(append(line, '\n'))
		return err
	})
}

// Prove asks for the proof of a line of the audit record.
func (d *Desk) Prove(ctx context.Context, seq uint64, source, event string, into any) error {
	return d.Read(ctx, issuerhttp.ProofPath, url.Values{"seq": {strconv.FormatUint(seq, 10)}, "source": {source}, "event": {event}}, into)
}

// maxStreamLine bounds one line of JSON lines.
const maxStreamLine = 1 << 20

// Lines calls each for every line of an answer in JSON lines. A last line that
// is a refusal is an error.
func (d *Desk) Lines(ctx context.Context, method, path string, body any, each func(line []byte) error) error {
	res, err := d.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	in := bufio.NewScanner(res.Body)
	in.Buffer(make([]byte, 0, 64<<10), maxStreamLine)
	for in.Scan() {
		var refusal issuerhttp.Failure
		if members, err := jose.Members(in.Bytes()); err == nil && members["error"] != nil && json.Unmarshal(in.Bytes(), &refusal) == nil {
			return fmt.Errorf("the office refuses: %s: %s", refusal.Error, refusal.Description)
		}
		if err := each(in.Bytes()); err != nil {
			return err
		}
	}
	if err := in.Err(); err != nil {
		return fmt.Errorf("the office broke off, its log says why: %w", err)
	}
	return nil
}
