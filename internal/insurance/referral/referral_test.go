package referral_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/authority"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/referral"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/rooms/room"
)

var (
	noon  = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	later = noon.Add(time.Hour)
	sam   = access.Actor{Kind: access.User, ID: access.NewUserID(noon).String(), Org: access.NewOrgID(noon)}
	maria = access.Actor{Kind: access.User, ID: access.NewUserID(noon).String(), Org: sam.Org}
	noor  = access.Actor{Kind: access.User, ID: access.NewUserID(noon).String(), Org: sam.Org}
	ben   = access.Actor{Kind: access.User, ID: access.NewUserID(noon).String(), Org: sam.Org}
)

// free is the bench of somebody in whose matter nobody's authority is asked for.
var free = referral.Bench{Threshold: 10_000_000}

func ask() referral.Ask {
	id := submission.NewID(noon)
	return referral.Ask{
		Entity: referral.Entity{Type: referral.Submission, ID: id}, Submission: id, Room: room.NewID(noon), Reason: "prior_losses", Rationale: "two losses",
	}
}

// raised is a referral of Sam's in some state.
func raised(t *testing.T, s referral.Status) referral.Referral {
	t.Helper()
	r, _, err := referral.Raise(sam, ask(), noon)
	if err != nil {
		t.Fatal(err)
	}
	r.Status = s
	return r
}

func TestRaise(t *testing.T) {
	tests := []struct {
		name    string
		change  func(*referral.Ask)
		wantErr error
		field   string
	}{
		{"a question", func(*referral.Ask) {}, nil, ""},
		{"without a room", func(a *referral.Ask) { a.Room = room.ID{} }, nil, ""},
		{"no rationale", func(a *referral.Ask) { a.Rationale = "" }, referral.ErrRationale, "rationale"},
		{"a blank rationale", func(a *referral.Ask) { a.Rationale = " \n" }, referral.ErrRationale, "rationale"},
		{"no reason", func(a *referral.Ask) { a.Reason = "" }, fault.ErrValidation, "reason"},
		{"another reason", func(a *referral.Ask) { a.Reason = "because" }, fault.ErrValidation, "reason"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := ask()
			tt.change(&a)
			r, told, err := referral.Raise(sam, a, noon)
			if !errors.Is(err, tt.wantErr) || blamed(err) != tt.field {
				t.Fatalf("err = %v, field %q", err, blamed(err))
			}
			if (told.Type == "referral.created") != (err == nil) || (r.Status == referral.Open) != (err == nil) {
				t.Errorf("status %q, event %q with err = %v", r.Status, told.Type, err)
			}
		})
	}
}

// blamed is the fields that an error blames, one after another.
func blamed(err error) string {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return ""
	}
	var fields []string
	for _, b := range f.Fields() {
		fields = append(fields, b.Field)
	}
	return strings.Join(fields, " ")
}

