package insurance_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/producer"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/referral"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// listOf is a sanctions list of names, each an entry of its own.
func listOf(t testing.TB, names ...string) *producer.List {
	t.Helper()
	entries := make([]string, len(names))
	for i, n := range names {
		entries[i] = fmt.Sprintf(`{"id":%q,"name":%q,"programs":["X"]}`, n, n)
	}
	l, err := producer.ReadList(strings.NewReader(`{"name":"List","entries":[` + strings.Join(entries, ",") + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

const likeness = "Pacific Coast Bilders Ltda" // of builder's insured: a person has to look

func with(db *store.DB, l *producer.List) *insurance.Desk {
	return insurance.New(db, insurance.Config{MaxBackdate: -1, Sanctions: l})
}

func reviewsTold(t testing.TB, db *store.DB, by access.Actor) int {
	t.Helper()
	return strings.Count(heard(t.(*testing.T), db, by, event.OrgChannel(by.Org, event.Admin)), `"compliance.sanctions_review"`)
}

// The list changes while a submission is worked: it is looked at again at each
// step, and what a person has cleared stays cleared for what he saw.
func TestTheListChanges(t *testing.T) {
	db, empty, by := setUp(t)
	id := quoted(t, empty, by)
	if s := storetest.Value[string](t, db, `SELECT sanctions FROM submission`); s != "" {
		t.Fatalf("nobody is like it, and it is %s", s)
	}
	order := policy.Order{Plan: billing.PayInFull}
	like := with(db, listOf(t, likeness))
	if _, err := like.Bind(t.Context(), by, id, order, whatever); !errors.Is(err, quote.ErrNotBindable) || fmt.Sprint(refusal(err)) != "[sanctions_review]" {
		t.Fatalf("bound by a list that has him: %v", err)
	}
	match := with(db, listOf(t, "Pacific Coast Builders"))
	if _, err := match.Bind(t.Context(), by, id, order, whatever); fmt.Sprint(refusal(err)) != "[sanctions_match]" {
		t.Errorf("bound by a list that names him: %v", err)
	}
	if _, err := match.Quote(t.Context(), by, id, whatever); !errors.Is(err, producer.ErrSanctions) || fault.KindOf(err) != fault.Forbidden {
		t.Errorf("quoted by a list that names him: %v", err)
	}
	if ready, err := match.Ready(t.Context(), by, id); err != nil || ready.Quotes() || fmt.Sprint(rulesAt(ready, insurance.AtQuote, insurance.Blocks)) != "[sanctions_match]" ||
		fmt.Sprint(rulesAt(ready, insurance.AtBind, insurance.Blocks)) != "[sanctions_match]" {
		t.Errorf("ready: %+v, %v", ready.Blockers, err)
	}
	version := storetest.Value[int](t, db, `SELECT version FROM submission`)
	if n := reviewsTold(t, db, by); n != 0 {
		t.Errorf("%d told of what was refused and undone", n)
	}
	// A start with the new list looks at what is open, once.
	for _, want := range []int{1, 0} {
		if n, err := like.ScreenAnew(t.Context()); n != want || err != nil {
			t.Fatalf("%d were compared, %v, want %d", n, err, want)
		}
	}
	if s, n := storetest.Value[string](t, db, `SELECT sanctions FROM submission`), reviewsTold(t, db, by); s != "pending" || n != 1 {
		t.Errorf("after a start it is %q, told %d times", s, n)
	}
	if after := storetest.Value[int](t, db, `SELECT version FROM submission`); after != version {
		t.Errorf("who brought it sees that something happened: version %d after %d", after, version)
	}
	officer := storetest.User(t, db, by, "Olga", access.RoleCompliance)
	if _, err := like.ReviewInsured(t.Context(), officer, id, true, "Another company.", whatever); err != nil {
		t.Fatal(err)
	}
	// The next list has the same entry, and others.
	longer := with(db, listOf(t, "Somebody Else", likeness))
	if _, err := longer.Quote(t.Context(), by, id, whatever); err != nil {
		t.Fatal(err)
	}
	if s := storetest.Value[string](t, db, `SELECT sanctions FROM submission`); s != "cleared" {
		t.Errorf("by a list with the same entry it is %q", s)
	}
	another := with(db, listOf(t, likeness, "Pacific Coast Builderz Ltda"))
	if _, err := another.Bind(t.Context(), by, id, order, whatever); fmt.Sprint(refusal(err)) != "[sanctions_review]" {
		t.Errorf("bound by a list with one more: %v", err)
	}
	if _, err := longer.Bind(t.Context(), by, id, order, whatever); err != nil {
		t.Errorf("bound, cleared: %v", err)
	}
	if n := reviewsTold(t, db, by); n != 1 {
		t.Errorf("told %d times", n)
	}
}

// A slowList is another list, which answers the first question when it is let.
type slowList struct {
	insurance.Screener
	first      *sync.Once
	asked, let chan struct{}
}

func (l slowList) Version() string { return "another" }

func (l slowList) Screen(names []string) producer.Screening {
	l.first.Do(func() {
		close(l.asked)
		<-l.let
	})
	return l.Screener.Screen(names)
}

// While what is open is compared with a new list, what is due is done.
func TestANewListHoldsUpNothingThatIsDue(t *testing.T) {
	h := openHall(t)
	r := h.ask(t)
	held, err := h.desk.Submit(t.Context(), h.una, builder()) // while its names are compared
	if err != nil {
		t.Fatal(err)
	}
	storetest.SQL(t, h.db, `UPDATE submission SET timer_at = NULL, clocks = '{}' WHERE id = $1`, held.ID.UUID())
	storetest.SQL(t, h.db, `UPDATE submission SET screened_by = 'another' WHERE id <> $1`, held.ID.UUID())
	l := slowList{insurance.SampleSanctions(), &sync.Once{}, make(chan struct{}), make(chan struct{})}
	due := noon.AddDate(0, 0, 40)
	desk := insurance.New(h.db, insurance.Config{MaxBackdate: -1, Now: func() time.Time { return due }, Sanctions: l})
	var screening sync.WaitGroup
	screening.Go(func() {
		if n, err := desk.ScreenAnew(t.Context()); n != 1 || err != nil {
			t.Errorf("%d were compared, %v", n, err)
		}
	})
	<-l.asked
	if _, err := desk.Tick(t.Context(), due); err != nil {
		t.Error(err)
	}
	if got, err := h.db.As(h.una).Referral(t.Context(), r.ID); err != nil || got.Status != referral.Expired {
		t.Errorf("while names are compared, a referral that is over for ten days is %s, %v", got.Status, err)
	}
	close(l.let)
	screening.Wait()
}

// The word of a person may be said before a start has compared what is open.
func TestReviewOfAnOlderList(t *testing.T) {
	db, desk, by := setUp(t)
	id := quoted(t, desk, by)
	officer := storetest.User(t, db, by, "Olga", access.RoleCompliance)
	if _, err := desk.ReviewInsured(t.Context(), officer, id, true, "x", whatever); !errors.Is(err, submission.ErrSanctionsReview) {
		t.Fatalf("there is nothing to review: %v", err)
	}
	if _, err := with(db, listOf(t, likeness)).ReviewInsured(t.Context(), officer, id, true, "x", whatever); err != nil {
		t.Error(err)
	}
	if s := storetest.Value[string](t, db, `SELECT sanctions FROM submission`); s != "cleared" {
		t.Errorf("it is %q", s)
	}
}

// An offer and an acceptance ask the list that is in force, and what was said
// about the insured since the quote. A likeness holds up neither, only the bind.
func TestNobodyOffersToTheBlocked(t *testing.T) {
	none, like, match := listOf(t, "Somebody Else"), listOf(t, likeness), listOf(t, "Pacific Coast Builders")
	tests := []struct {
		name     string
		quoted   *producer.List
		blocked  bool // by a person, after the quote
		now      *producer.List
		sanction string // where the submission stands after what was allowed
		told     int
		want     string
	}{
		{"like nobody", none, false, none, "", 0, "[]"},
		{"a likeness that is looked at", like, false, like, "pending", 1, "[]"},
		{"a likeness since", none, false, like, "pending", 1, "[]"},
		{"somebody said that it is him", like, true, like, "blocked", 1, "[sanctions_match]"},
		{"said so, and the list has lost him", like, true, none, "", 1, "[]"},
		{"a match since", none, false, match, "", 0, "[sanctions_match]"},
		{"a likeness, and a match since", like, false, match, "pending", 1, "[sanctions_match]"},
	}
	for _, tt := range tests {
		for _, step := range []string{"offer", "accept"} {
			t.Run(tt.name+", "+step, func(t *testing.T) {
				db, _, by := setUp(t)
				before, now := with(db, tt.quoted), with(db, tt.now)
				id := quoted(t, before, by)
				quotes, err := db.As(by).OpenQuotes(t.Context(), id)
				if err != nil || len(quotes) != 1 {
					t.Fatalf("%d quotes, %v", len(quotes), err)
				}
				q := quotes[0].ID
				move := now.Offer
				if step == "accept" {
					move = now.Accept
					if _, err := before.Offer(t.Context(), by, q); err != nil {
						t.Fatal(err)
					}
				}
				if tt.blocked {
					officer := storetest.User(t, db, by, "Olga", access.RoleCompliance)
					if _, err := before.ReviewInsured(t.Context(), officer, id, false, "It is him.", whatever); err != nil {
						t.Fatal(err)
					}
				}
				version := storetest.Value[int](t, db, `SELECT version FROM submission`)
				_, err = move(t.Context(), by, q)
				if got := fmt.Sprint(refusal(err)); got != tt.want || err != nil && !errors.Is(err, quote.ErrNotBindable) {
					t.Errorf("refused with %s, want %s: %v", got, tt.want, err)
				}
				if s, v := storetest.Value[string](t, db, `SELECT sanctions FROM submission`), storetest.Value[int](t, db, `SELECT version FROM submission`); s != tt.sanction || v != version {
					t.Errorf("it stands at %q in version %d, want %q in %d", s, v, tt.sanction, version)
				}
				if n := reviewsTold(t, db, by); n != tt.told {
					t.Errorf("told %d times, want %d", n, tt.told)
				}
				if _, err := now.Bind(t.Context(), by, id, policy.Order{Plan: billing.PayInFull}, whatever); (err == nil) != (tt.sanction == "" && tt.want == "[]") {
					t.Errorf("the bind: %v", err)
				}
			})
		}
	}
}

// Another name makes no match go away: a person says that it is somebody else.
func TestAnotherNameMakesNoMatchGoAway(t *testing.T) {
	for name, list := range map[string]*producer.List{"a match": listOf(t, "Pacific Coast Builders"), "a likeness": listOf(t, likeness)} {
		t.Run(name, func(t *testing.T) {
			db, _, by := setUp(t)
			desk := with(db, list)
			s, err := desk.Submit(t.Context(), by, builder())
			if err != nil {
				t.Fatal(err)
			}
			rename := func(to string) {
				t.Helper()
				if s, err = desk.Correct(t.Context(), by, s.ID, func(s *submission.Submission) { s.InsuredName = to }, whatever); err != nil {
					t.Fatal(err)
				}
			}
			for _, to := range []string{"Zebra Roofing", "Yak Roofing"} {
				if rename(to); s.Sanctions() != submission.SanctionsPending {
					t.Fatalf("%s is %q", to, s.Sanctions())
				}
			}
			if _, err := desk.Quote(t.Context(), by, s.ID, whatever); err != nil {
				t.Fatal(err)
			}
			bind := func() string {
				_, err := desk.Bind(t.Context(), by, s.ID, policy.Order{Plan: billing.PayInFull}, whatever)
				return blockers(err)
			}
			if got := bind(); got != "[sanctions_review]" {
				t.Errorf("before anybody has looked: %s", got)
			}
			officer := storetest.User(t, db, by, "Olga", access.RoleCompliance)
			if _, err := desk.ReviewInsured(t.Context(), officer, s.ID, true, "A typing error.", whatever); err != nil {
				t.Fatal(err)
			}
			if got := bind(); got != "bound" {
				t.Errorf("once it was said that it is somebody else: %s", got)
			}
		})
	}
}

// What was accepted and agreed was so for one insured. Another way to write his
// name is no other.
func TestAnotherInsuredIsAnotherRisk(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*submission.Submission)
		want   quote.Status
	}{
		{"written otherwise", func(s *submission.Submission) { s.InsuredName = strings.ToUpper(s.InsuredName) + ", Inc." }, quote.Accepted},
		{"another company", func(s *submission.Submission) { s.InsuredName = "Second Co" }, quote.Superseded},
		{"another person", func(s *submission.Submission) {
			s.Insured = &submission.Insured{Name: "Pat Third", Email: "pat@third.example"}
		}, quote.Superseded},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := openHall(t)
			h.give(t, h.maria, 9, 100_000_000)
			r := h.ask(t)
			if _, err := h.desk.Decide(t.Context(), h.maria, r.ID, referral.Decision{Verb: referral.Approve, Rationale: "x", AllowEdit: true}, whatever); err != nil {
				t.Fatal(err)
			}
			if _, err := h.desk.Offer(t.Context(), h.una, h.quote.ID); err != nil {
				t.Fatal(err)
			}
			if _, err := h.desk.Accept(t.Context(), h.una, h.quote.ID); err != nil {
				t.Fatal(err)
			}
			if _, err := h.desk.Correct(t.Context(), h.una, h.sub.ID, tt.change, whatever); err != nil {
				t.Fatal(err)
			}
			q, err := h.db.As(h.una).Quote(t.Context(), h.quote.ID)
			if err != nil || q.Status != tt.want {
				t.Errorf("the quote is %s, %v", q.Status, err)
			}
			after, err := h.db.As(h.una).Referral(t.Context(), r.ID)
			if lapsed := after.Status == referral.Lapsed; err != nil || lapsed != (tt.want == quote.Superseded) {
				t.Errorf("the approval is %s, %v", after.Status, err)
			}
		})
	}
}
