package store

import (
	"context"
	"time"

	"cloud.google.com/go/civil"
	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/producer"
	"github.com/openinsure/openinsure/internal/insurance/submission"
)

// A sheet is what a draft says, as it is kept.
type sheet struct {
	ExternalID     string              `json:"externalId,omitempty"`
	InsuredName    string              `json:"insuredName,omitempty"`
	NAICS          string              `json:"naicsCode,omitempty"`
	AnnualRevenue  money.Cents         `json:"annualRevenue"` // submission.UnknownRevenue: nobody knows
	RequestedLimit money.Cents         `json:"requestedLimit,omitzero"`
	EffectiveDate  civil.Date          `json:"effectiveDate,omitzero"`
	State          string              `json:"state,omitempty"`
	LineOfBusiness string              `json:"lineOfBusiness,omitempty"`
	Producer       producer.ID         `json:"producerId,omitzero"`
	Exposure       submission.Risk     `json:"risk"`
	Insured        *submission.Insured `json:"insured,omitempty"`
	Priority       submission.Priority `json:"priority,omitempty"`
	Metadata       map[string]string   `json:"metadata"`
}

func sheetOf(s submission.Submission) sheet {
	return sheet{
		s.ExternalID, s.InsuredName, s.NAICS, s.AnnualRevenue, s.RequestedLimit, s.EffectiveDate, s.State, s.LineOfBusiness, s.Producer, s.Exposure, s.Insured,
		s.Priority, s.Metadata,
	}
}

const draftColumns = `t.id, t.org_id, t.created_by, t.created_at, t.updated_at, t.version, t.body`

func scanDraft(row pgx.CollectableRow) (submission.Submission, error) {
	s := submission.Submission{Status: submission.Draft}
	var b sheet
	err := row.Scan(&s.ID, &s.Org, &s.CreatedBy, &s.CreatedAt, &s.UpdatedAt, &s.Version, &b)
	s.ExternalID, s.InsuredName, s.NAICS, s.AnnualRevenue, s.RequestedLimit = b.ExternalID, b.InsuredName, b.NAICS, b.AnnualRevenue, b.RequestedLimit
	s.EffectiveDate, s.State, s.LineOfBusiness, s.Producer, s.Exposure = b.EffectiveDate, b.State, b.LineOfBusiness, b.Producer, b.Exposure
	s.Insured, s.Priority, s.Metadata = b.Insured, b.Priority, b.Metadata
	return s, err
}

// draftSQL reads one draft.
const draftSQL = `SELECT ` + draftColumns + ` FROM submission_draft t WHERE t.org_id = $1 AND t.id = $2`

// Draft reads a draft of a submission.
func (r Reader) Draft(ctx context.Context, id submission.ID) (submission.Submission, error) {
	return one(ctx, r, scanDraft, draftSQL, r.org.UUID(), id.UUID())
}

// lockDraftSQL is draftSQL, for change.
const lockDraftSQL = draftSQL + ` FOR UPDATE`

// LockDraft reads a draft that nobody else changes until the end of the
// transaction.
func (tx *Tx) LockDraft(ctx context.Context, id submission.ID) (submission.Submission, error) {
	return one(ctx, tx.Reader, scanDraft, lockDraftSQL, tx.org.UUID(), id.UUID())
}

// Drafts lists the drafts of one author, or of all when by is empty, newest first.
// What a draft does not say is met by no filter.
func (r Reader) Drafts(ctx context.Context, by string, f SubmissionFilter, p Page) ([]submission.Submission, error) {
	w := r.where()
	w.equal("created_by", by)
	said := func(test, value string) {
		if value != "" {
			w.and(test+" $?", value)
		}
	}
	said("t.body->>'lineOfBusiness' =", f.LineOfBusiness)
	said("t.body->>'externalId' =", f.ExternalID)
	said("t.body->>'producerId' =", f.Producer.String())
	if !f.EffectiveFrom.IsZero() {
		said("t.body->>'effectiveDate' >=", f.EffectiveFrom.String()) // days are written so that their texts are in order
	}
	if !f.EffectiveTo.IsZero() {
		said("t.body->>'effectiveDate' <=", f.EffectiveTo.String())
	}
	w.created(f)
	if f.Assignee != "" || f.Lane != "" || f.Sanctions != "" {
		w.and("false")
	}
	return list(ctx, r, scanDraft, draftColumns, "submission_draft", "created_at", w, p)
}

// addDraftSQL adds a draft.
const addDraftSQL = `INSERT INTO submission_draft (id, org_id, created_by, body, created_at, updated_at, timer_at) VALUES ($1, $2, $3, $4, $5, $5, $6)`

// AddDraft adds a draft.
func (tx *Tx) AddDraft(ctx context.Context, s submission.Submission) error {
	_, err := run(ctx, tx.Reader, addDraftSQL, s.ID.UUID(), tx.org.UUID(), s.CreatedBy, sheetOf(s), s.CreatedAt, s.DraftEnds())
	return err
}

// saveDraftSQL saves what a draft that is locked says.
const saveDraftSQL = `UPDATE submission_draft t SET body = $3, updated_at = $4, timer_at = $5, version = t.version + 1 WHERE t.org_id = $1 AND t.id = $2`

// SaveDraft saves what a draft says that this transaction locked.
func (tx *Tx) SaveDraft(ctx context.Context, s submission.Submission) error {
	_, err := run(ctx, tx.Reader, saveDraftSQL, tx.org.UUID(), s.ID.UUID(), sheetOf(s), s.UpdatedAt, s.DraftEnds())
	return err
}

// dropDraftSQL forgets a draft.
const dropDraftSQL = `DELETE FROM submission_draft WHERE org_id = $1 AND id = $2`

// DropDraft forgets a draft that this transaction locked.
func (tx *Tx) DropDraft(ctx context.Context, id submission.ID) error {
	n, err := run(ctx, tx.Reader, dropDraftSQL, tx.org.UUID(), id.UUID())
	if err == nil && n == 0 {
		err = fault.ErrNotFound
	}
	return err
}

// dropIdleDraftSQL forgets a draft that nobody has touched for as long.
const dropIdleDraftSQL = dropDraftSQL + ` AND timer_at <= $3`

// DropIdleDraft forgets a draft whose time has run; false when somebody touched
// it, or was faster.
func (tx *Tx) DropIdleDraft(ctx context.Context, id submission.ID, at time.Time) (bool, error) {
	n, err := run(ctx, tx.Reader, dropIdleDraftSQL, tx.org.UUID(), id.UUID(), at)
	return n > 0, err
}
