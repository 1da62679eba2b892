package referral

import (
	"slices"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/insurance/authority"
)

// A judgement is what somebody wants to say to a referral, as what that takes.
type judgement struct {
	Value    authority.Value // that he needs authority for
	Override bool            // he may say it although no profile covers it
	Level    int             // of that authority, at least
	Besides  []string        // who agreed before: neither they, nor by what they lend
}

// judge says whether somebody may say something to a referral, and by which
// authority: every verb that settles, undoes or eases anything asks it. Besides
// what mayJudge says, his authority has to cover what he speaks about. That of who
// raised the referral counts in nobody's hands.
func (r Referral) judge(by access.Actor, on Bench, j judgement) (authority.Use, error) {
	if err := r.mayJudge(by, j.Besides...); err != nil {
		return authority.Use{}, err
	}
	return authority.Cover(authority.Claim{
		By: by.ID, Grants: on.Grants, Spent: append([]string{r.RaisedBy}, j.Besides...), Threshold: on.Threshold, Override: j.Override, Level: j.Level,
	}, j.Value)
}

// mayJudge says whether somebody may answer a referral at all: a person, who did
// not raise it, and besides those who agreed before.
func (r Referral) mayJudge(by access.Actor, besides ...string) error {
	switch {
	case by.Kind != access.User:
		return ErrPerson
	case by.ID == r.RaisedBy:
		return ErrOwnReferral
	case slices.Contains(besides, by.ID):
		return ErrSecond
	}
	return nil
}

// agreed is what it takes to speak about an approval: the authority that it took.
// One from before there was authority has no reference, and takes what a decision
// takes now.
func (r Referral) agreed(on Bench) judgement {
	j := judgement{Value: on.Value}
	j.Value.Issue = r.Value.Issue
	if r.Reference != nil {
		j.Value = *r.Reference
	}
	for _, u := range r.uses() {
		j.Override = j.Override || u.Override
	}
	return j
}

// uses are the authorities by which a referral was decided: none, one or two.
func (r Referral) uses() []authority.Use {
	var out []authority.Use
	for _, u := range []*authority.Use{r.Use, r.SecondUse} {
		if u != nil {
			out = append(out, *u)
		}
	}
	return out
}

// level is the highest of the authorities by which a referral was decided.
func (r Referral) level() int {
	level := 0
	for _, u := range r.uses() {
		level = max(level, u.Level)
	}
	return level
}

// both are the two who agreed, and those who lent them the authority to: what they
// agreed to is not for one of them alone to undo. Of an approval by one it is
// nobody.
func (r Referral) both() []string {
	if r.SecondBy == "" {
		return nil
	}
	who := []string{r.DecidedBy, r.SecondBy}
	for _, u := range r.uses() {
		if u.For != "" {
			who = append(who, u.For)
		}
	}
	return who
}

// firsts are those by whose word and authority the first of two agreed.
func (p Proposal) firsts() []string {
	if p.Use.For == "" {
		return []string{p.By}
	}
	return []string{p.By, p.Use.For}
}

// MayRefuse says whether somebody may end a submission with a no that answers all
// at once: its prices, and what is asked about it. On is of the submission.
//
// Who may not say yes may not end a deal either: he needs authority for each of
// its prices, and for each issue that is asked about; for a question before there
// is a price, that which rejects it. With neither, nothing is known that could be
// measured, and a no to what was never looked at is the desk's daily work.
func MayRefuse(by access.Actor, prices []Price, all []Referral, on Bench) error {
	asked := slices.DeleteFunc(slices.Clone(all), func(r Referral) bool { return r.Entity.Type == Policy || !r.pending() })
	values := make([]authority.Value, 0, len(prices)+1)
	for _, p := range prices {
		values = append(values, p.Value)
	}
	if len(prices) == 0 && len(asked) > 0 {
		values = append(values, on.Value)
	}
	issues := []*authority.Issue{nil}
	for _, r := range asked {
		if r.Value.Issue != nil {
			issues = append(issues, r.Value.Issue)
		}
	}
	for _, v := range values {
		for _, i := range issues {
			v.Issue = i
			if _, err := authority.Cover(authority.Claim{By: by.ID, Grants: on.Grants, Threshold: on.Threshold}, v); err != nil {
				return err
			}
		}
	}
	return nil
}
