package deal_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/authority"
	"github.com/openinsure/openinsure/internal/insurance/deal"
	"github.com/openinsure/openinsure/internal/insurance/delegated"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/referral"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/rooms/room"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// Each state of a submission has a face, and the states of the inside have one.
func TestStatus(t *testing.T) {
	faces := map[submission.Status]submission.Status{submission.Draft: submission.InReview, submission.Received: submission.InReview, submission.Referred: submission.InReview}
	for _, s := range submission.Statuses {
		want, inside := faces[s]
		if !inside {
			want = s
		}
		if got := deal.Of(room.NewID(noon), submission.Submission{Status: s}, nil, nil, noon).Status; got != want {
			t.Errorf("%s reads %s, want %s", s, got, want)
		}
	}
	if got := deal.Of(room.NewID(noon), submission.Submission{Status: "of_the_future"}, nil, nil, noon).Status; got != submission.InReview {
		t.Errorf("a state that nobody has thought of reads %s", got)
	}
	// A question that the room was not told of does not show in it.
	told := []quote.Quote{{Status: quote.Offered, ExpiresAt: noon.Add(time.Hour)}}
	if got := deal.Of(room.NewID(noon), submission.Submission{Status: submission.Referred}, told, nil, noon).Status; got != submission.Quoted {
		t.Errorf("referred with an offer reads %s", got)
	}
}

// Which quotes have a price for the broker, and which he knows at all.
func TestQuotes(t *testing.T) {
	later := noon.Add(time.Hour)
	tests := []struct {
		status   quote.Status
		decision quote.Decision
		offered  bool
		shown    quote.Status // empty: not in the deal
		known    bool
	}{
		{"quoted", quote.Quoted, false, "quoted", true},
		{"quoted", quote.Referred, false, "quoted", true}, // somebody agreed to it
		{quote.Offered, quote.Quoted, true, quote.Offered, true},
		{quote.Accepted, quote.Quoted, true, quote.Accepted, true},
		{quote.Bound, quote.Quoted, false, quote.Bound, true},
		{"referred", quote.Referred, false, "", false},
		{"referred", quote.Referred, true, "", true}, // the approval is gone
		{"declined", quote.Declined, false, "", false},
		{quote.Superseded, quote.Referred, false, "", false},
		{quote.Superseded, quote.Quoted, false, "", true},
		{quote.NotTakenUp, quote.Referred, false, "", false},
		{quote.NotTakenUp, quote.Quoted, true, "", true},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.status, tt.decision, tt.offered), func(t *testing.T) {
			q := quote.Quote{Status: tt.status, Decision: tt.decision, GrossPremium: 100, ExpiresAt: later}
			if tt.offered {
				q.OfferedAt = &noon
			}
			got := deal.Of(room.NewID(noon), submission.Submission{}, []quote.Quote{q}, nil, noon).Quotes
			if len(got) != 0 != (tt.shown != "") || len(got) == 1 && (got[0].Status != tt.shown || got[0].GrossPremium != 100) {
				t.Errorf("shown %+v, want %q", got, tt.shown)
			}
			if deal.Knows(q) != tt.known {
				t.Errorf("known: %v", !tt.known)
			}
			expired := deal.Of(room.NewID(noon), submission.Submission{}, []quote.Quote{q}, nil, later).Quotes
			if len(expired) != len(got) || len(got) == 1 && tt.shown != quote.Bound && expired[0].Status != quote.Expired {
				t.Errorf("when it is over: %+v", expired)
			}
		})
	}
}

