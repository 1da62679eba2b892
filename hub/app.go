package hub

import (
	"context"
	"encoding/json"
	"time"
)

// A Principal is who is behind a session, as far as the hub needs to know.
type Principal struct {
	Subject string    // usr_…, key_…, per_…: whom limits count and entries revoke
	Address string    // of the client, for limits
	Expires time.Time // the session closes with 4401 unless refreshed by then; zero is never

	// Control names channels that the session's node follows for its sake: an
	// entry there whose Revokes is the Subject makes the hub ask Authorize again
	// for every channel of his sessions before it delivers on.
	Control []string

	// Identity is what others are shown with his typing, reading and presence:
	// {"id":"usr_…","name":"…"}.
	Identity json.RawMessage

	Actor any // the App's own
}

// Rights is what a principal may do in a channel that he may hear.
type Rights struct {
	Post bool  // type, and post unless Post decides otherwise
	From int64 // entries up to this seq are not his: a since below it is too old

	// Hidden is for one who looks on: others in the channel are shown neither
	// that he is there nor how far he has read.
	Hidden bool

	Grant any // the App's own, handed back to Post
}

// A Posted is where a post came to stand.
type Posted struct {
	MessageID string
	Seq       int64
	Duplicate bool // the same clientId had been posted before; nothing was made
}

// An App decides and does what the hub only carries. Errors that are a *Refusal
// reach the client as they are; any other is "internal" and logged.
type App interface {
	// Authorize says whether p may hear a channel.
	Authorize(ctx context.Context, p Principal, channel string) (Rights, error)
	// Post commits a message; frame is the client's whole frame. It calls done
	// once, from any goroutine, and does not wait for the commit. Posts of one
	// session to one channel keep their order. The right may have been given or
	// taken since r was: Post decides anew.
	Post(ctx context.Context, p Principal, r Rights, channel string, frame json.RawMessage, done func(Posted, error))
	// Read moves the principal's read position in a channel and reports whether
	// it moved.
	Read(ctx context.Context, p Principal, channel string, seq int64) (moved bool, err error)
	// Refresh exchanges a newer credential for the principal it proves, who must
	// have the same Subject.
	Refresh(ctx context.Context, p Principal, token string) (Principal, error)
}

// A Refusal is an error that a client may see.
type Refusal struct {
	Code    string // forbidden, not_found, too_many, …
	Message string
	Retry   bool          // the same frame may succeed later
	After   time.Duration // when, if Retry
	Denied  bool          // for lack of a right, which Config.Denied hears of
}

// A Denial is something that a session was denied after it was opened: a frame,
// or a channel that it heard until then.
type Denial struct {
	Principal Principal
	Frame     string // type of the frame; empty: the channel was taken away
	Channel   string // as the client named it
	Code      string // of the Refusal
}

// Error implements error.
func (r *Refusal) Error() string { return r.Code + ": " + r.Message }

// A Welcome is the first frame of a session that was opened for one channel,
// which it is subscribed to from the start.
type Welcome struct {
	Channel string
	Epoch   string
	Seq     int64 // the channel's head when Fields were read
	From    int64 // entries after this are sent; Seq unless the client resumes
	// Fields are added to the init frame: room, participants, messages, …
	Fields json.RawMessage
	Rights Rights

	expires time.Time // of the session
}
