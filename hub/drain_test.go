package hub_test

import (
	"context"
	"testing"
	"time"

	"github.com/openinsure/openinsure/hub"
)

func TestDrain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const drain = 400 * time.Millisecond
		n, log := singleHere(t, hub.Config{Drain: drain})
		stubborn, obedient := n.dial(t, "as=usr_1"), n.dial(t, "as=usr_2")
		for _, c := range []*client{stubborn, obedient} {
			c.next("connected")
			c.subscribe("room:1", "")
		}
		eventually(t, "ready", func() bool { return n.Ready() == nil })
		start := time.Now()
		over := make(chan struct{})
		go func() {
			n.Drain(context.Background())
			close(over)
		}()
		if f := obedient.next("drain"); f.Reconnect < 0 || f.Reconnect > 100 {
			t.Errorf("drain = %+v, want to reconnect within 100 ms", f)
		}
		if err := obedient.conn.Close(1000, ""); err != nil {
			t.Error(err)
		}
		stubborn.next("drain")
		if n.Ready() == nil {
			t.Error("ready while draining")
		}
		if _, err := n.tryDial(t, "as=usr_3"); err == nil {
			t.Error("a session was admitted while draining")
		}
		n.commit(log, "room:1") // delivery goes on to the end
		stubborn.entries(1, 1)
		if code := stubborn.closed(); code != hub.CloseDraining {
			t.Errorf("closed with %d, want %d", code, hub.CloseDraining)
		}
		<-over
		if took := time.Since(start); took < drain {
			t.Errorf("drained in %s, want at least %s for who stays", took, drain)
		}
	})
}

func TestDrainReturnsOnceAllHaveLeft(t *testing.T) {
	n, _, _ := single(t, hub.Config{Drain: time.Hour})
	n.Drain(t.Context())
}

func TestRunEndsSessionsAndReturns(t *testing.T) {
	n, _, _ := single(t, hub.Config{})
	c := n.dial(t, "as=usr_1")
	c.next("connected")
	code := make(chan hub.CloseCode, 1)
	go func() { code <- c.closed() }()
	n.stop()
	if got := <-code; got != hub.CloseDraining {
		t.Errorf("closed with %d, want %d", got, hub.CloseDraining)
	}
}

func TestChannelsNobodyListensToAreDropped(t *testing.T) {
	n, _, _ := single(t, hub.Config{Linger: 50 * time.Millisecond})
	c := n.dial(t, "as=usr_1&control=control:1")
	c.next("connected")
	c.subscribe("room:1", "")
	if got := hub.Channels(n.Hub); got != 2 {
		t.Errorf("%d channels are open, want 2", got)
	}
	_ = c.conn.CloseNow()
	eventually(t, "no channel is open", func() bool { return hub.Channels(n.Hub) == 0 })
}
