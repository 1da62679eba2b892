package hub

import "context"

// An Entry is one place in a channel, as it was committed.
type Entry struct {
	Channel string
	Epoch   string // of the log; it changes when the log was rewound
	Seq     int64  // gapless in the channel, from 1
	Payload []byte // one JSON object without newlines; nobody may change it

	// Revokes is the subject who loses the channel with this entry, and does not
	// get to see it. In a channel that a Principal names as Control it is whom
	// to ask the App about again, in every channel.
	Revokes string
	// Rewrites says that earlier entries of the channel were changed with this
	// one, as when a message is deleted: copies of them are to be forgotten.
	Rewrites bool
}

// A Position is a place in a channel: everything up to Seq is known.
type Position struct {
	Epoch string `json:"epoch"`
	Seq   int64  `json:"seq"`
}

// A Log is the truth: what was committed, whatever the broker says.
type Log interface {
	// Heads returns the last seq of each channel; a channel that was never told
	// anything is missing or 0. A thousand names are common.
	Heads(ctx context.Context, channels []string) (Heads, error)
	// Range returns up to limit entries after a seq, in order and without gaps,
	// unless after is below Floor.
	Range(ctx context.Context, channel string, after int64, limit int) (Range, error)
}

// Heads is what a Log says of many channels at one instant.
type Heads struct {
	Epoch string
	Head  map[string]int64
}

// A Range is a piece of one channel at one instant.
type Range struct {
	Epoch   string
	Head    int64 // the channel's last seq
	Floor   int64 // entries up to here are not held any more; 0 when all are
	Entries []Entry
}
