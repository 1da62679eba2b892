package hub_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/openinsure/openinsure/hub"
)

// patience is how long tests wait for what must come.
const patience = 20 * time.Second

// testApp lets everybody hear and post everything but what was refused.
type testApp struct {
	log     *memoryLog
	publish atomic.Pointer[func(...hub.Entry)]
	asked   atomic.Int64

	mu      sync.Mutex
	refused map[string]*hub.Refusal // by subject+" "+channel
	from    int64                   // of everybody's rights
	noisy   bool                    // quiet channels are no longer
	hidden  string                  // a subject who only looks on
	hold    chan struct{}           // while not nil, posts wait for it
	during  func()                  // called once Authorize has made up its mind
}

func newApp(log *memoryLog) *testApp {
	return &testApp{log: log, refused: map[string]*hub.Refusal{}}
}

func (a *testApp) refuse(subject, channel string, r *hub.Refusal) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refused[subject+" "+channel] = r
}

func (a *testApp) Authorize(_ context.Context, p hub.Principal, channel string) (hub.Rights, error) {
	a.asked.Add(1)
	a.mu.Lock()
	r, during := a.refused[p.Subject+" "+channel], a.during
	rights := hub.Rights{Post: a.mayPost(channel), From: a.from, Hidden: a.hidden != "" && p.Subject == a.hidden}
	a.mu.Unlock()
	if during != nil {
		during()
	}
	if r != nil {
		return hub.Rights{}, r
	}
	return rights, nil
}

// mayPost is called with a.mu held.
func (a *testApp) mayPost(channel string) bool {
	return a.noisy || !strings.HasPrefix(channel, "quiet:")
}

func (a *testApp) Post(_ context.Context, _ hub.Principal, _ hub.Rights, channel string, frame json.RawMessage, done func(hub.Posted, error)) {
	a.mu.Lock()
	hold, may := a.hold, a.mayPost(channel)
	a.mu.Unlock()
	if !may {
		done(hub.Posted{}, &hub.Refusal{Code: "forbidden", Message: "The app says no."})
		return
	}
	post := func() {
		var f struct {
			Body string `json:"body"`
		}
		if err := json.Unmarshal(frame, &f); err != nil || f.Body == "" {
			done(hub.Posted{}, errors.Join(err, errors.New("no body")))
			return
		}
		payload, _ := json.Marshal(f)
		e := a.log.commit(hub.Entry{Channel: channel, Payload: payload})
		if publish := a.publish.Load(); publish != nil {
			(*publish)(e)
		}
		done(hub.Posted{MessageID: "msg_1", Seq: e.Seq}, nil)
	}
	if hold == nil {
		post()
		return
	}
	go func() {
		<-hold
		post()
	}()
}

func (a *testApp) Read(context.Context, hub.Principal, string, int64) (bool, error) {
	return true, nil
}

func (a *testApp) Refresh(_ context.Context, p hub.Principal, token string) (hub.Principal, error) {
	if token != "good" {
		return p, &hub.Refusal{Code: "token", Message: "no"}
	}
	p.Expires = time.Now().Add(time.Hour)
	return p, nil
}

// A node is a running hub behind an HTTP server. The query of a request says
// who asks: ?as=usr_1&control=control:1&address=a&welcome=room:1&from=3.
type node struct {
	*hub.Hub
	url  string
	http *http.Client
	stop func()

	mu      sync.Mutex
	expires time.Time
	welcome func(context.Context) (*hub.Welcome, error)
}

func startNode(t testing.TB, log hub.Log, broker hub.Broker, app *testApp, cfg hub.Config) *node {
	t.Helper()
	n := &node{http: http.DefaultClient}
	server := httptest.NewServer(http.HandlerFunc(n.serve))
	n.url = server.URL
	n.start(t, server.Close, hub.New(log, broker, app, cfg), app)
	return n
}

// start runs the hub until the test is over; then it stops the server.
func (n *node) start(t testing.TB, stopServer func(), h *hub.Hub, app *testApp) {
	n.Hub = h
	publish := n.Publish
	app.publish.Store(&publish)
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan error, 1)
	go func() { over <- n.Run(ctx) }()
	n.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-over:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(patience):
			t.Error("Run did not return")
		}
		stopServer()
	})
	t.Cleanup(n.stop)
}

