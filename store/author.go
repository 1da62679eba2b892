package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
)

// Names are what a principal and his organisation are called.
type Names struct{ Own, Org string }

// namesSQL reads the names of a user or key of the organisation; of the system
// only the organisation has one.
const namesSQL = `SELECT coalesce(u.name, k.name, ''), o.name FROM org o
	LEFT JOIN app_user u ON u.org_id = $1 AND u.id = $2
	LEFT JOIN api_key k ON k.org_id = $1 AND k.id = $2
	WHERE o.id = $1`

// Names returns what an actor of the reader's organisation is called there; the
// system has no name of its own.
func (r Reader) Names(ctx context.Context, by access.Actor) (Names, error) {
	return one(ctx, r, pgx.RowToStructByPos[Names], namesSQL, r.org.UUID(), by.UUID())
}
