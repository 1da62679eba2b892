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
	"github.com/openinsure/openinsure/internal/insurance/producer"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/store"
)

// onboarding is the source of a screening in the audit log.
const onboarding = "producer_onboarding"

// TakeOn adds a producer, pending, after its names were compared with sanctions
// lists: producer.ErrSanctions, which is in the audit log, when there can be no
// business. What p says of its id, organisation, state and times is overwritten.
func (d *Desk) TakeOn(ctx context.Context, by access.Actor, p producer.Producer) (producer.Producer, error) {
	if err := d.mayManage(ctx, by); err != nil {
		return p, err
	}
	ahead, err := d.db.As(by).Ahead(ctx)
	if err != nil {
		return p, err
	}
	at := d.real().Add(ahead)
	p.ID, p.Org, p.Status, p.CreatedBy, p.CreatedAt, p.UpdatedAt, p.Version = producer.NewID(at), by.Org, producer.Pending, by.ID, at, at, 1
	if p.Metadata == nil {
		p.Metadata = map[string]string{}
	}
	p, err = d.screen(ctx, by, p, onboarding)
	if err != nil {
		return p, err
	}
	err = d.db.InTx(ctx, by, func(tx *store.Tx) error {
		if err := related(ctx, tx, producer.Producer{}, p); err != nil {
			return err
		}
		tx.Emit(event.New(p.Org, p.ID.String(), event.ProducerCreated{
			ProducerID: p.ID.String(), LegalName: p.LegalName, Type: string(p.Type), NPN: p.NPN, ExternalID: p.ExternalID,
		}, at).With(p.Metadata))
		d.tellReview(tx, p)
		tx.Audit(by, audit.Fact{Action: audit.ProducerAdded, Object: p.ID.String()})
		tx.Audit(by, screened(p, onboarding))
		return tx.AddProducer(ctx, p)
	})
	if err != nil {
		return p, fmt.Errorf("take on a producer: %w", err)
	}
	return p, nil
}

func (d *Desk) mayManage(ctx context.Context, by access.Actor) error {
	return access.Check(ctx, d.db.As(by), by, access.ManageProducers, access.OrgObject(by.Org))
}

// screen compares a producer's names with the sanctions lists. A refusal changes
// nothing and is kept in the audit log all the same.
func (d *Desk) screen(ctx context.Context, by access.Actor, p producer.Producer, source string) (producer.Producer, error) {
	s := d.cfg.Sanctions.Screen(p.Names())
	p, err := p.Screened(s)
	if err == nil {
		return p, nil
	}
	p.Screening = s
	f := screened(p, source)
	f.Outcome, f.Reason = audit.Refused, producer.ErrSanctions.Code()
	return p, errors.Join(err, d.db.AddAudit(ctx, audit.New(by, f, d.real())))
}

// screened is what the audit log keeps of a producer's screening.
func screened(p producer.Producer, source string) audit.Fact {
	return screenedFact(audit.ProducerScreened, p.ID.String(), p.Screening, source)
}

// screenedFact is what the audit log keeps of a screening: entries and scores,
// and nobody's name.
func screenedFact(what audit.Action, of string, s producer.Screening, source string) audit.Fact {
	entries, scores := []string{}, []float64{}
	for _, m := range s.Matches {
		entries, scores = append(entries, m.EntryID), append(scores, m.Score)
	}
	return audit.Fact{Action: what, Object: of, Details: audit.Details{
		"source": source, "list": s.List, "decision": string(s.Decision), "entries": entries, "scores": scores,
	}}
}

func (d *Desk) tellReview(tx *store.Tx, p producer.Producer) {
	if p.Review {
		tx.Emit(event.New(p.Org, p.ID.String(), event.SanctionsReview{
			ProducerID: p.ID.String(), Decision: string(p.Screening.Decision), Matches: len(p.Screening.Matches), List: p.Screening.List, ExternalID: p.ExternalID,
		}, p.UpdatedAt).With(p.Metadata))
	}
}

// related checks the firm that a producer belongs to, and the organisation that
// its firm is on this platform, where they are not what they were: one that was
// met in a room, or ids could be tried.
func related(ctx context.Context, tx *store.Tx, was, p producer.Producer) error {
	if !p.Parent.IsZero() && p.Parent != was.Parent {
		if err := belongs(ctx, tx, p); err != nil {
			return err
		}
	}
	if p.Firm.IsZero() || p.Firm == was.Firm {
		return nil
	}
	known, err := tx.KnowsFirm(ctx, p.Firm)
	if err == nil && !known {
		err = fault.ErrValidation.Field("firmOrgId", "exists")
	}
	return err
}

