package store

import (
	"context"
	"strings"

	"cloud.google.com/go/civil"
	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/carrier"
	"github.com/openinsure/openinsure/internal/insurance/producer"
)

// ErrDuplicateNPN is the answer to a second producer with one NPN.
var ErrDuplicateNPN = fault.New(fault.Conflict, "duplicate_npn", "Another producer of your organization has this NPN.").Field("npn", "unique")

const producerColumns = `t.id, t.org_id, coalesce(t.external_id, ''), t.type, t.legal_name, t.dba, t.ein, t.npn, t.email, t.phone, t.parent_id, t.firm_id,
	t.status, t.review, t.screening, t.metadata, t.created_by, t.created_at, t.updated_at, t.version`

func scanProducer(row pgx.CollectableRow) (producer.Producer, error) {
	var p producer.Producer
	return p, row.Scan(&p.ID, &p.Org, &p.ExternalID, &p.Type, &p.LegalName, &p.DBA, &p.EIN, &p.NPN, &p.Email, &p.Phone, &p.Parent, &p.Firm,
		&p.Status, &p.Review, &p.Screening, &p.Metadata, &p.CreatedBy, &p.CreatedAt, &p.UpdatedAt, &p.Version)
}

// producerSQL reads one producer.
const producerSQL = `SELECT ` + producerColumns + ` FROM producer t WHERE t.org_id = $1 AND t.id = $2`

// Producer reads a producer of the reader's organisation.
func (r Reader) Producer(ctx context.Context, id producer.ID) (producer.Producer, error) {
	return one(ctx, r, scanProducer, producerSQL, r.org.UUID(), id.UUID())
}

// lockProducerSQL is producerSQL, and locks it against changes.
const lockProducerSQL = producerSQL + ` FOR NO KEY UPDATE`

// LockProducer reads a producer that nobody else changes until the end of the
// transaction.
func (tx *Tx) LockProducer(ctx context.Context, id producer.ID) (producer.Producer, error) {
	if err := tx.turn(ctx, id); err != nil {
		return producer.Producer{}, err
	}
	return one(ctx, tx.Reader, scanProducer, lockProducerSQL, tx.org.UUID(), id.UUID())
}

// LockFirms makes whoever says which firm a producer belongs to wait for each
// other until the end of the transaction.
func (tx *Tx) LockFirms(ctx context.Context) error {
	_, err := run(ctx, tx.Reader, lockNumberSQL, lockNumber("firms of "+tx.org.String()))
	return err
}

// hasMembersSQL reports whether producers belong to one.
const hasMembersSQL = `SELECT EXISTS (SELECT FROM producer t WHERE t.org_id = $1 AND t.parent_id = $2)`

// HasMembers reports whether other producers belong to one: it is a firm.
func (r Reader) HasMembers(ctx context.Context, id producer.ID) (bool, error) {
	return one(ctx, r, pgx.RowTo[bool], hasMembersSQL, r.org.UUID(), id.UUID())
}

// holdProducerSQL is producerSQL, and keeps others from changing it; many may
// hold it at once.
const holdProducerSQL = producerSQL + ` FOR SHARE`

// A ProducerFilter narrows a list; empty fields do not.
type ProducerFilter struct {
	Search     string // in the names, the NPN and the address; small and capital letters alike
	Status     string
	Type       string
	ExternalID string
	NPN        string
}

// ProducersBy lists those of the reader's organisation, newest first.
func (r Reader) ProducersBy(ctx context.Context, f ProducerFilter, p Page) ([]producer.Producer, error) {
	w := r.where()
	w.equal("status", f.Status)
	w.equal("type", f.Type)
	w.equal("external_id", f.ExternalID)
	w.equal("npn", f.NPN)
	if f.Search != "" {
		w.and("strpos(t.search, $?) > 0", strings.ToLower(f.Search))
	}
	return list(ctx, r, scanProducer, producerColumns, "producer", "created_at", w, p)
}

// optional is NULL for no id.
func optional(id interface {
	IsZero() bool
	UUID() string
},
) *string {
	if id.IsZero() {
		return nil
	}
	return new(id.UUID())
}