// An approval does not outlast the quote that it approves: one that is there, or
// the one that a counter, once taken, makes.
func TestAnApprovalEndsWithItsQuote(t *testing.T) {
	ends := noon.AddDate(0, 0, 12)
	open := quote.Quote{Status: quote.Offered, Decision: quote.Quoted, Terms: quote.Terms{Limit: 100}, ExpiresAt: ends}
	over := open
	over.Status = quote.Superseded
	counter := &referral.Counter{Premium: new(money.Cents(5))}
	for _, tt := range []struct {
		name    string
		about   *quote.Quote
		of      referral.EntityType
		until   time.Time
		counter *referral.Counter
		want    string
	}{
		{"to its end", &open, referral.Quote, ends, nil, ""},
		{"a moment longer", &open, referral.Quote, ends.Add(time.Microsecond), nil, "validUntil"},
		{"of its submission", &open, referral.Submission, ends.Add(time.Hour), nil, "validUntil"},
		{"of a policy", &open, referral.Policy, ends.Add(time.Hour), nil, ""},
		{"no quote as yet", nil, referral.Submission, noon.AddDate(1, 0, 0), nil, ""},
		{"of which nothing becomes", &over, referral.Submission, noon.AddDate(1, 0, 0), nil, ""},
		{"a counter, as long as its quote", &open, referral.Quote, noon.Add(quote.Age), counter, ""},
		{"a counter for longer", &open, referral.Quote, noon.Add(quote.Age + time.Second), counter, "validUntil"},
		{"a counter that makes no sense, for longer", &open, referral.Quote, noon.AddDate(1, 0, 0), &referral.Counter{Deductible: new(money.Cents(100))}, "validUntil counter.deductible"},
		{"in the past", &open, referral.Quote, noon, nil, "validUntil"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := raised(t, referral.InReview)
			before.Entity.Type = tt.of
			on := free
			on.Quote = tt.about
			d := referral.Decision{Verb: referral.Approve, Rationale: "x", Terms: referral.Terms{ValidUntil: &tt.until, Counter: tt.counter}}
			after, _, err := before.Decide(maria, d, on, noon)
			if blamed(err) != tt.want || (err == nil) != (tt.want == "") || err == nil && after.Status != referral.Decided {
				t.Errorf("%s, %v blames %q, want %q", after.Status, err, blamed(err), tt.want)
			}
		})
	}
}

// The second of two looks at the quote that there is then.
func TestASecondConfirmsNothingThatOutlastsTheQuote(t *testing.T) {
	on, second := free, access.Actor{Kind: access.User, ID: access.NewUserID(noon).String(), Org: sam.Org}
	premium := money.Cents(500)
	on.FourEyesAbove, on.Value.Premium = new(money.Cents(1)), &premium
	until := noon.AddDate(0, 0, 20)
	proposed, _, err := raised(t, referral.InReview).Decide(maria, referral.Decision{Verb: referral.Approve, Rationale: "x", Terms: referral.Terms{ValidUntil: &until}}, on, noon)
	if err != nil || proposed.Status != referral.PendingSecond {
		t.Fatalf("%s, %v", proposed.Status, err)
	}
	first := on
	on.First = &first
	on.Quote = &quote.Quote{Status: quote.Offered, ExpiresAt: until.Add(-time.Second)}
	if after, _, err := proposed.Confirm(second, "fine", on, later); !errors.Is(err, referral.ErrState) || after.Status != referral.PendingSecond {
		t.Errorf("%s, %v", after.Status, err)
	}
	on.Quote.ExpiresAt = until
	if after, _, err := proposed.Confirm(second, "fine", on, later); err != nil || after.Status != referral.Decided {
		t.Errorf("%s, %v", after.Status, err)
	}
}

