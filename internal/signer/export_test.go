package signer

import "time"

// Judge reads one message as Sign does, and signs nothing.
func Judge(s *Service, key string, message []byte, now time.Time) (Kind, error) {
	r, err := s.keys[key].judge(message, now)
	return r.kind, err
}
