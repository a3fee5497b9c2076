package bolt

import (
	"fmt"

	"vidimus/internal/authserver"
)

// authForm begins a record of the authorization server: every wallet writes and
// reads several on its way. In older files they are JSON.
const authForm = 1

// packAuth writes the records that have a form of their own; false for others.
func packAuth(v any) ([]byte, bool) {
	p := packer{b: append(make([]byte, 0, sealSize+512), authForm)}
	switch r := v.(type) {
	case authserver.RequestRecord:
		p.request(&r)
	case authserver.CodeRecord:
		p.code(&r)
	case authserver.TokenRecord:
		p.token(&r)
	case authserver.RefreshRecord:
		p.refresh(&r)
	default:
		return nil, false
	}
	return p.b, true
}

// unpackAuth reads what packAuth wrote; false for what it did not.
func unpackAuth(b []byte, v any) (known bool, err error) {
	if len(b) == 0 || b[0] != authForm {
		return false, nil
	}
	u := unpacker{b: b[1:]}
	switch r := v.(type) {
	case *authserver.RequestRecord:
		*r = u.request()
	case *authserver.CodeRecord:
		*r = u.code()
	case *authserver.TokenRecord:
		*r = u.token()
	case *authserver.RefreshRecord:
		*r = u.refresh()
	default:
		return false, nil
	}
	if err := u.end(); err != nil {
		return true, fmt.Errorf("%T: %w", v, err)
	}
	return true, nil
}

func (p *packer) request(r *authserver.RequestRecord) {
	p.fixed(r.Hash[:])
	p.text(r.ClientID)
	p.text(r.ClientName)
	p.unit(&r.Wallet)
	p.text(r.RedirectURI)
	p.text(r.State)
	p.text(r.Challenge)
	p.texts(r.Configurations)
	p.texts(r.Scopes)
	p.bool(r.Detailed)
	p.text(r.IssuerState)
	p.texts(r.Locales)
	p.text(r.Thumbprint)
	p.time(r.Created)
	p.time(r.Expires)
	p.bool(r.Used)
}

func (u *unpacker) request() (r authserver.RequestRecord) {
	u.fixed(r.Hash[:])
	r.ClientID, r.ClientName, r.Wallet = u.text(), u.text(), u.unit()
	r.RedirectURI, r.State, r.Challenge = u.text(), u.text(), u.text()
	r.Configurations, r.Scopes, r.Detailed = u.texts(), u.texts(), u.bool()
	r.IssuerState, r.Locales, r.Thumbprint = u.text(), u.texts(), u.text()
	r.Created, r.Expires, r.Used = u.time(), u.time(), u.bool()
	return r
}

func (p *packer) code(r *authserver.CodeRecord) {
	p.fixed(r.Hash[:])
	p.text(r.ClientID)
	p.unit(&r.Wallet)
	p.text(r.RedirectURI)
	p.text(r.Challenge)
	p.texts(r.Scopes)
	p.bool(r.Detailed)
	p.text(r.Thumbprint)
	p.text(r.Subject)
	p.pairs(r.Documents)
	p.text(r.ACR)
	p.time(r.LoggedIn)
	p.time(r.Created)
	p.time(r.Expires)
	p.bool(r.Used)
	p.fixed(r.Refresh[:])
}

func (u *unpacker) code() (r authserver.CodeRecord) {
	u.fixed(r.Hash[:])
	r.ClientID, r.Wallet, r.RedirectURI, r.Challenge = u.text(), u.unit(), u.text(), u.text()
	r.Scopes, r.Detailed, r.Thumbprint = u.texts(), u.bool(), u.text()
	r.Subject, r.Documents, r.ACR = u.text(), u.pairs(), u.text()
	r.LoggedIn, r.Created, r.Expires, r.Used = u.time(), u.time(), u.time(), u.bool()
	u.fixed(r.Refresh[:])
	return r
}

func (p *packer) token(r *authserver.TokenRecord) {
	p.fixed(r.Hash[:])
	p.text(r.ID)
	p.text(r.ClientID)
	p.text(r.Subject)
	p.pairs(r.Documents)
	p.pairs(r.Identifiers)
	p.text(r.Thumbprint)
	p.unit(&r.Wallet)
	p.text(r.ACR)
	p.fixed(r.Grant[:])
	p.fixed(r.Refresh[:])
	p.bool(r.Refreshed)
	p.time(r.Granted)
	p.time(r.Issued)
	p.time(r.Expires)
}

func (u *unpacker) token() (r authserver.TokenRecord) {
	u.fixed(r.Hash[:])
	r.ID, r.ClientID, r.Subject = u.text(), u.text(), u.text()
	r.Documents, r.Identifiers = u.pairs(), u.pairs()
	r.Thumbprint, r.Wallet, r.ACR = u.text(), u.unit(), u.text()
	u.fixed(r.Grant[:])
	u.fixed(r.Refresh[:])
	r.Refreshed, r.Granted, r.Issued, r.Expires = u.bool(), u.time(), u.time(), u.time()
	return r
}

func (p *packer) refresh(r *authserver.RefreshRecord) {
	p.fixed(r.Hash[:])
	p.text(r.ID)
	p.fixed(r.Grant[:])
	p.text(r.ClientID)
	p.text(r.Key)
	p.bool(r.Attested)
	p.text(r.Unit)
	p.text(r.Subject)
	p.pairs(r.Documents)
	p.pairs(r.Identifiers)
	p.texts(r.Scopes)
	p.text(r.ACR)
	p.time(r.Granted)
	p.time(r.Issued)
	p.time(r.Expires)
	p.moments(r.Waited)
}

func (u *unpacker) refresh() (r authserver.RefreshRecord) {
	u.fixed(r.Hash[:])
	r.ID = u.text()
	u.fixed(r.Grant[:])
	r.ClientID, r.Key, r.Attested, r.Unit, r.Subject = u.text(), u.text(), u.bool(), u.text(), u.text()
	r.Documents, r.Identifiers, r.Scopes, r.ACR = u.pairs(), u.pairs(), u.texts(), u.text()
	r.Granted, r.Issued, r.Expires, r.Waited = u.time(), u.time(), u.time(), u.moments()
	return r
}

// unit writes what an attestation said.
func (p *packer) unit(w *authserver.Wallet) {
	p.text(w.Instance)
	p.uint(uint64(len(w.Statuses)))
	for _, s := range w.Statuses {
		p.text(s.List)
		p.uint(s.Index)
		p.text(s.Provider)
	}
	p.time(w.StatusUntil)
}

func (u *unpacker) unit() authserver.Wallet {
	w := authserver.Wallet{Instance: u.text()}
	if n := u.count(); n > 0 {
		w.Statuses = make([]authserver.StatusRef, n)
	}
	for i := range w.Statuses {
		w.Statuses[i] = authserver.StatusRef{List: u.text(), Index: u.uint(), Provider: u.text()}
	}
	w.StatusUntil = u.time()
	return w
}
