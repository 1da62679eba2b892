package insurance

import (
	"context"
	"slices"
	"time"

	"github.com/openinsure/openinsure/internal/insurance/referral"
	"github.com/openinsure/openinsure/internal/insurance/sla"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/store"
)

// asked reports whether information about a submission is asked of the other
// side, by any of its referrals.
func asked(all []referral.Referral) bool {
	return slices.ContainsFunc(all, func(r referral.Referral) bool { return r.Entity.Type != referral.Policy && r.Turn() == "broker" })
}

// follow lets the clocks of a submission follow where it stands. Only a start, a
// pause and its end need the organisation's working hours.
func follow(ctx context.Context, tx *store.Tx, s submission.Submission, at time.Time) (submission.Submission, error) {
	stand := s.Stand(s.Clocks.Asked)
	var pace sla.Pace
	if !s.Clocks.Settled(stand) {
		rules, err := tx.Rules(ctx)
		if err != nil {
			return s, err
		}
		p, err := rules.Pace()
		if err != nil {
			return s, err
		}
		pace = p.Desk
	}
	s.Clocks = s.Clocks.Follow(pace, stand, at)
	return s, nil
}
