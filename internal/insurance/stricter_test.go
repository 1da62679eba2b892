package insurance_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/authority"
	"github.com/openinsure/openinsure/internal/insurance/carrier"
	"github.com/openinsure/openinsure/internal/insurance/delegated"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/store/storetest"
)

// blamed are the fields that a change was refused for.
func blamed(err error) string {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return fmt.Sprint(f.Fields())
	}
	return fmt.Sprint(err)
}

// What was stored before a rule became stricter stands in the way of no change of
// something else.
func TestWhatIsAsItWasIsNotRefused(t *testing.T) {
	h := openHall(t)
	p := h.give(t, h.noor, 1, 1)
	storetest.SQL(t, h.db, `UPDATE authority_profile SET prohibited_states = '{ON}', lines = '{GL,GL}' WHERE id = $1`, p.ID.UUID())
	storetest.SQL(t, h.db, `UPDATE submission SET risk = risk || '{"experienceMod": "0", "aggregateLimit": 1}' WHERE id = $1`, h.sub.ID.UUID())
	profile := func(change func(*authority.Profile)) error {
		_, err := h.desk.ChangeProfile(t.Context(), h.ada, p.ID, whatever, change)
		return err
	}
	sub := func(change func(*submission.Submission)) error {
		_, err := h.desk.Correct(t.Context(), h.una, h.sub.ID, change, whatever)
		return err
	}
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"a profile's activity", profile(func(p *authority.Profile) { p.Active = false }), "<nil>"},
		{"its states", profile(func(p *authority.Profile) { p.ProhibitedStates = []string{"ON", "NY"} }), "[{prohibitedStates[0] enum}]"},
		{"its lines", profile(func(p *authority.Profile) { p.Lines = []string{"CYBER", "CYBER"} }), "[{authorizedLobs[1] unique}]"},
		{"its level", profile(func(p *authority.Profile) { p.Level = 0 }), "[{level min}]"},
		{"a submission's priority", sub(func(s *submission.Submission) { s.Priority = submission.High }), "<nil>"},
		{"its experience", sub(func(s *submission.Submission) { s.Exposure.ExperienceMod = "0.0" }), "[{experienceMod pattern}]"},
		{"its limit", sub(func(s *submission.Submission) { s.RequestedLimit++ }), "[{aggregateLimit min}]"},
		{"its state", sub(func(s *submission.Submission) { s.State = "XX" }), "[{state enum}]"},
	} {
		if got := blamed(tt.err); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestOfAnAgreementAndItsCarrierWhatIsAsItWasIsNotRefused(t *testing.T) {
	tr := newTreaty(t, 1)
	storetest.SQL(t, tr.db, `UPDATE carrier SET name = ' ' WHERE id = $1`, tr.carrier.ID.UUID())
	storetest.SQL(t, tr.db, `UPDATE da_agreement SET terms = terms || '{"maxAggregateLimit": 1, "excludedStates": ["ON"]}' WHERE id = $1`, tr.agreement.ID.UUID())
	company := func(change func(*carrier.Carrier)) error {
		_, err := tr.desk.ChangeCarrier(t.Context(), tr.ada, tr.carrier.ID, whatever, change)
		return err
	}
	agreement := func(change func(*delegated.Agreement)) error {
		_, err := tr.desk.ChangeAgreement(t.Context(), tr.ada, tr.agreement.ID, whatever, change)
		return err
	}
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"a carrier's number", company(func(c *carrier.Carrier) { c.NAIC = "12345" }), "<nil>"},
		{"its name", company(func(c *carrier.Carrier) { c.Name = "  " }), "[{name required}]"},
		{"an agreement's status", agreement(func(a *delegated.Agreement) { a.Status = delegated.Suspended }), "<nil>"},
		{"its limit", agreement(func(a *delegated.Agreement) { a.Terms.MaxOccurrence++ }), "[{maxAggregateLimit min}]"},
		{"its states", agreement(func(a *delegated.Agreement) { a.Terms.ExcludedStates = []string{"ON", "NY"} }), "[{excludedStates[0] enum}]"},
		{"its commission", agreement(func(a *delegated.Agreement) { a.Terms.ProducerCommission = -1 }), "[{producerCommissionBps min}]"},
	} {
		if got := blamed(tt.err); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
