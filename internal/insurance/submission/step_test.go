package submission_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/submission"
)

var (
	una = access.Actor{Kind: access.User, ID: "usr_una"}
	ulf = access.Actor{Kind: access.User, ID: "usr_ulf"}
	key = access.Actor{Kind: access.Machine, ID: "key_1"}
)

var no = submission.Ending{Reasons: []submission.Reason{"capacity", "loss_history"}, Rationale: "Full."}

// legal is the machine as the documents have it, written down once more.
var legal = map[submission.Step]string{
	submission.Submit: "draft", submission.Correct: "draft received in_review quoted referred", submission.Claim: "received in_review quoted referred",
	submission.Release: "in_review quoted referred", submission.Rate: "received in_review quoted referred",
	submission.Decline: "received in_review quoted referred", submission.Withdraw: "received in_review quoted referred",
	submission.Expire: "received in_review quoted referred", submission.Bind: "quoted",
}

// Whatever is tried in whatever order: a step that the machine does not have is
// refused with the status and changes nothing, and one that it has leads to a
// state that it may lead to.
func TestMachine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := sound()
		s.Status = rapid.SampledFrom(submission.Statuses).Draw(t, "status")
		at := time.Unix(1, 0)
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			at = at.Add(time.Second)
			by := rapid.SampledFrom([]access.Actor{una, ulf}).Draw(t, "by")
			v := rapid.SampledFrom([]submission.Step{
				submission.Submit, submission.Correct, submission.Claim, submission.Release, submission.Rate, submission.Decline, submission.Withdraw, submission.Expire, submission.Bind,
			}).Draw(t, "step")
			var after submission.Submission
			var err error
			switch v {
			case submission.Submit:
				after, err = s.Submitted(at)
			case submission.Correct:
				revenue := rapid.SampledFrom([]money.Cents{1, 2}).Draw(t, "revenue")
				after, _, err = s.Corrected(func(s *submission.Submission) { s.AnnualRevenue = revenue }, at)
			case submission.Claim:
				after, err = s.Claimed(by, at)
			case submission.Release:
				after, err = s.Released(by, rapid.Bool().Draw(t, "leads"), at)
			case submission.Rate:
				after, err = s.Rated(rapid.SampledFrom(submission.Statuses).Draw(t, "to"), at)
			case submission.Decline, submission.Withdraw, submission.Expire:
				e := no
				switch v {
				case submission.Withdraw:
					e.Reasons = []submission.Reason{"price"}
				case submission.Expire:
					e.Reasons = []submission.Reason{submission.NoActivity}
				}
				e.At = at
				after, err = s.Ended(v, e)
			case submission.Bind:
				after, err = s.Bind(at)
			}
			may := slices.Contains(words(legal[v]), string(s.Status))
			switch {
			case err != nil && !reflect.DeepEqual(after, s):
				t.Fatalf("%s was refused from %s and changed something", v, s.Status)
			case err == nil && !may:
				t.Fatalf("%s from %s went well", v, s.Status)
			case err == nil && !submission.Allows(v, s.Status, after.Status):
				t.Fatalf("%s led from %s to %s", v, s.Status, after.Status)
			case !may && v != submission.Release && !errors.Is(err, submission.ErrState):
				t.Fatalf("%s from %s: %v", v, s.Status, err)
			}
			s = after
		}
	})
}

func words(s string) []string {
	var out []string
	for i, from := 0, 0; i <= len(s); i++ {
		if i == len(s) || s[i] == ' ' {
			out, from = append(out, s[from:i]), i+1
		}
	}
	return out
}

func TestClaimAndRelease(t *testing.T) {
	at := time.Unix(1, 0).UTC()
	s := sound()
	s.Status = submission.Received
	if _, err := s.Claimed(key, at); !errors.Is(err, submission.ErrNoPerson) {
		t.Errorf("a key claims: %v", err)
	}
	if _, err := s.Released(una, false, at); !errors.Is(err, submission.ErrNobodys) {
		t.Errorf("nobody's is released: %v", err)
	}
	s, err := s.Claimed(una, at)
	if err != nil || s.Status != submission.InReview || s.Assignee != una.ID {
		t.Fatalf("%s of %s, %v", s.Status, s.Assignee, err)
	}
	again, err := s.Claimed(una, at.Add(1))
	if err != nil || !reflect.DeepEqual(again, s) {
		t.Errorf("claimed again: %+v, %v", again, err)
	}
	_, err = s.Claimed(ulf, at)
	f, _ := errors.AsType[*fault.Error](err)
	if !errors.Is(err, submission.ErrClaimed) || f.Kind() != fault.Conflict || f.Details()["assignee"] != una.ID {
		t.Errorf("claimed by another: %v", err)
	}
	if _, err := s.Released(ulf, false, at); !errors.Is(err, submission.ErrNotHis) {
		t.Errorf("released by another: %v", err)
	}
	for _, by := range []struct {
		who   access.Actor
		leads bool
	}{{una, false}, {ulf, true}} {
		if r, err := s.Released(by.who, by.leads, at); err != nil || r.Status != submission.Received || r.Assignee != "" || r.ClaimedAt != nil {
			t.Errorf("released: %s of %s, %v", r.Status, r.Assignee, err)
		}
	}
}

