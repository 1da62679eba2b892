package billing_test

import (
	"fmt"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"

	"github.com/openinsure/openinsure/internal/insurance/billing"
)

func newYork(t *testing.T) billing.Dunning {
	t.Helper()
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	return billing.Dunning{Ahead: billing.StandardAhead, Last: billing.StandardLast, Zone: zone}
}

func TestNoticesOfAnInvoice(t *testing.T) {
	d := newYork(t)
	at := func(s string) time.Time {
		v, _ := time.ParseInLocation("01-02 15:04", s, d.Zone)
		return v.AddDate(2026, 0, 0)
	}
	tests := []struct {
		name, made, status string
		want               []string // each when it was due
	}{
		{"made well before", "01-02 12:00", "open", []string{"due_soon 03-03 09:00", "overdue 03-11 09:00", "last_notice 03-21 09:00"}},
		{"a payment failed", "01-02 12:00", "failed", []string{"due_soon 03-03 09:00", "overdue 03-11 09:00", "last_notice 03-21 09:00"}},
		{"paid", "01-02 12:00", "paid", nil},
		{"void", "01-02 12:00", "void", nil},
		{"a minute before the reminder", "03-03 08:59", "open", []string{"due_soon 03-03 09:00", "overdue 03-11 09:00", "last_notice 03-21 09:00"}},
		{"too late for a reminder", "03-03 09:00", "open", []string{"overdue 03-11 09:00", "last_notice 03-21 09:00"}},
		{"on its due day", "03-10 23:59", "open", []string{"overdue 03-11 09:00", "last_notice 03-21 09:00"}},
		{"before nine of the day after", "03-11 08:00", "open", []string{"overdue 03-12 09:00", "last_notice 03-22 09:00"}},
		{"a month after its due day", "04-10 10:00", "open", []string{"overdue 04-11 09:00", "last_notice 04-21 09:00"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			i := billing.Invoice{Status: tt.status, Due: civil.Date{Year: 2026, Month: 3, Day: 10}}.Remind(d, at(tt.made))
			var got []string
			for i.NoticeAt != nil {
				due := *i.NoticeAt
				if same, early := i.Tell(d, due.Add(-time.Microsecond)); early != "" || same.NoticeAt != i.NoticeAt {
					t.Fatalf("%s is told before its time", early)
				}
				after, told := i.Tell(d, due)
				if told == "" {
					break
				}
				if past := told != billing.DueSoon; after.IsPastDue() != past {
					t.Errorf("%s: past due %v", told, !past)
				}
				got = append(got, fmt.Sprint(told, due.In(d.Zone).Format(" 01-02 15:04")))
				i = after
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A server that was away for weeks tells no reminder of what is overdue by now,
// and gives the last notice its days.
func TestNoticesThatAreLate(t *testing.T) {
	d := newYork(t)
	made := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	i := billing.Invoice{Status: "open", Due: civil.Date{Year: 2026, Month: 3, Day: 10}}.Remind(d, made)
	onTheDay := time.Date(2026, 3, 10, 22, 0, 0, 0, time.UTC)
	if late, told := i.Tell(d, onTheDay); told != billing.DueSoon || !late.NoticeAt.Equal(time.Date(2026, 3, 11, 13, 0, 0, 0, time.UTC)) {
		t.Errorf("on the due day: %s, then at %s", told, late.NoticeAt)
	}
	i, told := i.Tell(d, time.Date(2026, 4, 2, 1, 0, 0, 0, time.UTC))
	if told != billing.Overdue || !i.NoticeAt.Equal(time.Date(2026, 4, 11, 13, 0, 0, 0, time.UTC)) {
		t.Errorf("three weeks later: %s, then at %s", told, i.NoticeAt)
	}
	i.Status = "paid"
	if i, told = i.Tell(d, time.Date(2026, 5, 2, 1, 0, 0, 0, time.UTC)); told != "" || i.IsPastDue() {
		t.Errorf("paid: %q, past due %v", told, i.IsPastDue())
	}
}
