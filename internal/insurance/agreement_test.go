package insurance_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/carrier"
	"github.com/openinsure/openinsure/internal/insurance/delegated"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/producer"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// Raising a limit arms the warning again; lowering it below what is used warns.
func TestChangesOfLimitsAreWatched(t *testing.T) {
	tr := newTreaty(t, 2)
	limit := func(builders money.Cents) {
		t.Helper()
		_, err := tr.desk.ChangeAgreement(t.Context(), tr.ada, tr.agreement.ID, whatever, func(a *delegated.Agreement) { a.Terms.AnnualPremium = builders * premium })
		if err != nil {
			t.Fatal(err)
		}
	}
	bind := func() {
		t.Helper()
		if _, err := tr.bind(tr.quote()); err != nil {
			t.Fatal(err)
		}
	}
	for i, step := range []struct {
		do   func()
		want int
	}{{bind, 0}, {func() { limit(1) }, 1}, {func() { limit(1) }, 1}, {func() { limit(3) }, 1}, {bind, 1}, {bind, 2}, {func() { limit(4) }, 2}, {func() { limit(3) }, 3}} {
		step.do()
		if got := len(tr.told()); got != step.want {
			t.Errorf("step %d: told %d times, want %d", i, got, step.want)
		}
	}
	if told := tr.told(); told[len(told)-1].Utilization != 100 {
		t.Errorf("%+v", told)
	}
}

