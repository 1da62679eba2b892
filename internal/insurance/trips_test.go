package insurance_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/producer"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// TestRoundTrips counts what the steps of a deal ask of Postgres, with BEGIN and
// COMMIT: so long they hold their locks. What they write costs none.
func TestRoundTrips(t *testing.T) {
	var asked []string
	c := &storetest.Trips{Each: func(sql string) { asked = append(asked, sql) }}
	tr := newTreatyIn(t, storetest.Open(t, store.Config{URL: storetest.URL(t), Tracer: c, TestClocks: true}), 1000)
	seller := tr.sells("1234567", producer.Appointment{CarrierID: tr.carrier.ID})
	trips := func(what string, want int64, f func() error) {
		t.Helper()
		asked = nil
		if n := c.Of(t, f); n != want {
			t.Errorf("%s: %d round trips, want %d:\n%s", what, n, want, strings.Join(asked, "\n"))
		}
	}
	bind := func(s submission.Submission) func() error {
		return func() error {
			_, err := tr.desk.Bind(t.Context(), tr.una, s.ID, policy.Order{Plan: billing.Monthly10}, whatever)
			return err
		}
	}
	quoteIt := func(s submission.Submission) func() error {
		return func() error { _, err := tr.desk.Quote(t.Context(), tr.una, s.ID, whatever); return err }
	}
	first, direct := tr.submit(), tr.submit()
	trips("a quote under an agreement", 12, quoteIt(first))
	trips("a quote", 12, quoteIt(direct))
	trips("a bind that opens a year and a quarter of the agreement", 15, bind(first))
	trips("a bind", 14, bind(direct))
	if n := slices.IndexFunc(asked, func(sql string) bool { return strings.Contains(sql, "number_counter") }); n != len(asked)-2 {
		t.Errorf("something is asked under the lock of the number:\n%s", strings.Join(asked[n+1:], "\n"))
	}
	sold := tr.submit(tr.broughtBy(seller))
	trips("a quote of business that a producer brought", 14, quoteIt(sold))
	trips("a bind of business that a producer brought", 16, bind(sold))
}
