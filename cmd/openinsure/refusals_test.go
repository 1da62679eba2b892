package main

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
)

// refuse makes a row of a refusal at a time.
func refuse(by access.Actor, a audit.Action, reason, address string, at time.Time) audit.Row {
	r := audit.New(by, audit.Fact{Action: a, Outcome: audit.Refused, Reason: reason, Details: audit.Details{"route": "GET /v1/x"}}, at)
	r.Address = address
	return r
}

func TestRefusalsAreCounted(t *testing.T) {
	start := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	c := newRefusals(nil, slog.New(slog.DiscardHandler), time.Now, prometheus.NewRegistry())
	una := access.Actor{Kind: access.User, ID: "usr_una", Org: access.NewOrgID(start)}
	for i := range 100 {
		at := start.Add(time.Duration(i) * 500 * time.Millisecond)
		c.Refused(refuse(una, audit.Permission, "forbidden", fmt.Sprint(i), at)) // from wherever
		c.Refused(refuse(una, audit.Permission, "insufficient_scope", "::1", at))
		c.Refused(refuse(access.Actor{}, audit.Authenticate, "unauthenticated", fmt.Sprint(i%2), at))
	}
	first := c.take(start.Add(59 * time.Second))
	if len(first) != 4 {
		t.Errorf("at once: %d rows, want one of each kind, 4", len(first))
	}
	for _, r := range first {
		if r.Count != 1 {
			t.Errorf("counts %d at once: %+v", r.Count, r)
		}
	}
	if again := c.take(start.Add(59 * time.Second)); len(again) != 0 {
		t.Errorf("twice: %+v", again)
	}
	counted := c.take(start.Add(61 * time.Second))
	total := 0
	for _, r := range counted {
		total += r.Count
		if r.Details["route"] != "GET /v1/x" || r.Details["since"] == nil || r.Outcome != audit.Refused || r.ID.IsZero() {
			t.Errorf("counted: %+v", r)
		}
	}
	if len(counted) != 4 || total != 296 {
		t.Errorf("when the minute is over: %d rows of %d, want 4 of 296", len(counted), total)
	}
	c.Refused(refuse(una, audit.Permission, "forbidden", "::1", start.Add(62*time.Second)))
	if next := c.take(start.Add(62 * time.Second)); len(next) != 1 {
		t.Errorf("in the next minute: %d rows, want 1", len(next))
	}
}

// TestFloodOfRefusals: as many strangers as there may be addresses take as much
// room as is set aside, and are counted.
func TestFloodOfRefusals(t *testing.T) {
	start := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	c := newRefusals(nil, slog.New(slog.DiscardHandler), time.Now, prometheus.NewRegistry())
	const strangers = 3 * refusalRoom
	for i := range strangers {
		c.Refused(refuse(access.Actor{}, audit.Authenticate, "unauthenticated", fmt.Sprint(i), start))
	}
	rows := c.take(start)
	rows = append(rows, c.take(start.Add(refusalWindow))...)
	total, others := 0, 0
	for _, r := range rows {
		total += r.Count
		if r.Details["of"] == "others" {
			others += r.Count
			if r.Address != "" {
				t.Errorf("of others, from %s", r.Address)
			}
		}
	}
	if len(rows) != refusalRoom+2 || total != strangers || others != strangers-refusalRoom {
		t.Errorf("%d rows of %d, %d of others; want %d of %d, %d", len(rows), total, others, refusalRoom+2, strangers, strangers-refusalRoom)
	}
	// Postgres is away: what waits is bounded, too.
	for range 3 {
		c.putBack(rows)
	}
	if n := len(c.take(start)); n != refusalRoom {
		t.Errorf("%d rows wait, want %d", n, refusalRoom)
	}
}
