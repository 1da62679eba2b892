package demo

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"
)

// Books are what the platform itself says of the deal, when it is over.
type Books struct {
	Listed     []envelope      // GET /v1/events
	Endpoint   *Ear            // where the integrator's webhooks come; nil when the server cannot reach it
	Deliveries []delivery      // to the endpoint
	Inboxes    map[*Ear][]mark // nil when nobody asked; by the ear that hears of new rows
	Strangers  bool            // others use the server too: facts that are not ours are not ours to judge
}

// A delivery is what the platform says of one event and the endpoint.
type delivery struct {
	EventID  string `json:"eventId"`
	Type     string `json:"type"`
	State    string `json:"state"`
	Attempts int    `json:"attemptCount"`
}

// A mark is a row of somebody's inbox.
type mark struct {
	EventID string `json:"eventId"`
	Type    string `json:"type"`
}

// deadline is how long anything may take to arrive.
const deadline = 10 * time.Second

// Check returns what is wrong, in words: what is missing, doubled, heard by
// whom it was not for, invented, unsigned, out of order, or under another id or
// with another content on another path.
func Check(facts []*Fact, receipts []Receipt, b Books) []string {
	c := &checking{Account: NewAccount(facts, receipts), books: b}
	c.hearing()
	c.strangers()
	c.ids(receipts)
	c.order(receipts)
	c.contents(receipts)
	c.listed()
	c.delivered()
	c.inboxes()
	return c.problems
}

type checking struct {
	*Account
	books    Books
	problems []string
}

