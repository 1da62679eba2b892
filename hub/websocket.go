package hub

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/coder/websocket"
)

// An Opening is what the caller found out about a request before it becomes a
// session: who it is, and that its Origin may.
type Opening struct {
	Principal Principal
	// Welcome, if not nil, reads the first frame and the channel the session is
	// subscribed to from the start. It is called once the node follows the
	// Control channels of the principal, so that what it reads of his rights can
	// not be outdated unnoticed.
	Welcome func(ctx context.Context) (*Welcome, error)
	Batch   bool // the client takes several frames joined by newlines
}

// Upgradable says why a request cannot become a WebSocket, as a *Refusal that
// nothing has been written about; nil if it can.
func (h *Hub) Upgradable(r *http.Request) error {
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(r.Header.Get("Sec-WebSocket-Key")))
	switch {
	case r.ProtoMajor != 1 || r.ProtoMinor < 1 || r.Method != http.MethodGet ||
		!hasToken(r.Header, "Connection", "upgrade") || !hasToken(r.Header, "Upgrade", "websocket"):
		return &Refusal{Code: "upgrade_required", Message: "This address speaks WebSocket over HTTP/1.1 only."}
	case r.Header.Get("Sec-WebSocket-Version") != "13":
		return &Refusal{Code: "upgrade_required", Message: "Only version 13 of the WebSocket protocol is spoken here."}
	case err != nil || len(key) != 16 || len(r.Header.Values("Sec-WebSocket-Key")) != 1:
		return &Refusal{Code: "bad_request", Message: "Sec-WebSocket-Key is not 16 bytes in base64."}
	}
	return nil
}

func hasToken(h http.Header, name, token string) bool {
	for _, v := range h.Values(name) {
		for t := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(t), token) {
				return true
			}
		}
	}
	return false
}

// ServeWS makes a session of a request. An error means that nothing was written
// and that the caller is to answer; a *Refusal may be shown. The session goes
// on after ServeWS returned.
func (h *Hub) ServeWS(w http.ResponseWriter, r *http.Request, o Opening) error {
	if err := h.Upgradable(r); err != nil {
		return err
	}
	s := h.newSession(o.Principal)
	s.batch.Store(o.Batch)
	welcome, ch, err := h.admit(r.Context(), s, o.Welcome)
	if err != nil {
		return err
	}
	k := &keeper{ResponseWriter: w}
	t := &socket{session: s, gone: make(chan struct{})}
	t.conn, err = websocket.Accept(k, r, &websocket.AcceptOptions{
		Subprotocols: []string{Subprotocol}, InsecureSkipVerify: true, // the caller checked the origin
		CompressionMode: websocket.CompressionDisabled,
		OnPingReceived:  func(context.Context, []byte) bool { s.alive(); return true },
		OnPongReceived:  func(context.Context, []byte) { s.alive() },
	})
	if err != nil {
		h.log.Warn("a request could not be upgraded", "error", err)
		if ch != nil {
			h.let(ch, false)
		}
		s.finish()
		return nil // Accept has answered
	}
	t.conn.SetReadLimit(-1) // read says 4400 itself
	t.raw = k.conn
	if welcome != nil {
		welcome.expires = o.Principal.Expires
		s.begin(t, nil)
	} else {
		first := answer{Type: "connected", Session: s.id, Ping: seconds(h.cfg.Ping)}
		if !o.Principal.Expires.IsZero() {
			first.ExpiresAt = &o.Principal.Expires
		}
		s.begin(t, &frame{body: first.body()})
	}
	h.registry.live.Go(func() { t.run(welcome, ch) })
	return nil
}

// alive notes a sign of life.
func (s *session) alive() { s.seen.Store(s.hub.nano()) }

// A keeper keeps the connection that is hijacked through it.
type keeper struct {
	http.ResponseWriter
	conn net.Conn
}

// Hijack implements http.Hijacker.
func (k *keeper) Hijack() (c net.Conn, rw *bufio.ReadWriter, err error) {
	c, rw, err = http.NewResponseController(k.ResponseWriter).Hijack()
	k.conn = c
	return c, rw, err
}

