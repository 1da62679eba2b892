package live

import (
	"encoding/json"
	"time"
)

// An Event is something that a Client tells its Handler: an Init, Subscribed,
// Entry, Live, Reset, Typing, Read, Presence, Unsubscribed or Disconnected.
type Event interface{ event() }

// An Init is the state of the Config's Room at Position, the first event of
// each connection to it.
//
// The first one, and one with a Reset, replaces what the caller knew of the
// room. One that is Resumed brings no messages: the Entries after it do.
type Init struct {
	Channel      string
	Position     Position // that the caller stands at
	Resumed      bool
	Reset        string // why the server could not go on, as a Reset's Reason; empty if it could or was not asked to
	Room         json.RawMessage
	Participants json.RawMessage
	Messages     json.RawMessage // the last 50
	Annotations  json.RawMessage
}

// Subscribed says that a channel is heard from Position on, after each
// connection.
type Subscribed struct {
	Channel  string
	Position Position
	Resumed  bool
}

// An Entry is one thing that happened in a channel. Its seq is the last one's
// + 1, always.
type Entry struct {
	Channel string
	Epoch   string
	Seq     int64
	Event   Envelope
}

// An Envelope is an event of the platform; the catalogue in the API's
// documentation says what Data is for each Type.
type Envelope struct {
	ID        string          `json:"id"`
	Type      string          `json:"type"`
	OrgID     string          `json:"orgId"`
	Timestamp time.Time       `json:"timestamp"`
	Data      json.RawMessage `json:"data"`
}

// Live says that what had been missed has all been told.
type Live struct {
	Channel string
	Seq     int64
}

// A Reset says that the server cannot go on from where the caller stood, and
// goes on after Position instead. Load what the channel holds by REST.
type Reset struct {
	Channel  string
	Position Position
	Reason   string // too_old, epoch or ahead
}

// Typing says that somebody began or stopped to type; By is {"id","name",…}.
type Typing struct {
	Channel string
	On      bool
	By      json.RawMessage
}

// Read says that somebody has read up to Seq.
type Read struct {
	Channel string
	Seq     int64
	By      json.RawMessage
}

// Presence says who came to a channel and who went; Version counts the changes.
type Presence struct {
	Channel     string
	Version     int64
	Join, Leave json.RawMessage
}

// Unsubscribed says that a channel is not heard any more, and why: the caller
// was refused it, or removed from it.
type Unsubscribed struct {
	Channel string
	Code    string
	Message string
}

// Disconnected says that the connection is gone, or was not made, and when the
// next try is.
type Disconnected struct {
	Err  error
	Wait time.Duration
}

func (Init) event()         {}
func (Subscribed) event()   {}
func (Entry) event()        {}
func (Live) event()         {}
func (Reset) event()        {}
func (Typing) event()       {}
func (Read) event()         {}
func (Presence) event()     {}
func (Unsubscribed) event() {}
func (Disconnected) event() {}