// searchable is what a producer is found by.
func searchable(p producer.Producer) string {
	return strings.ToLower(strings.Join([]string{p.LegalName, p.DBA, p.NPN, p.Email}, "\n"))
}

// addProducerSQL adds a producer.
const addProducerSQL = `INSERT INTO producer (id, org_id, external_id, type, legal_name, dba, ein, npn, email, phone, parent_id, firm_id, status, review,
		screening, metadata, search, created_by, created_at, updated_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $19)`

// AddProducer adds a producer: ErrDuplicateNPN and ErrDuplicateExternalID when
// one is taken.
func (tx *Tx) AddProducer(ctx context.Context, p producer.Producer) error {
	_, err := run(ctx, tx.Reader, addProducerSQL, p.ID.UUID(), tx.org.UUID(), null(p.ExternalID), p.Type, p.LegalName, p.DBA, p.EIN, p.NPN, p.Email,
		p.Phone, optional(p.Parent), optional(p.Firm), p.Status, p.Review, p.Screening, p.Metadata, searchable(p), p.CreatedBy, p.CreatedAt)
	return err
}

// saveProducerSQL saves a producer that is locked.
const saveProducerSQL = `UPDATE producer t SET legal_name = $3, dba = $4, ein = $5, email = $6, phone = $7, parent_id = $8, firm_id = $9, status = $10,
		review = $11, screening = $12, metadata = $13, search = $14, updated_at = $15, version = t.version + 1
	WHERE t.org_id = $1 AND t.id = $2`

// SaveProducer saves a producer that the transaction has locked.
func (tx *Tx) SaveProducer(ctx context.Context, p producer.Producer) error {
	_, err := run(ctx, tx.Reader, saveProducerSQL, tx.org.UUID(), p.ID.UUID(), p.LegalName, p.DBA, p.EIN, p.Email, p.Phone, optional(p.Parent),
		optional(p.Firm), p.Status, p.Review, p.Screening, p.Metadata, searchable(p), p.UpdatedAt)
	return err
}

// knownFirmSQL is whether somebody of another organisation was ever in a room of
// ours; crosses orgs: what is asked about is another one.
const knownFirmSQL = `SELECT true FROM participant p JOIN room r ON r.id = p.room_id JOIN app_user u ON u.id = p.user_id
	WHERE r.org_id = $1 AND u.org_id = $2 LIMIT 1`

// KnowsFirm is whether the transaction's organisation has met another one: some of
// its people were in a room. Of others it is not told whether there are any.
func (tx *Tx) KnowsFirm(ctx context.Context, firm access.OrgID) (bool, error) {
	found := false
	err := tx.beyond(ctx, func(b *pgx.Batch) {
		b.Queue(knownFirmSQL, tx.org.UUID(), firm.UUID()).Query(func(rows pgx.Rows) error {
			found = rows.Next()
			rows.Close()
			return rows.Err()
		})
	})
	return found, err
}

const licenseColumns = `t.id, t.producer_id, t.number, t.type, t.state, t.lines, t.effective::text, t.expiration::text, t.status, t.created_at, t.updated_at`

func scanLicense(row pgx.CollectableRow) (producer.License, error) {
	var l producer.License
	return l, row.Scan(&l.ID, &l.Producer, &l.Number, &l.Type, &l.State, &l.Lines, day(&l.Effective), day(&l.Expiration), &l.Status, &l.CreatedAt, &l.UpdatedAt)
}

// licensesSQL reads the licences of a producer.
const licensesSQL = `SELECT ` + licenseColumns + ` FROM producer_license t WHERE t.org_id = $1 AND t.producer_id = $2 ORDER BY t.created_at, t.id`

// Licenses lists what a producer is licensed for, the oldest first.
func (r Reader) Licenses(ctx context.Context, id producer.ID) ([]producer.License, error) {
	return many(ctx, r, scanLicense, licensesSQL, r.org.UUID(), id.UUID())
}

// licenseSQL reads a licence for a change; its producer is locked.
const licenseSQL = `SELECT ` + licenseColumns + ` FROM producer_license t WHERE t.org_id = $1 AND t.producer_id = $2 AND t.id = $3`

