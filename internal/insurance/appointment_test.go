package insurance_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"cloud.google.com/go/civil"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/carrier"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/producer"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/store/storetest"
)

// sells takes a producer on, licensed in Oregon, with these appointments there.
func (tr *treaty) sells(npn string, appointments ...producer.Appointment) producer.ID {
	tr.t.Helper()
	ctx := tr.t.Context()
	p, err := tr.desk.TakeOn(ctx, tr.ada, producer.Producer{Type: producer.Individual, LegalName: "Seller " + npn, NPN: npn, Email: "seller@example.com"})
	if err == nil {
		_, err = tr.desk.AddLicense(ctx, tr.ada, producer.License{
			Producer: p.ID, Number: "OR-1", Type: producer.PropertyCasualty, State: "OR", Status: producer.LicenseActive,
			Effective: civil.Date{Year: 2020, Month: 1, Day: 1}, Expiration: civil.Date{Year: 2199, Month: 1, Day: 1},
		})
	}
	for _, a := range appointments {
		if err == nil {
			tr.appoint(p.ID, a)
		}
	}
	if err == nil {
		_, err = tr.desk.MoveProducer(ctx, tr.ada, p.ID, producer.Active, whatever)
	}
	if err != nil {
		tr.t.Fatal(err)
	}
	return p.ID
}

// appoint makes an appointment in Oregon.
func (tr *treaty) appoint(of producer.ID, a producer.Appointment) producer.Appointment {
	tr.t.Helper()
	a.Producer, a.State = of, "OR"
	a, err := tr.desk.Appoint(tr.t.Context(), tr.ada, a)
	if err != nil {
		tr.t.Fatal(err)
	}
	return a
}

// another adds a carrier with which there is no agreement.
func (tr *treaty) another(name string) carrier.ID {
	tr.t.Helper()
	c, err := tr.desk.AddCarrier(tr.t.Context(), tr.ada, carrier.Carrier{Name: name, Reporting: tr.carrier.Reporting})
	if err != nil {
		tr.t.Fatal(err)
	}
	return c.ID
}

// changes changes the carrier of the agreement.
func (tr *treaty) changes(change func(*carrier.Carrier)) {
	tr.t.Helper()
	if _, err := tr.desk.ChangeCarrier(tr.t.Context(), tr.ada, tr.carrier.ID, whatever, change); err != nil {
		tr.t.Fatal(err)
	}
}

func (tr *treaty) broughtBy(p producer.ID) func(*submission.Submission) {
	return func(s *submission.Submission) { s.Producer = p }
}

// What is bound under an agreement is sold by those whom its carrier appointed:
// the quote says so, and the bind is refused.
func TestSoldInTheNameOfACarrier(t *testing.T) {
	named := func(name string) func(*treaty) producer.Appointment {
		return func(*treaty) producer.Appointment { return producer.Appointment{Carrier: name} }
	}
	byID := func(tr *treaty) producer.Appointment { return producer.Appointment{CarrierID: tr.carrier.ID} }
	other := func(tr *treaty) producer.Appointment { return producer.Appointment{CarrierID: tr.another("Atlas")} }
	renamed := func(tr *treaty) { tr.changes(func(c *carrier.Carrier) { c.Name = "Summit & Sons" }) }
	tests := []struct {
		name    string
		with    func(*treaty) producer.Appointment // nil: nobody
		since   func(*treaty)                      // the appointment
		flags   string
		blocked string
	}{
		{"nobody", nil, nil, "[producer_not_appointed]", "[producer_not_appointed]"},
		{"the carrier, by id", byID, nil, "[]", "bound"},
		{"the carrier, by its name", named("Summit"), nil, "[]", "bound"},
		{"the carrier, in other letters", named("sUMMIT"), nil, "[]", "bound"},
		{"another one", other, nil, "[producer_not_appointed]", "[producer_not_appointed]"},
		{"another name", named("Summit Casualty"), nil, "[producer_not_appointed]", "[producer_not_appointed]"},
		{"by id, and it has another name since", byID, renamed, "[]", "bound"},
		{"by name, and it has another since", named("summit"), renamed, "[]", "bound"},
		{"it is inactive since", byID, func(tr *treaty) { tr.changes(func(c *carrier.Carrier) { c.Status = carrier.Inactive }) }, "[]", "[da_carrier_inactive]"},
		{"another one, on the organization's own paper", other, func(tr *treaty) {
			storetest.SQL(t, tr.db, `DELETE FROM da_aggregate`)
			storetest.SQL(t, tr.db, `DELETE FROM da_agreement`)
		}, "[]", "bound"},
		{"another one, where no agreement covers the day", other, func(tr *treaty) {
			storetest.SQL(t, tr.db, `UPDATE da_agreement SET expiration = '2026-04-01'`)
		}, "[]", "[da_no_agreement]"},
	}
	for n, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tr := newTreaty(t, 10)
			var as []producer.Appointment
			if tt.with != nil {
				as = append(as, tt.with(tr))
			}
			by := tr.sells(fmt.Sprint(100+n), as...)
			if tt.since != nil {
				tt.since(tr)
			}
			q := tr.quote(tr.broughtBy(by))
			if got := fmt.Sprint(q.ProducerFlags); got != tt.flags {
				t.Errorf("flags %s, want %s", got, tt.flags)
			}
			ready, err := tr.desk.Ready(t.Context(), tr.una, q.Submission)
			if err != nil || ready.Binds() != (tt.blocked == "bound") {
				t.Errorf("ready: %+v, %v", ready.Blockers, err)
			}
			if _, err := tr.bind(q); blockers(err) != tt.blocked {
				t.Errorf("%s, want %s", blockers(err), tt.blocked)
			}
			direct := "bound" // whoever is not there need not be appointed
			if strings.HasPrefix(tt.blocked, "[da_") {
				direct = tt.blocked
			}
			if _, err := tr.bind(tr.quote()); blockers(err) != direct {
				t.Errorf("direct business: %s, want %s", blockers(err), direct)
			}
		})
	}
}

