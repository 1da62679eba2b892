package main

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// dealers are the callers of BenchmarkDeal and the clients of its pgbench.
const dealers = 16

// BenchmarkDeal prices and binds through the REST API of two nodes, and runs
// pgbench's own TPC-B on the same Postgres before and after: a rate divided by
// pgbench's, ×tpc-b, is what can be compared between machines.
func BenchmarkDeal(b *testing.B) {
	onStage(b, 0)
	onServer(b, "pgbench", "-q", "-i", "-s", "10")
	var tpcb float64
	b.Run("tpc-b", func(b *testing.B) { tpcb = tpcB(b) })
	for _, step := range []struct {
		name   string
		before []string // what each submission goes through first
		path   string
		body   string
		status int
	}{
		{"submit", nil, "", "", http.StatusCreated},
		{"rate", []string{""}, "/quote?preview=true", "", http.StatusOK},
		{"quote", []string{""}, "/quote", "", http.StatusCreated},
		{"bind", []string{"", "/quote"}, "/bind", `{"installmentPlan":"MONTHLY_10"}`, http.StatusCreated},
	} {
		b.Run(step.name, func(b *testing.B) {
			ids := make([]string, b.N)
			var took lapse
			do := func(i int, path, body string) error {
				whole := "/v1/submissions"
				if path == "" {
					body = fmt.Sprintf(`{"insuredName":"Builders of lot %d-%d","naicsCode":"236220","annualRevenue":8000000,"requestedLimit":1000000,"effectiveDate":%q,"state":"OR","lineOfBusiness":"GL"}`,
						i, time.Now().UnixNano(), time.Now().AddDate(0, 0, 10).Format(time.DateOnly))
				} else {
					whole += "/" + ids[i] + path
				}
				a, err := stage.node(i).call(http.MethodPost, whole, body, "X-API-Key", "", "Authorization", "Bearer "+stage.una)
				if err != nil {
					return err
				}
				if a.status != step.status && a.status != http.StatusCreated {
					return fmt.Errorf("%s: %d %v", whole, a.status, a.body)
				}
				if path == "" {
					ids[i] = a.body["id"].(string)
				}
				return nil
			}
			for _, path := range step.before {
				amongDealers(b, func(i int) error { return do(i, path, "") })
			}
			b.ResetTimer()
			began := time.Now()
			amongDealers(b, func(i int) error {
				start := time.Now()
				err := do(i, step.path, step.body)
				took.add(time.Since(start))
				return err
			})
			rate := float64(b.N) / time.Since(began).Seconds()
			b.ReportMetric(rate, "ops/s")
			if tpcb > 0 {
				b.ReportMetric(rate/tpcb, "×tpc-b")
			}
			took.report(b)
		})
	}
	b.Run("tpc-b/again", func(b *testing.B) { tpcB(b) })
}

// tpcB runs pgbench's built-in script b.N times in all and returns transactions a
// second.
func tpcB(b *testing.B) float64 {
	tps := rateOf(b, onServer(b, "pgbench", "-n", "-c", strconv.Itoa(dealers), "-j", "2", "-t", strconv.Itoa(max(1, b.N/dealers))))
	b.ReportMetric(tps, "ops/s")
	return tps
}

// amongDealers calls f once for each number below b.N, by so many at a time.
func amongDealers(b *testing.B, f func(i int) error) {
	b.Helper()
	var next atomic.Int64
	var work sync.WaitGroup
	for range dealers {
		work.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= b.N {
					return
				}
				if err := f(i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	work.Wait()
}
