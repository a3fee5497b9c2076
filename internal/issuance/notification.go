package issuance

import (
	"context"
	"crypto/hmac"
	"errors"

	"vidimus/internal/faults"
	"vidimus/internal/jose"
	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
)

// A notification id is base64url(batch id 16 | MAC 16); the MAC binds it to
// the grant of the batch, so that nothing is looked up for an id that is not
// this wallet's. A wallet may speak with a token that it refreshed meanwhile.
const (
	batchSize        = 16
	notificationSize = batchSize + 16
)

func (s *Service) notificationID(batch string, a Access) string {
	id, err := jose.DecodeBase64URL(batch)
	if err != nil {
		panic("issuance: a batch id of ours is not base64url: " + err.Error())
	}
	return jose.EncodeBase64URL(append(id, s.notificationMAC(id, a)...))
}

func (s *Service) notificationMAC(batch []byte, a Access) []byte {
	holder := "token " + a.TokenID
	if a.Grant != "" {
		holder = "grant " + a.Grant
	}
	return sum(s.secrets.notification, batch, []byte(holder))[:notificationSize-batchSize]
}

// Notify records what a wallet says about a batch that it got with an access
// token of the same grant (OpenID4VCI 1.0, section 11). Saying it again changes nothing.
// The description is not kept: nobody knows what is in it.
func (s *Service) Notify(ctx context.Context, a Access, n *oid4vci.Notification) error {
	raw, err := jose.DecodeBase64URL(n.ID)
	if err != nil || len(raw) != notificationSize || !hmac.Equal(raw[batchSize:], s.notificationMAC(raw[:batchSize], a)) {
		return errNotification
	}
	added, err := s.p.Store.PutEvent(ctx, Event{Batch: jose.EncodeBase64URL(raw[:batchSize]), Event: n.Event, Recorded: s.p.Clock.Now()})
	faults.Point("issuance.notified")
	switch {
	case errors.Is(err, ErrBatchNotFound):
		return errNotification
	case err != nil:
		return unavailable(err)
	}
	if added {
		s.p.Meter.Notified(n.Event)
	}
	return nil
}

var errNotification = problem.New(problem.InvalidNotificationID, "no such notification_id for this access token")
