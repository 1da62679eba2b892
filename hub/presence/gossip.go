package presence

import (
	"encoding/binary"
	"encoding/json"
	"errors"
)

// A gossip is what nodes tell each other about presence. Every one carries a
// number of its own, by which one that is doubled or comes late is known.
type gossip struct {
	kind    gossipKind
	node    string // who tells
	number  uint64 // counts what the node told
	version uint64 // of the node's members, after this
	from    uint64 // diff: the version it follows
	part    uint64 // state: which of how many, from 0
	parts   uint64
	of      string // ask: whose state; empty asks everybody for a beat
	changes []change
}

type gossipKind byte

const (
	gossipBeat  gossipKind = 1 // I live, and this is my version
	gossipDiff  gossipKind = 2 // what changed
	gossipAsk   gossipKind = 3
	gossipState gossipKind = 4 // all my members
	gossipBye   gossipKind = 5 // I stop
)

// A change is of a subject that comes to a channel, or has a new
// identity, or leaves.
type change struct {
	channel, subject string
	identity         json.RawMessage
	leave            bool
}

const gossipVersion = 1

const (
	changeLeave = 1 // flags of a change
	changeSame  = 2 // in the channel of the change before
)

var errGossip = errors.New("gossip about presence that cannot be read")

// size is the most that a change takes.
func (c change) size() int {
	return 1 + 3*binary.MaxVarintLen32 + len(c.channel) + len(c.subject) + len(c.identity)
}

func (g gossip) encode() []byte {
	b := []byte{gossipVersion, byte(g.kind)}
	b = appendText(b, g.node)
	for _, n := range []uint64{g.number, g.version, g.from, g.part, g.parts} {
		b = binary.AppendUvarint(b, n)
	}
	b = appendText(b, g.of)
	channel := ""
	for _, c := range g.changes {
		var flags byte
		if c.leave {
			flags |= changeLeave
		}
		if c.channel == channel {
			flags |= changeSame
		}
		b = append(b, flags)
		if c.channel != channel {
			channel = c.channel
			b = appendText(b, channel)
		}
		b = appendText(b, c.subject)
		if !c.leave {
			b = appendText(b, string(c.identity))
		}
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// decodeGossip copies what it keeps.
func decodeGossip(b []byte) (gossip, error) {
	if len(b) < 2 || b[0] != gossipVersion {
		return gossip{}, errGossip
	}
	g := gossip{kind: gossipKind(b[1])}
	r := gossipReader{rest: b[2:]}
	g.node = r.text()
	for _, n := range []*uint64{&g.number, &g.version, &g.from, &g.part, &g.parts} {
		*n = r.number()
	}
	g.of = r.text()
	channel := ""
	for len(r.rest) > 0 && !r.failed {
		flags := r.rest[0]
		r.rest = r.rest[1:]
		if flags&changeSame == 0 {
			channel = r.text()
		}
		c := change{channel: channel, subject: r.text(), leave: flags&changeLeave != 0}
		if !c.leave {
			c.identity = json.RawMessage(r.text())
		}
		g.changes = append(g.changes, c)
	}
	if r.failed {
		return gossip{}, errGossip
	}
	return g, nil
}

// A gossipReader reads fields until one is not there.
type gossipReader struct {
	rest   []byte
	failed bool
}

func (r *gossipReader) number() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.failed, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *gossipReader) text() string {
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.failed, r.rest = true, nil
		return ""
	}
	s := string(r.rest[:n])
	r.rest = r.rest[n:]
	return s
}
