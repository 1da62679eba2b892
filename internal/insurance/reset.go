package insurance

import (
	"context"
	"fmt"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/store"
)

// ErrNoSandbox is that nothing is deleted in production.
var ErrNoSandbox = fault.New(fault.Forbidden, "sandbox_off", "Only a sandbox can be reset: this is production.")

// A Reset is what came of resetting a sandbox.
type Reset struct {
	Clock
	Deleted map[string]int64 // how much of what
}

// Reset deletes the business of an organisation and takes its test clock away,
// in one transaction; who works there and how stays. Nobody of the organisation
// is at work meanwhile.
func (d *Desk) Reset(ctx context.Context, by access.Actor) (Reset, error) {
	if !d.db.TestClocks() {
		return Reset{}, ErrNoSandbox
	}
	var r Reset
	err := d.onClock(ctx, by, access.Administer, func(tx *store.Tx) error {
		if _, err := tx.DropClock(ctx); err != nil {
			return err
		}
		at := d.real()
		deleted, err := tx.Clear(ctx, at)
		if err != nil {
			return err
		}
		r = Reset{Clock: Clock{Now: at}, Deleted: deleted}
		told := event.New(by.Org, by.Org.String(), event.SandboxReset{By: by.ID}, at)
		told.Author = by.ID
		tx.Emit(told)
		details := audit.Details{}
		for what, n := range deleted {
			details[what] = n
		}
		tx.Audit(by, audit.Fact{Action: audit.SandboxReset, Object: by.Org.String(), Details: details})
		return nil
	})
	if err != nil {
		return Reset{}, fmt.Errorf("reset sandbox: %w", err)
	}
	return r, nil
}
