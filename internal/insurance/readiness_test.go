package insurance_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"cloud.google.com/go/civil"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/rating"
	"github.com/openinsure/openinsure/internal/insurance/referral"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// anything is some submission, sound or not.
func anything(r *rand.Rand) submission.Submission {
	s := builder()
	s.LineOfBusiness = pick(r, rating.Lines...)
	s.InsuredName = pick(r, "Acme", "Pacific Coast Builders", "Victor Morozenko", "Viktor Zelezny Morosenco") // the last two: of the sample list
	s.State = pick(r, "OR", "WA", "NY", "CA")
	s.NAICS = pick(r, "236220", "541511", "713290", "325920", "484121")
	s.AnnualRevenue = money.Cents(pick[int64](r, 0, 100_000, 800_000_000, 90_000_000_000, 9_000_000_000_000))
	s.RequestedLimit = money.Cents(pick[int64](r, 100_000_000, 500_000_000, 9_000_000_000_00))
	s.EffectiveDate = civil.Date{Year: pick(r, 2019, 2026, 2027), Month: 5, Day: 1}
	s.Exposure.Payroll = money.Cents(pick[int64](r, 0, 50_000_000))
	s.Exposure.InsuredValue = money.Cents(pick[int64](r, 0, 500_000_000))
	s.Exposure.Vehicles = pick(r, 0, 4)
	s.Exposure.YearsInBusiness = pick(r, nil, new(0), new(9))
	s.Exposure.ExperienceMod = pick(r, "", "1.9")
	return s
}

// rules are those of the blockers of a stage.
func rulesAt(r insurance.Readiness, stage, severity string) []string {
	var all []string
	for _, b := range r.Blockers {
		if b.Stage == stage && b.Severity == severity && !slices.Contains(all, b.Rule) {
			all = append(all, b.Rule)
		}
	}
	return all
}

// refusal is what a fault says that it is for: all of it.
func refusal(err error) []string {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return nil
	}
	if all, ok := f.Details()["blockers"].([]string); ok {
		return all
	}
	return []string{f.Code()}
}

