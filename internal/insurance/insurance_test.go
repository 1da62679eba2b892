package insurance_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/civil"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance"
	"github.com/openinsure/openinsure/internal/insurance/authority"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/referral"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

func whatever(int) error { return nil }

func setUp(t testing.TB) (*store.DB, *insurance.Desk, access.Actor) {
	t.Helper()
	db := storetest.New(t)
	desk := insurance.New(db, insurance.Config{MaxBackdate: -1})
	by := storetest.Org(t, db, "Summit MGA")
	if err := db.InTx(t.Context(), by, func(tx *store.Tx) error { return desk.OpenProgram(t.Context(), tx, by.Org) }); err != nil {
		t.Fatal(err)
	}
	return db, desk, by
}

func builder() submission.Submission {
	return submission.Submission{
		InsuredName: "Pacific Coast Builders", NAICS: "236220", AnnualRevenue: 800_000_000, RequestedLimit: 100_000_000,
		EffectiveDate: civil.Date{Year: 2026, Month: time.May, Day: 1}, State: "OR", LineOfBusiness: "GL",
	}
}

func quoted(t testing.TB, desk *insurance.Desk, by access.Actor) submission.ID {
	t.Helper()
	s, err := desk.Submit(t.Context(), by, builder())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := desk.Quote(t.Context(), by, s.ID, whatever); err != nil {
		t.Fatal(err)
	}
	return s.ID
}

