package consolehttp_test

import (
	"testing"

	"vidimus/internal/audit"
	"vidimus/internal/consolehttp"
	"vidimus/internal/document"
	"vidimus/internal/i18n"
	"vidimus/internal/notice"
	"vidimus/internal/officer"
	"vidimus/internal/oid4vci"
	"vidimus/internal/registry"
)

// Every word of every closed list that a page shows is in the catalogue.
func TestWords(t *testing.T) {
	want := func(prefix string, words ...string) {
		for _, w := range words {
			if !i18n.Has(prefix + w) {
				t.Errorf("no message %s%s", prefix, w)
			}
		}
	}
	want("purpose.", audit.Purposes()...)
	want("event.", document.Names()...)
	for _, k := range document.MeasureKinds() {
		want("measure-kind.", string(k))
	}
	want("fact.", string(document.FactPersonChanged), string(document.FactPersonDied), string(document.FactPersonMerged), string(document.FactPersonSplit),
		string(document.FactEntitlementChanged), string(document.FactMeasureEnded), string(document.FactDocumentChanged), string(document.FactDocumentSurrendered),
		string(document.FactDocumentAnnulled), string(document.FactDocumentCarrierLost), string(document.FactWalletLost), string(document.FactWalletUnitRevoked), string(document.FactOfficeEmergency))
	want("measure-state.", "holds", "later", "ended", "void")
	want("document-state.", "valid", "annulled", "surrendered", "not-valid", "card-lost")
	for _, s := range consolehttp.CopyStatuses() {
		want("copy-status.", string(s))
	}
	want("notice-state.", string(notice.Waiting), string(notice.Delivered), string(notice.Undeliverable))
	for _, s := range []registry.State{registry.StateApplied, registry.StateCovered, registry.StateNoCopies} {
		want("receipt-state.", string(s))
		want("receipt-explained.", string(s))
	}
	want("receipt-state.", "forgotten")
	for _, s := range []officer.Stage{officer.Open, officer.Sending, officer.Accepted, officer.Refused, officer.Expired, officer.Withdrawn} {
		want("stage.", string(s))
	}
	want("action.", audit.ActionSearch, audit.ActionShow, audit.ActionHistory, audit.ActionCopies, audit.ActionReceipt, audit.ActionRecord,
		officer.ActionLink, officer.ActionLogin, officer.ActionLogout, officer.ActionPropose, officer.ActionWithdraw, officer.ActionConfirm, officer.ActionRefuse)
	want("wallet-said.", oid4vci.EventAccepted, oid4vci.EventDeleted, oid4vci.EventFailure)
	want("action.", officer.ActionApprove, officer.ActionOffer)
	want("outcome.", audit.Intent, audit.Done, audit.Denied, audit.Failed)
}
