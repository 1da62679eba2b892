package insurance

import (
	"context"
	"slices"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/insurance/authority"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/referral"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/rooms"
	"github.com/openinsure/openinsure/store"
)

// stand lets the open quotes of a submission follow its referrals, which are
// locked, and returns where it stands then, with the quotes that moved.
func stand(ctx context.Context, tx *store.Tx, s submission.Submission, all []referral.Referral, at time.Time) (submission.Status, []quote.Quote, error) {
	prices, err := pricesOf(ctx, tx, s)
	if err != nil {
		return s.Status, nil, err
	}
	status, stands := referral.Standing(s, prices, all, at)
	var moved []quote.Quote
	for i, p := range prices {
		q := p.Quote
		if stands[i] == q.Status {
			continue
		}
		q.Status = stands[i]
		if err := tx.StandQuote(ctx, q.ID, q.Status); err != nil {
			return s.Status, nil, err
		}
		moved = append(moved, q)
	}
	return status, moved, nil
}

// pricesOf are the open quotes of a submission, with what somebody has to agree to
// in each.
func pricesOf(ctx context.Context, tx *store.Tx, s submission.Submission) ([]referral.Price, error) {
	open, err := tx.OpenQuotes(ctx, s.ID)
	prices := make([]referral.Price, len(open))
	for i, q := range open {
		prices[i] = referral.PriceOf(s, &q)
	}
	return prices, err
}

// restand lets a submission and its open quotes follow what became of its
// referrals, and tells who brought it when a price is his to know, or none will be.
func (d *Desk) restand(ctx context.Context, tx *store.Tx, m matter) error {
	all, err := tx.LockReferralsOf(ctx, m.Submission.ID)
	if err != nil {
		return err
	}
	s := m.Submission
	before, clocks := s.Status, s.Clocks
	var moved []quote.Quote
	if s.Status, moved, err = stand(ctx, tx, s, all, m.At); err != nil {
		return err
	}
	s.Clocks.Asked = asked(all)
	if s, err = follow(ctx, tx, s, m.At); err != nil {
		return err
	}
	if s.Status != before || s.Clocks != clocks {
		s.UpdatedAt = m.At
		if err := tx.SaveSubmission(ctx, s); err != nil {
			return err
		}
	}
	if s.Status == submission.Declined && before != submission.Declined {
		return d.tellDeclined(ctx, tx, s, m.At)
	}
	for _, q := range moved {
		if known(q) {
			told := event.New(s.Org, s.ID.String(), quotedPayload(s, q), m.At).With(s.Metadata)
			if told.Persons, err = tx.Producers(ctx, s.ID); err != nil {
				return err
			}
			tx.Emit(told)
		}
		if err := rooms.ShowCard(ctx, tx, s.ID, quoteCard(q), m.At); err != nil {
			return err
		}
	}
	return nil
}

// tellDeclined tells that an underwriter's no has ended a submission.
func (d *Desk) tellDeclined(ctx context.Context, tx *store.Tx, s submission.Submission, at time.Time) error {
	told := event.New(s.Org, s.ID.String(), event.SubmissionDeclined{
		SubmissionID: s.ID.String(), InsuredName: s.InsuredName, Reasons: []string{"referral_declined"}, ExternalID: s.ExternalID,
	}, at).With(s.Metadata)
	var err error
	if told.Persons, err = tx.Producers(ctx, s.ID); err != nil {
		return err
	}
	tx.Emit(told)
	board, err := d.wind(ctx, tx, s, at)
	if err != nil {
		return err
	}
	board.Show(tx, declinedCard(), at)
	return nil
}

// reconsider looks at what was asked and agreed about a submission that has a
// new quote, and says where both stand. One beside the others changes no risk.
func (d *Desk) reconsider(ctx context.Context, tx *store.Tx, s submission.Submission, q quote.Quote, beside bool, at time.Time) (submission.Submission, quote.Quote, error) {
	all, err := tx.LockReferralsOf(ctx, s.ID)
	if err != nil || !beside && len(all) == 0 {
		return s, q, err
	}
	if !beside {
		if err := outgrow(ctx, tx, referral.PriceOf(s, &q), all, at); err != nil {
			return s, q, err
		}
	}
	status, moved, err := stand(ctx, tx, s, all, at)
	s.Status = status
	s.Clocks.Asked = asked(all)
	for _, one := range moved {
		if one.ID == q.ID {
			q = one
		}
	}
	return s, q, err
}

