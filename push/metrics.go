package push

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	attempts *prometheus.CounterVec
	busy     *prometheus.GaugeVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "openinsure_delivery_attempts_total", Help: "Attempts at deliveries, by way out and outcome.",
		}, []string{"kind", "outcome"}),
		busy: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "openinsure_delivery_attempts_under_way", Help: "Attempts under way, by way out.",
		}, []string{"kind"}),
	}
	if r != nil {
		r.MustRegister(m.attempts, m.busy)
	}
	return m
}
