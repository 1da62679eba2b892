package insurance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/civil"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/carrier"
	"github.com/openinsure/openinsure/internal/insurance/delegated"
	"github.com/openinsure/openinsure/store"
)

// AddCarrier adds a carrier. What c says of its id, organisation and times is
// overwritten.
func (d *Desk) AddCarrier(ctx context.Context, by access.Actor, c carrier.Carrier) (carrier.Carrier, error) {
	if c.Metadata == nil {
		c.Metadata = map[string]string{}
	}
	err := d.db.InTx(ctx, by, func(tx *store.Tx) error {
		at := d.now(tx)
		c.ID, c.Org, c.Status, c.CreatedBy, c.CreatedAt, c.UpdatedAt, c.Version = carrier.NewID(at), by.Org, carrier.Active, by.ID, at, at, 1
		if err := access.Check(ctx, tx, by, access.ManageDelegated, access.OrgObject(by.Org)); err != nil {
			return err
		}
		if err := c.Check(); err != nil {
			return err
		}
		tx.Audit(by, audit.Fact{Action: audit.CarrierAdded, Object: c.ID.String()})
		return tx.AddCarrier(ctx, c)
	})
	if err != nil {
		return carrier.Carrier{}, fmt.Errorf("add a carrier: %w", err)
	}
	return c, nil
}

// ChangeCarrier changes a carrier, as change says. One that is made inactive
// stops every bind in its name. Whoever is appointed by its name alone stays
// appointed with it when it takes another.
func (d *Desk) ChangeCarrier(ctx context.Context, by access.Actor, id carrier.ID, seen Version, change func(*carrier.Carrier)) (carrier.Carrier, error) {
	var c carrier.Carrier
	err := d.db.InTx(ctx, by, func(tx *store.Tx) error {
		err := access.Check(ctx, tx, by, access.ManageDelegated, access.OrgObject(by.Org))
		if err != nil {
			return err
		}
		if c, err = tx.LockCarrier(ctx, id); err != nil {
			return err
		}
		if err := seen(c.Version); err != nil {
			return err
		}
		was := c
		change(&c)
		if err := c.CheckChange(was); err != nil {
			return err
		}
		if c.Name != was.Name {
			if err := tx.KeepAppointed(ctx, c.ID, was.Name); err != nil {
				return err
			}
		}
		c.UpdatedAt = d.now(tx)
		tx.Audit(by, audit.Fact{Action: audit.CarrierChanged, Object: id.String(), Details: audit.Details{"status": c.Status}})
		if err := tx.SaveCarrier(ctx, c); err != nil {
			return err
		}
		c.Version++
		return nil
	})
	if err != nil {
		return carrier.Carrier{}, fmt.Errorf("change carrier %s: %w", id, err)
	}
	return c, nil
}

// AddAgreement adds an agreement of delegated authority over a program: what
// takes effect on its days is bound under it from now on. What a says of its id,
// organisation, state and times is overwritten. delegated.ErrOverlap when another
// one covers any of its days.
func (d *Desk) AddAgreement(ctx context.Context, by access.Actor, a delegated.Agreement) (delegated.Agreement, error) {
	if a.Metadata == nil {
		a.Metadata = map[string]string{}
	}
	err := d.db.InTx(ctx, by, func(tx *store.Tx) error {
		a.Org, a.Status, a.CreatedBy, a.Version = by.Org, delegated.Active, by.ID, 1
		if err := access.Check(ctx, tx, by, access.ManageDelegated, access.OrgObject(by.Org)); err != nil {
			return err
		}
		if err := a.Check(); err != nil {
			return err
		}
		if _, err := tx.LockProgram(ctx, a.Program); err != nil {
			return unknown(err, delegated.ErrNoProgram)
		}
		at := d.now(tx)
		a.ID, a.CreatedAt, a.UpdatedAt = delegated.NewID(at), at, at
		if _, err := tx.Carrier(ctx, a.Carrier); err != nil {
			return unknown(err, carrier.ErrUnknown)
		}
		if err := apart(ctx, tx, a, "effectiveDate"); err != nil {
			return err
		}
		tx.Audit(by, agreementFact(audit.AgreementAdded, a))
		tx.Emit(agreementTold(a, at))
		return tx.AddAgreement(ctx, a)
	})
	if err != nil {
		return delegated.Agreement{}, fmt.Errorf("add an agreement: %w", err)
	}
	return a, nil
}

// unknown blames a field that names nothing.
func unknown(err, blame error) error {
	if errors.Is(err, fault.ErrNotFound) {
		return blame
	}
	return err
}