// License reads one licence of a producer.
func (r Reader) License(ctx context.Context, of producer.ID, id producer.LicenseID) (producer.License, error) {
	return one(ctx, r, scanLicense, licenseSQL, r.org.UUID(), of.UUID(), id.UUID())
}

// addLicenseSQL adds a licence.
const addLicenseSQL = `INSERT INTO producer_license (id, org_id, producer_id, number, type, state, lines, effective, expiration, status, created_at, updated_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text::date, $9::text::date, $10, $11, $11)`

// AddLicense adds a licence of a producer that is locked.
func (tx *Tx) AddLicense(ctx context.Context, l producer.License) error {
	_, err := run(ctx, tx.Reader, addLicenseSQL, l.ID.UUID(), tx.org.UUID(), l.Producer.UUID(), l.Number, l.Type, l.State, some(l.Lines),
		l.Effective.String(), l.Expiration.String(), l.Status, l.CreatedAt)
	return err
}

// saveLicenseSQL saves a licence.
const saveLicenseSQL = `UPDATE producer_license t SET expiration = $3::text::date, status = $4, updated_at = $5 WHERE t.org_id = $1 AND t.id = $2`

// SaveLicense saves a licence of a producer that is locked.
func (tx *Tx) SaveLicense(ctx context.Context, l producer.License) error {
	_, err := run(ctx, tx.Reader, saveLicenseSQL, tx.org.UUID(), l.ID.UUID(), l.Expiration.String(), l.Status, l.UpdatedAt)
	return err
}

const appointmentColumns = `t.id, t.producer_id, coalesce((SELECT c.name FROM carrier c WHERE c.org_id = $1 AND c.id = t.carrier_id), t.carrier),
	t.carrier_id, t.state, t.lines, t.contract::text, t.status, t.filed_on::text, t.confirmation, t.ended::text,
	t.cause, t.noticed_on::text, t.created_at, t.updated_at`

func scanAppointment(row pgx.CollectableRow) (producer.Appointment, error) {
	var a producer.Appointment
	return a, row.Scan(&a.ID, &a.Producer, &a.Carrier, &a.CarrierID, &a.State, &a.Lines, day(&a.Contract), &a.Status, maybeDay(&a.FiledOn), &a.Confirmation,
		maybeDay(&a.Ended), &a.Cause, maybeDay(&a.NoticedOn), &a.CreatedAt, &a.UpdatedAt)
}

// maybeDayScanner reads a civil day, or none.
type maybeDayScanner struct{ to *civil.Date }

func maybeDay(to *civil.Date) maybeDayScanner { return maybeDayScanner{to} }

// Scan implements sql.Scanner.
func (d maybeDayScanner) Scan(src any) error {
	if src == nil {
		*d.to = civil.Date{}
		return nil
	}
	return day(d.to).Scan(src)
}

// nullDay is NULL for no day.
func nullDay(d civil.Date) *string {
	if d.IsZero() {
		return nil
	}
	return new(d.String())
}

// appointmentsSQL reads the appointments of a producer.
const appointmentsSQL = `SELECT ` + appointmentColumns + ` FROM producer_appointment t WHERE t.org_id = $1 AND t.producer_id = $2 ORDER BY t.created_at, t.id`

// Appointments lists where a producer is appointed, the oldest first.
func (r Reader) Appointments(ctx context.Context, id producer.ID) ([]producer.Appointment, error) {
	return many(ctx, r, scanAppointment, appointmentsSQL, r.org.UUID(), id.UUID())
}

// appointmentSQL reads an appointment for a change; its producer is locked.
const appointmentSQL = `SELECT ` + appointmentColumns + ` FROM producer_appointment t WHERE t.org_id = $1 AND t.producer_id = $2 AND t.id = $3`

// Appointment reads one appointment of a producer.
func (r Reader) Appointment(ctx context.Context, of producer.ID, id producer.AppointmentID) (producer.Appointment, error) {
	return one(ctx, r, scanAppointment, appointmentSQL, r.org.UUID(), of.UUID(), id.UUID())
}

