package insurance_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance"
	"github.com/openinsure/openinsure/internal/insurance/authority"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/referral"
	"github.com/openinsure/openinsure/internal/insurance/sla"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// Of sixty-four who claim a submission at once one has it, and the others are
// told who.
func TestTwoCannotClaim(t *testing.T) {
	db, desk, by := setUp(t)
	s, err := desk.Submit(t.Context(), by, builder())
	if err != nil {
		t.Fatal(err)
	}
	who := make([]access.Actor, 64)
	for i := range who {
		who[i] = storetest.User(t, db, by, "an underwriter", access.RoleUnderwriter)
	}
	var mu sync.Mutex
	var winners, named []string
	free := held(t, db, s.ID)
	together(len(who)+1, func(i int) {
		if i == len(who) {
			free()
			return
		}
		got, err := desk.Claim(t.Context(), who[i], s.ID, whatever)
		mu.Lock()
		defer mu.Unlock()
		f, ok := errors.AsType[*fault.Error](err)
		switch {
		case err == nil && got.Assignee == who[i].ID && got.Status == submission.InReview && got.Version == 2:
			winners = append(winners, who[i].ID)
		case ok && errors.Is(err, submission.ErrClaimed) && f.Kind() == fault.Conflict:
			named = append(named, f.Details()["assignee"].(string))
		default:
			t.Errorf("%+v, %v", got, err)
		}
	})
	if len(winners) != 1 || len(named) != 63 || slices.ContainsFunc(named, func(id string) bool { return id != winners[0] }) {
		t.Fatalf("%d have it, %d are told of %v", len(winners), len(named), named)
	}
	if n := strings.Count(heard(t, db, by, event.OrgChannel(by.Org, event.Underwriting)), `"submission.claimed"`); n != 1 {
		t.Errorf("%d claims were told", n)
	}
	if got, err := db.As(by).Submission(t.Context(), s.ID); err != nil || got.Assignee != winners[0] || got.Clocks.Response.State(time.Now()) != sla.Met {
		t.Errorf("%+v, %v", got, err)
	}
}