// The evidence of a sale names the carrier.
func TestTheSaleIsKeptWithItsCarrier(t *testing.T) {
	tr := newTreaty(t, 10)
	if _, err := tr.bind(tr.quote(tr.broughtBy(tr.sells("1", producer.Appointment{CarrierID: tr.carrier.ID})))); err != nil {
		t.Fatal(err)
	}
	if got := storetest.Value[string](t, tr.db, `SELECT details->>'carrierId' FROM audit WHERE action = 'producer.sale_checked'`); got != tr.carrier.ID.String() {
		t.Errorf("the log has the carrier %q", got)
	}
}

func TestAppointmentsNameCarriersThatThereAre(t *testing.T) {
	tr := newTreaty(t, 10)
	eve := newTreatyIn(t, tr.db, 10)
	of := tr.sells("1")
	for _, tt := range []struct {
		name  string
		a     producer.Appointment
		wrong string
	}{
		{"neither", producer.Appointment{}, "[{carrier required}]"},
		{"nobody's", producer.Appointment{CarrierID: carrier.NewID(tr.at)}, "[{carrierId exists}]"},
		{"another organization's", producer.Appointment{CarrierID: eve.carrier.ID}, "[{carrierId exists}]"},
		{"another organization's, by its name", producer.Appointment{CarrierID: eve.carrier.ID, Carrier: "Summit"}, "[{carrierId exists}]"},
		{"two that differ", producer.Appointment{CarrierID: tr.carrier.ID, Carrier: "Atlas"}, "[{carrier same}]"},
		{"two that are the same", producer.Appointment{CarrierID: tr.carrier.ID, Carrier: "SUMMIT"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.a.Producer, tt.a.State = of, "OR"
			got, err := tr.desk.Appoint(t.Context(), tr.ada, tt.a)
			f, _ := errors.AsType[*fault.Error](err)
			switch {
			case tt.wrong != "" && (f == nil || fmt.Sprint(f.Fields()) != tt.wrong):
				t.Errorf("%v, want %s", err, tt.wrong)
			case tt.wrong == "" && (err != nil || got.Carrier != "Summit" || got.CarrierID != tr.carrier.ID):
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	if n := storetest.Value[int](t, tr.db, `SELECT count(*)::int FROM producer_appointment`); n != 1 {
		t.Errorf("%d appointments", n)
	}
}

// Whoever is appointed by a name alone stays so when the carrier takes another:
// in this organisation, and with nobody who takes the name after it.
func TestARenamedCarrierKeepsItsProducers(t *testing.T) {
	tr := newTreaty(t, 10)
	eve := newTreatyIn(t, tr.db, 10)
	mine, theirs := tr.sells("1", producer.Appointment{Carrier: "summit"}, producer.Appointment{Carrier: "Atlas"}), eve.sells("1", producer.Appointment{Carrier: "Summit"})
	tr.changes(func(c *carrier.Carrier) { c.NAIC = "12345" })
	read := func(tr *treaty, of producer.ID) string {
		t.Helper()
		as, err := tr.db.As(tr.una).Appointments(t.Context(), of)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, a := range as {
			out = append(out, fmt.Sprint(a.Carrier, " ", !a.CarrierID.IsZero()))
		}
		slices.Sort(out)
		return fmt.Sprint(out)
	}
	if got := read(tr, mine); got != "[Atlas false summit false]" {
		t.Errorf("its name is the same: %s", got)
	}
	tr.changes(func(c *carrier.Carrier) { c.Name = "Summit & Sons" })
	if got := read(tr, mine); got != "[Atlas false Summit & Sons true]" {
		t.Errorf("renamed: %s", got)
	}
	if got := read(eve, theirs); got != "[Summit false]" {
		t.Errorf("another organization: %s", got)
	}
	tr.another("Summit")
	if got := read(tr, mine); got != "[Atlas false Summit & Sons true]" {
		t.Errorf("another one took the name: %s", got)
	}
}

// Binds, appointments and changes of the carrier at once wait for each other and
// never in a circle.
func TestBindsWhileTheCarrierChanges(t *testing.T) {
	const n = 4
	tr := newTreaty(t, 100)
	by := tr.sells("1", producer.Appointment{Carrier: "Summit"})
	var subs []submission.ID
	for range n {
		subs = append(subs, tr.quote(tr.broughtBy(by)).Submission)
	}
	var mu sync.Mutex
	failed := map[string]error{}
	must := func(what string, err error) {
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			failed[what] = err
		}
	}
	ctx, order := t.Context(), policy.Order{Plan: "PIF"}
	together(3*n, func(i int) {
		switch which := i / 3; i % 3 {
		case 0:
			_, err := tr.desk.Bind(ctx, tr.una, subs[which], order, whatever)
			must("bind", err)
		case 1:
			_, err := tr.desk.ChangeCarrier(ctx, tr.ada, tr.carrier.ID, whatever, func(c *carrier.Carrier) { c.Name = fmt.Sprint("Summit ", which) })
			must("rename", err)
		case 2:
			a, err := tr.desk.Appoint(ctx, tr.ada, producer.Appointment{Producer: by, CarrierID: tr.carrier.ID, State: "OR"})
			must("appoint", err)
			_, err = tr.desk.StepAppointment(ctx, tr.ada, by, a.ID, producer.Step{To: producer.AppointmentFiled, On: civil.DateOf(tr.at)})
			must("file", err)
		}
	})
	for what, err := range failed {
		t.Errorf("%s: %v", what, err)
	}
}

// A firm that others belong to belongs to none, also when all say so at once.
func TestFirmsBelongToNone(t *testing.T) {
	tr := newTreaty(t, 1)
	on := func(npn string, of producer.ID) (producer.Producer, error) {
		return tr.desk.TakeOn(t.Context(), tr.una, producer.Producer{LegalName: "Firm " + npn, NPN: npn, Type: producer.Agency, Email: "a@b.co", Parent: of})
	}
	join := func(who, firm producer.ID) error {
		_, err := tr.desk.AmendProducer(t.Context(), tr.una, who, func(p *producer.Producer) { p.Parent = firm }, whatever)
		return err
	}
	var firms [3]producer.Producer
	for i := range firms {
		var err error
		if firms[i], err = on(fmt.Sprint(1_234_567+i), producer.ID{}); err != nil {
			t.Fatal(err)
		}
	}
	var joined atomic.Int32
	together(3, func(i int) { // each would have the next above it: a circle
		switch err := join(firms[i].ID, firms[(i+1)%3].ID); {
		case err == nil:
			joined.Add(1)
		case !errors.Is(err, producer.ErrParent):
			t.Error(err)
		}
	})
	if joined.Load() != 1 {
		t.Errorf("%d of 3 belong to the next", joined.Load())
	}
	for _, f := range firms {
		now, err := tr.db.As(tr.una).Producer(t.Context(), f.ID)
		if err != nil {
			t.Fatal(err)
		}
		if now.Parent.IsZero() {
			continue
		}
		if _, err := on("7654321", f.ID); !errors.Is(err, producer.ErrParent) {
			t.Errorf("of a firm that belongs to one: %v", err)
		}
		if err := join(now.Parent, f.ID); !errors.Is(err, producer.ErrParent) {
			t.Errorf("the other way round: %v", err)
		}
	}
}