// addAppointmentSQL adds an appointment.
const addAppointmentSQL = `INSERT INTO producer_appointment (id, org_id, producer_id, carrier, carrier_id, state, lines, contract, status, created_at, updated_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text::date, $9, $10, $10)`

// AddAppointment adds an appointment of a producer that is locked.
func (tx *Tx) AddAppointment(ctx context.Context, a producer.Appointment) error {
	_, err := run(ctx, tx.Reader, addAppointmentSQL, a.ID.UUID(), tx.org.UUID(), a.Producer.UUID(), a.Carrier, optional(a.CarrierID), a.State, some(a.Lines),
		a.Contract.String(), a.Status, a.CreatedAt)
	return err
}

// saveAppointmentSQL saves an appointment.
const saveAppointmentSQL = `UPDATE producer_appointment t SET status = $3, filed_on = $4::text::date, confirmation = $5, ended = $6::text::date, cause = $7,
		noticed_on = $8::text::date, updated_at = $9
	WHERE t.org_id = $1 AND t.id = $2`

// SaveAppointment saves an appointment of a producer that is locked.
func (tx *Tx) SaveAppointment(ctx context.Context, a producer.Appointment) error {
	_, err := run(ctx, tx.Reader, saveAppointmentSQL, tx.org.UUID(), a.ID.UUID(), a.Status, nullDay(a.FiledOn), a.Confirmation, nullDay(a.Ended), a.Cause,
		nullDay(a.NoticedOn), a.UpdatedAt)
	return err
}

// keepAppointedSQL gives the id of a carrier to the appointments that go by its
// name alone.
const keepAppointedSQL = `UPDATE producer_appointment t SET carrier_id = $2 WHERE t.org_id = $1 AND t.carrier_id IS NULL AND lower(t.carrier) = lower($3::text)`

// KeepAppointed lets the appointments that go by the name of a carrier alone stay
// its own when it takes another. The carrier is locked; their producers need not be,
// for what they may sell stays as it is.
func (tx *Tx) KeepAppointed(ctx context.Context, c carrier.ID, name string) error {
	_, err := run(ctx, tx.Reader, keepAppointedSQL, tx.org.UUID(), c.UUID(), name)
	return err
}

// HoldProducerFile is ProducerFile, and nobody changes what it read until the
// end of the transaction: licences and appointments change only under the lock
// of their producer.
func (tx *Tx) HoldProducerFile(ctx context.Context, id producer.ID) (producer.File, *producer.File, error) {
	if err := tx.shareFile(ctx, id); err != nil {
		return producer.File{}, nil, err
	}
	return tx.file(ctx, holdProducerSQL, id)
}

// ProducerFile reads what is on file about a producer, and about the firm that
// he belongs to when there is one.
func (r Reader) ProducerFile(ctx context.Context, id producer.ID) (producer.File, *producer.File, error) {
	return r.file(ctx, producerSQL, id)
}

// file reads a producer by a statement, and then all that is on file.
func (r Reader) file(ctx context.Context, sql string, id producer.ID) (producer.File, *producer.File, error) {
	p, err := one(ctx, r, scanProducer, sql, r.org.UUID(), id.UUID())
	if err != nil {
		return producer.File{}, nil, err
	}
	f, firm := producer.File{Producer: p}, producer.File{}
	var firms []producer.Producer
	b := &pgx.Batch{}
	r.queueFile(b, &f, p.ID)
	if !p.Parent.IsZero() {
		queue(b, &firms, scanProducer, sql, r.org.UUID(), p.Parent.UUID())
		r.queueFile(b, &firm, p.Parent)
	}
	if err := r.q.SendBatch(ctx, b).Close(); err != nil {
		return f, nil, faultOf(err)
	}
	switch {
	case p.Parent.IsZero():
		return f, nil, nil
	case len(firms) == 0:
		return f, nil, fault.ErrNotFound
	}
	firm.Producer = firms[0]
	return f, &firm, nil
}

func (r Reader) queueFile(b *pgx.Batch, f *producer.File, id producer.ID) {
	queue(b, &f.Licenses, scanLicense, licensesSQL, r.org.UUID(), id.UUID())
	queue(b, &f.Appointments, scanAppointment, appointmentsSQL, r.org.UUID(), id.UUID())
}
