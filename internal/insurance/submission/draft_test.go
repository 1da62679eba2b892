package submission_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/submission"
)

// A draft is submitted when it says what every submission says; all that keeps it
// is named at once.
func TestReadyToSubmit(t *testing.T) {
	draft := func() submission.Submission {
		s := sound()
		s.InsuredName, s.LineOfBusiness, s.Status = "Acme", "GL", submission.Draft
		return s
	}
	required := func(names ...string) []fault.Field {
		var all []fault.Field
		for _, n := range names {
			all = append(all, fault.Field{Field: n, Rule: "required"})
		}
		return all
	}
	tests := []struct {
		name   string
		change func(*submission.Submission)
		want   []fault.Field
	}{
		{"whole", func(*submission.Submission) {}, nil},
		{"a revenue of nothing", func(s *submission.Submission) { s.AnnualRevenue = 0 }, nil},
		{"nothing but a name", func(s *submission.Submission) {
			*s = submission.Submission{InsuredName: "Acme", LineOfBusiness: "GL", AnnualRevenue: submission.UnknownRevenue, Status: submission.Draft}
		}, required("naicsCode", "annualRevenue", "requestedLimit", "effectiveDate", "state")},
		{"missing and wrong", func(s *submission.Submission) {
			s.NAICS, s.State, s.Exposure.Deductible = "", "XX", s.RequestedLimit
		}, append(required("naicsCode"), fault.Field{Field: "state", Rule: "enum"}, fault.Field{Field: "deductible", Rule: "max"})},
		{"losses of no day", func(s *submission.Submission) { s.EffectiveDate = submission.Submission{}.EffectiveDate }, required("effectiveDate")},
		{"a deductible of no limit", func(s *submission.Submission) { s.RequestedLimit = 0 }, required("requestedLimit")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := draft()
			tt.change(&s)
			after, err := s.Submitted(time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC))
			var got []fault.Field
			if f, ok := errors.AsType[*fault.Error](err); ok {
				got = f.Fields()
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
			if want := map[bool]submission.Status{true: submission.Received, false: submission.Draft}[len(tt.want) == 0]; after.Status != want {
				t.Errorf("it is %s", after.Status)
			}
		})
	}
}
