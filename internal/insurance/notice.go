package insurance

import (
	"context"
	"time"

	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/referral"
	"github.com/openinsure/openinsure/rooms"
	"github.com/openinsure/openinsure/store"
)

// dunning is when the organisation reminds of what is owed, in the days of its
// calendar.
func (d *Desk) dunning(ctx context.Context, tx *store.Tx) (billing.Dunning, error) {
	rules, err := tx.Rules(ctx)
	return d.dunningBy(rules), err
}

// dunningBy is dunning for one who has read the organisation's rules.
func (d *Desk) dunningBy(rules referral.Rules) billing.Dunning {
	return billing.Dunning{Ahead: d.cfg.DueSoon, Last: d.cfg.LastNotice, Zone: rules.Calendar.Zone()}
}

// remind sets what is told first of a new policy's end, and of its invoices.
func (d *Desk) remind(rules referral.Rules, p policy.Policy, invoices []billing.Invoice, at time.Time) (policy.Policy, []billing.Invoice) {
	dun := d.dunningBy(rules)
	for i := range invoices {
		invoices[i] = invoices[i].Remind(dun, at)
	}
	return p.RemindRenewal(dun.Zone, at), invoices
}

// tickInvoice tells what is due of an invoice at a time of its organisation.
func (d *Desk) tickInvoice(ctx context.Context, tx *store.Tx, id billing.InvoiceID, at time.Time) (bool, error) {
	was, err := tx.LockInvoice(ctx, id)
	if err != nil {
		return false, err
	}
	dun, err := d.dunning(ctx, tx)
	if err != nil {
		return false, err
	}
	i, notice := was.Tell(dun, at)
	if notice == "" { // another node was faster, or somebody paid
		return false, nil
	}
	p, persons, err := concerned(ctx, tx, i.Policy)
	if err != nil {
		return false, err
	}
	told := event.New(i.Org, i.ID.String(), owed(i, p, notice), at).With(i.Metadata)
	told.Persons = owing(i, persons)
	tx.Emit(told)
	return true, tx.SaveNotice(ctx, i)
}

// owed is what is told of an invoice by a notice.
func owed(i billing.Invoice, p policy.Policy, n billing.Notice) event.Payload {
	o := event.InvoiceOwed{
		InvoiceID: i.ID.String(), PolicyID: i.Policy, PolicyNumber: p.Number, Number: i.Number, Amount: i.Amount, DueDate: i.Due.String(), BillTo: string(i.BillTo),
		ExternalID: i.ExternalID,
	}
	switch n {
	case billing.DueSoon:
		return event.InvoiceDueSoon{InvoiceOwed: o}
	case billing.Overdue:
		return event.InvoiceOverdue{InvoiceOwed: o}
	}
	return event.InvoiceLastNotice{InvoiceOwed: o}
}

// tickPolicy tells that a policy is about to expire, at a time of its
// organisation.
func tickPolicy(ctx context.Context, tx *store.Tx, id policy.ID, at time.Time) (bool, error) {
	was, err := tx.LockPolicy(ctx, id)
	if err != nil {
		return false, err
	}
	rules, err := tx.Rules(ctx)
	if err != nil {
		return false, err
	}
	p, days := was.TellRenewal(rules.Calendar.Zone(), at)
	if days == 0 { // another node was faster, or it is over
		return false, nil
	}
	persons, err := parties(ctx, tx, p)
	if err != nil {
		return false, err
	}
	told := event.New(p.Org, p.ID.String(), event.PolicyRenewalDue{
		PolicyID: p.ID.String(), PolicyNumber: p.Number, ExpirationDate: p.Expiration.String(), Days: days, ExternalID: p.ExternalID,
	}, at).With(p.Metadata)
	told.Persons = persons
	tx.Emit(told)
	if err := tx.SaveRenewalStep(ctx, p); err != nil {
		return false, err
	}
	return true, rooms.ShowCard(ctx, tx, p.Submission, renewalCard(p, days), at)
}

// concerned reads the policy of an invoice, and whom it concerns.
func concerned(ctx context.Context, tx *store.Tx, id string) (policy.Policy, []event.Person, error) {
	var of policy.ID
	if err := of.UnmarshalText([]byte(id)); err != nil {
		return policy.Policy{}, nil, err
	}
	p, err := tx.Policy(ctx, of)
	if err != nil {
		return p, nil, err
	}
	persons, err := parties(ctx, tx, p)
	return p, persons, err
}

// parties are whom a policy concerns in person: who brought it, and its
// policyholders.
func parties(ctx context.Context, tx *store.Tx, p policy.Policy) ([]event.Person, error) {
	all, err := tx.Producers(ctx, p.Submission)
	if err != nil {
		return nil, err
	}
	holders, err := tx.Insureds(ctx, p.ID)
	for _, h := range holders {
		all = append(all, event.Person{Subject: h.String(), Org: p.Org, As: event.Insured})
	}
	return all, err
}
