package issuer

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"vidimus/internal/emergency"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/jose"
)

// OfficerKey is an officer with the key that speaks for them.
type OfficerKey struct {
	Officer string // id of console.officers
	Key     crypto.Signer
}

// say signs a word about a plan.
func (k OfficerKey) say(word emergency.Word, d emergency.Draft) (emergency.Signed, error) {
	public, err := x509.MarshalPKIXPublicKey(k.Key.Public())
	if err != nil {
		return emergency.Signed{}, err
	}
	text, err := emergency.Sign(k.Key, emergency.Statement{
		Word: word, Office: d.Office, Officer: k.Officer, Plan: d.ID, Hash: d.Hash(), At: time.Now().Unix(),
	}, rand.Reader)
	return emergency.Signed{Statement: text, PublicKey: jose.EncodeBase64URL(public)}, err
}

// DraftEmergency counts what an emergency would reach: a dry run.
func (d *Desk) DraftEmergency(ctx context.Context, w emergency.Wish) (out issuerhttp.EmergencyDraft, err error) {
	return out, d.do(ctx, http.MethodPost, issuerhttp.EmergencyDraftPath, w, &out)
}

// ProposeEmergency puts an officer's word under a draft.
func (d *Desk) ProposeEmergency(ctx context.Context, draft emergency.Draft, by OfficerKey) (out emergency.Plan, err error) {
	signed, err := by.say(emergency.Propose, draft)
	if err != nil {
		return out, err
	}
	return out, d.do(ctx, http.MethodPost, issuerhttp.EmergencyProposePath, issuerhttp.EmergencyProposal{Draft: draft, By: signed}, &out)
}

// ApproveEmergency puts another officer's word under a plan, as it reads here.
func (d *Desk) ApproveEmergency(ctx context.Context, p emergency.Plan, by OfficerKey) (out emergency.Plan, err error) {
	if p.Draft.Hash() != p.Hash {
		return out, fmt.Errorf("plan %s is not what was proposed: its hash is another", p.ID)
	}
	signed, err := by.say(emergency.Approve, p.Draft)
	if err != nil {
		return out, err
	}
	return out, d.do(ctx, http.MethodPost, issuerhttp.EmergencyApprovePath, issuerhttp.EmergencyApproval{Plan: p.ID, By: signed}, &out)
}

// DismissEmergency takes a plan back that the same human proposed and that has not begun.
func (d *Desk) DismissEmergency(ctx context.Context, p emergency.Plan, by OfficerKey) (out emergency.Plan, err error) {
	signed, err := by.say(emergency.Dismiss, p.Draft)
	if err != nil {
		return out, err
	}
	return out, d.do(ctx, http.MethodPost, issuerhttp.EmergencyDismissPath, issuerhttp.EmergencyApproval{Plan: p.ID, By: signed}, &out)
}

// RunEmergency does an approved plan, and tells of every step.
func (d *Desk) RunEmergency(ctx context.Context, id string, progress func(emergency.Plan)) (last emergency.Plan, err error) {
	err = d.Lines(ctx, http.MethodPost, issuerhttp.EmergencyRunPath, issuerhttp.EmergencyDeed{Plan: id}, func(line []byte) error {
		last = emergency.Plan{}
		if err := jose.DecodeJSON(line, &last); err != nil {
			return err
		}
		progress(last)
		return nil
	})
	return last, err
}

// PauseEmergency pauses a run, or lets it go on.
func (d *Desk) PauseEmergency(ctx context.Context, id string, paused bool) (out emergency.Plan, err error) {
	return out, d.do(ctx, http.MethodPost, issuerhttp.EmergencyPausePath, issuerhttp.EmergencyDeed{Plan: id, Paused: paused}, &out)
}

// Emergency says how far a plan came.
func (d *Desk) Emergency(ctx context.Context, id string) (out emergency.Progress, err error) {
	return out, d.Read(ctx, issuerhttp.EmergencyPath, url.Values{"plan": {id}}, &out)
}

// Emergencies lists the plans and what is stopped.
func (d *Desk) Emergencies(ctx context.Context) (out issuerhttp.EmergencyPlans, err error) {
	return out, d.Read(ctx, issuerhttp.EmergencyPlansPath, nil, &out)
}

// EmergencyHolders gives the documents that a plan concerns, as lines of JSON.
func (d *Desk) EmergencyHolders(ctx context.Context, id string, each func(line []byte) error) error {
	return d.Lines(ctx, http.MethodPost, issuerhttp.EmergencyHoldersPath, issuerhttp.EmergencyDeed{Plan: id}, each)
}

// ReportEmergency makes the report of a plan.
func (d *Desk) ReportEmergency(ctx context.Context, id string) (out emergency.Anchored, err error) {
	return out, d.do(ctx, http.MethodPost, issuerhttp.EmergencyReportPath, issuerhttp.EmergencyDeed{Plan: id}, &out)
}
