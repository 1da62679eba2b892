package insurance_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// autoBind changes up to which premium nobody's authority is asked for.
func autoBind(to money.Cents) func(*quote.Program) {
	return func(p *quote.Program) { p.AutoBindThreshold = to }
}

func program(t *testing.T, db *store.DB, by access.Actor) quote.Program {
	t.Helper()
	p, err := db.As(by).Program(t.Context(), "GL")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// waiters counts who waits for a lock.
func waiters(t *testing.T, db *store.DB) int {
	t.Helper()
	return storetest.Value[int](t, db, `SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`)
}

// waiting waits until so many wait for a lock.
func waiting(t *testing.T, db *store.DB, n int) {
	t.Helper()
	for deadline := time.Now().Add(4 * time.Second); waiters(t, db) < n; {
		if time.Now().After(deadline) {
			t.Fatalf("not %d wait", n)
		}
	}
}

// A bind that has looked at its program is waited for, so that once a change is
// answered nothing is bound by what was before.
func TestAChangeOfAProgramWaitsForTheBindsUnderWay(t *testing.T) {
	db, desk, by := setUp(t)
	ada := storetest.User(t, db, by, "Ada", access.RoleAdmin)
	first, second := quoted(t, desk, by), quoted(t, desk, by)
	p := program(t, db, by)
	bind := func(id submission.ID) error {
		_, err := desk.Bind(t.Context(), by, id, policy.Order{Plan: billing.PayInFull}, whatever)
		return err
	}
	var wg sync.WaitGroup
	if err := db.InTx(t.Context(), by, func(tx *store.Tx) error {
		// Who holds the series of numbers holds up a bind at its end.
		if _, err := tx.NextNumber(t.Context(), policy.Series("GL", builder().EffectiveDate)); err != nil {
			return err
		}
		wg.Go(func() {
			if err := bind(first); err != nil {
				t.Error(err)
			}
		})
		waiting(t, db, 1)
		wg.Go(func() {
			if _, err := desk.ChangeProgram(t.Context(), ada, p.ID, whatever, autoBind(0)); err != nil {
				t.Error(err)
			}
		})
		waiting(t, db, 2)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if err := bind(second); !errors.Is(err, quote.ErrNotBindable) {
		t.Errorf("after the change: %v", err)
	}
}

// Of binds and quotes beside a change of their program each goes by the old or by
// the new thresholds as a whole, and none by the old ones once the change is done.
func TestBindsAndQuotesBesideAChangeOfTheirProgram(t *testing.T) {
	db, desk, by := setUp(t)
	ada := storetest.User(t, db, by, "Ada", access.RoleAdmin)
	const n = 24
	var ids, fresh [n]submission.ID
	for i := range n {
		ids[i] = quoted(t, desk, by)
		s, err := desk.Submit(t.Context(), by, builder())
		if err != nil {
			t.Fatal(err)
		}
		fresh[i] = s.ID
	}
	p := program(t, db, by)
	var bound, refused atomic.Int32
	together(2*n+1, func(i int) {
		switch {
		case i == n:
			_, err := desk.ChangeProgram(t.Context(), ada, p.ID, whatever, func(p *quote.Program) { p.AutoBindThreshold, p.ReferAbove, p.MinYears = 1, 1, 0 })
			if err != nil {
				t.Error(err)
			}
		case i < n:
			_, err := desk.Bind(t.Context(), by, ids[i], policy.Order{Plan: billing.PayInFull}, whatever)
			switch blockers(err) {
			case "bound":
				bound.Add(1)
			case "[authority_required]":
				refused.Add(1)
			default:
				t.Error(err)
			}
		default:
			q, err := desk.Quote(t.Context(), by, fresh[i-n-1], whatever)
			if want := map[int]quote.Decision{1: quote.Quoted, 2: quote.Referred}[q.ProgramVersion]; err != nil || q.Decision != want {
				t.Errorf("version %d: %s, %v", q.ProgramVersion, q.Decision, err)
			}
		}
	})
	if bound.Load()+refused.Load() != n {
		t.Errorf("%d bound, %d refused", bound.Load(), refused.Load())
	}
	if late := storetest.Value[int](t, db, `SELECT count(*)::int FROM audit WHERE action = 'policy.bound'
		AND (ord > (SELECT ord FROM audit WHERE action = 'program.changed') OR details ->> 'programVersion' <> '1')`); late > 0 {
		t.Errorf("%d were bound after the change", late)
	}
}

func TestOneOfTwoChangesOfAProgramSaysThatItIsStale(t *testing.T) {
	db, desk, by := setUp(t)
	ada := storetest.User(t, db, by, "Ada", access.RoleAdmin)
	p := program(t, db, by)
	first := func(now int) error {
		if now != p.Version {
			return fault.ErrStale
		}
		return nil
	}
	var won, stale atomic.Int32
	together(8, func(i int) {
		_, err := desk.ChangeProgram(t.Context(), ada, p.ID, first, autoBind(money.Cents(i)))
		switch {
		case err == nil:
			won.Add(1)
		case errors.Is(err, fault.ErrStale):
			stale.Add(1)
		default:
			t.Error(err)
		}
	})
	if won.Load() != 1 || stale.Load() != 7 || program(t, db, by).Version != p.Version+1 {
		t.Errorf("%d changed it, %d were stale", won.Load(), stale.Load())
	}
}

// A change leaves what it was and what it is in the audit log, and one that is
// refused leaves nothing.
func TestTheLogKeepsWhatAProgramJudgedBy(t *testing.T) {
	db, desk, by := setUp(t)
	ada := storetest.User(t, db, by, "Ada", access.RoleAdmin)
	p := program(t, db, by)
	if _, err := desk.ChangeProgram(t.Context(), ada, p.ID, whatever, func(p *quote.Program) { p.DeclineAbove = p.ReferAbove - 1 }); !errors.Is(err, fault.ErrValidation) {
		t.Errorf("%v", err)
	}
	if _, err := desk.ChangeProgram(t.Context(), by, p.ID, whatever, autoBind(0)); fault.KindOf(err) != fault.Forbidden {
		t.Errorf("an underwriter: %v", err)
	}
	const kept = `SELECT count(*)::int FROM audit WHERE action = 'program.changed'`
	if n := storetest.Value[int](t, db, kept); n != 0 || program(t, db, by).Version != 1 {
		t.Errorf("%d entries of what was refused", n)
	}
	if _, err := desk.ChangeProgram(t.Context(), ada, p.ID, whatever, autoBind(712_50)); err != nil {
		t.Fatal(err)
	}
	got := storetest.Value[string](t, db, `SELECT concat_ws(' ', details ->> 'version', details ->> 'fields', details -> 'was' ->> 'autoBindThreshold',
		details -> 'is' ->> 'autoBindThreshold', details -> 'is' ->> 'referAbove', details -> 'is' ->> 'name') FROM audit WHERE action = 'program.changed'`)
	if want := `2 ["autoBindThreshold"] 100000 712.5 100000`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
