package presence_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openinsure/openinsure/hub/presence"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// A cluster is some nodes that hear each other at once, and a clock.
type cluster struct {
	t     *testing.T
	now   time.Time
	nodes map[string]*presence.Roster
	sent  int                        // gossip so far
	large int                        // bytes of the largest
	diffs map[string][]presence.Diff // by node, since the last look
	deaf  map[string]bool            // who hears nobody, and is heard by nobody
}

func newCluster(t *testing.T, names ...string) *cluster {
	c := &cluster{t: t, now: noon, nodes: map[string]*presence.Roster{}, diffs: map[string][]presence.Diff{}, deaf: map[string]bool{}}
	for _, name := range names {
		c.nodes[name] = presence.New(name)
	}
	c.pass(time.Second)
	return c
}

// pass lets time pass in ticks of 100 ms.
func (c *cluster) pass(d time.Duration) {
	for end := c.now.Add(d); c.now.Before(end); {
		c.now = c.now.Add(100 * time.Millisecond)
		for name, r := range c.nodes {
			out, diffs := r.Tick(c.now)
			c.diffs[name] = append(c.diffs[name], diffs...)
			for _, payload := range out {
				c.tell(name, payload)
			}
		}
	}
}

func (c *cluster) tell(from string, payload []byte) {
	c.sent++
	c.large = max(c.large, len(payload))
	for to, r := range c.nodes {
		if !c.deaf[from] && !c.deaf[to] {
			r.Receive(c.now, payload)
		}
	}
}

// shown returns who a node shows in a channel.
func (c *cluster) shown(node, channel string) string {
	var names []string
	for _, m := range c.nodes[node].Snapshot(channel, "", 0).Members {
		names = append(names, m.Subject)
	}
	return strings.Join(names, " ")
}

func (c *cluster) shows(node, channel, want string) {
	c.t.Helper()
	if got := c.shown(node, channel); got != want {
		c.t.Errorf("%s shows %q in %s, want %q", node, got, channel, want)
	}
}

// told returns what those who watch were told since the last look, as
// "+ann -bob".
func (c *cluster) told(node string) string {
	var words []string
	for _, d := range c.diffs[node] {
		for _, m := range d.Join {
			words = append(words, "+"+m.Subject)
		}
		for _, s := range d.Leave {
			words = append(words, "-"+s)
		}
	}
	delete(c.diffs, node)
	return strings.Join(words, " ")
}

func identity(name string) json.RawMessage { return json.RawMessage(`{"name":"` + name + `"}`) }

func TestJoinAndLeaveAcrossNodes(t *testing.T) {
	c := newCluster(t, "a", "b")
	c.nodes["b"].Watch("room:1")
	c.nodes["a"].Join("room:1", "ann", identity("Ann"))
	c.pass(200 * time.Millisecond)
	c.shows("b", "room:1", "ann")
	c.shows("a", "room:1", "ann")
	c.shows("b", "room:2", "")
	if got := c.told("b"); got != "+ann" {
		t.Errorf("b was told %q, want +ann", got)
	}
	if got := c.told("a"); got != "" {
		t.Errorf("a was told %q, want nothing: nobody watches there", got)
	}
	c.nodes["a"].Leave(c.now, "room:1", "ann")
	c.pass(presence.Linger - 200*time.Millisecond)
	c.shows("b", "room:1", "ann")
	c.pass(400 * time.Millisecond)
	c.shows("b", "room:1", "")
	if got := c.told("b"); got != "-ann" {
		t.Errorf("b was told %q, want -ann", got)
	}
}

func TestCountedOverTabsAndNodes(t *testing.T) {
	c := newCluster(t, "a", "b")
	c.nodes["a"].Watch("room:1")
	for range 2 {
		c.nodes["a"].Join("room:1", "ann", identity("Ann"))
	}
	c.nodes["b"].Join("room:1", "ann", identity("Ann"))
	c.pass(time.Second)
	if got := c.told("a"); got != "+ann" {
		t.Errorf("told %q of three sessions, want +ann", got)
	}
	c.nodes["a"].Leave(c.now, "room:1", "ann")
	c.pass(10 * time.Second)
	c.nodes["a"].Leave(c.now, "room:1", "ann")
	c.pass(10 * time.Second)
	c.shows("a", "room:1", "ann")
	if got := c.told("a"); got != "" {
		t.Errorf("told %q while a session is left on b", got)
	}
	c.nodes["b"].Leave(c.now, "room:1", "ann")
	c.nodes["b"].Leave(c.now, "room:1", "ann") // once too often changes nothing
	c.pass(10 * time.Second)
	c.shows("a", "room:1", "")
	if got := c.told("a"); got != "-ann" {
		t.Errorf("told %q, want -ann", got)
	}
}

