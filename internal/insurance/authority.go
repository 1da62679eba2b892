package insurance

import (
	"context"
	"fmt"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/authority"
	"github.com/openinsure/openinsure/internal/insurance/referral"
	"github.com/openinsure/openinsure/store"
)

// authorityChanged is what the audit log keeps of a change of who may agree to
// what.
func authorityChanged(object, change string, more audit.Details) audit.Fact {
	if more == nil {
		more = audit.Details{}
	}
	more["change"] = change
	return audit.Fact{Action: audit.AuthorityChanged, Object: object, Details: more}
}

// AddProfile adds an authority profile. What p says of its id, organisation and
// times is overwritten.
func (d *Desk) AddProfile(ctx context.Context, by access.Actor, p authority.Profile) (authority.Profile, error) {
	err := d.db.InTx(ctx, by, func(tx *store.Tx) error {
		at := d.now(tx)
		p.ID, p.Org, p.Active, p.CreatedBy, p.CreatedAt, p.UpdatedAt, p.Version = authority.NewProfileID(at), by.Org, true, by.ID, at, at, 1
		if err := access.Check(ctx, tx, by, access.Administer, p.Object()); err != nil {
			return err
		}
		if err := p.Check(); err != nil {
			return err
		}
		tx.Audit(by, authorityChanged(p.ID.String(), "profile_added", audit.Details{"level": p.Level}))
		return tx.AddProfile(ctx, p)
	})
	if err != nil {
		return authority.Profile{}, fmt.Errorf("add authority profile: %w", err)
	}
	return p, nil
}

// ChangeProfile changes an authority profile, from now on also for those who
// have it.
func (d *Desk) ChangeProfile(ctx context.Context, by access.Actor, id authority.ProfileID, seen Version, change func(*authority.Profile)) (authority.Profile, error) {
	var p authority.Profile
	err := d.db.InTx(ctx, by, func(tx *store.Tx) error {
		err := access.Check(ctx, tx, by, access.Administer, access.OrgObject(by.Org))
		if err != nil {
			return err
		}
		if p, err = tx.LockProfile(ctx, id); err != nil {
			return err
		}
		if err := seen(p.Version); err != nil {
			return err
		}
		was := p
		change(&p)
		if err := p.CheckChange(was); err != nil {
			return err
		}
		p.UpdatedAt = d.now(tx)
		tx.Audit(by, authorityChanged(id.String(), "profile_changed", audit.Details{"level": p.Level, "active": p.Active}))
		if err := tx.SaveProfile(ctx, p); err != nil {
			return err
		}
		p.Version++
		return nil
	})
	if err != nil {
		return authority.Profile{}, fmt.Errorf("change authority profile %s: %w", id, err)
	}
	return p, nil
}

// Assign gives a user a profile in place of the one that he had.
func (d *Desk) Assign(ctx context.Context, by access.Actor, id authority.ProfileID, user access.UserID) (authority.Assignment, error) {
	var a authority.Assignment
	err := d.db.InTx(ctx, by, func(tx *store.Tx) error {
		if err := access.Check(ctx, tx, by, access.Administer, access.OrgObject(by.Org)); err != nil {
			return err
		}
		p, err := tx.LockProfile(ctx, id)
		if err != nil {
			return err
		}
		if !p.Active {
			return authority.ErrInactive
		}
		if err := d.member(ctx, tx, user, "userId"); err != nil {
			return err
		}
		at := d.now(tx)
		a = authority.Assignment{ID: authority.NewAssignmentID(at), Org: by.Org, Profile: id, User: user, By: by.ID, CreatedAt: at}
		tx.Audit(by, authorityChanged(id.String(), "profile_assigned", audit.Details{"userId": user.String(), "level": p.Level}))
		return tx.Assign(ctx, a)
	})
	if err != nil {
		return authority.Assignment{}, fmt.Errorf("assign authority: %w", err)
	}
	return a, nil
}

// member blames a field that names nobody of the organisation.
func (d *Desk) member(ctx context.Context, tx *store.Tx, user access.UserID, field string) error {
	u, err := tx.User(ctx, user)
	if fault.KindOf(err) == fault.NotFound || err == nil && u.Status != "active" {
		return fault.ErrValidation.Field(field, "exists")
	}
	return err
}

