package hub_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openinsure/openinsure/hub"
)

// P5: those who do not read cost little, hold nobody up and lose nothing.
func TestSlowReaders(t *testing.T) {
	const slow, entries = 200, 5000
	n, log, _ := single(t, hub.Config{SessionsPerSubject: slow, Stuck: time.Hour})
	fast := n.dial(t, "as=usr_2&batch")
	fast.next("connected")
	fast.subscribe("room:1", "")
	pipes := make([]*pipe, slow)
	for i := range pipes {
		p, err := n.pipe("as=usr_1&batch")
		if err != nil {
			t.Fatal(err)
		}
		pipes[i] = p
		if _, err := p.message(); err != nil {
			t.Fatal(err)
		}
		if err := p.write(`{"id":1,"type":"subscribe","channel":"room:1"}`); err != nil {
			t.Fatal(err)
		}
		if _, err := p.message(); err != nil { // subscribed
			t.Fatal(err)
		}
	}
	before := heap()
	payload := json.RawMessage(`"` + strings.Repeat("x", 500) + `"`)
	for seq := int64(1); seq <= entries; seq++ {
		n.Publish(log.commit(hub.Entry{Channel: "room:1", Payload: payload}))
		if seq%50 == 0 {
			fast.entries(seq-49, seq)
		}
	}
	held := (heap() - before - entries*600) / slow // the log's own entries aside
	if held > 80<<10 {
		t.Errorf("a session that does not read holds %d bytes", held)
	}

	for i, p := range pipes {
		next := int64(1)
		for next <= entries {
			m, err := p.message()
			if err != nil {
				t.Fatalf("slow reader %d at %d: %v", i, next, err)
			}
			for line := range strings.SplitSeq(string(m), "\n") {
				var f frame
				if err := json.Unmarshal([]byte(line), &f); err != nil {
					t.Fatal(err)
				}
				if f.Type == "ping" {
					continue
				}
				if f.Type != "entry" || f.Seq != next {
					t.Fatalf("slow reader %d got %.60s, want entry %d", i, line, next)
				}
				next++
			}
		}
		_ = p.Close()
	}
}

func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// closes is how many sessions ended with a label.
func closes(t testing.TB, reg *prometheus.Registry, label string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "openinsure_hub_closes_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			if m.GetLabel()[0].GetValue() == label {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

func TestStuckSessionIsEndedAndResumes(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		n, log := singleHere(t, hub.Config{Stuck: 300 * time.Millisecond, Registerer: reg})
		c := n.dial(t, "as=usr_1")
		c.next("connected")
		c.subscribe("room:1", "")
		const entries = 400
		payload := []byte(`"` + strings.Repeat("x", 32<<10) + `"`)
		for range entries {
			n.Publish(log.commit(hub.Entry{Channel: "room:1", Payload: payload}))
		}
		eventually(t, "ended as stuck", func() bool { return closes(t, reg, "stuck") == 1 })
		seq := int64(0)
		for {
			f, err := c.read()
			if err != nil {
				break
			}
			if f.Seq != seq+1 {
				t.Fatalf("got %d after %d", f.Seq, seq)
			}
			seq = f.Seq
		}
		d := n.dial(t, "as=usr_1")
		d.next("connected")
		d.subscribe("room:1", fmt.Sprintf(`,"since":{"epoch":"e1","seq":%d}`, seq))
		d.entries(seq+1, entries)
	})
}

func TestNoSignOfLife(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		n, _ := singleHere(t, hub.Config{Ping: 40 * time.Millisecond, Pong: 100 * time.Millisecond})
		mute, alive := n.dial(t, "as=usr_1"), n.dial(t, "as=usr_2")
		pings := 0
		over := make(chan hub.CloseCode, 1)
		go func() { over <- mute.closed() }()
		for pings < 10 {
			_, data, err := alive.conn.Read(t.Context())
			if err != nil {
				t.Fatalf("after %d pings: %v", pings, err)
			}
			if string(data) == `{"type":"ping"}` {
				pings++
				alive.send(`{"type":"pong"}`)
			}
		}
		if code := <-over; code != hub.CloseNoPong {
			t.Errorf("closed with %d, want %d", code, hub.CloseNoPong)
		}
	})
}

// A client that asks without reading is not answered without bound.
func TestAnswersOwedAreBounded(t *testing.T) {
	n, _, _ := single(t, hub.Config{FrameRate: 1 << 20, FrameBurst: 1 << 20, Stuck: time.Hour})
	p, err := n.pipe("as=usr_1")
	if err != nil {
		t.Fatal(err)
	}
	written := make(chan int, 1)
	go func() {
		i := 0
		for ; p.write(`{"id":1,"type":"unsubscribe","channel":"none"}`) == nil; i++ {
		}
		written <- i
	}()
	eventually(t, "reading stopped", func() bool { return hub.Owed(n.Hub) >= 64 })
	_ = p.Close()
	if got := <-written; got > 200 {
		t.Errorf("%d frames were read without an answer being taken", got)
	}
	eventually(t, "the session is forgotten", func() bool { return n.Health().Sessions == 0 })
}
