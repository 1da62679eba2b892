package redisbroker_test

import (
	"context"
	"encoding/binary"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openinsure/openinsure/hub"
	"github.com/openinsure/openinsure/hub/redisbroker"
	"github.com/openinsure/openinsure/hub/redistest"
)

// BenchmarkPublish is how many publications of 256 bytes a second one node
// sends through a real Redis to itself and another, over 200 rooms, in groups
// as a group commit makes them.
func BenchmarkPublish(b *testing.B) {
	for _, group := range []int{1, 16, 64} {
		b.Run(strconv.Itoa(group), func(b *testing.B) {
			s := redistest.Start(b)
			from, to := open(b, redisbroker.Config{URL: s.URL()}), open(b, redisbroker.Config{URL: s.URL()})
			var here, there meter
			running(b, from, &here)
			running(b, to, &there)
			pubs := make([]hub.Publication, group)
			sent := int64(0)
			b.ResetTimer()
			for sent < int64(b.N) {
				for i := range pubs {
					pubs[i] = entry(sent)
					sent++
				}
				from.Publish(pubs...)
				// Not more on the way than a buffer holds: none is dropped.
				for sent-there.n.Load() > 20_000 {
					<-time.After(100 * time.Microsecond)
				}
			}
			for there.n.Load() < sent || here.n.Load() < sent {
				<-time.After(100 * time.Microsecond)
			}
			b.ReportMetric(float64(sent)/b.Elapsed().Seconds(), "publications/s")
		})
	}
}

// BenchmarkLatency is the time from Publish on one node to Receive on another
// at 1,000 and 10,000 publications a second.
func BenchmarkLatency(b *testing.B) {
	for _, rate := range []int{1000, 10_000} {
		b.Run(strconv.Itoa(rate), func(b *testing.B) {
			s := redistest.Start(b)
			from, to := open(b, redisbroker.Config{URL: s.URL()}), open(b, redisbroker.Config{URL: s.URL()})
			var here, there meter
			there.took = make([]time.Duration, 0, b.N)
			running(b, from, &here)
			running(b, to, &there)
			b.ResetTimer()
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for sent := 0; sent < b.N; {
				<-tick.C
				for range rate / 1000 {
					from.Publish(entry(int64(sent)))
					sent++
				}
			}
			for int(there.n.Load()) < b.N {
				<-time.After(time.Millisecond)
			}
			b.StopTimer()
			slices.Sort(there.took)
			at := func(q float64) float64 {
				return float64(there.took[int(q*float64(len(there.took)-1))]) / float64(time.Millisecond)
			}
			b.ReportMetric(at(.5), "p50-ms")
			b.ReportMetric(at(.99), "p99-ms")
			b.ReportMetric(0, "ns/op") // that is the rate's
		})
	}
}

func entry(n int64) hub.Publication {
	payload := make([]byte, 256)
	binary.BigEndian.PutUint64(payload, uint64(time.Now().UnixNano()))
	return hub.Publication{Kind: hub.KindEntry, Channel: "room:room_" + strconv.FormatInt(n%200, 10), Epoch: "a1b2", Seq: n/200 + 1, Payload: payload}
}

// A meter counts, and notes how long each took if it has room.
type meter struct {
	n    atomic.Int64
	took []time.Duration
}

// Receive implements hub.Receiver.
func (m *meter) Receive(p hub.Publication) {
	if len(m.took) < cap(m.took) {
		m.took = append(m.took, time.Duration(time.Now().UnixNano()-int64(binary.BigEndian.Uint64(p.Payload))))
	}
	m.n.Add(1)
}

// Lost implements hub.Receiver.
func (m *meter) Lost() {}

func running(b *testing.B, broker *redisbroker.Broker, r hub.Receiver) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- broker.Run(ctx, r) }()
	b.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	})
	until(b, "it is healthy", broker.Healthy)
}