// Whatever is called ready quotes, and whatever is blocked is refused with just
// that; and so for the bind that follows.
func TestReadinessSaysWhatHappens(t *testing.T) {
	db, desk, by := setUp(t)
	err := db.InTx(t.Context(), by, func(tx *store.Tx) error {
		for _, line := range []string{"WC", "PROPERTY", "COMMERCIAL_AUTO", "CYBER"} {
			p, table := quote.Standard(line)
			p.ID, p.Org, p.CreatedAt = quote.NewProgramID(noon), by.Org, noon
			if line == "PROPERTY" {
				p.States = []string{"OR", "WA"}
			}
			if err := tx.AddProgram(t.Context(), p); err != nil {
				return err
			}
			if line == "CYBER" { // no rates
				continue
			}
			table.ID, table.Org, table.Program, table.CreatedBy, table.CreatedAt = quote.NewRateTableID(noon), by.Org, p.ID, "x", noon
			table.PublishedBy, table.PublishedAt = "x", &noon
			if _, err := tx.AddRateTable(t.Context(), table); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	storetest.SQL(t, db, `INSERT INTO program (id, org_id, name, line_of_business, auto_bind_threshold, refer_above, decline_above, created_at)
		SELECT new_ulid(), $1, 'X', line, 0, 1, 2, now() FROM unnest('{EO,UMBRELLA}'::text[]) line`, by.Org.UUID())
	r := rand.New(rand.NewPCG(1, 2))
	seen := map[string]int{}
	for range 200 {
		s, err := desk.Submit(t.Context(), by, anything(r))
		if err != nil {
			continue // it is refused before there is anything to quote
		}
		switch r.IntN(8) {
		case 0:
			storetest.SQL(t, db, `UPDATE submission SET status = $2, queue_at = NULL WHERE id = $1`, s.ID.UUID(), string(pick(r, submission.Declined, submission.Withdrawn, submission.Expired, submission.Draft)))
		case 1:
			storetest.SQL(t, db, `UPDATE submission SET line_of_business = 'NONE' WHERE id = $1`, s.ID.UUID())
		}
		look := func() insurance.Readiness {
			t.Helper()
			ready, err := desk.Ready(t.Context(), by, s.ID)
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range ready.Blockers {
				seen[b.Stage+" "+b.Severity]++
				seen[b.Rule]++
			}
			return ready
		}
		ready := look()
		q, err := desk.Quote(t.Context(), by, s.ID, whatever)
		what := fmt.Sprintf("%s %s %+v: %+v, quoted %s %v, %v", s.LineOfBusiness, s.State, s.Exposure, ready.Blockers, q.Decision, q.Reasons, err)
		blocks := rulesAt(ready, insurance.AtQuote, insurance.Blocks)
		switch {
		case len(blocks) > 0 != (err != nil), len(blocks) > 0 && !slices.Equal(blocks, refusal(err)):
			t.Errorf("blocked otherwise than it was said: %s", what)
		case err != nil && (ready.Quotes() || ready.Quote != nil):
			t.Errorf("it was called ready: %s", what)
		case err == nil && ready.Quotes() != (q.Decision != quote.Declined):
			t.Errorf("ready is %t: %s", ready.Quotes(), what)
		case err == nil && (ready.Quote.Decision != q.Decision || ready.Quote.GrossPremium != q.GrossPremium ||
			!slices.Equal(slices.Concat(rulesAt(ready, insurance.AtQuote, insurance.Declines), rulesAt(ready, insurance.AtQuote, insurance.Refers)), slices.Compact(slices.Clone(q.Reasons)))):
			t.Errorf("another quote was said: %s", what)
		}
		if err == nil && q.Decision != quote.Declined && r.IntN(3) == 0 {
			if _, err := desk.Refer(t.Context(), by, referral.Ask{Entity: referral.Entity{Type: referral.Quote, ID: q.ID}, Reason: "other", Rationale: "x"}); err != nil {
				t.Fatal(err)
			}
		}
		ready = look()
		_, err = desk.Bind(t.Context(), by, s.ID, policy.Order{Plan: billing.PayInFull}, whatever)
		blocks = rulesAt(ready, insurance.AtBind, insurance.Blocks)
		what = fmt.Sprintf("%+v, bound %v", ready.Blockers, err)
		if ready.Binds() != (err == nil) || !slices.Equal(blocks, refusal(err)) {
			t.Errorf("bind: %s", what)
		}
	}
	for _, want := range []string{
		"quote blocks", "quote declines", "quote refers", "bind blocks", "exposure_missing", "no_rate", "line_not_offered", "submission_state", "state_not_eligible",
		"excluded_class", "referral_open", "quote_declined", "sanctions_match", "sanctions_review",
	} {
		if seen[want] == 0 {
			t.Errorf("%s was never met: %v", want, seen)
		}
	}
	t.Log(seen)
}

// Looking leaves no trace, and two looks do not wait for each other for long.
func TestLookingLeavesNoTrace(t *testing.T) {
	h := openHall(t)
	h.ask(t)
	before, told := h.submission(t), heard(t, h.db, h.una, h.underwriting())
	kept := storetest.Value[int](t, h.db, `SELECT count(*)::int FROM audit`)
	together(8, func(int) {
		r, err := h.desk.Ready(t.Context(), h.maria, h.sub.ID)
		if err != nil || r.Binds() || !slices.Contains(rulesAt(r, insurance.AtBind, insurance.Blocks), "referral_open") {
			t.Errorf("%+v, %v", r.Blockers, err)
		}
	})
	if after := h.submission(t); after.Version != before.Version || heard(t, h.db, h.una, h.underwriting()) != told ||
		storetest.Value[int](t, h.db, `SELECT count(*)::int FROM audit`) != kept {
		t.Error("something was left behind")
	}
	if _, err := h.desk.Ready(t.Context(), h.ben, h.sub.ID); !errors.Is(err, fault.ErrNotFound) {
		t.Errorf("another company's: %v", err)
	}
}

// Somebody has everything locked that a bind locks: a look says all the same what
// is in the way. One that waited could wait in a circle, since it locks nothing
// before what it asks.
func TestALookWaitsForNobody(t *testing.T) {
	tr := newTreaty(t, 1)
	firm := tr.sells("1")
	by := tr.sells("2")
	storetest.SQL(t, tr.db, `UPDATE producer SET parent_id = $2 WHERE id = $1`, by.UUID(), firm.UUID())
	id := tr.quote(tr.broughtBy(by)).Submission
	for _, why := range []referral.Reason{"other", "prior_losses"} {
		if _, err := tr.desk.Refer(t.Context(), tr.una, referral.Ask{Entity: referral.Entity{Type: referral.Submission, ID: id}, Reason: why, Rationale: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	err := tr.db.InTx(t.Context(), tr.una, func(tx *store.Tx) error {
		_, err := tx.LockSubmission(t.Context(), id)
		also := func(_ any, more error) { err = errors.Join(err, more) }
		also(tx.LockReferralsOf(t.Context(), id))
		also(tx.LockAgreement(t.Context(), tr.agreement.ID))
		also(tx.LockCarrier(t.Context(), tr.carrier.ID))
		also(tx.LockProducer(t.Context(), by))
		also(tx.LockProducer(t.Context(), firm))
		also(tx.LockAllCounters(t.Context(), tr.agreement.ID))
		if err != nil {
			return err
		}
		r, err := tr.desk.Ready(t.Context(), tr.una, id)
		if got := rulesAt(r, insurance.AtBind, insurance.Blocks); !slices.Contains(got, "referral_open") || !slices.Contains(got, "producer_not_appointed") {
			t.Errorf("it says %v", got)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
