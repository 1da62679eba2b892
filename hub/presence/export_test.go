package presence

// Kept is how much a roster holds on to, by what.
func (r *Roster) Kept() map[string]int {
	kept := map[string]int{
		"local": len(r.local), "lingering": len(r.lingering), "dirty": len(r.dirty), "views": len(r.views),
		"changed": len(r.changed), "own members": len(r.self.members),
	}
	for _, p := range r.peers {
		kept["peers' members"] += len(p.members)
		kept["diffs ahead"] += len(p.ahead)
		if p.partial != nil {
			kept["partial states"]++
		}
	}
	return kept
}

const (
	Lease     = lease
	Linger    = linger
	MaxGossip = maxGossip
	MaxPage   = maxPage
	MaxPeers  = maxPeers
)
