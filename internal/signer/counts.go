package signer

import (
	"slices"
	"sync"
	"time"
)

// counts are what one key did since the start.
type counts struct {
	mu                 sync.Mutex
	requests, messages uint64
	failures           uint64
	refused            map[Reason]uint64
	took               [512]time.Duration // of the last requests, a ring
}

func (c *counts) signed(n int, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.took[c.requests%uint64(len(c.took))] = took
	c.requests++
	c.messages += uint64(n)
}

func (c *counts) failed(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	reason := ReasonOf(err)
	if reason == "" {
		c.failures++
		return
	}
	if c.refused == nil {
		c.refused = map[Reason]uint64{}
	}
	c.refused[reason]++
}

// KeyStatus is what a key is and did since the start.
type KeyStatus struct {
	Name     string            `json:"name"`
	Profile  string            `json:"profile"`
	Kinds    []Kind            `json:"kinds"`
	KeyID    string            `json:"kid"`      // RFC 7638 thumbprint
	Until    time.Time         `json:"until"`    // end of its certificate
	Requests uint64            `json:"requests"` // that were signed
	Messages uint64            `json:"messages"` // that were signed
	Failures uint64            `json:"failures"` // of the record or the key
	Refused  map[Reason]uint64 `json:"refused"`
	Lists    []Series          `json:"lists"` // that follow each other
	Holds    *Holds            `json:"holds,omitempty"`
	// Of the last requests that were signed, the record included, in nanoseconds.
	P50 time.Duration `json:"p50"`
	P99 time.Duration `json:"p99"`
}

// Holds is what a key is held to, for the office to find out before it asks for a
// signature that the two configurations differ: the members of Office.
type Holds struct {
	PublicURL           string   `json:"public_url"`
	StatusPrefix        string   `json:"status_prefix"`
	AuthorizationServer string   `json:"authorization_server"`
	DocTypes            []string `json:"doctypes,omitempty"`
	VCTs                []string `json:"vcts,omitempty"`
	Claims              []string `json:"claims,omitempty"`
	WithoutStatus       bool     `json:"without_status"`
}

// Status tells of every key, in the order of the configuration.
func (s *Service) Status() []KeyStatus {
	out := make([]KeyStatus, 0, len(s.names))
	for _, name := range s.names {
		h := s.keys[name]
		st := KeyStatus{Name: name, Profile: string(h.Policy.Profile), Kinds: slices.Clone(h.Policy.Kinds), KeyID: h.kid, Until: h.leaf.NotAfter()}
		o := h.Policy.Office
		st.Holds = &Holds{o.Issuer, o.StatusPrefix, o.AuthorizationServer, slices.Clone(o.DocTypes), slices.Clone(o.VCTs), slices.Clone(o.Claims), o.WithoutStatus}
		h.counts.into(&st, h.lists)
		out = append(out, st)
	}
	return out
}

// Unknown is how often a key was asked for that is not there.
func (s *Service) Unknown() uint64 {
	s.lost.mu.Lock()
	defer s.lost.mu.Unlock()
	return s.lost.refused[ReasonKey]
}

// listed puts what a list is now among the series of its key.
func (c *counts) listed(now Series, all []Series) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range all {
		if all[i].Name == now.Name {
			all[i] = now
		}
	}
}

func (c *counts) into(st *KeyStatus, lists []Series) {
	c.mu.Lock()
	defer c.mu.Unlock()
	st.Requests, st.Messages, st.Failures = c.requests, c.messages, c.failures
	st.Refused, st.Lists = map[Reason]uint64{}, append([]Series{}, lists...)
	for reason, n := range c.refused {
		st.Refused[reason] = n
	}
	took := slices.Clone(c.took[:min(c.requests, uint64(len(c.took)))])
	if len(took) == 0 {
		return
	}
	slices.Sort(took)
	st.P50, st.P99 = took[len(took)/2], took[(len(took)*99)/100]
}