// What becomes of an agreement is told as it stands afterwards; of a change that
// is refused nothing is.
func TestChangesOfAgreementsAreTold(t *testing.T) {
	tr := newTreaty(t, 1)
	for _, status := range []delegated.Status{delegated.Suspended, "ended", delegated.Active} {
		tr.at = tr.at.Add(time.Hour)
		_, err := tr.desk.ChangeAgreement(t.Context(), tr.ada, tr.agreement.ID, whatever, func(a *delegated.Agreement) { a.Status = status })
		if (err == nil) != (status != "ended") {
			t.Fatalf("%s: %v", status, err)
		}
	}
	es, err := tr.db.As(tr.una).Events(t.Context(), "da.agreement_changed", []string{"da-agreements"}, store.Page{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, e := range slices.Backward(es) {
		var v struct{ Data event.AgreementChanged }
		if err := json.Unmarshal(e.Payload, &v); err != nil || v.Data.AgreementID != tr.agreement.ID.String() || v.Data.CarrierID != tr.carrier.ID.String() {
			t.Fatalf("%s: %v", e.Payload, err)
		}
		told = append(told, fmt.Sprint(v.Data.Version, v.Data.Status, v.Data.ExpirationDate))
	}
	if d := cmp.Diff([]string{"1active2028-01-01", "2suspended2028-01-01", "3active2028-01-01"}, told); d != "" {
		t.Error(d)
	}
}

// blames reports whether err is about one field.
func blames(err error, field string) bool {
	f, ok := errors.AsType[*fault.Error](err)
	return ok && len(f.Fields()) == 1 && f.Fields()[0].Field == field
}

func TestAgreementsOfAProgramAreApart(t *testing.T) {
	tr := newTreaty(t, 1)
	add := func(from, to civil.Date) error {
		_, err := tr.desk.AddAgreement(t.Context(), tr.ada, delegated.Agreement{
			Carrier: tr.carrier.ID, Program: tr.program, Effective: from, Expiration: to, Terms: tr.agreement.Terms,
		})
		return err
	}
	y := func(year int) civil.Date { return civil.Date{Year: year, Month: 1, Day: 1} }
	if err := add(y(2027), y(2029)); !errors.Is(err, delegated.ErrOverlap) {
		t.Errorf("err = %v", err)
	}
	var mu sync.Mutex
	won := 0
	together(8, func(int) {
		err := add(y(2028), y(2029))
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			won++
		} else if !errors.Is(err, delegated.ErrOverlap) {
			t.Error(err)
		}
	})
	if won != 1 {
		t.Errorf("%d agreements of one year", won)
	}
	longer := func(a *delegated.Agreement) { a.Expiration = civil.Date{Year: 2028, Month: 1, Day: 2} }
	if _, err := tr.desk.ChangeAgreement(t.Context(), tr.ada, tr.agreement.ID, whatever, longer); !errors.Is(err, delegated.ErrOverlap) || !blames(err, "expirationDate") {
		t.Errorf("err = %v", err)
	}
	same, err := tr.desk.ChangeAgreement(t.Context(), tr.ada, tr.agreement.ID, whatever, func(*delegated.Agreement) {})
	if err != nil || same.Version != 1 || !same.UpdatedAt.Equal(tr.agreement.UpdatedAt) {
		t.Errorf("the same again is version %d of %s: %v", same.Version, same.UpdatedAt, err)
	}
	moved := func(a *delegated.Agreement) {
		a.Effective, a.Expiration, a.Carrier, a.Program = y(2020), y(2027), carrier.ID{}, quote.ProgramID{}
	}
	a, err := tr.desk.ChangeAgreement(t.Context(), tr.ada, tr.agreement.ID, whatever, moved)
	if err != nil || a.Effective != tr.agreement.Effective || a.Carrier != tr.carrier.ID || a.Program != tr.program || a.Expiration != y(2027) || a.Version != 2 {
		t.Errorf("%+v, %v", a, err)
	}
	if err := add(y(2027), y(2028)); err != nil {
		t.Errorf("the days that were given up: %v", err)
	}
}

// What is reported is all that was bound, once; in a sandbox nothing is.
func TestBordereaux(t *testing.T) {
	tr := newTreaty(t, 99)
	for range 3 {
		if _, err := tr.bind(tr.quote()); err != nil {
			t.Fatal(err)
		}
		tr.at = tr.at.AddDate(0, 0, 15) // March 2, 17, April 1
	}
	d := func(m time.Month, day int) civil.Date { return civil.Date{Year: 2026, Month: m, Day: day} }
	report := func(from, to civil.Date) (delegated.Bordereau, error) {
		return tr.desk.Report(t.Context(), tr.ada, delegated.Bordereau{Agreement: tr.agreement.ID, Type: delegated.PremiumBordereau, From: from, To: to})
	}
	march, err := report(d(3, 1), d(4, 1))
	if err != nil || march.Rows != 2 || march.Gross != 2*premium || march.Commission != 427_500 || march.Override != 213_750 || march.Net != 2*premium-641_250 || march.Due != d(4, 16) {
		t.Errorf("%+v, %v", march, err)
	}
	rows, err := tr.db.As(tr.una).BordereauRows(t.Context(), march.ID, store.Page{Limit: 10})
	var sum delegated.Split
	for _, r := range rows {
		sum.Gross, sum.Commission, sum.Override, sum.Net = sum.Gross+r.Gross, sum.Commission+r.Commission, sum.Override+r.Override, sum.Net+r.Net
	}
	if err != nil || len(rows) != 2 || sum != march.Split || rows[1].Facts.PolicyNumber != "GL-2026-000001" || rows[1].Booked != d(3, 2) {
		t.Errorf("%+v, %v", rows, err)
	}
	if _, err := report(d(3, 31), d(4, 2)); !errors.Is(err, delegated.ErrReported) {
		t.Errorf("a day twice: %v", err)
	}
	if b, err := report(d(2, 1), d(3, 1)); err != nil || b.Rows != 0 || b.Gross != 0 {
		t.Errorf("a month of nothing: %+v, %v", b, err)
	}
	if _, err := report(d(4, 1), d(4, 17)); fault.KindOf(err) != fault.Invalid {
		t.Errorf("with today: %v", err)
	}
	var mu sync.Mutex
	won := 0
	together(8, func(int) {
		b, err := report(d(4, 1), d(4, 16))
		mu.Lock()
		defer mu.Unlock()
		if err == nil && b.Rows == 1 {
			won++
		} else if !errors.Is(err, delegated.ErrReported) {
			t.Error(b.Rows, err)
		}
	})
	if won != 1 {
		t.Errorf("%d reports of one month", won)
	}
	sandbox := insurance.New(tr.db, insurance.Config{MaxBackdate: -1, Now: func() time.Time { return tr.at }})
	before := storetest.Value[int](t, tr.db, "SELECT count(*) FROM bordereau_row")
	q := tr.quote()
	if _, err := sandbox.Bind(t.Context(), tr.una, q.Submission, policy.Order{Plan: billing.PayInFull}, whatever); err != nil {
		t.Fatal(err)
	}
	if n := storetest.Value[int](t, tr.db, "SELECT count(*) FROM bordereau_row"); n != before {
		t.Error("a sandbox would report to a carrier")
	}
	if _, err := sandbox.Report(t.Context(), tr.ada, delegated.Bordereau{Agreement: tr.agreement.ID, Type: "premium", From: d(4, 16), To: d(4, 17)}); !errors.Is(err, delegated.ErrSandbox) {
		t.Errorf("err = %v", err)
	}
	if tr.used()["annual_written_premium 2026-01-01"] != 4*premium {
		t.Error("a sandbox does not count")
	}
}

func TestUtilizationAsOf(t *testing.T) {
	tr := newTreaty(t, 10)
	if _, err := tr.bind(tr.quote()); err != nil {
		t.Fatal(err)
	}
	tr.at = tr.at.AddDate(0, 0, 1)
	if _, err := tr.bind(tr.quote()); err != nil {
		t.Fatal(err)
	}
	if err := tr.accept(tr.quote()); err != nil {
		t.Fatal(err)
	}
	year := func(asOf civil.Date) string {
		t.Helper()
		u, err := tr.desk.Utilization(t.Context(), tr.una, tr.agreement.ID, asOf)
		if err != nil {
			t.Fatal(err)
		}
		l := u.Lines[1]
		return fmt.Sprint(u.AsOf, l.Used/premium, l.Reserved/premium, *l.Remaining/premium, *l.Percent, l.Policies)
	}
	for asOf, want := range map[civil.Date]string{
		{}: "2026-03-03 0.02 0.01 0.07 20 2", {Year: 2026, Month: 3, Day: 2}: "2026-03-02 0.01 0.00 0.09 10 1", {Year: 2026, Month: 3, Day: 1}: "2026-03-01 0.00 0.00 0.10 0 0",
	} {
		if got := year(asOf); got != want {
			t.Errorf("as of %s: %s, want %s", asOf, got, want)
		}
	}
	if _, err := tr.desk.Utilization(t.Context(), tr.una, tr.agreement.ID, civil.Date{Year: 2026, Month: 3, Day: 4}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("of tomorrow: %v", err)
	}
	bob := storetest.User(t, tr.db, tr.una, "bob", access.RoleBroker)
	if _, err := tr.desk.Utilization(t.Context(), bob, tr.agreement.ID, civil.Date{}); !errors.Is(err, fault.ErrForbidden) {
		t.Errorf("err = %v", err)
	}
	for name, err := range map[string]error{
		"add a carrier": func() error {
			_, err := tr.desk.AddCarrier(t.Context(), tr.una, tr.carrier)
			return err
		}(),
		"change an agreement": func() error {
			_, err := tr.desk.ChangeAgreement(t.Context(), tr.una, tr.agreement.ID, whatever, func(*delegated.Agreement) {})
			return err
		}(),
	} {
		if !errors.Is(err, fault.ErrForbidden) {
			t.Errorf("an underwriter may %s: %v", name, err)
		}
	}
}

// Where many hold what a bind holds, one after the other, whoever changes it has
// his turn: he waits for those who came before him and for nobody who comes later,
// and these see what he did.
func TestAChangeHasItsTurnAmongBinds(t *testing.T) {
	tr := newTreaty(t, 10)
	firm, by := tr.sells("1"), tr.sells("2")
	storetest.SQL(t, tr.db, `UPDATE producer SET type = 'agency', version = 1, parent_id = CASE id WHEN $1 THEN $2::uuid END`, by.UUID(), firm.UUID())
	covering := func(tx *store.Tx) (string, error) {
		c, err := tx.HoldCovering(t.Context(), tr.program, builder().EffectiveDate)
		return fmt.Sprint(c.Agreement.Version, c.Carrier.Version), err
	}
	file := func(tx *store.Tx) (string, error) {
		f, firm, err := tx.HoldProducerFile(t.Context(), by)
		return fmt.Sprint(f.Producer.Version, firm.Producer.Version), err
	}
	judged := func(tx *store.Tx) (string, error) {
		p, err := tx.KeepProgram(t.Context(), "GL")
		return fmt.Sprint(p.Version), err
	}
	agreement := func() error {
		_, err := tr.desk.ChangeAgreement(t.Context(), tr.ada, tr.agreement.ID, whatever, func(a *delegated.Agreement) { a.Number = "A" })
		return err
	}
	phone := func(of producer.ID) error {
		_, err := tr.desk.AmendProducer(t.Context(), tr.ada, of, func(p *producer.Producer) { p.Phone = "+15035550100" }, whatever)
		return err
	}
	for _, tt := range []struct {
		name   string
		hold   func(*store.Tx) (string, error)
		change func() error
		after  string // versions
	}{
		{"a program", judged, func() error {
			_, err := tr.desk.ChangeProgram(t.Context(), tr.ada, tr.program, whatever, func(p *quote.Program) { p.Name = "Builders" })
			return err
		}, "2"},
		{"an agreement", covering, agreement, "2 1"},
		{"a carrier", covering, func() error {
			_, err := tr.desk.ChangeCarrier(t.Context(), tr.ada, tr.carrier.ID, whatever, func(c *carrier.Carrier) { c.NAIC = "12345" })
			return err
		}, "2 2"},
		{"a producer", file, func() error { return phone(by) }, "2 1"},
		{"a producer's firm", file, func() error { return phone(firm) }, "2 2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			type bind struct {
				held chan string
				free chan struct{}
				done chan error
			}
			begin := func() bind {
				b := bind{make(chan string, 1), make(chan struct{}), make(chan error, 1)}
				go func() {
					b.done <- tr.db.InTx(t.Context(), tr.una, func(tx *store.Tx) error {
						saw, err := tt.hold(tx)
						b.held <- saw
						<-b.free
						return err
					})
				}()
				return b
			}
			first := begin()
			<-first.held
			changed := make(chan error, 1)
			go func() { changed <- tt.change() }()
			waiting(t, tr.db, 1)
			second := begin()
			for waiters(t, tr.db) < 2 && len(second.held) == 0 {
			}
			if len(second.held) > 0 {
				t.Error("who came later passes by")
			}
			close(first.free)
			if err := errors.Join(<-first.done, <-changed); err != nil {
				t.Error(err)
			}
			if saw := <-second.held; saw != tt.after {
				t.Errorf("who came later sees %s, want %s", saw, tt.after)
			}
			close(second.free)
			if err := <-second.done; err != nil {
				t.Error(err)
			}
		})
	}
}
