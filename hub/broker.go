package hub

import "context"

// A Broker carries publications from each node to all nodes, itself included,
// as fast as it can. It may lose, double, delay and swap them: the hub finds
// out from the Log.
type Broker interface {
	// Publish hands publications over. It never blocks for long and never fails:
	// what could not be sent is counted by the broker, and found by the tail of
	// the nodes that wanted it. Nobody changes a Payload afterwards.
	Publish(pubs ...Publication)
	// Run receives until ctx is over. It calls r from one goroutine at a time.
	Run(ctx context.Context, r Receiver) error
	// Healthy reports whether publications are known to arrive; while they are
	// not, the hub polls the Log faster.
	Healthy() bool
}

// A Receiver takes what a Broker carries. Its methods do not block.
type Receiver interface {
	Receive(Publication)
	// Lost says that publications may have been missed, as after a new
	// connection: look at the Log at once.
	Lost()
}

// Kind is the sort of a Publication.
type Kind byte

// The kinds of publication.
const (
	KindEntry    Kind = 1 // an Entry
	KindSignal   Kind = 2 // a frame for those who listen now: typing, read; never stored
	KindPresence Kind = 3 // between nodes: who is where
)

// A Publication is what a Broker carries. Epoch, Seq, Revokes and Rewrites are
// those of an Entry.
type Publication struct {
	Kind     Kind
	Channel  string // at most 200 bytes; it chooses the partition
	Epoch    string
	Seq      int64
	Revokes  string
	Rewrites bool
	Payload  []byte
}

// PublicationOf is an entry as a broker carries it.
func PublicationOf(e Entry) Publication {
	return Publication{
		Kind: KindEntry, Channel: e.Channel, Epoch: e.Epoch, Seq: e.Seq,
		Revokes: e.Revokes, Rewrites: e.Rewrites, Payload: e.Payload,
	}
}

// Entry is the entry that a publication of KindEntry carries.
func (p Publication) Entry() Entry {
	return Entry{Channel: p.Channel, Epoch: p.Epoch, Seq: p.Seq, Payload: p.Payload, Revokes: p.Revokes, Rewrites: p.Rewrites}
}
