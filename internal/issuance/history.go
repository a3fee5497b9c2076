package issuance

import "context"

// Said gives what wallets said of a batch, the first word first, for the
// history of a document.
func (s *Service) Said(ctx context.Context, batch string) ([]Event, error) {
	events, err := s.p.Store.Events(ctx, batch)
	if err != nil {
		return nil, unavailable(err)
	}
	return events, nil
}