func TestReferralDecide(t *testing.T) {
	approve := referral.Decision{Verb: referral.Approve, Rationale: "inside appetite"}
	more := referral.Decision{Verb: referral.RequestMoreInfo, Rationale: "old loss runs"}
	with := func(d referral.Decision, change func(*referral.Decision)) referral.Decision {
		change(&d)
		return d
	}
	machine := access.Actor{Kind: access.Machine, ID: access.NewKeyID(noon).String(), Org: sam.Org}
	tests := []struct {
		name    string
		by      access.Actor
		state   referral.Status
		d       referral.Decision
		wantErr error
		fields  string
	}{
		{"in review", maria, referral.InReview, approve, nil, ""},
		{"open", maria, referral.Open, approve, nil, ""},
		{"before it is answered", maria, referral.InfoRequested, approve, referral.ErrState, ""},
		{"more before it is answered", maria, referral.InfoRequested, more, referral.ErrState, ""},
		{"her own", sam, referral.InReview, approve, referral.ErrOwnReferral, ""},
		{"her own, for more", sam, referral.InReview, more, referral.ErrOwnReferral, ""},
		{"her own, decided", sam, referral.Decided, approve, referral.ErrOwnReferral, ""},
		{"a key", machine, referral.InReview, approve, referral.ErrPerson, ""},
		{"the system", access.Actor{Kind: access.System, ID: "system", Org: sam.Org}, referral.InReview, approve, referral.ErrPerson, ""},
		{"already decided", maria, referral.Decided, approve, referral.ErrDecided, ""},
		{"more after the decision", maria, referral.Decided, more, referral.ErrDecided, ""},
		{"no rationale", maria, referral.InReview, referral.Decision{Verb: referral.Approve}, referral.ErrRationale, "rationale"},
		{"a blank rationale", maria, referral.InReview, referral.Decision{Verb: referral.Reject, Rationale: "\t"}, referral.ErrRationale, "rationale"},
		{"no verb", maria, referral.InReview, referral.Decision{Rationale: "x"}, fault.ErrValidation, "decision"},
		{"a rejection with terms", maria, referral.InReview, referral.Decision{
			Verb: referral.Reject, Rationale: "x", Questions: []string{"why?"},
			Terms: referral.Terms{Conditions: []referral.Condition{{Kind: referral.PreBind, Action: "x"}}, Counter: &referral.Counter{Exclusions: []string{"x"}}, ValidUntil: &later},
		}, fault.ErrValidation, "questions conditions counter validUntil"},
		{"an approval with questions", maria, referral.InReview, with(approve, func(d *referral.Decision) { d.Questions = []string{"why?"} }), fault.ErrValidation, "questions"},
		{"a question of nothing", maria, referral.InReview, with(more, func(d *referral.Decision) { d.Questions = []string{"why?", " "} }), fault.ErrValidation, "questions[1]"},
		{"valid until yesterday", maria, referral.InReview, with(approve, func(d *referral.Decision) { d.ValidUntil = &noon }), fault.ErrValidation, "validUntil"},
		{"a counter of nothing", maria, referral.InReview, with(approve, func(d *referral.Decision) { d.Counter = &referral.Counter{} }), fault.ErrValidation, "counter"},
		{"malformed conditions", maria, referral.InReview, with(approve, func(d *referral.Decision) {
			d.Conditions = []referral.Condition{{Kind: referral.PostBind, Action: "x", DueAt: &later}, {Kind: "maybe", Action: " ", DueAt: &noon}}
		}), fault.ErrValidation, "conditions[1].action conditions[1].kind conditions[1].dueAt"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := raised(t, tt.state)
			after, told, err := before.Decide(tt.by, tt.d, free, noon)
			if !errors.Is(err, tt.wantErr) || blamed(err) != tt.fields {
				t.Fatalf("err = %v, fields %q; want %v, %q", err, blamed(err), tt.wantErr, tt.fields)
			}
			if (told.Type != "") != (err == nil) {
				t.Errorf("event = %+v with err = %v; want one only on success", told, err)
			}
			if err != nil && !cmp.Equal(after, before) {
				t.Errorf("refused, and changed: %s", cmp.Diff(before, after))
			}
		})
	}
}

// TestEveryTransition says for each state and verb where it leads; "" is
// nowhere.
func TestEveryTransition(t *testing.T) {
	decidable := []referral.Status{referral.Open, referral.InReview}
	were := []referral.Status{referral.Decided, referral.Revoked, referral.Lapsed, referral.Consumed}
	for _, from := range referral.Statuses {
		for verb, to := range map[referral.Verb]referral.Status{
			referral.Approve: referral.Decided, referral.Reject: referral.Decided, referral.RequestMoreInfo: referral.InfoRequested,
		} {
			after, _, err := raised(t, from).Decide(maria, referral.Decision{Verb: verb, Rationale: "x"}, free, noon)
			switch {
			case slices.Contains(decidable, from):
				if err != nil || after.Status != to || after.Assignee != maria.ID || !after.UpdatedAt.Equal(noon) {
					t.Errorf("%s from %s: %s, %v", verb, from, after.Status, err)
				}
			case slices.Contains(were, from):
				if !errors.Is(err, referral.ErrDecided) {
					t.Errorf("%s from %s: err = %v", verb, from, err)
				}
			case !errors.Is(err, referral.ErrState) || detail(err, "status") != from:
				t.Errorf("%s from %s: err = %v", verb, from, err)
			}
		}
	}
}

