package redisbroker

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// The reasons for dropping a publication.
const (
	full   = "full"   // the buffer has no room
	away   = "away"   // there was no connection for too long
	failed = "failed" // Redis did not take it
)

// metrics count, for nobody if there was no registerer.
type metrics struct {
	published prometheus.Counter
	dropped   *prometheus.CounterVec
	received  prometheus.Counter
	errors    prometheus.Counter
	rebuilds  prometheus.Counter

	droppedCount, garbageCount atomic.Uint64 // for the log
}

func newMetrics(reg prometheus.Registerer, b *Broker) *metrics {
	m := &metrics{
		published: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hub_broker_published_total", Help: "Publications that Redis took.",
		}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hub_broker_dropped_total", Help: "Publications that were not sent; other nodes find their entries by polling.",
		}, []string{"reason"}),
		received: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hub_broker_received_total", Help: "Publications that arrived, our own included.",
		}),
		errors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hub_broker_receive_errors_total", Help: "Messages that could not be read and receiving connections that broke.",
		}),
		rebuilds: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hub_broker_rebuilds_total", Help: "Times that the connections to Redis were given up and made anew.",
		}),
	}
	for _, reason := range []string{full, away, failed} {
		m.dropped.WithLabelValues(reason)
	}
	if reg != nil {
		reg.MustRegister(m.published, m.dropped, m.received, m.errors, m.rebuilds, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "hub_broker_probe_age_seconds", Help: "Time since the last probe to arrive was sent; -1 without a connection.",
		}, func() float64 {
			if age := b.probeAge(); age >= 0 {
				return age.Seconds()
			}
			return -1
		}))
	}
	return m
}

func (m *metrics) drop(reason string, n int) {
	if n > 0 {
		m.dropped.WithLabelValues(reason).Add(float64(n))
		m.droppedCount.Add(uint64(n))
	}
}

func (m *metrics) garbage() {
	m.errors.Inc()
	m.garbageCount.Add(1)
}