// Unassign takes a user's profile away: what is above the threshold of a program
// is then not his to decide.
func (d *Desk) Unassign(ctx context.Context, by access.Actor, user access.UserID) error {
	err := d.db.InTx(ctx, by, func(tx *store.Tx) error {
		if err := access.Check(ctx, tx, by, access.Administer, access.OrgObject(by.Org)); err != nil {
			return err
		}
		tx.Audit(by, authorityChanged(user.String(), "profile_taken", nil))
		return tx.Unassign(ctx, user, d.now(tx))
	})
	if err != nil {
		return fmt.Errorf("take authority of %s: %w", user, err)
	}
	return nil
}

// Lend lets somebody use another's authority for a time: an underwriter lends
// his own, an administrator also that of others. The zero from is his own.
func (d *Desk) Lend(ctx context.Context, by access.Actor, from, to access.UserID, starts, ends time.Time) (authority.Delegation, error) {
	var lent authority.Delegation
	err := d.db.InTx(ctx, by, func(tx *store.Tx) error {
		want := access.WorkDesk
		if !from.IsZero() && from.String() != by.ID {
			want = access.Administer
		}
		if err := access.Check(ctx, tx, by, want, access.OrgObject(by.Org)); err != nil {
			return err
		}
		if from.IsZero() {
			if by.Kind != access.User {
				return fault.ErrValidation.Field("delegatorId", "required")
			}
			if err := from.UnmarshalText([]byte(by.ID)); err != nil {
				return err
			}
		}
		if err := d.member(ctx, tx, from, "delegatorId"); err != nil {
			return err
		}
		if err := d.member(ctx, tx, to, "delegateId"); err != nil {
			return err
		}
		others, err := tx.LockDelegations(ctx, d.now(tx))
		if err != nil {
			return err
		}
		at := d.now(tx)
		if starts.IsZero() {
			starts = at
		}
		lent = authority.Delegation{
			ID: authority.NewDelegationID(at), Org: by.Org, From: from, To: to, Starts: starts.UTC().Truncate(time.Microsecond),
			Ends: ends.UTC().Truncate(time.Microsecond), By: by.ID, CreatedAt: at,
		}
		if err := lent.Check(at, others); err != nil {
			return err
		}
		tx.Audit(by, authorityChanged(lent.ID.String(), "lent", audit.Details{"from": from.String(), "to": to.String()}))
		return tx.AddDelegation(ctx, lent)
	})
	if err != nil {
		return authority.Delegation{}, fmt.Errorf("delegate authority: %w", err)
	}
	return lent, nil
}

// TakeBack ends a delegation before its time: whoever lent, or an administrator.
func (d *Desk) TakeBack(ctx context.Context, by access.Actor, id authority.DelegationID) error {
	err := d.db.InTx(ctx, by, func(tx *store.Tx) error {
		if err := access.Check(ctx, tx, by, access.WorkDesk, access.OrgObject(by.Org)); err != nil {
			return err
		}
		ended, err := tx.EndDelegation(ctx, id, d.now(tx))
		if err != nil {
			return err
		}
		if ended.From.String() != by.ID {
			if err := access.Check(ctx, tx, by, access.Administer, access.OrgObject(by.Org)); err != nil {
				return err
			}
		}
		tx.Audit(by, authorityChanged(id.String(), "taken_back", nil))
		return nil
	})
	if err != nil {
		return fmt.Errorf("take back delegation %s: %w", id, err)
	}
	return nil
}

// SetRules sets how an organisation handles its referrals; clocks that run go on
// by the new rules from their next turn.
func (d *Desk) SetRules(ctx context.Context, by access.Actor, r referral.Rules, seen Version) (referral.Rules, error) {
	err := d.db.InTx(ctx, by, func(tx *store.Tx) error {
		if err := access.Check(ctx, tx, by, access.Administer, access.OrgObject(by.Org)); err != nil {
			return err
		}
		was, err := tx.Rules(ctx)
		if err != nil {
			return err
		}
		if err := seen(was.Version); err != nil {
			return err
		}
		if _, err := r.Pace(); err != nil {
			return err
		}
		r.UpdatedAt, r.Version = d.now(tx), was.Version
		tx.Audit(by, authorityChanged(by.Org.String(), "rules_set", nil))
		if err := tx.SaveRules(ctx, r); err != nil {
			return err
		}
		r.Version++
		return nil
	})
	if err != nil {
		return referral.Rules{}, fmt.Errorf("set referral rules: %w", err)
	}
	return r, nil
}
