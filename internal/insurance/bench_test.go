package insurance_test

import (
	"sync/atomic"
	"testing"

	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/submission"
)

// work runs f for each of b.N submissions, in parallel, and reports how many a
// second.
func work(b *testing.B, ids []submission.ID, f func(submission.ID) error) {
	b.Helper()
	var next atomic.Int64
	b.SetParallelism(4)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := f(ids[next.Add(1)-1]); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
}

// BenchmarkQuote rates submissions of one organisation.
func BenchmarkQuote(b *testing.B) {
	_, desk, by := setUp(b)
	ids := make([]submission.ID, b.N)
	for i := range ids {
		s, err := desk.Submit(b.Context(), by, builder())
		if err != nil {
			b.Fatal(err)
		}
		ids[i] = s.ID
	}
	work(b, ids, func(id submission.ID) error {
		_, err := desk.Quote(b.Context(), by, id, whatever)
		return err
	})
}

// BenchmarkBind binds quotes of one organisation and line, so that all wait for
// the same counter and the same channels; each makes ten invoices.
func BenchmarkBind(b *testing.B) {
	_, desk, by := setUp(b)
	ids := make([]submission.ID, b.N)
	for i := range ids {
		ids[i] = quoted(b, desk, by)
	}
	work(b, ids, func(id submission.ID) error {
		_, err := desk.Bind(b.Context(), by, id, policy.Order{Plan: billing.Monthly10}, whatever)
		return err
	})
}

// BenchmarkBindUnderAnAgreement is BenchmarkBind of one carrier's agreement, whose
// aggregates all wait for, too.
func BenchmarkBindUnderAnAgreement(b *testing.B) {
	tr := newTreaty(b, 1_000_000)
	ids := make([]submission.ID, b.N)
	for i := range ids {
		ids[i] = quoted(b, tr.desk, tr.una)
	}
	work(b, ids, func(id submission.ID) error {
		_, err := tr.desk.Bind(b.Context(), tr.una, id, policy.Order{Plan: billing.Monthly10}, whatever)
		return err
	})
	tr.used()
}
