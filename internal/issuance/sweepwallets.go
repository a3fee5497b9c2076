package issuance

import (
	"context"
	"fmt"
)

// WalletSweep is what one SweepWallets found.
type WalletSweep struct {
	Units   int // that were looked at
	Revoked int // whose attestation was revoked: the unit is ended now
	Unknown int // with a list that could not be read
}

// SweepWallets looks up what the providers say of every wallet unit that has
// copies, and ends those that were revoked (EUDI: at least every 24 h). A list
// that cannot be read ends nobody: its units are counted, and looked at next
// time. The error is of the first thing that failed; the others were done.
func (s *Service) SweepWallets(ctx context.Context) (WalletSweep, error) {
	var sweep WalletSweep
	var failed error
	if s.p.Status == nil {
		return sweep, nil
	}
	for after := ""; ; {
		units, next, err := s.p.Store.Wallets(ctx, after, s.p.Clock.Now(), sweepUnits)
		if err != nil {
			return sweep, fmt.Errorf("reading wallet units: %w", err)
		}
		for _, w := range units {
			if err := ctx.Err(); err != nil {
				return sweep, err
			}
			if err := s.sweepWallet(ctx, w, &sweep); err != nil && failed == nil {
				failed = err
			}
		}
		if next == "" {
			return sweep, failed
		}
		after = next
	}
}

func (s *Service) sweepWallet(ctx context.Context, w Wallet, sweep *WalletSweep) error {
	sweep.Units++
	var unknown error
	for _, at := range w.Attestations {
		v, err := s.lists.look(ctx, at, sweepFresh)
		if err != nil {
			unknown = err
			continue
		}
		if v == revoked {
			if err := s.revokeWallet(ctx, w.Unit); err != nil {
				return err
			}
			sweep.Revoked++
			return nil
		}
	}
	if unknown != nil {
		sweep.Unknown++
	}
	return unknown
}
