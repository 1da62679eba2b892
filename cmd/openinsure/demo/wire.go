package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// A wireFrame is any frame of the live protocol.
type wireFrame struct {
	Type    string          `json:"type"`
	Channel string          `json:"channel"`
	Seq     int64           `json:"seq"`
	Event   json.RawMessage `json:"event"`
	Code    string          `json:"code"`
	Message string          `json:"message"`
}

// watch opens a connection whose every frame is judged as it stands on the wire,
// which no client does: it says nothing, and forgives nothing. It returns once
// all of ears is heard.
func (p *player) watch(ctx context.Context, who string, by caller, room string, es ears) error {
	path := "/v1/ws"
	if room != "" {
		path = "/v1/deal-rooms/" + room + "/ws"
	}
	opening, cancel := context.WithTimeoutCause(ctx, callTime, errors.New("the channels were not opened in time"))
	defer cancel()
	conn, res, err := websocket.Dial(opening, "ws"+strings.TrimPrefix(by.base, "http")+path, &websocket.DialOptions{
		HTTPHeader: http.Header{"Authorization": {"Bearer " + by.token}}, Subprotocols: []string{"openinsure.v1.json"},
	})
	if res != nil && res.Body != nil {
		defer func() { _ = res.Body.Close() }() // a refusal's, which err tells of
	}
	if err != nil {
		return fmt.Errorf("%s's connection: %w", who, err)
	}
	conn.SetReadLimit(4 << 20)
	w := &wire{who: who, conn: conn, ears: es, ledger: p.ledger, at: map[string]int64{}}
	if err := w.open(opening); err != nil {
		_ = conn.CloseNow() // it is of no use
		return fmt.Errorf("%s's connection: %w", who, err)
	}
	p.work.Go(func() {
		err := w.run(p.hearing)
		_ = conn.CloseNow() // all was read
		if p.hearing.Err() == nil {
			p.ledger.Trouble(fmt.Sprintf("%s's connection broke: %v", who, err))
		}
	})
	return nil
}

// A wire is a connection, frame by frame.
type wire struct {
	who    string
	conn   *websocket.Conn
	ears   ears
	ledger *Ledger
	at     map[string]int64 // the last number of each channel that is heard
}

// open subscribes to what the connection does not hear by itself.
func (w *wire) open(ctx context.Context) error {
	f, err := w.read(ctx)
	if err != nil {
		return err
	}
	switch f.Type {
	case "init":
		w.at[f.Channel] = f.Seq
	case "connected":
	default:
		return fmt.Errorf("the first frame is %s %s: %s", f.Type, f.Code, f.Message)
	}
	for channel := range w.ears {
		if _, heard := w.at[channel]; heard || !isChannel(channel) {
			continue
		}
		frame, err := json.Marshal(map[string]any{"id": len(w.at), "type": "subscribe", "channel": channel})
		if err != nil {
			return err
		}
		if err := w.conn.Write(ctx, websocket.MessageText, frame); err != nil {
			return err
		}
		for {
			f, err := w.read(ctx)
			if err != nil {
				return err
			}
			if f.Type == "error" {
				return fmt.Errorf("%s: %s %s", channel, f.Code, f.Message)
			}
			if err := w.take(ctx, f); err != nil {
				return err
			}
			if f.Type == "subscribed" {
				break
			}
		}
	}
	return nil
}

func (w *wire) run(ctx context.Context) error {
	for {
		f, err := w.read(ctx)
		if err != nil {
			return err
		}
		if err := w.take(ctx, f); err != nil {
			return err
		}
	}
}

func (w *wire) read(ctx context.Context) (f wireFrame, err error) {
	_, b, err := w.conn.Read(ctx)
	if err != nil {
		return f, err
	}
	return f, json.Unmarshal(b, &f)
}

// forNow are the frames that have no place in a channel.
var forNow = []string{"typing", "read", "presence", "live"}

func (w *wire) take(ctx context.Context, f wireFrame) error {
	at := time.Now()
	switch {
	case f.Type == "ping":
		return w.conn.Write(ctx, websocket.MessageText, []byte(`{"type":"pong"}`))
	case f.Type == "subscribed":
		w.at[f.Channel] = f.Seq
		return nil
	case slices.Contains(forNow, f.Type):
		return nil
	case f.Type != "entry":
		return fmt.Errorf("it was sent %s %s: %s", f.Type, f.Code, f.Message)
	}
	if was := w.at[f.Channel]; f.Seq != was+1 {
		w.ledger.Trouble(fmt.Sprintf("%s was sent %d after %d of %s", w.who, f.Seq, was, f.Channel))
	}
	w.at[f.Channel] = f.Seq
	var e envelope
	if err := json.Unmarshal(f.Event, &e); err != nil {
		return err
	}
	w.ears.take(w.ledger, w.who, f.Channel, f.Seq, e, at)
	return nil
}