func detail(err error, key string) any {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return nil
	}
	return f.Details()[key]
}

// An approval from before there was authority has no reference: it is taken back
// by the authority that the matter takes now.
func TestRevokeWithoutAReference(t *testing.T) {
	old := raised(t, referral.Decided)
	old.Verdict = referral.Verdict{Outcome: referral.Approved, DecidedBy: sam.ID, DecidedAt: &noon}
	premium := money.Cents(1_600_000)
	on := referral.Bench{Value: authority.Value{Premium: &premium, Line: "GL", State: "OR"}}
	if after, _, err := old.Revoke(maria, "a mistake", on, noon); !errors.Is(err, authority.ErrExceeded) || !cmp.Equal(after, old) {
		t.Errorf("without authority: %s, %v", after.Status, err)
	}
	on.Threshold = premium
	if after, told, err := old.Revoke(maria, "a mistake", on, noon); err != nil || after.Status != referral.Revoked || told.Type == "" {
		t.Errorf("within it: %s, %v", after.Status, err)
	}
}

func TestOutcomes(t *testing.T) {
	premium := money.Cents(1_600_000)
	conditions := []referral.Condition{{Kind: referral.PreBind, Action: "Inspect the roof."}}
	counter := &referral.Counter{Premium: &premium}
	tests := []struct {
		name  string
		verb  referral.Verb
		terms referral.Terms
		want  referral.Outcome
		turn  string
	}{
		{"approved", referral.Approve, referral.Terms{ValidUntil: &later}, referral.Approved, "underwriter"},
		{"with conditions", referral.Approve, referral.Terms{Conditions: conditions}, referral.ApprovedWithConditions, "broker"},
		{"countered", referral.Approve, referral.Terms{Counter: counter}, referral.Countered, "broker"},
		{"countered with conditions", referral.Approve, referral.Terms{Counter: counter, Conditions: conditions}, referral.Countered, "broker"},
		{"rejected", referral.Reject, referral.Terms{}, referral.Declined, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, told, err := raised(t, referral.InReview).Decide(maria, referral.Decision{Verb: tt.verb, Rationale: "x", Terms: tt.terms}, free, noon)
			if err != nil {
				t.Fatal(err)
			}
			if r.Outcome != tt.want || r.DecidedBy != maria.ID || !r.DecidedAt.Equal(noon) || r.Because != "x" || len(r.Conditions) != len(tt.terms.Conditions) {
				t.Errorf("referral %+v", r)
			}
			for _, c := range r.Conditions {
				if c.ID.IsZero() || c.Status != "open" {
					t.Errorf("condition %+v", c)
				}
			}
			if d := told.Data.(event.ReferralDecided); d.Outcome != string(tt.want) || d.DecidedBy != maria.ID || d.Rationale != "x" || len(d.Conditions) != len(r.Conditions) || (d.Counter != nil) != (tt.terms.Counter != nil) {
				t.Errorf("event %+v", d)
			}
			c := r.Card(told)
			if c.Outcome != string(tt.want) || c.Status != "decided" || c.WhoseTurn != tt.turn || len(c.Conditions) != len(tt.terms.Conditions) || c.Text == "" {
				t.Errorf("card %+v", c)
			}
			_, _, err = r.Decide(maria, referral.Decision{Verb: referral.Reject, Rationale: "y"}, free, later)
			if detail(err, "decision") != tt.want || detail(err, "decidedBy") != maria.ID {
				t.Errorf("a second decision does not say the first: %v", err)
			}
		})
	}
}

