package submission

import (
	"errors"
	"time"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/money"
)

// UnknownRevenue is the revenue of a draft of which nobody has said any: none at
// all is one, too.
const UnknownRevenue money.Cents = -1

// Ready reports everything that keeps a draft from being submitted: what every
// submission has to say and this one does not, and what Check reports of the rest.
func (s Submission) Ready() error {
	bad := fault.ErrValidation
	missing := map[string]bool{}
	for _, f := range []struct {
		field string
		is    bool
	}{
		{"insuredName", s.InsuredName == ""}, {"naicsCode", s.NAICS == ""}, {"annualRevenue", s.AnnualRevenue < 0}, {"requestedLimit", s.RequestedLimit == 0},
		{"effectiveDate", s.EffectiveDate.IsZero()}, {"state", s.State == ""}, {"lineOfBusiness", s.LineOfBusiness == ""},
	} {
		if missing[f.field] = f.is; f.is {
			bad = bad.Field(f.field, "required")
		}
	}
	// What is compared with something that is missing is looked at when it is there.
	uses := map[string]string{"aggregateLimit": "requestedLimit", "deductible": "requestedLimit"}
	if f, ok := errors.AsType[*fault.Error](s.Check()); ok {
		for _, b := range f.Fields() {
			by := uses[b.Field]
			if b.Rule != "unique" && by == "" && s.EffectiveDate.IsZero() && !missing[b.Field] && b.Field != "state" && b.Field != "naicsCode" {
				by = "effectiveDate" // the years of losses
			}
			if !missing[b.Field] && !missing[by] {
				bad = bad.Field(b.Field, b.Rule)
			}
		}
	}
	if len(bad.Fields()) > 0 {
		return bad
	}
	return nil
}

// Submitted returns the draft as received.
func (s Submission) Submitted(at time.Time) (Submission, error) {
	if err := s.may(Submit); err != nil {
		return s, err
	}
	if err := s.Ready(); err != nil {
		return s, err
	}
	return s.take(Submit, Received, at)
}

// DraftEnds is when a draft that nobody touches is forgotten.
func (s Submission) DraftEnds() time.Time { return s.UpdatedAt.AddDate(0, 0, IdleDays) }