func TestReloadDoesNotFlap(t *testing.T) {
	c := newCluster(t, "a", "b")
	c.nodes["b"].Watch("room:1")
	c.nodes["a"].Join("room:1", "ann", identity("Ann"))
	c.pass(time.Second)
	c.told("b")
	sent := c.sent
	c.nodes["a"].Leave(c.now, "room:1", "ann")
	c.pass(2 * time.Second)
	c.nodes["a"].Join("room:1", "ann", identity("Ann"))
	c.pass(20 * time.Second)
	if got := c.told("b"); got != "" {
		t.Errorf("told %q of a page that reloaded", got)
	}
	// Two nodes, a heartbeat each 3 s, and nothing else.
	if n := c.sent - sent; n < 12 || n > 16 {
		t.Errorf("%d gossips in 22 s, want heartbeats only: 14 or so", n)
	}
	// To another node, as by a load balancer.
	c.nodes["a"].Leave(c.now, "room:1", "ann")
	c.pass(2 * time.Second)
	c.nodes["b"].Join("room:1", "ann", identity("Ann"))
	c.pass(20 * time.Second)
	if got := c.told("b"); got != "" {
		t.Errorf("told %q of somebody who came back on another node", got)
	}
}

func TestNewIdentity(t *testing.T) {
	c := newCluster(t, "a", "b")
	c.nodes["b"].Watch("room:1")
	c.nodes["a"].Join("room:1", "ann", identity("Ann"))
	c.pass(time.Second)
	c.nodes["a"].Join("room:1", "ann", identity("Ann Smith"))
	c.pass(time.Second)
	if got := c.told("b"); got != "+ann +ann" {
		t.Errorf("told %q, want her twice", got)
	}
	c.nodes["a"].Join("room:1", "bob", nil)
	c.nodes["a"].Join("room:1", "cid", json.RawMessage(strings.Repeat("x", 3000)))
	c.pass(time.Second)
	got := c.nodes["b"].Snapshot("room:1", "", 0)
	want := presence.Snapshot{Version: 3, Count: 3, Members: []presence.Member{
		{Subject: "ann", Identity: identity("Ann Smith")},
		{Subject: "bob", Identity: json.RawMessage(`{"id":"bob"}`)},
		{Subject: "cid", Identity: json.RawMessage(`{"id":"cid"}`)},
	}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("snapshot (-want +got):\n%s", d)
	}
}

func TestNodeDies(t *testing.T) {
	c := newCluster(t, "a", "b")
	c.nodes["b"].Watch("room:1")
	c.nodes["a"].Join("room:1", "ann", identity("Ann"))
	c.pass(3 * time.Second)
	delete(c.nodes, "a")
	c.pass(presence.Lease - presence.Linger - time.Second)
	c.shows("b", "room:1", "ann")
	c.pass(presence.Linger + 2*time.Second)
	c.shows("b", "room:1", "")
	if got := c.told("b"); got != "+ann -ann" {
		t.Errorf("told %q, want +ann -ann", got)
	}
}

func TestNodeSaysGoodbye(t *testing.T) {
	c := newCluster(t, "a", "b")
	c.nodes["b"].Watch("room:1")
	c.nodes["a"].Join("room:1", "ann", identity("Ann"))
	c.nodes["a"].Join("room:1", "bob", identity("Bob"))
	c.pass(time.Second)
	c.told("b")
	c.tell("a", c.nodes["a"].Bye())
	delete(c.nodes, "a")
	c.pass(time.Second)
	c.nodes["b"].Join("room:1", "ann", identity("Ann")) // she comes back here
	c.pass(4 * time.Second)
	c.shows("b", "room:1", "ann")
	if got := c.told("b"); got != "-bob" {
		t.Errorf("told %q, want -bob only", got)
	}
}

// What a dead node said, told again, must not bring its members back.
func TestDoubledAfterDeath(t *testing.T) {
	c := newCluster(t, "a", "b")
	c.nodes["a"].Join("room:1", "ann", identity("Ann"))
	c.now = c.now.Add(100 * time.Millisecond)
	old, _ := c.nodes["a"].Tick(c.now)
	for _, payload := range old {
		c.tell("a", payload)
	}
	c.shows("b", "room:1", "ann")
	delete(c.nodes, "a")
	c.pass(presence.Lease - time.Second)
	for _, payload := range old { // nor prolong its lease
		c.tell("a", payload)
	}
	c.pass(2 * time.Second)
	c.shows("b", "room:1", "")
	for _, payload := range old {
		c.tell("a", payload)
	}
	c.pass(time.Second)
	c.shows("b", "room:1", "")
}

