package pushtest

import (
	"slices"
	"sync"
	"time"
)

// A Fault is one way in which a fake of a push provider misbehaves.
type Fault struct {
	Token      string // only for this phone; empty: all
	Host       string // APNs: Production or Sandbox; empty: both
	OAuth      bool   // FCM: at the token endpoint, not at messages
	Status     int    // what it answers; 0: as if nothing were wrong
	Reason     string // APNs: the reason; FCM: the error code, such as UNREGISTERED
	Field      string // FCM: the field that the error is about
	Timestamp  time.Time
	RetryAfter string // the header as it is
	Location   string // with a redirect
	Body       string // in place of JSON
	Hang       bool   // it says nothing more until it is closed or the client leaves
	Drop       bool   // the connection is cut without an answer
	Away       bool   // APNs: GOAWAY after this answer
	Kept       bool   // it counts as sent to the phone all the same
	Times      int    // how often before it behaves again; 0: always
}

// The hosts of a fake APNs.
const (
	Production = "production"
	Sandbox    = "sandbox"
)

type faults struct {
	mu   sync.Mutex
	list []*Fault // guarded by mu
}

// Misbehave sets what the fake does wrong from now on; nothing, without
// arguments. Of several faults that fit the first counts.
func (f *faults) Misbehave(list ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = nil
	for _, one := range list {
		f.list = append(f.list, &one)
	}
}

// take returns the fault that is due, or none.
func (f *faults) take(fits func(*Fault) bool) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, one := range f.list {
		if !fits(one) {
			continue
		}
		if one.Times == 1 {
			f.list = slices.Delete(f.list, i, i+1)
		} else if one.Times > 1 {
			one.Times--
		}
		return *one, true
	}
	return Fault{}, false
}
