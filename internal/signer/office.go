package signer

import (
	"encoding/json"
	"strings"
	"time"

	"vidimus/internal/jose"
)

// statement is what every token between the office and those who work with it says.
type statement struct {
	Issuer   string `json:"iss"`
	IssuedAt *int64 `json:"iat"`
}

// recent says that an instant is now: not in the future, and not longer ago than age.
func recent(what string, at *int64, age time.Duration, now instant) error {
	if at == nil {
		return badPolicy("%s: no iat", what)
	}
	if t := time.Unix(*at, 0); t.After(now.Add(skew)) || t.Before(now.Add(-age)) {
		return badPolicy("%s: iat is not now", what)
	}
	return nil
}

func (h *held) judgeStatement(what string, s statement, age time.Duration, now instant) error {
	if !h.Policy.Office.own(s.Issuer) {
		return badPolicy("%s: iss is not the office", what)
	}
	return recent(what, s.IssuedAt, age, now)
}

// readReceipt: to a registry, about an event that was accepted.
func (h *held) readReceipt(payload []byte, now instant) error {
	var w struct {
		statement
		Audience string          `json:"aud"`
		JTI      string          `json:"jti"`
		Event    string          `json:"event"`
		Accepted *int64          `json:"accepted_at"`
		State    string          `json:"state"`
		Version  *int64          `json:"version"`
		Copies   int64           `json:"copies"`
		Covered  int64           `json:"covered_at"`
		Lists    json.RawMessage `json:"lists"`
	}
	if err := closed(payload, &w); err != nil {
		return err
	}
	if w.Audience == "" || w.JTI == "" || w.Event == "" || w.State == "" || w.Accepted == nil || w.Version == nil {
		return badForm("receipt: a claim is missing")
	}
	if time.Unix(*w.Accepted, 0).After(now.Add(skew)) || time.Unix(w.Covered, 0).After(now.Add(skew)) {
		return badPolicy("receipt: of something to come")
	}
	return h.judgeStatement("receipt", w.statement, maxAge, now)
}

// readNotice: to the portal, about a change that concerns a person.
func (h *held) readNotice(payload []byte, now instant) error {
	var w struct {
		statement
		Audience string `json:"aud"`
		JTI      string `json:"jti"`
		Subject  string `json:"sub"`
		Created  *int64 `json:"created"`
		Fact     string `json:"fact"`
		Effect   string `json:"effect"`
		Since    *int64 `json:"since"`

		Document     string          `json:"document"`
		DocumentType string          `json:"document_type"`
		Measure      string          `json:"measure"`
		Authority    string          `json:"authority"`
		LegalBasis   string          `json:"legal_basis"`
		Texts        json.RawMessage `json:"texts"`
	}
	if err := closed(payload, &w); err != nil {
		return err
	}
	if w.Audience == "" || w.JTI == "" || w.Subject == "" || w.Fact == "" || w.Effect == "" || w.Created == nil || w.Since == nil {
		return badForm("notice: a claim is missing")
	}
	return h.judgeStatement("notice", w.statement, maxAge, now)
}

// readReconciliation: to a registry, what comparing it with the office has found.
func (h *held) readReconciliation(payload []byte, now instant) error {
	var w struct {
		statement
		Audience string          `json:"aud"`
		JTI      string          `json:"jti"`
		Begun    *int64          `json:"begun"`
		Dump     json.RawMessage `json:"dump"`
		Clean    *bool           `json:"clean"`
		Compared json.RawMessage `json:"compared"`
		Counts   json.RawMessage `json:"counts"`
		Findings json.RawMessage `json:"findings"`
		Lists    json.RawMessage `json:"lists"`
	}
	if err := closed(payload, &w); err != nil {
		return err
	}
	if w.Audience == "" || w.JTI == "" || w.Begun == nil || w.Clean == nil || w.Dump == nil || w.Compared == nil || w.Counts == nil || w.Findings == nil {
		return badForm("reconciliation: a claim is missing")
	}
	return h.judgeStatement("reconciliation", w.statement, maxAge, now)
}

// readBackup: the digests of a backup.
func (h *held) readBackup(payload []byte, now instant) error {
	var w struct {
		statement
		Manifest string `json:"manifest"`
		Files    []struct {
			Name   string `json:"name"`
			Size   int64  `json:"size"`
			SHA256 string `json:"sha256"`
		} `json:"files"`
	}
	if err := closed(payload, &w); err != nil {
		return err
	}
	if !hexDigest(w.Manifest) || len(w.Files) == 0 {
		return badForm("backup: no digest of the manifest, or no files")
	}
	for _, f := range w.Files {
		if f.Name == "" || f.Size < 0 || !hexDigest(f.SHA256) {
			return badForm("backup: a file without name, size or digest")
		}
	}
	return h.judgeStatement("backup", w.statement, maxBackup, now)
}

// readCheckpoint: how the audit record of the office stands.
func (h *held) readCheckpoint(payload []byte, now instant) error {
	var w struct {
		statement
		Size uint64  `json:"size"`
		Root string  `json:"root"`
		Head string  `json:"head"`
		Kept *uint64 `json:"restored"`
	}
	if err := closed(payload, &w); err != nil {
		return err
	}
	root, err := jose.DecodeBase64URL(w.Root)
	if err != nil || len(root) != 32 || !hexDigest(w.Head) || w.Size == 0 || w.Kept != nil && *w.Kept >= w.Size {
		return badForm("checkpoint: size, root, head or restored is not one")
	}
	return h.judgeStatement("checkpoint", w.statement, maxAge, now)
}

// readEvent: an event that the console or the wallets of the office say.
func (h *held) readEvent(payload []byte, now instant) error {
	var w struct {
		statement
		Audience  string                     `json:"aud"`
		JTI       string                     `json:"jti"`
		Subject   json.RawMessage            `json:"sub_id"`
		Effective *int64                     `json:"toe"`
		Decision  string                     `json:"txn"`
		Events    map[string]json.RawMessage `json:"events"`
	}
	if err := closed(payload, &w); err != nil {
		return err
	}
	if w.JTI == "" || w.Subject == nil || len(w.Events) != 1 {
		return badForm("event: no jti or sub_id, or not one event")
	}
	for name := range w.Events {
		if !strings.HasPrefix(name, "urn:vidimus:event:") {
			return badForm("event: not of ours")
		}
	}
	if !h.Policy.Office.part(w.Issuer) {
		return badPolicy("event: iss is neither the console of the office nor its wallets")
	}
	if !h.Policy.Office.own(w.Audience) {
		return badPolicy("event: aud is not the office")
	}
	return recent("event", w.IssuedAt, maxAge, now)
}

// hexDigest says whether a text is a SHA-256 in lower-case hexadecimal.
func hexDigest(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}
