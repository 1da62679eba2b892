package store

import (
	"context"
	"time"

	"cloud.google.com/go/civil"
	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/insurance/producer"
	"github.com/openinsure/openinsure/internal/insurance/submission"
)

const submissionColumns = `t.id, t.org_id, coalesce(t.external_id, ''), t.insured_name, t.naics_code, t.annual_revenue, t.requested_limit,
	t.effective_date::text, t.state, t.line_of_business, t.risk, t.insured, t.metadata, t.status, t.created_by, t.created_at, t.updated_at, t.version, t.producer_id,
	t.priority, t.assignee, t.claimed_at, t.ending, t.score, t.lane, t.factors, t.clocks, t.screening`

func scanSubmission(row pgx.CollectableRow) (submission.Submission, error) {
	var s submission.Submission
	return s, row.Scan(submissionInto(&s)...)
}

func submissionInto(s *submission.Submission) []any {
	return []any{
		&s.ID, &s.Org, &s.ExternalID, &s.InsuredName, &s.NAICS, &s.AnnualRevenue, &s.RequestedLimit, day(&s.EffectiveDate), &s.State, &s.LineOfBusiness,
		&s.Exposure, &s.Insured, &s.Metadata, &s.Status, &s.CreatedBy, &s.CreatedAt, &s.UpdatedAt, &s.Version, &s.Producer,
		&s.Priority, &s.Assignee, &s.ClaimedAt, &s.Ending, &s.Triage.Score, &s.Triage.Lane, &s.Triage.Factors, &s.Clocks, &s.Screening,
	}
}

// dayScanner reads a civil day from its text form.
type dayScanner struct{ to *civil.Date }

func day(to *civil.Date) dayScanner { return dayScanner{to} }

// Scan implements sql.Scanner.
func (d dayScanner) Scan(src any) error {
	s, _ := src.(string)
	v, err := civil.ParseDate(s)
	*d.to = v
	return err
}