func (c *checking) add(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

// title names a fact.
func (f *Fact) title() string {
	if f.Type == card {
		return "the card " + f.Name
	}
	return f.Type + " " + f.Name
}

// hearing holds what came against whom it was for, once each and good.
func (c *checking) hearing() {
	for _, f := range c.facts {
		for _, e := range f.Heard {
			if len(c.heard[f][e]) == 0 {
				c.add("missing: %s did not reach %s in %v", f.title(), e.Name, deadline)
			}
		}
		for _, e := range inOrder(c.heard[f]) {
			rs := c.heard[f][e]
			if !slices.Contains(f.Heard, e) {
				c.add("overheard: %s reached %s, who must not hear it", f.title(), e.Name)
			}
			if len(rs) > 1 {
				c.add("doubled: %s reached %s %d times", f.title(), e.Name, len(rs))
			}
			for _, r := range rs {
				if r.Fault != "" {
					c.add("refused: %s at %s: %s", f.title(), e.Name, r.Fault)
				}
			}
		}
	}
}

// inOrder lists ears by their names.
func inOrder[T any](m map[*Ear]T) []*Ear {
	return slices.SortedFunc(maps.Keys(m), func(a, b *Ear) int { return cmp.Compare(a.Name, b.Name) })
}

// strangers judges what came and is of no fact.
func (c *checking) strangers() {
	for _, r := range c.strange {
		if !c.books.Strangers {
			c.add("invented: %s %s reached %s, and is nothing that happened in this deal", r.Type, cmp.Or(r.Name, r.Event), r.Ear.Name)
		}
		if r.Fault != "" {
			c.add("refused: %s %s at %s: %s", r.Type, r.Event, r.Ear.Name, r.Fault)
		}
	}
}

// ids checks that a fact has one id on every path.
func (c *checking) ids(receipts []Receipt) {
	for _, r := range receipts {
		if id := c.Account.ids[[2]string{r.Type, r.Name}]; r.Name != "" && id != r.Event {
			c.add("two ids: %s %s is %s, and %s at %s", r.Type, r.Name, id, r.Event, r.Ear.Name)
		}
	}
}

// order checks that the numbers of every channel follow each other without a
// gap, on every connection.
func (c *checking) order(receipts []Receipt) {
	last := map[string]int64{}
	for _, r := range receipts {
		if r.Lane == "" {
			continue
		}
		if was, known := last[r.Lane]; known && r.Seq != was+1 {
			c.add("out of order: %d came after %d at %s", r.Seq, was, r.Lane)
		}
		last[r.Lane] = r.Seq
	}
}

// contents checks that an event says the same on every path, but for the metadata
// of what it is about, which stays inside the organisation.
func (c *checking) contents(receipts []Receipt) {
	first := map[string]Receipt{}
	for _, r := range receipts {
		if r.Data == nil {
			continue
		}
		one, known := first[r.Event]
		if !known {
			first[r.Event] = r
		} else if !sameData(one.Data, r.Data) {
			c.add("two contents: %s %s says something else at %s than at %s", r.Type, r.Event, r.Ear.Name, one.Ear.Name)
		}
	}
	for _, e := range c.books.Listed {
		if one, known := first[e.ID]; known && !sameData(one.Data, e.Data) {
			c.add("two contents: %s %s says something else in GET /v1/events than at %s", e.Type, e.ID, one.Ear.Name)
		}
	}
}

func sameData(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	const own = "metadata"
	xs, _ := x.(map[string]any)
	ys, _ := y.(map[string]any)
	if _, has := xs[own]; !has {
		delete(ys, own)
	} else if _, has := ys[own]; !has {
		delete(xs, own)
	}
	return reflect.DeepEqual(x, y)
}

// listed compares the facts with GET /v1/events: what is there, what must not
// be, and that an endpoint was told of nothing else.
func (c *checking) listed() {
	times := map[string]int{}
	for _, e := range c.books.Listed {
		times[e.ID]++
		if f := c.of[e.ID]; f == nil && !c.books.Strangers {
			c.add("invented: GET /v1/events has %s %s, which nobody heard", e.Type, e.ID)
		}
	}
	for _, f := range c.facts {
		n := times[c.id(f)]
		switch {
		case f.Listed && n == 0:
			c.add("missing: %s is not in GET /v1/events", f.title())
		case f.Listed && n > 1:
			c.add("doubled: %s is in GET /v1/events %d times", f.title(), n)
		case !f.Listed && n > 0:
			c.add("overheard: %s is in GET /v1/events, and is not for everybody there", f.title())
		}
	}
	for _, r := range c.strange {
		if r.Ear.Way == Webhook && times[r.Event] == 0 {
			c.add("invented: the webhook %s %s is not in GET /v1/events", r.Type, r.Event)
		}
	}
}

// delivered compares what came at the endpoint with what the platform says it
// sent.
func (c *checking) delivered() {
	if c.books.Endpoint == nil {
		return
	}
	came := map[string]int{}
	for _, at := range c.heard {
		for _, r := range at[c.books.Endpoint] {
			came[r.Event]++
		}
	}
	for _, d := range c.books.Deliveries {
		f := c.of[d.EventID]
		if f == nil && c.books.Strangers {
			continue
		}
		if d.State != "delivered" || d.Attempts != 1 || came[d.EventID] != 1 {
			c.add("deliveries: %s %s is said to be %s after %d attempts, and came %d times", d.Type, d.EventID, d.State, d.Attempts, came[d.EventID])
		}
		delete(came, d.EventID)
	}
	for _, id := range slices.Sorted(maps.Keys(came)) {
		c.add("deliveries: %s came, and no delivery says so", id)
	}
}

// inboxes compares the inboxes with what their owners were told live.
func (c *checking) inboxes() {
	for _, e := range inOrder(c.books.Inboxes) {
		rows := c.books.Inboxes[e]
		times := map[string]int{}
		for _, row := range rows {
			times[row.EventID]++
			if f := c.of[row.EventID]; f == nil && !c.books.Strangers || f != nil && !slices.Contains(f.Heard, e) {
				c.add("invented: %s has %s %s", e.Name, row.Type, row.EventID)
			}
		}
		for _, f := range c.facts {
			if n := times[c.id(f)]; slices.Contains(f.Heard, e) && n != 1 {
				c.add("%s has %s %d times", e.Name, f.title(), n)
			}
		}
	}
}
