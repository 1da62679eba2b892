package live

import (
	"encoding/json"
	"time"
)

// subprotocol is the name of what is spoken on a socket.
const subprotocol = "openinsure.v1.json"

// A frame is what the server says; fields that do not belong to its type are
// zero. Types and fields that a newer server adds are ignored.
type frame struct {
	ID        int64      `json:"id"`
	Type      string     `json:"type"`
	Ping      int        `json:"ping"` // seconds
	Channel   string     `json:"channel"`
	Epoch     string     `json:"epoch"`
	Seq       int64      `json:"seq"`
	Resumed   bool       `json:"resumed"`
	Reset     string     `json:"reset"`
	Reason    string     `json:"reason"`
	Event     *Envelope  `json:"event"`
	MessageID string     `json:"messageId"`
	Duplicate bool       `json:"duplicate"`
	On        bool       `json:"on"`
	Code      string     `json:"code"`
	Message   string     `json:"message"`
	Retry     bool       `json:"retry"`
	AfterMs   int64      `json:"afterMs"`
	Reconnect int64      `json:"reconnectInMs"`
	ExpiresAt *time.Time `json:"expiresAt"`
	Version   int64      `json:"version"`

	By           json.RawMessage `json:"by"`
	Join         json.RawMessage `json:"join"`
	Leave        json.RawMessage `json:"leave"`
	Room         json.RawMessage `json:"room"`
	Participants json.RawMessage `json:"participants"`
	Messages     json.RawMessage `json:"messages"`
	Annotations  json.RawMessage `json:"annotations"`
}

// A request is what the client says.
type request struct {
	ID       int64     `json:"id,omitempty"`
	Type     string    `json:"type"`
	Channel  string    `json:"channel,omitempty"`
	Since    *Position `json:"since,omitempty"`
	ClientID string    `json:"clientId,omitempty"`
	Body     string    `json:"body,omitempty"`
	ReplyTo  string    `json:"replyTo,omitempty"`
	Mentions []string  `json:"mentions,omitempty"`
	On       *bool     `json:"on,omitempty"`
	Seq      *int64    `json:"seq,omitempty"`
	Token    string    `json:"token,omitempty"`
}

func (q request) body() []byte {
	b, err := json.Marshal(q)
	if err != nil {
		panic(err) // strings and numbers are always JSON
	}
	return b
}

func (f frame) position() Position { return Position{Epoch: f.Epoch, Seq: f.Seq} }