func TestAskingForMore(t *testing.T) {
	for _, tt := range []struct {
		questions  []string
		internal   bool
		face, turn string
	}{
		{nil, true, "in_review", "requester"},
		{[]string{"closed?", "photos?"}, false, "info_requested", "broker"},
	} {
		r, told, err := raised(t, referral.Open).Decide(maria, referral.Decision{Verb: referral.RequestMoreInfo, Rationale: "old loss runs", Questions: tt.questions}, free, noon)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Requests) != 1 || r.Requests[0].Questions[0].Internal != tt.internal || r.Requests[0].By != maria.ID {
			t.Errorf("requests %+v", r.Requests)
		}
		if d := told.Data.(event.ReferralInfoRequested); !slices.Equal(d.Questions, tt.questions) || d.Questions == nil || d.Rationale != "old loss runs" {
			t.Errorf("event %+v", d)
		}
		if r.Shows(told) == tt.internal || r.Turn() != tt.turn || r.Face() != tt.face {
			t.Errorf("asked %q: shown %v, %s's turn, face %s", tt.questions, r.Shows(told), r.Turn(), r.Face())
		}
		if c := r.Card(told); !tt.internal && (!slices.Equal(c.Questions, tt.questions) || c.WhoseTurn != "broker" || c.Status != "info_requested") {
			t.Errorf("card %+v", c)
		}
	}
}

// Who raised a referral answers, or an administrator in his place, or the other
// company what it was asked; never who asked, or who has it now.
func TestWhoAnswers(t *testing.T) {
	for _, tt := range []struct {
		name     string
		internal bool
		by       access.Actor
		as       referral.Answerer
		wantErr  error
	}{
		{"who raised it", false, sam, referral.Desk, nil},
		{"who raised it, what is internal", true, sam, referral.Desk, nil},
		{"who asked", false, maria, referral.Desk, referral.ErrAsker},
		{"who asked, an administrator", true, maria, referral.Office, referral.ErrAsker},
		{"who has it now", false, noor, referral.Desk, referral.ErrAsker},
		{"a colleague", false, ben, referral.Desk, referral.ErrRequester},
		{"an administrator", false, ben, referral.Office, nil},
		{"an administrator, what is internal", true, ben, referral.Office, nil},
		{"the other company", false, ben, referral.Broker, nil},
		{"the other company, what is internal", true, ben, referral.Broker, referral.ErrState},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := referral.Decision{Verb: referral.RequestMoreInfo, Rationale: "old loss runs"}
			if !tt.internal {
				d.Questions = []string{"closed?"}
			}
			before, _, err := raised(t, referral.Open).Decide(maria, d, free, noon)
			if err != nil {
				t.Fatal(err)
			}
			before.Assignee = noor.ID // who was given it since
			after, told, err := before.Respond(tt.by, []referral.Reply{{Question: 1, Text: "yes"}}, tt.as, later)
			if !errors.Is(err, tt.wantErr) || (told.Type != "") != (err == nil) {
				t.Fatalf("err = %v, event %q; want %v", err, told.Type, tt.wantErr)
			}
			if err != nil && !cmp.Equal(before, after) || err == nil && (after.Status != referral.InReview || after.Shows(told) == tt.internal) {
				t.Errorf("%v: it is %s, shown %v", err, after.Status, after.Shows(told))
			}
		})
	}
}

