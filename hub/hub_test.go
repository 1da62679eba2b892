package hub_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/openinsure/openinsure/hub"
)

// single is one node with its own log and broker.
func single(t testing.TB, cfg hub.Config) (*node, *memoryLog, *testApp) {
	log := newLog()
	app := newApp(log)
	return startNode(t, log, hub.NewMemory(), app, cfg), log, app
}

func (n *node) commit(l *memoryLog, channel string) hub.Entry {
	e := l.commit(hub.Entry{Channel: channel})
	n.Publish(e)
	return e
}

// An attentive broker closes reached once the hub has received the entry seq.
type attentive struct {
	hub.Broker
	seq     int64
	reached chan struct{}
}

func (a attentive) Run(ctx context.Context, r hub.Receiver) error {
	return a.Broker.Run(ctx, attention{r, a})
}

type attention struct {
	hub.Receiver
	to attentive
}

func (a attention) Receive(p hub.Publication) {
	a.Receiver.Receive(p)
	if p.Seq == a.to.seq {
		close(a.to.reached)
	}
}

func TestSubscribeAndHear(t *testing.T) {
	for _, batch := range []string{"", "&batch"} {
		t.Run("batch"+batch, func(t *testing.T) {
			log, broker := newLog(), attentive{hub.NewMemory(), 502, make(chan struct{})}
			n := startNode(t, log, broker, newApp(log), hub.Config{})
			log.commit(hub.Entry{Channel: "room:1"})
			c := n.dial(t, "as=usr_1"+batch)
			if f := c.next("connected"); !strings.HasPrefix(f.Session, "ses_") {
				t.Errorf("session = %q", f.Session)
			}
			if f := c.subscribe("room:1", ""); f.Seq != 1 || f.Epoch != "e1" || f.Resumed {
				t.Errorf("subscribed = %+v", f)
			}
			for range 500 {
				n.commit(log, "room:1")
			}
			c.entries(2, 501)
			c.send(`{"id":"x","type":"unsubscribe","channel":"room:1"}`)
			if f := c.next("unsubscribed"); string(f.ID) != `"x"` {
				t.Errorf("unsubscribed = %+v", f)
			}
			n.commit(log, "room:1")
			<-broker.reached
			c.send(`{"id":3,"type":"subscribe","channel":"room:1"}`)
			if f := c.next("subscribed"); f.Seq != 502 {
				t.Errorf("subscribed = %+v, want no entry before it and seq 502", f)
			}
		})
	}
}

func TestResume(t *testing.T) {
	tests := []struct {
		name   string
		since  string
		reason string // of the reset; empty resumes
		first  int64
	}{
		{"from the start", `{"epoch":"e1","seq":20}`, "", 21},
		{"inside the ring", `{"epoch":"e1","seq":990}`, "", 991},
		{"at the head", `{"epoch":"e1","seq":1000}`, "", 1001},
		{"no longer held", `{"epoch":"e1","seq":19}`, "too_old", 1001},
		{"of the future", `{"epoch":"e1","seq":1001}`, "ahead", 1001},
		{"of another epoch", `{"epoch":"e0","seq":990}`, "epoch", 1001},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n, log, _ := single(t, hub.Config{})
			for range 900 {
				log.commit(hub.Entry{Channel: "room:1"})
			}
			log.forget("room:1", 20)
			live := n.dial(t, "as=usr_2")
			live.next("connected")
			live.subscribe("room:1", "")
			for range 100 {
				n.commit(log, "room:1")
			}
			live.entries(901, 1000)

			c := n.dial(t, "as=usr_1")
			c.next("connected")
			f := c.subscribe("room:1", `,"since":`+tt.since)
			if f.Resumed != (tt.reason == "") || f.Seq != 1000 {
				t.Errorf("subscribed = %+v", f)
			}
			if tt.reason != "" {
				if f := c.next("reset"); f.Reason != tt.reason || f.Seq != 1000 || f.Epoch != "e1" {
					t.Errorf("reset = %+v, want %s at 1000", f, tt.reason)
				}
			} else {
				c.entries(tt.first, 1000)
				if f := c.next("live"); f.Seq != 1000 {
					t.Errorf("live = %+v", f)
				}
			}
			n.commit(log, "room:1")
			c.entries(1001, 1001)
		})
	}
}