// belongs checks the firm that a producer is to belong to. Firms belong to none,
// however many say so at once.
func belongs(ctx context.Context, tx *store.Tx, p producer.Producer) error {
	if err := tx.LockFirms(ctx); err != nil {
		return err
	}
	firm, err := tx.Producer(ctx, p.Parent)
	if errors.Is(err, fault.ErrNotFound) || err == nil && (p.Parent == p.ID || firm.Type == producer.Individual || !firm.Parent.IsZero()) {
		return producer.ErrParent
	}
	if err != nil {
		return err
	}
	members, err := tx.HasMembers(ctx, p.ID)
	if err == nil && members {
		err = producer.ErrParent
	}
	return err
}

// onProducer changes a producer that is locked, and saves it.
func (d *Desk) onProducer(ctx context.Context, by access.Actor, id producer.ID, seen Version, fn func(*store.Tx, producer.Producer) (producer.Producer, error)) (producer.Producer, error) {
	var p producer.Producer
	err := d.db.InTx(ctx, by, func(tx *store.Tx) error {
		if err := access.Check(ctx, tx, by, access.ManageProducers, access.OrgObject(by.Org)); err != nil {
			return err
		}
		was, err := tx.LockProducer(ctx, id)
		if err != nil {
			return err
		}
		if err := seen(was.Version); err != nil {
			return err
		}
		if p, err = fn(tx, was); err != nil {
			return err
		}
		if p.Status != was.Status {
			tx.Emit(event.New(p.Org, p.ID.String(), event.ProducerStatusChanged{
				ProducerID: p.ID.String(), LegalName: p.LegalName, Before: string(was.Status), Status: string(p.Status), ExternalID: p.ExternalID,
			}, p.UpdatedAt).With(p.Metadata))
		}
		p.Version++
		return tx.SaveProducer(ctx, p)
	})
	if err != nil {
		return p, fmt.Errorf("producer %s: %w", id, err)
	}
	return p, nil
}

// AmendProducer changes the profile of a producer, as change says. New names are
// compared with sanctions lists again.
func (d *Desk) AmendProducer(ctx context.Context, by access.Actor, id producer.ID, change func(*producer.Producer), seen Version) (producer.Producer, error) {
	return d.onProducer(ctx, by, id, seen, func(tx *store.Tx, was producer.Producer) (producer.Producer, error) {
		p := was
		change(&p)
		p.UpdatedAt = d.now(tx)
		if fmt.Sprint(p.Names()) != fmt.Sprint(was.Names()) {
			review := was.Review
			var err error
			if p, err = d.screen(ctx, by, p, "producer_changed"); err != nil {
				return p, err
			}
			p.Review = p.Review || review
			tx.Audit(by, screened(p, "producer_changed"))
			if !review {
				d.tellReview(tx, p)
			}
		}
		tx.Audit(by, audit.Fact{Action: audit.ProducerChanged, Object: id.String()})
		return p, related(ctx, tx, was, p)
	})
}

// MoveProducer brings a producer into another state; see producer.Producer.To.
func (d *Desk) MoveProducer(ctx context.Context, by access.Actor, id producer.ID, to producer.Status, seen Version) (producer.Producer, error) {
	return d.onProducer(ctx, by, id, seen, func(tx *store.Tx, p producer.Producer) (producer.Producer, error) {
		licenses, err := tx.Licenses(ctx, id)
		if err != nil {
			return p, err
		}
		tx.Audit(by, audit.Fact{Action: audit.ProducerChanged, Object: id.String(), Details: audit.Details{"before": string(p.Status), "status": string(to)}})
		return p.To(to, licenses, d.now(tx))
	})
}

// ReviewSanctions is a person's word about a match with a sanctions list; an
// administrator's.
func (d *Desk) ReviewSanctions(ctx context.Context, by access.Actor, id producer.ID, cleared bool, rationale string, seen Version) (producer.Producer, error) {
	if err := access.Check(ctx, d.db.As(by), by, access.Administer, access.OrgObject(by.Org)); err != nil {
		return producer.Producer{}, err
	}
	return d.onProducer(ctx, by, id, seen, func(tx *store.Tx, p producer.Producer) (producer.Producer, error) {
		decision := saying(cleared)
		p, err := p.Reviewed(cleared, d.now(tx))
		p.Screening.Reviewed = &producer.Reviewed{By: by.ID, At: p.UpdatedAt, Decision: decision, Rationale: rationale}
		tx.Audit(by, audit.Fact{Action: audit.ProducerReviewed, Object: id.String(), Details: audit.Details{"decision": decision}})
		return p, err
	})
}

// saying is a person's word about matches.
func saying(cleared bool) string {
	if cleared {
		return producer.ClearedByPerson
	}
	return producer.BlockedByPerson
}

