package main

import (
	"container/heap"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// A month is where the stories of a month are played, by nothing but the public
// API, in turn at each of two nodes.
type month struct {
	t      testing.TB
	c      *cluster
	tokens map[string]string // by who
	ids    map[string]string
	calls  int
	day    int // of the month that it is
	began  time.Time
	taken  map[way]int // every way of a machine that was gone

	dealt                 map[string]int // what was done for the broker's side, and by whom
	producers, agreements int            // that were made
}

// A way is one transition of one machine.
type way struct{ machine, from, by, to string }

// as makes a request as one of the cast and returns the status and the answer.
func (s *month) as(who, method, path string, body any) (int, map[string]any) {
	s.t.Helper()
	in := ""
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			s.t.Fatal(err)
		}
		in = string(b)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.c.node(s.calls).url+path, strings.NewReader(in))
	if err != nil {
		s.t.Fatal(err)
	}
	s.calls++
	req.Header.Set("Authorization", "Bearer "+s.tokens[who])
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var out map[string]any
	if res.StatusCode != http.StatusNoContent {
		if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
			s.t.Fatalf("%s %s: %d, %v", method, path, res.StatusCode, err)
		}
	}
	return res.StatusCode, out
}

// must is as, for what has to succeed.
func (s *month) must(who, method, path string, body any) map[string]any {
	s.t.Helper()
	status, out := s.as(who, method, path, body)
	if status >= 300 {
		s.t.Fatalf("%s: %s %s %v: %d %v", who, method, path, body, status, out)
	}
	return out
}

// move moves the clock to ten in the morning of a day of the month.
func (s *month) move(day int) {
	s.t.Helper()
	if day <= s.day {
		return
	}
	for s.day < day {
		s.day = min(day, s.day+10) // what comes due at once is bounded
		out := s.must("ada", "POST", "/v1/test-clock", fields{"now": s.at(s.day).Format(time.RFC3339)})
		if out["failed"] != 0.0 {
			s.t.Fatalf("day %d: %v", s.day, out)
		}
	}
}

// at is when a day of the month begins to be worked.
func (s *month) at(day int) time.Time { return s.began.AddDate(0, 0, day) }

// fields is a body.
type fields map[string]any

// with returns fields with more.
func (f fields) with(more fields) fields {
	out := fields{}
	maps.Copy(out, f)
	maps.Copy(out, more)
	return out
}

// A tale is what one submission goes through. It waits for days, and other tales
// are told meanwhile.
type tale struct {
	*month
	name string
	wait func(day int) // until so many days of the month have passed

	submission, room, referral, quote, policy string
	producer, agreement, carrier              string // of the market
	asked                                     fields // of the submission, beside its risk

	before  snapshot
	expects []string // the facts that the room shows, in order
}

// tell tells tales, each as the days allow.
func (s *month) tell(tales map[string]func(*tale)) []*tale {
	var all []*tale
	var due calendarOf
	for n, name := range slices.Sorted(maps.Keys(tales)) {
		t := &tale{month: s, name: name}
		next, _ := iter.Pull(func(yield func(int) bool) { // each is told to its end
			t.wait = func(days int) {
				yield(t.day + days)
				t.pass()
			}
			tales[name](t)
		})
		all = append(all, t)
		heap.Push(&due, turn{n % 3, n, next})
	}
	for due.Len() > 0 {
		now := heap.Pop(&due).(turn)
		if now.day > s.day+epilogue { // the month is over
			for _, t := range all {
				t.over()
			}
		}
		s.move(now.day)
		if day, more := now.next(); more {
			heap.Push(&due, turn{day, now.n, now.next})
		}
	}
	return all
}

// epilogue is how many days without any tale end a month.
const epilogue = 20

// A turn is when a tale goes on.
type turn struct {
	day, n int
	next   func() (int, bool)
}

// calendarOf is a heap of turns by day.
type calendarOf []turn

func (c calendarOf) Len() int { return len(c) }
func (c calendarOf) Less(i, j int) bool {
	return c[i].day < c[j].day || c[i].day == c[j].day && c[i].n < c[j].n
}
func (c calendarOf) Swap(i, j int) { c[i], c[j] = c[j], c[i] }
func (c *calendarOf) Push(x any)   { *c = append(*c, x.(turn)) }
func (c *calendarOf) Pop() any {
	old := *c
	x := old[len(old)-1]
	*c = old[:len(old)-1]
	return x
}

func (t *tale) fail(format string, args ...any) {
	t.t.Helper()
	t.t.Fatalf("day %d, %s: %s", t.day, t.name, fmt.Sprintf(format, args...))
}
