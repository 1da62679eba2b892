package hub

import (
	"cmp"
	"log/slog"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// A Config tunes a Hub. Its zero value is what production runs with.
type Config struct {
	Now        func() time.Time      // nil is time.Now
	Logger     *slog.Logger          // nil discards
	Registerer prometheus.Registerer // nil keeps no metrics
	Shards     int                   // workers that deliver; 0 is one a processor
	Denied     func(Denial)          // is told of lacking rights, and must not block; nil: nobody is

	Ping  time.Duration // between two pings of a session; 25 s
	Pong  time.Duration // for a sign of life after a ping, else 4003; 10 s
	Stuck time.Duration // without progress of a write, else 4002; 15 s
	Drain time.Duration // over which Drain asks sessions to leave; 20 s

	Tail       time.Duration // between two looks at the Log's heads; 500 ms
	TailUnwell time.Duration // the same while the broker is not healthy; 75 ms
	Grace      time.Duration // for a missing publication to come by itself; 30 ms
	Silence    time.Duration // of the Log after which delivery pauses; 1 s
	LogTimeout time.Duration // of one question to the Log or the App; 5 s
	Linger     time.Duration // that a channel nobody listens to is kept; 10 s

	Ring      int   // frames kept for each channel; 256
	RingBytes int   // bytes kept for each channel; 1 MB
	Memory    int64 // bytes kept for all channels of the node; 256 MB

	Sessions           int // of the node; 20,000
	SessionsPerSubject int // 50
	SessionsPerAddress int // 1,000
	Subscriptions      int // of a session; 100
	Posts              int // in flight of a session; 64
	Replies            int // owed to a session before it is read no further; 64
	FrameBytes         int // of a client's frame; 64 KB
	FrameRate          int // of a client's frames a second; 50
	FrameBurst         int // of them at once; 100
}

func (c Config) withDefaults() Config {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.Shards = cmp.Or(c.Shards, runtime.GOMAXPROCS(0))

	c.Ping = cmp.Or(c.Ping, 25*time.Second)
	c.Pong = cmp.Or(c.Pong, 10*time.Second)
	c.Stuck = cmp.Or(c.Stuck, 15*time.Second)
	c.Drain = cmp.Or(c.Drain, 20*time.Second)

	c.Tail = cmp.Or(c.Tail, 500*time.Millisecond)
	c.TailUnwell = cmp.Or(c.TailUnwell, 75*time.Millisecond)
	c.Grace = cmp.Or(c.Grace, 30*time.Millisecond)
	c.Silence = cmp.Or(c.Silence, time.Second)
	c.LogTimeout = cmp.Or(c.LogTimeout, 5*time.Second)
	c.Linger = cmp.Or(c.Linger, 10*time.Second)

	c.Ring = cmp.Or(c.Ring, 256)
	c.RingBytes = cmp.Or(c.RingBytes, 1<<20)
	c.Memory = cmp.Or(c.Memory, 256<<20)

	c.Sessions = cmp.Or(c.Sessions, 20_000)
	c.SessionsPerSubject = cmp.Or(c.SessionsPerSubject, 50)
	c.SessionsPerAddress = cmp.Or(c.SessionsPerAddress, 1_000)
	c.Subscriptions = cmp.Or(c.Subscriptions, 100)
	c.Posts = cmp.Or(c.Posts, 64)
	c.Replies = cmp.Or(c.Replies, 64)
	c.FrameBytes = cmp.Or(c.FrameBytes, 64<<10)
	c.FrameRate = cmp.Or(c.FrameRate, 50)
	c.FrameBurst = cmp.Or(c.FrameBurst, 100)
	return c
}

// sweep is how often shards look after pings, deadlines and lag.
func (c Config) sweep() time.Duration {
	return max(time.Millisecond, min(time.Second, c.Ping/4, c.Pong/4, c.Stuck/4, c.Linger/4))
}
