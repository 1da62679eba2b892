package policy_test

import (
	"fmt"
	"testing"
	"time"

	"cloud.google.com/go/civil"

	"github.com/openinsure/openinsure/internal/insurance/policy"
)

func TestRenewalReminders(t *testing.T) {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	day := func(days int, hour int) time.Time { return time.Date(2027, 5, 1-days, hour, 0, 0, 0, zone) }
	tests := []struct {
		name   string
		made   time.Time
		status policy.Status
		ticks  []time.Time
		want   string
	}{
		{"each on its day", day(365, 12), policy.Bound, []time.Time{day(61, 12), day(60, 8), day(60, 9), day(30, 9), day(15, 9), day(1, 9)}, "[0 0 60 30 15 0]"},
		{"each once", day(365, 12), policy.Active, []time.Time{day(60, 9), day(60, 9), day(59, 9), day(30, 9), day(15, 9), day(15, 9)}, "[60 0 0 30 15 0]"},
		{"the latest of those that are late", day(365, 12), policy.Issued, []time.Time{day(20, 9), day(15, 9)}, "[30 15]"},
		{"all are late", day(365, 12), policy.Issued, []time.Time{day(2, 9), day(1, 9)}, "[15 0]"},
		{"made in between", day(59, 9), policy.Bound, []time.Time{day(58, 9), day(30, 9), day(15, 9)}, "[0 30 15]"},
		{"made too late", day(15, 9), policy.Bound, []time.Time{day(15, 9), day(1, 9)}, "[0 0]"},
		{"cancelled", day(365, 12), policy.Cancelled, []time.Time{day(60, 9), day(30, 9)}, "[0 0]"},
		{"renewed", day(365, 12), policy.Renewed, []time.Time{day(15, 9)}, "[0]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := policy.Policy{Status: tt.status, Expiration: civil.Date{Year: 2027, Month: 5, Day: 1}}.RemindRenewal(zone, tt.made)
			var got []int
			for _, at := range tt.ticks {
				after, days := p.TellRenewal(zone, at)
				p, got = after, append(got, days)
			}
			if s := fmt.Sprint(got); s != tt.want {
				t.Errorf("told %s, want %s", s, tt.want)
			}
		})
	}
}