// What was in a channel before it became his is not sent to anybody.
func TestResumeBeforeTheRightBegan(t *testing.T) {
	n, log, app := single(t, hub.Config{})
	app.from = 6
	c := n.dial(t, "as=usr_1")
	c.next("connected")
	for since := range int64(11) {
		room := fmt.Sprintf("room:%d", since)
		for range 10 {
			log.commit(hub.Entry{Channel: room})
		}
		f := c.subscribe(room, fmt.Sprintf(`,"since":{"epoch":"e1","seq":%d}`, since))
		if f.Seq != 10 || f.Resumed != (since >= 6) {
			t.Errorf("since %d: subscribed = %+v", since, f)
		}
		if since < 6 {
			if f := c.next("reset"); f.Reason != "too_old" || f.Seq != 10 || f.Epoch != "e1" {
				t.Errorf("since %d: reset = %+v, want too_old at 10", since, f)
			}
		} else {
			c.entries(since+1, 10)
			c.next("live")
		}
		n.commit(log, room)
		c.entries(11, 11)
	}
}

// The node that is asked may not have heard yet of what came before his right.
func TestRightBeginsAheadOfTheNode(t *testing.T) {
	n, log, app := single(t, hub.Config{})
	app.from = 2
	c := n.dial(t, "as=usr_1")
	c.next("connected")
	c.subscribe("room:1", "")
	for seq := int64(1); seq <= 2; seq++ {
		n.commit(log, "room:1")
		if f := c.next("reset"); f.Reason != "too_old" || f.Seq != seq {
			t.Errorf("reset = %+v, want too_old at %d", f, seq)
		}
	}
	n.commit(log, "room:1")
	c.entries(3, 3)
}

func TestRewoundLogResetsEverybody(t *testing.T) {
	for _, epoch := range []string{"e2", ""} {
		t.Run("epoch "+epoch, func(t *testing.T) {
			n, log, _ := single(t, hub.Config{Tail: 20 * time.Millisecond})
			for range 10 {
				log.commit(hub.Entry{Channel: "room:1"})
			}
			c := n.dial(t, "as=usr_1")
			c.next("connected")
			c.subscribe("room:1", "")
			log.rewind("room:1", 7, epoch)
			want := map[string]string{"e2": "epoch", "": "ahead"}[epoch]
			if f := c.next("reset"); f.Reason != want || f.Seq != 7 {
				t.Fatalf("reset = %+v, want %s at 7", f, want)
			}
			n.commit(log, "room:1")
			c.entries(8, 8)
		})
	}
}

func TestRewrittenEntriesAreNotSentAsTheyWere(t *testing.T) {
	n, log, _ := single(t, hub.Config{})
	live := n.dial(t, "as=usr_2")
	live.next("connected")
	live.subscribe("room:1", "")
	for range 5 {
		n.commit(log, "room:1")
	}
	live.entries(1, 5)
	n.Publish(log.rewrite("room:1", 3, `{"deleted":true}`))
	live.entries(6, 6)

	c := n.dial(t, "as=usr_1")
	c.next("connected")
	c.subscribe("room:1", `,"since":{"epoch":"e1","seq":0}`)
	for seq := int64(1); seq <= 6; seq++ {
		f := c.next("entry")
		if f.Seq != seq || (seq == 3) != (string(f.Event) == `{"deleted":true}`) {
			t.Errorf("entry = %d %s", f.Seq, f.Event)
		}
	}
}

