package submission_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"cloud.google.com/go/civil"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/submission"
)

// Cover begins near the day on which it is asked for, when it is submitted, when a
// draft is, and when another day is said; a day that was near once may stay.
func TestEffectiveDatesAreNear(t *testing.T) {
	at := time.Date(2026, time.March, 2, 23, 59, 0, 0, time.UTC)
	day := func(y, m, d int) civil.Date { return civil.Date{Year: y, Month: time.Month(m), Day: d} }
	for _, tt := range []struct {
		day  civil.Date
		want string
	}{
		{day(2016, 3, 1), "[{effectiveDate min}]"},
		{day(2016, 3, 2), ""},
		{day(2031, 3, 2), ""},
		{day(2031, 3, 3), "[{effectiveDate max}]"},
		{day(1900, 1, 1), "[{effectiveDate min}]"},
		{day(2199, 1, 1), "[{effectiveDate max}]"},
		{civil.Date{}, "[{effectiveDate required}]"},
	} {
		said := func(err error) string {
			f, ok := errors.AsType[*fault.Error](err)
			if !ok {
				return ""
			}
			return fmt.Sprint(f.Fields())
		}
		s := sound()
		s.Exposure.Losses, s.Status, s.EffectiveDate = nil, submission.Draft, tt.day
		if got := said(s.CheckAt(at)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.day, got, tt.want)
		}
		if _, err := s.Submitted(at); said(err) != tt.want {
			t.Errorf("draft of %s: %v, want %s", tt.day, err, tt.want)
		}
		was := sound()
		was.Exposure.Losses, was.Status = nil, submission.Received
		if _, _, err := was.Corrected(func(s *submission.Submission) { s.EffectiveDate = tt.day }, at); said(err) != tt.want {
			t.Errorf("corrected to %s: %v, want %s", tt.day, err, tt.want)
		}
		if was.EffectiveDate = tt.day; tt.day.IsZero() {
			continue
		}
		if _, _, err := was.Corrected(func(s *submission.Submission) { s.InsuredName = "Another" }, at); err != nil {
			t.Errorf("renamed, of %s: %v", tt.day, err)
		}
	}
}

// What is wrong besides is told with it.
func TestNearAddsToWhatIsWrong(t *testing.T) {
	s := sound()
	s.State, s.EffectiveDate, s.Exposure.Losses = "XX", civil.Date{Year: 2199, Month: 1, Day: 1}, nil
	f, _ := errors.AsType[*fault.Error](s.CheckAt(time.Date(2026, time.March, 2, 0, 0, 0, 0, time.UTC)))
	if f == nil || fmt.Sprint(f.Fields()) != "[{state enum} {effectiveDate max}]" {
		t.Errorf("%v", f)
	}
}
