package presence

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// A Member is somebody who is in a channel, on one node or on many.
type Member struct {
	Subject  string
	Identity json.RawMessage
}

// A Diff is what changed in a channel that somebody here watches. Who
// joins and was there already has a new identity.
type Diff struct {
	Channel string
	Version uint64 // one more than that of the diff or snapshot before
	Join    []Member
	Leave   []string
}

// A Snapshot is a page of who is in a channel.
type Snapshot struct {
	Version uint64 // diffs up to this one are in it
	Count   int    // of all, whatever the page
	Members []Member
	More    bool // ask again with the last subject as after
}

// A view is who is in one channel, over all nodes.
type view struct {
	version  uint64
	watchers int
	members  map[string][]holder // by subject
	// touched has what watchers were last told of the subjects that changed
	// since; nil is that they were not there.
	touched map[string]json.RawMessage
}

// A holder is a node where a subject is. The first by name says who he is, so
// that all nodes say the same.
type holder struct {
	node     string
	identity json.RawMessage
}

func compareHolder(h holder, node string) int { return strings.Compare(h.node, node) }

// held is the identity that a node gave, nil if the subject is not there.
func (v *view) held(node, subject string) json.RawMessage {
	holders := v.members[subject]
	if i, ok := slices.BinarySearchFunc(holders, node, compareHolder); ok {
		return holders[i].identity
	}
	return nil
}

func (v *view) touch(subject string) {
	if v.watchers == 0 {
		return
	}
	if _, ok := v.touched[subject]; !ok {
		v.touched[subject] = v.identity(subject)
	}
}

// identity is nil for who is not there.
func (v *view) identity(subject string) json.RawMessage {
	if holders := v.members[subject]; len(holders) > 0 {
		return holders[0].identity
	}
	return nil
}

func (v *view) set(node, subject string, identity json.RawMessage) {
	v.touch(subject)
	holders := v.members[subject]
	i, ok := slices.BinarySearchFunc(holders, node, compareHolder)
	if ok {
		holders[i].identity = identity
		return
	}
	v.members[subject] = slices.Insert(holders, i, holder{node, identity})
}

func (v *view) unset(node, subject string) {
	holders := v.members[subject]
	i, ok := slices.BinarySearchFunc(holders, node, compareHolder)
	if !ok {
		return
	}
	v.touch(subject)
	if len(holders) == 1 {
		delete(v.members, subject)
		return
	}
	v.members[subject] = slices.Delete(holders, i, i+1)
}

// diff returns what watchers have to be told, if anything.
func (v *view) diff(channel string) (Diff, bool) {
	d := Diff{Channel: channel}
	for _, subject := range slices.Sorted(maps.Keys(v.touched)) {
		before, now := v.touched[subject], v.identity(subject)
		switch {
		case now == nil && before != nil:
			d.Leave = append(d.Leave, subject)
		case now != nil && string(now) != string(before):
			d.Join = append(d.Join, Member{subject, now})
		}
	}
	clear(v.touched)
	if d.Join == nil && d.Leave == nil {
		return Diff{}, false
	}
	v.version++
	d.Version = v.version
	return d, true
}

func (v *view) page(after string, limit int) Snapshot {
	s := Snapshot{Version: v.version, Count: len(v.members)}
	var subjects []string
	for subject := range v.members {
		if subject > after || after == "" {
			subjects = append(subjects, subject)
		}
	}
	slices.Sort(subjects)
	if s.More = len(subjects) > limit; s.More {
		subjects = subjects[:limit]
	}
	for _, subject := range subjects {
		s.Members = append(s.Members, Member{subject, v.identity(subject)})
	}
	return s
}