func TestPostsComeBackAndAreHeard(t *testing.T) {
	n, _, app := single(t, hub.Config{Posts: 3, FrameBurst: 1000})
	c := n.dial(t, "as=usr_1")
	c.next("connected")
	c.send(`{"id":1,"type":"post","channel":"room:1","body":"early"}`)
	if f := c.next("error"); f.Code != "not_subscribed" || string(f.ID) != "1" {
		t.Errorf("error = %+v", f)
	}
	c.subscribe("room:1", "")
	c.send(`{"id":2,"type":"post","channel":"room:1","body":"hello"}`)
	got := map[string]frame{}
	for range 2 {
		f, err := c.read()
		if err != nil {
			t.Fatal(err)
		}
		got[f.Type] = f
	}
	if got["posted"].Seq != 1 || got["posted"].MessageID != "msg_1" || got["entry"].Seq != 1 {
		t.Errorf("got %+v", got)
	}
	c.send(`{"id":3,"type":"post","channel":"room:1"}`)
	if f := c.next("error"); f.Code != "internal" || strings.Contains(f.Message, "no body") {
		t.Errorf("an unknown error became %+v", f)
	}
	c.subscribe("quiet:1", "")
	c.send(`{"id":4,"type":"post","channel":"quiet:1","body":"hello"}`)
	if f := c.next("error"); f.Code != "forbidden" || f.Message != "The app says no." {
		t.Errorf("error = %+v, want the app's", f)
	}

	app.mu.Lock()
	hold := make(chan struct{})
	app.hold = hold
	app.mu.Unlock()
	for range 4 {
		c.send(`{"id":5,"type":"post","channel":"room:1","body":"hello"}`)
	}
	if f := c.next("error"); f.Code != "too_many" || !strings.Contains(f.Message, "3 posts in flight") || !f.Retry {
		t.Errorf("error = %+v", f)
	}
	close(hold)
}

// A right that was given since the subscription counts for posts at once; who
// types is asked about only with all his rights.
func TestPostAfterTheRightWasGiven(t *testing.T) {
	n, _, app := single(t, hub.Config{})
	c := n.dial(t, "as=usr_1")
	c.next("connected")
	c.subscribe("quiet:1", "")
	app.mu.Lock()
	app.noisy = true
	app.mu.Unlock()
	c.send(`{"id":1,"type":"typing","channel":"quiet:1","on":true}`)
	if f := c.next("error"); f.Code != "forbidden" || string(f.ID) != "1" {
		t.Errorf("typing got %+v, want forbidden", f)
	}
	c.send(`{"id":2,"type":"post","channel":"quiet:1","body":"hello"}`)
	got := map[string]frame{}
	for range 2 {
		f, err := c.read()
		if err != nil {
			t.Fatal(err)
		}
		got[f.Type] = f
	}
	if string(got["posted"].ID) != "2" || got["posted"].Seq != 1 || got["entry"].Seq != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestSignals(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		n, _ := singleHere(t, hub.Config{})
		a, b := n.dial(t, "as=usr_1"), n.dial(t, "as=usr_2")
		for _, c := range []*client{a, b} {
			c.next("connected")
			c.subscribe("room:1", "")
		}
		eventually(t, "ready", func() bool { return n.Ready() == nil })
		a.send(`{"type":"typing","channel":"room:1","on":true}`)
		if f := b.next("typing"); !f.On || string(f.By) != `{"id":"usr_1"}` || f.Channel != "room:1" {
			t.Errorf("typing = %+v", f)
		}
		a.send(`{"type":"read","channel":"room:1","seq":0}`)
		if f := b.next("read"); f.Seq != 0 || string(f.By) != `{"id":"usr_1"}` {
			t.Errorf("read = %+v", f)
		}
		a.next("typing")
		a.next("read")
		a.send(`{"id":1,"type":"read","channel":"room:1","seq":1}`)
		if f := a.next("error"); f.Code != "bad_frame" {
			t.Errorf("a read ahead of the channel got %+v", f)
		}
	})
}

func TestLimits(t *testing.T) {
	n, _, _ := single(t, hub.Config{Sessions: 5, SessionsPerSubject: 2, SessionsPerAddress: 3, Subscriptions: 2})
	refused := func(query, limit string) {
		t.Helper()
		_, err := n.tryDial(t, query)
		no, ok := errors.AsType[*hub.Refusal](err)
		if !ok || no.Code != "too_many" || !strings.Contains(no.Message, limit) {
			t.Errorf("%s: err = %v, want too_many naming %q", query, err, limit)
		}
	}
	first := n.dial(t, "as=usr_1&address=a")
	n.dial(t, "as=usr_1&address=a")
	refused("as=usr_1&address=b", "2 sessions of one subject")
	n.dial(t, "as=usr_2&address=a")
	refused("as=usr_3&address=a", "3 sessions of one address")
	n.dial(t, "as=usr_3&address=b")
	n.dial(t, "as=usr_4&address=b")
	refused("as=usr_5&address=c", "5 sessions of a server")

	first.next("connected")
	first.subscribe("room:1", "")
	first.subscribe("room:2", "")
	first.subscribe("room:2", "")
	first.send(`{"id":1,"type":"subscribe","channel":"room:3"}`)
	if f := first.next("error"); f.Code != "too_many" || !strings.Contains(f.Message, "2 subscriptions") {
		t.Errorf("error = %+v", f)
	}
	if err := first.conn.Close(1000, ""); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a place is free again", func() bool {
		_, err := n.tryDial(t, "as=usr_1&address=a")
		return err == nil
	})
}

