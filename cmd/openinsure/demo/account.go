package demo

// An Account lays what came beside what was to come.
type Account struct {
	facts   []*Fact
	ids     map[[2]string]string // ids of events, by Type and Name
	of      map[string]*Fact     // facts by the id of their event
	heard   map[*Fact]map[*Ear][]Receipt
	strange []Receipt // of no fact
}

// NewAccount matches receipts with facts. A receipt that carries what it is
// about says which event a fact is; all others go by its id.
func NewAccount(facts []*Fact, receipts []Receipt) *Account {
	a := &Account{facts: facts, ids: map[[2]string]string{}, of: map[string]*Fact{}, heard: map[*Fact]map[*Ear][]Receipt{}}
	for _, r := range receipts {
		key := [2]string{r.Type, r.Name}
		if _, known := a.ids[key]; !known && r.Name != "" {
			a.ids[key] = r.Event
		}
	}
	for _, f := range facts {
		a.heard[f] = map[*Ear][]Receipt{}
		if id := a.id(f); id != "" {
			a.of[id] = f
		}
	}
	for _, r := range receipts {
		f := a.of[r.Event]
		if f == nil {
			a.strange = append(a.strange, r)
			continue
		}
		a.heard[f][r.Ear] = append(a.heard[f][r.Ear], r)
	}
	return a
}

// id is the id of a fact's event; empty as long as nobody heard it who says
// what it is about.
func (a *Account) id(f *Fact) string { return a.ids[[2]string{f.Type, f.Name}] }

// complete reports whether all heard what they are to hear.
func (a *Account) complete() bool {
	for _, f := range a.facts {
		for _, e := range f.Heard {
			if len(a.heard[f][e]) == 0 {
				return false
			}
		}
	}
	return true
}
