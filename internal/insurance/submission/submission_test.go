package submission_test

import (
	"errors"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/submission"
)

func TestOnlyLegalTransitions(t *testing.T) {
	at := time.Unix(1, 0)
	for _, from := range submission.Statuses {
		before := submission.Submission{Status: from}
		mayRate := from == submission.Received || from == submission.InReview || from == submission.Quoted || from == submission.Referred
		if after, err := before.Rated(submission.Quoted, at); errors.Is(err, submission.ErrState) == mayRate || (after.Status == submission.Quoted) != (mayRate || from == submission.Quoted) {
			t.Errorf("rate from %s: %s, %v", from, after.Status, err)
		}
		after, err := before.Bind(at)
		if mayBind := from == submission.Quoted; errors.Is(err, submission.ErrState) == mayBind || (after.Status == submission.Bound) != (mayBind || from == submission.Bound) {
			t.Errorf("bind from %s: %s, %v", from, after.Status, err)
		}
	}
}

func sound() submission.Submission {
	return submission.Submission{
		InsuredName: "Pacific Coast Builders", LineOfBusiness: "GL", State: "OR", NAICS: "236220", RequestedLimit: 100_000_000, EffectiveDate: civil.Date{Year: 2026, Month: 5, Day: 1},
		Exposure: submission.Risk{AggregateLimit: 100_000_000, Deductible: 99_999_999, Losses: []submission.Loss{{Year: 2026, Claims: 1, Incurred: 1}, {Year: 2021}, {Year: 2016, Claims: 2, Incurred: 500_000}}},
	}
}

func TestCheckNamesEverything(t *testing.T) {
	tests := []struct {
		name   string
		change func(*submission.Submission)
		want   []fault.Field
	}{
		{"nothing wrong", func(*submission.Submission) {}, nil},
		{"the district", func(s *submission.Submission) { s.State = "DC" }, nil},
		{"no state", func(s *submission.Submission) { s.State = "XX" }, []fault.Field{{Field: "state", Rule: "enum"}}},
		{"small letters", func(s *submission.Submission) { s.State = "or" }, []fault.Field{{Field: "state", Rule: "enum"}}},
		{"a sector that is none", func(s *submission.Submission) { s.NAICS = "346220" }, []fault.Field{{Field: "naicsCode", Rule: "enum"}}},
		{"no class", func(s *submission.Submission) { s.NAICS = "" }, []fault.Field{{Field: "naicsCode", Rule: "required"}}},
		{"aggregate below one loss", func(s *submission.Submission) { s.Exposure.AggregateLimit = 99_999_999 }, []fault.Field{{Field: "aggregateLimit", Rule: "min"}}},
		{"deductible of all", func(s *submission.Submission) { s.Exposure.Deductible = 100_000_000 }, []fault.Field{{Field: "deductible", Rule: "max"}}},
		{"next year's losses", func(s *submission.Submission) { s.Exposure.Losses[0].Year = 2027 }, []fault.Field{{Field: "lossHistory[0].year", Rule: "max"}}},
		{"another age's losses", func(s *submission.Submission) { s.Exposure.Losses[2].Year = 2015 }, []fault.Field{{Field: "lossHistory[2].year", Rule: "min"}}},
		{"a year twice", func(s *submission.Submission) { s.Exposure.Losses[1].Year = 2026 }, []fault.Field{{Field: "lossHistory[1].year", Rule: "unique"}}},
		{"a cost of no claim", func(s *submission.Submission) { s.Exposure.Losses[1].Incurred = 1 }, []fault.Field{{Field: "lossHistory[1].claims", Rule: "min"}}},
		{"the best experience", func(s *submission.Submission) { s.Exposure.ExperienceMod = "0.1" }, nil},
		{"the worst experience", func(s *submission.Submission) { s.Exposure.ExperienceMod = "9.999" }, nil},
		{"an experience that makes it free", func(s *submission.Submission) { s.Exposure.ExperienceMod = "0" }, []fault.Field{{Field: "experienceMod", Rule: "pattern"}}},
		{"nearly free", func(s *submission.Submission) { s.Exposure.ExperienceMod = "0.099" }, []fault.Field{{Field: "experienceMod", Rule: "pattern"}}},
		{"names of nothing", func(s *submission.Submission) { s.InsuredName, s.Insured = " \u00a0", &submission.Insured{Name: "\t"} }, []fault.Field{{Field: "insuredName", Rule: "required"}, {Field: "insured.name", Rule: "pattern"}}},
		{"an address alone", func(s *submission.Submission) { s.Insured = &submission.Insured{Email: "a@b.example"} }, nil},
		{"all at once", func(s *submission.Submission) { s.State, s.NAICS, s.Exposure.Deductible = "", "00", 1e12 }, []fault.Field{{Field: "state", Rule: "required"}, {Field: "naicsCode", Rule: "enum"}, {Field: "deductible", Rule: "max"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := sound()
			tt.change(&s)
			var got []fault.Field
			if f, ok := errors.AsType[*fault.Error](s.Check()); ok {
				got = f.Fields()
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestPastCountsFiveYears(t *testing.T) {
	s := sound()
	s.Exposure.Losses = append(s.Exposure.Losses, submission.Loss{Year: 2020, Claims: 9, Incurred: 9})
	if claims, incurred, known := s.Past(); claims != 1 || incurred != 1 || !known {
		t.Errorf("%d claims of %s, %t", claims, incurred, known)
	}
	s.Exposure.Losses = []submission.Loss{}
	if claims, _, known := s.Past(); claims != 0 || !known {
		t.Errorf("none: %d claims, %t", claims, known)
	}
	s.Exposure.Losses = nil
	if _, _, known := s.Past(); known {
		t.Error("nobody said anything, and it is known")
	}
}

func TestErrStateSaysTheStatus(t *testing.T) {
	_, err := submission.Submission{Status: submission.Referred}.Bind(time.Unix(1, 0))
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind() != fault.Refused || f.Details()["status"] != submission.Referred {
		t.Errorf("err = %v", err)
	}
}