// together runs f n times at once.
func together(n int, f func(i int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	wg.Wait()
}

func TestConcurrentBindsAreGapless(t *testing.T) {
	db, desk, by := setUp(t)
	const n = 64
	ids := make([]submission.ID, n)
	for i := range ids {
		ids[i] = quoted(t, desk, by)
	}
	var mu sync.Mutex
	published := map[string][]int64{}
	db.OnCommit(func(_ context.Context, es []store.Entry) {
		mu.Lock()
		defer mu.Unlock()
		for _, e := range es {
			published[e.Channel] = append(published[e.Channel], e.Seq)
		}
	})
	numbers := map[string]bool{}
	together(n, func(i int) {
		p, err := desk.Bind(t.Context(), by, ids[i], policy.Order{Plan: billing.Monthly10}, whatever)
		if err != nil {
			t.Error(err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		numbers[p.Number] = true
	})
	for i := 1; i <= n; i++ {
		if want := fmt.Sprintf("GL-2026-%06d", i); !numbers[want] {
			t.Errorf("no policy %s", want)
		}
	}
	for audience, want := range map[string]int64{event.Underwriting: 3 * n, event.Finance: 10 * n} {
		name := event.OrgChannel(by.Org, audience)
		ch, err := db.As(by).Entries(t.Context(), name, 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if ch.Head != want || int64(len(ch.Entries)) != want {
			t.Errorf("%s: head %d with %d entries, want %d", audience, ch.Head, len(ch.Entries), want)
		}
		for i, e := range ch.Entries {
			if e.Seq != int64(i+1) {
				t.Fatalf("%s: entry %d has seq %d", audience, i, e.Seq)
			}
		}
		seen := map[int64]bool{}
		for _, s := range published[name] {
			if seen[s] {
				t.Errorf("%s: seq %d published twice", audience, s)
			}
			seen[s] = true
		}
	}
}

func TestOneSubmissionBindsOnce(t *testing.T) {
	db, desk, by := setUp(t)
	id := quoted(t, desk, by)
	var mu sync.Mutex
	won := 0
	together(16, func(int) {
		_, err := desk.Bind(t.Context(), by, id, policy.Order{Plan: billing.PayInFull}, whatever)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err == nil:
			won++
		case !errors.Is(err, submission.ErrState):
			t.Error(err)
		}
	})
	if won != 1 {
		t.Errorf("%d binds won", won)
	}
	ps, err := db.As(by).Policies(t.Context(), access.Scope{All: true}, store.PolicyFilter{}, store.Page{Limit: 10})
	if err != nil || len(ps) != 1 || ps[0].Number != "GL-2026-000001" {
		t.Errorf("%d policies, %v", len(ps), err)
	}
}

func TestRefusedBindLeavesNothing(t *testing.T) {
	db, desk, by := setUp(t)
	id := quoted(t, desk, by)
	if _, err := desk.Bind(t.Context(), by, id, policy.Order{Plan: "WEEKLY"}, whatever); !errors.Is(err, billing.ErrPlan) {
		t.Fatalf("err = %v", err)
	}
	stale := func(int) error { return fault.ErrStale }
	if _, err := desk.Bind(t.Context(), by, id, policy.Order{Plan: billing.PayInFull}, stale); !errors.Is(err, fault.ErrStale) {
		t.Fatalf("err = %v", err)
	}
	ch, err := db.As(by).Entries(t.Context(), event.OrgChannel(by.Org, event.Finance), 0, 10)
	if err != nil || ch.Head != 0 {
		t.Errorf("head %d, %v", ch.Head, err)
	}
	p, err := desk.Bind(t.Context(), by, id, policy.Order{Plan: billing.PayInFull}, whatever)
	if err != nil || p.Number != "GL-2026-000001" {
		t.Errorf("after refusals: %s, %v", p.Number, err)
	}
}

func TestOthersSeeNothing(t *testing.T) {
	db, desk, by := setUp(t)
	id := quoted(t, desk, by)
	stranger := storetest.Org(t, db, "Other MGA")
	if _, err := desk.Quote(t.Context(), stranger, id, whatever); !errors.Is(err, fault.ErrNotFound) {
		t.Errorf("err = %v", err)
	}
	auditor := by
	auditor.ID = access.UserID(submission.NewID(time.Now())).String() // in the organisation, without a relation
	if _, err := desk.Quote(t.Context(), auditor, id, whatever); !errors.Is(err, fault.ErrForbidden) {
		t.Errorf("err = %v", err)
	}
}

func TestEnvelope(t *testing.T) {
	db, desk, by := setUp(t)
	quoted(t, desk, by)
	es, err := db.As(by).Events(t.Context(), "", []string{"submissions"}, store.Page{Limit: 10})
	if err != nil || len(es) != 2 {
		t.Fatalf("%d events, %v", len(es), err)
	}
	var e event.Envelope
	if err := json.Unmarshal(es[0].Payload, &e); err != nil {
		t.Fatal(err)
	}
	if e.ID != es[0].ID || e.OrgID != by.Org || e.Type != "submission.quoted" || e.APIVersion != event.APIVersion {
		t.Errorf("envelope %+v", e)
	}
}

// waits runs an act while somebody else has a lock that it needs, which he gives
// back after something has happened.
func waits(t *testing.T, db *store.DB, by access.Actor, lock func(*store.Tx) error, happens func(), act func() error) error {
	t.Helper()
	done := make(chan error, 1)
	err := db.InTx(t.Context(), by, func(tx *store.Tx) error {
		if err := lock(tx); err != nil {
			return err
		}
		go func() { done <- act() }()
		for waiters(t, db) < 1 {
			if len(done) > 0 {
				t.Error("it did not wait")
				break
			}
		}
		happens()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return <-done
}

// An act that waited for another happens after it: all that it leaves behind, its
// events and the audit log, is of one instant, which is read under its locks.
func TestAnActHappensWhenItHasItsLocks(t *testing.T) {
	h := openHall(t)
	h.give(t, h.maria, 3, 20_000_000)
	at := noon
	count := func(of string) int { return storetest.Value[int](t, h.db, `SELECT count(*)::int FROM `+of) }
	does := func(name string, id submission.ID, act func() error) {
		t.Helper()
		events, audits := count(`event`), count(`audit`)
		at = at.Add(time.Hour)
		lock := func(tx *store.Tx) error { _, err := tx.LockSubmission(t.Context(), id); return err }
		if err := waits(t, h.db, h.una, lock, func() { h.set(at) }, act); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		instant := ` = '` + at.Format(time.RFC3339) + `'`
		if n, all := count(`event WHERE occurred_at`+instant), count(`event`)-events; n != all || all == 0 {
			t.Errorf("%s: %d of %d events are of its instant", name, n, all)
		}
		if n, all := count(`audit WHERE at`+instant), count(`audit`)-audits; n != all || all == 0 {
			t.Errorf("%s: %d of %d rows of the audit log are of its instant", name, n, all)
		}
	}
	err := h.db.InTx(t.Context(), h.una, func(tx *store.Tx) error {
		return tx.Relate(t.Context(), h.room.Object(), access.Tuple{Relation: access.RoomLead, SubjectType: "user", SubjectID: user(t, h.una).UUID()})
	})
	if err != nil {
		t.Fatal(err)
	}
	of := h.sub.ID
	var r referral.Referral
	does("refer", of, func() (err error) {
		r, err = h.desk.Refer(t.Context(), h.una, referral.Ask{Entity: referral.Entity{Type: referral.Quote, ID: h.quote.ID}, Reason: "other", Rationale: "x"})
		return err
	})
	does("claim a referral", of, func() error { _, err := h.desk.ClaimReferral(t.Context(), h.maria, r.ID, whatever); return err })
	does("decide", of, func() error { _, err := h.desk.Decide(t.Context(), h.maria, r.ID, yes, whatever); return err })
	does("offer", of, func() error { _, err := h.desk.Offer(t.Context(), h.una, h.quote.ID); return err })
	does("accept in a room", of, func() error {
		_, err := h.desk.AcceptInRoom(t.Context(), h.una, h.room.ID, h.quote.ID, nil)
		return err
	})
	does("bind", of, func() error {
		p, err := h.desk.Bind(t.Context(), h.una, of, policy.Order{Plan: billing.PayInFull}, whatever)
		if !p.CreatedAt.Equal(at) {
			t.Errorf("bound at %s, want %s", p.CreatedAt, at)
		}
		return err
	})
	other := quoted(t, h.desk, h.una)
	at = at.Add(time.Hour) // what was made for it is of the hour before
	does("claim", other, func() error { _, err := h.desk.Claim(t.Context(), h.una, other, whatever); return err })
	does("quote", other, func() error { _, err := h.desk.Quote(t.Context(), h.una, other, whatever); return err })
	does("correct", other, func() error {
		_, err := h.desk.Correct(t.Context(), h.una, other, func(s *submission.Submission) { s.Priority = submission.High }, whatever)
		return err
	})
	does("withdraw", other, func() error {
		_, err := h.desk.Withdraw(t.Context(), h.una, other, submission.Ending{Reasons: []submission.Reason{"price"}}, whatever)
		return err
	})
}

// What is lent until a moment is no authority for who has the lock a moment later.
func TestLentAuthorityEndsForWhoWaits(t *testing.T) {
	h := openHall(t)
	h.give(t, h.ada, 7, 20_000_000)
	r := h.ask(t)
	if _, err := h.desk.Lend(t.Context(), h.ada, user(t, h.ada), user(t, h.maria), time.Time{}, noon.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	decide := func() error { _, err := h.desk.Decide(t.Context(), h.maria, r.ID, yes, whatever); return err }
	lock := func(tx *store.Tx) error { _, err := tx.LockSubmission(t.Context(), h.sub.ID); return err }
	if err := waits(t, h.db, h.una, lock, func() { h.set(noon.Add(time.Second)) }, decide); !errors.Is(err, authority.ErrExceeded) {
		t.Errorf("decided by authority that is over: %v", err)
	}
}

// Binds of an agreement wait for each other at its aggregates: a quote that expires
// meanwhile is not bound.
func TestAQuoteExpiresForWhoWaits(t *testing.T) {
	tr := newTreaty(t, 10)
	q := tr.quote()
	var now atomic.Pointer[time.Time]
	now.Store(new(q.ExpiresAt.Add(-time.Second)))
	desk := insurance.New(tr.db, insurance.Config{MaxBackdate: -1, Now: func() time.Time { return *now.Load() }})
	bind := func() error {
		_, err := desk.Bind(t.Context(), tr.una, q.Submission, policy.Order{Plan: billing.PayInFull}, whatever)
		return err
	}
	lock := func(tx *store.Tx) error { _, err := tx.LockAllCounters(t.Context(), tr.agreement.ID); return err }
	if err := waits(t, tr.db, tr.una, lock, func() { now.Store(&q.ExpiresAt) }, bind); blockers(err) != "[quote_expired]" {
		t.Errorf("bound after it expired: %v", err)
	}
}