// What a room shows of a referral in each of its states.
func TestReferrals(t *testing.T) {
	in, due := room.NewID(noon), noon.Add(time.Hour)
	full := referral.Referral{
		ID: referral.NewID(noon), Room: in, Rationale: "secret", RaisedBy: "secret", Assignee: "secret",
		Requests: []referral.Request{
			{Questions: []referral.Question{{Text: "before"}}},
			{Rationale: "secret", By: "secret", Questions: []referral.Question{{Text: "shown"}, {Text: "secret", Internal: true}, {Text: "answered", Answer: &referral.Answer{}}}},
		},
		Verdict: referral.Verdict{
			Outcome: referral.Countered, DecidedBy: "secret", SecondBy: "secret", Because: "secret",
			Terms: referral.Terms{ValidUntil: &due, Counter: &referral.Counter{Exclusions: []string{"Roofing"}}, Conditions: []referral.Condition{
				{Action: "shown", DueAt: &due, Status: "rejected", Note: "shown", Evidence: "secret", Consequence: "secret", Responsible: "secret", Because: "secret", Level: 7, SubmittedBy: "secret", ResolvedBy: "secret"},
			}},
		},
	}
	for _, status := range referral.Statuses {
		for _, of := range []room.ID{in, room.NewID(noon), {}} {
			r := full
			r.Status, r.Room = status, of
			got := deal.Of(in, submission.Submission{}, nil, []referral.Referral{r}, noon).Referrals
			if of != in || status == referral.Draft {
				if len(got) != 0 || deal.Shows(in, r) {
					t.Errorf("%s of %s is shown: %+v", status, of, got)
				}
				continue
			}
			if len(got) != 1 {
				t.Fatalf("%s: %d", status, len(got))
			}
			one := got[0]
			if !slices.Contains([]string{"in_review", "info_requested", "decided", "closed"}, one.Status) || (len(one.Questions) > 0) != (status == referral.InfoRequested) ||
				(len(one.Conditions) > 0) != (one.Status == "decided") || (one.Outcome != "") != (one.Status == "decided") || (one.Counter != nil) != (status == referral.Decided) {
				t.Errorf("%s reads %+v", status, one)
			}
			if len(one.Questions) > 0 && (len(one.Questions) != 1 || one.Questions[0] != deal.Question{Number: 1, Text: "shown"}) {
				t.Errorf("questions %+v", one.Questions)
			}
			if text := fmt.Sprintf("%+v", one); strings.Contains(text, "secret") {
				t.Errorf("%s tells %s", status, text)
			}
		}
	}
	nowhere := full
	nowhere.Room, nowhere.Status = room.ID{}, referral.Open
	if deal.Shows(room.ID{}, nowhere) {
		t.Error("no room is told of a referral that names none")
	}
}

// What the other company reads of each refusal.
func TestOutside(t *testing.T) {
	plain := errors.New("broken")
	tests := []struct {
		name string
		err  error
		want *fault.Error
		det  string
	}{
		{"a state of the inside", quote.ErrState.With("status", quote.Status("referred")), quote.ErrState, "map[status:in_review]"},
		{"lost to another", quote.ErrState.With("status", quote.NotTakenUp).With("acceptedQuoteId", "quo_1"), quote.ErrState, "map[acceptedQuoteId:quo_1 status:not_taken_up]"},
		{"expired", quote.ErrExpired.With("expiresAt", "x"), quote.ErrExpired, "map[expiresAt:x]"},
		{"asked inside", submission.ErrState.With("status", submission.Referred), deal.ErrUnderwriter, "map[]"},
		{"over", submission.ErrState.With("status", submission.Bound), submission.ErrState, "map[status:bound]"},
		{"who decided", referral.ErrDecided.With("decidedBy", "usr_1"), referral.ErrState, "map[]"},
		{"of one of two", referral.ErrState.With("status", referral.PendingSecond), referral.ErrState, "map[]"},
		{"no counter", referral.ErrCounter.With("status", referral.PendingSecond), referral.ErrCounter, "map[]"},
		{"a condition", referral.ErrCondition.With("status", "submitted"), referral.ErrCondition, "map[status:submitted]"},
		{"no capacity", delegated.ErrExceeded.With("exceeded", []string{"annual_gwp"}), deal.ErrUnderwriter, "map[]"},
		{"no authority", authority.ErrExceeded, deal.ErrUnderwriter, "map[]"},
		{"a name on a list", quote.ErrNotBindable.With("blockers", []string{submission.SanctionsMatch}), deal.ErrUnderwriter, "map[]"},
		{"closed", room.ErrClosed, room.ErrClosed, "map[]"},
		{"his own mistake", fault.ErrValidation.Field("answers", "required").With("missing", []int{1}), fault.ErrValidation, "map[missing:[1]]"},
		{"not there", fault.ErrNotFound, fault.ErrNotFound, "map[]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, err := range []error{tt.err, fmt.Errorf("wrapped: %w", tt.err)} {
				f, ok := errors.AsType[*fault.Error](deal.Outside(err))
				if !ok || f.Code() != tt.want.Code() || fmt.Sprint(f.Details()) != tt.det {
					t.Errorf("reads %v %v, want %v %s", f.Code(), f.Details(), tt.want.Code(), tt.det)
				}
			}
		})
	}
	if got := deal.Outside(plain); !errors.Is(got, plain) {
		t.Errorf("what nobody classified reads %v", got)
	}
}
