package redislimit

import "github.com/prometheus/client_golang/prometheus"

// Why a request was counted on this node alone.
const (
	away = "away" // there is no connection that works
	slow = "slow" // no answer in time
	full = "full" // too many were waiting
)

type metrics struct{ local *prometheus.CounterVec }

func newMetrics(reg prometheus.Registerer, l *Limiter) *metrics {
	m := &metrics{local: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "http_rate_limit_local_total", Help: "Requests that were counted on this node alone, by why Redis did not count them.",
	}, []string{"reason"})}
	for _, reason := range []string{away, slow, full} {
		m.local.WithLabelValues(reason)
	}
	if reg != nil {
		reg.MustRegister(m.local, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "http_rate_limit_shared", Help: "1 while requests are counted in Redis, for all nodes.",
		}, func() float64 {
			if l.Shared() {
				return 1
			}
			return 0
		}))
	}
	return m
}
