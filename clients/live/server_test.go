package live_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openinsure/openinsure/clients/live"
	"github.com/openinsure/openinsure/hub"
	"github.com/openinsure/openinsure/hub/brokertest"
)

func TestMain(m *testing.M) { brokertest.Main(m) }

const (
	roomID  = "room_1"
	inRoom  = "room:" + roomID
	atDesk  = "desk:" + roomID + ":org_1"
	patient = 30 * time.Second // for what has to happen
)

// A ledger is a log in memory, which several nodes read.
type ledger struct {
	mu      sync.Mutex // guards what follows
	epoch   string
	entries map[string][]hub.Entry
	floor   int64            // of all channels
	posted  map[string]int64 // seq by channel and clientId
	denied  map[string]bool  // channels
	nodes   []*hub.Hub
	broken  bool // posts fail in a way that passes

	refreshed chan struct{} // has room for the first
}

func newLedger() *ledger {
	return &ledger{epoch: "e1", entries: map[string][]hub.Entry{}, posted: map[string]int64{}, denied: map[string]bool{}, refreshed: make(chan struct{}, 1)}
}

// Heads implements hub.Log.
func (l *ledger) Heads(_ context.Context, names []string) (hub.Heads, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := hub.Heads{Epoch: l.epoch, Head: map[string]int64{}}
	for _, name := range names {
		h.Head[name] = int64(len(l.entries[name]))
	}
	return h, nil
}

// Range implements hub.Log.
func (l *ledger) Range(_ context.Context, name string, after int64, limit int) (hub.Range, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.entries[name]
	r := hub.Range{Epoch: l.epoch, Head: int64(len(all)), Floor: l.floor}
	if after >= l.floor && after < r.Head {
		r.Entries = append(r.Entries, all[after:min(int(after)+limit, len(all))]...)
	}
	return r, nil
}

func payload(body string) []byte {
	b, err := json.Marshal(live.Envelope{ID: "evt_1", Type: "deal_room.message_posted", Data: json.RawMessage(strconv.Quote(body))})
	if err != nil {
		panic(err)
	}
	return b
}

// add commits an entry and tells the nodes.
func (l *ledger) add(e hub.Entry) {
	l.mu.Lock()
	e.Epoch, e.Seq = l.epoch, int64(len(l.entries[e.Channel]))+1
	l.entries[e.Channel] = append(l.entries[e.Channel], e)
	nodes := l.nodes
	l.mu.Unlock()
	for _, h := range nodes {
		h.Publish(e)
	}
}

func (l *ledger) say(channel, body string) {
	l.add(hub.Entry{Channel: channel, Payload: payload(body)})
}

// bodies is what was said in a channel.
func (l *ledger) bodies(channel string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for _, e := range l.entries[channel] {
		out = append(out, said(e.Payload))
	}
	return out
}

func said(payload []byte) string {
	var e live.Envelope
	var body string
	if err := errors.Join(json.Unmarshal(payload, &e), json.Unmarshal(e.Data, &body)); err != nil {
		panic(err)
	}
	return body
}

func (l *ledger) set(change func(l *ledger)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(l)
}

// Authorize implements hub.App.
func (l *ledger) Authorize(_ context.Context, _ hub.Principal, channel string) (hub.Rights, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.denied[channel] {
		return hub.Rights{}, &hub.Refusal{Code: "forbidden", Message: "Not yours."}
	}
	return hub.Rights{Post: true}, nil
}

// Post implements hub.App.
func (l *ledger) Post(_ context.Context, _ hub.Principal, _ hub.Rights, channel string, raw json.RawMessage, done func(hub.Posted, error)) {
	var f struct{ ClientID, Body string }
	if err := json.Unmarshal(raw, &f); err != nil {
		done(hub.Posted{}, err)
		return
	}
	l.mu.Lock()
	key := postKey(channel, f.ClientID)
	seq, again := l.posted[key]
	if l.broken {
		l.mu.Unlock()
		done(hub.Posted{}, errors.New("a disk is full"))
		return
	}
	if f.Body == "" {
		l.mu.Unlock()
		done(hub.Posted{}, &hub.Refusal{Code: "validation_failed", Message: "Say something."})
		return
	}
	e := hub.Entry{Channel: channel, Epoch: l.epoch, Seq: int64(len(l.entries[channel])) + 1, Payload: payload(f.Body)}
	nodes := l.nodes
	if !again {
		seq = e.Seq
		l.posted[key] = seq
		l.entries[channel] = append(l.entries[channel], e)
	}
	l.mu.Unlock()
	if !again {
		for _, h := range nodes {
			h.Publish(e)
		}
	}
	done(hub.Posted{MessageID: "msg_" + strconv.FormatInt(seq, 10), Seq: seq, Duplicate: again}, nil)
}