// null is NULL for the empty string.
func null(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// submissionSQL reads one submission.
const submissionSQL = `SELECT ` + submissionColumns + ` FROM submission t WHERE t.org_id = $1 AND t.id = $2`

// Submission reads one submission.
func (r Reader) Submission(ctx context.Context, id submission.ID) (submission.Submission, error) {
	return one(ctx, r, scanSubmission, submissionSQL, r.org.UUID(), id.UUID())
}

// lockSubmissionSQL reads one submission for change; it is the first lock that
// a quote or a bind takes.
const lockSubmissionSQL = submissionSQL + ` FOR NO KEY UPDATE`

// LockSubmission reads a submission that nobody else changes until the end of
// the transaction.
func (tx *Tx) LockSubmission(ctx context.Context, id submission.ID) (submission.Submission, error) {
	return one(ctx, tx.Reader, scanSubmission, lockSubmissionSQL, tx.org.UUID(), id.UUID())
}

// SubmissionFilter narrows a list; empty fields do not.
type SubmissionFilter struct {
	Status, LineOfBusiness, ExternalID string
	Assignee, Lane, Sanctions          string
	Producer                           producer.ID
	EffectiveFrom, EffectiveTo         civil.Date // both included
	CreatedFrom, CreatedTo             civil.Date // days of UTC, both included
}

// Submissions lists what the scope allows, newest first.
func (r Reader) Submissions(ctx context.Context, see access.Scope, f SubmissionFilter, p Page) ([]submission.Submission, error) {
	w := r.where()
	w.scope(see)
	w.equal("status", f.Status)
	w.equal("line_of_business", f.LineOfBusiness)
	w.equal("external_id", f.ExternalID)
	w.equal("assignee", f.Assignee)
	w.equal("lane", f.Lane)
	w.equal("sanctions", f.Sanctions)
	if !f.Producer.IsZero() {
		w.and("t.producer_id = $?", f.Producer.UUID())
	}
	w.days("effective_date", f.EffectiveFrom, f.EffectiveTo)
	w.created(f)
	return list(ctx, r, scanSubmission, submissionColumns, "submission", "created_at", w, p)
}

// created keeps rows that were created on the days of a filter.
func (w *where) created(f SubmissionFilter) {
	if !f.CreatedFrom.IsZero() {
		w.and("t.created_at >= $?", f.CreatedFrom.In(time.UTC))
	}
	if !f.CreatedTo.IsZero() {
		w.and("t.created_at < $?", f.CreatedTo.AddDays(1).In(time.UTC))
	}
}

// days keeps rows whose day is from one to another, both included.
func (w *where) days(column string, from, to civil.Date) {
	if !from.IsZero() {
		w.and("t."+column+" >= $?::text::date", from.String())
	}
	if !to.IsZero() {
		w.and("t."+column+" <= $?::text::date", to.String())
	}
}

// addSubmissionSQL adds a submission.
const addSubmissionSQL = `INSERT INTO submission (id, org_id, external_id, insured_name, naics_code, annual_revenue, requested_limit,
	effective_date, state, line_of_business, risk, insured, metadata, status, created_by, created_at, updated_at, producer_id,
	priority, score, queue_rank, lane, factors, match_name, match_email, match_fein, match_address, clocks, queue_at, risk_at, timer_at,
	screening, screened_by, sanctions, version)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text::date, $9, $10, $11, $12, $13, $14, $15, $16, $16, $17,
		$18, $19::smallint, 100 - $19::smallint, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33)`

// AddSubmission adds a submission; ErrDuplicateExternalID when its own id of
// the caller's is taken.
func (tx *Tx) AddSubmission(ctx context.Context, s submission.Submission) error {
	m, t := s.Marks(), s.Triaged()
	due, risk := s.Clocks.Due()
	_, err := run(ctx, tx.Reader, addSubmissionSQL, s.ID.UUID(), s.Org.UUID(), null(s.ExternalID), s.InsuredName, s.NAICS, int64(s.AnnualRevenue),
		int64(s.RequestedLimit), s.EffectiveDate.String(), s.State, s.LineOfBusiness, s.Exposure, s.Insured, s.Metadata, string(s.Status), s.CreatedBy, s.CreatedAt, optional(s.Producer),
		string(s.Urgent()), t.Score, string(t.Lane), t.Factors, null(m.Name), null(m.Email), null(m.FEIN), null(m.Address),
		s.Clocks, instant(due), instant(risk), instant(s.TimerAt()), s.Screening, s.Screening.Version, string(s.Sanctions()),
		max(s.Version, 1))
	return err
}

// instant is NULL for the zero time.
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// saveSubmissionSQL moves a locked submission to another state.
const saveSubmissionSQL = `UPDATE submission t SET status = $3, updated_at = $4, assignee = $5, claimed_at = $6, ending = $7,
	clocks = $8, queue_at = $9, risk_at = $10, timer_at = $11, version = version + 1 WHERE t.org_id = $1 AND t.id = $2`

// SaveSubmission saves where a submission stands that this transaction locked:
// its state, who works on it, its clocks.
func (tx *Tx) SaveSubmission(ctx context.Context, s submission.Submission) error {
	due, risk := s.Clocks.Due()
	return tx.write(ctx, saveSubmissionSQL, tx.org.UUID(), s.ID.UUID(), string(s.Status), s.UpdatedAt, s.Assignee, s.ClaimedAt, s.Ending,
		s.Clocks, instant(due), instant(risk), instant(s.TimerAt()))
}

// correctSubmissionSQL changes what a locked submission says.
const correctSubmissionSQL = `UPDATE submission t SET external_id = $3, insured_name = $4, naics_code = $5, annual_revenue = $6, requested_limit = $7,
	effective_date = $8::text::date, state = $9, line_of_business = $10, risk = $11, insured = $12, metadata = $13, producer_id = $14, priority = $15,
	score = $16::smallint, queue_rank = 100 - $16::smallint, lane = $17, factors = $18, match_name = $19, match_email = $20, match_fein = $21, match_address = $22
	WHERE t.org_id = $1 AND t.id = $2`

// CorrectSubmission saves what a submission says that this transaction locked,
// and where it stands; ErrDuplicateExternalID as AddSubmission.
func (tx *Tx) CorrectSubmission(ctx context.Context, s submission.Submission) error {
	m, t := s.Marks(), s.Triaged()
	_, err := run(ctx, tx.Reader, correctSubmissionSQL, tx.org.UUID(), s.ID.UUID(), null(s.ExternalID), s.InsuredName, s.NAICS, int64(s.AnnualRevenue),
		int64(s.RequestedLimit), s.EffectiveDate.String(), s.State, s.LineOfBusiness, s.Exposure, s.Insured, s.Metadata, optional(s.Producer), string(s.Urgent()),
		t.Score, string(t.Lane), t.Factors, null(m.Name), null(m.Email), null(m.FEIN), null(m.Address))
	if err != nil {
		return err
	}
	return tx.SaveSubmission(ctx, s)
}

// producersSQL finds who brought a submission: its producers, in person or by
// their firm, and the brokers in its room; crosses orgs: a producer is of
// another company.
const producersSQL = `SELECT u.id, u.org_id FROM app_user u WHERE u.status = 'active' AND u.id IN (
		SELECT t.subject_id::uuid FROM relationship t
		WHERE t.object_type = 'submission' AND t.object_id = $1 AND t.relation = 'producer' AND t.subject_type = 'user'
		UNION SELECT m.id FROM relationship t JOIN app_user m ON m.org_id = t.subject_id::uuid
		WHERE t.object_type = 'submission' AND t.object_id = $1 AND t.relation = 'producer' AND t.subject_type = 'org'
		UNION SELECT p.user_id FROM room r JOIN participant p ON p.room_id = r.id
		WHERE r.submission_id = $1::uuid AND p.role = 'broker' AND p.left_at IS NULL) ORDER BY u.id`

// Producers returns who brought a submission that the transaction has locked.
func (tx *Tx) Producers(ctx context.Context, id submission.ID) ([]event.Person, error) {
	var out []event.Person
	err := tx.beyond(ctx, func(b *pgx.Batch) {
		b.Queue(producersSQL, id.UUID()).Query(func(rows pgx.Rows) error {
			var user access.UserID
			var org access.OrgID
			_, err := pgx.ForEachRow(rows, []any{&user, &org}, func() error {
				out = append(out, event.Person{Subject: user.String(), Org: org, As: event.Producer})
				return nil
			})
			return err
		})
	})
	return out, err
}
