package hub

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics is what the hub counts. Shards add up their deliveries and hand them
// over once a pass, so that the hot path pays for nothing.
type metrics struct {
	subscriptions atomic.Int64
	lag           lag

	deliveries prometheus.Counter
	writes     prometheus.Counter
	repairs    *prometheus.CounterVec
	resets     *prometheus.CounterVec
	closes     *prometheus.CounterVec
	tail       prometheus.Histogram
}

// lag is how far behind the slowest cursor of each shard was when last looked.
type lag struct{ shards []atomic.Int64 }

func (l *lag) observe(shard int, entries int64) { l.shards[shard].Store(entries) }

func (l *lag) most() float64 {
	most := int64(0)
	for i := range l.shards {
		most = max(most, l.shards[i].Load())
	}
	return float64(most)
}

func newMetrics(h *Hub, reg prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: "openinsure", Subsystem: "hub", Name: name, Help: help}
	}
	m := &metrics{
		lag:        lag{make([]atomic.Int64, len(h.shards))},
		deliveries: prometheus.NewCounter(counter("deliveries_total", "Entries handed to sessions.")),
		writes:     prometheus.NewCounter(counter("writes_total", "Batches they were handed in; deliveries by writes is frames a write.")),
		repairs:    prometheus.NewCounterVec(counter("repairs_total", "Channels that had to be read from the log, by cause."), []string{"cause"}),
		resets:     prometheus.NewCounterVec(counter("resets_total", "Resets of channels and subscriptions, by reason."), []string{"reason"}),
		closes:     prometheus.NewCounterVec(counter("closes_total", "Sessions ended, by code."), []string{"code"}),
		tail: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "openinsure", Subsystem: "hub", Name: "tail_seconds", Help: "Time the log took to tell all heads.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
		}),
	}
	if reg == nil {
		return m
	}
	gauge := func(name, help string, f func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "openinsure", Subsystem: "hub", Name: name, Help: help}, f)
	}
	reg.MustRegister(m.deliveries, m.writes, m.repairs, m.resets, m.closes, m.tail,
		gauge("sessions", "Sessions that are live.", func() float64 { return float64(h.registry.len()) }),
		gauge("subscriptions", "Subscriptions of all sessions.", func() float64 { return float64(m.subscriptions.Load()) }),
		gauge("channels", "Channels that are open.", func() float64 { return float64(h.channels.len()) }),
		gauge("ring_bytes", "Memory of the frames kept for all channels.", func() float64 { return float64(h.memory.Load()) }),
		gauge("cursor_lag_entries", "How far the slowest subscription is behind its channel.", m.lag.most),
		gauge("tail_age_seconds", "Time since the log was last heard from.", func() float64 { return time.Duration(h.age(h.nano())).Seconds() }),
	)
	return m
}