func postKey(channel, clientID string) string { return channel + " " + clientID }

// seqOf is where a post came to stand, or 0.
func (l *ledger) seqOf(channel, clientID string) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.posted[postKey(channel, clientID)]
}

// Read implements hub.App.
func (l *ledger) Read(context.Context, hub.Principal, string, int64) (bool, error) { return true, nil }

// Refresh implements hub.App: a token is until-<instant in ms>, or late, which
// only opens.
func (l *ledger) Refresh(_ context.Context, p hub.Principal, token string) (hub.Principal, error) {
	if token == "late" {
		return p, &hub.Refusal{Code: "token", Message: "Too late."}
	}
	p.Expires = expiry(token)
	select {
	case l.refreshed <- struct{}{}:
	default:
	}
	return p, nil
}

func expiry(token string) time.Time {
	text, _ := strings.CutPrefix(token, "until-")
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// node runs a hub over the ledger until the test is over. It is ready when node
// returns: one that is not holds back whatever is not kept.
func (l *ledger) node(t *testing.T, cfg hub.Config) *hub.Hub {
	t.Helper()
	cfg.Tail = 20 * time.Millisecond
	h := hub.New(l, hub.NewMemory(), l, cfg)
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { _ = h.Run(ctx) }) // returns nil
	l.set(func(l *ledger) { l.nodes = append(l.nodes, h) })
	t.Cleanup(func() { cancel(); work.Wait() })
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for late := time.After(patient); h.Ready() != nil; {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("the node is not ready:", h.Ready())
		}
	}
	return h
}

// A server opens connections as the API does, on whichever node it is set to.
type server struct {
	*httptest.Server
	ledger *ledger
	node   atomic.Pointer[hub.Hub]
	opened atomic.Int64
	answer atomic.Int64 // refuses with this status, when set
	tokens sync.Map     // that were refused: 401
	used   sync.Map     // tickets
}

