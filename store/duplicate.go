package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/insurance/submission"
)

// duplicatesSQL finds, for each of some submissions, others of the organisation
// that may be the same business: of the same line, with terms that overlap, and
// with a mark in common. Of each the newest twenty.
const duplicatesSQL = `SELECT m.id, d.id, d.insured_name, d.status, d.effective_date::text, d.producer_id, d.created_at, d.reasons FROM submission m
	CROSS JOIN LATERAL (SELECT t.id, t.insured_name, t.status, t.effective_date, t.producer_id, t.created_at, array_agg(x.reason ORDER BY x.reason) AS reasons FROM (
		(SELECT a.id, 'insured_name' AS reason FROM submission a WHERE a.org_id = $1 AND a.match_name = m.match_name AND a.line_of_business = m.line_of_business
			AND a.effective_date BETWEEN m.effective_date - $3::int AND m.effective_date + $3::int AND a.id <> m.id ORDER BY a.id DESC LIMIT 20)
		UNION ALL (SELECT a.id, 'insured_email' FROM submission a WHERE a.org_id = $1 AND a.match_email = m.match_email AND a.line_of_business = m.line_of_business
			AND a.effective_date BETWEEN m.effective_date - $3::int AND m.effective_date + $3::int AND a.id <> m.id ORDER BY a.id DESC LIMIT 20)
		UNION ALL (SELECT a.id, 'insured_fein' FROM submission a WHERE a.org_id = $1 AND a.match_fein = m.match_fein AND a.line_of_business = m.line_of_business
			AND a.effective_date BETWEEN m.effective_date - $3::int AND m.effective_date + $3::int AND a.id <> m.id ORDER BY a.id DESC LIMIT 20)
		UNION ALL (SELECT a.id, 'insured_address' FROM submission a WHERE a.org_id = $1 AND a.match_address = m.match_address AND a.line_of_business = m.line_of_business
			AND a.effective_date BETWEEN m.effective_date - $3::int AND m.effective_date + $3::int AND a.id <> m.id ORDER BY a.id DESC LIMIT 20)
		) x JOIN submission t ON t.org_id = $1 AND t.id = x.id GROUP BY t.id ORDER BY t.id DESC LIMIT 20) d
	WHERE m.org_id = $1 AND m.id = ANY ($2::uuid[]) ORDER BY m.id, d.id DESC`

// Duplicates finds what may be the same business as some submissions, by their
// ids, newest first. It is for who may read all submissions of the organisation:
// another broker's may be among them.
func (r Reader) Duplicates(ctx context.Context, of ...submission.ID) (map[submission.ID][]submission.Duplicate, error) {
	ids := make([]string, len(of))
	for i, id := range of {
		ids[i] = id.UUID()
	}
	found := map[submission.ID][]submission.Duplicate{}
	_, err := many(ctx, r, func(row pgx.CollectableRow) (submission.ID, error) {
		var of submission.ID
		var d submission.Duplicate
		err := row.Scan(&of, &d.ID, &d.InsuredName, &d.Status, day(&d.EffectiveDate), &d.Producer, &d.CreatedAt, &d.Reasons)
		found[of] = append(found[of], d)
		return of, err
	}, duplicatesSQL, r.org.UUID(), ids, submission.Overlap)
	return found, err
}