func (n *node) serve(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	p := hub.Principal{Subject: q.Get("as"), Address: q.Get("address"), Control: q["control"], Identity: json.RawMessage(`{"id":"` + q.Get("as") + `"}`)}
	n.mu.Lock()
	p.Expires = n.expires
	o := hub.Opening{Principal: p, Welcome: n.welcome, Batch: q.Has("batch")}
	n.mu.Unlock()
	var err error
	if q.Has("sse") {
		var since *hub.Position
		if id := r.Header.Get("Last-Event-ID"); id != "" {
			epoch, seq, _ := strings.Cut(id, ":")
			since = &hub.Position{Epoch: epoch}
			_ = json.Unmarshal([]byte(seq), &since.Seq)
		}
		err = n.ServeSSE(w, r, p, q.Get("sse"), since)
	} else {
		err = n.ServeWS(w, r, o)
	}
	if err == nil {
		return
	}
	no, ok := errors.AsType[*hub.Refusal](err)
	if !ok {
		no = &hub.Refusal{Code: "internal"}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusForbidden)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": no.Code, "message": no.Message})
}

// frame is any frame of the server.
type frame struct {
	ID        json.RawMessage
	Type      string
	Session   string
	Channel   string
	Epoch     string
	Seq       int64
	Resumed   bool
	Reason    string
	Event     json.RawMessage
	Code      string
	Message   string
	MessageID string
	Retry     bool
	On        bool
	By        json.RawMessage
	Reconnect int64 `json:"reconnectInMs"`
	Room      json.RawMessage
	Version   uint64
	Join      []json.RawMessage
	Leave     []string
	Count     int
	After     string
}

// A client is a socket that reads one frame at a time.
type client struct {
	t     testing.TB
	conn  *websocket.Conn
	ready []frame
}

func (n *node) dial(t testing.TB, query string) *client {
	t.Helper()
	c, err := n.tryDial(t, query)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (n *node) tryDial(t testing.TB, query string) (*client, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, res, err := websocket.Dial(ctx, n.url+"/?"+query, &websocket.DialOptions{HTTPClient: n.http, Subprotocols: []string{hub.Subprotocol}})
	if res != nil && res.Body != nil {
		defer res.Body.Close()
	}
	if err != nil {
		var body struct{ Error, Message string }
		if res != nil && json.NewDecoder(res.Body).Decode(&body) == nil {
			return nil, &hub.Refusal{Code: body.Error, Message: body.Message}
		}
		return nil, err
	}
	conn.SetReadLimit(1 << 20)
	t.Cleanup(func() { _ = conn.CloseNow() })
	return &client{t: t, conn: conn}, nil
}

func (c *client) send(v string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.conn.Write(ctx, websocket.MessageText, []byte(v)); err != nil {
		c.t.Fatalf("send %s: %v", v, err)
	}
}

// read returns the next frame that is not a ping, or the error that ended the
// connection.
func (c *client) read() (frame, error) {
	for {
		if len(c.ready) > 0 {
			f := c.ready[0]
			c.ready = c.ready[1:]
			if f.Type == "ping" {
				continue
			}
			return f, nil
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		_, data, err := c.conn.Read(ctx)
		cancel()
		if err != nil {
			return frame{}, err
		}
		for line := range bytes.SplitSeq(data, []byte("\n")) {
			var f frame
			if err := json.Unmarshal(line, &f); err != nil {
				c.t.Errorf("not a frame: %s", line)
			}
			c.ready = append(c.ready, f)
		}
	}
}

// next returns the next frame, which must be of the type.
func (c *client) next(typ string) frame {
	c.t.Helper()
	f, err := c.read()
	if err != nil {
		c.t.Fatalf("waiting for %s: %v", typ, err)
	}
	if f.Type != typ {
		c.t.Fatalf("got %+v, want a frame of type %s", f, typ)
	}
	return f
}

// closed reads until the connection ends and returns its code.
func (c *client) closed() hub.CloseCode {
	c.t.Helper()
	for {
		if _, err := c.read(); err != nil {
			return hub.CloseCode(websocket.CloseStatus(err))
		}
	}
}

func (c *client) subscribe(channel, since string) frame {
	c.t.Helper()
	c.send(`{"id":1,"type":"subscribe","channel":"` + channel + `"` + since + `}`)
	return c.next("subscribed")
}

// entries reads entries from..to of a channel, which must come in order.
func (c *client) entries(from, to int64) {
	c.t.Helper()
	for seq := from; seq <= to; seq++ {
		if f := c.next("entry"); f.Seq != seq {
			c.t.Fatalf("got entry %d, want %d", f.Seq, seq)
		}
	}
}

// eventually fails the test unless ok becomes true.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("never happened: %s", what)
		}
	}
}
