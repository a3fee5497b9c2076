package wallet

import (
	"errors"
	"strings"
	"syscall"

	"vidimus/internal/fetch"
	"vidimus/internal/wallet"
)

// told is an error as a person reads it: cleaned, with a hint.
type told struct {
	error
	hint string
}

func (t *told) Error() string {
	text := clean(t.error.Error())
	if t.hint != "" {
		text += "\nhint: " + t.hint
	}
	return text
}

// Unwrap gives the error as it came.
func (t *told) Unwrap() error { return t.error }

// hinted adds to an error what the person at the keyboard can do about it.
func hinted(err error) error {
	if err == nil {
		return nil
	}
	if done := (*told)(nil); errors.As(err, &done) {
		return err // it has one
	}
	return &told{err, hintFor(err)}
}

func hintFor(err error) string {
	var refusal *wallet.Refusal
	switch {
	case err == nil, errors.As(err, new(*told)):
	case errors.Is(err, wallet.ErrTxCode):
		return "give the code that came by another way with --tx-code, and none when the offer wants none"
	case errors.Is(err, wallet.ErrClientID):
		return "give the name under which the issuer knows this wallet with --client-id; for a login outside development the issuer must also trust who attests it: --provider"
	case errors.Is(err, fetch.ErrRefused):
		return "offers lead to public servers over https; for an issuer on this machine add --insecure-loopback"
	case errors.Is(err, wallet.ErrCredential):
		return "nothing of this batch was kept; with --trust, look whether the folder holds the issuer's root for this type"
	case errors.Is(err, wallet.ErrNoCopy):
		return "fetch a new batch from the issuer with `wallet accept`"
	case errors.Is(err, wallet.ErrNotFound):
		return "`wallet list` shows what is held"
	case errors.Is(err, wallet.ErrProvider):
		return "name the folder of the wallet provider that accept was given with --provider"
	case errors.Is(err, wallet.ErrNoRefresh):
		return "the copies stay as they are; for fresh ones ask the issuer for a new offer"
	case errors.As(err, &refusal):
		return refusalHint(refusal)
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nobody listens there: is the issuer running, and is the offer still its own?"
	}
	return ""
}

func refusalHint(r *wallet.Refusal) string {
	switch r.Code {
	case "invalid_grant":
		return "the offer is used up or too old, or the transaction code is wrong: check the code, or ask for a new offer"
	case "invalid_client":
		return "the issuer does not know this wallet: --client-id gives the name under which it does, --provider has it attested"
	case "invalid_transaction_id":
		return "the issuer does not know this request any more: it took too long, or a later one for the same is in its place; ask for a new offer"
	case "invalid_token":
		return "the access token has run out: ask for a new offer"
	case "credential_request_denied":
		return "the issuer refuses this credential for good, and asking again does not help: ask the authority. Copies that are held already may have been revoked; `wallet remove` deletes them"
	}
	if r.Status == 429 || r.Status == 503 {
		return "the issuer is busy: try again later"
	}
	return ""
}

// offerHint is for an offer that speaks of http where only https will do.
func offerHint(err error, offer string, insecure bool) error {
	text := strings.ToLower(offer)
	if err == nil || insecure || hintFor(err) != "" || !strings.Contains(text, "http%3a%2f%2f") && !strings.Contains(text, "http://") {
		return hinted(err)
	}
	return &told{err, "the offer speaks of http without TLS; for an issuer on this machine add --insecure-loopback"}
}