// A node whose broker is away must not tell everybody that all others left.
func TestDeafNodeKeepsTheOthers(t *testing.T) {
	c := newCluster(t, "a", "b", "c")
	c.nodes["b"].Watch("room:1")
	c.nodes["a"].Join("room:1", "ann", identity("Ann"))
	c.nodes["c"].Join("room:1", "cid", identity("Cid"))
	c.pass(time.Second)
	c.told("b")
	c.deaf["b"] = true
	c.pass(30 * time.Second)
	c.shows("b", "room:1", "ann cid")
	c.nodes["a"].Leave(c.now, "room:1", "ann")
	delete(c.nodes, "c") // dies meanwhile
	c.pass(10 * time.Second)
	c.deaf["b"] = false
	c.pass(5 * time.Second)
	c.shows("b", "room:1", "cid")
	c.pass(presence.Lease)
	c.shows("b", "room:1", "")
	if got := c.told("b"); got != "-ann -cid" {
		t.Errorf("told %q, want -ann, and -cid after his node's lease", got)
	}
	c.deaf["b"] = true
	c.nodes["b"].Join("room:1", "bob", identity("Bob"))
	c.nodes["a"].Join("room:1", "ann", identity("Ann"))
	c.pass(70 * time.Second)
	c.shows("a", "room:1", "ann") // b's lease is over
	c.shows("b", "room:1", "bob")
}

func TestLargeStateIsCut(t *testing.T) {
	c := newCluster(t, "a")
	const n = 5000
	for i := range n {
		c.nodes["a"].Join(fmt.Sprintf("room:room_%04d", i%50), fmt.Sprintf("usr_%05d", i), identity(strings.Repeat("Ann ", 20)))
	}
	c.pass(time.Second)
	c.nodes["b"] = presence.New("b") // has to ask
	c.pass(3 * time.Second)
	if c.large > presence.MaxGossip || c.large < presence.MaxGossip/2 {
		t.Errorf("the largest gossip has %d bytes, want at most %d and not much less", c.large, presence.MaxGossip)
	}
	for i := range 50 {
		channel := fmt.Sprintf("room:room_%04d", i)
		if d := cmp.Diff(c.nodes["a"].Snapshot(channel, "", 0), c.nodes["b"].Snapshot(channel, "", 0)); d != "" {
			t.Fatalf("%s (-a +b):\n%s", channel, d)
		}
	}
}

func TestSnapshotPages(t *testing.T) {
	c := newCluster(t, "a")
	for i := range 450 {
		c.nodes["a"].Join("room:1", fmt.Sprintf("usr_%03d", i), nil)
	}
	c.pass(time.Second)
	after, seen := "", 0
	for _, want := range []struct {
		n    int
		more bool
	}{{200, true}, {200, true}, {50, false}} {
		s := c.nodes["a"].Snapshot("room:1", after, 1000)
		if len(s.Members) != want.n || s.More != want.more || s.Count != 450 {
			t.Fatalf("a page of %d of %d, more %t; want %d of 450, %t", len(s.Members), s.Count, s.More, want.n, want.more)
		}
		for _, m := range s.Members {
			if m.Subject != fmt.Sprintf("usr_%03d", seen) {
				t.Fatalf("member %d is %s", seen, m.Subject)
			}
			seen++
		}
		after = s.Members[len(s.Members)-1].Subject
	}
	if s := c.nodes["a"].Snapshot("room:1", "", 3); len(s.Members) != 3 || !s.More {
		t.Errorf("a page of %d, more %t; want the 3 asked for", len(s.Members), s.More)
	}
}

func TestRefusedNames(t *testing.T) {
	r := presence.New("a")
	long := strings.Repeat("x", 201)
	for name, at := range map[string][2]string{"long channel": {long, "ann"}, "long subject": {"room:1", long}, "no subject": {"room:1", ""}} {
		if r.Join(at[0], at[1], nil) {
			t.Errorf("%s was taken", name)
		}
	}
	for i := range 100_000 {
		if !r.Join("room:1", fmt.Sprint(i), nil) {
			t.Fatalf("member %d was refused", i)
		}
	}
	if r.Join("room:1", "one too many", nil) {
		t.Error("member 100,001 was taken")
	}
	if !r.Join("room:1", "1", nil) {
		t.Error("another session of a member was refused")
	}
}

