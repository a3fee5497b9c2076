package issuance

import "vidimus/internal/oid4vci"

// FreePlaces says how many requests could begin at once now.
func FreePlaces(s *Service) int {
	s.turns.mu.Lock()
	defer s.turns.mu.Unlock()
	return s.turns.free
}

// DigestOf is what the audit record says of what was signed.
func DigestOf(credentials []oid4vci.Credential) string { return digest(credentials) }

// MaxStatusWaiters is how many wait while a status list is read.
const MaxStatusWaiters = maxStatusWaiters
