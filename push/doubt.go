package push

import (
	"sync"
	"time"
)

// The bounds of a Doubt.
const (
	doubtWindow  = 5 * time.Minute
	doubtParts   = 10
	doubtPercent = 1 // of what was answered in the window
	doubtFew     = 3 // are believed however little was sent
)

// A Doubt is the caution against an answer that calls an address dead when our
// own settings may be at fault: that another project or another app is
// configured looks, one phone at a time, like dead phones. The zero value is
// ready; it is one per set of credentials.
type Doubt struct {
	mu     sync.Mutex
	proven bool // something was delivered, so the credentials are right
	parts  [doubtParts]doubtPart
}

type doubtPart struct {
	number          int64 // of the part, since 1970
	delivered, dead int
}

// Delivered counts a success.
func (d *Doubt) Delivered(at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.proven = true
	d.part(at).delivered++
}

// Dead counts an answer that blames the address, and reports whether to believe
// it: with the same credentials something was delivered before, and at most one
// in a hundred answers of the last five minutes were of this sort, or three.
func (d *Doubt) Dead(at time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.part(at)
	now.dead++
	dead, all := 0, 0
	for _, p := range d.parts {
		if p.number > now.number-doubtParts && p.number <= now.number {
			dead, all = dead+p.dead, all+p.dead+p.delivered
		}
	}
	return d.proven && (dead <= doubtFew || dead*100 <= all*doubtPercent)
}

// part returns the counts of the part of the window that at is in.
func (d *Doubt) part(at time.Time) *doubtPart {
	n := at.UnixNano() / int64(doubtWindow/doubtParts)
	p := &d.parts[n%doubtParts]
	if p.number != n {
		*p = doubtPart{number: n}
	}
	return p
}
