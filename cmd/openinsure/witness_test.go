package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/uuid"

	"github.com/openinsure/openinsure/hub"
)

// A witness is a strict client of one room: it notes what it is handed, and
// complains of anything but seq + 1. It comes back to another node each time
// its connection ends, with its position and nothing else.
type witness struct {
	t     *testing.T
	c     *cluster
	room  string
	token func() string
	first int // the node it begins with

	mu    sync.Mutex // guards the rest
	at    hub.Position
	start int64 // what its first init had
	seen  []logged
	comes int // connections
	moved chan struct{}
}

// liveFrame is any frame of the server.
type liveFrame struct {
	ID       json.RawMessage `json:"id"`
	Type     string          `json:"type"`
	Channel  string          `json:"channel"`
	Epoch    string          `json:"epoch"`
	Seq      int64           `json:"seq"`
	Event    json.RawMessage `json:"event"`
	Code     string          `json:"code"`
	Message  string          `json:"message"`
	Resumed  bool            `json:"resumed"`
	Reason   string          `json:"reason"`
	Messages json.RawMessage `json:"messages"`
}

// dial opens a room's socket on node n by ticket.
func (c *cluster) dial(ctx context.Context, n int, token, room string, since *hub.Position) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var ticket struct {
		WSURL string `json:"wsUrl"`
	}
	if err := send(ctx, c.node(n).url, token, http.MethodGet, "/v1/deal-rooms/"+room+"/ws", nil, &ticket); err != nil {
		return nil, err
	}
	url := ticket.WSURL
	if since != nil {
		url += fmt.Sprintf("&since=%s:%d", since.Epoch, since.Seq)
	}
	conn, res, err := websocket.Dial(ctx, url, nil)
	if res != nil && res.Body != nil {
		defer func() { _ = res.Body.Close() }()
	}
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(4 << 20)
	return conn, nil
}

// run watches until ctx is over.
func (w *witness) run(ctx context.Context) {
	for n := w.first; ctx.Err() == nil; n++ {
		if err := w.watch(ctx, n); err != nil && ctx.Err() == nil {
			pause(ctx, time.Duration(20+rand.IntN(100))*time.Millisecond)
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (w *witness) watch(ctx context.Context, n int) error {
	w.mu.Lock()
	var since *hub.Position
	if w.at.Epoch != "" {
		at := w.at
		since = &at
	}
	w.mu.Unlock()
	conn, err := w.c.dial(ctx, n, w.token(), w.room, since)
	if err != nil {
		return err
	}
	defer func() { _ = conn.CloseNow() }()
	for {
		_, b, err := conn.Read(ctx)
		if err != nil {
			return err
		}
		var f liveFrame
		if err := json.Unmarshal(b, &f); err != nil {
			w.t.Errorf("a frame that is not JSON: %s", b)
			return err
		}
		if err := w.take(f); err != nil {
			w.t.Error(err)
			return err
		}
		if f.Type == "ping" {
			if err := conn.Write(ctx, websocket.MessageText, []byte(`{"type":"pong"}`)); err != nil {
				return err
			}
		}
	}
}

func (w *witness) take(f liveFrame) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch f.Type {
	case "init":
		w.comes++
		switch {
		case w.at.Epoch == "":
			w.at, w.start = hub.Position{Epoch: f.Epoch, Seq: f.Seq}, f.Seq
		case !f.Resumed || f.Epoch != w.at.Epoch:
			return fmt.Errorf("not resumed at %v: %+v", w.at, f)
		}
	case "entry":
		if f.Seq != w.at.Seq+1 {
			return fmt.Errorf("seq %d after %d", f.Seq, w.at.Seq)
		}
		w.at.Seq = f.Seq
		w.seen = append(w.seen, logged{seq: f.Seq, payload: string(f.Event)})
		select {
		case w.moved <- struct{}{}:
		default:
		}
	case "reset":
		return fmt.Errorf("reset: %+v", f)
	}
	return nil
}

func (w *witness) seq() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at.Seq
}

// until waits until the witness has seen a seq.
func (w *witness) until(ctx context.Context, seq int64) error {
	for w.seq() < seq {
		select {
		case <-w.moved:
		case <-ctx.Done():
			return fmt.Errorf("stands at %d, not %d", w.seq(), seq)
		}
	}
	return nil
}

// compare holds what was seen against the database.
func (w *witness) compare(all []logged) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	want := all[w.start:]
	if len(w.seen) != len(want) {
		return fmt.Errorf("%d entries after %d, the database has %d", len(w.seen), w.start, len(want))
	}
	for i, e := range w.seen {
		if e.seq != want[i].seq || e.payload != want[i].payload {
			return fmt.Errorf("entry %d is\n%s\nthe database has %d\n%s", e.seq, e.payload, want[i].seq, want[i].payload)
		}
	}
	return nil
}

// A talker posts into a room, each message twice and until it is answered, by
// REST or by socket.
type talker struct {
	c      *cluster
	room   string
	token  func() string
	first  int
	socket bool
	pace   time.Duration

	said  atomic.Int64
	mu    sync.Mutex // guards acked
	acked map[string]int64
}

func (k *talker) run(ctx, hard context.Context) {
	for n := k.first; ctx.Err() == nil; n++ {
		id := uuid.NewString()
		body := fmt.Sprintf("message %s of %d", id, k.first)
		var again bool
		for hard.Err() == nil {
			err := k.post(hard, n, id, body)
			if err == nil && again {
				break
			}
			if err == nil {
				again = true // a client that did not see the answer
			} else {
				n++
				pause(hard, 50*time.Millisecond)
			}
		}
		k.said.Add(1)
		pause(ctx, k.pace)
	}
}

func (k *talker) note(id string, seq int64) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if was, ok := k.acked[id]; ok && was != seq {
		return fmt.Errorf("%s was seq %d and now is %d", id, was, seq)
	}
	k.acked[id] = seq
	return nil
}

func (k *talker) post(ctx context.Context, n int, id, body string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if !k.socket {
		var m struct {
			Seq int64 `json:"seq"`
		}
		err := send(ctx, k.c.node(n).url, k.token(), http.MethodPost, "/v1/deal-rooms/"+k.room+"/messages", map[string]any{"body": body, "clientId": id}, &m)
		if err != nil {
			return err
		}
		return k.note(id, m.Seq)
	}
	conn, err := k.c.dial(ctx, n, k.token(), k.room, nil)
	if err != nil {
		return err
	}
	defer func() { _ = conn.CloseNow() }()
	frame, err := json.Marshal(map[string]any{"id": 1, "type": "post", "channel": "room:" + k.room, "clientId": id, "body": body})
	if err != nil {
		return err
	}
	if err := conn.Write(ctx, websocket.MessageText, frame); err != nil {
		return err
	}
	for {
		_, b, err := conn.Read(ctx)
		if err != nil {
			return err
		}
		var f liveFrame
		if err := json.Unmarshal(b, &f); err != nil {
			return err
		}
		switch {
		case f.Type == "posted":
			return k.note(id, f.Seq)
		case f.Type == "error":
			return errors.New(f.Message)
		}
	}
}
