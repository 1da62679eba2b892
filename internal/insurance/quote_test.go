package insurance_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// Of the quotes of one submission one is accepted, however many try.
func TestOneSiblingIsAccepted(t *testing.T) {
	_, desk, by := setUp(t)
	s, err := desk.Submit(t.Context(), by, builder())
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]quote.ID, 8)
	for i := range ids {
		q, err := desk.QuoteAs(t.Context(), by, s.ID, insurance.Ask{Beside: true}, whatever)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := desk.Offer(t.Context(), by, q.ID); err != nil {
			t.Fatal(err)
		}
		ids[i] = q.ID
	}
	var mu sync.Mutex
	var won []quote.ID
	var named []any
	together(2*len(ids), func(i int) { // each twice
		q, err := desk.Accept(t.Context(), by, ids[i%len(ids)])
		mu.Lock()
		defer mu.Unlock()
		switch f, _ := errors.AsType[*fault.Error](err); {
		case err == nil:
			won = append(won, q.ID)
		case errors.Is(err, quote.ErrState):
			named = append(named, f.Details()["acceptedQuoteId"])
		default:
			t.Error(err)
		}
	})
	if len(won) != 1 || len(named) != 2*len(ids)-1 {
		t.Fatalf("%d accepted, %d refused", len(won), len(named))
	}
	for _, n := range named {
		if n != won[0].String() {
			t.Errorf("a loser is told of %v, the winner is %s", n, won[0])
		}
	}
	p, err := desk.Bind(t.Context(), by, s.ID, policy.Order{Plan: billing.PayInFull}, whatever)
	if err != nil || p.Quote != won[0] {
		t.Errorf("bound %s, %v; accepted %s", p.Quote, err, won[0])
	}
}

