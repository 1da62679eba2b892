package hub

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// A registry is the sessions of this node, and counts them for the limits.
type registry struct {
	cfg Config

	mu        sync.RWMutex // guards what follows
	stopped   bool         // no more sessions
	sessions  map[*session]struct{}
	subjects  map[string]map[*session]struct{}
	addresses map[string]int

	live sync.WaitGroup // sessions that are not over
}

var (
	errStopped  = &Refusal{Code: "unavailable", Message: "This server is shutting down.", Retry: true}
	errDraining = &Refusal{Code: "unavailable", Message: "This server is making room for another; try again.", Retry: true, After: time.Second}
)

func tooMany(what string, limit int) *Refusal {
	return &Refusal{Code: "too_many", Message: fmt.Sprintf("The limit of %d %s is reached.", limit, what), Retry: true, After: time.Second}
}

// add admits a session within the limits, or says which one it breaks.
func (r *registry) add(s *session) error {
	p := s.who()
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.stopped:
		return errDraining
	case len(r.sessions) >= r.cfg.Sessions:
		return tooMany("sessions of a server", r.cfg.Sessions)
	case len(r.subjects[p.Subject]) >= r.cfg.SessionsPerSubject:
		return tooMany("sessions of one subject", r.cfg.SessionsPerSubject)
	case p.Address != "" && r.addresses[p.Address] >= r.cfg.SessionsPerAddress:
		return tooMany("sessions of one address", r.cfg.SessionsPerAddress)
	}
	r.sessions[s] = struct{}{}
	if r.subjects[p.Subject] == nil {
		r.subjects[p.Subject] = map[*session]struct{}{}
	}
	r.subjects[p.Subject][s] = struct{}{}
	r.addresses[p.Address]++
	r.live.Add(1)
	return nil
}

// remove forgets a session; whoever waits for the last one may go on.
func (r *registry) remove(s *session) {
	p := s.who()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.sessions, s)
	delete(r.subjects[p.Subject], s)
	if len(r.subjects[p.Subject]) == 0 {
		delete(r.subjects, p.Subject)
	}
	if r.addresses[p.Address]--; r.addresses[p.Address] <= 0 {
		delete(r.addresses, p.Address)
	}
	r.live.Done()
}

func (r *registry) len() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.sessions)
}

func (r *registry) all() []*session {
	r.mu.RLock()
	defer r.mu.RUnlock()
	all := make([]*session, 0, len(r.sessions))
	for s := range r.sessions {
		all = append(all, s)
	}
	return all
}

// stop admits nobody any more.
func (r *registry) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = true
}

// of returns the sessions of a subject.
func (r *registry) of(subject string) []*session {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Collect(maps.Keys(r.subjects[subject]))
}
