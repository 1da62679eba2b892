package hub

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// ServeSSE sends one channel as server-sent events until the client leaves: for
// where sockets are blocked. Events are the frames of the protocol, and their
// ids the positions that a client sends back as Last-Event-ID: since.
//
// An error means that nothing was written and that the caller is to answer; a
// *Refusal may be shown.
func (h *Hub) ServeSSE(w http.ResponseWriter, r *http.Request, p Principal, channel string, since *Position) error {
	s := h.newSession(p)
	s.oneWay = true
	if _, _, err := h.admit(r.Context(), s, nil); err != nil {
		return err
	}
	defer s.finish()
	t := &stream{session: s, w: w, control: http.NewResponseController(w), batches: make(chan []frame, 1), gone: make(chan struct{})}
	defer t.done()
	ctx, cancel := context.WithTimeoutCause(r.Context(), h.cfg.LogTimeout, errors.New("open a stream"))
	defer cancel()
	ch, err := h.hold(ctx, channel, since)
	if err != nil {
		return err
	}
	s.begin(t, &frame{kind: framePing})
	if err := s.join(ctx, ch, &joining{since: since}, nil); err != nil {
		_, refused := errors.AsType[*Refusal](err)
		h.let(ch, refused)
		return err
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // proxies that buffer would hold entries back
	t.run(r.Context())
	return nil
}

// A stream is the transport over a response of server-sent events: batches are
// written by the request's own goroutine.
type stream struct {
	session *session
	w       http.ResponseWriter
	control *http.ResponseController
	batches chan []frame // at most the one on its way
	flight  atomic.Int64
	gone    chan struct{} // closed by close

	mu     sync.Mutex // guards what follows
	closed bool
	last   []frame // to be sent before the end
	over   bool    // the handler returned: control is not to be used
}

func (t *stream) tryWrite(frames []frame) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return 0, net.ErrClosed
	}
	if t.busy() {
		return 0, nil
	}
	t.flight.Store(t.session.hub.nano())
	t.batches <- append([]frame(nil), frames...)
	return len(frames), nil
}

func (t *stream) busy() bool   { return t.flight.Load() != 0 }
func (t *stream) moved() int64 { return t.flight.Load() }

func (t *stream) close(last []frame, _ CloseCode, _ string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		t.closed, t.last = true, last
		close(t.gone)
	}
}

func (t *stream) kill() {
	t.close(nil, 0, "")
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.over {
		_ = t.control.SetWriteDeadline(time.Unix(1, 0)) // ends a write that waits
	}
}

func (t *stream) done() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
}

// run writes what it is given until the session or the client is over.
func (t *stream) run(client context.Context) {
	_ = t.control.SetWriteDeadline(time.Time{}) // a stream outlives the server's write timeout
	var b bytes.Buffer
	for {
		select {
		case batch := <-t.batches:
			if !t.write(&b, batch) {
				return
			}
		case <-client.Done():
			return
		case <-t.gone:
			select {
			case batch := <-t.batches:
				t.write(&b, batch)
			default:
			}
			t.write(&b, t.last) // close wrote it before it closed gone
			return
		}
	}
}

// write sends a batch and reports whether the client is still there.
func (t *stream) write(b *bytes.Buffer, batch []frame) bool {
	b.Reset()
	for _, f := range batch {
		writeEvent(b, f)
	}
	if _, err := t.w.Write(b.Bytes()); err != nil {
		return false
	}
	if err := t.control.Flush(); err != nil {
		return false
	}
	t.flight.Store(0)
	t.session.ready()
	return true
}

// writeEvent writes a frame as an event. One without data only moves the
// client's Last-Event-ID.
func writeEvent(b *bytes.Buffer, f frame) {
	if f.kind == frameReset {
		b.WriteString("event: reset\n")
	}
	switch f.kind {
	case framePing:
		b.WriteString(": ping\n\n")
		return
	case frameEntry, frameReset, frameStart:
		b.WriteString("id: " + f.epoch + ":" + strconv.FormatInt(f.seq, 10) + "\n")
	case frameDrain:
		b.WriteString("retry: " + strconv.FormatInt(f.seq, 10) + "\n")
	case frameOther:
	}
	if len(f.body) > 0 {
		b.WriteString("data: ")
		b.Write(f.body)
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
}
