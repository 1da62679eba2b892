package insurance

import (
	"context"
	"fmt"

	"cloud.google.com/go/civil"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/rating"
	"github.com/openinsure/openinsure/store"
)

// OpenProgram gives an organisation the general liability program with the rate
// book that a new program starts with.
func (d *Desk) OpenProgram(ctx context.Context, tx *store.Tx, org access.OrgID) error {
	return d.openLine(ctx, tx, org, "GL")
}

// OpenPrograms gives an organisation a program of every line, with the rate
// books that new programs start with.
func (d *Desk) OpenPrograms(ctx context.Context, tx *store.Tx, org access.OrgID) error {
	for _, line := range rating.Lines {
		if err := d.openLine(ctx, tx, org, line); err != nil {
			return err
		}
	}
	return nil
}

func (d *Desk) openLine(ctx context.Context, tx *store.Tx, org access.OrgID, line string) error {
	at := d.now(tx)
	p, t := quote.Standard(line)
	p.ID, p.Org, p.CreatedAt, p.UpdatedAt, p.Version = quote.NewProgramID(at), org, at, at, 1
	t.ID, t.Org, t.Program, t.CreatedBy, t.CreatedAt = quote.NewRateTableID(at), org, p.ID, "system", at
	t, err := t.Publish(p, "system", at)
	if err != nil {
		return err
	}
	if err := tx.AddProgram(ctx, p); err != nil {
		return err
	}
	_, err = tx.AddRateTable(ctx, t)
	return err
}

// CreateProgram adds a program of a line that the organisation does not write
// yet. It has no rates: nothing can be quoted before a version is published.
func (d *Desk) CreateProgram(ctx context.Context, by access.Actor, p quote.Program) (quote.Program, error) {
	if p.States == nil {
		p.States = []string{}
	}
	err := d.db.InTx(ctx, by, func(tx *store.Tx) error {
		at := d.now(tx)
		p.ID, p.Org, p.CreatedAt, p.UpdatedAt, p.Version = quote.NewProgramID(at), by.Org, at, at, 1
		if err := access.Check(ctx, tx, by, access.ManageRates, access.OrgObject(by.Org)); err != nil {
			return err
		}
		if err := p.Check(); err != nil {
			return err
		}
		tx.Audit(by, audit.Fact{Action: audit.ProgramCreated, Object: p.ID.String(), Details: p.Thresholds()})
		return tx.AddProgram(ctx, p)
	})
	if err != nil {
		return quote.Program{}, fmt.Errorf("create a program of %s: %w", p.LineOfBusiness, err)
	}
	return p, nil
}

// ChangeProgram corrects a program, as change says. What was quoted, agreed to or
// bound before stays as it was judged; a bind and a decision ask its threshold
// anew, and those under way are waited for. quote.ErrGaps when it would reach
// further than the rates that price days from today on.
func (d *Desk) ChangeProgram(ctx context.Context, by access.Actor, id quote.ProgramID, seen Version, change func(*quote.Program)) (quote.Program, error) {
	var p quote.Program
	err := d.db.InTx(ctx, by, func(tx *store.Tx) error {
		if err := access.Check(ctx, tx, by, access.ManageRates, access.OrgObject(by.Org)); err != nil {
			return err
		}
		was, err := tx.LockProgramAlone(ctx, id)
		if err != nil {
			return err
		}
		at := d.now(tx)
		if err := seen(was.Version); err != nil {
			return err
		}
		p = was
		change(&p)
		p.ID, p.Org, p.LineOfBusiness, p.UpdatedAt = was.ID, was.Org, was.LineOfBusiness, at
		if err := p.CheckChange(was); err != nil {
			return err
		}
		tables, err := tx.RateTablesFrom(ctx, id, civil.DateOf(at))
		if err != nil {
			return err
		}
		if err := p.Widened(was, tables); err != nil {
			return err
		}
		if err := tx.SaveProgram(ctx, p); err != nil {
			return err
		}
		p.Version++
		tx.Audit(by, audit.Fact{Action: audit.ProgramChanged, Object: id.String(), Details: audit.Details{
			"fields": p.Changed(was), "was": was.Thresholds(), "is": p.Thresholds(), "version": p.Version,
		}})
		return nil
	})
	if err != nil {
		return quote.Program{}, fmt.Errorf("change program %s: %w", id, err)
	}
	return p, nil
}

// DraftRates adds a version of a program's rates that prices nothing yet. What
// it says must be sound; what it leaves open is for PublishRates to refuse.
func (d *Desk) DraftRates(ctx context.Context, by access.Actor, t quote.RateTable) (quote.RateTable, error) {
	err := d.db.InTx(ctx, by, func(tx *store.Tx) error {
		t.Org, t.CreatedBy = by.Org, by.ID
		t.PublishedAt, t.PublishedBy = nil, ""
		if err := access.Check(ctx, tx, by, access.ManageRates, access.OrgObject(by.Org)); err != nil {
			return err
		}
		if err := t.CheckAt(d.now(tx)); err != nil {
			return err
		}
		p, err := tx.LockProgram(ctx, t.Program)
		if err != nil {
			return quote.ErrNoProgram.Because(err)
		}
		at := d.now(tx)
		t.ID, t.CreatedAt = quote.NewRateTableID(at), at
		if t.Version, err = tx.AddRateTable(ctx, t); err != nil {
			return err
		}
		tx.Audit(by, audit.Fact{Action: audit.RatesDrafted, Object: t.ID.String(), Details: audit.Details{"programId": p.ID.String(), "version": t.Version}})
		return nil
	})
	if err != nil {
		return quote.RateTable{}, fmt.Errorf("draft rates of %s: %w", t.Program, err)
	}
	return t, nil
}

// PublishRates lets a version price the effective days from its own on. One with
// gaps is refused with all of them.
func (d *Desk) PublishRates(ctx context.Context, by access.Actor, id quote.RateTableID) (quote.RateTable, error) {
	var published quote.RateTable
	err := d.db.InTx(ctx, by, func(tx *store.Tx) error {
		t, err := tx.RateTableByID(ctx, id)
		if err != nil {
			return err
		}
		if err := access.Check(ctx, tx, by, access.ManageRates, access.OrgObject(t.Org)); err != nil {
			return err
		}
		p, err := tx.LockProgram(ctx, t.Program)
		if err != nil {
			return err
		}
		if t, err = tx.RateTableByID(ctx, id); err != nil { // as it is now that nobody else publishes
			return err
		}
		at := d.now(tx)
		if published, err = t.Publish(p, by.ID, at); err != nil {
			return err
		}
		if err := tx.PublishRateTable(ctx, id, by.ID, at); err != nil {
			return err
		}
		tx.Audit(by, audit.Fact{Action: audit.RatesPublished, Object: id.String(), Details: audit.Details{"programId": p.ID.String(), "version": t.Version}})
		tx.Emit(event.New(t.Org, id.String(), event.RateTablePublished{
			RateTableID: id.String(), ProgramID: p.ID.String(), LineOfBusiness: p.LineOfBusiness, Version: t.Version, EffectiveDate: t.Effective.String(),
		}, at))
		return nil
	})
	if err != nil {
		return quote.RateTable{}, fmt.Errorf("publish rates %s: %w", id, err)
	}
	return published, nil
}