// Who could not decide a referral does not hold it up either: he neither takes it
// up, nor asks, nor objects. What he has already, he goes on with.
func TestWhoHoldsUp(t *testing.T) {
	premium := money.Cents(20_000_000)
	four := money.Cents(15_000_000)
	bench := func(p *authority.Profile) referral.Bench {
		on := referral.Bench{Threshold: 10_000_000, FourEyesAbove: &four, Value: authority.Value{Premium: &premium, Line: "GL", State: "OR"}}
		if p != nil {
			p.Active, p.MaxLimit, p.Lines = true, new(money.Cents), []string{"GL"}
			on.Grants = []authority.Grant{{Of: noor.ID, Profile: *p}}
		}
		return on
	}
	more := referral.Decision{Verb: referral.RequestMoreInfo, Rationale: "x", Questions: []string{"closed?"}}
	for name, tt := range map[string]struct {
		profile *authority.Profile
		wantErr error
	}{
		"no profile":            {nil, authority.ErrExceeded},
		"a lower one":           {&authority.Profile{MaxPremium: new(premium - 1)}, authority.ErrExceeded},
		"one that covers it":    {&authority.Profile{MaxPremium: &premium}, nil},
		"one that may override": {&authority.Profile{CanOverride: true}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			on := bench(tt.profile)
			for _, from := range []referral.Status{referral.Open, referral.InReview, referral.InfoRequested} {
				before := raised(t, from)
				if after, _, err := before.Claim(noor, on, noon); !errors.Is(err, tt.wantErr) || (after.Assignee == noor.ID) != (err == nil) {
					t.Errorf("claim from %s: err = %v, want %v", from, err, tt.wantErr)
				}
				before.Assignee = noor.ID
				if _, told, err := before.Claim(noor, on, noon); err != nil || told.Type != "" {
					t.Errorf("claimed from %s before: %q, %v", from, told.Type, err)
				}
			}
			if _, _, err := raised(t, referral.Open).Decide(noor, more, on, noon); !errors.Is(err, tt.wantErr) {
				t.Errorf("ask: err = %v, want %v", err, tt.wantErr)
			}
			his := raised(t, referral.InReview)
			his.Assignee = noor.ID
			if _, _, err := his.Decide(noor, more, on, noon); err != nil {
				t.Errorf("ask about what he has: err = %v", err)
			}
			proposed := raised(t, referral.PendingSecond)
			proposed.Value = on.Value
			proposed.Proposal = &referral.Proposal{By: maria.ID, Decision: referral.Decision{Verb: referral.Approve, Rationale: "x", Override: true}}
			if after, _, err := proposed.Dissent(noor, "x", on, noon); !errors.Is(err, tt.wantErr) || (after.Status == referral.InReview) != (err == nil) {
				t.Errorf("object: err = %v, want %v", err, tt.wantErr)
			}
		})
	}
}

// The same is asked once, until it is answered: of the same thing, for the same
// reason. Drafts ask nothing.
func TestTwins(t *testing.T) {
	first := raised(t, referral.Open)
	countered := first
	countered.Status, countered.Outcome = referral.Decided, referral.Countered
	taken := countered
	taken.Taken = true
	in := func(s referral.Status) referral.Referral { r := first; r.Status = s; return r }
	another := func(change func(*referral.Referral)) referral.Referral {
		r := first
		r.ID = referral.NewID(later)
		change(&r)
		return r
	}
	same := another(func(*referral.Referral) {})
	for name, tt := range map[string]struct {
		first, second referral.Referral
		refused       bool
	}{
		"open":              {first, same, true},
		"in review":         {in(referral.InReview), same, true},
		"asked":             {in(referral.InfoRequested), same, true},
		"proposed":          {in(referral.PendingSecond), same, true},
		"countered":         {countered, same, true},
		"a counter taken":   {taken, same, false},
		"a draft":           {in(referral.Draft), same, false},
		"declined":          {in(referral.Decided), same, false},
		"withdrawn":         {in(referral.Withdrawn), same, false},
		"superseded":        {in(referral.Superseded), same, false},
		"drafted beside it": {first, another(func(r *referral.Referral) { r.Status = referral.Draft }), false},
		"another reason":    {first, another(func(r *referral.Referral) { r.Reason = "other" }), false},
		"another thing":     {first, another(func(r *referral.Referral) { r.Entity.ID = submission.NewID(later) }), false},
		"itself":            {first, first, false},
	} {
		err := tt.second.Twin([]referral.Referral{tt.first})
		if errors.Is(err, referral.ErrExists) != tt.refused || tt.refused && detail(err, "referralId") != first.ID.String() || !tt.refused && err != nil {
			t.Errorf("%s: err = %v", name, err)
		}
	}
}