func apart(ctx context.Context, tx *store.Tx, a delegated.Agreement, moved string) error {
	overlaps, err := tx.Overlaps(ctx, a)
	if err == nil && overlaps {
		err = delegated.ErrOverlap.Field(moved, "unique")
	}
	return err
}

func agreementFact(what audit.Action, a delegated.Agreement) audit.Fact {
	return audit.Fact{Action: what, Object: a.ID.String(), Details: audit.Details{
		"carrierId": a.Carrier.String(), "programId": a.Program.String(), "status": string(a.Status), "expirationDate": a.Expiration.String(),
	}}
}

// agreementTold tells of an agreement as it stands from now on.
func agreementTold(a delegated.Agreement, at time.Time) event.Event {
	return event.New(a.Org, a.ID.String(), event.AgreementChanged{
		AgreementID: a.ID.String(), CarrierID: a.Carrier.String(), ProgramID: a.Program.String(), Status: string(a.Status),
		EffectiveDate: a.Effective.String(), ExpirationDate: a.Expiration.String(), Version: a.Version,
	}, at).With(a.Metadata)
}

// ChangeAgreement changes an agreement, as change says, for all binds from now
// on. Its carrier, program and first day stay: what is used was counted by them.
func (d *Desk) ChangeAgreement(ctx context.Context, by access.Actor, id delegated.ID, seen Version, change func(*delegated.Agreement)) (delegated.Agreement, error) {
	var a delegated.Agreement
	err := d.db.InTx(ctx, by, func(tx *store.Tx) error {
		err := access.Check(ctx, tx, by, access.ManageDelegated, access.OrgObject(by.Org))
		if err != nil {
			return err
		}
		was, err := tx.Agreement(ctx, id)
		if err != nil {
			return err
		}
		if _, err := tx.LockProgram(ctx, was.Program); err != nil {
			return err
		}
		if was, err = tx.LockAgreement(ctx, id); err != nil {
			return err
		}
		if err := seen(was.Version); err != nil {
			return err
		}
		a = was
		change(&a)
		a.ID, a.Org, a.Carrier, a.Program, a.Effective, a.UpdatedAt = was.ID, was.Org, was.Carrier, was.Program, was.Effective, d.now(tx)
		if err := a.CheckChange(was); err != nil {
			return err
		}
		if a.Same(was) {
			a = was
			return nil
		}
		if err := apart(ctx, tx, a, "expirationDate"); err != nil {
			return err
		}
		tx.Audit(by, agreementFact(audit.AgreementChanged, a))
		if err := d.watch(ctx, tx, a); err != nil {
			return err
		}
		if err := tx.SaveAgreement(ctx, a); err != nil {
			return err
		}
		a.Version++
		tx.Emit(agreementTold(a, a.UpdatedAt))
		return nil
	})
	if err != nil {
		return delegated.Agreement{}, fmt.Errorf("change agreement %s: %w", id, err)
	}
	return a, nil
}

// watch looks at the aggregates of an agreement whose limits may have moved.
func (d *Desk) watch(ctx context.Context, tx *store.Tx, a delegated.Agreement) error {
	all, err := tx.LockAllCounters(ctx, a.ID)
	if err != nil {
		return err
	}
	changed, near := a.Watch(all)
	if len(changed) > 0 {
		if err := tx.SaveCounters(ctx, a.ID, changed); err != nil {
			return err
		}
	}
	return tellNear(ctx, tx, a, near, a.UpdatedAt)
}

// tellNear tells of aggregates that came near their limits.
func tellNear(ctx context.Context, tx *store.Tx, a delegated.Agreement, near []delegated.Counter, at time.Time) error {
	if len(near) == 0 {
		return nil
	}
	managers, err := tx.Managers(ctx)
	if err != nil {
		return err
	}
	for _, c := range near {
		told := event.New(a.Org, a.ID.String(), event.LimitApproaching{
			AgreementID: a.ID.String(), Aggregate: string(c.Key.Kind), PeriodStart: c.Key.Period, Utilization: a.PercentOf(c),
		}, at).With(a.Metadata)
		told.Persons = managers
		tx.Emit(told)
	}
	return nil
}

// A Utilization is how much of an agreement is used.
type Utilization struct {
	Agreement delegated.Agreement
	AsOf      civil.Date
	Lines     []delegated.Line
}

