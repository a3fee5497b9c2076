package issuance

// FreePlaces says how many requests could begin at once now.
func FreePlaces(s *Service) int {
	s.turns.mu.Lock()
	defer s.turns.mu.Unlock()
	return s.turns.free
}

// MaxStatusWaiters is how many wait while a status list is read.
const MaxStatusWaiters = maxStatusWaiters