// A socket is the transport over coder/websocket: it hands each batch to a
// goroutine that writes it with the library and is gone when there is nothing
// to write.
type socket struct {
	session *session
	conn    *websocket.Conn
	raw     net.Conn
	gone    chan struct{} // closed once the connection is
	flight  atomic.Int64  // the instant, in ns, of the last progress of the batch on its way, or 0

	mu     sync.Mutex // guards what follows, and that flight leaves 0
	batch  []frame    // on its way
	closed bool       // close was called
	last   []frame    // to be sent before the good-bye
	code   CloseCode
	reason string
}

func (t *socket) tryWrite(frames []frame) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return 0, net.ErrClosed
	}
	if t.busy() {
		return 0, nil
	}
	t.batch = append(t.batch, frames...)
	t.flight.Store(t.session.hub.nano())
	t.session.hub.tasks.Go(t.write)
	return len(frames), nil
}

func (t *socket) busy() bool   { return t.flight.Load() != 0 }
func (t *socket) moved() int64 { return t.flight.Load() }

// buffers are for joining frames and reading them.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func (t *socket) write() {
	err := t.writeBatch(t.batch)
	t.mu.Lock()
	clear(t.batch)
	if t.batch = t.batch[:0]; cap(t.batch) > 4 {
		t.batch = nil
	}
	t.flight.Store(0)
	closed := t.closed
	t.mu.Unlock()
	switch {
	case closed:
		t.hangUp()
	case err != nil:
		t.session.end(0, "")
	default:
		t.session.ready()
	}
}

// writeBatch writes without a deadline: the session's sweep kills the
// connection of a batch that makes no progress.
func (t *socket) writeBatch(batch []frame) error {
	if len(batch) > 1 && t.session.batch.Load() {
		b := buffers.Get().(*bytes.Buffer)
		defer buffers.Put(b)
		b.Reset()
		for i, f := range batch {
			if i > 0 {
				b.WriteByte('\n')
			}
			b.Write(f.body)
		}
		return t.conn.Write(context.Background(), websocket.MessageText, b.Bytes())
	}
	for _, f := range batch {
		if err := t.conn.Write(context.Background(), websocket.MessageText, f.body); err != nil {
			return err
		}
		t.flight.Store(t.session.hub.nano())
	}
	return nil
}

func (t *socket) close(last []frame, code CloseCode, reason string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	t.closed, t.last, t.code, t.reason = true, last, code, reason
	if !t.busy() {
		t.session.hub.tasks.Go(t.hangUp)
	}
}

// hangUp says good-bye and waits a little for the client's.
func (t *socket) hangUp() {
	defer close(t.gone)
	if t.code == 0 {
		_ = t.conn.CloseNow() // the client is gone
		return
	}
	_ = t.writeBatch(t.last)                                 // as far as he takes them: what is left after 5 s is cut off
	_ = t.conn.Close(websocket.StatusCode(t.code), t.reason) // a client may be too broken for good-byes
}

func (t *socket) kill() { _ = t.raw.Close() } // closed twice at worst

// run subscribes to what the session was opened for and reads until it is over.
func (t *socket) run(welcome *Welcome, ch *channel) {
	s := t.session
	defer s.finish()
	if welcome != nil {
		s.joinWelcome(welcome, ch)
	}
	bucket := newBucket(s.hub.cfg.FrameRate, s.hub.cfg.FrameBurst, s.hub.nano())
	for s.awaitRoom() && t.readFrame(&bucket) {
	}
	s.end(0, "")
	<-t.gone
}

// readFrame reads and handles one frame and reports whether to go on.
func (t *socket) readFrame(limit *bucket) bool {
	s := t.session
	typ, r, err := t.conn.Reader(context.Background())
	if err != nil {
		return false
	}
	b := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(b)
	b.Reset()
	_, err = b.ReadFrom(io.LimitReader(r, int64(s.hub.cfg.FrameBytes)+1))
	switch {
	case err != nil:
		return false
	case b.Len() > s.hub.cfg.FrameBytes:
		s.end(CloseBadFrame, "a frame is at most "+strconv.Itoa(s.hub.cfg.FrameBytes)+" bytes")
		return false
	case typ != websocket.MessageText:
		s.end(CloseBadFrame, "a frame is text")
		return false
	case !limit.take(s.hub.nano()):
		s.end(CloseLimit, "more than "+strconv.Itoa(limit.rate)+" frames a second")
		return false
	}
	s.handling.Store(true)
	ok := s.handle(b.Bytes())
	s.alive()
	s.handling.Store(false)
	return ok
}