// A card is what the other company reads: whatever the referral holds, of text
// written by people it has the questions and the conditions, and nothing else.
func TestCardsAreSafe(t *testing.T) {
	const secret = "canary"
	until := later
	limit := money.Cents(77_700)
	a := ask()
	a.Rationale, a.Reason = secret, "authority_exceeded"
	by := maria
	open, created, err := referral.Raise(sam, a, noon)
	if err != nil {
		t.Fatal(err)
	}
	asked, more, err := open.Decide(by, referral.Decision{Verb: referral.RequestMoreInfo, Rationale: secret}, free, noon)
	if err != nil {
		t.Fatal(err)
	}
	decided, told, err := open.Decide(by, referral.Decision{Verb: referral.Approve, Rationale: secret, Terms: referral.Terms{
		Conditions: []referral.Condition{{Kind: referral.PreBind, Action: "Inspect.", Responsible: secret, Evidence: secret, Consequence: secret}},
		Counter:    &referral.Counter{Limit: &limit, Exclusions: []string{secret}}, ValidUntil: &until,
	}}, free, noon)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []event.Card{open.Card(created), asked.Card(more), decided.Card(told)} {
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{secret, maria.ID, sam.ID, "authority", "777"} {
			if strings.Contains(string(b), bad) {
				t.Errorf("%s is in %s", bad, b)
			}
		}
	}
	if c := open.Card(created); c.Status != "in_review" || c.WhoseTurn != "underwriter" {
		t.Errorf("card %+v", c)
	}
}

func TestWhoHears(t *testing.T) {
	r, created, err := referral.Raise(sam, ask(), noon)
	if err != nil {
		t.Fatal(err)
	}
	underwriting := event.Channel{Name: event.OrgChannel(sam.Org, event.Underwriting), Org: sam.Org}
	if got := created.Channels(); !slices.Equal(got, []event.Channel{underwriting}) {
		t.Errorf("created is heard on %v", got)
	}
	_, told, err := r.Decide(maria, referral.Decision{Verb: referral.Approve, Rationale: "x"}, free, noon)
	if err != nil {
		t.Fatal(err)
	}
	if got := told.Channels(); !slices.Equal(got, []event.Channel{underwriting, event.PersonChannel(sam.ID, sam.Org)}) {
		t.Errorf("decided is heard on %v", got)
	}
	r.RaisedBy = access.NewKeyID(noon).String()
	_, told, err = r.Decide(maria, referral.Decision{Verb: referral.Approve, Rationale: "x"}, free, noon)
	if err != nil {
		t.Fatal(err)
	}
	if got := told.Channels(); !slices.Equal(got, []event.Channel{underwriting}) {
		t.Errorf("decided, when a key asked, is heard on %v", got)
	}
}

func TestParseEntity(t *testing.T) {
	const ulid = "01J8K3M4N5P6Q7R8S9T0V1W2X3"
	for _, tt := range []struct {
		of   referral.EntityType
		text string
		want referral.EntityType
	}{
		{referral.Submission, "sub_" + ulid, referral.Submission},
		{referral.Quote, "quo_" + ulid, referral.Quote},
		{referral.Policy, "pol_" + ulid, referral.Policy},
		{"", "quo_" + ulid, referral.Quote},
		{referral.Quote, "sub_" + ulid, ""},
		{"claim", "clm_" + ulid, ""},
		{"", "clm_" + ulid, ""},
		{referral.Quote, "", ""},
		{referral.Quote, "quo_", ""},
		{"", "", ""},
	} {
		e, err := referral.ParseEntity(tt.of, tt.text)
		if e.Type != tt.want || (err == nil) != (tt.want != "") || tt.want != "" && e.String() != tt.text {
			t.Errorf("%q as %q: %v %q, %v", tt.text, tt.of, e.Type, e, err)
		}
	}
}
