// Package brokertest is one suite for all brokers, and a broker that is as
// unkind as a network may be.
package brokertest

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/openinsure/openinsure/hub"
)

// patience is how long the suite waits for what must come.
const patience = 20 * time.Second

// Run checks a broker. Open gives two nodes, or one if the broker can have no
// more, that are connected with each other and with nobody else, not running
// yet, whose server is well; it cleans up after itself through t.
func Run(t *testing.T, open func(t *testing.T) []hub.Broker) {
	t.Run("every field to both nodes", func(t *testing.T) { everyField(t, open) })
	t.Run("order of a channel", func(t *testing.T) { order(t, open) })
	t.Run("publishing from many goroutines", func(t *testing.T) { concurrent(t, open) })
	t.Run("publishing to nobody", func(t *testing.T) { unread(t, open) })
	t.Run("the end of Run", func(t *testing.T) { end(t, open) })
}

func everyField(t *testing.T, open func(t *testing.T) []hub.Broker) {
	binary := make([]byte, 200)
	for i := range binary {
		binary[i] = byte(i * 37) //nolint:gosec // any byte will do
	}
	pubs := []hub.Publication{
		{
			Kind: hub.KindEntry, Channel: "room:room_1", Epoch: "a1b2", Seq: 132, Revokes: "usr_1", Rewrites: true,
			Payload: []byte(`{"id":"evt_1","data":{}}`),
		},
		{Kind: hub.KindEntry, Channel: "org:org_1:claims", Epoch: "a1b2", Seq: 1, Payload: []byte(`{}`)},
		{Kind: hub.KindSignal, Channel: "room:room_1", Payload: []byte(`{"type":"typing"}`)},
		{Kind: hub.KindPresence, Channel: "presence:node", Payload: []byte{0, 1, 2, 0xff}},
		{Kind: hub.KindEntry, Channel: "no payload", Epoch: "e", Seq: 1<<63 - 1},
		{Kind: hub.KindEntry, Channel: string(binary), Epoch: "\x00\r\n", Seq: 2, Revokes: "\xff\xfe", Payload: binary},
		{Kind: hub.KindEntry, Channel: "", Epoch: "", Seq: 0, Payload: []byte("x")},
		{Kind: hub.KindEntry, Channel: "large", Epoch: "a1b2", Seq: 3, Payload: bytes.Repeat([]byte("0123456789abcdef"), 1<<16)},
	}
	nodes := start(t, open)
	for i, p := range pubs {
		from := i % len(nodes)
		nodes[from].broker.Publish(p)
		for to, n := range nodes {
			if diff := differs(n.next(t), p); diff != "" {
				t.Errorf("publication %d from node %d at node %d: %s", i, from, to, diff)
			}
		}
	}
}

// differs names the first field that is not as it was published.
func differs(got, want hub.Publication) string {
	switch {
	case got.Kind != want.Kind:
		return fmt.Sprintf("kind %d, want %d", got.Kind, want.Kind)
	case got.Channel != want.Channel:
		return fmt.Sprintf("channel %q, want %q", got.Channel, want.Channel)
	case got.Epoch != want.Epoch:
		return fmt.Sprintf("epoch %q, want %q", got.Epoch, want.Epoch)
	case got.Seq != want.Seq:
		return fmt.Sprintf("seq %d, want %d", got.Seq, want.Seq)
	case got.Revokes != want.Revokes:
		return fmt.Sprintf("revokes %q, want %q", got.Revokes, want.Revokes)
	case got.Rewrites != want.Rewrites:
		return fmt.Sprintf("rewrites %t, want %t", got.Rewrites, want.Rewrites)
	case !bytes.Equal(got.Payload, want.Payload):
		return fmt.Sprintf("a payload of %d bytes, want the %d that were published", len(got.Payload), len(want.Payload))
	}
	return ""
}

// A broker may swap publications, but a well one must not make a habit of it:
// each swap costs the hub a read of the Log.
func order(t *testing.T, open func(t *testing.T) []hub.Broker) {
	nodes := start(t, open)
	const channels, each = 10, 500
	for seq := int64(1); seq <= each; seq++ {
		var pubs []hub.Publication
		for c := range channels {
			pubs = append(pubs, hub.Publication{Kind: hub.KindEntry, Channel: fmt.Sprintf("room:%d", c), Epoch: "e", Seq: seq, Payload: []byte("{}")})
		}
		nodes[0].broker.Publish(pubs...)
	}
	for to, n := range nodes {
		next := map[string]int64{}
		for range channels * each {
			p := n.next(t)
			if p.Seq != next[p.Channel]+1 {
				t.Fatalf("node %d received %s seq %d after %d", to, p.Channel, p.Seq, next[p.Channel])
			}
			next[p.Channel] = p.Seq
		}
	}
}

