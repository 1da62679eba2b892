package presence

import "time"

// A peer is what a node knows of another's members. At version 0 a node has
// none, so somebody new is known at once.
type peer struct {
	id      string
	number  uint64 // of the newest that was heard
	heard   time.Time
	leaves  time.Time // it said goodbye, and its members leave then; zero if not
	version uint64
	newest  uint64 // version that was heard of
	members map[place]struct{}

	ahead   map[uint64]gossip // diffs that wait for the one before, by from
	partial *partialState
	gap     time.Time // since when something is missing; zero if nothing is
	asked   time.Time
}

// A partialState is a state of which parts have come.
type partialState struct {
	version uint64
	parts   [][]change
	missing int
}

// maxAhead is how many diffs may wait for an earlier one: swaps are short,
// and whatever is missing for longer is asked for.
const maxAhead = 32

// maxParts is the most parts of a state: 100,000 members, each as large as
// he may be, are fewer.
const maxParts = 8192

// collect adds a part and returns the whole when it was the last that was
// missing.
func (p *peer) collect(g gossip) ([]change, bool) {
	if g.version <= p.version || g.parts == 0 || g.parts > maxParts || g.part >= g.parts {
		return nil, false
	}
	if s := p.partial; s == nil || s.version < g.version {
		p.partial = &partialState{version: g.version, parts: make([][]change, g.parts), missing: int(g.parts)}
	}
	s := p.partial
	if s.version != g.version || len(s.parts) != int(g.parts) || s.parts[g.part] != nil {
		return nil, false
	}
	s.parts[g.part] = append([]change{}, g.changes...) // not nil, even when empty
	if s.missing--; s.missing > 0 {
		return nil, false
	}
	p.partial = nil
	var all []change
	for _, part := range s.parts {
		all = append(all, part...)
	}
	return all, true
}

// wait keeps a diff that came too early.
func (p *peer) wait(g gossip) {
	if len(p.ahead) < maxAhead {
		if p.ahead == nil {
			p.ahead = map[uint64]gossip{}
		}
		p.ahead[g.from] = g
	}
}

// next returns a diff that waited for the present version.
func (p *peer) next() (gossip, bool) {
	for from, g := range p.ahead {
		if g.version <= p.version {
			delete(p.ahead, from)
		}
	}
	g, ok := p.ahead[p.version]
	if len(p.ahead) == 0 {
		p.ahead = nil
	}
	return g, ok
}

// silentFor is how long nothing new has come.
func (p *peer) silentFor(now time.Time) time.Duration { return now.Sub(p.heard) }