// Utilization reports how much of an agreement was used by the end of a day, the
// zero day being today. What is reserved is reported of today only: a reservation
// leaves nothing behind.
func (d *Desk) Utilization(ctx context.Context, by access.Actor, id delegated.ID, asOf civil.Date) (Utilization, error) {
	us, err := d.utilizations(ctx, by, asOf, func(r store.Reader) ([]delegated.Agreement, error) {
		a, err := r.Agreement(ctx, id)
		return []delegated.Agreement{a}, err
	})
	if err != nil {
		return Utilization{}, fmt.Errorf("utilization of %s: %w", id, err)
	}
	return us[0], nil
}

// Utilizations is Utilization of every agreement that was not over on the day,
// newest first.
func (d *Desk) Utilizations(ctx context.Context, by access.Actor, asOf civil.Date, p store.Page) ([]Utilization, error) {
	us, err := d.utilizations(ctx, by, asOf, func(r store.Reader) ([]delegated.Agreement, error) {
		day := asOf
		if day.IsZero() {
			at, err := d.at(ctx, r)
			if err != nil {
				return nil, err
			}
			day = civil.DateOf(at)
		}
		return r.Agreements(ctx, store.AgreementFilter{NotOver: day}, p)
	})
	if err != nil {
		return nil, fmt.Errorf("utilization of agreements: %w", err)
	}
	return us, nil
}

// at is the time of the organisation that r reads of.
func (d *Desk) at(ctx context.Context, r store.Reader) (time.Time, error) {
	ahead, err := r.Ahead(ctx)
	return d.real().Add(ahead), err
}

func (d *Desk) utilizations(ctx context.Context, by access.Actor, asOf civil.Date, find func(store.Reader) ([]delegated.Agreement, error)) ([]Utilization, error) {
	var out []Utilization
	err := d.db.Snapshot(ctx, by, func(r store.Reader) error {
		if err := access.Check(ctx, r, by, access.ReadDelegated, access.OrgObject(by.Org)); err != nil {
			return err
		}
		at, err := d.at(ctx, r)
		if err != nil {
			return err
		}
		as, err := find(r)
		if err != nil {
			return err
		}
		today := civil.DateOf(at)
		day := asOf
		if day.IsZero() {
			day = today
		}
		if day.After(today) {
			return fault.ErrValidation.Field("asOf", "max")
		}
		for _, a := range as {
			used, err := r.Used(ctx, a.ID, day.AddDays(1).In(time.UTC))
			if err != nil {
				return err
			}
			var reserved []delegated.Share
			if day == today {
				if reserved, err = r.Reserved(ctx, a.ID, at); err != nil {
					return err
				}
			}
			out = append(out, Utilization{Agreement: a, AsOf: day, Lines: a.Utilization(day, used, reserved)})
		}
		return nil
	})
	return out, err
}

// Report makes the bordereau of an agreement for a period that is over. What b
// says beside these is overwritten. delegated.ErrSandbox outside production,
// where nothing is ever reported.
func (d *Desk) Report(ctx context.Context, by access.Actor, b delegated.Bordereau) (delegated.Bordereau, error) {
	var made delegated.Bordereau
	err := d.db.InTx(ctx, by, func(tx *store.Tx) error {
		if err := access.Check(ctx, tx, by, access.ReportDelegated, access.OrgObject(by.Org)); err != nil {
			return err
		}
		if !d.cfg.Production {
			return delegated.ErrSandbox
		}
		if err := b.CheckPeriod(civil.DateOf(d.now(tx))); err != nil {
			return err
		}
		a, err := tx.LockAgreement(ctx, b.Agreement)
		if err != nil {
			return unknown(err, fault.ErrValidation.Field("agreementId", "exists"))
		}
		at := d.now(tx)
		c, err := tx.Carrier(ctx, a.Carrier)
		if err != nil {
			return err
		}
		b.ID, b.Org, b.Carrier, b.Due, b.Status = delegated.NewBordereauID(at), by.Org, c.ID, c.Reporting.Due(b.To), delegated.Pending
		b.CreatedBy, b.CreatedAt = by.ID, at
		if made, err = tx.AddBordereau(ctx, b); err != nil {
			return err
		}
		tx.Audit(by, audit.Fact{Action: audit.BordereauMade, Object: made.ID.String(), Details: audit.Details{
			"agreementId": a.ID.String(), "carrierId": c.ID.String(), "from": b.From.String(), "to": b.To.String(), "rows": made.Rows,
		}})
		return nil
	})
	if err != nil {
		return delegated.Bordereau{}, fmt.Errorf("report to a carrier: %w", err)
	}
	return made, nil
}
