package hub

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"time"
	"unicode/utf8"
)

// Subprotocol is the name of what is spoken on a socket.
const Subprotocol = "openinsure.v1.json"

// A frame is one JSON object, or several joined by newlines, ready to be sent.
// Its body is shared by all who are sent it and never changes.
type frame struct {
	body []byte
	kind frameKind

	// The position behind an entry or a reset, for transports that show it.
	epoch string
	seq   int64
}

type frameKind byte

const (
	frameOther frameKind = iota
	frameEntry
	frameReset
	framePing
	frameStart // no body: only says where a stream stands
	frameDrain
)

var pingBody = []byte(`{"type":"ping"}`)

// errNotJSON is a frame that no answer can be given to.
var errNotJSON = errors.New("a frame is one JSON object in UTF-8")

const (
	channelBytes = 200 // of a channel's name
	idBytes      = 64  // of a frame's id
)

// A request is a client's frame.
type request struct {
	ID       json.RawMessage `json:"id"`
	Type     string          `json:"type"`
	Channel  string          `json:"channel"`
	Since    *Position       `json:"since"`
	Presence bool            `json:"presence"`
	On       bool            `json:"on"`
	Seq      int64           `json:"seq"`
	Token    string          `json:"token"`
	Batch    *bool           `json:"batch"`
	After    string          `json:"after"`
}

// parseRequest reads a client's frame. Its error is errNotJSON, or a Refusal
// for a frame whose fields make no sense; the request then still has the id, if
// that was one.
func parseRequest(data []byte) (request, error) {
	var q request
	trimmed := bytes.TrimLeft(data, " \t\r\n")
	if len(trimmed) == 0 || trimmed[0] != '{' || !utf8.Valid(data) || !json.Valid(data) {
		return q, errNotJSON
	}
	err := json.Unmarshal(data, &q)
	badID := !validID(q.ID)
	if badID || string(q.ID) == "null" {
		q.ID = nil
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return q, badFrame(wrong.Field + " is of the wrong type")
	}
	switch {
	case err != nil:
		return q, badFrame("a field is of the wrong type")
	case badID:
		return q, badFrame("id is a number, or a string of at most 64 bytes")
	case len(q.Channel) > channelBytes:
		return q, badFrame("channel is longer than 200 bytes")
	case q.Since != nil && (q.Since.Seq < 0 || len(q.Since.Epoch) > idBytes):
		return q, badFrame("since is not a position")
	case q.Seq < 0:
		return q, badFrame("seq is negative")
	}
	return q, nil
}

func badFrame(why string) *Refusal {
	return &Refusal{Code: "bad_frame", Message: "The frame was not understood: " + why + "."}
}

// validID reports whether raw, which is valid JSON or empty, may be an id.
func validID(raw json.RawMessage) bool {
	if len(raw) == 0 || string(raw) == "null" {
		return true
	}
	return len(raw) <= idBytes && (raw[0] == '"' || raw[0] == '-' || '0' <= raw[0] && raw[0] <= '9')
}

// quote returns s as JSON.
func quote(s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string is always JSON
	}
	return b
}

// entryFrame builds the frame of an entry; channel is already quoted.
func entryFrame(channel []byte, seq int64, payload []byte) []byte {
	b := make([]byte, 0, len(channel)+len(payload)+64)
	b = append(b, `{"type":"entry","channel":`...)
	b = append(b, channel...)
	b = append(b, `,"seq":`...)
	b = strconv.AppendInt(b, seq, 10)
	b = append(b, `,"event":`...)
	b = append(b, payload...)
	return append(b, '}')
}

// An answer is a server's frame that is not an entry. Fields that do not belong
// to its type stay empty.
type answer struct {
	ID        json.RawMessage `json:"id,omitempty"`
	Type      string          `json:"type"`
	Session   string          `json:"session,omitempty"`
	Ping      int             `json:"ping,omitempty"` // seconds
	Channel   string          `json:"channel,omitempty"`
	Epoch     string          `json:"epoch,omitempty"`
	Seq       *int64          `json:"seq,omitempty"`
	Resumed   *bool           `json:"resumed,omitempty"`
	Reason    string          `json:"reason,omitempty"`
	MessageID string          `json:"messageId,omitempty"`
	Duplicate *bool           `json:"duplicate,omitempty"`
	On        *bool           `json:"on,omitempty"`
	By        json.RawMessage `json:"by,omitempty"`
	Code      string          `json:"code,omitempty"`
	Message   string          `json:"message,omitempty"`
	Retry     *bool           `json:"retry,omitempty"`
	AfterMs   *int64          `json:"afterMs,omitempty"`
	Reconnect *int64          `json:"reconnectInMs,omitempty"`
	ExpiresAt *time.Time      `json:"expiresAt,omitempty"`

	// Of presence.
	Version uint64            `json:"version,omitempty"`
	Join    []json.RawMessage `json:"join,omitempty"`
	Leave   []string          `json:"leave,omitempty"`
	Count   *int              `json:"count,omitempty"` // of all, in an answer
	After   string            `json:"after,omitempty"` // ask again with it for the rest
}

func (a answer) body() []byte {
	b, err := json.Marshal(a)
	if err != nil {
		// Only an Identity that is not JSON gets here.
		a.By = nil
		b, _ = json.Marshal(a)
	}
	return b
}

func refusalAnswer(id json.RawMessage, r *Refusal) answer {
	return answer{
		ID: id, Type: "error", Code: r.Code, Message: r.Message,
		Retry: &r.Retry, AfterMs: new(r.After.Milliseconds()),
	}
}

// initBody builds the first frame of a session that has a Welcome.
func initBody(session string, ping time.Duration, w *Welcome) []byte {
	a := answer{Type: "init", Session: session, Ping: seconds(ping), Channel: w.Channel, Epoch: w.Epoch, Seq: &w.Seq}
	if !w.expires.IsZero() {
		a.ExpiresAt = &w.expires
	}
	b := a.body()
	fields := bytes.TrimSpace(w.Fields)
	if len(fields) < 2 || fields[0] != '{' {
		return b
	}
	if inner := bytes.TrimSpace(fields[1 : len(fields)-1]); len(inner) > 0 {
		b = append(b[:len(b)-1], ',')
		b = append(b, inner...)
		b = append(b, '}')
	}
	return bytes.ReplaceAll(b, []byte("\n"), []byte(" ")) // a newline is only ever between tokens
}

// seconds is how a duration is told to clients, at least 1.
func seconds(d time.Duration) int { return max(1, int(d/time.Second)) }