// However many nodes there seem to be, only so many are believed.
func TestTooManyNodes(t *testing.T) {
	c := newCluster(t, "a")
	for i := range 2 * presence.MaxPeers {
		r := presence.New(fmt.Sprint("node ", i))
		r.Join("room:1", fmt.Sprintf("usr_%03d", i), nil)
		out, _ := r.Tick(c.now)
		for _, payload := range out {
			c.tell("", payload)
		}
	}
	if got := c.nodes["a"].Snapshot("room:1", "", 1).Count; got != presence.MaxPeers {
		t.Errorf("%d members of as many nodes, want %d", got, presence.MaxPeers)
	}
}

func FuzzReceive(f *testing.F) {
	r := presence.New("b")
	r.Join("room:1", "ann", identity("Ann"))
	r.Join("room:1", "bob", identity("Bob"))
	r.Join("room:2", "bob", identity("Bob"))
	out, _ := r.Tick(noon)
	for _, payload := range append(out, r.Bye()) {
		f.Add(payload)
	}
	f.Add([]byte{})
	f.Add([]byte{1, 4, 1, 'c', 5, 6, 0, 3, 255, 255, 255, 255, 15, 0})
	f.Fuzz(func(_ *testing.T, payload []byte) {
		r := presence.New("a")
		r.Watch("room:1")
		r.Receive(noon, payload)
		r.Tick(noon)
		r.Receive(noon.Add(time.Second), payload)
		r.Tick(noon.Add(20 * time.Second))
	})
}

func BenchmarkTick(b *testing.B) {
	r := presence.New("a")
	for i := range 10_000 {
		r.Join(fmt.Sprintf("room:%d", i%2000), fmt.Sprintf("usr_%05d", i), identity("Ann"))
	}
	now := noon
	r.Tick(now)
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(100 * time.Millisecond)
		r.Tick(now)
	}
}

// A state that was delayed must not undo what came after it.
func TestLateState(t *testing.T) {
	c := newCluster(t, "a", "b")
	c.nodes["a"].Join("room:1", "ann", identity("Ann"))
	c.pass(time.Second)
	c.nodes["c"] = presence.New("c") // makes a send its state
	var state [][]byte
	for range 20 {
		c.now = c.now.Add(100 * time.Millisecond)
		for _, name := range []string{"a", "b", "c"} {
			out, _ := c.nodes[name].Tick(c.now)
			for _, payload := range out {
				c.tell(name, payload)
				if name == "a" {
					state = append(state, payload)
				}
			}
		}
	}
	c.shows("c", "room:1", "ann")
	c.nodes["a"].Leave(c.now, "room:1", "ann")
	c.nodes["a"].Join("room:1", "bob", identity("Bob"))
	c.pass(5 * time.Second)
	for _, payload := range state {
		c.tell("a", payload)
	}
	c.pass(100 * time.Millisecond)
	c.shows("b", "room:1", "bob")
	c.shows("c", "room:1", "bob")
}

// All nodes hear a state, so one does for all who asked, as when the broker
// was away from everybody.
func TestManyAskAtOnce(t *testing.T) {
	c := newCluster(t, "a")
	c.nodes["a"].Join("room:1", "ann", identity("Ann"))
	c.pass(time.Second)
	states := 0
	for i := range 50 {
		if i < 20 { // they ask within two seconds
			c.nodes[fmt.Sprint("new ", i)] = presence.New(fmt.Sprint("new ", i))
		}
		c.now = c.now.Add(100 * time.Millisecond)
		for name, r := range c.nodes {
			out, _ := r.Tick(c.now)
			for _, payload := range out {
				c.tell(name, payload)
				if name == "a" && strings.Contains(string(payload), "ann") {
					states++
				}
			}
		}
	}
	for name := range c.nodes {
		c.shows(name, "room:1", "ann")
	}
	if states < 1 || states > 3 {
		t.Errorf("sent %d states to 20 nodes that asked within two seconds, want one a second", states)
	}
}

// Whoever still has an old version of a channel that was empty meanwhile must
// not take new diffs for old ones.
func TestVersionsNeverGoBack(t *testing.T) {
	c := newCluster(t, "a")
	a := c.nodes["a"]
	last := uint64(0)
	for range 3 {
		a.Watch("room:1")
		if v := a.Snapshot("room:1", "", 0).Version; v < last {
			t.Fatalf("a snapshot of version %d after %d", v, last)
		}
		a.Join("room:1", "ann", nil)
		c.pass(time.Second)
		a.Leave(c.now, "room:1", "ann")
		c.pass(5 * time.Second)
		for _, d := range c.diffs["a"] {
			if d.Version <= last {
				t.Fatalf("a diff of version %d after %d", d.Version, last)
			}
			last = d.Version
		}
		delete(c.diffs, "a")
		a.Unwatch("room:1")
		if kept := a.Kept()["views"]; kept != 0 {
			t.Fatalf("keeps %d views of empty channels that nobody watches", kept)
		}
	}
}