// held holds the row of a submission until the function that it returns has seen
// ten wait for a lock.
func held(t *testing.T, db *store.DB, id submission.ID) (free func()) {
	t.Helper()
	locked, enough := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		err := db.InTx(t.Context(), access.Actor{Kind: access.System, ID: "system", Org: storetest.Value[access.OrgID](t, db, `SELECT org_id FROM submission WHERE id = $1`, id.UUID())}, func(tx *store.Tx) error {
			_, err := tx.LockSubmission(t.Context(), id)
			close(locked)
			<-enough
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-locked
	return func() {
		waiting(t, db, 10)
		close(enough)
		wg.Wait()
	}
}

func TestWhoMayRelease(t *testing.T) {
	h := openHall(t)
	take := func() {
		t.Helper()
		if s, err := h.desk.Claim(t.Context(), h.maria, h.sub.ID, whatever); err != nil || s.Assignee != h.maria.ID {
			t.Fatalf("%s, %v", s.Assignee, err)
		}
	}
	release := func(by access.Actor, want error) {
		t.Helper()
		s, err := h.desk.Release(t.Context(), by, h.sub.ID, whatever)
		if !errors.Is(err, want) || err == nil && s.Assignee != "" {
			t.Errorf("%s: %q, %v", by.Role, s.Assignee, err)
		}
	}
	release(h.maria, submission.ErrNobodys)
	take()
	take() // it is hers
	release(h.noor, submission.ErrNotHis)
	release(h.maria, nil)
	take()
	release(h.ada, nil)
	told := heard(t, h.db, h.maria, event.PersonChannel(h.maria.ID, h.maria.Org).Name)
	if n := strings.Count(told, `"submission.released"`); n != 1 {
		t.Errorf("she hears of %d that were taken from her:\n%s", n, told)
	}
	take()
	storetest.Seat(t, h.db, h.room, h.noor, "lead_underwriter", access.RoomLead)
	release(h.noor, nil)
	if shared := heard(t, h.db, h.ben, room.Shared(h.room.ID, h.room.Org).Name); strings.Contains(shared, h.maria.ID) || strings.Contains(shared, "claimed") {
		t.Errorf("the broker hears who works on it:\n%s", shared)
	}
}

// A correction of the risk supersedes what was quoted and asked; one of how a name
// is written leaves both alone.
func TestCorrect(t *testing.T) {
	h := openHall(t)
	asked := h.ask(t)
	name := func(s *submission.Submission) { s.InsuredName = "PACIFIC COAST BUILDERS, Inc." }
	before := h.submission(t)
	s, err := h.desk.Correct(t.Context(), h.una, h.sub.ID, name, whatever)
	if err != nil || s.Status != before.Status || s.Version != before.Version+1 {
		t.Fatalf("a name: %s, version %d, %v", s.Status, s.Version, err)
	}
	if same, err := h.desk.Correct(t.Context(), h.una, h.sub.ID, name, whatever); err != nil || same.Version != s.Version {
		t.Errorf("nothing: version %d, %v", same.Version, err)
	}
	if r, _ := h.db.As(h.una).Referral(t.Context(), asked.ID); r.Status != referral.Open {
		t.Errorf("a name: the question is %s", r.Status)
	}
	s, err = h.desk.Correct(t.Context(), h.una, h.sub.ID, func(s *submission.Submission) { s.AnnualRevenue *= 2 }, whatever)
	if err != nil || s.Status != submission.Received {
		t.Fatalf("a risk: %s, %v", s.Status, err)
	}
	if got := h.stands(t); got != "received superseded" {
		t.Errorf("stands %s", got)
	}
	if r, _ := h.db.As(h.una).Referral(t.Context(), asked.ID); r.Status != referral.Superseded {
		t.Errorf("a risk: the question is %s", r.Status)
	}
	rs, err := h.db.As(h.una).Referrals(t.Context(), access.Scope{All: true}, store.ReferralFilter{Status: string(referral.Draft)}, ten)
	if err != nil || len(rs) != 1 || rs[0].Supersedes != asked.ID.String() {
		t.Errorf("drafts %+v, %v", rs, err)
	}
	_, err = h.desk.Correct(t.Context(), h.una, h.sub.ID, func(s *submission.Submission) { s.State, s.NAICS = "XX", "00" }, whatever)
	if f, ok := errors.AsType[*fault.Error](err); !ok || len(f.Fields()) != 2 {
		t.Errorf("two that are wrong: %v", err)
	}
	_, err = h.desk.Correct(t.Context(), h.una, h.sub.ID, func(s *submission.Submission) { s.LineOfBusiness = "CYBER" }, whatever)
	if !errors.Is(err, submission.ErrLine) {
		t.Errorf("a line of no program: %v", err)
	}
	if _, err := h.desk.Correct(t.Context(), h.una, h.sub.ID, name, func(v int) error { return fault.ErrStale }); !errors.Is(err, fault.ErrStale) {
		t.Errorf("a stale one: %v", err)
	}
	shared := heard(t, h.db, h.ben, room.Shared(h.room.ID, h.room.Org).Name)
	if strings.Count(shared, `"card":"submission.corrected"`) != 2 || !strings.Contains(shared, "not good any more") || strings.Contains(shared, "annualRevenue") {
		t.Errorf("the room shows\n%s", shared)
	}
}

// An underwriter's no ends everything; the other company reads what it may know.
func TestDeclineAndWithdraw(t *testing.T) {
	h := openHall(t)
	asked := h.ask(t)
	no := submission.Ending{Reasons: []submission.Reason{"suspected_fraud", "loss_history"}, Rationale: "The inspector's word.", Message: "Not with these losses."}
	h.give(t, h.maria, 3, 20_000_000)
	if _, err := h.desk.Claim(t.Context(), h.maria, h.sub.ID, whatever); err != nil {
		t.Fatal(err)
	}
	if _, err := h.desk.Decline(t.Context(), h.noor, h.sub.ID, no, whatever); !errors.Is(err, submission.ErrClaimed) {
		t.Errorf("another's: %v", err)
	}
	_, err := h.desk.Decline(t.Context(), h.maria, h.sub.ID, submission.Ending{}, whatever)
	if f, ok := errors.AsType[*fault.Error](err); !ok || len(f.Fields()) != 2 {
		t.Errorf("without reasons and rationale: %v", err)
	}
	s, err := h.desk.Decline(t.Context(), h.maria, h.sub.ID, no, whatever)
	if err != nil || s.Status != submission.Declined {
		t.Fatalf("%s, %v", s.Status, err)
	}
	if got := h.stands(t); got != "declined declined" {
		t.Errorf("stands %s", got)
	}
	if r, _ := h.db.As(h.una).Referral(t.Context(), asked.ID); r.Status != referral.Withdrawn {
		t.Errorf("the question is %s", r.Status)
	}
	if rm, err := h.db.As(h.una).Room(t.Context(), h.room.ID); err != nil || rm.ClosesAt == nil {
		t.Errorf("the room stays open: %v, %v", rm.ClosesAt, err)
	}
	for _, told := range []string{heard(t, h.db, h.ben, room.Shared(h.room.ID, h.room.Org).Name), heard(t, h.db, h.una, h.underwriting())} {
		if !strings.Contains(told, "Not with these losses.") || !strings.Contains(told, `"underwriting_decision","loss_history"`) {
			t.Errorf("it is not told why:\n%s", told)
		}
		if strings.Contains(told, "fraud") || strings.Contains(told, "inspector") {
			t.Errorf("it is told too much:\n%s", told)
		}
	}
	for name, try := range map[string]func() error{
		"correct": func() error {
			_, err := h.desk.Correct(t.Context(), h.una, h.sub.ID, func(s *submission.Submission) { s.InsuredName = "X" }, whatever)
			return err
		},
		"claim":   func() error { _, err := h.desk.Claim(t.Context(), h.una, h.sub.ID, whatever); return err },
		"release": func() error { _, err := h.desk.Release(t.Context(), h.maria, h.sub.ID, whatever); return err },
		"decline": func() error { _, err := h.desk.Decline(t.Context(), h.maria, h.sub.ID, no, whatever); return err },
		"quote":   func() error { _, err := h.desk.Quote(t.Context(), h.una, h.sub.ID, whatever); return err },
		"withdraw": func() error {
			_, err := h.desk.Withdraw(t.Context(), h.una, h.sub.ID, submission.Ending{Reasons: []submission.Reason{"price"}}, whatever)
			return err
		},
	} {
		if err := try(); !errors.Is(err, submission.ErrState) {
			t.Errorf("%s afterwards: %v", name, err)
		}
	}
	if after := h.submission(t); after.Version != s.Version || after.Clocks.Waits {
		t.Errorf("refusals changed it: %+v", after)
	}
}

// Who may not say no to a referral does not end its deal by another door: what has
// a price, or is asked about, is declined by the authority that answers it.
func TestADeclineTakesAuthority(t *testing.T) {
	h := openHall(t)
	no := submission.Ending{Reasons: []submission.Reason{"capacity"}, Rationale: "x"}
	decline := func(who access.Actor, id submission.ID) error {
		_, err := h.desk.Decline(t.Context(), who, id, no, whatever)
		return err
	}
	bring := func() submission.ID {
		t.Helper()
		s, err := h.desk.Submit(t.Context(), h.una, builder())
		if err != nil {
			t.Fatal(err)
		}
		return s.ID
	}
	if err := decline(h.noor, h.sub.ID); !errors.Is(err, authority.ErrExceeded) {
		t.Errorf("referred, by who may not reject it: %v", err)
	}
	if _, err := h.desk.QuoteAs(t.Context(), h.una, h.sub.ID, insurance.Ask{Beside: true, Terms: quote.Terms{Deductible: 10_000_000, Limit: 50_000_000}}, whatever); err != nil {
		t.Fatal(err)
	}
	h.give(t, h.noor, 3, 14_249_999)
	if err := decline(h.noor, h.sub.ID); !errors.Is(err, authority.ErrExceeded) {
		t.Errorf("with the authority for the cheaper of two quotes: %v", err)
	}
	if _, err := h.desk.Correct(t.Context(), h.una, h.sub.ID, func(s *submission.Submission) { s.AnnualRevenue++ }, whatever); err != nil {
		t.Fatal(err)
	}
	if err := decline(h.maria, h.sub.ID); !errors.Is(err, authority.ErrExceeded) {
		t.Errorf("after a correction that took the prices back: %v", err)
	}
	h.give(t, h.noor, 3, 14_250_000)
	if err := decline(h.noor, h.sub.ID); err != nil {
		t.Errorf("with the authority for all: %v", err)
	}

	id := quoted(t, h.desk, h.una)
	r, err := h.desk.Refer(t.Context(), h.una, referral.Ask{
		Entity: referral.Entity{Type: referral.Submission, ID: id}, Reason: "other", Rationale: "x", Issue: &authority.Issue{Name: "driver_age", Comparator: authority.AtLeast, Value: 19},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := decline(h.maria, id); !errors.Is(err, authority.ErrExceeded) {
		t.Errorf("below the threshold, with an issue that is asked about: %v", err)
	}
	if _, err := h.desk.WithdrawReferral(t.Context(), h.una, r.ID, "x", whatever); err != nil {
		t.Fatal(err)
	}
	if err := decline(h.maria, id); err != nil {
		t.Errorf("below the threshold: %v", err)
	}

	p := h.give(t, h.maria, 1, 1)
	if _, err := h.desk.ChangeProfile(t.Context(), h.ada, p.ID, whatever, func(p *authority.Profile) { p.ProhibitedStates = []string{"OR"} }); err != nil {
		t.Fatal(err)
	}
	if err := decline(h.maria, bring()); err != nil {
		t.Errorf("never priced, in a state that her profile rules out: %v", err)
	}
}

func TestWithdraw(t *testing.T) {
	db, desk, by := setUp(t)
	id := quoted(t, desk, by)
	q, _, err := db.As(by).LatestQuote(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	s, err := desk.Withdraw(t.Context(), by, id, submission.Ending{Reasons: []submission.Reason{"coverage_elsewhere"}}, whatever)
	if err != nil || s.Status != submission.Withdrawn || s.Ending.By != by.ID {
		t.Fatalf("%+v, %v", s, err)
	}
	if q, err = db.As(by).Quote(t.Context(), q.ID); err != nil || q.Status != quote.NotTakenUp {
		t.Errorf("the quote is %s, %v", q.Status, err)
	}
	if n := strings.Count(heard(t, db, by, event.OrgChannel(by.Org, event.Underwriting)), `"submission.withdrawn"`); n != 1 {
		t.Errorf("%d withdrawals were told", n)
	}
}

// submission is the hall's, as it stands.
func (h hall) submission(t *testing.T) submission.Submission {
	t.Helper()
	s, err := h.db.As(h.una).Submission(t.Context(), h.sub.ID)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