func serve(t *testing.T, cfg hub.Config) *server {
	t.Helper()
	s := &server{ledger: newLedger()}
	s.node.Store(s.ledger.node(t, cfg))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/deal-rooms/{id}/ws", func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !s.mayEnter(w, r):
		case r.Header.Get("Upgrade") != "":
			s.open(w, r, bearer(r), r.PathValue("id"))
		default:
			s.ticket(w, r, r.PathValue("id"))
		}
	})
	mux.HandleFunc("POST /v1/realtime/tickets", func(w http.ResponseWriter, r *http.Request) {
		if s.mayEnter(w, r) {
			s.ticket(w, r, "")
		}
	})
	mux.HandleFunc("GET /v1/ws", func(w http.ResponseWriter, r *http.Request) {
		ticket := r.URL.Query().Get("ticket")
		if ticket == "" {
			if s.mayEnter(w, r) {
				s.open(w, r, bearer(r), "")
			}
			return
		}
		if _, twice := s.used.LoadOrStore(ticket, true); twice {
			refuse(w, http.StatusUnauthorized, "unauthorized", "A ticket is used once.")
			return
		}
		_, rest, _ := strings.Cut(ticket, "|")
		room, token, _ := strings.Cut(rest, "|")
		s.open(w, r, token, room)
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func bearer(r *http.Request) string {
	return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": code, "message": message})
}

func (s *server) mayEnter(w http.ResponseWriter, r *http.Request) bool {
	if status := int(s.answer.Load()); status != 0 {
		refuse(w, status, "no", "No.")
		return false
	}
	if _, no := s.tokens.Load(bearer(r)); no {
		refuse(w, http.StatusUnauthorized, "unauthorized", "The token is no good.")
		return false
	}
	return true
}

func (s *server) ticket(w http.ResponseWriter, r *http.Request, room string) {
	ticket := strconv.FormatInt(s.opened.Add(1), 10) + "|" + room + "|" + bearer(r)
	_ = json.NewEncoder(w).Encode(map[string]string{"wsUrl": "ws://" + r.Host + "/v1/ws?ticket=" + ticket})
}

func (s *server) open(w http.ResponseWriter, r *http.Request, token, room string) {
	o := hub.Opening{
		Principal: hub.Principal{Subject: "usr_1", Expires: expiry(token), Identity: json.RawMessage(`{"id":"usr_1"}`)},
		Batch:     r.URL.Query().Get("batch") == "true",
	}
	if room != "" {
		o.Welcome = func(context.Context) (*hub.Welcome, error) { return s.welcome(room, r.URL.Query().Get("since")) }
	}
	if err := s.node.Load().ServeWS(w, r, o); err != nil {
		w.Header().Set("Retry-After", "0")
		refuse(w, http.StatusServiceUnavailable, "unavailable", err.Error())
	}
}

// welcome is what the API's does.
func (s *server) welcome(room, since string) (*hub.Welcome, error) {
	l := s.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	head := int64(len(l.entries["room:"+room]))
	w := &hub.Welcome{Channel: "room:" + room, Epoch: l.epoch, Seq: head, From: head, Rights: hub.Rights{Post: true}}
	fields := map[string]any{"room": map[string]string{"id": room}, "messages": []string{"m"}}
	epoch, text, _ := strings.Cut(since, ":")
	seq, _ := strconv.ParseInt(text, 10, 64)
	switch {
	case since == "":
	case epoch != l.epoch:
		fields["reset"] = "epoch"
	case seq > head:
		fields["reset"] = "ahead"
	case seq < l.floor:
		fields["reset"] = "too_old"
	default:
		delete(fields, "messages")
		fields["resumed"], w.From = true, seq
	}
	var err error
	w.Fields, err = json.Marshal(fields)
	return w, err
}

// A listener is a client whose events the test takes one by one.
type listener struct {
	*live.Client
	t      *testing.T
	events chan live.Event
	ended  chan error
	cancel context.CancelFunc
}

// listen runs a client against a server until the test is over.
func listen(t *testing.T, cfg live.Config) *listener {
	t.Helper()
	if cfg.Credential == nil {
		cfg.Credential = func(context.Context) (string, error) { return "good", nil }
	}
	if cfg.Backoff == nil {
		cfg.Backoff = func(int) time.Duration { return time.Millisecond }
	}
	c, err := live.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{Client: c, t: t, events: make(chan live.Event), ended: make(chan error, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	var work sync.WaitGroup
	work.Go(func() {
		l.ended <- c.Run(ctx, func(ctx context.Context, e live.Event) error {
			select {
			case l.events <- e:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	t.Cleanup(func() { cancel(); work.Wait() })
	return l
}

// next takes the next event.
func (l *listener) next() live.Event {
	l.t.Helper()
	select {
	case e := <-l.events:
		return e
	case err := <-l.ended:
		l.t.Fatalf("the client ended: %v", err)
	case <-time.After(patient):
		l.t.Fatalf("no event; positions %v", l.Positions())
	}
	return nil
}

// until takes events until there is one of a type, and returns it.
func until[E live.Event](l *listener) E {
	l.t.Helper()
	for {
		if e, ok := l.next().(E); ok {
			return e
		}
	}
}

// end waits for the client to end by itself.
func (l *listener) end() error {
	l.t.Helper()
	for {
		select {
		case err := <-l.ended:
			return err
		case <-l.events:
		case <-time.After(patient):
			l.t.Fatal("the client does not end")
		}
	}
}

// A witness checks that what it is shown of a channel is exact.
type witness struct {
	channel string
	last    int64
	bodies  []string
}

// see takes an event and fails the test at the first that is out of place.
func (w *witness) see(t *testing.T, e live.Event) {
	t.Helper()
	switch e := e.(type) {
	case live.Reset:
		t.Fatalf("an unexpected reset: %+v", e)
	case live.Init:
		if e.Reset != "" {
			t.Fatalf("an unexpected reset: %+v", e)
		}
	case live.Entry:
		if e.Channel != w.channel {
			return
		}
		if e.Seq != w.last+1 {
			t.Fatalf("seq %d after %d", e.Seq, w.last)
		}
		w.last = e.Seq
		var body string
		if err := json.Unmarshal(e.Event.Data, &body); err != nil {
			t.Fatal(err)
		}
		w.bodies = append(w.bodies, body)
	}
}

func word(i int) string { return fmt.Sprintf("word %d %s", i, strings.Repeat("x", i%300)) }

// env is an integer from the environment, or a default: for longer runs.
func env(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}
