package spicedb

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openinsure/openinsure/internal/access"
)

// numbers are the metrics of a client.
type numbers struct {
	checks   *prometheus.CounterVec
	seconds  prometheus.Histogram
	mirrored prometheus.Counter
	skipped  prometheus.Counter
	failed   prometheus.Counter
	repaired *prometheus.CounterVec
	waiting  prometheus.Gauge
	lag      prometheus.Gauge
	holder   prometheus.Gauge
}

func newNumbers(r prometheus.Registerer) *numbers {
	n := &numbers{
		checks:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "openinsure_spicedb_checks_total", Help: "Questions about permission, by what SpiceDB said."}, []string{"answer"}),
		seconds:  prometheus.NewHistogram(prometheus.HistogramOpts{Name: "openinsure_spicedb_check_seconds", Help: "How long a question took.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 12)}),
		mirrored: prometheus.NewCounter(prometheus.CounterOpts{Name: "openinsure_spicedb_mirrored_total", Help: "Changes that this node told SpiceDB."}),
		skipped:  prometheus.NewCounter(prometheus.CounterOpts{Name: "openinsure_spicedb_skipped_total", Help: "Changes that the schema has no relation for."}),
		failed:   prometheus.NewCounter(prometheus.CounterOpts{Name: "openinsure_spicedb_mirror_failures_total", Help: "Turns of the mirror that failed."}),
		repaired: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "openinsure_spicedb_repaired_total", Help: "Relationships in which SpiceDB differed from Postgres."}, []string{"as"}),
		waiting:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "openinsure_spicedb_mirror_waiting", Help: "Changes that SpiceDB has not been told of; of the node that mirrors."}),
		lag:      prometheus.NewGauge(prometheus.GaugeOpts{Name: "openinsure_spicedb_mirror_lag_seconds", Help: "How long the oldest of them waits."}),
		holder:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "openinsure_spicedb_mirror_holder", Help: "1 on the node that mirrors."}),
	}
	if r != nil {
		r.MustRegister(n.checks, n.seconds, n.mirrored, n.skipped, n.failed, n.repaired, n.waiting, n.lag, n.holder)
	}
	return n
}

func (n *numbers) asked(said access.Opinion, err error, took time.Duration) {
	answer := "refused"
	switch {
	case err != nil:
		answer = "none"
	case said.Holds:
		answer = "held"
	}
	n.checks.WithLabelValues(answer).Inc()
	n.seconds.Observe(took.Seconds())
}