func concurrent(t *testing.T, open func(t *testing.T) []hub.Broker) {
	nodes := start(t, open)
	const publishers, each = 4, 300
	var publishing sync.WaitGroup
	for i, n := range nodes {
		for p := range publishers {
			publishing.Go(func() {
				channel := fmt.Sprintf("room:%d:%d", i, p)
				for seq := range int64(each) {
					n.broker.Publish(hub.Publication{
						Kind: hub.KindEntry, Channel: channel, Epoch: "e", Seq: seq + 1,
						Payload: binary.BigEndian.AppendUint64(nil, uint64(seq+1)),
					})
				}
			})
		}
	}
	for to, n := range nodes {
		next := map[string]int64{}
		for range len(nodes) * publishers * each {
			p := n.next(t)
			if p.Seq != next[p.Channel]+1 || binary.BigEndian.Uint64(p.Payload) != uint64(p.Seq) { //nolint:gosec // a test counts up from 1
				t.Fatalf("node %d received %s seq %d with payload %x after %d", to, p.Channel, p.Seq, p.Payload, next[p.Channel])
			}
			next[p.Channel] = p.Seq
		}
	}
	publishing.Wait()
}

// Nobody runs, so nothing is taken away: more than any buffer may hold.
func unread(t *testing.T, open func(t *testing.T) []hub.Broker) {
	b := open(t)[0]
	done := make(chan struct{})
	go func() {
		defer close(done)
		payload := make([]byte, 4096)
		for seq := range int64(100_000) {
			b.Publish(hub.Publication{Kind: hub.KindEntry, Channel: "room:1", Epoch: "e", Seq: seq + 1, Payload: payload})
		}
	}()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("publishing to nobody took more than %v", patience)
	}
}

func end(t *testing.T, open func(t *testing.T) []hub.Broker) {
	brokers := open(t)
	before := runtime.NumGoroutine()
	for range 2 { // a broker may run again
		var nodes []*node
		for _, b := range brokers {
			nodes = append(nodes, run(t, b))
		}
		for _, n := range nodes {
			n.healthy(t)
		}
		nodes[0].broker.Publish(hub.Publication{Kind: hub.KindSignal, Channel: "room:1", Payload: []byte("{}")})
		for _, n := range nodes {
			n.next(t)
		}
		for _, n := range nodes {
			n.stop(t)
		}
	}
	NoneLeft(t, before)
}

// start opens the nodes and runs them until the end of the test.
func start(t *testing.T, open func(t *testing.T) []hub.Broker) []*node {
	t.Helper()
	var nodes []*node
	for _, b := range open(t) {
		nodes = append(nodes, run(t, b))
	}
	for _, n := range nodes {
		n.healthy(t)
	}
	return nodes
}

// A node receives everything of one broker.
type node struct {
	broker hub.Broker
	ended  chan error
	cancel context.CancelFunc

	mu     sync.Mutex // guards the fields below
	got    []hub.Publication
	inside bool
	clash  bool // two calls at once
	more   chan struct{}
}

func run(t *testing.T, b hub.Broker) *node {
	ctx, cancel := context.WithCancel(context.Background())
	n := &node{broker: b, ended: make(chan error, 1), cancel: cancel, more: make(chan struct{}, 1)}
	go func() { n.ended <- b.Run(ctx, n) }()
	t.Cleanup(func() { n.stop(t) })
	return n
}

// Receive implements hub.Receiver.
func (n *node) Receive(p hub.Publication) {
	n.enter()
	n.mu.Lock()
	n.got = append(n.got, p)
	n.inside = false
	n.mu.Unlock()
	select {
	case n.more <- struct{}{}:
	default:
	}
}

// Lost implements hub.Receiver.
func (n *node) Lost() {
	n.enter()
	n.mu.Lock()
	n.inside = false
	n.mu.Unlock()
}

func (n *node) enter() {
	n.mu.Lock()
	n.clash = n.clash || n.inside
	n.inside = true
	n.mu.Unlock()
	runtime.Gosched() // let a second call in, if there is one
}

func (n *node) next(t *testing.T) hub.Publication {
	t.Helper()
	late := time.After(patience)
	for {
		n.mu.Lock()
		if len(n.got) > 0 {
			p := n.got[0]
			n.got = n.got[1:]
			n.mu.Unlock()
			return p
		}
		n.mu.Unlock()
		select {
		case <-n.more:
		case <-late:
			t.Fatalf("nothing received in %v", patience)
		}
	}
}

func (n *node) healthy(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(patience); !n.broker.Healthy(); {
		if time.Now().After(deadline) {
			t.Fatalf("not healthy in %v", patience)
		}
		<-time.After(time.Millisecond)
	}
}

// stop ends Run; a second call does nothing.
func (n *node) stop(t *testing.T) {
	t.Helper()
	n.cancel()
	select {
	case err, ok := <-n.ended:
		if ok {
			close(n.ended)
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		}
	case <-time.After(patience):
		t.Fatalf("Run goes on %v after the end of its context", patience)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.clash {
		t.Error("the receiver was called from two goroutines at once")
	}
}
