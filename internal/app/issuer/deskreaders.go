package issuer

import (
	"context"
	"net/http"
	"time"

	"vidimus/internal/issuerhttp"
)

// InviteReader makes a one-time code for a reader. lifetime 0 is the usual.
func (d *Desk) InviteReader(ctx context.Context, name, organization string, lifetime time.Duration) (out issuerhttp.InvitedReader, err error) {
	wish := issuerhttp.ReaderInvitation{Name: name, Organization: organization, Lifetime: int64(lifetime / time.Second)}
	return out, d.do(ctx, http.MethodPost, issuerhttp.ReaderInvitePath, wish, &out)
}

// Readers lists the fleet, by name.
func (d *Desk) Readers(ctx context.Context) ([]issuerhttp.ReaderView, error) {
	var out issuerhttp.ReaderViews
	err := d.do(ctx, http.MethodGet, issuerhttp.ReadersPath, nil, &out)
	return out.Readers, err
}

// ApproveReader signs the certificate of a reader, named by id or name. key is
// the fingerprint that was compared; "" compares nothing.
func (d *Desk) ApproveReader(ctx context.Context, reader, key string) (out issuerhttp.ReaderView, err error) {
	return out, d.do(ctx, http.MethodPost, issuerhttp.ReaderApprovePath, issuerhttp.ReaderDeed{Reader: reader, Key: key}, &out)
}

// RevokeReader ends a reader, named by id or name.
func (d *Desk) RevokeReader(ctx context.Context, reader string) (out issuerhttp.ReaderView, err error) {
	return out, d.do(ctx, http.MethodPost, issuerhttp.ReaderRevokePath, issuerhttp.ReaderDeed{Reader: reader}, &out)
}