func TestWelcomeIsTheFirstFrame(t *testing.T) {
	for _, from := range []int64{3, 5} {
		n, log, _ := single(t, hub.Config{})
		for range 5 {
			log.commit(hub.Entry{Channel: "room:1"})
		}
		n.mu.Lock()
		n.welcome = welcomeAt("room:1", 5, from)
		n.mu.Unlock()
		c := n.dial(t, "as=usr_1")
		if f := c.next("init"); f.Channel != "room:1" || f.Seq != 5 || f.Epoch != "e1" || string(f.Room) != `{"id":"room_1"}` {
			t.Errorf("init = %+v", f)
		}
		c.entries(from+1, 5)
		if from < 5 {
			c.next("live")
		}
		n.commit(log, "room:1")
		c.entries(6, 6)
	}
}

// Whoever has read the init frame hears also what is not kept: it is not sent
// while the node still has to ask the log where the client stands.
func TestWelcomeHearsSignals(t *testing.T) {
	n, log, _ := single(t, hub.Config{Tail: time.Minute, Silence: time.Hour})
	eventually(t, "ready", func() bool { return n.Ready() == nil })
	a := n.dial(t, "as=usr_1")
	a.next("connected")
	a.subscribe("room:1", "")
	log.commit(hub.Entry{Channel: "room:1"}) // which the node is not told of
	n.mu.Lock()
	n.welcome = welcomeAt("room:1", 1, 1)
	n.mu.Unlock()

	welcomed := make(chan struct{})
	log.mu.Lock()
	log.gate = func(string, int64) {
		for range 20 { // time enough for a frame, as these are
			a.send(`{"type":"typing","channel":"room:1","on":false}`)
			a.next("typing")
		}
		select {
		case <-welcomed:
			t.Error("he was welcomed, and did not hear")
		default:
		}
	}
	log.mu.Unlock()
	b := n.dial(t, "as=usr_2")
	b.next("init")
	close(welcomed)
	a.next("entry")
	a.send(`{"type":"typing","channel":"room:1","on":false}`)
	b.next("typing")
}

func TestExpiryAndRefresh(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		n, _ := singleHere(t, hub.Config{Ping: 100 * time.Millisecond})
		n.mu.Lock()
		n.expires = time.Now().Add(300 * time.Millisecond)
		n.mu.Unlock()
		a, b := n.dial(t, "as=usr_1"), n.dial(t, "as=usr_2")
		a.next("connected")
		a.send(`{"id":1,"type":"refresh","token":"bad"}`)
		if f := a.next("error"); f.Code != "token" {
			t.Errorf("error = %+v", f)
		}
		a.send(`{"id":2,"type":"refresh","token":"good"}`)
		a.next("refreshed")
		if code := b.closed(); code != hub.CloseToken {
			t.Errorf("closed with %d, want %d", code, hub.CloseToken)
		}
		a.subscribe("room:1", "")
	})
}

func TestOneChannelIsReadOnceForAThousandWhoResume(t *testing.T) {
	log := newLog()
	app := newApp(log)
	for range 100 {
		log.commit(hub.Entry{Channel: "room:1"})
	}
	const clients = 5000
	n := startNode(t, log, hub.NewMemory(), app, hub.Config{Sessions: clients, SessionsPerSubject: clients})
	resumeAll(t, n, clients, 20, 100)
	if got := log.ranges.Load(); got != 1 {
		t.Errorf("%d sessions that resume cost %d questions, want 1", clients, got)
	}
}