// An acceptance and a bind of its sibling do not both go through.
func TestAcceptAndBindAtOnce(t *testing.T) {
	db, desk, by := setUp(t)
	for range 10 {
		s := quoted(t, desk, by)
		two, err := desk.QuoteAs(t.Context(), by, s, insurance.Ask{Beside: true}, whatever)
		if err != nil {
			t.Fatal(err)
		}
		one, _, err := db.As(by).LatestQuote(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := desk.Offer(t.Context(), by, two.ID); err != nil {
			t.Fatal(err)
		}
		var accepted, bound error
		together(2, func(i int) {
			if i == 0 {
				_, accepted = desk.Accept(t.Context(), by, two.ID)
				return
			}
			_, bound = desk.Bind(t.Context(), by, s, policy.Order{Plan: billing.PayInFull, Quote: first(t, db.As(by), s)}, whatever)
		})
		if (accepted == nil) == (bound == nil) {
			t.Errorf("newest %s: accepted: %v; bound: %v", one.ID, accepted, bound)
		}
	}
}

// first is the first version of a submission's quote.
func first(t *testing.T, r store.Reader, s submission.ID) quote.ID {
	qs, err := r.Quotes(t.Context(), s, store.Page{Limit: 10})
	if err != nil || len(qs) == 0 {
		t.Error(err)
		return quote.ID{}
	}
	return qs[len(qs)-1].ID
}

// Flags of delegated authority are shown, kept, and stop no quote.
func TestFlagsAreSoft(t *testing.T) {
	db, _, by := setUp(t)
	desk := insurance.New(db, insurance.Config{MaxBackdate: -1, Flaggers: []insurance.Flagger{
		func(_ context.Context, _ store.Reader, s submission.Submission, q quote.Quote) ([]string, error) {
			if s.State == "OR" && q.GrossPremium > 0 {
				return []string{"state_not_authorized"}, nil
			}
			return nil, nil
		},
	}})
	s, err := desk.Submit(t.Context(), by, builder())
	if err != nil {
		t.Fatal(err)
	}
	q, err := desk.Quote(t.Context(), by, s.ID, whatever)
	if err != nil || q.Decision != quote.Quoted {
		t.Fatalf("%s, %v", q.Decision, err)
	}
	kept, err := db.As(by).Quote(t.Context(), q.ID)
	if d := cmp.Diff([]string{"state_not_authorized"}, kept.Flags); d != "" || err != nil {
		t.Error(err, d)
	}
}

// The database itself lets nobody change a price or a version of rates.
func TestPricesAndRatesNeverChange(t *testing.T) {
	db, _, _ := setUp(t)
	for column, may := range map[string]bool{
		"quote.gross_premium": false, "quote.factors": false, "quote.terms": false, "quote.expires_at": false, "quote.status": true,
		"rate_table.book": false, "rate_table.effective_date": false, "rate_table.version": false, "rate_table.published_at": true,
	} {
		table, name, _ := strings.Cut(column, ".")
		if got := storetest.Value[bool](t, db, `SELECT has_column_privilege('openinsure_app', $1, $2, 'UPDATE')`, table, name); got != may {
			t.Errorf("the app may change %s: %t", column, got)
		}
		if storetest.Value[bool](t, db, `SELECT has_column_privilege('openinsure_worker', $1, $2, 'UPDATE')`, table, name) {
			t.Errorf("the worker may change %s", column)
		}
	}
}

// A quote is good for a month, and so would be the date that it was quoted for.
func TestDatesAreLookedAtAgainAtTheBind(t *testing.T) {
	db := storetest.New(t)
	at := noon
	desk := insurance.New(db, insurance.Config{MaxBackdate: 5, Now: func() time.Time { return at }})
	by := storetest.Org(t, db, "Summit MGA")
	if err := db.InTx(t.Context(), by, func(tx *store.Tx) error { return desk.OpenProgram(t.Context(), tx, by.Org) }); err != nil {
		t.Fatal(err)
	}
	s := builder()
	s.EffectiveDate = civil.DateOf(at)
	s, err := desk.Submit(t.Context(), by, s)
	if err != nil {
		t.Fatal(err)
	}
	if q, err := desk.Quote(t.Context(), by, s.ID, whatever); err != nil || q.Decision != quote.Quoted {
		t.Fatal(q.Decision, err)
	}
	at = at.AddDate(0, 0, 6)
	_, err = desk.Bind(t.Context(), by, s.ID, policy.Order{Plan: billing.PayInFull}, whatever)
	if got := blockers(err); got != "[backdated]" {
		t.Errorf("a day too late: %v, %v", got, err)
	}
	at = at.AddDate(0, 0, -1)
	if _, err := desk.Bind(t.Context(), by, s.ID, policy.Order{Plan: billing.PayInFull}, whatever); err != nil {
		t.Errorf("on the last day: %v", err)
	}
}

// What was accepted is what is bound, however many quotes there are beside it.
func TestTheAcceptedQuoteIsBound(t *testing.T) {
	_, desk, by := setUp(t)
	id := quoted(t, desk, by)
	beside := func(limit money.Cents) quote.Quote {
		t.Helper()
		q, err := desk.QuoteAs(t.Context(), by, id, insurance.Ask{Beside: true, Terms: quote.Terms{Limit: limit}}, whatever)
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	accept := func(q quote.Quote) {
		t.Helper()
		if _, err := desk.Offer(t.Context(), by, q.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := desk.Accept(t.Context(), by, q.ID); err != nil {
			t.Fatal(err)
		}
	}
	accept(beside(150_000_000))
	dearer := beside(200_000_000)
	_, err := desk.Bind(t.Context(), by, id, policy.Order{Plan: billing.PayInFull, Quote: dearer.ID}, whatever)
	if got := blockers(err); got != "[other_quote_accepted]" {
		t.Errorf("beside the accepted one: %v, %v", got, err)
	}
	accept(dearer)
	if p, err := desk.Bind(t.Context(), by, id, policy.Order{Plan: billing.PayInFull, Quote: dearer.ID}, whatever); err != nil || p.GrossPremium != dearer.GrossPremium {
		t.Errorf("the accepted one: %s, %v", p.GrossPremium, err)
	}
}