// AddLicense notes a licence of a producer.
func (d *Desk) AddLicense(ctx context.Context, by access.Actor, l producer.License) (producer.License, error) {
	_, err := d.onProducer(ctx, by, l.Producer, anyVersion, func(tx *store.Tx, p producer.Producer) (producer.Producer, error) {
		at := d.now(tx)
		l.ID, l.CreatedAt, l.UpdatedAt = producer.NewLicenseID(at), at, at
		if err := errors.Join(l.Check(), submission.CheckState(l.State)); err != nil {
			return p, err
		}
		tx.Audit(by, audit.Fact{Action: audit.LicenseAdded, Object: l.ID.String(), Details: audit.Details{"producerId": p.ID.String()}})
		return p, tx.AddLicense(ctx, l)
	})
	return l, err
}

// anyVersion is for changes beside the producer's own fields, which lose nothing
// when they cross.
func anyVersion(int) error { return nil }

// AmendLicense notes what a state says of a licence.
func (d *Desk) AmendLicense(ctx context.Context, by access.Actor, of producer.ID, id producer.LicenseID, status producer.LicenseStatus, expiration civil.Date) (producer.License, error) {
	var l producer.License
	_, err := d.onProducer(ctx, by, of, anyVersion, func(tx *store.Tx, p producer.Producer) (producer.Producer, error) {
		var err error
		if l, err = tx.License(ctx, of, id); err != nil {
			return p, err
		}
		if l, err = l.Amend(status, expiration, d.now(tx)); err != nil {
			return p, err
		}
		tx.Audit(by, audit.Fact{Action: audit.LicenseChanged, Object: id.String(), Details: audit.Details{"producerId": of.String(), "status": string(l.Status)}})
		return p, tx.SaveLicense(ctx, l)
	})
	return l, err
}

// Appoint makes an appointment of a producer, to be filed.
func (d *Desk) Appoint(ctx context.Context, by access.Actor, a producer.Appointment) (producer.Appointment, error) {
	_, err := d.onProducer(ctx, by, a.Producer, anyVersion, func(tx *store.Tx, p producer.Producer) (producer.Producer, error) {
		at := d.now(tx)
		a.ID, a.Status, a.CreatedAt, a.UpdatedAt = producer.NewAppointmentID(at), producer.AppointmentPending, at, at
		if a.Contract.IsZero() {
			a.Contract = civil.DateOf(at)
		}
		if p.Status == producer.Terminated {
			return p, producer.ErrState.With("status", p.Status)
		}
		if err := submission.CheckState(a.State); err != nil {
			return p, err
		}
		err := submission.Near(a.Check(), "contractDate", a.Contract, at, oldestContract)
		if err == nil {
			a, err = named(ctx, tx, a)
		}
		if err != nil {
			return p, err
		}
		tellAppointment(tx, p, a)
		tx.Audit(by, audit.Fact{Action: audit.AppointmentAdded, Object: a.ID.String(), Details: audit.Details{"producerId": p.ID.String()}})
		return p, tx.AddAppointment(ctx, a)
	})
	return a, err
}

// oldestContract is how many years an appointment may have been there before we
// hear of it: as many as an agency.
const oldestContract = 100

// named finds the carrier that an appointment names by id. One that is inactive
// will do: what is bound in its name is stopped elsewhere, and the state is told
// of the appointment all the same.
func named(ctx context.Context, tx *store.Tx, a producer.Appointment) (producer.Appointment, error) {
	if a.CarrierID.IsZero() {
		return a, nil
	}
	c, err := tx.Carrier(ctx, a.CarrierID)
	if err != nil {
		return a, unknown(err, carrier.ErrUnknown)
	}
	return a.Naming(c)
}

func tellAppointment(tx *store.Tx, p producer.Producer, a producer.Appointment) {
	tx.Emit(event.New(p.Org, p.ID.String(), event.AppointmentChanged{
		ProducerID: p.ID.String(), AppointmentID: a.ID.String(), Carrier: a.Carrier, CarrierID: a.CarrierID.String(), State: a.State, Status: string(a.Status),
	}, a.UpdatedAt))
}

// StepAppointment brings an appointment into its next state.
func (d *Desk) StepAppointment(ctx context.Context, by access.Actor, of producer.ID, id producer.AppointmentID, s producer.Step) (producer.Appointment, error) {
	var a producer.Appointment
	_, err := d.onProducer(ctx, by, of, anyVersion, func(tx *store.Tx, p producer.Producer) (producer.Producer, error) {
		var err error
		if a, err = tx.Appointment(ctx, of, id); err != nil {
			return p, err
		}
		if a, err = a.Take(s, d.now(tx)); err != nil {
			return p, err
		}
		tellAppointment(tx, p, a)
		tx.Audit(by, audit.Fact{Action: audit.AppointmentChanged, Object: id.String(), Details: audit.Details{"producerId": of.String(), "status": string(a.Status)}})
		return p, tx.SaveAppointment(ctx, a)
	})
	return a, err
}

