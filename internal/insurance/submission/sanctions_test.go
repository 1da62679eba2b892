package submission_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/openinsure/openinsure/internal/insurance/producer"
	"github.com/openinsure/openinsure/internal/insurance/submission"
)

func TestNamesToScreen(t *testing.T) {
	tests := []struct {
		name string
		s    submission.Submission
		want []string
	}{
		{"the company's", submission.Submission{InsuredName: "Acme"}, []string{"Acme"}},
		{"the person's, too", submission.Submission{InsuredName: "Acme", Insured: &submission.Insured{Name: "Pat"}}, []string{"Acme", "Pat"}},
		{"the same in capitals", submission.Submission{InsuredName: "Acme", Insured: &submission.Insured{Name: "ACME"}}, []string{"Acme"}},
		{"a person without a name", submission.Submission{InsuredName: "Acme", Insured: &submission.Insured{Email: "a@b.example"}}, []string{"Acme"}},
	}
	for _, tt := range tests {
		if got := tt.s.Names(); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// Where a submission stands after its insured was compared with one list, a
// person said something, and he was compared with another list.
func TestWhatAPersonSaidStaysSaid(t *testing.T) {
	match := func(id string, score float64) producer.Match {
		return producer.Match{EntryID: id, Name: "Of " + id, Score: score}
	}
	found := func(d producer.Decision, ms ...producer.Match) producer.Screening {
		return producer.Screening{Decision: d, Matches: ms}
	}
	like := found(producer.Review, match("A", 0.93), match("B", 0.91))
	tests := []struct {
		name        string
		first, then producer.Screening
		said        string // by a person; empty: nothing
		other       bool   // the name is another then
		want        submission.Sanctions
	}{
		{"nothing found", found(producer.Pass), found(producer.Pass), "", false, ""},
		{"a likeness", found(producer.Pass), like, "", false, submission.SanctionsPending},
		{"a match", found(producer.Pass), found(producer.Block, match("A", 0.98)), "", false, submission.SanctionsBlocked},
		{"cleared, and the same is found", like, like, "clear", false, submission.SanctionsCleared},
		{"cleared, and less is found", like, found(producer.Review, match("B", 0.91)), "clear", false, submission.SanctionsCleared},
		{"cleared, and nothing is found", like, found(producer.Pass), "clear", false, ""},
		{"cleared, and another is found", like, found(producer.Review, match("C", 0.91)), "clear", false, submission.SanctionsPending},
		{"cleared, and one is closer", like, found(producer.Review, match("A", 0.94)), "clear", false, submission.SanctionsPending},
		{"cleared, and one matches", like, found(producer.Block, match("A", 0.98)), "clear", false, submission.SanctionsBlocked},
		{"cleared, and the entry is of somebody else", like, found(producer.Review, producer.Match{EntryID: "A", Name: "Of Z", Score: 0.93}), "clear", false, submission.SanctionsPending},
		{"cleared, of another name", like, like, "clear", true, submission.SanctionsPending},
		{"blocked, and the same is found", like, like, "block", false, submission.SanctionsBlocked},
		{"blocked, and another is found", like, found(producer.Review, match("C", 0.91)), "block", false, submission.SanctionsBlocked},
		{"blocked, and nothing is found", like, found(producer.Pass), "block", false, ""},
		{"blocked, of another name", like, like, "block", true, submission.SanctionsPending},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := submission.Submission{InsuredName: "Acme"}
			if !s.Stale("1") {
				t.Error("it was never compared, and is not stale")
			}
			s = s.Screened(tt.first, nil, "1")
			if s.Stale("1") || !s.Stale("2") {
				t.Error("it is stale for its own list, or not for another")
			}
			if tt.said != "" {
				var err error
				if s, err = s.Reviewed(producer.Reviewed{Decision: tt.said}); err != nil {
					t.Fatal(err)
				}
			}
			if tt.other {
				if s.InsuredName = "Acme Two"; !s.Stale("1") {
					t.Error("it has another name, and is not stale")
				}
			}
			if got := s.Screened(tt.then, nil, "2").Sanctions(); got != tt.want {
				t.Errorf("it is %q, want %q", got, tt.want)
			}
		})
	}
}

func TestOnlyALikenessIsReviewed(t *testing.T) {
	for _, d := range []producer.Decision{"", producer.Pass, producer.Block} {
		s := submission.Submission{}.Screened(producer.Screening{Decision: d}, nil, "1")
		if after, err := s.Reviewed(producer.Reviewed{Decision: "clear"}); !errors.Is(err, submission.ErrSanctionsReview) || after.Screening.Reviewed != nil {
			t.Errorf("%q: %+v, %v", d, after.Screening, err)
		}
	}
	s, err := submission.Submission{}.Screened(producer.Screening{Decision: producer.Review}, nil, "1").Reviewed(producer.Reviewed{Decision: "clear"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Reviewed(producer.Reviewed{Decision: "block"}); !errors.Is(err, submission.ErrSanctionsReview) {
		t.Errorf("twice: %v", err)
	}
}

// A name that was given up is looked at as long as a match of it stands.
func TestFormerNames(t *testing.T) {
	for _, tt := range []struct {
		first producer.Decision
		said  string
		want  int
	}{
		{producer.Pass, "", 0},
		{producer.Review, "", 1},
		{producer.Review, "clear", 0},
		{producer.Review, "block", 1},
		{producer.Block, "", 1},
	} {
		s := submission.Submission{InsuredName: "Acme"}
		s = s.Screened(producer.Screening{Decision: tt.first}, nil, "1")
		if tt.said != "" {
			var err error
			if s, err = s.Reviewed(producer.Reviewed{Decision: tt.said}); err != nil {
				t.Fatal(err)
			}
		}
		if got := s.Former(); len(got) != 0 {
			t.Errorf("%s %s: former names %v of one that has its first", tt.first, tt.said, got)
		}
		s.InsuredName = "Zebra"
		if got := s.Former(); len(got) != tt.want {
			t.Errorf("%s %s: former names %v", tt.first, tt.said, got)
		}
	}
}
