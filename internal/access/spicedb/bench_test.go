package spicedb_test

import (
	"slices"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/access/spicedb"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// BenchmarkCheck asks who may read a submission: of our tuples alone, in a round
// trip and from memory, and of SpiceDB as well.
func BenchmarkCheck(b *testing.B) {
	w := newWorld(b, spicedb.Config{})
	una := storetest.Org(b, w.db, "Summit")
	on := submit(b, w.db, una)
	eventually(b, func() error { return w.check(una, access.Read, on) })
	for _, judge := range []access.Evaluator{nil, w.client} {
		of := "ours"
		if judge != nil {
			of = "and SpiceDB"
		}
		w.db.Judge(judge)
		for _, remembering := range []bool{false, true} {
			name := of + "/round trip"
			if remembering {
				name = of + "/remembered"
			}
			b.Run(name, func(b *testing.B) {
				var took []time.Duration
				for b.Loop() {
					ctx := b.Context()
					if remembering {
						ctx = store.Remembering(ctx)
						if _, err := w.db.As(una).Org(ctx, una.Org); err != nil { // what a request reads first
							b.Fatal(err)
						}
					}
					began := time.Now()
					if err := access.Check(ctx, w.db.As(una), una, access.Read, on); err != nil {
						b.Fatal(err)
					}
					took = append(took, time.Since(began))
				}
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
				b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
			})
		}
	}
}