// brought checks who brings a submission: somebody who may still be dealt with.
// His firm's people hear of it from now on.
func brought(ctx context.Context, tx *store.Tx, s submission.Submission) error {
	if s.Producer.IsZero() {
		return nil
	}
	firm, p, err := firmOf(ctx, tx, s)
	if errors.Is(err, fault.ErrNotFound) || err == nil && p.Status == producer.Terminated {
		return fault.ErrValidation.Field("producerId", "exists")
	}
	if err != nil || firm.IsZero() {
		return err
	}
	return tx.Relate(ctx, submissionObject(s), access.Tuple{Relation: event.Producer, SubjectType: "org", SubjectID: firm.UUID(), SubjectRelation: "member"})
}

// firmOf is the firm of whoever brings a submission, when it is an organisation
// of its own; zero when it is none.
func firmOf(ctx context.Context, tx *store.Tx, s submission.Submission) (access.OrgID, producer.Producer, error) {
	f, firm, err := tx.HoldProducerFile(ctx, s.Producer)
	if err != nil {
		return access.OrgID{}, f.Producer, err
	}
	org := f.Producer.Firm
	if org.IsZero() && firm != nil {
		org = firm.Producer.Firm
	}
	if org == s.Org {
		org = access.OrgID{}
	}
	return org, f.Producer, nil
}

// handedOver lets another producer bring a submission in place of the one who
// did: the firm of the one before is told no more.
func handedOver(ctx context.Context, tx *store.Tx, before, s submission.Submission) error {
	if before.Producer == s.Producer {
		return nil
	}
	if !before.Producer.IsZero() {
		firm, _, err := firmOf(ctx, tx, before)
		if err != nil {
			return err
		}
		if !firm.IsZero() {
			if err := tx.Unrelate(ctx, submissionObject(s), "org", firm.UUID()); err != nil {
				return err
			}
		}
	}
	return brought(ctx, tx, s)
}

// soldBy is the gate of whoever brought the business: licensed, active, not under
// review and appointed, with the agreement's carrier when there is one, on the day
// of the bind. What was on file then is kept in the audit log.
func soldBy(_ context.Context, tx *store.Tx, b *bid) ([]string, error) {
	id := b.Submission.Producer
	if id.IsZero() {
		return nil, nil // direct business
	}
	f, firm, sale := b.File, b.Firm, saleOf(b.Submission, b.Cover.Covering, b.At)
	found := f.Against(sale, firm)
	if len(found) == 0 {
		details := audit.Details{"submissionId": b.Submission.ID.String(), "licenses": licensesOf(f), "appointments": appointmentsOf(f)}
		if firm != nil {
			details["firmId"], details["firmLicenses"], details["firmAppointments"] = firm.Producer.ID.String(), licensesOf(*firm), appointmentsOf(*firm)
		}
		if sale.Carrier != nil {
			details["carrierId"] = sale.Carrier.ID.String()
		}
		tx.Audit(b.By, audit.Fact{Action: audit.ProducerSaleChecked, Object: id.String(), Details: details})
	}
	return found, nil
}

// sellable lists what the gate of a bind would have against whoever brought the
// business today. It holds nobody: a quote is no sale.
func sellable(ctx context.Context, r store.Reader, c store.Covering, s submission.Submission, at time.Time) ([]string, error) {
	if s.Producer.IsZero() {
		return nil, nil
	}
	f, firm, err := r.ProducerFile(ctx, s.Producer)
	if err != nil {
		return nil, err
	}
	return f.Against(saleOf(s, c, at), firm), nil
}

// saleOf is what the producer of a submission would sell at a time, under what
// covers it.
func saleOf(s submission.Submission, c store.Covering, at time.Time) producer.Sale {
	sale := producer.Sale{State: s.State, Line: s.LineOfBusiness, On: civil.DateOf(at)}
	if c.Is {
		sale.Carrier = &c.Carrier
	}
	return sale
}

func licensesOf(f producer.File) []string {
	ids := make([]string, len(f.Licenses))
	for i, l := range f.Licenses {
		ids[i] = l.ID.String()
	}
	return ids
}

func appointmentsOf(f producer.File) []string {
	ids := make([]string, len(f.Appointments))
	for i, a := range f.Appointments {
		ids[i] = a.ID.String()
	}
	return ids
}
