package quote_test

import (
	"slices"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/insurance/quote"
)

// TestSteps tries every way of a quote that a rule knows, and that what is over
// stays so.
func TestSteps(t *testing.T) {
	for _, from := range quote.Statuses {
		q := quote.Quote{Status: from, ExpiresAt: noon.Add(quote.Age)}
		if after, err := q.Offer(noon); (err == nil) != quote.Allows(quote.Offer, from, quote.Offered) || err == nil && after.Status != quote.Offered {
			t.Errorf("offer from %s: %s, %v", from, after.Status, err)
		}
		if after, err := q.Accept(noon); (err == nil) != quote.Allows(quote.Accept, from, quote.Accepted) || err == nil && after.Status != quote.Accepted {
			t.Errorf("accept from %s: %s, %v", from, after.Status, err)
		}
		if after := q.StatusAt(q.ExpiresAt); quote.Allows(quote.Expire, from, after) != (after != from) {
			t.Errorf("expire from %s: %s", from, after)
		}
		if got := q.StatusAt(q.ExpiresAt.Add(-time.Second)); got != from {
			t.Errorf("%s is %s before its time", from, got)
		}
		for _, v := range quote.Steps {
			leaves := slices.Contains(quote.From(v), from)
			if leaves && !from.IsOpen() {
				t.Errorf("%s leads out of %s, which is over", v, from)
			}
			for _, to := range quote.Statuses {
				if quote.Allows(v, from, to) && !leaves {
					t.Errorf("%s from %s to %s", v, from, to)
				}
			}
		}
	}
	if len(quote.Steps) != 9 || quote.Allows(quote.Offer, quote.Status(quote.Referred), "") {
		t.Errorf("steps %v", quote.Steps)
	}
}