func TestCorrectedIsScoredAndFoundToBeAnother(t *testing.T) {
	at := time.Unix(9, 0)
	s := sound().Scored()
	s.Status, s.Assignee = submission.Quoted, una.ID
	after, material, err := s.Corrected(func(s *submission.Submission) {
		s.InsuredName, s.Priority = "The "+strings.ToUpper(s.InsuredName)+", L.L.C.", submission.High
	}, at)
	if err != nil || material || after.Status != submission.Quoted || after.Triage.Score != s.Triage.Score+10 {
		t.Errorf("a name: %t, %s, %d, %v", material, after.Status, after.Triage.Score, err)
	}
	if after, material, err = s.Corrected(func(s *submission.Submission) { s.InsuredName = "Other" }, at); err != nil || !material || after.Status != submission.InReview {
		t.Errorf("another insured: %t, %s, %v", material, after.Status, err)
	}
	if after, material, err = s.Corrected(func(s *submission.Submission) { s.State = "WA" }, at); err != nil || !material || after.Status != submission.InReview {
		t.Errorf("a risk: %t, %s, %v", material, after.Status, err)
	}
	s.Assignee = ""
	if after, _, _ = s.Corrected(func(s *submission.Submission) { s.State = "WA" }, at); after.Status != submission.Received {
		t.Errorf("nobody's: %s", after.Status)
	}
	if after, _, err = s.Corrected(func(s *submission.Submission) { s.State = "XX" }, at); !errors.Is(err, fault.ErrValidation) || after.State != "OR" {
		t.Errorf("a state that is none: %v", err)
	}
}

func TestDifferencesNamesFields(t *testing.T) {
	a := sound()
	if got := submission.Differences(a, a); got != nil {
		t.Errorf("the same: %v", got)
	}
	b := a
	b.InsuredName, b.Exposure.Deductible, b.Exposure.Payroll = "X", 0, 5
	b.Insured, b.Exposure.Losses = &submission.Insured{Name: "X"}, []submission.Loss{}
	if got, want := submission.Differences(a, b), []string{"insuredName", "insured", "deductible", "lossHistory", "payroll"}; !slices.Equal(got, want) {
		t.Errorf("differences %v, want %v", got, want)
	}
}

func TestEndings(t *testing.T) {
	tests := []struct {
		name string
		step submission.Step
		e    submission.Ending
		want []fault.Field
	}{
		{"a decline", submission.Decline, no, nil},
		{"no reason", submission.Decline, submission.Ending{Rationale: "x"}, []fault.Field{{Field: "reasons", Rule: "minItems"}}},
		{"a withdrawal's reason", submission.Decline, submission.Ending{Reasons: []submission.Reason{"price"}, Rationale: "x"}, []fault.Field{{Field: "reasons[0]", Rule: "enum"}}},
		{"twice", submission.Decline, submission.Ending{Reasons: []submission.Reason{"capacity", "capacity"}, Rationale: "x"}, []fault.Field{{Field: "reasons[1]", Rule: "unique"}}},
		{"all at once", submission.Decline, submission.Ending{Reasons: []submission.Reason{"other", "x"}, Rationale: " "}, []fault.Field{{Field: "reasons[1]", Rule: "enum"}, {Field: "rationale", Rule: "required"}, {Field: "message", Rule: "required"}}},
		{"a withdrawal", submission.Withdraw, submission.Ending{Reasons: []submission.Reason{"price"}}, nil},
		{"another, without words", submission.Withdraw, submission.Ending{Reasons: []submission.Reason{"other"}}, []fault.Field{{Field: "message", Rule: "required"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []fault.Field
			if f, ok := errors.AsType[*fault.Error](tt.e.Check(tt.step)); ok {
				got = f.Fields()
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("wrong: %v, want %v", got, tt.want)
			}
		})
	}
	for _, r := range []submission.Reason{"sanctions", "suspected_fraud", "broker_of_record", "duplicate_submission", "capacity"} {
		out := submission.Ending{By: "usr_una", Reasons: []submission.Reason{r, "capacity", "loss_history"}, Rationale: "secret", Message: "Sorry."}.Outside()
		if want := []submission.Reason{submission.Undisclosed, "loss_history"}; !slices.Equal(out.Reasons, want) || out.Rationale+out.By != "" || out.Message != "Sorry." {
			t.Errorf("outside: %+v", out)
		}
	}
}

func TestMarks(t *testing.T) {
	of := func(name, fein, address string) submission.Marks {
		return submission.Submission{InsuredName: name, Insured: &submission.Insured{FEIN: fein, Address: address, Email: "A@b.example"}}.Marks()
	}
	a := of("Pacific Coast Builders, LLC", "93-1234567", "12 North Main Street, Suite 4")
	if b := of("PACIFIC COAST BUILDERS", "931234567", "12 N. Main St Ste 4"); a != b {
		t.Errorf("the same business has other marks:\n%v\n%v", a, b)
	}
	if b := of("Pacific Coast Roofers", "", ""); a.Name == b.Name || b.FEIN != "" || b.Address != "" || a.Email != b.Email {
		t.Errorf("another business: %v", b)
	}
	if (submission.Submission{InsuredName: "Co"}).Marks().Name == (submission.Submission{InsuredName: "Ltd"}).Marks().Name {
		t.Error("names of nothing but forms are the same")
	}
}

// Ninety days are as long wherever the machine is that counts them.
func TestIdleDaysAreOf24Hours(t *testing.T) {
	there, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	made := time.Date(2026, 8, 20, 12, 0, 0, 0, there) // to November: over the end of summer time
	s := submission.Submission{Status: submission.Received, UpdatedAt: made}
	for what, end := range map[string]time.Time{"open": s.ExpiresAt(), "a draft": s.DraftEnds()} {
		if got := end.Sub(made); got != submission.IdleDays*24*time.Hour {
			t.Errorf("%s: %s", what, got)
		}
	}
}