// outgrow lets the referrals of a submission, which are locked, follow a price that
// took the place of those before, or a risk that has changed.
func outgrow(ctx context.Context, tx *store.Tx, p referral.Price, all []referral.Referral, at time.Time) error {
	rules, err := tx.Rules(ctx)
	if err != nil {
		return err
	}
	m := matter{At: at}
	if m.Pace, err = rules.Pace(); err != nil {
		return err
	}
	for i, r := range all {
		if r.Entity.Type == referral.Policy {
			continue
		}
		after, draft, told := r.Changed(p, at)
		if told.Type == "" {
			continue
		}
		if all[i], err = save(ctx, tx, m, after, told); err != nil {
			return err
		}
		if draft != nil {
			if err := tx.AddReferral(ctx, *draft); err != nil {
				return err
			}
		}
	}
	return nil
}

// agreed is the gate of authority: what a quote itself has against its bind, and
// what was asked and agreed about it. Within his own authority whoever binds
// needs nobody else's, unless the price had to be referred or takes two. What his
// own profile rules out takes an approval, however small it is.
func (d *Desk) agreed(ctx context.Context, tx *store.Tx, b *bid) ([]string, error) {
	blockers := b.Quote.Blockers(b.Program, b.At)
	price := referral.PriceOf(b.Submission, &b.Quote)
	yes := false
	for _, r := range b.Referrals {
		for _, code := range r.Blockers(b.At) {
			if !slices.Contains(blockers, code) {
				blockers = append(blockers, code)
			}
		}
		yes = yes || r.Agrees(price, b.At)
	}
	if b.Quote.Decision == quote.Referred && !yes && !slices.Contains(blockers, "quote_referred") {
		blockers = append(blockers, "quote_referred")
	}
	above := slices.Contains(blockers, "authority_required")
	alone := !above
	if !yes && b.By.Kind == access.User {
		var err error
		if alone, err = ownAuthority(ctx, tx, *b, price.Value, above); err != nil {
			return nil, err
		}
	}
	switch {
	case (yes || alone) && above:
		blockers = slices.DeleteFunc(blockers, func(code string) bool { return code == "authority_required" })
	case !yes && !alone && !above:
		blockers = append(blockers, "authority_required")
	}
	return blockers, nil
}

// ownAuthority reports whether somebody binds a value by himself, which may be
// above what the program binds without anybody's authority.
func ownAuthority(ctx context.Context, tx *store.Tx, b bid, v authority.Value, above bool) (bool, error) {
	if above {
		rules, err := tx.Rules(ctx)
		if err != nil || rules.FourEyesAbove != nil && *v.Premium > *rules.FourEyesAbove {
			return false, err
		}
	}
	grants, err := tx.Grants(ctx, b.By.ID, b.At)
	if err != nil {
		return false, err
	}
	_, err = authority.Cover(authority.Claim{By: b.By.ID, Grants: grants, Threshold: b.Program.AutoBindThreshold}, v)
	return err == nil, nil
}

// approvals are those of a submission that its bind uses up.
type approvals struct {
	used []referral.Referral
	m    matter
}

// usedUp is what becomes of the approvals among referrals, which the bind holds.
func usedUp(rules referral.Rules, all []referral.Referral, at time.Time) (approvals, error) {
	a := approvals{m: matter{At: at}}
	for _, was := range all {
		if used := was.Consume(at); was.Entity.Type != referral.Policy && used.Status != was.Status {
			a.used = append(a.used, used)
		}
	}
	if len(a.used) == 0 {
		return a, nil
	}
	var err error
	a.m.Pace, err = rules.Pace()
	return a, err
}

// saveFor saves approvals that a policy used up; what they still ask for becomes
// tasks.
func (a approvals) saveFor(ctx context.Context, tx *store.Tx, p policy.ID) error {
	for _, r := range a.used {
		for _, t := range r.Tasks(p, a.m.At) {
			if err := tx.AddTask(ctx, t); err != nil {
				return err
			}
		}
		if _, err := save(ctx, tx, a.m, r); err != nil {
			return err
		}
	}
	return nil
}
