package submission

import (
	"slices"
	"strings"

	"github.com/openinsure/openinsure/internal/insurance/producer"
)

// Sanctions is where a submission stands with sanctions lists; empty: the names
// of its insured are like none on them.
type Sanctions string

// Where a submission may stand with sanctions lists.
const (
	SanctionsPending Sanctions = "pending" // a name is like one on a list, and somebody has to look
	SanctionsCleared Sanctions = "cleared" // somebody has looked: it is another
	SanctionsBlocked Sanctions = "blocked" // there can be no business
)

// What sanctions have against a bind.
const (
	SanctionsReview = "sanctions_review"
	SanctionsMatch  = "sanctions_match"
)

// ErrSanctionsReview is the answer to a word about a match that nobody waits for.
var ErrSanctionsReview = producer.ErrReview.Saying("No sanctions review of this submission is pending.")

// A Screening is what came of comparing the names of an insured with a list.
type Screening struct {
	producer.Screening
	Names   []string `json:"names"`
	Former  []string `json:"former,omitempty"` // names that it had while a match of theirs stood
	Version string   `json:"version"`          // of the list; empty: they were never compared
}

// Names are what an insured is compared with sanctions lists by.
func (s Submission) Names() []string {
	names := []string{s.InsuredName}
	if i := s.Insured; i != nil && i.Name != "" && !strings.EqualFold(i.Name, s.InsuredName) {
		names = append(names, i.Name)
	}
	return names
}

// mostFormer is how many former names of an insured are looked at, the newest.
const mostFormer = 20

// Former are the names that the insured had while a match of theirs stood. Another
// name makes no match go away: that it is not the same insured is for a person to
// say.
func (s Submission) Former() []string {
	former := s.Screening.Former
	if slices.Equal(s.Screening.Names, s.Names()) {
		return former
	}
	switch s.Sanctions() {
	case SanctionsBlocked, SanctionsPending:
		former = slices.Concat(former, s.Screening.Names)
		return former[max(0, len(former)-mostFormer):]
	}
	return nil
}

// Stale reports whether the names of the insured were not compared with a version
// of a list: they are others, or the list is.
func (s Submission) Stale(version string) bool {
	return s.Screening.Version != version || !slices.Equal(s.Screening.Names, s.Names())
}

// Screened returns the submission after the names of its insured were compared
// with a version of a list. What a person has said about the same names stays
// said: a clearing while every match is one that he saw, a no while there is any.
// Former are those of its former names that were found something of.
func (s Submission) Screened(found producer.Screening, former []string, version string) Submission {
	before := s.Screening
	s.Screening = Screening{Screening: found, Names: s.Names(), Former: former, Version: version}
	if before.Reviewed == nil || !slices.Equal(before.Names, s.Screening.Names) {
		return s
	}
	seen := func(m producer.Match) bool {
		return slices.ContainsFunc(before.Matches, func(b producer.Match) bool {
			return b.EntryID == m.EntryID && b.Name == m.Name && b.Score >= m.Score
		})
	}
	again := found.Decision == producer.Review && !slices.ContainsFunc(found.Matches, func(m producer.Match) bool { return !seen(m) })
	if again || before.Reviewed.Decision == producer.BlockedByPerson && found.Decision != producer.Pass {
		s.Screening.Reviewed = before.Reviewed
	}
	return s
}

// Sanctions is where the submission stands with the list that it was compared
// with last.
func (s Submission) Sanctions() Sanctions {
	c := s.Screening
	switch {
	case c.Decision == producer.Pass || c.Decision == "":
		return ""
	case c.Reviewed != nil && c.Reviewed.Decision == producer.ClearedByPerson:
		return SanctionsCleared
	case c.Reviewed != nil || c.Decision == producer.Block:
		return SanctionsBlocked
	}
	return SanctionsPending
}

// Reviewed returns the submission after a person said something about the
// matches of its insured, for which it waited.
func (s Submission) Reviewed(r producer.Reviewed) (Submission, error) {
	if s.Sanctions() != SanctionsPending {
		return s, ErrSanctionsReview
	}
	s.Screening.Reviewed = &r
	return s, nil
}
